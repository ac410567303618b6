"""Fault 6: fsync fails: the group is refused, its file never written again, and no acknowledgement comes later.

In this process at every sync; in a running collector by strace, where it may trace.
"""

from __future__ import annotations

import asyncio
import errno
import itertools
import subprocess
import time
from pathlib import Path

import pytest

from pipeline.settings import SpoolSettings
from pipeline.spool.file import read_sealed, spool_files
from pipeline.spool.spool import Spool, SpoolRefuses
from schema.event import Event
from schema.store import Store
from tests.conftest import make_event
from tests.faults.conftest import NO_TRACE, Server, may_trace
from tests.faults.disk import watched
from tests.faults.oracle import CollectorHouse, Oracle
from tests.faults.spooled import DAY, NOON
from tests.faults.test_05_disk_full import accepts, gone_afterwards, settled
from tests.house import eventually

pytestmark = pytest.mark.process

_VISITOR = Event.__struct_fields__.index("visitor")
EVENTS = 12


async def live(directory: Path, fails: int) -> tuple[list[int], list[int], list[str]]:
    """One life in which the nth sync of a file fails: (acknowledged, refused, writes to that file afterwards)."""
    syncs, afterwards, broken = itertools.count(1), list[str](), list[Path]()
    acknowledged, refused, gone = list[int](), list[int](), set[Path]()

    def before(kind: str, path: Path) -> None:
        if kind in ("sync", "fsync") and next(syncs) == fails:
            broken.append(path)
            raise OSError(errno.EIO, "as asked for")
        gone.update({path} if kind in ("unlink", "rename") else ())
        if kind == "write" and broken and path == broken[0] and path not in gone and path.suffix == ".open":
            afterwards.append(path.name)

    with watched(directory, before):
        spool = Spool(directory, 0, SpoolSettings(seal_after_s=60.0, seal_bytes=4_000, keep_free_bytes=0))
        spool.start()
        for number in range(1, EVENTS + 1):
            try:
                await spool.append([make_event("sync", NOON, DAY, visitor=number, path="/" + "x" * 900)])
                acknowledged.append(number)
            except SpoolRefuses:
                refused.append(number)
        await asyncio.to_thread(spool.stop)
    if not broken:
        refused.append(-1)
    return acknowledged, refused, afterwards


async def start_again(directory: Path) -> list[int]:
    spool = Spool(directory, 0, SpoolSettings(keep_free_bytes=0))
    spool.start()
    await asyncio.to_thread(spool.stop)
    return [row[_VISITOR] for path in spool_files(directory) for row in read_sealed(path)[1]]


def test_whichever_sync_fails_its_group_is_refused_and_the_next_one_taken(tmp_path: Path) -> None:
    hit = 0
    for fails in itertools.count(1):
        directory = tmp_path / str(fails)
        acknowledged, refused, afterwards = asyncio.run(live(directory, fails))
        if refused == [-1]:
            break
        hit += bool(refused)
        assert len(refused) <= 1, fails
        assert sorted(acknowledged + refused) == list(range(1, EVENTS + 1)), fails
        assert not afterwards, "a file whose sync failed was written again"
        found = asyncio.run(start_again(directory))
        assert len(set(found)) == len(found)
        assert set(acknowledged) <= set(found) <= set(acknowledged + refused), fails
    assert hit >= EVENTS, "every commit has a sync of its own"


@pytest.mark.clickhouse
def test_a_running_collector_whose_disk_fails_answers_503_until_it_works_again(
    remote: Store, server: Server, tmp_path: Path
) -> None:
    if not may_trace():
        pytest.skip(NO_TRACE)
    with gone_afterwards(CollectorHouse(tmp_path / "data", server.dsn)) as house:
        oracle = Oracle(house.port)
        assert accepts(oracle)
        # A write to an open file is an fsync, too.
        calls = "pwrite64,fsync"
        arguments = ["-f", "-qq", "-o", "/dev/null", "-e", f"trace={calls}", "-e", f"inject={calls}:error=EIO:when=3+7"]
        [worker] = house.children("collector")
        tracer = subprocess.Popen(["strace", *arguments, "-p", str(worker)])
        try:
            eventually(lambda: oracle.post(40)[503] > 0)
            until = time.monotonic() + 2
            while time.monotonic() < until:
                oracle.post(40)
        finally:
            tracer.terminate()
            tracer.wait(60)
        eventually(lambda: accepts(oracle))
        assert set(oracle.statuses) == {202, 503}
        settled(house, oracle, remote, house.data)
