"""Paths of the settings, absolute: what is relative means another file to a process that was started elsewhere.

In: settings as they were written. Out: the same for processes of any directory: children, and commands that ask a
running house for its settings.
"""

from __future__ import annotations

from pathlib import Path

from msgspec import structs

from .settings import Settings


def with_absolute_paths(settings: Settings) -> Settings:
    """The settings, every path in them seen from the directory of this process."""
    found, keys = settings.collector, settings.keys
    return structs.replace(
        settings,
        data=str(settings.directory),
        keys=structs.replace(keys, directory=_absolute(keys.directory)),
        collector=structs.replace(
            found, place_database=_absolute(found.place_database), asn_database=_absolute(found.asn_database)
        ),
    )


def _absolute(path: str) -> str:
    return str(Path(path).absolute()) if path else ""
