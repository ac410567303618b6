"""The embedded engine dies of a fatal signal and Python goes on: the process ends at once and is started anew."""

from __future__ import annotations

import ctypes
import os
import signal
import time
from pathlib import Path

import pytest

from schema.store import Store, StoreDown
from tests.house import eventually, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(900)]

# Left alone, the engine answers errors for about five minutes. First it writes down where it was: that takes seconds,
# and on a busy machine many of them.
WITHIN_S = 60.0
BEACON = {"n": "pageview", "u": "https://example.com/", "d": "example.com"}
SYS_TGKILL = 234


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the number of a system call")
def test_an_engine_that_died_is_replaced_at_once_and_nothing_is_lost(data: Path) -> None:
    with running(data, "--set", "release.k=1") as house:
        assert house.post(BEACON)[0] == 202
        eventually(lambda: house.stats("example.com")["totals"]["pageviews"] == 1)
        [engine] = house.children("engine")
        # One of ClickHouse's own threads: Python's main thread would not notice.
        tasks = Path(f"/proc/{engine}/task")
        thread = next(int(task.name) for task in tasks.iterdir() if (task / "comm").read_text().strip() == "BgSchPool")
        started = time.monotonic()
        assert ctypes.CDLL(None).syscall(SYS_TGKILL, engine, thread, signal.SIGSEGV) == 0
        assert house.post(BEACON)[0] == 202
        eventually(lambda: engine not in house.processes(), WITHIN_S)
        eventually(lambda: house.command("stats", "example.com").returncode == 0, WITHIN_S)
        eventually(lambda: house.stats("example.com")["totals"]["pageviews"] == 2, WITHIN_S)
        assert time.monotonic() - started < 2 * WITHIN_S
        assert "engine_died" in house.log.read_text()
        assert house.stop() == 0


@pytest.mark.parametrize(
    ("text", "died"),
    [
        ("Code: 236. DB::Exception: The server is shutting down due to a fatal error. (ABORTED)", 1),
        # A merge that was cancelled is nobody's death.
        ("Code: 236. DB::Exception: Cancelled merging parts. (ABORTED)", 0),
        ("Code: 241. DB::Exception: Memory limit exceeded after a fatal error. (MEMORY_LIMIT_EXCEEDED)", 0),
    ],
)
def test_only_a_fatal_error_is_a_death(store: Store, monkeypatch: pytest.MonkeyPatch, text: str, died: int) -> None:
    calls: list[int] = []
    monkeypatch.setattr(Store, "on_death", staticmethod(lambda: calls.append(1)))

    def fail(_: object) -> None:
        from clickhouse_connect.driver.exceptions import DatabaseError

        raise DatabaseError(text)

    with pytest.raises(StoreDown):
        store._run(fail)
    assert len(calls) == died
