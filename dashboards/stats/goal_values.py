"""Who reached a goal, by the values of a dimension: which sources, pages or countries bring conversions.

In: rows of day, goal, currency, value and the measures of conversions; the people of each value. Out: a `Goal` for each
value, called by it, those of most people first. Promises: they are the rows that by=goal tells of a value alone; a rate
is of the people of that value.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from schema.dimensions import OTHER
from schema.site import Site
from schema.store import Row

from .conversions import Goal, goals_in, rated
from .figures import Coverage
from .goal_days import ALWAYS, Counted
from .refused import BadQuery, Code


def refuse_unknown_goal(name: str, site: Site) -> None:
    """Raise BadQuery for a goal that the site does not have; "" is none."""
    known = [goal.name for goal in site.goals]
    if name and name not in known:
        there = ", ".join(known) or "none"
        raise BadQuery(f"the goal {name[:100]!r} is not one of this site's: there are {there}", Code.BAD_FILTER)


def goal_values(
    rows: list[Row], k: int, coverage: Coverage, counted: Counted | None, people: Mapping[str, int]
) -> list[Goal]:
    """rows: of one goal. coverage: of the dimension. counted: on which days the goal was, where not on all. people: by
    value. What is folded comes last, without a rate: those who are folded are not the same ones in both tables."""
    by_value: list[tuple[Any, ...]] = [(day, value, currency, *sums) for day, _, currency, value, *sums in rows]
    every = dict.fromkeys((row[1] for row in by_value), counted or ALWAYS)
    goals = goals_in(by_value, k, coverage.days, sure=coverage.sure, counted=every)
    told = [rated([goal], 0 if goal.goal == OTHER else people.get(goal.goal, 0))[0] for goal in goals]
    return sorted(told, key=lambda goal: goal.goal == OTHER)
