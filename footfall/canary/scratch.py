"""An instance to try things on: a real `footfall up` with its own data directory, every process known and killable.

In: a data directory and arguments. Out: a running instance; it can be stopped, killed and started again.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:{0}.0) Gecko/20100101 Firefox/{0}.0"
_STOP_S = 60

_QUERY = """
import json, sys
from schema.store import Store
store = Store(sys.argv[1])
print(json.dumps([store.rows(sql) for sql in sys.argv[2:]], default=str))
store.close()
"""


class Scratch:
    """`footfall up` on free ports. start() may be called again after stop() or kill()."""

    def __init__(self, data: Path, *arguments: str, sites: Sequence[str] = ("example.com",)) -> None:
        self.data = data
        self.log = data.parent / f"{data.name}.log"
        self._arguments = arguments
        self._sites = sites
        self._ports: tuple[str, str] = ("0", "0")
        self._process: subprocess.Popen[str] | None = None
        self.told: dict[str, Any] = {}

    def start(self) -> Self:
        sites = [word for site in self._sites for word in ("--site", site)]
        ports = ["--port", self._ports[0], "--dashboard-port", self._ports[1]]
        self._process = self._launched("up", "--json", "--data", str(self.data), *ports, *sites, *self._arguments)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            self._process.wait(_STOP_S)
            self._close()
            raise RuntimeError(f"footfall up did not start: {self.log.read_text()[-2000:]}")
        self.told = json.loads(line)
        # A restart keeps the ports, so that clients find it again.
        self._ports = (self.told["collector"].rsplit(":", 1)[1], self.told["dashboards"].rsplit(":", 1)[1])
        return self

    def _launched(self, *arguments: str) -> subprocess.Popen[str]:
        """The command, running, with its standard output in a pipe and its standard error at the end of the log."""
        with self.log.open("a") as log:
            return subprocess.Popen(  # noqa: S603 - our own interpreter and module
                [sys.executable, "-m", "footfall", *arguments], stdout=subprocess.PIPE, stderr=log, text=True
            )

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

    def children(self, role: str) -> list[int]:
        """The parent's children of that role: "collector", "engine" …"""
        found = []
        for pid in self.processes()[1:]:
            with contextlib.suppress(OSError):
                words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
                if "footfall.roles" in words and words[words.index("footfall.roles") + 1] == role:
                    found.append(pid)
        return found

    def kill(self) -> None:
        """SIGKILL to every process at once; none of them holds anything any more, such as a port, when it returns."""
        killed = self.processes()
        for pid in killed:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        assert self._process is not None
        self._process.wait()
        while any(map(_lives, killed)):
            time.sleep(0.01)
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

    def post(
        self, body: bytes | dict[str, Any], headers: dict[str, str] | None = None, path: str = "/api/event"
    ) -> tuple[int, dict[str, str]]:
        """One beacon on a connection of its own: (status, headers)."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            data = body if isinstance(body, bytes) else json.dumps(body).encode()
            connection.request("POST", path, data, {"User-Agent": AGENT.format(120), **(headers or {})})
            answer = connection.getresponse()
            answer.read()
            return answer.status, {name.lower(): value for name, value in answer.getheaders()}
        finally:
            connection.close()

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A `footfall` command on the same data directory."""
        return footfall(*arguments, "--data", str(self.data))


def footfall(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A `footfall` command."""
    return subprocess.run(  # noqa: S603 - our own interpreter and module
        [sys.executable, "-m", "footfall", *arguments], capture_output=True, text=True, timeout=400, check=False
    )


def rows(data: Path, *statements: str) -> list[list[list[Any]]]:
    """The rows of SELECTs on a stopped instance, asked in a process of their own: a process opens one engine only."""
    done = subprocess.run(  # noqa: S603 - our own interpreter and query
        [sys.executable, "-c", _QUERY, f"chdb://{data / 'clickhouse'}", *statements],
        capture_output=True,
        text=True,
        timeout=400,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"the store cannot be read: {done.stderr[-2000:]}")
    answers: list[list[list[Any]]] = json.loads(done.stdout)
    return answers


def _lives(pid: int) -> bool:
    """Not when all that is left of it is its exit code: its first thread may be a zombie while others still end."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return len(threads) > 1 or state not in ("Z", "X")


def _parents() -> dict[int, int]:
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                text = (entry / "stat").read_text()
                parents[int(entry.name)] = int(text.rpartition(")")[2].split()[1])
    return parents
