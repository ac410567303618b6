"""A spool and its writer, killed: one step later each time, or at random.

In: `python -m tests.faults.killed steps|random DIR DSN SITE NUMBER`, a process of its own because it forks. NUMBER: how
many steps later each time, or how many times.
Out: a JSON line per run: at which step it was killed, what it acknowledged, and where that is once nothing is killed.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import os
import random
import select
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from pipeline.settings import SpoolSettings
from pipeline.spool import thread as spool_thread
from pipeline.spool.file import read_sealed
from pipeline.spool.quarantine import Quarantine
from pipeline.spool.spool import Spool
from pipeline.writer import Writer
from schema.event import Event
from schema.store import Store
from tests.conftest import make_event
from tests.faults.disk import watched
from tests.faults.spooled import DAY, NOON

# Small files and inserts of four rows: all that can be half-done is, with few events.
SEAL_BYTES, CHUNK_ROWS = 6_000, 4
FIRST, SECOND = ((1, 2), (3, 4, 5, 6)), ((7, 8), (9,))
POISON = 5
TOLD = ("code", "step", "acknowledged", "quarantined", "sealed", "strange")
_VISITOR = Event.__struct_fields__.index("visitor")


def event(site: str, number: int, **given: Any) -> Event:
    return make_event(site, NOON, DAY, visitor=number, path=f"/{number}/{'x' * 600}", **given)


class Run:
    """One life of the process: what it has acknowledged goes into a pipe at once."""

    def __init__(self, root: Path, dsn: str, site: str, told: int) -> None:
        self.root, self.dsn, self.site, self.told = root, dsn, site, told
        self.spool = Spool(
            root / "spool" / "0", 0, SpoolSettings(seal_after_s=60.0, seal_bytes=SEAL_BYTES, keep_free_bytes=0)
        )
        self.quarantine = Quarantine(root / "quarantine")

    def tell(self, *words: Any) -> None:
        os.write(self.told, (json.dumps(words) + "\n").encode())

    def writer(self, store: Store | None = None) -> Writer:
        store = store or Store(self.dsn)
        insert = store.insert

        def stepwise(table: str, *given: Any, **more: Any) -> None:
            self.step("insert", Path(table))
            insert(table, *given, **more)
            self.step("inserted", Path(table))

        store.insert = stepwise  # type: ignore[method-assign]
        return Writer(store, self.root / "spool", self.quarantine)

    def step(self, kind: str, path: Path) -> None:
        """Called before every step; in a run that is to be killed one of them is the last."""

    def kill_at(self, number: int) -> None:
        steps, last = itertools.count(1), ("", Path())

        def step(kind: str, path: Path) -> None:
            nonlocal last
            # With a store a row of writes to one file is one step; the spool alone is killed at each of them.
            again, last = self.dsn and (kind, path) == last, (kind, path)
            if not again and next(steps) == number:
                self.tell("step", f"{kind} {path.name}")
                os.kill(os.getpid(), signal.SIGKILL)

        self.step = step  # type: ignore[method-assign]

    async def append(self, *numbers: int) -> None:
        await self.spool.append(
            [event(self.site, each, **({"scroll": 999} if each == POISON else {})) for each in numbers]
        )
        self.tell("acknowledged", *numbers)

    async def leave_open(self) -> None:
        """Die with a file open."""
        self.spool.start()
        for numbers in FIRST:
            await self.append(*numbers)
        os._exit(9)

    async def collect(self) -> None:
        """Recover that file, fill the next, seal it."""
        with watched(self.root, lambda *step: self.step(*step)):
            self.spool.start()
            for numbers in SECOND:
                await self.append(*numbers)
            self.spool.count(self.site, "accepted", NOON)
            await asyncio.to_thread(self.spool.stop)

    async def deliver(self) -> None:
        """Adopt that file, store it, quarantine what is poison, replay it."""
        with watched(self.root, lambda *step: self.step(*step)):
            writer = self.writer()
            writer.drain()
            writer.publish_watermarks()
            self.quarantine.replay([held.name for held in self.quarantine.held()])
            writer.drain()

    async def at_random(self, first: int) -> None:
        """Load on a spool whose writer runs beside it, until somebody kills it."""
        self.spool.thread.settings = SpoolSettings(seal_after_s=0.02, seal_bytes=SEAL_BYTES, keep_free_bytes=0)
        self.spool.start()
        self.writer().start()
        numbers = itertools.count(first)

        async def client() -> None:
            while True:
                await self.append(*itertools.islice(numbers, random.choice((1, 1, 2, 5))))
                await asyncio.sleep(random.random() / 200)

        await asyncio.gather(*(client() for _ in range(4)))

    async def at_rest(self, store: Store | None) -> None:
        """Nothing is killed any more: whatever waits reaches its place."""
        self.tell("site", self.site)
        self.spool.start()
        await asyncio.to_thread(self.spool.stop)
        if store:
            writer = self.writer(store)
            while writer.drain():
                pass
            self.quarantine.replay([held.name for held in self.quarantine.held()])
            writer.drain()
            self.tell("quarantined", *(held.fields["visitor"] for held in self.quarantine.held()))
        # The copy of a log may stay: a kill inside the last frame looks like a tail that was torn off later.
        for path in sorted((self.root / "spool").glob("*/*")):
            if path.suffix == ".sealed":
                self.tell("sealed", *(row[_VISITOR] for row in read_sealed(path)[1]))
            elif path.name != "lock" and not path.name.endswith(".open.bad"):
                self.tell("strange", path.name)


class Child:
    """A forked life. told: its lines, once it has ended."""

    def __init__(self, root: Path, dsn: str, site: str, live: Callable[[Run], Any]) -> None:
        self._reads, writes = os.pipe()
        self.pid = os.fork()
        if not self.pid:
            code = 1
            try:
                asyncio.run(live(Run(root, dsn, site, writes)))
                code = 0
            except BaseException as problem:
                print(f"{site}: {problem!r}", file=sys.stderr)
            finally:
                os._exit(code)
        os.close(writes)

    def wait(self) -> None:
        """Until it has told something."""
        select.select([self._reads], [], [], 10)

    def end(self) -> tuple[int, list[list[Any]]]:
        with open(self._reads) as pipe:
            lines = [json.loads(line) for line in pipe if line.endswith("\n")]
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), lines


def steps(root: Path, dsn: str, site: str, stride: int) -> None:
    """So many steps later each time, until a life ends before it; without a store the spool alone, with one its
    writer."""
    told: dict[str, list[list[Any]]] = {}
    code = -signal.SIGKILL
    for number in itertools.count(1, stride):
        if code != -signal.SIGKILL:
            break
        name = f"{site}-{number}"

        def killed(run: Run, number: int = number) -> Any:
            run.kill_at(number)
            return run.deliver() if dsn else run.collect()

        _, told[name] = Child(root / name, dsn, name, lambda run: run.leave_open()).end()
        code, lines = Child(root / name, dsn, name, killed).end()
        told[name] += [*lines, ["code", code]]
    report(root, dsn, told)


def at_random(root: Path, dsn: str, site: str, kills: int) -> None:
    """The same directory again and again."""
    told: dict[str, list[list[Any]]] = {site: []}
    for number in range(1, kills + 1):
        child = Child(root / site, dsn, site, lambda run, number=number: run.at_random(number * 1_000_000))
        if number % 3:
            child.wait()
        time.sleep(random.uniform(0.0, 0.1))
        os.kill(child.pid, signal.SIGKILL)
        told[site] += child.end()[1]
    report(root, dsn, told)


def report(root: Path, dsn: str, told: dict[str, list[list[Any]]]) -> None:
    """Bring everything to rest in one last life, and tell what became of it."""

    async def rest(run: Run) -> None:
        store = Store(dsn) if dsn else None
        for site in told:
            await Run(root / site, dsn, site, run.told).at_rest(store)

    code, lines = Child(root, dsn, "", rest).end()
    site = ""
    for first, *rest_of in lines:
        site = rest_of[0] if first == "site" else site
        told[site].append([first, *rest_of])
    for site, its in told.items():
        found = {kind: [word for first, *rest_of in its if first == kind for word in rest_of] for kind in TOLD}
        print(json.dumps({"site": site, "rested": code, **found}))


if __name__ == "__main__":
    # What a store imports when it is opened: every life would do so anew, and copy what it shares with this process.
    import clickhouse_connect.driver.exceptions
    import clickhouse_connect.driver.httpclient  # noqa: F401

    gc.freeze()
    spool_thread.CHUNK_ROWS = CHUNK_ROWS
    what, where, dsn, site, number = sys.argv[1:]
    (steps if what == "steps" else at_random)(Path(where), dsn, site, int(number))
