"""Fault 14: a second owner of a spool, a data directory or an engine's directory is refused; the first is unharmed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from schema.store import Store
from tests.faults.conftest import ROOT, Server
from tests.faults.oracle import CollectorHouse, Oracle
from tests.house import eventually, footfall, rows, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

_OWN_A_SPOOL = """
import asyncio, sys
from pathlib import Path
from pipeline.settings import SpoolSettings
from pipeline.spool.spool import Spool

async def own():
    Spool(Path(sys.argv[1]), 0, SpoolSettings()).start()

asyncio.run(own())
"""
_OPEN_AN_ENGINE = """
import sys
from schema.store import Store, StoreDown
try:
    Store(sys.argv[1])
except StoreDown as problem:
    sys.exit(str(problem))
"""
_HOLD_AN_ENGINE = """
import sys
from schema.store import Store
store = Store(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""


def python(script: str, argument: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, argument], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


def test_a_second_owner_of_a_running_house_is_refused_whatever_it_wants_and_the_house_goes_on(data: Path) -> None:
    with running(data) as house:
        oracle = Oracle(house.port)
        assert oracle.post(100) == {202: 100}
        before = house.processes()
        second = footfall("up", "--data", str(data), "--port", "0", "--dashboard-port", "0")
        assert second.returncode == 1
        assert str(data) in second.stderr
        assert "another Footfall is running" in second.stderr
        spool = python(_OWN_A_SPOOL, str(data / "spool" / "worker-0"))
        assert spool.returncode != 0
        assert "another process owns it" in spool.stderr
        engine = python(_OPEN_AN_ENGINE, f"chdb://{data / 'clickhouse'}")
        assert engine.returncode == 1
        assert "store.dsn: cannot open" in engine.stderr
        assert str(data / "clickhouse") in engine.stderr
        assert oracle.post(100) == {202: 100}
        assert house.processes() == before
        assert house.stop() == 0
    [found] = rows(data, "SELECT path FROM events")
    oracle.judge([path for (path,) in found])


def test_a_command_beside_another_where_nothing_runs_is_told_that_the_other_is_at_work(data: Path) -> None:
    data.mkdir(exist_ok=True)
    other = subprocess.Popen(
        [sys.executable, "-c", _HOLD_AN_ENGINE, f"chdb://{data / 'clickhouse'}"],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    try:
        assert other.stdout
        assert other.stdout.readline() == b"open\n"
        second = footfall("import", "list", "--data", str(data))
    finally:
        other.communicate()
    assert second.returncode == 1
    assert f"data = {str(data)!r}: another command is at work there" in second.stderr
    assert "try again once it is done" in second.stderr


def test_a_second_collector_on_the_same_directory_is_refused_and_the_first_goes_on(
    remote: Store, server: Server, data: Path
) -> None:
    house = CollectorHouse(data, server.dsn).start()
    try:
        second = footfall("collector", "--data", str(data), "--port", "0", "--set", f"store.dsn={server.dsn}")
        assert second.returncode == 1
        assert "another Footfall is running" in second.stderr
        oracle = Oracle(house.port)
        assert oracle.post(100) == {202: 100}
        eventually(lambda: len(oracle.stored(remote)) == 100)
        oracle.judge(oracle.stored(remote))
        assert house.stop() == 0
    finally:
        house.kill()
