"""Arranges goals and funnels for their page.

In: goals of the period, of each day and of each value of a dimension, and steps of funnels. Out: small values a
template walks through. Promises: no number is computed here, only worded and drawn.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from itertools import groupby

from msgspec import Struct

from schema.annotations import Annotation
from schema.dimensions import DIMENSIONS, OTHER

from ..stats.conversions import Goal, GoalDay
from ..stats.funnels import StepCell
from . import format as names
from . import trend
from .cards import ValueRow
from .trend import Trend
from .wording import NOBODY, between, not_shown, told_as

# By what a goal is shown side by side.
SIDES = ("source", "page", "device")
# Of so many values of a dimension funnels are shown side by side.
MOST_SPLIT = 4


class Side(Struct, frozen=True):
    """Who reached a goal, by the values of a dimension. instead: why there is nothing."""

    dimension: str
    label: str
    lines: tuple[ValueRow, ...]
    instead: str = ""


class Bar(Struct, frozen=True):
    """A step of a funnel: whole, and lost of the step before, both in percent of the first one."""

    step: StepCell
    whole: float
    lost: float
    text: str
    loss: str


class Shape(Struct, frozen=True):
    """A funnel. of: the value whose visits alone it is of, "" for all."""

    name: str
    of: str
    bars: tuple[Bar, ...]
    since: dt.date | None


def rate(goal: Goal) -> str:
    """A rate with its sign."""
    return told_as(names.percent(goal.conversion_rate), goal.certainty)


def by_day(
    goal: str, rows: Iterable[GoalDay], days: Sequence[dt.date], notes: Sequence[Annotation] = ()
) -> tuple[Trend, Trend]:
    """How many people reached a goal, and their rate."""
    found = {row.day: row for row in rows if row.goal == goal}
    people, rates = [], []
    for day in days:
        row = found.get(day)
        if row is None:
            gap = "few or none, or no data"
            people.append(trend.Day(day, None, gap))
            rates.append(trend.Day(day, None, gap))
            continue
        people.append(trend.Day(day, row.converters, told_as(names.count(row.converters), row.certainty)))
        told = f"{names.percent(row.conversion_rate)} of {row.visitors:,}" if row.visitors else "–"
        rates.append(trend.Day(day, row.conversion_rate, told))
    return (
        trend.draw(f"People who reached {goal}", people, names.count),
        trend.draw(f"Rate of {goal}", rates, names.percent, notes=notes),
    )


def side(dimension: str, goals: Sequence[Goal] | None, most: int, instead: str) -> Side:
    """None: what is kept leaves no answer, for the reason instead."""
    about = DIMENSIONS[dimension]
    if not goals:
        return Side(dimension, about.label, (), instead if goals is None else NOBODY)
    largest = max(goal.converters for goal in goals) or 1
    lines = tuple(
        ValueRow(
            goal.goal,
            names.name_of(dimension, goal.goal),
            round(100 * goal.converters / largest, 1),
            (
                told_as(names.count(goal.converters), goal.certainty),
                names.count(goal.of_visitors or None),
                rate(goal),
                between(goal.low, goal.high),
            ),
            goal.goal == OTHER,
            not_shown(goal.not_shown_days, goal.of_days),
        )
        for goal in goals[:most]
    )
    return Side(dimension, about.label, lines)


def shapes(steps: Iterable[StepCell], of: str = "") -> list[Shape]:
    """The funnels of such steps."""
    found = []
    for name, its in groupby(steps, key=lambda step: step.funnel):
        cells = [*its]
        first = cells[0].people or 1
        bars = []
        before = cells[0].people
        for step in cells:
            whole = round(100 * step.people / first, 1)
            lost = round(100 * before / first - whole, 1) if step.is_told else 0
            bars.append(Bar(step, whole, lost, _text(step), _loss(step)))
            before = step.people
        found.append(Shape(name, of, tuple(bars), cells[0].counted_since))
    return found


def _text(step: StepCell) -> str:
    if not step.is_told:
        return "Few or none"
    people = told_as(names.count(step.people), step.certainty)
    if step.of_first is None:
        return people
    return f"{people} · {told_as(names.percent(step.of_first), step.drop_certainty)} of the first"


def _loss(step: StepCell) -> str:
    """How many went no further, and of how many; "" where nobody was before, or it is not known."""
    if step.drop is None or step.of_before is None:
        return ""
    share = told_as(names.percent(100 - step.of_before), step.drop_certainty)
    return f"{told_as(names.count(step.drop), step.drop_certainty)} went no further ({share})"


def split_by(shown: Mapping[str, list[Shape]]) -> list[tuple[str, list[Shape]]]:
    """By name of each funnel its shapes side by side. shown: by value."""
    found: dict[str, list[Shape]] = {}
    for each in shown.values():
        for shape in each:
            found.setdefault(shape.name, []).append(shape)
    return [*found.items()]
