"""The oracle: mints ids, posts them, keeps those answered 202, judges at the end."""

from __future__ import annotations

import http.client
import json
import secrets
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any, Self

from footfall.canary.scratch import AGENT, Scratch
from pipeline.spool.file import read_sealed, spool_files
from schema.event import Event
from schema.store import Store
from tests.ports import free_port

_PATH = Event.__struct_fields__.index("path")


class CollectorHouse(Scratch):
    """`footfall collector`: workers and a writer, against a server."""

    def __init__(self, data: Path, dsn: str, *arguments: str) -> None:
        super().__init__(data, *arguments)
        self._ports = (str(free_port()), "0")
        self._dsn = dsn
        self._command = [sys.executable]

    def start(self) -> Self:
        with self.log.open("a") as log:
            self._process = subprocess.Popen(
                [
                    *(
                        *self._command,
                        "-m",
                        "footfall",
                        "collector",
                        "--data",
                        str(self.data),
                        "--port",
                        self._ports[0],
                    ),
                    # One machine sends it all.
                    *("--site", "example.com", "--set", f"store.dsn={self._dsn}", "--set", "collector.rate_limit=0"),
                    *self._arguments,
                ],
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
            )
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line.startswith("collector: "), self.log.read_text()[-2000:]
        return self


class Beacon:
    """One beacon that was sent: when, and what was answered; status 0: nothing."""

    __slots__ = ("ended", "path", "started", "status")

    def __init__(self, path: str) -> None:
        self.path, self.status = path, 0
        self.started, self.ended = time.monotonic(), 0.0


class Oracle:
    """Posts from several connections until it has sent enough, or is told to stop."""

    def __init__(self, port: int, clients: int = 4) -> None:
        self.run = secrets.token_hex(6)
        self.sent: list[Beacon] = []
        self._port = port
        self._clients = clients
        self._threads: list[threading.Thread] = []
        self._lock = threading.Lock()
        self._ends_at = 0
        self._number = 0

    @property
    def acknowledged(self) -> set[str]:
        return {beacon.path for beacon in self.sent if beacon.status == 202}

    @property
    def statuses(self) -> Counter[int]:
        return Counter(beacon.status for beacon in self.sent)

    def post(self, number: int) -> Counter[int]:
        """Send so many and wait for their answers; how many of each there were."""
        before = len(self.sent)
        self.begin(number)
        self.join()
        return Counter(beacon.status for beacon in self.sent[before:])

    def begin(self, number: int) -> None:
        """Send so many in the background."""
        self._ends_at = self._number + number
        self._threads = [threading.Thread(target=self._post_all) for _ in range(self._clients)]
        for thread in self._threads:
            thread.start()

    def join(self) -> None:
        for thread in self._threads:
            thread.join()

    def stop(self) -> None:
        self._ends_at = 0
        self.join()

    def _post_all(self) -> None:
        connection: http.client.HTTPConnection | None = None
        while True:
            with self._lock:
                if self._number >= self._ends_at:
                    break
                self._number += 1
                beacon = Beacon(f"/oracle/{self.run}/{self._number}")
                self.sent.append(beacon)
            body = json.dumps(self.body(beacon.path)).encode()
            # What got no answer may be stored or not. It is not sent again: a second copy is the house's own doing.
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
                agent = AGENT.format(100 + self._number % 40)
                beacon.started = time.monotonic()
                connection.request("POST", "/api/event", body, {"User-Agent": agent})
                answer = connection.getresponse()
                answer.read()
                beacon.status = answer.status
            except (OSError, http.client.HTTPException):
                if connection is not None:
                    connection.close()
                connection = None
                time.sleep(0.02)
            beacon.ended = time.monotonic()
        if connection is not None:
            connection.close()

    def body(self, path: str) -> dict[str, Any]:
        """What is posted for a path."""
        return {"n": "pageview", "u": f"https://example.com{path}", "d": "example.com"}

    def judge(self, paths: list[str]) -> None:
        """paths: those of this oracle that are stored. Nothing acknowledged is missing, nothing is there twice."""
        found = Counter(paths)
        assert not {path: times for path, times in found.items() if times > 1}
        assert not self.acknowledged - found.keys()
        assert not found.keys() - {beacon.path for beacon in self.sent}

    def stored(self, store: Store) -> list[str]:
        where = f"/oracle/{self.run}/"
        return [
            path for (path,) in store.rows("SELECT path FROM events WHERE startsWith(path, {p:String})", {"p": where})
        ]


def spooled(data: Path) -> list[str]:
    """The paths of every event that waits in sealed files."""
    files = [path for spool in sorted((data / "spool").iterdir()) for path in spool_files(spool)]
    return [row[_PATH] for path in files if path.suffix == ".sealed" for row in read_sealed(path)[1]]


def held_bytes(data: Path) -> int:
    return sum(path.stat().st_size for path in (data / "spool").glob("*/*.sealed"))
