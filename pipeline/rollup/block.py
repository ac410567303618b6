"""Blocks as a batch: the days of them that wait, and of which families something does.

In: blocks, each with its site, its days and its rules; none has a day that another one has, nor site and first day in
common with another. Out: `Blocks`, and SQL for what waits of them. Promises: the number of statements does not depend
on how many blocks there are; what weeks within a block have released is not among what waits.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

from msgspec import Struct, structs

from schema.families import FAMILIES, WAITING
from schema.manifest import WEEK
from schema.site import Site
from schema.store import Store

from ..settings import SiteRules
from .batch import Batch, SiteDay

# When the block begins, and the week within it that a row's day is in.
_FIRST = "{dates:Array(Date)}[d + 1]"
WEEK_OF_DAY = f"toDate({_FIRST} + intDiv(day - {_FIRST}, {WEEK}) * {WEEK})"


class Block(Struct, frozen=True):
    """Days whose hidden values are released together. first, span: as of `Due`. days: those of it that were released,
    in order. grain: of its rows; week: of those of weeks within it. rules: the strictest of its days. changed,
    changed_sections: goals and sections that were not the same on all of them. lacking: by family how many of the days
    are older."""

    site: Site
    first: dt.date
    span: int
    days: tuple[dt.date, ...]
    grain: str
    week: str
    rules: SiteRules
    changed: tuple[str, ...] = ()
    changed_sections: frozenset[str] = frozenset()
    lacking: Mapping[str, int] = {}

    @property
    def weeks(self) -> list[dt.date]:
        """The first days of weeks within it."""
        return [] if self.span == WEEK else [self.first + dt.timedelta(day) for day in range(0, self.span, WEEK)]

    def week_of(self, day: dt.date) -> dt.date:
        """The first day of the week within it that a day is in."""
        return self.first + (day - self.first).days // WEEK * dt.timedelta(WEEK)


class Blocks(Batch, frozen=True, dict=True):
    """A batch of the first days of blocks."""

    each: tuple[Block, ...] = ()

    @cached_property
    def waiting(self) -> tuple[str, ...]:
        """The families of which something waits: that tells what there is to release, not what is declared now."""
        some = (f"(SELECT '{family}' FROM waiting_{family} WHERE {self.waits} LIMIT 1)" for family in WAITING)
        found = {family for (family,) in self.store.rows(" UNION ALL ".join(some), self.named)}
        return tuple(family for family in WAITING if family in found)

    @property
    def waits(self) -> str:
        """SQL that holds for rows of days of the blocks, of a table with the columns site and day."""
        if self.alone:
            return "site = {sites:Array(String)}[1] AND day IN {waits:Array(Date)}"
        return "(site, day) IN arrayZip({wait_sites:Array(String)}, {waits:Array(Date)})"

    @property
    def which_waits(self) -> str:
        """SQL for the `d` of such a row."""
        return "toUInt16(0)" if self.alone else _place(("wait_sites", "waits"), "wait_of", "site, day")

    @property
    def told(self) -> str:
        """SQL that holds for rows of the blocks, of a table with site, grain and day; their `d` is `which`."""
        if self.alone:
            return f"{self.mine} AND grain = {{grains:Array(String)}}[1]"
        return "(site, grain, day) IN arrayZip({sites:Array(String)}, {grains:Array(String)}, {dates:Array(Date)})"

    @property
    def of_weeks(self) -> str:
        """SQL that holds for rows of weeks within the blocks."""
        if self.alone:
            grain, days = "{weeks:Array(String)}[1]", "{week_days:Array(Date)}"
            return f"site = {{sites:Array(String)}}[1] AND grain = {grain} AND day IN {days}"
        named = "{week_sites:Array(String)}, {week_grains:Array(String)}, {week_days:Array(Date)}"
        return f"(site, grain, day) IN arrayZip({named})"

    @property
    def which_week(self) -> str:
        """SQL for the `d` of such a row."""
        named = ("week_sites", "week_grains", "week_days")
        return "toUInt16(0)" if self.alone else _place(named, "week_of", "site, grain, day")

    @property
    def have_weeks(self) -> bool:
        """Whether weeks within them may have released something before."""
        return any(block.weeks for block in self.each)

    def binding(self) -> dict[str, Any]:
        days = [(d, block.site.key, day) for d, block in enumerate(self.each) for day in block.days]
        weeks = [(d, block.site.key, block.week, day) for d, block in enumerate(self.each) for day in block.weeks]
        # What is released is enough already; which of it has been chosen (`shown`) is asked all the same: with a k of 1
        # that would be everything.
        enough = {"ks": [2] * len(self.each), "least_networks": [0] * len(self.each)}
        return {
            **super().binding(),
            **enough,
            **_columns(("wait_of", "wait_sites", "waits"), days),
            **_columns(("week_of", "week_sites", "week_grains", "week_days"), weeks),
            "grains": [block.grain for block in self.each],
            "weeks": [block.week for block in self.each],
            "changed": [list(block.changed) for block in self.each],
        }


def batch_of(store: Store, each: Sequence[Block]) -> Blocks:
    """Blocks that are released by the same statements."""
    days = (SiteDay(block.site, block.first, structs.replace(block.rules, k=2, networks=1)) for block in each)
    return Blocks(store, tuple(days), secrets.token_hex(8), each=tuple(each))


def remaining(of: Blocks, family: str) -> str:
    """SQL from FROM on for what waits and no week within its block has released, each row with its `d`."""
    rows = f"(SELECT *, {of.which_waits} AS d FROM waiting_{family} WHERE {of.waits})"
    holds = ["true"]
    if family == "conversions":
        holds.append("NOT has({changed:Array(Array(String))}[d + 1], toString(goal))")
    if of.have_weeks:
        keys = ", ".join(("dimension", "value", *FAMILIES[family].cell_keys))
        told = f"SELECT {of.which_week}, day, {keys} FROM late_{family} WHERE {of.of_weeks}"
        holds.append(f"(d, {WEEK_OF_DAY}, {keys}) NOT IN ({told})")
    return f"FROM {rows} WHERE {' AND '.join(holds)}"


def _place(columns: Sequence[str], places: str, named: str) -> str:
    """SQL for which place a row has in columns of the batch. named: its own, in their order."""
    kinds = {"waits": "Date", "week_days": "Date"}
    bound = ", ".join(f"{{{name}:Array({kinds.get(name, 'String')})}}" for name in columns)
    each = ", ".join(name[0] for name in named.split(", "))
    hashes = f"arrayMap(({each}) -> cityHash64({each}), {bound})"
    return f"transform(cityHash64({named}), {hashes}, {{{places}:Array(UInt16)}}, toUInt16(65535))"


def _columns(names: Sequence[str], rows: Sequence[tuple[object, ...]]) -> dict[str, list[object]]:
    return dict(zip(names, map(list, zip(*rows, strict=True)), strict=True)) if rows else {name: [] for name in names}
