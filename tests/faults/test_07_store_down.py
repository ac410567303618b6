"""Fault 7: the store refuses connections: beacons are acknowledged all the same, the spool grows, and drains after."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from schema.store import Store
from tests.faults.conftest import Server
from tests.faults.oracle import CollectorHouse, Oracle, held_bytes, resident_kib
from tests.faults.outage import outage
from tests.house import eventually

pytestmark = pytest.mark.clickhouse

BATCH = 800
# An event takes some 210 bytes of the spool: what is held in memory instead would be seen.
FLAT_KIB = 16 * 1024


def test_while_the_store_is_down_beacons_are_acknowledged_and_all_of_them_are_stored_once_it_is_back(
    remote: Store, server: Server, data: Path
) -> None:
    server.fail("refuse")
    house = CollectorHouse(data, server.dsn).start()  # it starts without a store, too
    try:
        oracle = Oracle(house.port)
        held = [held_bytes(data)]
        resident: list[list[int]] = []
        for _ in range(3):
            assert oracle.post(BATCH) == {202: BATCH}
            time.sleep(0.7)  # the open file is sealed
            held.append(held_bytes(data))
            resident.append([resident_kib(pid) for pid in house.processes()])
        assert held == sorted(set(held))
        assert max(after - before for before, after in zip(resident[0], resident[-1], strict=True)) < FLAT_KIB
        server.calm()
        eventually(lambda: len(oracle.stored(remote)) == 3 * BATCH, 40)
        eventually(lambda: held_bytes(data) == 0)
        # It goes away again under a writer that is at work.
        server.fail("refuse")
        assert oracle.post(BATCH) == {202: BATCH}
        server.calm()
        eventually(lambda: len(oracle.stored(remote)) == 4 * BATCH, 40)
        oracle.judge(oracle.stored(remote))
        assert house.stop() == 0
    finally:
        house.kill()


def test_an_outage_is_held_on_disk_and_drained_while_events_go_on_coming(tmp_path: Path) -> None:
    """A minute of 1,000 events/s; by hand `python -m tests.faults.outage` takes four hours of them."""
    told = outage(tmp_path, 60_000, 1000)
    assert told["ok"], told
    assert told["acknowledged"] > 60_000
    assert told["growth_kib"] < FLAT_KIB
