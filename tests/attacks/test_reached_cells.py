"""An attacker who reads a table by two dimensions, and of goals who reached them: by both dimensions, and in cells. He
knows which cells are of nobody, and solves for all else."""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

import highspy
import numpy as np
import pytest
from msgspec import structs

from pipeline.rollup.pairs import reached as pair_reached
from pipeline.rollup.pairs.lines import Atom, Cell, Table
from pipeline.rollup.pairs.reached import Day, Goal, Reaching, told_of
from pipeline.rollup.rule import Rule
from schema.pair import Pair, paired
from tests.attacks.solver import bounds_of
from tests.conftest import times

K = 5
PAIR = Pair("country", "device")
RULE = Rule(K, 1)
ONE = (1,)
Numbers = dict[Cell, int]


class Grid:
    """People by both values, each with the goals that he reached, a bit for each."""

    def __init__(self, seed: int, size: int, rates: Sequence[float]) -> None:
        dice = random.Random(seed)
        self.places, self.goals = range(1, size + 1), range(len(rates))
        self.who: dict[Cell, list[int]] = {}
        while not self.who or any(n < K for table in self.tables for n in self._sums(table).values()):
            self.who = {}
            for cell in ((one, other) for one in self.places for other in self.places):
                many = min(int(dice.paretovariate(0.5)), 30) if dice.random() < 0.75 else 0
                if many:
                    self.who[cell] = [_mask(dice, rates) for _ in range(many)]

    def reached(self, bit: int) -> Numbers:
        return {cell: sum(mask >> bit & 1 for mask in masks) for cell, masks in self.who.items()}

    @property
    def people(self) -> Numbers:
        return {cell: len(masks) for cell, masks in self.who.items()}

    @property
    def tables(self) -> list[Numbers]:
        return [self.people, *map(self.reached, self.goals)]

    def _sums(self, table: Numbers) -> Counter[tuple[str, int]]:
        found: Counter[tuple[str, int]] = Counter({(name, place): 0 for name in _names() for place in self.places})
        for cell, people in table.items():
            for value in zip(_names(), cell, strict=True):
                found[value] += people
        return found

    def shown(self) -> set[Cell]:
        """The cells that the pair tells."""
        atoms = [Atom(one, (), other, (), n, n >= K) for (one, other), n in self.people.items()]
        table = Table(PAIR, atoms, _enough(self.people), {})
        few: Counter[Any] = Counter()
        for line, atom in table.of_few():
            few[line] += atom.people
        return table.shown({line for line, people in few.items() if people >= K})

    def told(self, shown: Collection[Cell]) -> dict[int, set[Cell]]:
        masks = {(one, (), other, ()): sorted({*its}) for (one, other), its in self.who.items()}
        goals = [self._goal(bit, self.reached(bit)) for bit in self.goals]
        return told_of(Day(RULE, {PAIR: shown}, {PAIR: masks}), goals).get(PAIR, {})

    def _goal(self, bit: int, table: Numbers) -> Goal:
        atoms = [
            Reaching(one, (), other, (), n, n >= K, lone=n, networks=ONE) for (one, other), n in table.items() if n
        ]
        return Goal(bit, {**self._sums(table)}, {PAIR: atoms}, {PAIR: _enough(table)})


def _mask(dice: random.Random, rates: Sequence[float]) -> int:
    return sum((dice.random() < rate) << bit for bit, rate in enumerate(rates))


def _names() -> tuple[str, str]:
    return PAIR.one, PAIR.other


def _enough(table: Numbers) -> Numbers:
    return {cell: people for cell, people in table.items() if people >= K}


class Solver:
    """His unknowns are the people of each cell by which goals they reached."""

    def __init__(self, grid: Grid, shown: Collection[Cell], told: dict[int, set[Cell]]) -> None:
        self._masks, self._cells = range(1 << len(grid.goals)), [*grid.who]
        self._model = highspy.Highs()
        self._model.setOptionValue("output_flag", False)
        for _ in range(len(self._cells) * len(self._masks)):
            self._model.addVar(0, 1e6)
        for bit, table in enumerate(grid.tables, start=-1):
            lines: defaultdict[tuple[int, int], list[Cell]] = defaultdict(list)
            for cell in table:
                for along, place in enumerate(cell):
                    lines[along, place].append(cell)
            singles = shown if bit < 0 else told.get(bit, ())
            for cells in (*lines.values(), *([cell] for cell in singles)):
                places = [place for cell in cells for place in self._places(cell, bit)]
                people = sum(table[cell] for cell in cells)
                self._model.addRow(people, people, len(places), np.array(places, np.int32), np.ones(len(places)))

    def _places(self, cell: Cell, bit: int) -> list[int]:
        first = self._cells.index(cell) * len(self._masks)
        return [first + nth for nth, mask in enumerate(self._masks) if bit < 0 or mask >> bit & 1]

    def pins(self, cell: Cell, bit: int) -> bool:
        least, most = bounds_of(self._model, self._places(cell, bit))
        return most - least < 1e-6


def _few(grid: Grid) -> Iterator[tuple[Cell, int]]:
    for bit, table in enumerate(grid.tables, start=-1):
        yield from ((cell, bit) for cell, people in table.items() if 0 < people < K)


def attacked(grids: Sequence[Grid]) -> tuple[int, int, int]:
    """How many counts of few there are, how many of them are pinned that are not by the sums and the pair, and how many
    cells of goals are told."""
    many = pinned = cells = 0
    for grid in grids:
        shown = grid.shown()
        told = grid.told(shown)
        solver, before = (Solver(grid, shown, one) for one in (told, {}))
        cells += sum(map(len, told.values()))
        for few in _few(grid):
            many += 1
            pinned += solver.pins(*few) and not before.pins(*few)
    return many, pinned, cells


def test_nothing_follows_of_few(report: Callable[[str, str], None]) -> None:
    grids = [Grid(seed, 6, (0.4, 0.6)) for seed in range(times(40))]
    grids += [Grid(seed, 5, (0.9,)) for seed in range(times(60))]
    many, pinned, cells = attacked(grids)
    report("goals in the cells of a pair", f"{pinned} of {many} pinned, {cells} cells told")
    assert cells > len(grids)
    assert pinned == 0


def test_it_does_where_a_cell_that_everybody_reached_is_on_circles(monkeypatch: pytest.MonkeyPatch) -> None:
    reaching = pair_reached._reaching

    def never_full(*given: Any) -> Reaching:
        return structs.replace(reaching(*given), full=False)

    monkeypatch.setattr(pair_reached, "_reaching", never_full)
    monkeypatch.setattr(pair_reached, "_hides", lambda _: True)
    _, pinned, _ = attacked([Grid(seed, 5, (0.9,)) for seed in range(60)])
    assert pinned > 0


# -- two tables of the same people -------------------------------------------------------------------------------------

# Who reached a goal, by country, device and screen (places from 1 on): those of the first
# country have the first device.
_BY_COUNTRY = {(1, 1): 6, (1, 2): 6, (1, 3): 3, (2, 1): 7, (3, 1): 7, (2, 2): 9, (3, 2): 6, (2, 3): 5, (3, 3): 5}
_BY_DEVICE = {(1, 1): 6, (1, 2): 6, (1, 3): 3, (2, 1): 9, (3, 1): 5, (2, 2): 5, (3, 2): 10, (2, 3): 5, (3, 3): 5}
_BY_BOTH = {(1, 1): 15, (2, 2): 9, (2, 3): 12, (3, 2): 10, (3, 3): 8}


def _tables() -> dict[Pair, Numbers]:
    each = ("country", "screen", _BY_COUNTRY), ("device", "screen", _BY_DEVICE), ("country", "device", _BY_BOTH)
    found = {}
    for one, other, table in each:
        pair = paired(one, other)
        turned = pair.one != one
        found[pair] = {(cell[::-1] if turned else cell): people for cell, people in table.items()}
    return found


def _untold() -> set[int]:
    """Of the first country, which is the first device, the screens of which neither table tells who reached it."""
    tables = _tables()
    values: Counter[tuple[str, int]] = Counter()
    for pair, table in tables.items():
        for cell, people in table.items() if pair != paired("country", "device") else ():
            for value in zip((pair.one, pair.other), cell, strict=True):
                values[value] += people
    values = Counter({value: people // (1 + (value[0] == "screen")) for value, people in values.items()})
    atoms = {
        pair: [Reaching(one, (), other, (), n, n >= K, lone=n, networks=ONE) for (one, other), n in table.items()]
        for pair, table in tables.items()
    }
    goal = Goal(0, values, atoms, {pair: _enough(table) for pair, table in tables.items()})
    masks = {pair: {(one, (), other, ()): [0, 1] for one, other in table} for pair, table in tables.items()}
    told = told_of(Day(RULE, {pair: {*table} for pair, table in tables.items()}, masks), [goal])
    left = {1, 2, 3}
    for pair, cells in ((paired(name, "screen"), ["country", "device"]) for name in ("country", "device")):
        for cell in told.get(pair, {}).get(0, ()):
            values_of = dict(zip((pair.one, pair.other), cell, strict=True))
            if any(values_of.get(name) == 1 for name in cells):
                left.discard(values_of["screen"])
    return left


def test_a_row_that_two_tables_tell_leaves_two_cells_open() -> None:
    assert len(_untold()) > 1


def test_it_leaves_one_where_they_are_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_reached, "repeats", lambda *_: set())
    assert _untold() == {3}
