"""What the pipeline would add to released days for goals and sections that the settings do not have yet (rule N6).

In: a laid window, the goals and sections. Out: a `Past` for each. Promises: the pipeline itself adds them, by all its
rules and in its order; of a day that gets nothing is told why only as far as its entry says so.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct, structs

from pipeline.added_goals import add_goals
from pipeline.added_sections import add_sections
from pipeline.copying import added_of, holding
from pipeline.manifest import Entry, read_entries
from pipeline.settings import SiteRules
from schema.manifest import LIVE, grain_of_goal, grain_of_section
from schema.site import Goal, Site, goal_of
from schema.store import Store

from .changes import GOAL, SECTION
from .laid import Laid, called

COUNTED_ALREADY = "have it already"
IMPORTED = "imported: their visits are gone"
TOO_OLD = "released by a version that did not note what it counted"
NOTHING_SHOWN = "show nothing"
NO_VISITS = "have no visits left"
NO_PAST = "are not counted by goals with properties or of a depth"
NOT_TOLD = "nobody is in it, or it would tell of fewer than k people"


class Filled(Struct, frozen=True):
    """A released day that gets it. people: who reached the goal, or was in the section; times: how often, or how many
    pages they viewed: of the whole site, 0 where only values of dimensions are told. rows: how many."""

    day: dt.date
    people: int
    times: int
    rows: int


class Past(Struct, frozen=True):
    """what: goal or section. days: those that fill back; others: by reason how many do not."""

    what: str
    name: str
    definition: str
    days: list[Filled]
    others: dict[str, int]


def past_of(
    laid: Laid, site: Site, rules: SiteRules, goals: Sequence[Goal], sections: Mapping[str, str], now: float
) -> list[Past]:
    """What is added to the laid days: goals in their order, then sections, by name their definition."""
    store, mine = laid.store, called(structs.replace(site, goals=tuple(goals), funnels=(), segments=()), laid.key)
    before = read_entries(store, laid.key)
    if goals:
        add_goals(store, mine, rules, now, float("inf"))
    if sections:
        add_sections(store, mine, rules, now, float("inf"))
    after = read_entries(store, laid.key)
    left = {day for (day,) in store.rows("SELECT DISTINCT day FROM visits WHERE site = {s:String}", {"s": laid.key})}
    asked = [(GOAL, goal.name, goal.definition) for goal in goals]
    asked += [(SECTION, name, definition) for name, definition in sections.items()]
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
    days, others = _rows(store, key, *asked), Counter[str]()
    told = {filled.day for filled in days}
    for entry in holding(after):
        if entry.day in known or (name, definition) in _counted(entry, what):
            others[COUNTED_ALREADY] += 1
        elif entry.day not in told:
            others[_why(entry, what, left) if _has_past(*asked) else NO_PAST] += 1
    return Past(what, name, definition, [one for one in days if one.day not in known], dict(others))


def _counted(entry: Entry, what: str) -> set[tuple[str, str]]:
    """The goals or sections of an entry, each a name and a definition."""
    return {*(entry.goals if what == GOAL else entry.sections).items()}


def _has_past(what: str, name: str, definition: str) -> bool:
    return what != GOAL or goal_of(name, definition).has_past


def _why(day: Entry, what: str, left: set[dt.date]) -> str:
    if day.origin != LIVE:
        return IMPORTED
    if not day.rows:
        return NOTHING_SHOWN
    if not (day.knows_goals if what == GOAL else day.knows_sections):
        return TOO_OLD
    return NOT_TOLD if day.day in left else NO_VISITS


_GOALS = """
    SELECT day, sumIf(converters, dimension = '' AND currency = ''),
        sumIf(conversions, dimension = '' AND currency = ''), count()
    FROM late_conversions"""
_SECTIONS = "SELECT day, sum(visitors), sum(pageviews), count() FROM late_cells"


def _rows(store: Store, key: str, what: str, name: str, definition: str) -> list[Filled]:
    rows, grain = (_GOALS, grain_of_goal) if what == GOAL else (_SECTIONS, grain_of_section)
    found = store.rows(
        f"{rows} WHERE site = {{site:String}} AND grain = {{grain:String}} GROUP BY day ORDER BY day",
        {"site": key, "grain": grain(name, definition)},
    )
    return [Filled(*row) for row in found]
