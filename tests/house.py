"""A real `footfall up` for tests: its own data directory, free ports, every process of it known and killable."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
_START_S = 60
_STOP_S = 15


class Running:
    """`footfall up` under test. start() may be called again after stop() or kill()."""

    def __init__(self, data: Path, *arguments: str, sites: Sequence[str] = ("example.com",)) -> None:
        self.data = data
        self.log = data.parent / f"{data.name}.log"
        self._arguments = arguments
        self._sites = sites
        self._ports: tuple[str, str] = ("0", "0")
        self._process: subprocess.Popen[str] | None = None
        self.told: dict[str, Any] = {}

    def start(self) -> Running:
        sites = [word for site in self._sites for word in ("--site", site)]
        ports = ["--port", self._ports[0], "--dashboard-port", self._ports[1]]
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "footfall", "up", "--json", "--data", str(self.data)),
                    *(*ports, *sites, *self._arguments),
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, f"footfall up did not start: {self.log.read_text()[-2000:]}"
        self.told = json.loads(line)
        # A restart keeps the ports, so that clients find it again.
        self._ports = (self.told["collector"].rsplit(":", 1)[1], self.told["dashboards"].rsplit(":", 1)[1])
        return self

    @property
    def port(self) -> int:
        return int(self._ports[0])

    def processes(self) -> list[int]:
        """The parent and all its descendants."""
        assert self._process is not None
        found, new = [self._process.pid], [self._process.pid]
        parents = _parents()
        while new:
            new = [pid for pid, parent in parents.items() if parent in new]
            found += new
        return found

    def kill(self) -> None:
        """SIGKILL to every process at once."""
        for pid in self.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        self._close()

    def stop(self) -> int:
        """SIGTERM to the parent; its exit code."""
        assert self._process is not None
        if self._process.poll() is None:
            self._process.send_signal(signal.SIGTERM)
        code = self._process.wait(_STOP_S)
        self._close()
        return code

    def _close(self) -> None:
        assert self._process is not None
        if self._process.stdout:
            self._process.stdout.close()

    def post(self, body: bytes | dict[str, Any], headers: dict[str, str] | None = None) -> tuple[int, dict[str, str]]:
        """One beacon on a connection of its own: (status, headers)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request("POST", "/api/event", data, {"User-Agent": AGENT.format(120), **(headers or {})})
            answer = connection.getresponse()
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A `footfall` command on the same data directory."""
        return footfall(*arguments, "--data", str(self.data))

    def stats(self, site: str, *arguments: str) -> dict[str, Any]:
        done = self.command("stats", site, "--json", *arguments)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


def footfall(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A `footfall` command."""
    return subprocess.run(
        [sys.executable, "-m", "footfall", *arguments], capture_output=True, text=True, timeout=180, check=False
    )


@contextlib.contextmanager
def running(data: Path, *arguments: str, sites: Sequence[str] = ("example.com",)) -> Iterator[Running]:
    """A started house that is gone afterwards, whatever happens."""
    house = Running(data, *arguments, sites=sites).start()
    try:
        yield house
    finally:
        with contextlib.suppress(ProcessLookupError, subprocess.TimeoutExpired):
            if house._process and house._process.poll() is None:
                house.stop()


def eventually(condition: Callable[[], Any], within_s: float = 20.0) -> Any:
    """The first true value of the condition; fails after that time."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        assert time.monotonic() < deadline, f"not within {within_s} s"
        time.sleep(0.1)


def _parents() -> dict[int, int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                text = (entry / "stat").read_text()
                parents[int(entry.name)] = int(text.rpartition(")")[2].split()[1])
    return parents


_QUERY = """
import json, sys
from schema.store import Store
store = Store(sys.argv[1])
print(json.dumps([store.rows(sql) for sql in sys.argv[2:]], default=str))
store.close()
"""


def rows(data: Path, *statements: str) -> list[list[list[Any]]]:
    """The rows of SELECTs on a stopped house, asked in a process of their own: a process opens one engine only."""
    done = subprocess.run(
        [sys.executable, "-c", _QUERY, f"chdb://{data / 'clickhouse'}", *statements],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answers: list[list[list[Any]]] = json.loads(done.stdout)
    return answers
