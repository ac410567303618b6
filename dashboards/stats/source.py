"""Where the numbers of a day come from: the released rows if the day is released, else the open ones; and where whole
months are asked for, their sums.

In: a family of rollups, its columns, a condition and a span of days. Out: what to select from, or the open rows
themselves; every day once.
Promises: raw rows are never named here, and every read is bound to a site and to days.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Iterator, Mapping
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import replace

from schema.dimensions import OTHER
from schema.families import FAMILIES, WAITING
from schema.manifest import families_of
from schema.store import Row, Store

Grain = Literal["day", "hour"]
State = Literal["months", "released", "late", "added", "open"]


class Span(Struct, frozen=True):
    """Days of one site, both ends included. released: those to be read one by one from the released rows; covered:
    those that are known otherwise, among them the days of the months whose sums are read, by the versions of these.
    All others are open. include_open: they are read, too; never_open: nor in any part of it. blocks: the blocks within
    them whose rows are added (rule N2), by their first day, how many they are of and the grain of their rows. added:
    the rows of goals, sections and so on that were added to them (rule N6), by day and grain; former, former_sections,
    former_funnels: rows of such that are defined otherwise now, which are left out, by grain, day and name."""

    site: str
    first: dt.date
    last: dt.date
    released: frozenset[dt.date]
    covered: frozenset[dt.date] = frozenset()
    month_versions: tuple[int, ...] = ()
    include_open: bool = True
    never_open: bool = False
    blocks: tuple[tuple[dt.date, int, str], ...] = ()
    added: tuple[tuple[dt.date, str], ...] = ()
    former: tuple[tuple[str, dt.date, str], ...] = ()
    former_sections: tuple[tuple[str, dt.date, str], ...] = ()
    former_funnels: tuple[tuple[str, dt.date, str], ...] = ()

    def part(self, first: dt.date, last: dt.date) -> Span:
        """Some of the days, each read one by one."""
        released = frozenset(day for day in self.released | self.covered if first <= day <= last)
        blocks = tuple(one for one in self.blocks if first <= one[0] and one[0] + dt.timedelta(one[1] - 1) <= last)
        added = tuple(one for one in self.added if first <= one[0] <= last)
        former = {name: tuple(one for one in getattr(self, name) if first <= one[1] <= last) for name in _FORMERS}
        found = Span(self.site, first, last, released, never_open=self.never_open, blocks=blocks, added=added)
        return replace(found, **former)

    def less(self, days: Collection[dt.date], month_versions: tuple[int, ...] = ()) -> Span:
        """The same without some released days. month_versions: of their months, if sums of those are read."""
        return replace(
            self,
            released=self.released.difference(days),
            covered=frozenset(days),
            month_versions=month_versions,
            include_open=True,
        )

    def closed(self) -> Span:
        """The same without the open days."""
        return replace(self, include_open=False)

    def open(self) -> Span:
        """The open days alone."""
        return Span(self.site, self.first, self.last, frozenset(), self._closed, never_open=self.never_open)

    @property
    def has_closed(self) -> bool:
        return bool(self.released or self.month_versions or self.blocks or self.added)

    @property
    def has_open(self) -> bool:
        reads_open = self.include_open and not self.never_open
        return reads_open and len(self.released) + len(self.covered) <= (self.last - self.first).days

    def is_open(self, day: dt.date) -> bool:
        """Whether a day within the span is an open one."""
        return day not in self.released and day not in self.covered

    @property
    def parameters(self) -> dict[str, Any]:
        """What statements over `sources_of` are bound to."""
        bound: dict[str, Any] = {"site": self.site, "first": self.first, "last": self.last}
        if self.month_versions:
            bound |= {"month": self.first.replace(day=1), "made": list(self.month_versions)}
        if self.blocks:
            bound |= {"begins": [day for day, _, _ in self.blocks], "grains": [grain for *_, grain in self.blocks]}
        if self.added:
            bound |= {"added_days": [day for day, _ in self.added], "added_grains": [grain for _, grain in self.added]}
        for kind in _FORMERS:
            if former := getattr(self, kind):
                columns = zip(*former, strict=True)
                bound |= {f"{kind}_{name}": list(values) for name, values in zip(_FORMER, columns, strict=True)}
        return bound | self._among("released", self.released)[1] | self._among("closed", self._closed)[1]

    @property
    def _closed(self) -> frozenset[dt.date]:
        return self.released | self.covered

    def condition(self, state: Literal["released", "open"]) -> str:
        """SQL for the days that are read from the rows of that state."""
        within = "day BETWEEN {first:Date} AND {last:Date}"
        if state == "released":
            return self._among("released", self.released)[0]
        if self.never_open:
            return "false"
        return f"{within} AND NOT ({self._among('closed', self._closed)[0]})" if self._closed else within

    @staticmethod
    def _among(name: str, days: Collection[dt.date]) -> tuple[str, dict[str, Any]]:
        """SQL for a day being among these, and what it is bound to. A run of days is told by its ends: two years of
        dates take a while to send and to read."""
        if not days:
            return "false", {}
        first, last = min(days), max(days)
        if len(days) == (last - first).days + 1:
            ends = {f"{name}_first": first, f"{name}_last": last}
            return f"day BETWEEN {{{name}_first:Date}} AND {{{name}_last:Date}}", ends
        return f"day IN {{{name}:Array(Date)}}", {name: sorted(days)}


_FORMER = ("grains", "days", "names")
_FORMERS = ("former", "former_sections", "former_funnels")


def sources_of(family: str, condition: str, of_months: str, span: Span, *grains: Grain) -> dict[State, str]:
    """What to write after FROM, up to GROUP BY, by which state the rows are in. A table that can hold nothing of the
    span is not named. by_dimension: no crossed rows. of_months: the condition for sums of months and for blocks, which
    have no day."""
    grained = " OR ".join(f"grain = '{grain}'" for grain in grains)
    where = f"WHERE site = {{site:String}} AND ({grained}) AND by_dimension = '' AND ({condition})"
    sources: dict[State, str] = {}
    if span.blocks and family in WAITING and family != "cells":
        # What has left the folded rows of these with a block is told of cells only.
        condition, of_months = (f"({one}) AND value != '{OTHER}'" for one in (condition, of_months))
        where = f"WHERE site = {{site:String}} AND ({grained}) AND by_dimension = '' AND ({condition})"
    beside = of_months
    for less in _without_former(family, span):
        condition, beside = f"({condition}) AND {less}", f"({beside}) AND {less}"
        where = f"WHERE site = {{site:String}} AND ({grained}) AND by_dimension = '' AND ({condition})"
    if span.month_versions:
        # Months whose making is named begin within the span; the bound is for the primary key.
        bound = "site = {site:String} AND month BETWEEN {month:Date} AND {last:Date} AND made IN {made:Array(UInt64)}"
        sources["months"] = f"months_{family} WHERE {bound} AND ({of_months})"
    if span.released:
        sources["released"] = f"released_{family} {where} AND {span.condition('released')}"
    if span.blocks and family in WAITING:
        among = "(grain, day) IN arrayZip({grains:Array(String)}, {begins:Array(Date)})"
        sources["late"] = f"late_{family} WHERE site = {{site:String}} AND by_dimension = '' AND ({beside}) AND {among}"
    if any(family in families_of(grain) for _, grain in span.added):
        among = "(grain, day) IN arrayZip({added_grains:Array(String)}, {added_days:Array(Date)})"
        sources["added"] = (
            f"late_{family} WHERE site = {{site:String}} AND by_dimension = '' AND ({beside}) AND {among}"
        )
    if span.has_open:
        sources["open"] = f"open_{family} {where} AND {span.condition('open')}"
    return sources


def _without_former(family: str, span: Span) -> Iterator[str]:
    """SQL for rows not being of what is defined otherwise now."""
    for kind in _FORMERS:
        former = getattr(span, kind)
        columns = (("grains", "String"), ("days", "Date"), ("names", "String"))
        names = ", ".join(f"{{{kind}_{name}:Array({type_})}}" for name, type_ in columns)
        if former and kind == "former" and "goal" in FAMILIES[family].key_names:
            yield f"(toString(grain), day, toString(goal)) NOT IN arrayZip({names})"
        if former and kind == "former_funnels" and family == "funnels":
            yield f"(toString(grain), day, toString(funnel)) NOT IN arrayZip({names})"
        if former and kind == "former_sections" and "section" in FAMILIES[family].dimensions:
            yield f"NOT (dimension = 'section' AND (toString(grain), day, value) IN arrayZip({names}))"


def open_rows(
    store: Store,
    family: str,
    columns: str,
    span: Span,
    most: int,
    condition: str = "true",
    bound: Mapping[str, Any] | None = None,
) -> list[Row] | None:
    """The open rows of the span that meet the condition as they are, each with its day and grain in front; None where
    there are that many or more. Planning a statement takes the longer the more it is to do, so what a few rows can be
    asked here is not asked there: as everywhere there are no crossed rows, and none of a released day."""
    found = store.rows(
        f"SELECT by_dimension, day, grain, {columns} FROM open_{family} "
        f"PREWHERE site = {{site:String}} AND day BETWEEN {{first:Date}} AND {{last:Date}} AND ({condition}) "
        "LIMIT {most:UInt32}",
        {"site": span.site, "first": span.first, "last": span.last, "most": most, **(bound or {})},
        **store.brief,
    )
    if len(found) >= most:
        return None
    return [row[1:] for row in found if not row[0] and span.is_open(row[1])]
