"""An attacker who reads a table by two attributes, and both of its sums, and solves for what is hidden."""

from __future__ import annotations

import random
from collections.abc import Collection

import highspy
import pytest

from pipeline.rollup.crossing import Crossed, hidden

K = 5
Pair = tuple[int, int]
Table = dict[Pair, int]
ROWS, COLUMNS, ALONG_BOTH = "row", "column", ("row", "column")


def _lines(pair: Pair, along: Collection[str] = ALONG_BOTH) -> tuple[tuple[str, int], ...]:
    return tuple((name, at) for name, at in zip(ALONG_BOTH, pair, strict=True) if name in along)


def _table(seed: int) -> Table:
    """Few to many people in each, some of nobody."""
    dice = random.Random(seed)
    rows, columns = dice.randint(2, 6), dice.randint(2, 6)
    crowded = dice.choice((0.3, 0.6, 1.2))
    found = {(a, b): int(dice.expovariate(crowded / K)) for a in range(rows) for b in range(columns)}
    return found if any(found.values()) else {(0, 0): K}


def _hidden(table: Table, along: Collection[str]) -> set[Pair]:
    there = {pair: people for pair, people in table.items() if people}
    # Nobody is in two of them.
    few: dict[tuple[str, int], int] = {}
    for pair, people in there.items():
        for line in _lines(pair):
            few[line] = few.get(line, 0) + people * (people < K)
    cells = {pair: Crossed(_lines(pair, along), people, people >= K) for pair, people in there.items()}
    return hidden(cells, {line for line, people in few.items() if people >= K})


def _pinned(table: Table, unknown: Collection[Pair]) -> list[int]:
    """The numbers of fewer than K people that follow. unknown: those that he has to solve for; he does not know which
    of them are of nobody."""
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


def _of_all(along: Collection[str], tables: int = 150) -> tuple[int, int]:
    """Of how many tables at least one is pinned, and how many cells are shown."""
    won = shown = 0
    for seed in range(tables):
        table = _table(seed)
        gone = _hidden(table, along)
        open_ = gone | {pair for pair, people in table.items() if not people}
        won += bool(_pinned(table, open_))
        shown += len(table) - len(open_)
    return won, shown


def test_nothing_follows_from_both_sums() -> None:
    won, shown = _of_all(ALONG_BOTH)
    assert won == 0
    assert shown > 300


@pytest.mark.parametrize("along", [(ROWS,), (COLUMNS,), ()])
def test_it_does_where_what_goes_along_is_of_one_sum_or_none(along: tuple[str, ...]) -> None:
    won, _ = _of_all(along)
    assert won > 5


def test_what_is_barred_takes_another_along() -> None:
    cells = {
        "a": Crossed(("row",), 9, enough=True, barred=True),
        "b": Crossed(("row",), 7, enough=True),
        "c": Crossed(("row",), 8, enough=True),
    }
    assert hidden(cells) == {"a", "b"}


def test_what_has_too_few_together_takes_one_of_enough_along() -> None:
    cells = {name: Crossed(("row",), people, people >= K) for name, people in {"a": 1, "b": 2, "c": 6, "d": 9}.items()}
    assert hidden(cells) == {"a", "b", "c"}
    assert hidden(cells, {"row"}) == {"a", "b"}
