"""How long it takes to delete rows that lie in many partitions."""

from __future__ import annotations

import datetime as dt
import time

import pytest

from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]
FIRST = dt.date(2046, 1, 1)


def test_a_deletion_waits_for_no_place_in_the_queue(store: Store) -> None:
    """Of raw rows each day is a partition. The shortest of three: the machine is others', too."""
    took = []
    for turn in range(3):
        for day in range(12):
            at = 2_398_334_400 + 86_400 * day
            insert(store, [make_event(f"queue-{turn}", at, FIRST + dt.timedelta(days=day), visitor=v) for v in (1, 2)])
        began = time.monotonic()
        mine = "site = {s:String} AND visitor = 1"
        store.command(f"ALTER TABLE events DELETE WHERE {mine}", {"s": f"queue-{turn}"}, mutations_sync=2)
        took.append(time.monotonic() - began)
        assert store.rows("SELECT count() FROM events WHERE site = {s:String}", {"s": f"queue-{turn}"}) == [(12,)]
    assert min(took) < 1.5, took
