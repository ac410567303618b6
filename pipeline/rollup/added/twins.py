"""Twins (twins.py) of what is added to a released day: a goal beside the pairs and ways that the day tells, and a pair
beside its goals and segments.

In: a day that is staged again, what was released of it. Out: by which dimensions a goal may not be added; of pairs what
goals and segments tell. Promises: a goal that is a twin of a value is not told by a dimension that the day crosses with
that of the value, or with one above or below.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from schema.journeys import ENDS
from schema.pair import CROSSED, Pair, above, paired

from ..batch import Batch
from ..cells.twins import Condition, ToldBy, Twins, Value, told, twins, twins_of_goals
from ..pairs.stage import Tells
from ..segments.membership import marks
from .counted_before import CountedBefore, released

# What a segment is called beside goals, which are called by their places.
_SEGMENT = "segment {}"


def crossed_with_twins(of: Batch) -> dict[str, frozenset[str]]:
    """By goal of the staged day the dimensions by which it would tell of what the day crosses."""
    tables = _tables(of) if of.hides else []
    dimensions = {name for table in tables for side in (table.one, table.other) for name in _near(side)}
    columns = {name: f"toString({name})" for name in sorted(dimensions)}
    goals = twins_of_goals(of, [0], "{visits}", columns) if tables else {}
    return {
        name: frozenset(by for dimension, _ in values for table in tables for by in _across(table, dimension))
        for (_, name), values in goals.items()
    }


def _tables(of: Batch) -> list[Pair]:
    """Those by two dimensions that are told of the day."""
    rows = of.store.rows(
        f"""SELECT DISTINCT dimension, by_dimension FROM released_pairs WHERE {of.mine}
        UNION DISTINCT SELECT DISTINCT dimension, by_dimension FROM late_pairs WHERE {of.mine}
        UNION DISTINCT
        SELECT DISTINCT 'entry_page' AS dimension, 'exit_page' AS by_dimension FROM released_journeys
        WHERE {of.mine} AND kind = '{ENDS}'""",
        of.named,
    )
    return [paired(one, other) for one, other in sorted(rows)]


def _across(table: Pair, dimension: str) -> set[str]:
    """The dimensions that tell of a table together with this one."""
    sides = ((table.one, table.other), (table.other, table.one))
    return {name for mine, other in sides if dimension in _near(mine) for name in _near(other)}


def _near(dimension: str) -> list[str]:
    """It, and those above and below it."""
    return [name for name in CROSSED if dimension in (name, *above(name)) or name in above(dimension)]


def told_of_day(known: Sequence[CountedBefore], segments: Sequence[tuple[str, str, str]]) -> Tells:
    """What the day tells beside pairs. known: goals of the staged day. segments: of each its name, the grain of its
    rows, "" where it was released with the day, and its definition."""

    def tells(of: Batch, dimensions: Mapping[str, str]) -> tuple[Twins, ToldBy]:
        goals = twins_of_goals(of, [0], "{numbered}", dimensions)
        mask, named = marks([[definition for *_, definition in segments]])
        masks = f"SELECT d, visitor, groupBitOr({mask}) AS mask FROM {{visits}} WHERE came GROUP BY d, visitor"
        names = [_SEGMENT.format(f"{grain} {name}") for name, grain, _ in segments]
        found: defaultdict[Condition, list[tuple[str, Value]]] = defaultdict(list)
        for twin in twins(of, [2 ** len(names) - 1], "{numbered}", dimensions, masks, named):
            found[0, names[twin.bit]].append((twin.dimension, twin.value))
        sql = f"""
            SELECT 0, goal, dimension, value FROM {{released}} WHERE goal != '' AND currency = ''
            UNION ALL
            SELECT 0, concat('{_SEGMENT.format(" ")}', segment), dimension, value FROM released_segments
            WHERE {of.mine} AND grain = 'day'
            UNION ALL
            SELECT 0, concat('{_SEGMENT.format("")}', grain, ' ', segment), dimension, value FROM late_segments
            WHERE {of.mine}"""
        with released(of, known):
            return {**goals, **found}, told(of, sql, {})

    return tells
