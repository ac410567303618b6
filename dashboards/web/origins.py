"""Arranges where visits came from, and which pages people saw, each with the rate of a goal.

In: cells of an overview, and the goal of each value. Out: lines a template walks through. Promises: no number is
computed here, only worded; a value is called better or worse only where chance alone would hardly bring that.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from schema.dimensions import DIMENSIONS, OTHER

from ..stats.conversions import Goal
from ..stats.figures import Cell
from ..stats.interval import against
from ..stats.leaving import most_left_first
from ..stats.vitals import VitalCell
from . import format as names
from .goals import rate
from .links import keeping
from .wording import FEW, between, not_shown, told_as, worded


class Rated(Struct, frozen=True):
    """A value. numbers: by name of a metric, in words. mark: better or worse than the whole site, "" where that is not
    known. revenue: of each currency. lcp: how fast it was. few: whether it is of too few to go by. keeps: the filter
    that keeps it, "" where none can."""

    name: str
    bar: float
    numbers: Mapping[str, str]
    folded: bool
    few: bool
    least: str
    keeps: str
    reached: str = "–"
    rate: str = "–"
    interval: str = ""
    mark: str = ""
    revenue: tuple[str, ...] = ()
    lcp: VitalCell | None = None


class Origins(Struct, frozen=True):
    """The values of a dimension. instead: why there are none."""

    dimension: str
    label: str
    columns: tuple[str, ...]
    lines: tuple[Rated, ...]
    instead: str = ""


def origins(
    dimension: str,
    cells: Sequence[Cell],
    columns: Sequence[str],
    goals: Sequence[Goal],
    whole: Goal | None,
    instead: str,
) -> Origins:
    """goals: of the values the goal that is chosen. whole: the same of the whole site."""
    reached = {goal.goal: goal for goal in goals}
    largest = max((cell.visitors for cell in cells), default=0) or 1
    lines = tuple(
        _rated(dimension, cell, columns, round(100 * cell.visitors / largest, 1), reached.get(cell.value), whole)
        for cell in cells
    )
    return Origins(dimension, DIMENSIONS[dimension].label, tuple(columns), lines, "" if lines else instead)


def pages(
    cells: Sequence[Cell],
    columns: Sequence[str],
    goals: Sequence[Goal],
    whole: Goal | None,
    vitals: Sequence[VitalCell],
    most: int,
    dimension: str = "page",
) -> tuple[Rated, ...]:
    """Those first that most people left from. vitals: LCP of each."""
    reached = {goal.goal: goal for goal in goals}
    speed = {cell.value: cell for cell in vitals}
    order = most_left_first(cells)[:most]
    largest = max((cell.exits or 0 for cell in order), default=0) or 1
    return tuple(
        _rated(
            *(dimension, cell, columns, round(100 * (cell.exits or 0) / largest, 1)),
            *(reached.get(cell.value), whole, speed.get(cell.value)),
        )
        for cell in order
    )


def _rated(
    dimension: str,
    cell: Cell,
    columns: Sequence[str],
    bar: float,
    goal: Goal | None,
    whole: Goal | None,
    lcp: VitalCell | None = None,
) -> Rated:
    folded = cell.value == OTHER
    line = Rated(
        names.name_of(dimension, cell.value),
        bar,
        {name: _number(name, cell) for name in columns},
        folded,
        cell.visitors < FEW,
        not_shown(cell.not_shown_days, cell.of_days),
        keeping(dimension, cell.value),
        lcp=lcp,
    )
    return _with_goal(line, goal, whole) if goal else line


def _number(name: str, cell: Cell) -> str:
    text = worded(name, getattr(cell, name))
    if not isinstance(getattr(cell, name), int):
        return text
    return told_as(text, cell.exits_certainty if name == "exits" else cell.certainty)


def _with_goal(line: Rated, goal: Goal, whole: Goal | None) -> Rated:
    return replace(
        line,
        reached=told_as(names.count(goal.converters), goal.certainty),
        rate=rate(goal),
        interval=between(goal.low, goal.high),
        mark=against((goal.low, goal.high), (whole.low, whole.high)) if whole else "",
        revenue=tuple(told_as(names.money(one.amount, one.currency), one.certainty) for one in goal.revenue),
    )
