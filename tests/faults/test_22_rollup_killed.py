"""Fault 22: a rollup is killed at any statement, engine and all: a rerun gives the rows of an undisturbed run.
So are the sums of months: whoever reads them meanwhile is told what the days say. A block, killed anywhere, is the
same once it is closed again; and what expires is gone when the job that was cut off runs again.

Each life is an engine of its own: `make test` kills at some statements, from the first to the last, `make test-all` at
each of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipeline.rollup.batch import Batch
from pipeline.rollup.scratch import scratch
from schema.families import WAITING
from schema.store import Store
from tests.faults.conftest import ROOT
from tests.faults.doomed import lived

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(900)]


def at(some: int, *, each: int) -> pytest.MarkDecorator:
    """Killed at every so many statements, and at each of them, in how many lives at least."""
    return pytest.mark.parametrize(
        ("step", "lives"), [(some, 3), pytest.param(1, each, marks=pytest.mark.long)], ids=["some", "each"]
    )


def test_what_is_not_killed_before_writes_to_memory_only(store: Store) -> None:
    with scratch(Batch(store, (), "f" * 16)):
        engines = store.rows("SELECT DISTINCT engine FROM system.tables WHERE startsWith(name, 'run_')")
    assert engines == [("Memory",)]


@at(14, each=13)
def test_a_rollup_killed_at_any_statement_gives_the_same_rows_when_it_runs_again(
    tmp_path: Path, step: int, lives: int
) -> None:
    told = lived("tests.faults.rolled", tmp_path / "engine", ROOT, str(step))
    undisturbed = told[0]["after"]
    assert all(undisturbed.values())
    for number, one in enumerate(told, start=1):
        assert one["after"] == undisturbed, number
        assert number == 1 or one["before"] == undisturbed, number
    assert len(told) >= lives


@at(2, each=5)
def test_sums_of_a_month_killed_at_any_statement_never_tell_other_than_the_days(
    tmp_path: Path, step: int, lives: int
) -> None:
    told = lived("tests.faults.summed", tmp_path / "engine", ROOT, str(step))
    for number, one in enumerate(told, start=1):
        assert one["before"] == one["after"] == one["by_days"], number
        # A page of every day, one of each, in one or two makings: the one before is deleted by the next run.
        assert one["rows"][1] <= 2, number
    assert len(told) >= lives


@pytest.mark.parametrize(
    ("of", "lives"),
    [
        (("24",), 3),
        pytest.param(("1",), 20, marks=pytest.mark.long),
        pytest.param(("3", "days"), 5, marks=pytest.mark.long),
    ],
    ids=["some", "each", "days, too"],
)
def test_blocks_killed_at_any_statement_are_released_once_and_whole(
    tmp_path: Path, of: tuple[str, ...], lives: int
) -> None:
    _, *told = lived("tests.faults.blocked", tmp_path / "engine", ROOT, *of)
    rows = told[0]["rows"]
    # Of pairs all is shown on the days themselves.
    assert {family for family, its in rows.items() if its} == {*WAITING} - {"pairs"}
    for number, one in enumerate(told, start=1):
        assert one == told[0], number
    assert told[0]["waiting"] == 0
    assert len(told) >= lives - 1


@pytest.mark.parametrize(
    ("step", "lives"), [(30, 3), pytest.param(1, 20, marks=pytest.mark.long)], ids=["some", "each"]
)
def test_pairs_of_a_block_and_what_is_added_to_days_is_released_whole_or_not_at_all(
    tmp_path: Path, step: int, lives: int
) -> None:
    _, *told = lived("tests.faults.crossed", tmp_path / "engine", ROOT, str(step))
    whole = told[0]["after"]
    # The week has its cells, both days have pairs and segments that were added.
    assert [key.partition("-")[0].partition(" ")[0] for key in sorted(whole)] == ["pairs"] * 2 + ["segments"] * 2 + [
        "week"
    ]
    assert all(any(tables) for _, _, tables in whole.values())
    for number, one in enumerate(told, start=1):
        assert one["after"] == whole, number
        # What can be read is what will be.
        assert one["before"].items() <= whole.items(), number
    assert len(told) >= lives - 1


@at(8, each=9)
def test_an_expiry_killed_at_any_statement_leaves_nothing_once_it_runs_again(
    tmp_path: Path, step: int, lives: int
) -> None:
    _, *told = lived("tests.faults.expired", tmp_path / "engine", ROOT, str(step))
    for number, one in enumerate(told, start=1):
        assert one == {"rows": {"events 2 days, 0:00:00": 6, "visits 2 days, 0:00:00": 6}, "overdue": []}, number
    assert len(told) >= lives - 1
