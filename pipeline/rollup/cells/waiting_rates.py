"""Conversion rates by bands of web vitals that days do not tell: what waits of them, and what a block tells (rule N2).

In: the scratch tables of days that are released; `waiting_experience` and what was told of the block's days and weeks.
Out: `untold`, what waits; `experience`, the rows of a block. Promises: what a block tells of a goal, and what follows
from it, is of k_late visitor-days on either side, and of late_others beside the largest network of each day.

A goal waits on each day that does not tell it, with everybody: those of whom nothing was measured, too, because his
goals are told. The people of a band are the same for all goals. So what a block tells of them, less those of its days
and weeks that are told by other goals, are those of the bare days, of which nothing is told: these are nobody, or
enough, too. One layout holds for all goals of a block and vital, in which no band is told together with another that
was told apart by itself: a day that tells two bands as one tells no goal in a layout that has them apart.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from typing import Any

from msgspec import Struct

from schema.column import TEXT
from schema.experience import BANDS, TOGETHER

from ...insert import insert
from ..batch import Batch, K
from ..block import Blocks
from ..rule import Rule
from ..suppression.conversion_by_speed import (
    EACH,
    LAYOUTS,
    Cell,
    Layout,
    Side,
    Table,
    added,
    cell_of,
    fullest,
    hidden_of,
    is_enough,
    is_told,
    put,
    shown_of,
)

_NUMBERS = ("people", "others", "converters", "converters_others")
COLUMNS = {"d": "UInt16", "vital": TEXT, "goal": "String", "band": TEXT} | dict.fromkeys(_NUMBERS, "Int64")
# Of those who did not reach the goal no more can be of one network than are of all in the band.
_FILL = f"""
    {insert("{untold}", {name: name for name in COLUMNS})}
    FROM
    (
        SELECT d, vital, goal, band, a.people AS people, b.reached AS converters,
            greatest(0, people - converters - a.most) AS others, converters - b.most AS converters_others
        FROM
        (
            SELECT d, vital, band, sum(n) AS people, max(n) AS most,
                arrayJoin({{goal_names:Array(Array(String))}}[d + 1]) AS goal
            FROM (SELECT d, vital, band, network, toInt64(count()) AS n FROM ({EACH}) GROUP BY d, vital, band, network)
            GROUP BY d, vital, band
        ) AS a
        LEFT JOIN
        (
            SELECT d, vital, band, goal, sum(n) AS reached, max(n) AS most
            FROM
            (
                SELECT d, vital, band, goal, network, toInt64(count()) AS n
                FROM ({EACH}) ARRAY JOIN goals AS goal GROUP BY d, vital, band, goal, network
            )
            GROUP BY d, vital, band, goal
        ) AS b USING (d, vital, band, goal)
    )
    WHERE {{waits:Array(UInt8)}}[d + 1] AND {K} > 1
        AND (d, vital, goal) NOT IN (SELECT d, vital, goal FROM {{experience}} WHERE dimension = '')"""


def fill_untold(of: Batch, given: Mapping[str, Any]) -> None:
    """Fill `untold`. given: what days that wait are bound to."""
    names = [[goal.name for goal in one.site.goals] for one in of.days]
    of.store.command(of.naming(_FILL), {**given, "goal_names": names})


# -- blocks --------------------------------------------------------------------------------------------------------

Parts = frozenset[frozenset[str]]


class Told(Struct, frozen=True):
    """What a day, or a week, told of a vital. parts: the bands, those together that it told as one. goals: of a week
    those that it told."""

    parts: Parts
    goals: frozenset[str] = frozenset()


def parts_of(names: Iterable[str]) -> Parts:
    """Of what bands are called that were told; one that was left out is a part."""
    found = [frozenset(name.split(TOGETHER)) for name in names]
    together = [one for one in found if len(one) > 1]
    return frozenset([*together, *(frozenset((band,)) for band in BANDS if not any(band in one for one in together))])


def _fits(parts: Parts, layout: Layout) -> bool:
    """Whether who knows these people knows those of the layout."""
    wanted = [frozenset(bands) for bands in (*layout, hidden_of(layout))]
    return all(any(part <= one for one in wanted) for part in parts)


def told_of(
    waiting: Mapping[str, Mapping[dt.date, Table]],
    days: Mapping[dt.date, Told],
    weeks: Mapping[dt.date, Told],
    week_of: Mapping[dt.date, dt.date],
    rule: Rule,
) -> tuple[Layout, dict[str, Table]]:
    """Of a vital of a block the layout, and the table of each goal that is told. waiting: by goal and day. days, weeks:
    those that told something of the vital. week_of: each day's."""
    every = {day for by_day in waiting.values() for day in by_day}
    bare = {day for day in every if day not in days and week_of[day] not in weeks}
    tables: dict[str, Table] = {}
    known: dict[str, list[Parts]] = {}
    for goal, by_day in waiting.items():
        mine = {day for day in by_day if week_of[day] not in weeks or goal not in weeks[week_of[day]].goals}
        # A goal that waits on some of the days that are known together only would tell these apart.
        beside = {day for day in every if day not in days and week_of[day] in {week_of[one] for one in mine}}
        if bare <= mine and {day for day in beside if week_of[day] in weeks} <= mine and len(mine) > 1:
            tables[goal] = added(by_day[day] for day in mine)
            told = (days.get(day) or weeks.get(week_of[day]) for day in mine)
            known[goal] = [one.parts for one in told if one]
    tables = dict(sorted(tables.items(), key=lambda one: (-cell_of(one[1], one[1]).reached.people, one[0])))
    if not tables:
        return LAYOUTS[0], {}
    left = added(next(iter(waiting[goal] for goal in tables))[day] for day in bare)
    layout, goals = fullest(
        tables,
        (
            (
                one,
                [goal for goal in tables if _may_be(tables[goal], known[goal], one, rule)]
                * _is_covered(left, one, rule),
            )
            for one in LAYOUTS
        ),
    )
    return layout, {goal: tables[goal] for goal in goals}


def _may_be(table: Table, known: Collection[Parts], layout: Layout, rule: Rule) -> bool:
    return is_told(table, layout, rule) and all(_fits(parts, layout) for parts in known)


def _is_covered(table: Table, layout: Layout, rule: Rule) -> bool:
    """Whether the people of each band are nobody, or enough."""
    sides = [cell_of(table, bands).everybody for bands in (*layout, hidden_of(layout))]
    return all(not side.people or is_enough(side, rule) for side in sides)


def _waiting(of: Blocks) -> str:
    return f"""
    SELECT d, vital, goal, day, band, people, others, converters, converters_others
    FROM (SELECT *, {of.which_waits} AS d FROM waiting_experience WHERE {of.waits} AND dimension = '')
    WHERE NOT has({{changed:Array(Array(String))}}[d + 1], toString(goal))"""


def _of_days(of: Blocks) -> str:
    return f"""
    SELECT {of.which_waits} AS d, vital, day, groupUniqArray(band), [] FROM released_experience
    WHERE {of.waits} AND dimension = '' AND grain = 'day' GROUP BY d, vital, day"""


def _of_weeks(of: Blocks) -> str:
    return f"""
    SELECT {of.which_week} AS d, vital, day, groupUniqArray(band), groupUniqArray(goal) FROM late_experience
    WHERE {of.of_weeks} AND dimension = '' GROUP BY d, vital, day"""


def fill_of_block(of: Blocks, rules: Sequence[Rule]) -> None:
    """Fill `experience` with what blocks tell. rules: of each k_late and late_others."""
    waiting: dict[tuple[int, str], dict[str, dict[dt.date, dict[str, Cell]]]] = {}
    for d, vital, goal, day, band, *numbers in of.store.rows(of.naming(_waiting(of)), of.named):
        table = waiting.setdefault((d, vital), {}).setdefault(goal, {}).setdefault(day, {})
        table[band] = _cell(rules[d], (day, band), *numbers)
    days = _told(of, _of_days(of))
    weeks = _told(of, _of_weeks(of)) if of.have_weeks else defaultdict[tuple[int, str], dict[dt.date, Told]](dict)
    rows: list[tuple[object, ...]] = []
    for (d, vital), by_goal in sorted(waiting.items()):
        week_of = {day: of.each[d].week_of(day) for by_day in by_goal.values() for day in by_day}
        layout, told = told_of(by_goal, days[d, vital], weeks[d, vital], week_of, rules[d])
        rows += [
            (d, "", "", vital, goal, band, cell.everybody.people, cell.reached.people)
            for goal, table in told.items()
            for band, cell in shown_of(table, layout).items()
        ]
    put(of, rows)


def _told(of: Blocks, sql: str) -> defaultdict[tuple[int, str], dict[dt.date, Told]]:
    found: defaultdict[tuple[int, str], dict[dt.date, Told]] = defaultdict(dict)
    for d, vital, day, bands, goals in of.store.rows(of.naming(sql), of.named):
        found[d, vital][day] = Told(parts_of(bands), frozenset(goals))
    return found


def _cell(rule: Rule, place: Hashable, people: int, others: int, converters: int, converters_others: int) -> Cell:
    """Whoever is beside the largest network of a day stands for a network, as far as is asked for."""

    def side(who: int, beside: int, reached: bool) -> Side:
        return Side(who, frozenset((place, reached, n) for n in range(min(beside, rule.networks))))

    return Cell(side(converters, converters_others, True), side(people - converters, others, False))
