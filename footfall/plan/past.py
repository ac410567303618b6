"""What the pipeline would add to released days for goals that the settings do not have yet (rule N6).

In: a laid window, the goals. Out: a `Past` for each goal. Promises: the pipeline itself adds them, by all its rules; of
a day that gets nothing is told why only as far as its entry says so.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Sequence

from msgspec import Struct, structs

from pipeline.added_goals import add_goals
from pipeline.copying import added_of, holding
from pipeline.manifest import Entry, read_entries
from pipeline.settings import SiteRules
from schema.manifest import LIVE, grain_of_goal
from schema.site import Goal, Site
from schema.store import Store

from .laid import Laid, called

COUNTED_ALREADY = "have it already"
IMPORTED = "imported: their visits are gone"
TOO_OLD = "released by a version that did not note its goals"
NOTHING_SHOWN = "show nothing"
NO_VISITS = "have no visits left"
NO_PAST = "are not counted for goals with properties or of a depth"
NOT_TOLD = "nobody reached it, or it would tell of fewer than k people"


class Filled(Struct, frozen=True):
    """A released day that gets the goal. converters, conversions: of the whole site; 0 where only values of dimensions
    are told. rows: how many."""

    day: dt.date
    converters: int
    conversions: int
    rows: int


class Past(Struct, frozen=True):
    """A goal. days: those that fill back; others: by reason how many do not."""

    goal: str
    definition: str
    days: list[Filled]
    others: dict[str, int]


def past_of(laid: Laid, site: Site, rules: SiteRules, goals: Sequence[Goal], now: float) -> list[Past]:
    """What is added to the laid days, in the order of the goals."""
    store, mine = laid.store, called(structs.replace(site, goals=tuple(goals), funnels=()), laid.key)
    before = read_entries(store, laid.key)
    add_goals(store, mine, rules, now, float("inf"))
    after = read_entries(store, laid.key)
    left = {day for (day,) in store.rows("SELECT DISTINCT day FROM visits WHERE site = {s:String}", {"s": laid.key})}
    return [_past(store, laid.key, goal, before, after, left) for goal in goals]


def _past(
    store: Store, key: str, goal: Goal, before: Sequence[Entry], after: Sequence[Entry], left: set[dt.date]
) -> Past:
    known = {one.day for one in added_of(before) if one.goals == {goal.name: goal.definition}}
    days, others = _rows(store, key, goal), Counter[str]()
    told = {filled.day for filled in days}
    for entry in holding(after):
        if entry.day in known or (goal.name, goal.definition) in entry.goals.items():
            others[COUNTED_ALREADY] += 1
        elif entry.day not in told:
            others[_why(entry, left) if goal.has_past else NO_PAST] += 1
    return Past(goal.name, goal.definition, [one for one in days if one.day not in known], dict(others))


def _why(day: Entry, left: set[dt.date]) -> str:
    if day.origin != LIVE:
        return IMPORTED
    if not day.rows:
        return NOTHING_SHOWN
    if not day.knows_goals:
        return TOO_OLD
    return NOT_TOLD if day.day in left else NO_VISITS


def _rows(store: Store, key: str, goal: Goal) -> list[Filled]:
    whole = "dimension = '' AND currency = ''"
    rows = store.rows(
        f"""SELECT day, sumIf(converters, {whole}), sumIf(conversions, {whole}), count() FROM late_conversions
        WHERE site = {{site:String}} AND grain = {{grain:String}} GROUP BY day ORDER BY day""",
        {"site": key, "grain": grain_of_goal(goal.name, goal.definition)},
    )
    return [Filled(*row) for row in rows]
