"""Sites that were set up here once: their open days still close, by the rules that held for them last.

In: the sites of the settings, a file. Out: these sites and the former ones. Promises: a site that is removed keeps its
time zone, its goals and its k for the days that were open; the file is whole or as it was before; it names sites only.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from schema.site import Site

from .settings import SiteRules
from .spool_file import fsync_directory

log = structlog.get_logger("sites")

Sites = Sequence[tuple[Site, SiteRules]]


class _Known(Struct, frozen=True):
    site: Site
    rules: SiteRules


def with_former(path: Path, declared: Sites) -> list[tuple[Site, SiteRules]]:
    """The declared sites and those that were declared before, which are remembered in the file from now on."""
    known = _read(path)
    now = {site.key: _Known(_plain(site), rules) for site, rules in declared}
    if any(known.get(key) != one for key, one in now.items()):
        _write(path, {**known, **now})
    return _joined(known, declared)


def looked_up(path: Path, declared: Sites) -> list[tuple[Site, SiteRules]]:
    """The same for who only looks: nothing is written."""
    return _joined(_read(path), declared)


def once_set_up(path: Path, key: str) -> tuple[Site, SiteRules] | None:
    """A site that is or was set up here, as it was last."""
    known = _read(path).get(key)
    return (known.site, known.rules) if known else None


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
        rows = msgspec.json.decode(path.read_bytes(), type=dict[str, msgspec.Raw])
    except FileNotFoundError:
        return {}
    except (msgspec.MsgspecError, UnicodeDecodeError):
        log.warning("former_sites_unreadable", file=path.name)
        return {}
    found = {}
    for key, raw in rows.items():
        try:
            found[key] = msgspec.json.decode(raw, type=_Known)
        except msgspec.MsgspecError:
            log.warning("former_site_unreadable", site=key)
    return found


def _write(path: Path, known: dict[str, _Known]) -> None:
    partial = path.with_suffix(".partial")
    with open(partial, "wb", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        file.write(msgspec.json.format(msgspec.json.encode(known)) + b"\n")
        file.flush()
        os.fsync(file.fileno())
    partial.rename(path)
    fsync_directory(path.parent)
