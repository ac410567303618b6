"""Sites that were set up here once: their open days still close, by the rules that held for them last.

In: the sites of the settings, a file. Out: these sites and the former ones. Promises: a site that is removed keeps its
time zone, its goals and its k for the days that were open; the file is whole or as it was before, and where it cannot
be read nothing starts, because looser rules would hold in the place of what it says; it names sites only.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from schema.atomic_file import write_atomically
from schema.site import Site

from .settings import SiteRules

Sites = Sequence[tuple[Site, SiteRules]]


class FormerUnreadable(Exception):
    """What is known of former sites cannot be read; the text says what to do."""


class _Known(Struct, frozen=True):
    """declared: the settings of the last start named it."""

    site: Site
    rules: SiteRules
    declared: bool = True


def with_former(path: Path, declared: Sites) -> list[tuple[Site, SiteRules]]:
    """The declared sites and those that were declared before, which are remembered in the file from now on. Raises
    FormerUnreadable."""
    known = _read(path)
    now = {site.key: _Known(_plain(site), rules) for site, rules in declared}
    then = {key: structs.replace(one, declared=False) for key, one in known.items()}
    if known != {**then, **now}:
        _write(path, {**then, **now})
    return _joined(known, declared)


def looked_up(path: Path, declared: Sites) -> list[tuple[Site, SiteRules]]:
    """The same for who only looks: nothing is written."""
    return _joined(_read(path), declared)


def once_set_up(path: Path, key: str) -> tuple[Site, SiteRules] | None:
    """A site that is or was set up here, as it was last."""
    known = _read(path).get(key)
    return (known.site, known.rules) if known else None


def last_declared(path: Path) -> frozenset[str]:
    """The sites that the settings and flags of the last start named."""
    return frozenset(key for key, one in _read(path).items() if one.declared)


def forget(path: Path, key: str) -> None:
    """Remember a site no longer."""
    known = _read(path)
    if known.pop(key, None):
        _write(path, known)


def _joined(known: dict[str, _Known], declared: Sites) -> list[tuple[Site, SiteRules]]:
    now = {site.key for site, _ in declared}
    return [*declared, *((one.site, one.rules) for key, one in sorted(known.items()) if key not in now)]


def _plain(site: Site) -> Site:
    """Without what is only of the collector's."""
    return Site(**{name: getattr(site, name) for name in Site.__struct_fields__})


def _read(path: Path) -> dict[str, _Known]:
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, _Known])
    except FileNotFoundError:
        return {}
    except (msgspec.MsgspecError, UnicodeDecodeError):
        raise FormerUnreadable(
            f"{path}: cannot be read; restore it from a backup, or delete it: days of former sites then close by the "
            "rules of sites that set nothing"
        ) from None


def _write(path: Path, known: dict[str, _Known]) -> None:
    write_atomically(path, msgspec.json.format(msgspec.json.encode(known)) + b"\n")
