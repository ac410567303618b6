"""The manifest: a chain of entries per site, each with the digest of the one before; what makes a release readable.

In: what was released or is taken back. Out: rows in `manifest`. Promises: an entry is never changed or removed; the
numbers of a site's entries follow one another, also where an import releases beside the day's close.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import threading
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct, structs

from schema.families import FAMILIES
from schema.manifest import (
    ADDED,
    grain_of,
    grain_of_funnel,
    grain_of_goal,
    grain_of_pairs,
    grain_of_property,
    grain_of_section,
    grain_of_segments,
    knows_goals,
    knows_properties,
    knows_sections,
)
from schema.store import Store

# What an entry says is checked, and its number taken, in one step with writing it.
RELEASING = threading.RLock()
# An entry of this version names the columns that its digest is of, and the goals, sections and properties that were
# counted.
VERSION = "6"
# Those of entries that name none: the first so many of each family, because columns are only ever added behind the
# others (pipeline/copying.py goes by that, too; a test holds which these are).
_OF_VERSION = {
    "1": {"cells": 17, "conversions": 14, "vitals": 14},
    "2": {"cells": 19, "conversions": 14, "vitals": 14},
}


# What entries say that are older than these columns.
_WHERE_OLDER = {
    "columns": {},
    "networks": 0,
    "k_late": 0,
    "late_others": 0,
    "span": 1,
    "days": [],
    "goals": {},
    "bounded": [],
    "funnels": {},
    "sections": {},
    "pairs": [],
    "segments": {},
    "properties": [],
}


class Entry(Struct, frozen=True):
    """A row of `manifest`. columns: by family those that the digest is made of, in their order. networks, k_late,
    late_others: by which rules beside k. span: how many days it is of, from `day` on, or `ADDED`; days: of a block the
    digests of its days' entries. goals: those that were counted, by name their definition; of `ADDED` the one that is
    added to its day. bounded: of a day the figures of the whole site that release.bound has lowered by more than
    5 %. funnels: of a day those that were counted, by name their definition. sections: of a day those that its settings
    named, in their order, by name their definition. properties: of a day the names of those that were counted. Of
    `ADDED` one of funnels, sections and properties is the one that is added. pairs: of a day those whose table was
    counted, by name. segments: of a day those that were counted, by name their definition."""

    site: str
    number: int
    day: dt.date
    released_at: int
    origin: str
    preset: str
    k: int
    complete: bool = True
    over_counted: bool = False
    rows: int = 0
    digest: str = ""
    previous: str = ""
    version: str = VERSION
    columns: dict[str, list[str]] = {}
    networks: int = 0
    k_late: int = 0
    late_others: int = 0
    span: int = 1
    days: list[str] = []
    goals: dict[str, str] = {}
    bounded: list[str] = []
    funnels: dict[str, str] = {}
    sections: dict[str, str] = {}
    pairs: list[str] = []
    segments: dict[str, str] = {}
    properties: list[str] = []

    @property
    def grain(self) -> str:
        """Of the rows of a block, or of what is added to a day; "" of a day."""
        if self.span != ADDED:
            return grain_of(self.origin, self.span)
        if self.pairs:
            return grain_of_pairs(self.pairs)
        if self.segments:
            return grain_of_segments(self.segments)
        if self.properties:
            return grain_of_property(*self.properties)
        for defined, grain in (
            *((self.goals, grain_of_goal), (self.sections, grain_of_section)),
            (self.funnels, grain_of_funnel),
        ):
            for name, definition in defined.items():
                return grain(name, definition)
        raise ValueError(f"{self.site}, entry {self.number}: it adds nothing to its day")

    @property
    def knows_goals(self) -> bool:
        """Whether it is not older than the column."""
        return knows_goals(self.version)

    @property
    def knows_sections(self) -> bool:
        """The same of sections."""
        return knows_sections(self.version)

    @property
    def knows_properties(self) -> bool:
        """The same of properties."""
        return knows_properties(self.version)

    @property
    def patterns(self) -> dict[str, str]:
        """By name of each section its pattern, in order."""
        return {name: json.loads(definition)[0] for name, definition in self.sections.items()}

    def digested(self) -> Mapping[str, Sequence[str]]:
        """By family the columns that the digest is made of. Raises KeyError for a version that nobody knows."""
        first = _OF_VERSION[self.version].items() if not self.columns else ()
        return self.columns or {family: FAMILIES[family].columns[:many] for family, many in first}


COLUMNS = Entry.__struct_fields__
_READ = ", ".join("toUnixTimestamp(released_at)" if name == "released_at" else name for name in COLUMNS)


def read_entries(store: Store, sites: str | Sequence[str], rest: str = "") -> list[Entry]:
    """A site's entries, or those of several, the first one first. rest: SQL after WHERE site = …"""
    rows = store.rows(
        f"SELECT {_READ} FROM manifest WHERE site IN {{sites:Array(String)}} {rest or 'ORDER BY number'}",
        {"sites": [sites] if isinstance(sites, str) else [*sites]},
    )
    return [Entry(*row) for row in rows]


def the_same(each: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Of what days counted, by name its definition, that which was the same on all that had it."""
    found: dict[str, set[str]] = {}
    for definitions in each:
        for name, definition in definitions.items():
            found.setdefault(name, set()).add(definition)
    return {name: different.pop() for name, different in found.items() if len(different) == 1}


def append(store: Store, entries: Sequence[Entry]) -> None:
    """Write entries, each behind the last one of its site, together or not at all. Their `number` and `previous` are
    given here. The caller holds RELEASING."""
    if not entries:
        return
    last = _last_of(store, {entry.site for entry in entries})
    columns: list[list[Any]] = [[] for _ in COLUMNS]
    for entry in entries:
        before = last.get(entry.site)
        number, previous = (before.number, manifest_digest(structs.asdict(before))) if before else (0, "")
        last[entry.site] = structs.replace(entry, number=number + 1, previous=previous)
        for column, value in zip(columns, structs.astuple(last[entry.site]), strict=True):
            column.append(value)
    store.insert("manifest", COLUMNS, columns)


def _last_of(store: Store, sites: Collection[str]) -> dict[str, Entry]:
    """By site its last entry."""
    mine, given = "site IN {sites:Array(String)}", {"sites": sorted(sites)}
    latest = f"SELECT site, max(number) FROM manifest WHERE {mine} GROUP BY site"
    rows = store.rows(f"SELECT {_READ} FROM manifest WHERE {mine} AND (site, number) IN ({latest})", given)
    return {entry.site: entry for entry in (Entry(*row) for row in rows)}


def digest_input(family: str, rows: bytes) -> bytes:
    """What a family's rows of a day, as sorted TSV, give to the day's digest; a family without rows gives nothing."""
    return family.encode() + b"\n" + rows


def manifest_digest(manifest: dict[str, Any]) -> str:
    """SHA-256 of a manifest row: what the next one of its site carries as `previous`."""
    # Rows that are older than the column are digested as they were.
    said = {name: value for name, value in manifest.items() if value != _WHERE_OLDER.get(name, ...)}
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=str).encode()).hexdigest()
