"""Puts together what `footfall plan` tells of a site: its changes, what they do to the raw window, and what stays open.

In: what holds before and after, a window that was read, an empty store in RAM. Out: a `Planned`. Promises: only days
that are released are looked at; numbers are of rows that the pipeline releases there.
"""

from __future__ import annotations

import datetime as dt
import zlib
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

from msgspec import Struct, field

from schema.store import Store

from .cells import COUNTED, Counted, Dimension, Rows, counted_of, dimensions_of, families_of, whole_of
from .changes import (
    ANONYMIZATION,
    FUNNEL,
    GOAL,
    GONE,
    PAIR,
    PROPERTY,
    RELEASE,
    SECTION,
    SEGMENT,
    Change,
    Held,
)
from .groups import Groups, groups_of, kept_less, not_told
from .laid import Laid, new_key
from .past import New, Past, past_of
from .window import TABLES, parts_of

# What one site's window may have: in RAM it is some hundred bytes a row, several times.
MOST_ROWS = 5_000_000
Told = Callable[[str], object]


class Reads(Protocol):
    """Of `Instance` what reads the window."""

    def plan_days(self, site: str, first: str) -> dict[str, Any]: ...
    def plan_rows(self, site: str, named: str, table: str, day: str, nth: int, parts: int) -> bytes: ...


class Window(Struct, frozen=True):
    """Rows that were read: (table, day, compressed text), of a site that is called `key` in them. rows: raw ones by
    released day. open: days with raw rows that are not released."""

    key: str
    rows: dict[dt.date, int]
    open: int
    parts: list[tuple[str, dt.date, bytes]]


class Released(Struct, frozen=True):
    """The window released by what holds now and by what would: days that show the whole site, visitor-days of these,
    each both times; by dimension; groups: the lab's figures of its raw rows, both times."""

    shown_days: tuple[int, int]
    visitor_days: tuple[int, int]
    dimensions: list[Dimension]
    families: list[Rows]
    groups: tuple[Groups | None, Groups | None]


class Planned(Struct, frozen=True):
    """A site. first, last, days: the released days of which raw rows are left. past: what would be added to these, of
    goals, sections, properties, funnels, pairs and segments. released: None where nothing changes what is released.
    counted: of new funnels, properties, pairs, segments and journeys, if they had been there from the start. untold:
    changed settings of which stored rows tell nothing."""

    site: str
    changes: list[Change]
    first: dt.date | None = None
    last: dt.date | None = None
    days: int = 0
    open_days: int = 0
    past: list[Past] = field(default_factory=list)
    released: Released | None = None
    counted: list[Counted] = field(default_factory=list)
    untold: list[str] = field(default_factory=list)


def read(reads: Reads, site: str, first: dt.date, told: Told) -> Window:
    """The raw window of a site from a day on. told: what is done, day by day."""
    found = reads.plan_days(site, first.isoformat())
    rows = {day: count for day, count in found["rows"].items() if day not in found["open"]}
    key, parts = new_key(), []
    if sum(rows.values()) <= MOST_ROWS:
        for day, count in rows.items():
            told(f"reading {site}, {day}")
            parts += [(name, dt.date.fromisoformat(day), text) for name, text in _day(reads, site, key, day, count)]
    days = {dt.date.fromisoformat(day): count for day, count in rows.items()}
    return Window(key, days, len(found["open"]), parts)


def _day(reads: Reads, site: str, key: str, day: str, rows: int) -> Iterator[tuple[str, bytes]]:
    for table in TABLES:
        # Events and visits are read in parts, the others are small.
        for nth in range(parts := parts_of(rows)):
            text = reads.plan_rows(site, key, table, day, nth, parts)
            if text:
                yield table, zlib.compress(text, 1)


def planned(
    store: Store, before: Held, after: Held, changes: Sequence[Change], window: Window, now: float, told: Told
) -> Planned:
    """What the changes would do. store: an empty one, in RAM."""
    days = sorted(window.rows)
    laid = Laid(store, window.key)
    try:
        for table, day, text in window.parts:
            laid.add(table, day, zlib.decompress(text))
        told("adding what is new to released days")
        goals = [one for one in after.site.counted_goals if _is_other(changes, GOAL, one.name)]
        sections = {
            name: definition
            for name, definition in after.site.section_definitions.items()
            if before.site.section_definitions.get(name) != definition
        }
        properties = [name for name in after.site.properties if _is_other(changes, PROPERTY, name)]
        funnels = {name: one for name, one in after.site.funnel_definitions.items() if _is_other(changes, FUNNEL, name)}
        pairs = [pair.name for pair in after.site.crossed if _is_other(changes, PAIR, pair.name)]
        segments = {
            name: one for name, one in after.site.segment_definitions.items() if _is_other(changes, SEGMENT, name)
        }
        past = past_of(laid, after.site, after.rules, New(goals, sections, properties, funnels, pairs, segments), now)
        less = kept_less(before, after)
        told("releasing the days by the settings in force, and by the others")
        released, key = _released(laid, before, after, less) if days and _changes_release(changes) else (None, "")
        counted = [
            counted_of(store, key, one.what, one.name)
            for one in changes
            if key and one.what in COUNTED and one.kind != GONE
        ]
    finally:
        laid.clear()
    first, last = (days[0], days[-1]) if days else (None, None)
    return Planned(
        *(after.site.key, list(changes), first, last, len(days), window.open),
        *(past, released, counted, not_told(changes, less)),
    )


def _is_other(changes: Sequence[Change], what: str, name: str) -> bool:
    return any((one.what, one.name) == (what, name) and one.kind != GONE for one in changes)


def _changes_release(changes: Sequence[Change]) -> bool:
    return any(one.what in (RELEASE, ANONYMIZATION, SECTION, *COUNTED) for one in changes)


def _released(laid: Laid, before: Held, after: Held, less: dict[str, str]) -> tuple[Released, str]:
    """Both releases; what the site is called in the one by what would hold."""
    then, now = laid.released(before, {}), laid.released(after, less)
    shown = [whole_of(laid.store, key) for key in (then, now)]
    groups = (
        groups_of(laid.store, laid.events, laid.key, {}, before.rules.k),
        groups_of(laid.store, laid.events, laid.key, less, after.rules.k),
    )
    (then_days, then_visitors), (now_days, now_visitors) = shown
    told = dimensions_of(laid.store, then, now), families_of(laid.store, then, now)
    return Released((then_days, now_days), (then_visitors, now_visitors), *told, groups), now
