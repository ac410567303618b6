"""What a released day tells of goals and pairs, beside which who of an added segment reached a goal is told (rule N6).

In: the goals and pairs of a released day that is staged again. Out: what segments/goals.py goes by. Promises: a goal is
looked at within segments only where what is left of the day is what it tells of the goal; whatever it tells of others
is told all the same.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from schema.families import FAMILIES
from schema.manifest import ADDED_PAIRS
from schema.pair import Pair

from ..batch import Batch
from ..segments.goals import Then
from .counted_before import OF_DAY, CountedBefore

_CONVERSIONS = FAMILIES["conversions"]
# By goal, as the staged day calls it, and currency: converters, conversions, what they paid, payers.
_Numbers = Mapping[tuple[str, str], tuple[int, ...]]


def then_told(
    of: Batch,
    goals: Sequence[CountedBefore],
    asked: Collection[str],
    pairs: Collection[Pair],
    sections: Mapping[str, str],
) -> Then:
    """goals: those that were counted. asked: those of them that are to be told within segments, if they can."""
    then, now = _told(of, goals), _staged(of)
    same = {one for one, numbers in then.items() if now.get(one) == numbers}
    told = [one.staged for one in goals if (one.staged, "") in then]
    paid = {
        (0, goal, currency)
        for goal, currency in same
        if currency and (of.days[0].rules.k == 1 or _everybody_paid(then, goal, currency))
    }
    mine = [goal for goal in told if goal in asked and (goal, "") in same]
    return Then(({0: told}, paid), {0: mine}, [pairs], _cells, sections)


def differ(of: Batch, goals: Sequence[CountedBefore]) -> bool:
    """Whether others reach one of these now than whom the day tells of it, such as one whose properties visits did not
    keep: then nobody can hold anything against it."""
    told = {goal: converters for (goal, currency), (converters, *_) in _told(of, goals).items() if not currency}
    # All of them, be they enough by the rules of now or not.
    rows = "SELECT goal, sum(people) FROM {conversions} WHERE dimension = '' AND currency = '' GROUP BY goal"
    now = {goal: int(people) for goal, people in of.store.rows(of.naming(rows))} if told else {}
    return any(now.get(goal, 0) != converters for goal, converters in told.items())


def _everybody_paid(told: _Numbers, goal: str, currency: str) -> bool:
    (converters, *_), (*_, payers) = told.get((goal, ""), (0,)), told[goal, currency]
    return converters == payers


_NUMBERS = ", ".join(_CONVERSIONS.measure_names)
_WHOLE = f"{OF_DAY} AND dimension = ''"


def _told(of: Batch, goals: Sequence[CountedBefore]) -> _Numbers:
    called = {(one.grain, one.name if not one.grain else ""): one.staged for one in goals}
    rows = of.store.rows(
        f"""SELECT '', toString(goal), currency, {_NUMBERS} FROM released_conversions WHERE {of.mine} AND {_WHOLE}
        UNION ALL SELECT toString(grain), '', currency, {_NUMBERS} FROM late_conversions
        WHERE {of.mine} AND dimension = '' AND by_dimension = '' AND grain IN {{goal_grains:Array(String)}}""",
        of.named | {"goal_grains": [one.grain for one in goals if one.grain]},
    )
    return {
        (called[grain, name], currency): (*numbers,)
        for grain, name, currency, *numbers in rows
        if (grain, name) in called
    }


def _staged(of: Batch) -> _Numbers:
    rows = of.store.rows(
        f"SELECT goal, currency, {_NUMBERS} FROM staging_conversions WHERE {of.mine} AND {_WHOLE}", of.named
    )
    return {(goal, currency): (*numbers,) for goal, currency, *numbers in rows}


def _cells(of: Batch, pair: Pair) -> str:
    """Of a released day, and what was added to it."""
    select = "SELECT toUInt16(0) AS d, value, by_value, visitors FROM"
    rows = f"WHERE {of.mine} AND dimension = '{pair.one}' AND by_dimension = '{pair.other}'"
    added = f"startsWith(toString(grain), '{ADDED_PAIRS}')"
    return f"{select} released_pairs {rows} UNION ALL {select} late_pairs {rows} AND {added}"
