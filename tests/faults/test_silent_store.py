"""A store behind which everything disappears: whoever looks at a page is told within seconds, and others at once."""

from __future__ import annotations

import time

import pytest

from schema.store import Store, StoreDown
from tests.faults.conftest import Server

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]
PATIENCE_S = 4.0


def test_who_waits_for_a_page_waits_once_for_a_store_that_hangs_and_others_do_not(server: Server) -> None:
    store = Store(server.dsn, patience_s=PATIENCE_S)
    try:
        assert store.rows("SELECT 1") == [(1,)]
        server.fail("hang")
        started = time.monotonic()
        with pytest.raises(StoreDown, match="timed out"):
            store.rows("SELECT 2")
        assert time.monotonic() - started < 3 * PATIENCE_S
        started = time.monotonic()
        for _ in range(5):
            with pytest.raises(StoreDown, match="did not answer a moment ago"):
                store.rows("SELECT 3")
        assert time.monotonic() - started < PATIENCE_S / 2
        server.calm()
        time.sleep(PATIENCE_S)
        assert store.rows("SELECT 4") == [(4,)]
    finally:
        server.calm()
        store.close()
