"""The manifest of one site, as the dashboards read it: one entry a released day or block, or what was added to a day.

In: a store, a site. Out: `Entry`s. Promises: all there are, in no order.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

from msgspec.json import decode

from schema.goal import goal_of
from schema.manifest import (
    ADDED,
    grain_of,
    grain_of_funnel,
    grain_of_goal,
    grain_of_property,
    grain_of_section,
    is_of_log,
    standing,
    standing_blocks,
)
from schema.months import MARK
from schema.pairs import PAIR_GOALS
from schema.segments import SEGMENT_GOALS
from schema.store import Store


class Entry(NamedTuple):
    """Maps and lists of some kinds are JSON here: a client takes longer to make one of each row than of the few that
    there are. mark: what tells this release from others. counts_…_goals: whether goals within them were counted."""

    day: dt.date
    k: int
    rows: int
    complete: bool
    over_counted: bool
    mark: int
    number: int
    origin: str
    span: int
    version: str
    goals_json: str
    bounded: Sequence[str]
    funnels_json: str
    sections_json: str
    pairs_json: str
    segments_json: str
    properties: Sequence[str]
    counts_segment_goals: bool
    counts_pair_goals: bool

    @property
    def goals(self) -> Mapping[str, str]:
        """By name their definition, as of the others."""
        return _definitions(self.goals_json)

    @property
    def counted_goals(self) -> Mapping[str, str]:
        """Those that its day counted: of a log those alone that page views tell of."""
        goals = self.goals
        if not is_of_log(self.origin):
            return goals
        return {name: definition for name, definition in goals.items() if goal_of(name, definition).is_of_pages}

    @property
    def funnels(self) -> Mapping[str, str]:
        return _definitions(self.funnels_json)

    @property
    def sections(self) -> Mapping[str, str]:
        return _definitions(self.sections_json)

    @property
    def segments(self) -> Mapping[str, str]:
        return _definitions(self.segments_json)

    @property
    def pairs(self) -> tuple[str, ...]:
        return _names(self.pairs_json)

    @property
    def grain(self) -> str:
        """Of the rows that an entry beside days makes readable; not of added pairs and segments, which are of many."""
        if self.span != ADDED:
            return grain_of(self.origin, self.span)
        if self.properties:
            return grain_of_property(*self.properties)
        for things, grain in ((self.funnels, grain_of_funnel), (self.sections, grain_of_section)):
            for one in things.items():
                return grain(*one)
        return grain_of_goal(*next(iter(self.goals.items())))


_COLUMNS = f"""day, k, rows, complete, over_counted, {MARK}, number, origin, span, version,
    toJSONString(goals), bounded, toJSONString(funnels), toJSONString(sections), toJSONString(pairs),
    toJSONString(segments), properties,
    mapContains(columns, '{SEGMENT_GOALS.name}'), mapContains(columns, '{PAIR_GOALS.name}')"""
_PLACE = Entry._fields.index


def read_entries(store: Store, site: str) -> list[Entry]:
    """Those of all days: the engine plans an aggregate for longer than it takes to read some years,
    and for a sixth longer where it has to find out by itself what is looked at first."""
    rows = store.rows(f"SELECT {_COLUMNS} FROM manifest PREWHERE site = {{site:String}}", {"site": site}, **store.brief)
    return [Entry(*row) for row in rows]


def of_days(entries: list[Entry]) -> list[Entry]:
    """Those of days that hold."""
    days = [entry for entry in entries if entry.span == 1]
    return standing(days, day=_PLACE("day"), number=_PLACE("number"), origin=_PLACE("origin"))


def of_blocks(entries: list[Entry]) -> list[Entry]:
    """Those of blocks that hold and have rows."""
    found = standing_blocks(entries, origin=_PLACE("origin"), span=_PLACE("span"))
    return [entry for entry in found if entry.rows]


def of_added(entries: list[Entry]) -> list[Entry]:
    """Those of what was added to days. One that has no rows because those of its day are gone has counted nothing."""
    return [entry for entry in entries if entry.span == ADDED and (entry.rows or entry.complete)]


@lru_cache(maxsize=256)
def _definitions(text: str) -> Mapping[str, str]:
    return decode(text, type=dict[str, str])


@lru_cache(maxsize=256)
def _names(text: str) -> tuple[str, ...]:
    return decode(text, type=tuple[str, ...])
