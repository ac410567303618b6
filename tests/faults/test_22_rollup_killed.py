"""Fault 22: a rollup is killed at any statement, engine and all: a rerun gives the rows of an undisturbed run.
So are the sums of months: whoever reads them meanwhile is told what the days say."""

from __future__ import annotations

import itertools
import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.rollup.batch import Batch
from pipeline.rollup.scratch import scratch
from schema.store import Store
from tests.faults.conftest import ROOT

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(300)]


def test_what_is_not_killed_before_writes_to_memory_only(store: Store) -> None:
    with scratch(Batch(store, (), "f" * 16)):
        engines = store.rows("SELECT DISTINCT engine FROM system.tables WHERE startsWith(name, 'run_')")
    assert engines == [("Memory",)]


def test_a_rollup_killed_at_any_statement_gives_the_same_rows_when_it_runs_again(tmp_path: Path) -> None:
    undisturbed = None
    for number in itertools.count(1):
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.rolled", str(tmp_path / "engine"), str(number)],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        told = json.loads(done.stdout.splitlines()[-1])
        undisturbed = undisturbed or told["after"]
        assert all(undisturbed.values())
        assert told["after"] == undisturbed, number
        assert number == 1 or told["before"] == undisturbed, number
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert number > 12


def test_sums_of_a_month_killed_at_any_statement_never_tell_other_than_the_days(tmp_path: Path) -> None:
    for number in itertools.count(1):
        done = subprocess.run(
            [sys.executable, "-m", "tests.faults.summed", str(tmp_path / "engine"), str(number)],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        told = json.loads(done.stdout.splitlines()[-1])
        assert told["before"] == told["after"] == told["by_days"], number
        # A page of every day, one of each, in one or two makings: the one before is deleted by the next run.
        assert told["rows"][1] <= 2, number
        if done.returncode == 0:
            break
        assert done.returncode == -signal.SIGKILL, done.stderr[-2000:]
    assert number > 4
