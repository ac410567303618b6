"""A real `footfall up` for tests: what the product's own canary runs on, and what tests ask of it."""

from __future__ import annotations

import contextlib
import json
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Self

import pytest

from footfall.canary.scratch import AGENT, Scratch, rows
from schema.atomic_file import write_atomically
from tests.forked import Forked, footfall, must_be_real
from tests.migrated import migrated
from tests.ports import free_port

__all__ = ["AGENT", "Running", "another_time", "eventually", "footfall", "moved_clock", "rows", "running"]


class Running(Scratch):
    """`footfall up` under test. Its processes are forked from one that has imported the program (tests/forked.py), and
    its store is there already (tests/migrated.py)."""

    def __init__(self, data: Path, *arguments: str, sites: Sequence[str] = ("example.com",)) -> None:
        super().__init__(data, *arguments, sites=sites)
        self._ports = (str(free_port()), str(free_port()))

    def start(self) -> Self:
        elsewhere = any(word.startswith("store.dsn=") for word in self._arguments)
        if not (self.data.exists() or elsewhere or must_be_real()):
            migrated(self.data / "clickhouse")
        return super().start()

    def _launched(self, *arguments: str) -> subprocess.Popen[str]:
        self._real = must_be_real()
        return super()._launched(*arguments) if self._real else Forked(arguments, self.log)  # type: ignore[return-value]

    def children(self, role: str) -> list[int]:
        if self._real:
            return super().children(role)
        found = []
        for pid in self.processes()[1:]:
            with contextlib.suppress(OSError):
                if Path(f"/proc/{pid}/comm").read_text().strip() == role:
                    found.append(pid)
        return found

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return footfall(*arguments, "--data", str(self.data))

    def stats(self, site: str, *arguments: str) -> dict[str, Any]:
        done = self.command("stats", site, "--json", *arguments)
        assert done.returncode == 0, done.stderr
        answer: dict[str, Any] = json.loads(done.stdout)
        return answer


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


@contextlib.contextmanager
def another_time(offset_s: int) -> Iterator[None]:
    """The clock of every process started meanwhile is so many seconds ahead; not that of the embedded engine. Such a
    house has to be killed: under faketime time.sleep() is an invalid argument, which the stopping parent would meet."""
    library = next(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"), None)
    assert library, "this test needs faketime (Debian: apt-get install faketime)"
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("LD_PRELOAD", str(library))
        environment.setenv("FAKETIME", f"{offset_s:+d}s")
        environment.setenv("FAKETIME_DONT_FAKE_MONOTONIC", "1")
        environment.setenv("NO_FAKE_STAT", "1")
        yield


@contextlib.contextmanager
def moved_clock(place: Path) -> Iterator[Callable[[float], None]]:
    """The same, and it is moved while they run: by the function that is yielded, so many seconds ahead; within a second
    all of them follow. place: a file to be."""
    with another_time(0), pytest.MonkeyPatch.context() as environment:
        environment.delenv("FAKETIME")
        environment.setenv("FAKETIME_TIMESTAMP_FILE", str(place))
        environment.setenv("FAKETIME_NO_CACHE", "1")

        def move(offset_s: float) -> None:
            write_atomically(place, f"{offset_s:+.0f}s\n".encode())

        move(0)
        yield move


def eventually(condition: Callable[[], Any], within_s: float = 60.0) -> Any:
    """The first true value of the condition; fails after that time, which says nothing but that it will never be. Who
    asks a command leaves the processor, for three times as long as that took, to those it waits for; on a busy machine,
    where that would be long, for as long as it took."""
    deadline = time.monotonic() + within_s
    while True:
        asked = time.monotonic()
        value = condition()
        if value:
            return value
        now = time.monotonic()
        assert now < deadline, f"not within {within_s} s"
        took = now - asked
        time.sleep(max(0.1, took, min(3 * took, 1.0)))
