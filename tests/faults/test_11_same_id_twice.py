"""Fault 11: the same event id comes twice, to two workers, also across a restart: it is counted once."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.house import AGENT, Running, eventually, rows, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

SITE = "example.com"
PEOPLE = 12


@contextlib.contextmanager
def alone(house: Running, worker: int) -> Iterator[None]:
    """Only this worker is awake, so it takes what comes."""
    others = [pid for pid in house.children("collector") if pid != worker]
    for pid in others:
        os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        for pid in others:
            os.kill(pid, signal.SIGCONT)


def post_all(house: Running) -> None:
    """A pageview of everybody, each with an id of its own, always the same."""
    for number in range(PEOPLE):
        body = {"n": "pageview", "u": f"https://{SITE}/{number % 2}", "d": SITE, "id": f"order-{number}"}
        assert house.post(body, {"User-Agent": AGENT.format(100 + number)})[0] == 202


def counted(house: Running) -> tuple[int, int]:
    totals = house.stats(SITE)["totals"]
    return totals["visitors"], totals["pageviews"]


def test_an_event_that_comes_to_both_workers_and_again_after_a_restart_is_counted_once(data: Path) -> None:
    with running(data, "--workers", "2", "--set", "release.k=1") as house:
        for worker in house.children("collector"):
            with alone(house, worker):
                post_all(house)
        eventually(lambda: counted(house) == (PEOPLE, PEOPLE))
        house.kill()
        house.start()
        post_all(house)
        # An id that was not there before tells that the rest has been counted, too.
        assert house.post({"n": "pageview", "u": f"https://{SITE}/", "d": SITE, "id": "last"})[0] == 202
        eventually(lambda: counted(house)[1] == PEOPLE + 1)
        assert house.stop() == 0
    [found, spools] = rows(
        data,
        "SELECT count(), uniqExact(id) FROM events WHERE id != 0",
        "SELECT DISTINCT bitAnd(bitShiftRight(sequence, 20), 63) AS spool FROM events ORDER BY spool",
    )
    assert found == [[3 * PEOPLE + 1, PEOPLE + 1]]
    assert spools == [[0], [1]]
