"""The spool's one promise, and everything that could break it: what was acknowledged is on disk, whatever happens."""

from __future__ import annotations

import asyncio
import datetime as dt
import fcntl
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import pytest
from structlog.testing import capture_logs

from collector.edge.http import RECEIVE_WITHIN_S
from pipeline import writer as writing
from pipeline.settings import SpoolSettings
from pipeline.spool import aside
from pipeline.spool import file as spool_file
from pipeline.spool import log as spool_log
from pipeline.spool import spool as spooling
from pipeline.spool import thread as spool_thread
from pipeline.spool.file import FORMAT, Header, SpoolFileBad, SpoolTaken, chunks, read_sealed, recover, spool_files
from pipeline.spool.spool import Spool, SpoolRefuses
from pipeline.spool.thread import SpoolThread
from schema.event import Count, Event
from tests.conftest import make_event
from tests.pipeline import format_2

DAY = dt.date(2023, 11, 14)
ROOT = Path(__file__).parents[2]
T = TypeVar("T")


def event(number: int = 1, **given: Any) -> Event:
    return make_event("spool", 1_700_000_000 + number, DAY, **({"visitor": number} | given))


def run(use: Callable[[Spool], Awaitable[T]], directory: Path, **settings: Any) -> T:
    """Use a spool with a loop of its own; it is stopped afterwards."""
    clock, hurry = settings.pop("clock", time.time), settings.pop("hurry", lambda: True)
    given = SpoolSettings(**({"seal_after_s": 60.0, "keep_free_bytes": 0} | settings))

    async def inside() -> T:
        spool = Spool(directory, 0, given, clock, hurry)
        spool.start()
        try:
            return await use(spool)
        finally:
            await asyncio.to_thread(spool.stop)

    return asyncio.run(inside())


def held(directory: Path) -> list[int]:
    """The visitors of every sealed event, in the order of their sequence."""
    found = []
    for path in spool_files(directory):
        assert path.suffix == ".sealed", path
        header, rows, *_ = read_sealed(path)
        found += [(header.sequence(place), Event(*row).visitor) for place, row in enumerate(rows)]
    assert found == sorted(found)
    return [visitor for _, visitor in found]


async def until(true: Callable[[], object]) -> None:
    for _ in range(1000):
        if true():
            return
        await asyncio.sleep(0.005)
    raise AssertionError("it never came")


# -- durable -------------------------------------------------------------------------------------------------------


def test_an_event_is_on_disk_when_append_returns(tmp_path: Path) -> None:
    copies = tmp_path / "copies"

    async def use(spool: Spool) -> None:
        for number in range(1, 4):
            await spool.append([event(number)])
            # What a crash at this moment would leave.
            shutil.copytree(spool.directory, copies / str(number))

    run(use, tmp_path / "s")
    for number in range(1, 4):
        recover(copies / str(number))
        assert held(copies / str(number)) == list(range(1, number + 1))


def test_every_commit_is_fsynced(tmp_path: Path) -> None:
    """What no test in one process can see, a power cut, rests on this."""

    async def use(spool: Spool) -> None:
        await spool.append([event(1)])
        assert spool.thread.file is not None
        assert fcntl.fcntl(spool.thread.file._log._descriptor, fcntl.F_GETFL) & os.O_DSYNC

    run(use, tmp_path)


_DIE = """
import asyncio, datetime as dt, os, sys
from pathlib import Path
from pipeline.settings import SpoolSettings
from pipeline.spool.spool import Spool
from tests.pipeline.test_spool import event

async def main():
    spool = Spool(Path(sys.argv[1]), 0, SpoolSettings(seal_after_s=60.0, keep_free_bytes=0))
    spool.start()
    for number in range(1, 6):
        await spool.append([event(number), event(number + 100)])
    print("acknowledged", flush=True)
    os._exit(9)

asyncio.run(main())
"""


def python(script: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script, *arguments], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.process
def test_a_process_that_dies_leaves_its_open_file_to_the_next_start(tmp_path: Path) -> None:
    died = python(_DIE, str(tmp_path))
    assert (died.returncode, died.stdout) == (9, "acknowledged\n"), died.stderr
    assert [path.suffix for path in spool_files(tmp_path)] == [".open"]
    run(lambda spool: spool.append([event(7)]), tmp_path)
    assert held(tmp_path) == [1, 101, 2, 102, 3, 103, 4, 104, 5, 105, 7]


def left_open(tmp_path: Path, groups: int, **given: Any) -> Path:
    """A file as a process that died left it, without the room that it had made."""
    live, crashed = tmp_path / "s", tmp_path / "crashed"

    async def use(spool: Spool) -> None:
        for number in range(1, groups + 1):
            await spool.append([event(number, **given)])
        shutil.copytree(spool.directory, crashed)

    run(use, live)
    [path] = crashed.glob("*.open")
    path.write_bytes(spool_log.read_log(path.read_bytes()).whole)
    return path


@pytest.mark.parametrize("cut", [1, 30, 5000])
def test_a_torn_tail_is_cut_and_earlier_groups_survive(tmp_path: Path, cut: int) -> None:
    path = left_open(tmp_path, 8, path="/" + "x" * 3000)
    os.truncate(path, path.stat().st_size - cut)
    recover(path.parent)
    survivors = held(path.parent)
    assert survivors == list(range(1, len(survivors) + 1))
    assert 5 <= len(survivors) < 8


def test_flipped_bytes_in_the_last_group_cost_no_earlier_group(tmp_path: Path) -> None:
    path = left_open(tmp_path, 8)
    damaged = path.read_bytes()[:-100] + b"\xff" * 50 + path.read_bytes()[-50:]
    path.write_bytes(damaged)
    recover(path.parent)
    assert held(path.parent) == list(range(1, 8))
    # What was lost is told, and kept for a person to look at.
    [kept] = path.parent.glob("*.bad")
    assert (kept.name, kept.read_bytes()) == (f"{path.name}.bad", damaged)
    assert oct(kept.stat().st_mode & 0o777) == "0o600"


def test_what_is_recovered_is_written_anew(tmp_path: Path) -> None:
    """After a write that failed the system may show what no disk holds, and sync it no more."""
    path = left_open(tmp_path, 3)
    before = path.stat().st_ino
    recover(path.parent)
    [sealed] = spool_files(path.parent)
    assert sealed.stat().st_ino != before
    assert held(path.parent) == [1, 2, 3]


@pytest.mark.parametrize("page", [1024, 4096])
def test_a_damaged_log_of_an_earlier_version_is_taken_up_to_the_damage_and_kept(tmp_path: Path, page: int) -> None:
    live = tmp_path / "live"
    live.mkdir()
    database = format_2.begin(live / "0000000001-00.open", [[event(number)] for number in range(1, 9)], page)
    crashed = shutil.copytree(live, tmp_path / "crashed")
    database.close()
    (log,) = crashed.glob("*-wal")
    with log.open("r+b") as file:
        file.seek(-100, os.SEEK_END)
        file.write(b"\xff" * 50)
    damaged = log.read_bytes()
    recover(crashed)
    assert held(crashed) == list(range(1, 8))
    [kept] = crashed.glob("*.bad")
    assert (kept.name, kept.read_bytes()) == (f"{log.name}.bad", damaged)


def test_what_an_earlier_version_left_open_before_its_first_group_is_no_loss(tmp_path: Path) -> None:
    live = tmp_path / "live"
    live.mkdir()
    database = format_2.begin(live / "0000000001-00.open", [])
    crashed = shutil.copytree(live, tmp_path / "crashed")
    database.close()
    (log,) = crashed.glob("*-wal")
    os.truncate(log, log.stat().st_size - 24 - 1024)
    with capture_logs() as logs:
        recover(crashed)
    assert (logs, list(crashed.iterdir())) == ([], [])


@pytest.mark.parametrize("at", [0, 8, 16, 20, 40, 600])
def test_a_file_that_is_damaged_at_its_start_is_set_aside(tmp_path: Path, at: int) -> None:
    path = left_open(tmp_path, 3)
    damaged = bytearray(path.read_bytes())
    damaged[at] ^= 0xFF
    path.write_bytes(damaged)
    with capture_logs() as logs:
        recover(path.parent)
    assert held(path.parent) == []
    assert [kept.read_bytes() for kept in path.parent.glob("*.bad")] == [damaged]
    assert {entry["event"] for entry in logs} <= {"spool_file_set_aside", "spool_groups_lost"}


def test_a_crash_before_the_first_group_is_no_loss(tmp_path: Path) -> None:
    """A process that died while it made the file acknowledged nothing."""
    for number, content in enumerate((b"", spool_log.MAGIC, bytes(5000))):
        (tmp_path / f"000000000{number}-00.open").write_bytes(content)
    with capture_logs() as logs:
        recover(tmp_path)
    assert (logs, list(tmp_path.iterdir())) == ([], [])


def test_what_an_earlier_version_left_beside_a_file_of_ours_is_none_of_it(tmp_path: Path) -> None:
    path = left_open(tmp_path, 3)
    path.with_name(f"{path.name}-wal").write_bytes(b"an old log")
    recover(path.parent)
    assert held(path.parent) == [1, 2, 3]
    assert [*path.parent.glob("*.bad")] == []


# -- groups, sealing, order ----------------------------------------------------------------------------------------


def test_requests_that_arrive_during_a_commit_form_the_next_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, go, commit = threading.Event(), threading.Event(), spool_file.OpenFile.commit

    def slow(self: Any, *given: Any) -> None:
        begun.set()
        assert go.wait(30)
        commit(self, *given)

    monkeypatch.setattr(spool_file.OpenFile, "commit", slow)

    async def use(spool: Spool) -> int:
        first = spool.append([event(1)])
        await asyncio.to_thread(begun.wait, 10)
        others = []
        for number in range(2, 300):
            others.append(spool.append([event(number)]))
            if number % 50 == 0:
                await asyncio.sleep(0)
        go.set()
        await asyncio.gather(first, *others)
        return spool.groups

    assert run(use, tmp_path) == 2
    assert held(tmp_path) == list(range(1, 300))


def test_requests_of_one_turn_of_the_loop_are_handed_over_as_one(tmp_path: Path) -> None:
    async def use(spool: Spool) -> list[int]:
        handed = []
        for numbers in ((1, 2), (3,)):
            waiting = [spool.append([event(number)]) for number in numbers]
            assert spool._turn is not None
            handed.append(len(spool._turn.events))
            await asyncio.gather(*waiting)
        return handed

    assert run(use, tmp_path) == [2, 1]
    assert held(tmp_path) == [1, 2, 3]


def test_what_grows_during_a_commit_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (spooling, spool_thread):
        monkeypatch.setattr(module, "GROUP_LIMIT", 10)
    go, commit = threading.Event(), spool_file.OpenFile.commit
    sizes = []

    def slow(self: Any, events: list[Event], *given: Any) -> None:
        assert go.wait(30)
        sizes.append(len(events))
        commit(self, events, *given)

    monkeypatch.setattr(spool_file.OpenFile, "commit", slow)

    async def use(spool: Spool) -> None:
        futures = []
        for number in range(1, 36):
            futures.append(spool.append([event(number)]))
            await asyncio.sleep(0)
        go.set()
        await asyncio.gather(*futures)

    run(use, tmp_path)
    assert max(sizes) < 20, "one group and what was handed over while it was full"
    assert held(tmp_path) == list(range(1, 36))


def test_a_file_is_sealed_when_its_time_is_over(tmp_path: Path) -> None:
    async def use(spool: Spool) -> None:
        await spool.append([event(1)])
        await until(lambda: list(tmp_path.glob("*.sealed")))
        assert not list(tmp_path.glob("*.open"))

    run(use, tmp_path, seal_after_s=0.1)
    assert held(tmp_path) == [1]


def test_while_nobody_looks_a_file_stays_open_for_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool_thread, "_MEASURE_EVERY_S", 0.05)
    lookers: list[str] = []

    async def use(spool: Spool) -> None:
        await spool.append([event(1)])
        await asyncio.sleep(0.3)
        assert not list(tmp_path.glob("*.sealed"))
        lookers.append("somebody")
        await until(lambda: list(tmp_path.glob("*.sealed")))

    run(use, tmp_path, seal_after_s=0.1, hurry=lambda: bool(lookers))


def test_where_many_come_one_by_one_commits_are_fewer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "_ALONE_S", 0.0)

    async def use(spool: Spool) -> tuple[int, int]:
        async def come(number: int) -> None:
            await asyncio.sleep(number * 0.002)
            await spool.append([event(number)])

        await spool.append([event(1)])
        before = spool.groups
        await asyncio.gather(*(come(number) for number in range(2, 12)))
        few = spool.groups - before
        await asyncio.gather(*(come(number) for number in range(12, 12 + 4 * spooling._ENOUGH_EVENTS)))
        return few, spool.groups - before - few

    few, many = run(use, tmp_path)
    assert few <= 3, "they waited for each other"
    assert 2 <= many < 2 * spooling._ENOUGH_EVENTS, "enough of them do not wait for their time"
    assert sorted(held(tmp_path)) == list(range(1, 12 + 4 * spooling._ENOUGH_EVENTS))


def test_who_waits_for_each_answer_is_put_off_once_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "_APART_S", 1.0)

    async def use(spool: Spool) -> float:
        began = time.monotonic()
        spool._alone_until = 0.0
        for number in range(1, 30):
            await spool.append([event(number)])
        return time.monotonic() - began

    assert 0.9 < run(use, tmp_path) < 1.9


def test_counts_ride_along_with_events_or_wait_longer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spooling, "_COUNTS_EVERY_S", 0.0)

    async def use(spool: Spool) -> None:
        spool._counted = asyncio.get_running_loop().time()
        spool.count("a", "accepted", 60)
        spool.turn()
        assert spool._counts, "nobody looks"
        await spool.append([event(1)])
        assert not spool._counts
        spool.count("a", "accepted", 120)
        spool._counted -= spooling._COUNTS_ALONE_EVERY_S
        spool.turn()
        assert not spool._counts
        spool.count("a", "accepted", 180)

    run(use, tmp_path, hurry=lambda: False)
    (path,) = spool_files(tmp_path)
    assert read_sealed(path)[2] == [Count("a", minute, "accepted", 1) for minute in (60, 120, 180)]


def test_while_files_pile_up_the_next_ones_are_fewer_and_larger(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_thread, "_MEASURE_EVERY_S", 0.05)

    async def use(spool: Spool) -> None:
        def sealed() -> list[Path]:
            return list(tmp_path.glob("*.sealed"))

        for number in range(1, 10):
            await spool.append([event(number)])
            await until(lambda number=number: len(sealed()) == number)
        await asyncio.sleep(0.2)  # it notices
        for number in range(10, 14):
            await spool.append([event(number)])
            await asyncio.sleep(0.1)
        assert len(sealed()) == 9
        sealed()[0].unlink()  # the writer has come
        await until(lambda: not list(tmp_path.glob("*.open")))
        assert len(sealed()) == 9

    run(use, tmp_path, seal_after_s=0.1)


def test_a_file_is_sealed_when_it_is_large_enough(tmp_path: Path) -> None:
    async def use(spool: Spool) -> None:
        await spool.append([event(1)])
        assert not list(tmp_path.glob("*.sealed"))
        await spool.append([event(2, path="x" * 70_000)])
        await until(lambda: list(tmp_path.glob("*.sealed")))
        await spool.append([event(3)])

    run(use, tmp_path, seal_bytes=64 * 1024)
    assert len(spool_files(tmp_path)) == 2
    assert held(tmp_path) == [1, 2, 3]


def test_a_sealed_file_needs_no_other_file_and_is_readable_by_its_owner_only(tmp_path: Path) -> None:
    run(lambda spool: spool.append([event(1)]), tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} == {".sealed", ""}
    assert [oct(path.stat().st_mode & 0o777) for path in spool_files(tmp_path)] == ["0o600"]


@pytest.mark.parametrize("clock", [[5000, 5000, 5000], [5000, 5001, 5002], [5000, 4000, 4001], [5000] * 70])
def test_sequences_follow_the_order_of_acknowledgement_whatever_the_clock_does(
    tmp_path: Path, clock: list[int]
) -> None:
    for number, now in enumerate(clock):
        run(lambda spool, number=number: spool.append([event(number)]), tmp_path, clock=lambda now=now: float(now))
    assert held(tmp_path) == list(range(len(clock)))


def test_a_sequence_fits_its_column() -> None:
    header = Header("u", 2**32 - 1, 63, 1000, 20_000)
    assert header.sequence(2**20 - 1) < 2**64


def test_chunks_follow_from_the_rows_alone() -> None:
    rows = [[number] for number in range(5)]
    assert list(chunks(rows, 2)) == [(0, rows[:2]), (1, rows[2:4]), (2, rows[4:])]


def test_counts_ride_along(tmp_path: Path) -> None:
    async def use(spool: Spool) -> None:
        spool.count("a", "accepted", 60)
        spool.count("a", "accepted", 60, 2)
        spool.count("", "bot", 120)
        await spool.append([event(1)])

    run(use, tmp_path)
    (path,) = spool_files(tmp_path)
    _, rows, counts, *_ = read_sealed(path)
    assert (len(rows), sorted(counts, key=lambda c: c.minute)) == (
        1,
        [Count("a", 60, "accepted", 3), Count("", 120, "bot", 1)],
    )


# -- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), OSError(28, "No space left"), ValueError("?")])
def test_a_failed_commit_is_refused_and_the_file_never_written_again(
    tmp_path: Path, error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def use(spool: Spool) -> None:
        await spool.append([event(1)])
        assert spool.thread.file is not None
        broken = spool.thread.file.path

        def failing(*_: Any) -> int:
            raise error

        monkeypatch.setattr("os.pwrite", failing)
        refused = [spool.append([event(2)]), spool.append([event(3)])]
        for future in refused:
            with pytest.raises(SpoolRefuses, match=type(error).__name__):
                await future
        monkeypatch.undo()
        size = broken.stat().st_size
        await spool.append([event(4)])
        assert spool.thread.file is not None
        assert spool.thread.file.path != broken
        assert broken.stat().st_size == size

    run(use, tmp_path)
    recover(tmp_path)
    assert held(tmp_path) == [1, 4]


def test_an_event_that_cannot_be_written_down_does_not_stop_the_spool(tmp_path: Path) -> None:
    async def use(spool: Spool) -> None:
        await spool.append([event(1)])
        with pytest.raises(SpoolRefuses):
            await spool.append([event(2, path="\ud800")])
        await spool.append([event(3)])

    run(use, tmp_path)
    recover(tmp_path)
    assert held(tmp_path) == [1, 3]


def test_a_group_that_waited_for_a_stalled_disk_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its commit might come after a watermark that has passed it. What arrives afterwards is taken."""
    stalled, go, commit = threading.Event(), threading.Event(), spool_file.OpenFile.commit
    monkeypatch.setattr(spool_thread, "_LONGEST_WAIT_S", 0.2)

    def slow(self: Any, *given: Any) -> None:
        stalled.set()
        assert go.wait(30)
        commit(self, *given)

    monkeypatch.setattr(spool_file.OpenFile, "commit", slow)

    async def use(spool: Spool) -> None:
        first = spool.append([event(1)])
        await asyncio.to_thread(stalled.wait, 10)
        late = [spool.append([event(number)]) for number in (2, 3)]
        spool.count("a", "accepted", 60)
        spool.flush_counts()
        await asyncio.sleep(0.3)
        in_time = spool.append([event(4)])
        go.set()
        await asyncio.gather(first, in_time)
        for future in late:
            with pytest.raises(SpoolRefuses, match="does not keep up"):
                await future

    with capture_logs() as logs:
        run(use, tmp_path)
    # How many came in that moment is nobody's business.
    assert [set(entry) for entry in logs if entry["event"] == "spool_too_slow"] == [{"event", "log_level", "spool"}]
    assert held(tmp_path) == [1, 4]
    (path,) = spool_files(tmp_path)
    assert read_sealed(path)[2] == [Count("a", 60, "accepted", 1)], "counts belong to no request"


def test_what_waits_and_the_time_to_receive_stay_within_what_a_watermark_allows() -> None:
    assert spool_thread._LONGEST_WAIT_S + RECEIVE_WITHIN_S < spool_thread.IN_FLIGHT_S


_FILL = """
import asyncio, json, resource, sys
from pathlib import Path
from pipeline.settings import SpoolSettings
from pipeline.spool.spool import Spool, SpoolRefuses
from pipeline.spool.file import read_sealed, recover, spool_files
from tests.pipeline.test_spool import event, held

async def main():
    directory = Path(sys.argv[1])
    spool = Spool(directory, 0, SpoolSettings(seal_after_s=60.0, keep_free_bytes=0))
    spool.start()
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, hard))
    acknowledged, refused = [], []
    for number in range(1, 40):
        try:
            await spool.append([event(number, path="x" * 30_000)])
            acknowledged.append(number)
        except SpoolRefuses:
            refused.append(number)
    resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
    await spool.append([event(99)])
    acknowledged.append(99)
    await asyncio.to_thread(spool.stop)
    recover(directory)
    print(json.dumps({"acknowledged": acknowledged, "refused": refused, "held": held(directory)}))

asyncio.run(main())
"""


@pytest.mark.process
def test_on_a_full_disk_events_are_refused_and_none_that_was_acknowledged_is_lost(tmp_path: Path) -> None:
    done = python(_FILL, str(tmp_path))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["refused"]
    assert set(told["acknowledged"]) <= set(told["held"])
    assert len(told["held"]) == len(set(told["held"]))


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        ({"max_bytes": 500}, "spool.max_bytes = 500"),
        ({"keep_free_bytes": 10**18}, f"spool.keep_free_bytes = {10**18}"),
    ],
)
def test_a_spool_over_its_limit_refuses_and_says_which_setting(
    tmp_path: Path, settings: dict[str, int], named: str
) -> None:
    run(lambda spool: spool.append([event(1)]), tmp_path)

    async def use(spool: Spool) -> None:
        with pytest.raises(SpoolRefuses, match=named):
            await spool.append([event(2)])
        spool.count("a", "spool", 60)

    run(use, tmp_path, **settings)
    assert held(tmp_path) == [1]


def test_a_spool_that_was_drained_accepts_again(tmp_path: Path) -> None:
    run(lambda spool: spool.append([event(1)]), tmp_path)

    async def use(spool: Spool) -> None:
        assert spool.refusal
        for path in spool_files(tmp_path):
            path.unlink()
        spool.thread.measure()
        await spool.append([event(2)])

    run(use, tmp_path, max_bytes=500)
    assert held(tmp_path) == [2]


def test_a_second_owner_is_refused_and_the_first_is_unharmed(tmp_path: Path) -> None:
    async def use(spool: Spool) -> None:
        await spool.append([event(1)])
        other = Spool(tmp_path, 0, SpoolSettings())
        with pytest.raises(SpoolTaken, match="another process owns it"):
            other.start()
        await spool.append([event(2)])

    run(use, tmp_path)
    assert held(tmp_path) == [1, 2]
    run(lambda spool: spool.append([event(3)]), tmp_path)  # and given back


def test_what_is_queued_at_a_stop_is_committed_and_acknowledged(tmp_path: Path) -> None:
    async def use(spool: Spool) -> list[asyncio.Future[None]]:
        return [spool.append([event(number)]) for number in range(50)]

    async def inside() -> None:
        spool = Spool(tmp_path, 0, SpoolSettings(keep_free_bytes=0))
        spool.start()
        futures = await use(spool)
        await asyncio.to_thread(spool.stop)
        await asyncio.gather(*futures)

    asyncio.run(inside())
    assert held(tmp_path) == list(range(50))


# -- files that are not what they claim to be ----------------------------------------------------------------------


def future_format(path: Path) -> None:
    written(path, {"format": FORMAT + 1}, {"events": [event(66)]})


def written(path: Path, *frames: Any) -> None:
    spool_log.LogFile(path).close(*(msgspec.msgpack.encode(frame) for frame in frames))


def _nested(path: Path) -> None:
    """Lists in lists, deeper than is read."""
    header = {"format": FORMAT, "uuid": "0" * 32, "created": 1, "serial": 0, "spool": 0, "chunk_rows": 1}
    fields = {"events": [*Event.__struct_fields__]}
    body = b"\x81" + msgspec.msgpack.encode("events") + b"\x91" * 5000 + b"\x90"
    spool_log.LogFile(path).close(msgspec.msgpack.encode(header | {"fields": fields}), body)


def _write(path: Path, *events: Event, header: Header | None = None, counts: tuple[Count, ...] = ()) -> None:
    file = spool_file.OpenFile(path, header or Header("0" * 32, 1, 0, 0, 20_000))
    file.commit(list(events), list(counts))
    file.close()


@pytest.mark.parametrize(
    ("name", "make", "left"),
    [
        ("0000000001-00.open", lambda path: path.write_bytes(b"garbage" * 1000), ["0000000001-00.open.bad"]),
        (
            "0000000001-00.open",
            lambda path: path.write_bytes(b"SQLite format 3\x00" + b"\x07" * 5000),
            ["0000000001-00.open.bad"],
        ),
        ("0000000001-00.open", Path.touch, []),
        ("nonsense.open", lambda path: path.write_bytes(b"x"), ["nonsense.open.bad"]),
        ("nonsense.sealed", lambda path: path.write_bytes(b"x"), ["nonsense.sealed.bad"]),
        ("notes.txt", lambda path: path.write_bytes(b"x"), ["notes.txt"]),
    ],
)
def test_a_file_that_is_none_of_ours_does_not_stop_the_start(
    tmp_path: Path, name: str, make: Callable[[Path], object], left: list[str]
) -> None:
    make(tmp_path / name)
    run(lambda spool: spool.append([event(1)]), tmp_path)
    assert held(tmp_path) == [1]
    assert sorted(path.name for path in tmp_path.iterdir() if path.suffix not in ("", ".sealed")) == left


@pytest.mark.parametrize(
    "make",
    [
        lambda path: path.write_bytes(b"garbage" * 1000),
        Path.touch,
        future_format,
        lambda path: written(path),
        lambda path: written(path, {"format": FORMAT}),
        _nested,
        lambda path: sqlite3.connect(path).execute("CREATE TABLE header (key, value)").connection.close(),
    ],
    ids=["garbage", "empty", "future", "frameless", "nameless", "nested", "headless"],
)
def test_a_sealed_file_that_cannot_be_understood_says_so(tmp_path: Path, make: Callable[[Path], object]) -> None:
    path = tmp_path / "0000000001-00.sealed"
    make(path)
    with pytest.raises(SpoolFileBad, match=path.name):
        read_sealed(path)


def test_a_sealed_file_that_cannot_be_opened_now_is_not_called_bad(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="gone"):  # as it is when no file descriptor is left
        read_sealed(tmp_path / "gone.sealed")


def test_a_file_of_a_future_format_left_open_is_kept_for_the_version_that_knows_it(tmp_path: Path) -> None:
    future_format(tmp_path / "0000000001-00.open")
    run(lambda spool: spool.append([event(1)]), tmp_path)
    future, mine = spool_files(tmp_path)
    with pytest.raises(SpoolFileBad):
        read_sealed(future)
    assert len(read_sealed(mine)[1]) == 1


def test_a_recovery_that_must_wait_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _write(tmp_path / "0000000001-00.open", event(1))
    recover_file, calls = spool_thread.recover_file, []

    def at_first_not(path: Path) -> bool:
        calls.append(path)
        return len(calls) > 1 and recover_file(path)

    for module in (spool_file, spool_thread):  # at the start, and afterwards
        monkeypatch.setattr(module, "recover_file", at_first_not)

    async def use(spool: Spool) -> None:
        assert list(tmp_path.glob("*.open"))
        await asyncio.to_thread(spool.thread.retry_distrusted)

    run(use, tmp_path)
    assert held(tmp_path) == [1]


def test_a_file_that_cannot_be_set_aside_now_does_not_stop_the_spool(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad = tmp_path / "0000000001-00.open"
    bad.write_bytes(b"garbage" * 1000)
    full = [True]

    def set_aside(path: Path, reason: str) -> None:
        if full[0]:
            raise OSError(28, "No space left on device")
        aside.set_aside(path, reason)

    monkeypatch.setattr(spool_file, "set_aside", set_aside)
    monkeypatch.setattr(spool_thread, "_MEASURE_EVERY_S", 0.01)

    async def use(spool: Spool) -> None:
        for number in range(3):
            await spool.append([event(number)])
            await asyncio.sleep(0.02)
        assert spool.thread.distrusted == [bad]
        full[0] = False
        await until(lambda: not spool.thread.distrusted)
        await spool.append([event(3)])

    run(use, tmp_path, seal_after_s=0.1)
    assert held(tmp_path) == [0, 1, 2, 3]
    assert [path.name for path in tmp_path.glob("*.bad")] == [f"{bad.name}.bad"]


def test_whatever_goes_wrong_while_a_file_is_sealed_it_is_sealed_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: Path) -> None:
        raise MemoryError

    monkeypatch.setattr(spool_thread, "_MEASURE_EVERY_S", 0.01)
    monkeypatch.setattr(spool_thread, "seal", broken)

    async def use(spool: Spool) -> None:
        await spool.append([event(1)])
        await until(lambda: [*tmp_path.glob("*.sealed")])

    run(use, tmp_path, seal_after_s=0.05)
    assert held(tmp_path) == [1]


def test_whatever_goes_wrong_beside_a_commit_the_spool_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: SpoolThread) -> None:
        raise RuntimeError("content")

    monkeypatch.setattr(spool_thread, "_MEASURE_EVERY_S", 0.01)
    monkeypatch.setattr(SpoolThread, "retry_distrusted", broken)

    async def use(spool: Spool) -> None:
        for number in range(3):
            await asyncio.wait_for(spool.append([event(number)]), 5)
            await asyncio.sleep(0.02)

    with capture_logs() as logs:
        run(use, tmp_path)
    assert held(tmp_path) == [0, 1, 2]
    told = [(entry["event"], entry.get("kind")) for entry in logs]
    assert ("spool_not_tidied", "RuntimeError") in told
    assert {event for event, _ in told} <= {"spool_not_tidied", "spool_tidied"}


def test_counts_that_wait_while_the_spool_refuses_do_not_fill_the_memory_and_none_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spooling, "_MOST_COUNTS", 100)
    spool = Spool(tmp_path, 0, SpoolSettings())
    for minute in range(3 * 1440):
        spool.count("a", "spool", minute * 60)
    assert len(spool._counts) == 100 + 2
    assert sum(spool._counts.values()) == 3 * 1440


# -- set aside -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "written", "left"),
    [
        ("1700000000-00.open.bad", 0.0, True),
        ("1700000000-00.open-wal.bad", aside.KEPT_S - 1, True),
        ("1700000000-00.sealed.bad", aside.KEPT_S, False),
        # Begun long ago and found damaged now: whoever is in it may have asked to be erased meanwhile.
        (f"{1_700_000_000 - aside.KEPT_S:010d}-00.sealed.bad", aside.KEPT_S, False),
        ("nonsense.open.bad", aside.KEPT_S - 1, True),
        ("nonsense.open.bad", aside.KEPT_S, False),
        # A clock that was a year ahead.
        (f"{1_700_000_000 + 365 * 86_400:010d}-00.open.bad", -365.0 * 86_400, False),
    ],
)
def test_d6_what_is_set_aside_is_gone_within_a_day(tmp_path: Path, name: str, written: float, left: bool) -> None:
    now = 1_700_000_000 + (0 if written <= 0 else written)
    path = tmp_path / name
    path.write_bytes(b"x")
    then = now - written
    os.utime(path, (then, then))
    (tmp_path / "1600000000-00.sealed").touch()
    assert aside.delete_old(tmp_path, now) == (not left)
    assert path.exists() is left
    assert len(spool_files(tmp_path)) == 1


def test_d6_the_hour_until_the_next_look_is_within_the_day() -> None:
    assert aside.KEPT_S + writing._SWEEP_EVERY_S < 86_400
