"""An attacker who reads the pairs of days and what a week tells of the cells that these hide, and solves for both.

He knows which cells are of nobody, and of which days each sum of the week is.
"""

from __future__ import annotations

import datetime as dt
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import pytest

from pipeline.rollup.pairs.late import Key, Least, Told, Waiting, told_of
from pipeline.rollup.pairs.lines import HIDDEN, Atom, Table
from schema.pair import paired
from tests.attacks.programs import Program
from tests.conftest import times

K, LEAST = 5, Least(10, 3)
PAIR = paired("channel", "country")
FIRST = dt.date(2046, 1, 1)
Cell = tuple[int, int]
# A day and a cell, and a day.
Place = tuple[int, Cell]
Rule = Callable[[Any, Least], Told]


class Day:
    """counts: visitors by both values. kept: the values that are shown, of each dimension."""

    def __init__(self, counts: Counter[Cell]) -> None:
        self.counts = counts
        self.kept = tuple(_kept(self.sums(side)) for side in (0, 1))
        named = Counter[Cell]()
        for cell, people in counts.items():
            named[self.label(cell)] += people
        atoms = [Atom(one, (), other, (), people, people >= K) for (one, other), people in named.items()]
        enough = {cell: people for cell, people in named.items() if people >= K and HIDDEN not in cell}
        table = Table(PAIR, atoms, enough, {})
        few: Counter[Any] = Counter()
        for line, atom in table.of_few():
            few[line] += atom.people
        self.shown = table.shown({line for line, people in few.items() if people >= K})
        self.hidden = Counter({cell: people for cell, people in named.items() if cell not in self.shown})

    def label(self, cell: Cell) -> Cell:
        one, other = (part if part in kept else HIDDEN for part, kept in zip(cell, self.kept, strict=True))
        return one, other

    def sums(self, side: int) -> Counter[int]:
        found: Counter[int] = Counter()
        for cell, people in self.counts.items():
            found[cell[side]] += people
        return found

    def waiting(self) -> Iterator[tuple[Key, Waiting]]:
        for cell, people in self.hidden.items():
            lines = ("row", cell[0]), ("column", cell[1])
            named = tuple(line for line in lines if line[1] != HIDDEN)
            yield ("pair", cell), Waiting(*lines, named, people, people, people < K, HIDDEN not in cell)


def _kept(sums: Counter[int]) -> set[int]:
    """The values that a table by one dimension shows (rule R3)."""
    kept = {value for value, people in sums.items() if people >= K}
    gone = sums.keys() - kept
    while gone and kept and (len(gone) < 2 or sum(sums[value] for value in gone) < K):
        smallest = min(kept, key=lambda value: (sums[value], value))
        kept.remove(smallest)
        gone = gone | {smallest}
    return kept


def some_days(seed: int) -> list[Day]:
    """Few values and few visitors, so that circles are short and rare."""
    dice = random.Random(seed)
    rows, columns = dice.choice((3, 4, 5)), dice.choice((3, 4, 5))
    cells = [(one, other) for one in range(1, rows + 1) for other in range(1, columns + 1)]
    weights = [dice.paretovariate(0.8) * (dice.random() < 0.85) for _ in cells]
    weights[0] += 0.1
    return [
        Day(Counter(dice.choices(cells, weights, k=dice.randint(25, 90)))) for _ in range(dice.choice((2, 3, 4, 7)))
    ]


class Attacker:
    """told: by cell the days that its sum is of."""

    def __init__(self, days: Sequence[Day], told: dict[Cell, set[int]]) -> None:
        self.places = {
            (number, cell): place
            for place, (number, cell) in enumerate(
                (number, cell)
                for number, day in enumerate(days)
                for cell in sorted(day.counts)
                if cell not in day.shown
            )
        }
        self._days = days
        self._program = Program(len(self.places))
        for number, day in enumerate(days):
            mine = [place for place in self.places if place[0] == number]
            self._sum(mine)
            for side, kept in enumerate(day.kept):
                for value in kept:
                    self._sum([place for place in mine if place[1][side] == value])
        for cell, its in told.items():
            self._sum([(number, cell) for number in its])

    def _sum(self, places: Collection[Place]) -> None:
        """That they add up to what they do."""
        those = [self.places[one] for one in places if one in self.places]
        self._program.sum(those, self.people(places))

    def people(self, places: Collection[Place]) -> int:
        return sum(self._days[number].counts[cell] for number, cell in places)

    def pins(self, places: Collection[Place]) -> bool:
        """Whether they can only add up to one number."""
        return self._program.pins(self.places[one] for one in places)


def few_of(days: Sequence[Day], told: dict[Cell, set[int]]) -> Iterator[list[Place]]:
    """Cells of few of a day, and what a week keeps hidden of a cell, if these are few visitor-days."""
    left: defaultdict[Cell, list[Place]] = defaultdict(list)
    for number, day in enumerate(days):
        for cell, people in day.counts.items():
            if cell not in day.shown:
                if people < K:
                    yield [(number, cell)]
                if number not in told.get(cell, ()):
                    left[cell].append((number, cell))
    for cell, places in left.items():
        if len(places) > 1 and sum(days[number].counts[cell] for number, _ in places) < LEAST.people:
            yield places


def attacked(rule: Rule, weeks: int) -> tuple[int, int, int]:
    """How many counts of few there are, how many of them are pinned that are not by days alone, and how many
    visitor-days are told with weeks."""
    few = pinned = shown = 0
    for seed in range(weeks):
        days = some_days(seed)
        waiting = {FIRST + dt.timedelta(number): dict(day.waiting()) for number, day in enumerate(days)}
        found: Any = {key[1]: {(day - FIRST).days for day in its} for key, its in rule(waiting, LEAST).items()}
        if found:
            attacker, before = Attacker(days, found), Attacker(days, {})
            shown += sum(days[number].counts[cell] for cell, its in found.items() for number in its)
            for places in few_of(days, found):
                few += 1
                pinned += attacker.pins(places) and not before.pins(places)
    return few, pinned, shown


def all_that_is_enough(days: Any, least: Least) -> Told:
    """What a block would tell that looked at the size of its sums alone."""
    found: Any = defaultdict(list)
    for day, cells in days.items():
        for key, one in cells.items():
            if one.open:
                found[key].append(day)
    enough = {key: sum(days[day][key].people for day in its) >= least.people for key, its in found.items()}
    return {key: its for key, its in found.items() if len(its) > 1 and enough[key]}


def test_no_count_of_few_follows_from_days_and_weeks(report: Callable[[str, str], None]) -> None:
    few, pinned, shown = attacked(told_of, max(40, times(80)))
    report("a pair of days and weeks, solved for", f"{pinned} of {few} pinned, {shown} visitor-days told with weeks")
    assert few > 200
    assert shown > 200
    assert pinned == 0


@pytest.mark.parametrize("seed", [226, 488])
def test_ways_that_cost_the_same_are_no_trouble(seed: int) -> None:
    """Between lines that do not compare, the other end of a circle among them."""
    days = some_days(seed)
    assert told_of({FIRST + dt.timedelta(number): dict(day.waiting()) for number, day in enumerate(days)}, LEAST)


def test_some_do_where_only_sums_of_few_are_held_back() -> None:
    few, pinned, _ = attacked(all_that_is_enough, 20)
    assert few > 100
    assert pinned > 5
