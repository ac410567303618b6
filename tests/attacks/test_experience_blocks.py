"""Who looks at conversion rates of days, weeks and four weeks solves for what no single one of them tells."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence

import highspy
import pytest

from pipeline.rollup.cells.waiting_rates import Told, parts_of, told_of
from pipeline.rollup.rule import Rule
from pipeline.rollup.suppression.conversion_by_speed import (
    LAYOUTS,
    UNMEASURED,
    Cell,
    Layout,
    Side,
    Table,
    added,
    layout_of,
    shown_of,
)
from schema.experience import BANDS, TOGETHER
from schema.store import Store
from tests.attacks.solver import bounds_of
from tests.conftest import times
from tests.pipeline.weeks import Weeks

pytestmark = pytest.mark.slow
EVERY, GOALS, SIDES = (*BANDS, UNMEASURED), ("Buy", "Sign up", "Read"), (True, False)
OF_DAYS, OF_BLOCKS = Rule(5, 5), Rule(10, 3)
# Two short weeks, and the block of both.
DAYS = [dt.date(2046, 1, 1) + dt.timedelta(days=number) for number in range(6)]
WEEK_OF = {day: DAYS[number // 3 * 3] for number, day in enumerate(DAYS)}
# Of a goal, a day and a band how many reached it (True), or did not.
Key = tuple[str, dt.date, str, bool]
# A goal, bands as they are called, of which days; how many people, and how many of them reached it.
Line = tuple[str, str, Sequence[dt.date], int, int]
Waiting = Mapping[str, Mapping[dt.date, Table]]
Telling = Callable[..., tuple[Layout, dict[str, Table]]]


def crowd(chance: random.Random) -> Counter[Key]:
    """For each goal the same people."""
    found: Counter[Key] = Counter()
    sizes = {band: chance.choice((0, 1, 3, 12, 40)) + 30 * (band == "good") for band in EVERY}
    for day, (band, size) in itertools.product(DAYS, sizes.items()):
        for _ in range(int(size * chance.choice((0.3, 1, 1, 3)))):
            for goal, rate in zip(GOALS, (0.1, 0.3, 0.5), strict=True):
                found[goal, day, band, chance.random() < rate] += 1
    return found


def table_of(of: Counter[Key], goal: str, day: dt.date) -> Table:
    """Everybody is from a network of his own."""
    sides = {key: Side(number, frozenset((*key, n) for n in range(number))) for key, number in of.items()}
    return {
        band: Cell(*(sides.get((goal, day, band, yes), Side()) for yes in SIDES)) for band in EVERY
    }  # fmt: skip


def lines_of(layout: Layout, tables: Mapping[str, Table], days: Callable[[str], Sequence[dt.date]]) -> list[Line]:
    return [
        (goal, band, days(goal), cell.everybody.people, cell.reached.people)
        for goal, table in tables.items()
        for band, cell in shown_of(table, layout).items()
    ]


def published(of: Counter[Key], telling: Telling) -> list[Line]:
    """What is told, from day to day, then of each week, then of both."""
    lines: list[Line] = []
    told: dict[dt.date, Told] = {}
    weeks: dict[dt.date, Told] = {}
    waiting: dict[str, dict[dt.date, Table]] = {goal: {} for goal in GOALS}
    for day in DAYS:
        tables = {goal: table_of(of, goal, day) for goal in GOALS}
        layout, goals = layout_of(tables, OF_DAYS)
        lines += lines_of(layout, {goal: tables[goal] for goal in goals}, lambda _, day=day: [day])  # type: ignore[misc]
        if goals:
            told[day] = Told(parts_of(name for goal in goals for name in shown_of(tables[goal], layout)))
        for goal in {*GOALS} - {*goals}:
            waiting[goal][day] = tables[goal]
    for first in dict.fromkeys(WEEK_OF.values()):
        its = {
            goal: {day: one for day, one in by_day.items() if WEEK_OF[day] == first} for goal, by_day in waiting.items()
        }
        layout, tables = telling({goal: one for goal, one in its.items() if one}, told, {}, WEEK_OF, OF_BLOCKS)
        lines += lines_of(layout, tables, lambda goal, its=its: [*its[goal]])  # type: ignore[misc]
        if tables:
            weeks[first] = Told(
                parts_of(name for one in tables.values() for name in shown_of(one, layout)), frozenset(tables)
            )

    def left(goal: str) -> list[dt.date]:
        return [day for day in waiting[goal] if WEEK_OF[day] not in weeks or goal not in weeks[WEEK_OF[day]].goals]

    waits = {goal: one for goal, one in waiting.items() if one}
    return lines + lines_of(*telling(waits, told, weeks, WEEK_OF, OF_BLOCKS), left)


class Solver:
    """Linear programs over the rates, and over what is told of goals, vitals and visitors of each day."""

    def __init__(self, of: Counter[Key], lines: Iterable[Line]) -> None:
        self._places = {key: place for place, key in enumerate(itertools.product(GOALS, DAYS, EVERY, SIDES))}
        self._model = highspy.Highs()
        self._model.setOptionValue("output_flag", False)
        for _ in self._places:
            self._model.addVar(0, 10_000)
        for goal, day in itertools.product(GOALS, DAYS):
            for bands, sides in ((EVERY, (True,)), (BANDS, SIDES), (EVERY, SIDES)):
                keys = [*itertools.product((goal,), (day,), bands, sides)]
                self._sum(keys, total=sum(of[key] for key in keys))
            for band in EVERY:
                self._sum([(goal, day, band, yes) for yes in SIDES], [(GOALS[0], day, band, yes) for yes in SIDES])
        for goal, name, days, people, reached in lines:
            for sides, total in (((True,), reached), (SIDES, people)):
                self._sum([*itertools.product((goal,), days, name.split(TOGETHER), sides)], total=total)

    def _sum(self, keys: Sequence[Key], less: Sequence[Key] = (), total: int = 0) -> None:
        if keys != less:
            places = [self._places[key] for key in (*keys, *less)]
            self._model.addRow(total, total, len(places), places, [1.0] * len(keys) + [-1.0] * len(less))

    def learns(self, of: Counter[Key], when: Iterable[Sequence[dt.date]]) -> set[tuple[object, ...]]:
        """Sums of days of which he knows that they are of fewer than k: who reached a goal, who did not (also nobody,
        where somebody is in the band), and both together."""
        found = set()
        for goal, days, band, sides in itertools.product(GOALS, when, EVERY, ((True,), (False,), SIDES)):
            keys = [*itertools.product((goal,), days, (band,), sides)]
            number = sum(of[key] for key in keys)
            somebody = any(of[goal, day, band, yes] for day in days for yes in SIDES)
            if number < OF_DAYS.k and somebody and self._is_pinned(keys, number):
                found.add((goal, tuple(days), band, sides))
        return found

    def _is_pinned(self, keys: Sequence[Key], right: int) -> bool:
        lowest, highest = bounds_of(self._model, (self._places[key] for key in keys))
        least, most = math.ceil(lowest - 1e-6), math.floor(highest + 1e-6)
        assert least <= right <= most, "he understands what he reads"
        return least == most


def all_that_waits(
    waiting: Waiting, _: object, weeks: Mapping[dt.date, Told], *__: object
) -> tuple[Layout, dict[str, Table]]:
    """A block without the rule: each goal's sums, where as many are in each band."""
    tables = {
        goal: added(
            one for day, one in by_day.items() if WEEK_OF[day] not in weeks or goal not in weeks[WEEK_OF[day]].goals
        )
        for goal, by_day in waiting.items()
    }
    return LAYOUTS[0], {
        goal: one
        for goal, one in tables.items()
        if all(one[band].everybody.people >= OF_BLOCKS.k for band in BANDS if band in one)
    }


def test_nobody_pins_fewer_than_k_over_days_and_blocks(report: Callable[[str, str], None]) -> None:
    when = [*([day] for day in DAYS), DAYS[:3], DAYS[3:], DAYS]
    lines = pinned = without = 0
    for seed in range(max(12, times(24))):
        of = crowd(random.Random(seed))
        its = published(of, told_of)
        anyway = Solver(of, ()).learns(of, when)
        pinned += len(Solver(of, its).learns(of, when) - anyway)
        lines += sum(len(days) > 1 for _, _, days, *_ in its)
        if seed < 4:
            without += len(Solver(of, published(of, all_that_waits)).learns(of, when) - anyway)
    report("a solver", f"with {lines} rates of blocks {pinned} numbers below k pinned, of 4 crowds {without} without")
    assert lines > 20
    assert without
    assert not pinned


@pytest.mark.clickhouse
def test_a_week_tells_the_rates_that_none_of_its_days_does(store: Store) -> None:
    house = Weeks(store)
    for day in range(7):
        for visitor in range(26):
            band = {0: 900.0, 1: 9000.0}.get(visitor % 2) if visitor < 20 else None
            house.visit(day, visitor)
            if band is not None:
                house.visit(day, visitor, at=60, name="engagement", lcp=band)
            # Four of the fast ones, two of the slow ones, and two of whom nothing was measured.
            if visitor in (0, 2, 4, 6, 1, 3, 20, 21):
                house.visit(day, visitor, at=70, name="signup")
    house.close(after=7)
    assert house.stats(0, 5, "experience")["rows"] == []
    rows = house.stats(0, 6, "experience", "vital==lcp")["rows"]
    columns = ("value", "goal", "band", "visitors", "converters", "not_shown_days", "certainty")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("lcp", "Sign up", "good", 70, 28, 0, "exact"),
        ("lcp", "Sign up", "poor", 70, 14, 0, "exact"),
    ]
