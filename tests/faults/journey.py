"""The oracle's journey: a real house of two workers under load, its processes killed and stopped, its store failing.

In: `python -m tests.faults.journey --minutes N`. Out: what was done and what became of every beacon; exit code 1
if one that was acknowledged is missing, one is there twice, one was never sent, or one is not what was sent.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from pipeline.spool.quarantine import Quarantine
from schema.store import Store
from tests.faults.conftest import Server
from tests.faults.oracle import Oracle, spooled
from tests.house import Running, eventually, rows

SITE = "example.com"
# What writers, formats and databases are known to change.
_WORDS = ("Größe", "漢字", "naïve", "😀", "it's", '"so"', "a\\b", "\\N", "<b>", "{{x}}", "100%", ";--", "عربى", "0x00")
_LEAST_TROUBLES = 5
_QUESTION = "SELECT path, props['mark'] FROM events WHERE startsWith(path, '/oracle/')"


class Marking(Oracle):
    """Every beacon carries a text that follows from its path."""

    def body(self, path: str) -> dict[str, Any]:
        return {**super().body(path), "p": {"mark": mark(path)}}


def mark(path: str) -> str:
    return " ".join(random.Random(path).choices(_WORDS, k=4))


class Journey:
    """A house, its store and what befalls them. embedded: the engine is one of the house's own processes."""

    def __init__(self, directory: Path, embedded: bool, seed: int) -> None:
        self.embedded = embedded
        self.done: Counter[str] = Counter()
        self._random = random.Random(seed)
        self._directory = directory
        self._server = None if embedded else Server(directory / "server")
        dsn = () if self._server is None else ("--set", f"store.dsn={self._server.dsn}")
        self.data = directory / "data"
        # What has been counted is asked for at once.
        unlimited = ("--set", "collector.rate_limit=0", "--set", "release.k=1")
        self.house = Running(self.data, "--workers", "2", *unlimited, *dsn, sites=(SITE,)).start()
        self.oracle = Marking(self.house.port)
        troubles = [
            (self._kill_a_worker, 4),
            (self._kill_the_engine, 3),
            (self._kill_all, 1),
            (self._kill_the_parent, 1),
        ]
        troubles += [(self._stop_somebody, 2)]
        if not embedded:
            troubles += [(self._fail_the_store, 5), (self._kill_the_store, 2)]
        self._troubles = [trouble for trouble, weight in troubles for _ in range(weight)]

    def travel(self, seconds: float) -> None:
        """Load and trouble for so long, and until something of it has happened on a slow machine, too."""
        self.oracle.begin(10**9)
        until = time.monotonic() + seconds
        while time.monotonic() < until or sum(self.done.values()) < _LEAST_TROUBLES:
            time.sleep(self._random.uniform(0.3, 2.0))
            self._random.choice(self._troubles)()
        self.oracle.stop()

    def arrive(self) -> dict[str, Any]:
        """No more trouble: what waits is stored. What became of every beacon."""
        eventually(lambda: not [*(self.data / "spool").glob("*/*.sealed"), *(self.data / "spool").glob("*/*.open")], 90)
        # All of them are one visitor's, whose day a busy machine rolls up for a while. Told below if not.
        with suppress(AssertionError):
            eventually(self._all_counted, 240)
        counted = self._counted()
        code = self.house.stop()
        found = self._stored()
        quarantined = [held.fields["path"] for held in Quarantine(self.data / "quarantine").held()]
        return self._judged(found, quarantined, counted, code)

    def _all_counted(self) -> bool:
        """Whether the rollup holds all that was acknowledged, and no run of it brings more."""
        before = self._counted()
        time.sleep(4)
        now = self._counted()
        return before == now and now >= len(self.oracle.acknowledged)

    def _counted(self) -> int:
        """-1 while nobody answers: the engine may be on its way back still."""
        done = self.house.command("stats", SITE, "--json")
        return int(json.loads(done.stdout)["totals"]["pageviews"]) if done.returncode == 0 else -1

    def end(self) -> None:
        with suppress(ProcessLookupError, AssertionError):
            self.house.kill()
        if self._server:
            self._server.stop()

    def _judged(self, found: list[tuple[str, str]], quarantined: list[str], counted: int, code: int) -> dict[str, Any]:
        sent, acknowledged = {beacon.path for beacon in self.oracle.sent}, self.oracle.acknowledged
        times = Counter(path for path, _ in found)
        wrong = {
            "lost": sorted(acknowledged - times.keys() - set(quarantined) - set(spooled(self.data))),
            "twice": sorted(path for path, number in times.items() if number > 1),
            "never_sent": sorted(times.keys() - sent),
            "changed": sorted(path for path, text in found if text != mark(path)),
        }
        return {
            "ok": not any(wrong.values()) and code == 0 and counted == len(found),
            "store": "embedded" if self.embedded else "http",
            **{name: paths[:5] or 0 for name, paths in wrong.items()},
            "sent": len(sent), "acknowledged": len(acknowledged), "stored": len(found), "counted": counted,
            "quarantined": len(quarantined), "exit": code, "statuses": dict(self.oracle.statuses),
            "troubles": dict(self.done.most_common()),
        }  # fmt: skip

    def _stored(self) -> list[tuple[str, str]]:
        """Once the house has stopped."""
        if not self._server:
            [found] = rows(self.data, _QUESTION)
            return [(path, text) for path, text in found]
        store = Store(self._server.dsn)
        try:
            return [(path, text) for path, text in store.rows(_QUESTION)]
        finally:
            store.close()

    # -- troubles ------------------------------------------------------------------------------------------------

    def _signal(self, what: str, number: signal.Signals, pids: list[int]) -> int | None:
        """To one of them; which."""
        if not pids:
            return None  # it has not come back yet
        pid = self._random.choice(pids)
        with suppress(ProcessLookupError):
            os.kill(pid, number)
            self.done[what] += 1
        return pid

    def _kill_a_worker(self) -> None:
        self._signal("worker killed", signal.SIGKILL, self.house.children("collector"))

    def _kill_the_engine(self) -> None:
        self._signal("engine killed", signal.SIGKILL, self.house.children("engine"))

    def _kill_all(self) -> None:
        self.house.kill()
        self.done["all killed at once"] += 1
        self.house.start()

    def _kill_the_parent(self) -> None:
        """Its children end by themselves."""
        children = self.house.processes()[1:]
        self._signal("parent killed", signal.SIGKILL, self.house.processes()[:1])
        eventually(lambda: not any(_lives(pid) for pid in children), 90)
        self.house.kill()
        self.house.start()

    def _stop_somebody(self) -> None:
        pid = self._signal(
            "process stopped", signal.SIGSTOP, self.house.children("collector") + self.house.children("engine")
        )
        time.sleep(self._random.uniform(0.2, 3.0))
        if pid is not None:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGCONT)

    def _fail_the_store(self) -> None:
        mode = self._random.choice(("refuse", "hang", "error", "reset", "cut", "slow"))
        with self._failing(mode):
            time.sleep(self._random.uniform(0.2, 3.0))
        self.done[f"store: {mode}"] += 1

    @contextmanager
    def _failing(self, mode: str) -> Iterator[None]:
        assert self._server is not None
        self._server.fail(mode)
        yield
        # Whoever still waits for an answer is told that there will be none.
        self._server.fail("refuse")
        self._server.calm()

    def _kill_the_store(self) -> None:
        assert self._server is not None
        port = self._server.port
        self._server.kill()
        self.done["store killed"] += 1
        time.sleep(self._random.uniform(0.0, 1.0))
        self._server = Server(self._directory / "server", port)


def _lives(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def journey(directory: Path, seconds: float, embedded: bool, seed: int) -> dict[str, Any]:
    directory.mkdir(parents=True, exist_ok=True)
    travelled = Journey(directory, embedded, seed)
    try:
        travelled.travel(seconds)
        return {"seconds": round(seconds), "seed": seed, **travelled.arrive()}
    finally:
        travelled.end()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.journey")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=random.randrange(2**32))
    parser.add_argument("--embedded", action="store_true", help="the engine is a process of the house itself")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        told = journey(Path(directory), options.minutes * 60, options.embedded, options.seed)
    print(json.dumps(told, indent=1, ensure_ascii=False))
    sys.exit(not told["ok"])


if __name__ == "__main__":
    main()
