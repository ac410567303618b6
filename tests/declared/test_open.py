"""An open day of declared families goes on in steps of k people (rule N7), and a run of them may be killed anywhere."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.declared.families import asked, tree
from tests.faults.doomed import lived
from tests.test_howtos import ROOT

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.process, pytest.mark.long, pytest.mark.timeout(600)]

K = 5


@pytest.fixture(scope="module")
def where(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tree(tmp_path_factory.mktemp("tree"))


@pytest.fixture
def in_tree(where: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PYTHONPATH", f"{where}:{ROOT}")
    return where


def test_a_poller_sees_keys_go_up_by_k_people_or_not_at_all(where: Path, report: Callable[[str, str], None]) -> None:
    for family, steps in asked(where, "tests.declared.polling").items():
        few = [step for step in steps["true"] if step < K]
        report("a poller", f"of {family} {len(few)} steps of fewer than {K} people, of which he sees none")
        assert len(few) >= 10
        assert len(steps["shown"]) >= 5
        assert min(steps["shown"]) >= K


def test_a_rollup_killed_at_any_statement_gives_the_same_rows_of_all_families(in_tree: Path, tmp_path: Path) -> None:
    told = lived("tests.faults.rolled", tmp_path / "engine", in_tree, "4")
    undisturbed = told[0]["after"]
    assert undisturbed.keys() > {"exits", "choices", "places"}
    assert all(undisturbed.values())
    for number, one in enumerate(told, start=1):
        assert one["after"] == undisturbed, number
        assert number == 1 or one["before"] == undisturbed, number
    assert len(told) > 4


def test_a_block_killed_at_any_statement_is_released_once_of_all_families(in_tree: Path, tmp_path: Path) -> None:
    _, *told = lived("tests.faults.blocked", tmp_path / "engine", in_tree, "6")
    # Of choices there is one only, which days show.
    assert {"exits", "places"} < {family for family, rows in told[0]["rows"].items() if rows}
    for number, one in enumerate(told, start=1):
        assert one == told[0], number
    assert told[0]["waiting"] == 0
    assert len(told) >= 4
