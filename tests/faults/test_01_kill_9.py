"""Fault 1: kill -9 between any two steps, and at random: what was acknowledged is stored once or in quarantine."""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from schema.store import Store
from tests.conftest import times
from tests.faults.conftest import ROOT, Server
from tests.faults.killed import FIRST, POISON, SECOND

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(1200)]

# At random: half as many in `make test`, ten times as many in `make test-all`. There a writer, whose lives are longest,
# is killed at each step, else at every third.
KILLS = 20
at_each = pytest.mark.parametrize("stride", [3, pytest.param(1, marks=pytest.mark.long)])


def killed(*arguments: str) -> list[dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.killed", *arguments],
        cwd=ROOT, capture_output=True, text=True, timeout=1100, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]


def stored(store: Store, site: str) -> dict[str, list[int]]:
    found: dict[str, list[int]] = {}
    for key, visitor in store.rows("SELECT site, visitor FROM events WHERE startsWith(site, {s:String})", {"s": site}):
        found.setdefault(key, []).append(visitor)
    return found


def judged(runs: list[dict[str, Any]], everything: set[int]) -> None:
    """found: what is stored or waits in a sealed file. In every run nothing acknowledged is missing, nothing doubled;
    the last run came to its end."""
    *cut, whole = runs
    assert (whole["code"], whole["step"], set(whole["found"])) == ([0], [], everything)
    for run in runs:
        where = run["step"]
        assert (run["rested"], run["strange"]) == (0, []), where
        assert set(run["acknowledged"]) <= {*run["found"], *run["quarantined"]}, where
        assert set(run["found"]) <= everything, where
        assert len(set(run["found"])) == len(run["found"]), where
    assert all(run["code"] == [-signal.SIGKILL] for run in cut)


def kinds(runs: list[dict[str, Any]]) -> set[str]:
    return {step.split()[0] for run in runs for step in run["step"]}


def test_a_spool_killed_at_any_step_holds_what_it_acknowledged_once(tmp_path: Path) -> None:
    runs = killed("steps", str(tmp_path), "", "spool", "1")
    judged([run | {"found": run["sealed"]} for run in runs], {each for group in (*FIRST, *SECOND) for each in group})
    assert {"create", "write", "sync", "truncate", "fsync", "rename"} <= kinds(runs)


@at_each
def test_a_writer_killed_at_any_step_stores_or_quarantines_everything_once(
    remote: Store, server: Server, tmp_path: Path, stride: int
) -> None:
    site = f"kill-{secrets.token_hex(4)}"
    runs = killed("steps", str(tmp_path), server.dsn, site, str(stride))
    found = stored(remote, site)
    assert not [run["sealed"] for run in runs if run["sealed"]]
    sent = {each for group in FIRST for each in group}
    judged([run | {"found": found.get(run["site"], [])} for run in runs], sent - {POISON})
    assert [run["step"] for run in runs if run["quarantined"] != [POISON]] == []
    assert stride > 1 or {"create", "fsync", "rename", "unlink", "insert", "inserted"} <= kinds(runs)


def test_killed_again_and_again_at_random_nothing_acknowledged_is_lost_and_nothing_doubled(
    remote: Store, server: Server, tmp_path: Path
) -> None:
    site = f"random-{secrets.token_hex(4)}"
    (told,) = killed("random", str(tmp_path), server.dsn, site, str(times(KILLS)))
    found = stored(remote, site)[site]
    assert (told["rested"], told["strange"], told["sealed"], told["quarantined"]) == (0, [], [], [])
    assert len(told["acknowledged"]) > times(KILLS)
    assert not set(told["acknowledged"]) - set(found)
    assert len(set(found)) == len(found)
