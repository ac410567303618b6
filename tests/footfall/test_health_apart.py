"""`footfall check` where the parts run apart: each is well by what its own user may see, and red without a store."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from schema.migrate import migrate
from schema.store import Store
from tests.faults.conftest import Server
from tests.house import eventually, footfall
from tests.migrated import migrated

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]
PARTS = ("collector", "pipeline", "dashboards")


@contextmanager
def part(name: str, data: Path, dsn: str) -> Iterator[None]:
    """One part alone, with a data directory of its own."""
    ports = () if name == "pipeline" else ("--port", "0")
    sets = ("--set", f"store.dsn={dsn}", "--site", "example.com", "--data", str(data))
    with subprocess.Popen(
        [sys.executable, "-m", "footfall", name, *ports, *sets],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            assert process.stdout.readline().startswith(f"{name}: ")
            yield
        finally:
            process.terminate()


def check(data: Path, dsn: str) -> tuple[int, dict[str, set[str]]]:
    """The exit code, and the states of every check."""
    done = footfall("check", "--json", "--data", str(data), "--set", f"store.dsn={dsn}")
    found: dict[str, set[str]] = {}
    for one in json.loads(done.stdout)["checks"]:
        found.setdefault(one["check"], set()).add(one["state"])
    return done.returncode, found


def test_parts_apart_are_well_and_each_is_red_when_the_store_is_away(tmp_path: Path) -> None:
    migrated(tmp_path / "server")
    server = Server(tmp_path / "server")
    try:
        store = Store(server.dsn)
        migrate(store)
        store.close()
        with ExitStack() as stack:
            for name in PARTS:
                stack.enter_context(part(name, tmp_path / name, server.dsn))
            for name in PARTS:
                eventually(lambda name=name: check(tmp_path / name, server.dsn)[0] == 0)
            told = {name: check(tmp_path / name, server.dsn)[1] for name in PARTS}
            assert {"worker", "job drain", "keys", "answers"} <= told["collector"].keys()
            assert {"days", "expiry", "sites", "job roll_up", "job expire"} <= told["pipeline"].keys()
            # Nothing is asked of the store for which the others have no right.
            assert not {"days", "expiry", "sites"} & (told["collector"].keys() | told["dashboards"].keys())
            server.fail("refuse")
            for name in PARTS:
                code, found = check(tmp_path / name, server.dsn)
                assert code == 1
                assert found["store"] == {"bad"}
            eventually(lambda: found_of(tmp_path, server.dsn, "pipeline", "job roll_up"))
            # A collector that has nothing to write asks nothing of the store; what waits is told by its spool.
            server.calm()
            eventually(lambda: check(tmp_path / "pipeline", server.dsn)[0] == 0)
    finally:
        server.stop()


def found_of(room: Path, dsn: str, name: str, job: str) -> bool:
    """Whether that job is not well."""
    return bool(check(room / name, dsn)[1][job] & {"warning", "bad"})
