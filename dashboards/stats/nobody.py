"""Where no row is a zero: who reached no goal, where everything is shown.

In: what is released, goals and values. Out: goals that nobody reached, as rows. Promises: zero is said only of days
that show every value, counted the goal and have all their data; elsewhere there is no row: it would be a claim.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from schema.dimensions import OTHER

from .conversions import Goal, GoalDay, Revenue, decimal_of, rated
from .figures import Cell
from .goal_days import ALWAYS
from .period import Period
from .released import Released


def is_certain(released: Released, goal: str, period: Period) -> bool:
    """Whether a goal that has no row is one that nobody reached."""
    counted = released.goals.within(period.first, period.last).get(goal, ALWAYS)
    return released.k == 1 and not counted.not_on and released.sure.certainty(False) != "at least"


def uncounted(names: Iterable[str], of: Released, period: Period) -> list[str]:
    """The goals that some of these days did not count."""
    within = of.goals.within(period.first, period.last)
    return [name for name in names if within.get(name, ALWAYS).not_on]


def nobody(name: str, visitors: int, like: Sequence[Revenue] = ()) -> Goal:
    """Nobody of so many. like: who paid elsewhere: here nobody did in these currencies."""
    paid = tuple(
        replace(one, amount=0, value=decimal_of(0, one.currency), payers=0, of_payers=0, orders=0, of_orders=0)
        for one in like
    )
    return rated([Goal(name, 0, 0, None, revenue=tuple(replace(one, certainty="exact") for one in paid))], visitors)[0]


def unreached(names: Iterable[str], goals: Sequence[Goal], visitors: int, of: Released, period: Period) -> list[Goal]:
    """Those of some goals that have no row, because nobody reached them."""
    there = {goal.goal for goal in goals}
    return [nobody(name, visitors) for name in names if name not in there and is_certain(of, name, period)]


def values_without(cells: Iterable[Cell], reached: Sequence[Goal], whole: Goal | None) -> list[Goal]:
    """The values of a dimension none of whose visitors reached a goal. reached: the others; whole: the whole site."""
    there = {goal.goal for goal in reached} | {OTHER}
    like = whole.revenue if whole else ()
    return [nobody(cell.value, cell.visitors, like) for cell in cells if cell.value not in there]


def days_without(goal: str, rows: Iterable[GoalDay], visitors: Mapping[dt.date, int], of: Released) -> list[GoalDay]:
    """The days on which nobody reached it. visitors: of the days that have data."""
    there = {row.day for row in rows if row.goal == goal} | of.goals.not_counted.get(goal, frozenset())
    told = of.k == 1 and [day for day in visitors if day not in there and day not in of.odd]
    return [GoalDay(day, goal, 0, 0, visitors[day], 0.0 if visitors[day] else None, "exact", ()) for day in told or ()]
