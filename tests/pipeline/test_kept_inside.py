"""What a block releases of the children of one parent (rules N2 and N3), by hand: the fold alone, without a store."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict

import pytest

from pipeline.rollup.blocks.fold import Candidate, WaitingSum, fold, is_child
from schema.dimensions import OTHER

K = 5
DAYS = [dt.date(2046, 1, day) for day in (1, 2)]
Rows = dict[str, tuple[int, tuple[str, ...]]]  # value → people on each of both days, parents


def released(rows: Rows, least: int, with_parents: bool = True, pooled: tuple[str, ...] = ()) -> set[str]:
    """Of values that wait on two days. least: from how many visitor-days on they may be released."""
    waiting: dict[tuple[dt.date, str | None], WaitingSum] = defaultdict(WaitingSum)
    candidates = []
    for value, (people, given) in rows.items():
        parents = given if with_parents else ()
        for day in DAYS:
            waiting[day, None].add(1, people)
            for parent in parents:
                waiting[day, parent].add(1, people if is_child(value, parents) else 0)
        if 2 * people >= least:
            candidates.append(Candidate(value, not value, dict.fromkeys(DAYS, people), dict.fromkeys(DAYS, parents)))
    return fold(candidates, waiting, K, [(day, parent) for day in DAYS for parent in pooled])


DE, MT = ("DE",), ("MT",)


@pytest.mark.parametrize(
    ("rows", "inside", "by_itself"),
    [
        # MT less MT-1 would be MT-2.
        ({"DE-1": (4, DE), "DE-2": (1, DE), "DE-3": (4, DE), "MT-1": (6, MT), "MT-2": (1, MT)},
         {"DE-3"}, {"DE-3", "MT-1"}),
        # Of each parent the smallest stays where anything of it stays.
        ({"DE-1": (6, DE), "DE-2": (1, DE), "MT-1": (7, MT), "MT-2": (8, MT)}, {"MT-1", "MT-2"}, {"MT-1", "MT-2"}),
        # What is of several parents is no company, and is hidden in both.
        ({"x": (2, ("DE", "MT")), "DE-1": (6, DE), "DE-2": (9, DE), "MT-1": (7, MT), "MT-2": (9, MT)},
         {"DE-2", "MT-2"}, {"DE-2", "MT-1", "MT-2"}),
        # All of a parent may be told.
        ({"DE-1": (6, DE), "DE-2": (7, DE)}, {"DE-1", "DE-2"}, {"DE-1", "DE-2"}),
    ],
)  # fmt: skip
def test_what_stays_hidden_of_a_parent_is_several_values_of_k_people(
    rows: Rows, inside: set[str], by_itself: set[str]
) -> None:
    assert released(rows, 8) == inside
    assert released(rows, 8, with_parents=False) == by_itself


def test_of_parents_that_stay_hidden_something_stays_hidden_of_their_children() -> None:
    rows: Rows = {"DE-1": (6, DE), "DE-2": (7, DE), "MT-1": (6, MT), "IS-1": (8, ("IS",))}
    assert released(rows, 8) == {*rows}
    assert released(rows, 8, pooled=("MT", "IS")) == {"DE-1", "DE-2"}
    assert OTHER not in released(rows, 8)


def test_where_the_smallest_is_all_of_its_parent_two_of_another_go_along() -> None:
    """The empty value is too rare; of MT-1 its parent would tell how many it was, and so how many had none."""
    rows: Rows = {"": (2, ()), "MT-1": (6, MT), "DE-1": (7, DE), "DE-2": (8, DE)}
    assert released(rows, 8) == {"MT-1"}
    assert released(rows, 8, with_parents=False) == {"DE-1", "DE-2"}
    assert released({"": (2, ()), "MT-1": (6, MT), "DE-1": (7, DE)}, 8) == set()
