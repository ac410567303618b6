"""Fault 24: SIGTERM under load: what was received is committed and answered, and the house is gone within 10 s."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.oracle import Oracle, spooled
from tests.house import eventually, rows, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

WITHIN_S = 10.0
# A request that was on its way for so long has been received.
RECEIVED_S = 0.2


def test_a_house_that_is_stopped_under_load_answers_what_it_received_and_loses_nothing(data: Path) -> None:
    with running(data, "--workers", "2", "--set", "collector.rate_limit=0") as house:
        oracle = Oracle(house.port, clients=8)
        oracle.begin(1_000_000)
        eventually(lambda: len(oracle.sent) > 1500)
        told = time.monotonic()
        assert house.stop() == 0
        assert time.monotonic() - told < WITHIN_S
        oracle.stop()
    unanswered = [each for each in oracle.sent if not each.status and each.started < told - RECEIVED_S]
    assert not unanswered
    assert set(oracle.statuses) <= {202, 503, 0}
    assert oracle.statuses[202] > 1000
    # Nothing is left half-written: what the engine had no time for waits in sealed files.
    assert not [*(data / "spool").glob("*/*.open*"), *(data / "spool").glob("*/*.bad")]
    [found] = rows(data, "SELECT path FROM events")
    oracle.judge([path for (path,) in found] + spooled(data))
