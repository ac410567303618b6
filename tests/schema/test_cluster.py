"""The cluster's form of the tables, as far as one process can be a cluster; replication itself is not tried."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import eventually
from tests.ports import free_port

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

ROOT = Path(__file__).parents[2]
JAR = Path("/usr/share/java/zookeeper.jar")


def run(directory: Path, port: int) -> Any:
    command = [sys.executable, "-m", "tests.schema.on_cluster", str(directory / "store"), str(port)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])


def answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True


@pytest.fixture
def zookeeper(tmp_path: Path) -> Iterator[int]:
    """The port of one."""
    if not (JAR.exists() and shutil.which("java")):
        assert not os.environ.get("CI"), "zookeeper is missing: CI installs it"
        pytest.skip("ZooKeeper is missing: install it (Debian: apt-get install zookeeper)")
    port = free_port()
    config = tmp_path / "zoo.cfg"
    config.write_text(
        f"tickTime=2000\ndataDir={tmp_path}/zoo\nclientPort={port}\nclientPortAddress=127.0.0.1\nadmin.enableServer=false\n"
    )
    command = ["java", "-Xmx128m", "-cp", str(JAR), "org.apache.zookeeper.server.ZooKeeperServerMain", str(config)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            eventually(lambda: answers(port))
            yield port
        finally:
            process.kill()


def test_every_table_of_a_cluster_is_made_with_zookeeper(zookeeper: int, tmp_path: Path) -> None:
    told = run(tmp_path, zookeeper)
    replicated = sum(number for name, number in told["engines"].items() if name.startswith("Replicated"))
    assert told["engines"]["Distributed"] == replicated >= 16
    # The engine keeps replicated tables read-only: a change of one fails of that, and what builds on it.
    for statement, problem in told["failed"]:
        assert statement.startswith(("ALTER TABLE", "TRUNCATE TABLE")), (statement, problem)
        assert "TABLE_IS_READ_ONLY" in problem or "NO_SUCH_COLUMN_IN_TABLE" in problem, (statement, problem)


def test_the_pipeline_does_its_work_through_distributed_tables(tmp_path: Path) -> None:
    told = run(tmp_path, 0)
    assert told["local"] == told["counts"]
    assert told["twice"] == 1
    assert told["removed"] == 1
    assert len(told["imported"]) == 1
    counts = told["counts"]
    assert counts["events"] == 26  # two days of nine visitors and nine more today, less one who is erased
    assert counts["erasures"] == 0
    assert all(
        counts[table]
        for table in ("open_cells", "next_cells", "released_cells", "manifest", "months_cells", "expiries")
    )
