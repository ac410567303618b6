"""Fault 8: the store takes connections and never answers: statements time out, and no acknowledgement waits for it."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pipeline import writer as writing
from pipeline.spool.quarantine import Quarantine
from pipeline.writer import Writer
from schema import store as storing
from schema.store import Store, StoreDown
from tests.faults.collecting import Clock, Collecting
from tests.faults.conftest import Server
from tests.house import eventually

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

TIMEOUT_S = 1
ZONE = "Europe/Berlin"
POSTS = 300


@pytest.fixture
def ram() -> Iterator[Path]:
    """A directory in RAM."""
    directory = Path("/dev/shm") / f"footfall-test-{uuid.uuid4().hex}"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def impatient(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """Nobody waits 30 s here."""
    monkeypatch.setattr(storing, "_RECEIVE_TIMEOUT_S", TIMEOUT_S)
    monkeypatch.setattr(writing, "_BACK_OFF_S", (0.1,))
    return server


@pytest.mark.parametrize("mode", ["hang", "cut"])
def test_a_statement_that_is_not_answered_ends_with_store_down(impatient: Server, mode: str) -> None:
    store = Store(impatient.dsn)
    impatient.fail(mode)
    for ask in (store.rows, store.text, store.command):
        started = time.monotonic()
        with pytest.raises(StoreDown):
            ask("SELECT number FROM numbers(1000)" + (" FORMAT TSV" if ask == store.text else ""))
        assert time.monotonic() - started < 10 * TIMEOUT_S, "nor does it wait for 30 s"
    impatient.calm()
    assert len(store.rows("SELECT number FROM numbers(1000)")) == 1000
    store.close()


def test_a_store_that_hangs_at_its_opening_is_down(impatient: Server) -> None:
    impatient.fail("hang")
    with pytest.raises(StoreDown, match=r"store\.dsn: cannot open"):
        Store(impatient.dsn)


def test_acknowledgements_are_as_quick_while_the_store_hangs(impatient: Server, ram: Path, tmp_path: Path) -> None:
    store = Store(impatient.dsn)
    run = secrets.token_hex(6)
    acknowledged: list[str] = []

    async def latencies(collecting: Collecting, name: str) -> list[float]:
        taken = []
        for number in range(POSTS):
            path = f"/{run}/{name}/{number}"
            started = time.monotonic()
            assert await collecting.post(ZONE, path=path) == 202
            taken.append(time.monotonic() - started)
            acknowledged.append(path)
            await asyncio.sleep(0.004)
        return sorted(taken)

    def stored() -> list[str]:
        where = {"p": f"/{run}/"}
        return [path for (path,) in store.rows("SELECT path FROM events WHERE startsWith(path, {p:String})", where)]

    async def run_all() -> None:
        collecting = Collecting(ram, tmp_path, Clock(time.time()), ZONE).start()
        writer = Writer(store, collecting.spools, Quarantine(tmp_path / "quarantine"))
        writer.start()
        try:
            before = await latencies(collecting, "before")
            impatient.fail("hang")
            with capture_logs() as logs:
                during = await latencies(collecting, "during")
                await asyncio.sleep(2 * TIMEOUT_S)
            assert [entry for entry in logs if entry["event"] == "store_is_down"]
            assert during[POSTS // 2] < 3 * before[POSTS // 2] + 0.005
            assert during[-1] < TIMEOUT_S
            impatient.calm()
            await asyncio.to_thread(eventually, lambda: len(stored()) == 2 * POSTS)
        finally:
            impatient.calm()
            await asyncio.to_thread(collecting.stop)
            await asyncio.to_thread(writer.stop)

    asyncio.run(run_all())
    assert sorted(stored()) == sorted(acknowledged)
    store.close()
