"""The rows of a dimension's values: of the whole, of what filters keep, and of pairs.

In: an `Answer`, and the `Query` that it is to. Out: `Cell`s, and who of them reached a goal. Promises: what is folded
comes last, less what has a row of its own by now.
"""

from __future__ import annotations

from itertools import islice

from msgspec.structs import replace

from schema.dimensions import OTHER

from .conversions import Goal
from .crossed import coverage_of_pair, goal_of_pair
from .execute import Answer, Group, Groups
from .figures import Cell, Coverage, cell_of, summed
from .goal_values import goal_values
from .query import Query
from .shapes import MOVED
from .times import Times, less, measures_of


def values_of(answer: Answer, query: Query) -> Groups:
    """Where the values are that a question is of."""
    return answer.inside if query.inside else answer.kept_values if query.filtered else answer.cells


def cells_in(groups: Groups, query: Query, coverage: Coverage, without: str | None = None) -> tuple[Cell, ...]:
    """The values of a dimension, what is folded last and besides. without: a value that is left out."""
    group = groups.get((query.by,))
    if group is None:
        return ()
    found = group.by_key
    named = [value for value in found if value not in (without, OTHER, MOVED)][query.rows]
    cells = [cell_of(value, measures_of(found[value]), found[value][-1], coverage) for value in named]
    if OTHER in found:
        folded = measures_of(found[OTHER])
        other = cell_of(OTHER, folded, found[OTHER][-1], coverage)
        if MOVED in found:
            # One person may be behind several of the values that have a row of their own now.
            rest = less(folded, measures_of(found[MOVED]))
            sure = coverage.sure
            other = cell_of(OTHER, rest, found[OTHER][-1], coverage)
            other = replace(other, certainty=sure.certainty(True), flags=sure.flags(True))
        cells += [other] if other.visitors else []
    return tuple(cells)


def hour_cells(times: Times) -> tuple[Cell, ...]:
    """The hours of a day, by Unix second; the folded ones first."""
    folded = [cell_of(OTHER, summed(times.folded.values()))] if times.folded else []
    return (*folded, *(cell_of(str(hour), sums) for hour, sums in sorted(times.hours.items())))


def goal_cells(query: Query, answer: Answer, coverage: Coverage) -> list[Goal]:
    """Who reached a goal, by the values of a dimension."""
    released = answer.plan.released
    counted = released.goals.within(query.first, query.last).get(query.goal)
    group = (answer.kept_values if query.filtered else answer.cells).get((query.by,))
    people = {value: measures_of(sums).visitors for value, sums in group.by_key.items()} if group else {}
    return goal_values(answer.goals, released.k, coverage, counted, people)[query.rows]


def crossed_cells(query: Query, answer: Answer, days: int) -> tuple[Cell, ...]:
    """The values of a dimension, of what the filters keep of another one; or of two. days: how many have data."""
    of = answer.plan.crossed
    if of is None or query.crossed is None:
        return ()
    group = answer.crossed.get((query.crossed.beside(of.along),), Group({}))
    coverage = coverage_of_pair(query.crossed, answer.plan.released, days, group.by_key.keys())
    flipped = of.along == query.by
    return tuple(
        replace(
            cell_of(told, measures_of(sums), sums[-1], coverage),
            value=kept if flipped else told,
            by_value=(told if flipped else kept) if query.beside else None,
        )
        for (told, kept), sums in islice(group.by_key.items(), query.rows.start, query.rows.stop)
    )


def reached_cells(query: Query, answer: Answer, days: int) -> tuple[Goal, ...]:
    """Who reached a goal, by the values of a dimension, of what the filters keep of another one."""
    of, released = answer.plan.crossed, answer.plan.released
    if of is None or query.crossed is None:
        return ()
    group = answer.crossed.get((query.crossed.beside(of.along),), Group({}))
    people = {told: measures_of(sums).visitors for (told, _), sums in group.by_key.items()}
    its = released.goals.within(query.first, query.last).get(query.goal)
    coverage = coverage_of_pair(query.crossed, released, days, group.by_key.keys())
    counted = goal_of_pair(query.crossed, released, its, days)
    return tuple(goal_values(answer.goals, released.k, coverage, counted, people)[query.rows])
