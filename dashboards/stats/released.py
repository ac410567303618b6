"""Which days of a period are released, and which of them are too small to show.

In: a site and days. Out: `Released`. Promises: a day is called suppressed only if its manifest says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache

from msgspec import Struct
from msgspec.json import decode
from msgspec.structs import replace

from schema.funnel import Funnel
from schema.goal import goal_of
from schema.manifest import (
    ADDED,
    grain_of,
    grain_of_funnel,
    grain_of_goal,
    grain_of_pairs,
    grain_of_property,
    grain_of_section,
    grain_of_segments,
    is_import,
    is_of_log,
    knows_goals,
    knows_properties,
    knows_sections,
    standing,
    standing_blocks,
)
from schema.months import MARK
from schema.pairs import PAIR_GOALS
from schema.segments import SEGMENT_GOALS
from schema.store import Row, Store

from .certainty import Sureness
from .goal_days import Beside, GoalDays, goal_days, of_block
from .months import Month, mark_of
from .source import Span


class Released(Struct, frozen=True):
    """k: the largest fold threshold among the days. networks: of how many networks the visitors have to be, by the
    settings of now. suppressed: days of fewer than k people. partial: days whose
    raw rows were about to expire before everything had arrived. over_counted: days on which a key was lost.
    imported: days that were.
    since, through: the first and the last day of the site that is released at all. span: the days, and those before
    them that were asked for; wide: the same with what was added to those before. mark: which releases those are.
    months: those that the days touch and whose sums may be taken. small, odd: of all days of the span those of
    fewer than k people, and those that are partial or over-counted. cuts_blocks: whether rows were released with a
    week or four weeks of which only some days are within the period, so that they are not in it (rule N2). goals,
    sections, properties: which days counted which. bounded: days on which release.bound has lowered a figure of the
    whole site by more than 5 %; lowered: which figures. funnels: those that the site has now, each with its
    definition; funnel_days: by released day of the period those that it counted, by name their definition;
    pair_days, segment_days: the same of pairs and segments; segment_days_before: of the days before. pair_grains:
    rows of pairs that were added to days of the period, by day and grain; segment_grains: the same of segments, of all
    days, with what each is of. segment_goals_on: the released days that counted the goals within their segments;
    pair_goals_on: within their pairs. goal_names: the goals that the site has now. segments: those that the site has
    now, by name their definition; section_patterns: its sections, by name the pattern of their pages."""

    k: int
    span: Span
    since: dt.date | None = None
    through: dt.date | None = None
    suppressed: tuple[dt.date, ...] = ()
    partial: tuple[dt.date, ...] = ()
    over_counted: tuple[dt.date, ...] = ()
    imported: tuple[dt.date, ...] = ()
    mark: int = 0
    months: tuple[Month, ...] = ()
    small: frozenset[dt.date] = frozenset()
    odd: frozenset[dt.date] = frozenset()
    networks: int = 1
    cuts_blocks: bool = False
    goals: GoalDays = GoalDays()
    sections: GoalDays = GoalDays()
    properties: GoalDays = GoalDays()
    bounded: tuple[dt.date, ...] = ()
    lowered: tuple[str, ...] = ()
    funnels: tuple[tuple[Funnel, str], ...] = ()
    funnel_days: Mapping[dt.date, Mapping[str, str]] = {}
    pair_days: Mapping[dt.date, frozenset[str]] = {}
    segments: Mapping[str, str] = {}
    section_patterns: Mapping[str, str] = {}
    segment_days: Mapping[dt.date, Mapping[str, str]] = {}
    segment_days_before: Mapping[dt.date, Mapping[str, str]] = {}
    pair_grains: tuple[tuple[dt.date, str], ...] = ()
    segment_grains: tuple[tuple[dt.date, str, Mapping[str, str]], ...] = ()
    segment_goals_on: frozenset[dt.date] = frozenset()
    pair_goals_on: frozenset[dt.date] = frozenset()
    goal_names: tuple[str, ...] = ()
    wide: Span | None = None

    @property
    def sure(self) -> Sureness:
        """What there is to know of every number of the days."""
        incomplete, over_counted, bounded = bool(self.partial), bool(self.over_counted), bool(self.bounded)
        return Sureness(incomplete, over_counted, bounded, bool(self.imported), self.cuts_blocks)

    def sure_of(self, day: dt.date) -> Sureness:
        """The same of one of them."""
        return Sureness(*(day in days for days in (self.partial, self.over_counted, self.bounded, self.imported)))

    @property
    def enough(self) -> str:
        """Who have to be, so that something is shown, as words."""
        return enough(self.k, self.networks)


def enough(k: int, networks: int) -> str:
    """The same of a threshold (rules R3 and N4)."""
    return f"{k} visitors from {min(k, networks)} networks" if min(k, networks) > 1 else f"{k} visitors"


def enough_for_a_day(k: int, networks: int) -> str:
    """The same of a day, also while it goes on (rule N7): its first snapshot is shown with its second one."""
    return f"{enough(k, networks)} on, while it goes on from twice as many, at full quarter hours"


def released_days(
    store: Store,
    site: str,
    first: dt.date,
    last: dt.date,
    k: int,
    before: dt.date | None = None,
    months: Callable[[Iterable[tuple[dt.date, int, int]]], tuple[Month, ...]] | None = None,
    declared: Mapping[str, str] | None = None,
    sections: Mapping[str, str] | None = None,
    properties: Iterable[str] = (),
    funnels: Mapping[str, str] | None = None,
    back: dt.date | None = None,
) -> Released:
    """What the manifest says of the days; k is that of days it does not hold. before: where the span begins, if not
    with the first day. months: those of such releases (dashboards/stats/months.py). declared, sections: by goal and
    by section its definition now. properties: those that are counted now. funnels: by funnel
    its definition now. back: where the span begins, as far as there are released days."""
    # Plain rows of all days there are: the engine plans an aggregate for longer than it takes to read some years.
    entries = store.rows(
        f"""SELECT day, k, rows, complete, over_counted, {MARK}, number, origin, span, version,
            toJSONString(goals), bounded, toJSONString(funnels),
            toJSONString(sections), toJSONString(pairs), toJSONString(segments), properties,
            mapContains(columns, '{SEGMENT_GOALS.name}'), mapContains(columns, '{PAIR_GOALS.name}')
        FROM manifest WHERE site = {{site:String}}""",
        {"site": site},
        **store.brief,
    )
    found = standing([row for row in entries if row[8] == 1], day=0, number=6, origin=7)
    blocks = [row for row in standing_blocks(entries, origin=7, span=8) if row[2]]
    days = sorted(row[0] for row in found)
    start = min([before or first, *([max(back, days[0])] if back and days else [])])
    # One that has no rows because those of its day are gone has counted nothing.
    added = [row for row in entries if row[8] == ADDED and (row[2] or row[3])]
    goals = goal_days(
        {row[0]: _counted(row) if knows_goals(row[9]) else None for row in found},
        [
            Beside(row[0], _grain(row), row[2], _definitions(row[10]))
            for row in (*blocks, *(row for row in added if _definitions(row[10])))
        ],
        declared or {},
    )
    of_sections = _section_days(found, blocks, [row for row in added if _definitions(row[13])], sections or {})
    of_properties = _property_days(found, [row for row in added if row[16]], properties)
    of_funnels = _funnel_days(found, [row for row in added if _definitions(row[12])], funnels or {})
    of_pairs = [row for row in added if first <= row[0] <= last and _names(row[14])]
    spanned = [row for row in found if start <= row[0] <= last]
    inside = sorted(row for row in spanned if first <= row[0])
    whole = Span(
        site,
        first,
        last,
        frozenset(),
        blocks=tuple(sorted((row[0], row[8], grain_of(row[7], row[8])) for row in blocks)),
        added=(*goals.added, *of_sections.added, *of_properties.added, *of_funnels.added),
        former=goals.former,
        former_sections=of_sections.former,
        former_funnels=of_funnels.former,
    )
    within = whole.part(first, last)
    touched = [one for one in whole.blocks if one[0] <= last and first < one[0] + dt.timedelta(one[1])]
    releases = [(row[0], row[2], row[5]) for row in found]
    return Released(
        k=max((row[1] for row in inside), default=0) or k,
        # Those before are compared day by day.
        span=replace(
            Span(site, start, last, frozenset(day for day in days if start <= day <= last)),
            blocks=within.blocks,
            added=within.added,
            former=within.former,
            former_sections=within.former_sections,
            former_funnels=within.former_funnels,
        ),
        wide=replace(whole.part(start, last), released=frozenset(day for day in days if start <= day <= last)),
        since=days[0] if days else None,
        through=days[-1] if days else None,
        suppressed=tuple(row[0] for row in inside if not row[2]),
        partial=tuple(row[0] for row in inside if not row[3]),
        over_counted=tuple(row[0] for row in inside if row[4]),
        imported=tuple(row[0] for row in inside if is_import(row[7])),
        mark=mark_of(release for release in releases if start <= release[0] <= last),
        # Their sums have the rows of sections as they were defined before in them.
        months=months(releases) if months and not within.former_sections else (),
        small=frozenset(row[0] for row in spanned if not row[2]),
        odd=frozenset(row[0] for row in spanned if not row[3] or row[4]),
        cuts_blocks=len(touched) > len(within.blocks),
        goals=goals,
        sections=of_sections,
        properties=of_properties,
        bounded=tuple(row[0] for row in inside if row[11]),
        lowered=tuple(sorted({what for row in inside for what in row[11]})),
        funnel_days={row[0]: {**_definitions(row[12]), **_added_on(row[0], added, funnels or {})} for row in inside},
        pair_days=_pair_days(inside, of_pairs),
        pair_grains=tuple(sorted((row[0], grain_of_pairs(decode(row[14], type=list[str]))) for row in of_pairs)),
        segment_days={row[0]: _definitions(row[15]) for row in inside},
        segment_days_before={row[0]: _definitions(row[15]) for row in spanned if row[0] < first},
        segment_goals_on=frozenset(row[0] for row in spanned if row[17]),
        pair_goals_on=frozenset(row[0] for row in inside if row[18]),
        goal_names=tuple(declared or ()),
        segment_grains=tuple(
            (row[0], grain_of_segments(definitions), definitions)
            for row in sorted(added)
            if start <= row[0] <= last and (definitions := _definitions(row[15]))
        ),
    )


def _counted(row: Row) -> Mapping[str, str]:
    """The goals that an entry's day counted, by name their definition: of a log those alone that page views tell of."""
    goals = _definitions(row[10])
    if not is_of_log(row[7]):
        return goals
    return {name: definition for name, definition in goals.items() if goal_of(name, definition).is_of_pages}


def _section_days(found: list[Row], blocks: list[Row], added: list[Row], declared: Mapping[str, str]) -> GoalDays:
    """Which days counted which sections. found, blocks, added: entries of days, of blocks and of added sections."""
    days = {row[0]: _definitions(row[13]) if knows_sections(row[9]) else None for row in found}
    beside = [Beside(row[0], _grain(row), row[2], _definitions(row[13])) for row in added]
    if declared or any(days.values()) or beside:
        for row in blocks:
            its_days = (days.get(row[0] + dt.timedelta(number)) for number in range(row[8]))
            beside.append(Beside(row[0], _grain(row), row[2], of_block(its_days)))
    return goal_days(days, beside, declared, grain_of_section)


def _property_days(found: list[Row], added: list[Row], declared: Iterable[str]) -> GoalDays:
    """The same of properties, which have no other definition than their name."""
    days = {row[0]: dict.fromkeys(row[16], "") if knows_properties(row[9]) else None for row in found}
    beside = [Beside(row[0], _grain(row), row[2], dict.fromkeys(row[16], "")) for row in added]
    return goal_days(days, beside, dict.fromkeys(declared, ""), lambda name, _: grain_of_property(name))


def _funnel_days(found: list[Row], added: list[Row], declared: Mapping[str, str]) -> GoalDays:
    """The same of funnels. Days of before there were any counted none."""
    beside = [Beside(row[0], _grain(row), row[2], _definitions(row[12])) for row in added]
    return goal_days({row[0]: _definitions(row[12]) for row in found}, beside, declared, grain_of_funnel)


def _added_on(day: dt.date, added: Iterable[Row], declared: Mapping[str, str]) -> dict[str, str]:
    """The funnels, as they are defined now, that were added to a day."""
    defined = [one for row in added if row[0] == day for one in _definitions(row[12]).items()]
    return {name: definition for name, definition in defined if declared.get(name) == definition}


def _pair_days(found: list[Row], added: list[Row]) -> dict[dt.date, frozenset[str]]:
    """By day the pairs that it counted, or that were added to it."""
    days = {row[0]: _names(row[14]) for row in found}
    for row in added:
        days[row[0]] = days.get(row[0], frozenset()) | _names(row[14])
    return days


def _grain(row: Row) -> str:
    """Of the rows that an entry beside days makes readable."""
    if row[8] != ADDED:
        return grain_of(row[7], row[8])
    if row[16]:
        return grain_of_property(*row[16])
    for place, grain in ((12, grain_of_funnel), (13, grain_of_section)):
        for one in _definitions(row[place]).items():
            return grain(*one)
    return grain_of_goal(*next(iter(_definitions(row[10]).items())))


@lru_cache(maxsize=256)
def _definitions(text: str) -> Mapping[str, str]:
    """Of an entry. A client takes longer to make a map of each row than of the few that there are."""
    return decode(text, type=dict[str, str])


@lru_cache(maxsize=256)
def _names(text: str) -> frozenset[str]:
    return frozenset(decode(text, type=list[str]))
