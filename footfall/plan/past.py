"""What the pipeline would add to released days for goals, sections, properties, funnels and pairs that the settings do
not have yet (rule N6).

In: a laid window, what is new. Out: a `Past` for each. Promises: the pipeline itself adds them, by all its
rules and in its order; of a day that gets nothing is told why only as far as its entry says so.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from pipeline.adding.funnels import add_funnels
from pipeline.adding.goals import add_goals
from pipeline.adding.pairs import add_pairs
from pipeline.adding.properties import add_properties
from pipeline.adding.sections import add_sections
from pipeline.adding.segments import add_segments
from pipeline.copying import added_of, holding
from pipeline.manifest import Entry, read_entries
from pipeline.settings import SiteRules
from schema.manifest import LIVE, grain_of_funnel, grain_of_goal, grain_of_property, grain_of_section
from schema.pair import pair_of
from schema.site import Goal, Site, goal_of
from schema.store import Store

from .changes import FUNNEL, GOAL, PAIR, PROPERTY, SECTION, SEGMENT
from .laid import Laid, called

COUNTED_ALREADY = "have it already"
IMPORTED = "imported: their visits are gone"
TOO_OLD = "released by a version that did not note what it counted"
NOTHING_SHOWN = "show nothing"
NO_VISITS = "have no visits left"
NO_PAST = "are not counted by goals with properties or of a depth"
NOT_TOLD = "nobody is in it, or it would tell of fewer than k people"


class Filled(Struct, frozen=True):
    """A released day that gets it. people: who reached the goal, was in the section, began the funnel, or is in values
    of the property, or in cells of the pair; times: how often, how many pages they viewed, how many reached the last
    step that is told, how many events, how many visits: of the whole site, 0 where only values of dimensions are told.
    rows: how many."""

    day: dt.date
    people: int
    times: int
    rows: int


class Past(Struct, frozen=True):
    """what: goal, section, property, funnel or pair. days: those that fill back; others: by reason how many do not."""

    what: str
    name: str
    definition: str
    days: list[Filled]
    others: dict[str, int]


class New(Struct, frozen=True):
    """What is new: goals in their order, the rest by name."""

    goals: Sequence[Goal] = ()
    sections: Mapping[str, str] = {}
    properties: Sequence[str] = ()
    funnels: Mapping[str, str] = {}
    pairs: Sequence[str] = ()
    segments: Mapping[str, str] = {}


def past_of(laid: Laid, site: Site, rules: SiteRules, new: New, now: float) -> list[Past]:
    """What is added to the laid days."""
    goals, sections = new.goals, new.sections
    store, mine = laid.store, called(structs.replace(site, goals=tuple(goals), funnels=(), segments=()), laid.key)
    before = read_entries(store, laid.key)
    if goals:
        add_goals(store, mine, rules, now, float("inf"))
    if sections:
        add_sections(store, mine, rules, now, float("inf"))
    funnels = tuple(funnel for funnel in site.funnels if funnel.name in new.funnels)
    others = called(structs.replace(site, properties=tuple(new.properties), funnels=funnels), laid.key)
    for add in (add_properties, add_funnels):
        add(store, others, rules, now, float("inf"), laid.events)
    if new.pairs:
        add_pairs(store, called(structs.replace(site, pairs=tuple(new.pairs)), laid.key), rules, now, float("inf"))
    if new.segments:
        segments = tuple(segment for segment in site.segments if segment.name in new.segments)
        add_segments(
            store, called(structs.replace(site, segments=segments), laid.key), rules, now, float("inf"), laid.events
        )
    after = read_entries(store, laid.key)
    left = {day for (day,) in store.rows("SELECT DISTINCT day FROM visits WHERE site = {s:String}", {"s": laid.key})}
    asked = [(GOAL, goal.name, goal.definition) for goal in goals]
    asked += [(SECTION, name, definition) for name, definition in sections.items()]
    asked += [(PROPERTY, name, "") for name in new.properties]
    asked += [(FUNNEL, name, definition) for name, definition in new.funnels.items()]
    asked += [(PAIR, name, "") for name in new.pairs]
    asked += [(SEGMENT, name, definition) for name, definition in new.segments.items()]
    return [_past(store, laid.key, one, before, after, left) for one in asked]


def _past(
    store: Store,
    key: str,
    asked: tuple[str, str, str],
    before: Sequence[Entry],
    after: Sequence[Entry],
    left: set[dt.date],
) -> Past:
    what, name, definition = asked
    known = {one.day for one in added_of(before) if (name, definition) in _counted(one, what)}
    days, others = _rows(store, key, *asked, after), Counter[str]()
    told = {filled.day for filled in days}
    for entry in holding(after):
        if entry.day in known or (name, definition) in _counted(entry, what):
            others[COUNTED_ALREADY] += 1
        elif entry.day not in told:
            others[_why(entry, what, left) if _has_past(*asked) else NO_PAST] += 1
    return Past(what, name, definition, [one for one in days if one.day not in known], dict(others))


def _counted(entry: Entry, what: str) -> set[tuple[str, str]]:
    """What an entry has counted, each a name and a definition."""
    named = {GOAL: entry.goals, SECTION: entry.sections, FUNNEL: entry.funnels, SEGMENT: entry.segments}
    listed = entry.pairs if what == PAIR else entry.properties
    return {*(named[what] if what in named else dict.fromkeys(listed, "")).items()}


def _has_past(what: str, name: str, definition: str) -> bool:
    return what != GOAL or goal_of(name, definition).has_past


def _why(day: Entry, what: str, left: set[dt.date]) -> str:
    if day.origin != LIVE:
        return IMPORTED
    if not day.rows:
        return NOTHING_SHOWN
    knows = {GOAL: day.knows_goals, SECTION: day.knows_sections}
    if not knows.get(what, day.knows_properties):
        return TOO_OLD
    return NOT_TOLD if day.day in left else NO_VISITS


_GOALS = """
    SELECT day, sumIf(converters, dimension = '' AND currency = ''),
        sumIf(conversions, dimension = '' AND currency = ''), count()
    FROM late_conversions"""
_SECTIONS = "SELECT day, sum(visitors), sum(pageviews), count() FROM late_cells"
_PROPERTIES = "SELECT day, sumIf(visitors, in_currency = ''), sum(events), count() FROM late_properties"
_FUNNELS = """
    SELECT day, maxIf(people, dimension = '' AND step = 1), argMaxIf(people, step, dimension = ''), count()
    FROM late_funnels"""


_PAIRS = """
    SELECT day, sum(visitors), sum(visits), count() FROM late_pairs
    WHERE site = {site:String} AND dimension = {one:String} AND by_dimension = {other:String} AND grain LIKE 'pairs-%'
    GROUP BY day ORDER BY day"""


_SEGMENTS = """
    SELECT day, sumIf(visitors, dimension = ''), sumIf(visits, dimension = ''), count() FROM late_segments
    WHERE site = {site:String} AND segment = {name:String} AND has({grains:Array(String)}, grain)
    GROUP BY day ORDER BY day"""


def _rows(store: Store, key: str, what: str, name: str, definition: str, entries: Sequence[Entry]) -> list[Filled]:
    if what == PAIR:
        pair = pair_of(name)
        # Those that are added to a day together are of one grain.
        return [Filled(*row) for row in store.rows(_PAIRS, {"site": key, "one": pair.one, "other": pair.other})]
    if what == SEGMENT:
        grains = [one.grain for one in added_of(entries) if one.segments.get(name) == definition]
        return [Filled(*row) for row in store.rows(_SEGMENTS, {"site": key, "name": name, "grains": grains})]
    rows, grain = {
        GOAL: (_GOALS, grain_of_goal(name, definition)),
        SECTION: (_SECTIONS, grain_of_section(name, definition)),
        PROPERTY: (_PROPERTIES, grain_of_property(name)),
        FUNNEL: (_FUNNELS, grain_of_funnel(name, definition)),
    }[what]
    found = store.rows(
        f"{rows} WHERE site = {{site:String}} AND grain = {{grain:String}} GROUP BY day ORDER BY day",
        {"site": key, "grain": grain},
    )
    return [Filled(*row) for row in found]
