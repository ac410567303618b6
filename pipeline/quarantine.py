"""Quarantine: the single events that ClickHouse refuses for good, kept until their lifetime ends.

In: one event as stored in a spool file. Out: one small file per event, named by file and place.
Promises: an event is on disk here before its spool file is deleted; it dies no later than its row would have.
"""

from __future__ import annotations

import os
from collections.abc import Container
from pathlib import Path
from typing import Any

import msgspec

from schema.event import Event

from .spool import fsync_directory

_LIFETIME = Event.__struct_fields__.index("lifetime")
_WHOSE = tuple(Event.__struct_fields__.index(name) for name in ("site", "day", "visitor"))
_RECEIVED = Event.__struct_fields__.index("received")
DAY_S = 86_400
# The least that a retention can be set to (pipeline/settings.py).
SHORTEST_DAYS = 2


class Quarantine:
    """A directory of refused events."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)

    def put(self, name: str, row: list[Any]) -> None:
        """Keep one event, durably. Putting it again changes nothing."""
        path = self.directory / f"{name}.event"
        partial = path.with_suffix(".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.msgpack.encode(row))
            file.flush()
            os.fsync(descriptor)
        partial.rename(path)
        fsync_directory(self.directory)

    def __len__(self) -> int:
        return sum(1 for _ in self.directory.glob("*.event"))

    def expire(self, now: float) -> int:
        """Delete what has outlived its lifetime; how many."""
        expired = 0
        for path in self.directory.glob("*.event"):
            if _dies_at(path) <= now:
                path.unlink()
                expired += 1
        return expired

    def forget(self, visitors: Container[tuple[str, int, int]]) -> int:
        """Delete the events of visitors given as (site, day, visitor); how many."""
        forgotten = 0
        for path in self.directory.glob("*.event"):
            try:
                row = msgspec.msgpack.decode(path.read_bytes())
                whose = tuple(row[place] for place in _WHOSE)
                mine = whose in visitors
            except (msgspec.MsgspecError, UnicodeDecodeError, TypeError, IndexError, KeyError):
                continue  # what cannot be read names nobody, and dies with its lifetime
            if mine:
                path.unlink()
                forgotten += 1
        return forgotten


def _dies_at(path: Path) -> float:
    """When an event's lifetime ends. What was refused may be just that: then the shortest lifetime holds."""
    try:
        row = msgspec.msgpack.decode(path.read_bytes())
        return (int(row[_RECEIVED]) // DAY_S + int(row[_LIFETIME])) * DAY_S
    except (msgspec.MsgspecError, UnicodeDecodeError, ValueError, TypeError, IndexError, KeyError, OverflowError):
        return path.stat().st_mtime // DAY_S * DAY_S + SHORTEST_DAYS * DAY_S
