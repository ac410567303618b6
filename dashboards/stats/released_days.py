"""Which days of a period are released, which of them are too small to show, and what each counted.

In: a site, its manifest and days. Out: `Released`. Promises: a day is called suppressed only if its manifest says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from schema.manifest import (
    ADDED,
    grain_of_funnel,
    grain_of_pairs,
    grain_of_property,
    grain_of_section,
    grain_of_segments,
    is_import,
    knows_goals,
    knows_properties,
    knows_sections,
)
from schema.site import Site

from .entries import Entry, of_added, of_blocks, of_days
from .goal_days import Beside, GoalDays, goal_days, of_block
from .months import Month, mark_of
from .released import Released
from .source import Span

Months = Callable[[Iterable[tuple[dt.date, int, int]]], tuple[Month, ...]]


def released_days(
    entries: list[Entry],
    site: Site,
    first: dt.date,
    last: dt.date,
    k: int,
    start: dt.date,
    back: dt.date | None = None,
    months: Months = lambda _: (),
) -> Released:
    """What the manifest says of the days; k is that of days it does not hold. entries: all of the site. start: where
    the span begins; back: as far as there are released days. months: those of such releases
    (dashboards/stats/months.py)."""
    known = _Known(site, first, last, entries)
    if back and known.days:
        start = min(start, max(back, known.days[0].day))
    spanned = [entry for entry in known.days if start <= entry.day <= last]
    inside = [entry for entry in spanned if first <= entry.day]
    within = known.span.part(first, last)
    released = frozenset(entry.day for entry in spanned)
    releases = [(entry.day, entry.rows, entry.mark) for entry in known.days]
    return Released(
        k=max((entry.k for entry in inside), default=0) or k,
        # Those before are compared day by day.
        span=replace(within, first=start, released=released),
        wide=replace(known.span.part(start, last), released=released),
        since=known.days[0].day if known.days else None,
        through=known.days[-1].day if known.days else None,
        suppressed=tuple(entry.day for entry in inside if not entry.rows),
        partial=tuple(entry.day for entry in inside if not entry.complete),
        over_counted=tuple(entry.day for entry in inside if entry.over_counted),
        imported=tuple(entry.day for entry in inside if is_import(entry.origin)),
        mark=mark_of(release for release in releases if start <= release[0] <= last),
        # Their sums have the rows of sections as they were defined before in them.
        months=() if within.former_sections else months(releases),
        small=frozenset(entry.day for entry in spanned if not entry.rows),
        odd=frozenset(entry.day for entry in spanned if not entry.complete or entry.over_counted),
        networks=site.release_networks or 1,
        cuts_blocks=known.cuts_blocks,
        goals=known.goals,
        sections=known.sections,
        properties=known.properties,
        bounded=tuple(entry.day for entry in inside if entry.bounded),
        lowered=tuple(sorted({what for entry in inside for what in entry.bounded})),
        goal_names=tuple(site.goal_definitions),
        section_patterns=site.section_patterns,
        **_of_funnels(known, inside),
        **_of_pairs(known, inside),
        **_of_segments(known, spanned, start),
    )


class _Known(Struct, dict=True):
    """What the manifest has of a site, for the days from first to last."""

    site: Site
    first: dt.date
    last: dt.date
    entries: list[Entry]

    @cached_property
    def days(self) -> list[Entry]:
        """Each released day, in their order."""
        return sorted(of_days(self.entries))

    @cached_property
    def blocks(self) -> list[Entry]:
        return of_blocks(self.entries)

    @cached_property
    def added(self) -> list[Entry]:
        return of_added(self.entries)

    @cached_property
    def goals(self) -> GoalDays:
        """Which days counted which goals."""
        days = {entry.day: entry.counted_goals if knows_goals(entry.version) else None for entry in self.days}
        beside = [_beside(entry, entry.goals) for entry in (*self.blocks, *(one for one in self.added if one.goals))]
        return goal_days(days, beside, self.site.goal_definitions)

    @cached_property
    def sections(self) -> GoalDays:
        """The same of sections."""
        declared = self.site.section_definitions
        days = {entry.day: entry.sections if knows_sections(entry.version) else None for entry in self.days}
        beside = [_beside(entry, entry.sections) for entry in self.added if entry.sections]
        if declared or any(days.values()) or beside:
            for entry in self.blocks:
                its_days = (days.get(entry.day + dt.timedelta(number)) for number in range(entry.span))
                beside.append(_beside(entry, of_block(its_days)))
        return goal_days(days, beside, declared, grain_of_section)

    @cached_property
    def properties(self) -> GoalDays:
        """The same of properties, which have no other definition than their name."""
        days = {
            entry.day: dict.fromkeys(entry.properties, "") if knows_properties(entry.version) else None
            for entry in self.days
        }
        beside = [_beside(entry, dict.fromkeys(entry.properties, "")) for entry in self.added if entry.properties]
        declared = dict.fromkeys(self.site.properties, "")
        return goal_days(days, beside, declared, lambda name, _: grain_of_property(name))

    @cached_property
    def funnels(self) -> GoalDays:
        """The same of funnels. Days of before there were any counted none."""
        beside = [_beside(entry, entry.funnels) for entry in self.added if entry.funnels]
        days = {entry.day: entry.funnels for entry in self.days}
        return goal_days(days, beside, self.site.funnel_definitions, grain_of_funnel)

    @cached_property
    def span(self) -> Span:
        """The days, with all that was released beside days at any time."""
        return Span(
            self.site.key,
            self.first,
            self.last,
            frozenset(),
            blocks=tuple(sorted((entry.day, entry.span, entry.grain) for entry in self.blocks)),
            added=(*self.goals.added, *self.sections.added, *self.properties.added, *self.funnels.added),
            former=self.goals.former,
            former_sections=self.sections.former,
            former_funnels=self.funnels.former,
        )

    @property
    def cuts_blocks(self) -> bool:
        """Whether some days of a block are among these, and others are not."""
        blocks = ((day, day + dt.timedelta(many)) for day, many, _ in self.span.blocks)
        return any(day <= self.last and self.first < end and not self._has(day, end) for day, end in blocks)

    def _has(self, day: dt.date, end: dt.date) -> bool:
        return self.first <= day and end <= self.last + dt.timedelta(1)


def _beside(entry: Entry, definitions: Mapping[str, str]) -> Beside:
    return Beside(entry.day, entry.grain, entry.rows, definitions)


def _of_funnels(known: _Known, inside: list[Entry]) -> dict[str, Any]:
    """Those of the site, and by day those that it counted, or that were added to it as they are defined now."""
    defined = known.site.funnel_definitions
    days = {entry.day: {**entry.funnels} for entry in inside}
    for entry in known.added:
        if entry.day in days:
            its = entry.funnels.items()
            days[entry.day] |= {name: definition for name, definition in its if defined.get(name) == definition}
    return {"funnels": tuple((one, defined[one.name]) for one in known.site.funnels), "funnel_days": days}


def _of_pairs(known: _Known, inside: list[Entry]) -> dict[str, Any]:
    """By day the pairs that it counted, or that were added to it, and the grains of these."""
    added = [entry for entry in known.added if known.first <= entry.day <= known.last and entry.pairs]
    days = {entry.day: frozenset(entry.pairs) for entry in inside}
    for entry in added:
        days[entry.day] = days.get(entry.day, frozenset()) | frozenset(entry.pairs)
    return {
        "pair_days": days,
        "pair_grains": tuple(sorted((entry.day, grain_of_pairs(entry.pairs)) for entry in added)),
        "pair_goals_on": frozenset(entry.day for entry in inside if entry.counts_pair_goals),
    }


def _goals_before(known: _Known, entry: Entry) -> dict[str, str]:
    """What goals were by their names on the day of an entry, when that was made: of each the last definition."""
    [of_day] = [one for one in known.days if one.day == entry.day] or [entry]
    added = (one for one in known.entries if (one.span, one.day) == (ADDED, entry.day) and one.number < entry.number)
    goals = {**of_day.goals}
    for one in sorted(added, key=lambda one: one.number):
        goals |= one.goals
    return goals


def _of_segments(known: _Known, spanned: list[Entry], start: dt.date) -> dict[str, Any]:
    """By day the segments that it counted, and from the first of the span on what was added of such."""
    within = {
        (entry.day, grain_of_segments(entry.segments)): _goals_before(known, entry)
        for entry in known.added
        if start <= entry.day <= known.last and entry.segments and entry.counts_segment_goals
    }
    now = known.site.goal_definitions
    return {
        "segments": known.site.segment_definitions,
        "segment_days": {entry.day: entry.segments for entry in spanned if known.first <= entry.day},
        "segment_days_before": {entry.day: entry.segments for entry in spanned if entry.day < known.first},
        "segment_goals_on": frozenset(entry.day for entry in spanned if entry.counts_segment_goals),
        "segment_goals_added": {
            key: frozenset(name for name, definition in goals.items() if now.get(name) == definition)
            for key, goals in within.items()
        },
        "segment_goals_former": tuple(
            (grain, day, name)
            for (day, grain), goals in within.items()
            for name, definition in goals.items()
            if now.get(name, definition) != definition
        ),
        "segment_grains": tuple(
            (entry.day, grain_of_segments(entry.segments), entry.segments)
            for entry in sorted(known.added)
            if start <= entry.day <= known.last and entry.segments
        ),
    }
