"""A family that is declared is released by all rules: blocks, keys within keys, dimensions with parents, certainty.

In a process of its own, in a copy of the tree that has such families (families.py): what weeks.py tells of it is held
against what is counted by hand.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from tests.declared.families import FAMILIES, asked, tree
from tests.pipeline.test_blocks import fold

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.process]

# What tells a cell: dimension, value, and the keys.
Cell = tuple[Any, ...]


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return asked(tree(tmp_path_factory.mktemp("tree")), "tests.declared.weeks")


def cells(family: str, one: Mapping[str, Any]) -> Iterator[Cell]:
    """Those of a family that somebody's visit is in."""
    folder = one["path"].split("/")[1]
    if family == "exits":
        yield "", "", f"/{folder}"
    elif family == "choices":
        for what in ("browser", "os"):
            yield "", "", "device", what, one[what]
    else:
        for dimension in ("", "country", "region"):
            yield dimension, one.get(dimension, ""), folder, len(one["path"].split("/"))


def counted(family: str, people: list[dict[str, Any]]) -> tuple[dict[int, dict[Cell, dict[int, int]]], Counter[Any]]:
    """(by day and cell who was there, by visitor his network; by day and cell the visits)."""
    who: dict[int, dict[Cell, dict[int, int]]] = defaultdict(lambda: defaultdict(dict))
    visits: Counter[Any] = Counter()
    for one in people:
        for cell in cells(family, one):
            who[one["day"]][cell][one["visitor"]] = one["network_number"]
            visits[one["day"], cell] += 1
    return who, visits


def released(rows: list[list[Any]]) -> dict[tuple[int, Cell], tuple[int, int]]:
    return {(row[0], tuple(row[1:-2])): (row[-2], row[-1]) for row in rows}


def late(rows: list[list[Any]]) -> dict[tuple[str, int, Cell], tuple[int, int, int]]:
    """(grain, first day, cell): people, visits, and for how many days it speaks."""
    return {(row[0], row[1], tuple(row[3:-2])): (row[-2], row[-1], row[2]) for row in rows}


@pytest.mark.parametrize("family", FAMILIES)
def test_where_nothing_is_hidden_it_is_what_is_counted_by_hand(told: dict[str, Any], family: str) -> None:
    found = released(told["bare"][family])
    who, visits = counted(family, told["people"])
    days = {day for day, _ in found}
    assert len(days) >= 3
    assert found == {(day, cell): (len(each), visits[day, cell]) for day in days for cell, each in who[day].items()}


@pytest.mark.parametrize("family", ["exits", "choices"])
def test_blocks_of_keys_that_exclude_one_another_are_what_is_counted_by_hand(told: dict[str, Any], family: str) -> None:
    who, _ = counted(family, [one for one in told["people"] if one["visit"] == 0])
    shown = released(told["shown"][family])
    expected: dict[tuple[str, int, Cell], int] = {}
    # What adds up: of choices the browsers, and the systems.
    for whole in {cell[:-1] for each in who.values() for cell in each}:
        hidden = {
            (day, cell): each
            for day, its in who.items()
            for cell, each in its.items()
            if cell[:-1] == whole and (day, cell) not in shown
        }
        for grain, span in (("week", 7), ("four_weeks", 28)):
            for first in range(0, 28, span):
                for cell, n in fold(hidden, range(first, first + span)).items():
                    expected[grain, first, cell] = n
                    for day in range(first, first + span):
                        hidden.pop((day, cell), None)
    assert {one: people for one, (people, *_) in late(told["shown"][f"late_{family}"]).items()} == expected
    assert expected, "blocks have something to tell"


@pytest.mark.parametrize("family", FAMILIES)
def test_a_block_shows_what_days_hide_and_says_for_how_many(told: dict[str, Any], family: str) -> None:
    who, visits = counted(family, [one for one in told["people"] if one["visit"] == 0])
    shown, blocks = released(told["shown"][family]), late(told["shown"][f"late_{family}"])
    weeks = {(day, cell) for grain, first, cell in blocks if grain == "week" for day in range(first, first + 7)}
    assert len({cell[0] for _, _, cell in blocks}) == (3 if family == "places" else 1)
    for (grain, first, cell), (people, times, days) in blocks.items():
        span = range(first, first + (7 if grain == "week" else 28))
        without = [
            day
            for day in told["days"]
            if day in span and (day, cell) not in shown and (grain == "week" or (day, cell) not in weeks)
        ]
        assert people == sum(len(who[day][cell]) for day in without)
        assert times == sum(visits[day, cell] for day in without)
        assert days == len(without)
        assert people >= 10


def test_nothing_is_shown_of_fewer_than_k(told: dict[str, Any]) -> None:
    for family in FAMILIES:
        rows = told["shown"][family]
        assert rows
        assert min(row[-2] for row in rows) >= 5


def test_whoever_solves_for_hidden_keys_pins_none_of_them(
    told: dict[str, Any], report: Callable[[str, str], None]
) -> None:
    for family, (hidden, found, unprotected) in told["pinned"].items():
        report("a solver", f"of {hidden} hidden {family} below k, over days and blocks, {found} pinned; {unprotected}")
        assert hidden >= 20
        assert found == 0
        assert unprotected, "without complementary suppression he pins some"


def test_within_a_parent_what_is_hidden_is_nothing_or_two_values_and_k_people(told: dict[str, Any]) -> None:
    shown = released(told["shown"]["places"])
    who, _ = counted("places", [one for one in told["people"] if one["visit"] == 0])
    looked = 0
    for day, its in who.items():
        parents = {cell for cell in its if cell[0] == "country" and (day, cell) in shown}
        for _, country, *keys in parents:
            children = [c for c in its if c[0] == "region" and c[1].startswith(country) and [*c[2:]] == keys]
            hidden = [cell for cell in children if (day, cell) not in shown]
            if len(hidden) < len(children):
                looked += 1
                assert not hidden or (len(hidden) > 1 and sum(len(its[cell]) for cell in hidden) >= 5)
    assert looked


@pytest.mark.parametrize("family", FAMILIES)
def test_every_number_of_a_period_is_as_sure_as_it_says(told: dict[str, Any], family: str) -> None:
    who, visits = counted(family, [one for one in told["people"] if one["visit"] == 0])
    seen = Counter()
    for (first, last), rows in zip(((0, 27), (3, 9)), told["asked"][family], strict=True):
        for row in rows:
            keys = (row["value"], *(row[key] for key in ("what", "which", "depth") if key in row))
            people, times = ("leavers", "exits") if family == "exits" else ("visitors", "visits")
            days = [day for day in told["days"] if first <= day <= last]
            true = sum(len(who[day]["", "", *keys]) for day in days), sum(visits[day, ("", "", *keys)] for day in days)
            assert row["of_days"] == len(days)
            seen[row["certainty"]] += 1
            if row["certainty"] == "exact":
                assert (row[people], row[times]) == true
                assert row["not_shown_days"] == 0
            else:
                assert row["certainty"] == "at least"
                assert row[people] <= true[0]
                assert row[times] <= true[1]
                assert row["flags"]
    assert seen["exact"] or family == "exits"


def test_what_waits_is_kept_by_family_and_goes(told: dict[str, Any]) -> None:
    assert all(told["waiting"][f"waiting_{family}"] for family in FAMILIES)
    assert told["waits"] == 0


def test_blocks_of_it_are_digested_and_copied(told: dict[str, Any]) -> None:
    assert told["faults"] == []
    assert set(told["copied"]) == {"cells", *FAMILIES}
