"""An attacker who reads a table by two attributes, and both of its sums, and solves for what is hidden."""

from __future__ import annotations

import random
from collections.abc import Collection

import highspy
import pytest

from pipeline.rollup.suppression.two_way import Crossed, hidden

K = 5
Pair = tuple[int, int]
Table = dict[Pair, int]
ROWS, COLUMNS, ALONG_BOTH = "row", "column", ("row", "column")


def _lines(pair: Pair) -> tuple[tuple[str, int], ...]:
    return tuple(zip(ALONG_BOTH, pair, strict=True))


def _table(seed: int) -> Table:
    """Few to many people in each, some of nobody; a row or a column of too few is not told of, so there is none."""
    dice = random.Random(seed)
    rows, columns = dice.randint(2, 6), dice.randint(2, 6)
    crowded = dice.choice((0.3, 0.6, 1.2))
    found = {(a, b): int(dice.expovariate(crowded / K)) for a in range(rows) for b in range(columns)}
    return {pair: people for pair, people in found.items() if all(_sum(found, line) >= K for line in _lines(pair))}


def _sum(table: Table, line: tuple[str, int]) -> int:
    return sum(people for pair, people in table.items() if line in _lines(pair))


def _hidden(table: Table, along: Collection[str]) -> set[Pair]:
    """along: the sums that are looked at; a cell is alone in its line of another."""
    there = {pair: people for pair, people in table.items() if people}
    lines = {pair: [line if line[0] in along else (*line, pair) for line in _lines(pair)] for pair in there}
    cells = {pair: Crossed(*lines[pair], people, people >= K) for pair, people in there.items()}
    few = {pair: people for pair, people in there.items() if people < K}
    return hidden(cells, {line for pair in few for line in _lines(pair) if _sum(few, line) >= K})


def _pinned(table: Table, unknown: Collection[Pair]) -> list[int]:
    """The numbers of fewer than K people that follow. unknown: those that he has to solve for."""
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    cells = sorted(unknown)
    variables = {pair: model.addVariable(lb=0) for pair in cells}
    for line in {line for pair in cells for line in _lines(pair)}:
        among = [pair for pair in cells if line in _lines(pair)]
        model.addConstr(sum(variables[pair] for pair in among) == sum(table[pair] for pair in among))
    found = []
    for pair in cells:
        if 0 < table[pair] < K:
            model.minimize(variables[pair])
            least = model.getObjectiveValue()
            model.maximize(variables[pair])
            if model.getObjectiveValue() - least < 1e-6:
                found.append(table[pair])
    return found


def _of_all(along: Collection[str], tables: int = 200, knows: bool = False) -> tuple[int, int]:
    """Of how many tables at least one is pinned that is not by the sums alone, and how many cells are shown. knows:
    which cells are of nobody."""
    won = shown = 0
    for table in map(_table, range(tables)):
        gone = _hidden(table, along)
        nobody = {pair for pair, people in table.items() if not people}
        unknown = gone if knows else gone | nobody
        by_sums = _pinned(table, table.keys() - nobody if knows else table.keys())
        won += len(_pinned(table, unknown)) > len(by_sums)
        shown += len(table) - len(gone | nobody)
    return won, shown


@pytest.mark.slow
@pytest.mark.parametrize("knows", [False, True])
def test_nothing_follows_from_both_sums(knows: bool) -> None:
    won, shown = _of_all(ALONG_BOTH, knows=knows)
    assert won == 0
    assert shown > 300


@pytest.mark.parametrize("along", [(ROWS,), (COLUMNS,), ()])
def test_it_does_where_what_goes_along_is_of_one_sum_or_none(along: tuple[str, ...]) -> None:
    won, _ = _of_all(along, 40)
    assert won > 5


def test_two_circles_are_not_joined_by_one_cell_of_few() -> None:
    """Each of its lines hides two or more, and still it would follow."""
    few = {(row, column): 2 for row in (0, 1) for column in (0, 1)} | {
        (row, column): 2 for row in (2, 3) for column in (2, 3)
    }
    table = {(row, column): 9 for row in range(4) for column in range(4)} | few | {(1, 2): 1}
    gone = _hidden(table, ALONG_BOTH)
    assert _pinned(table, {*few, (1, 2)}) == [1]
    assert gone > {*few, (1, 2)}
    assert _pinned(table, gone) == []


def test_what_is_barred_takes_another_along() -> None:
    cells = {
        "a": Crossed("row", "1", 9, enough=True, barred=True),
        "b": Crossed("row", "2", 7, enough=True),
        "c": Crossed("row", "3", 8, enough=True),
    }
    assert hidden(cells) == {"a", "b"}


def test_what_has_too_few_together_takes_one_of_enough_along() -> None:
    people = {"a": 1, "b": 2, "c": 6, "d": 9}
    cells = {name: Crossed("row", name, many, many >= K) for name, many in people.items()}
    assert hidden(cells) == {"a", "b", "c"}
    assert hidden(cells, {"row"}) == {"a", "b"}
