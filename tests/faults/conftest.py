"""The store that faults happen to: a ClickHouse server of our own over HTTP, or the one `FOOTFALL_TEST_DSN` names."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from schema.migrate import migrate
from schema.store import Store
from tests.house import Running, running
from tests.migrated import migrated

ROOT = Path(__file__).parents[2]
NO_TRACE = "this machine forbids tracing a running process: it needs CAP_SYS_PTRACE, or ptrace_scope 0"


def may_trace() -> bool:
    """Whether a process that is not strace's own child may be traced. A missing strace is no reason to skip."""
    assert shutil.which("strace"), "strace is missing: install it (Debian: apt-get install strace)"
    with subprocess.Popen(["sleep", "0.3"]) as other:
        asked = ["strace", "-o", "/dev/null", "-p", str(other.pid)]
        return subprocess.run(asked, capture_output=True, check=False).returncode == 0


class Server:
    """A ClickHouse server. Ours takes faults; a real one skips the test that asks for one."""

    def __init__(self, directory: Path, port: int = 0) -> None:
        self.dsn = os.environ.get("FOOTFALL_TEST_DSN", "")
        self._process: subprocess.Popen[str] | None = None
        self._control = 0
        if self.dsn:
            return
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.faults.clickhouse_http", str(directory), str(port)],
            cwd=ROOT,
            env={**os.environ, "TZ": "UTC"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        told = json.loads(self._process.stdout.readline())
        self._control, self.port = told["control"], int(told["port"])
        self.dsn = f"http://default:@127.0.0.1:{told['port']}/default"

    def fail(self, mode: str, **more: Any) -> None:
        """From now on this goes wrong (clickhouse_http.Fault)."""
        if not self._control:
            pytest.skip("a real server takes no faults")
        self._tell({"mode": mode, **more})

    def calm(self) -> int:
        """Nothing goes wrong any more; how many statements were hit."""
        return self._tell({"mode": "none"}) if self._control else 0

    def dsn_of(self, user: str, password: str = "", database: str = "footfall") -> str:
        """Where that user signs in."""
        return f"http://{user}:{password}@127.0.0.1:{self.port}/{database}"

    def refused(self) -> list[str]:
        """What anybody was refused for want of a right, since the last time."""
        connection = http.client.HTTPConnection("127.0.0.1", self._control, timeout=60)
        with contextlib.closing(connection):
            connection.request("GET", "/")
            answer: list[str] = json.loads(connection.getresponse().read())
            return answer

    def kill(self) -> None:
        """SIGKILL to the server."""
        assert self._process is not None
        self._process.kill()
        self.stop()

    def stop(self) -> None:
        if self._process is None:
            return
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.wait(120)
        self._process.stdout.close()

    def _tell(self, fault: dict[str, Any]) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self._control, timeout=60)
        with contextlib.closing(connection):
            connection.request("POST", "/", json.dumps(fault))
            hits: int = json.loads(connection.getresponse().read())
            return hits


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """Started once and migrated: ours is a copy of what is."""
    directory = tmp_path_factory.mktemp("server") / "store"
    migrated(directory)
    started = Server(directory)
    first = Store(started.dsn)
    migrate(first)
    first.close()
    yield started
    started.stop()


@pytest.fixture
def server(shared_server: Server) -> Iterator[Server]:
    """The server, with nothing wrong before and after."""
    shared_server.calm()
    yield shared_server
    shared_server.calm()


@pytest.fixture
def remote(server: Server) -> Iterator[Store]:
    """The store over HTTP."""
    opened = Store(server.dsn)
    yield opened
    server.calm()
    opened.close()


@pytest.fixture(scope="session")
def raw_house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A house behind proxies at 127.0.0.1 and in 10.0.0.0/8, whose site leaves some networks out; see raw.py."""
    excluded = 'exclude={networks=["198.51.100.0/24", "127.0.0.3/32"]}'
    arguments = (
        f'sites=[{{key="example.com", {excluded}}}]',
        'collector.trusted_proxies=["127.0.0.1/32","10.0.0.0/8"]',
    )
    sets = [word for one in arguments for word in ("--set", one)]
    with running(tmp_path_factory.mktemp("raw") / "data", *sets, sites=()) as house:
        yield house
