"""Fault 7: the store refuses connections, for an hour: beacons are acknowledged, the spool grows, and drains after."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import pytest

from pipeline.spool.spool import IN_FLIGHT_S
from schema.store import Store, StoreDown
from tests.faults.conftest import Server
from tests.faults.oracle import CollectorHouse, Oracle, held_bytes
from tests.faults.outage import outage
from tests.faults.raw import memory_of
from tests.faults.spooled import NOON, Spooled, numbered, stored
from tests.house import eventually

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

BATCH, ROUNDS = 800, 5
# Once warm. An event takes some 210 bytes of the spool and several times that as an object; this is 437 for each.
FLAT_KIB = 1024


def test_while_the_store_is_down_beacons_are_acknowledged_and_all_of_them_are_stored_once_it_is_back(
    remote: Store, server: Server, data: Path
) -> None:
    server.fail("refuse")
    # Files are counted here: none waits to become a larger one. The house starts without a store, too.
    house = CollectorHouse(data, server.dsn, "--set", "spool.seal_behind_after_s=0.5").start()
    try:
        oracle = Oracle(house.port)
        held = [held_bytes(data)]
        resident: list[list[int]] = []
        for _ in range(ROUNDS):
            assert oracle.post(BATCH) == {202: BATCH}
            time.sleep(0.7)  # the open file is sealed
            held.append(held_bytes(data))
            resident.append([memory_of(pid) // 1024 for pid in house.processes()])
        assert held == sorted(set(held))
        assert max(after - before for before, after in zip(resident[1], resident[-1], strict=True)) < FLAT_KIB
        server.calm()
        eventually(lambda: len(oracle.stored(remote)) == ROUNDS * BATCH, 120)
        eventually(lambda: held_bytes(data) == 0)
        # It goes away again under a writer that is at work.
        server.fail("refuse")
        assert oracle.post(BATCH) == {202: BATCH}
        server.calm()
        eventually(lambda: len(oracle.stored(remote)) == (ROUNDS + 1) * BATCH, 120)
        oracle.judge(oracle.stored(remote))
        assert house.stop() == 0
    finally:
        house.kill()


@pytest.mark.parametrize("events", [15_000, pytest.param(60_000, marks=pytest.mark.long)])
def test_an_outage_is_held_on_disk_and_drained_while_events_go_on_coming(tmp_path: Path, events: int) -> None:
    """A minute of 1,000 events/s, or a quarter of one; by hand `python -m tests.faults.outage` takes four hours."""
    told = outage(tmp_path, events, 1000)
    assert told["ok"], told
    assert told["acknowledged"] > events
    # Caches fill meanwhile; a hundred bytes kept of each event would be more.
    assert told["growth_kib"] < 4 * FLAT_KIB


def test_an_hour_of_the_store_being_down_is_stored_in_order_and_no_day_closes_before_it(
    remote: Store, server: Server, tmp_path: Path
) -> None:
    house, site = Spooled(remote, tmp_path), f"hour-{secrets.token_hex(4)}"
    server.fail("refuse")
    for minute in range(60):
        house.seal(numbered(site, 2, visitor=minute))
        house.now += 60
        if minute % 10 == 9:  # the writer would try more often, and each time takes the client's own patience
            with pytest.raises(StoreDown):
                house.writer.drain()
        assert house.writer.watermarks() == {"0": NOON - IN_FLIGHT_S}
    server.calm()
    assert house.writer.drain() == 120
    assert stored(remote, site) == [minute for minute in range(60) for _ in range(2)]
    assert house.writer.watermarks() == {"0": NOON + 3600 - IN_FLIGHT_S}
