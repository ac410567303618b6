"""Fault 21: what is past its lifetime is gone by SELECT, by system.parts, and with every byte from the disk, wherever
it waited; what was counted of it stays. A house of today, and the same house in three days.

The job itself, partition by partition: tests/pipeline/test_retention.py.
"""

from __future__ import annotations

import datetime as dt
import random
import string
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pipeline.spool.file import CHUNK_ROWS, Header, OpenFile, seal
from pipeline.spool.quarantine import Quarantine
from schema.event import Event
from schema.store import Store, StoreDown
from tests.conftest import make_event
from tests.faults.compressed import files_with
from tests.faults.conftest import Server
from tests.faults.spooled import DAY, NOON, Spooled
from tests.house import AGENT, another_time, eventually, rows, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(600)]

DAY_S = 86_400
VISITORS = 8
# All of its visitors come from here.
LIVES_2_DAYS = ("--set", "retention.raw_days=2", "--set", "demo=false", "--set", "release.networks=1")
# Rows of `events` in parts of any kind: those that are read, those that were replaced, those that were detached.
PARTS = "SELECT name, active FROM system.parts WHERE table = 'events' AND rows > 0"
DETACHED = "SELECT name FROM system.detached_parts"


class Marks:
    """Words that occur nowhere else and are no kind of name that the scrubber would take out."""

    def __init__(self) -> None:
        self._letters = random.Random(21)
        self.all: list[str] = []

    def __call__(self) -> str:
        self.all.append("".join(self._letters.choices(string.ascii_lowercase, k=14)))
        return self.all[-1]


def beacons(mark: Marks) -> Iterator[tuple[dict[str, Any], dict[str, str]]]:
    """Two views by each visitor: one that all of them share, one with a mark wherever a page may put one."""
    for number in range(VISITORS):
        agent = {"User-Agent": AGENT.format(100 + number)}
        base = {"n": "pageview", "d": "example.com", "u": "https://example.com/shared"}
        yield base, agent
        url = f"https://example.com/{mark()}?utm_source={mark()}&utm_campaign={mark()}"
        yield {**base, "u": url, "r": f"https://{mark()}.example/", "p": {mark(): mark()}}, agent
        yield {**base, "n": mark(), "i": False}, agent


def sealed(spool: Path, begun: int, serial: int, event: Event) -> None:
    """What a worker of that time has left."""
    path = spool / f"{begun:010d}-{serial:02d}.open"
    file = OpenFile(path, Header(f"of-{serial}", begun, serial, 0, CHUNK_ROWS))
    file.commit([event], [])
    file.close()
    seal(path)


def test_three_days_later_nothing_is_left_of_rows_that_live_for_two_but_what_was_counted(data: Path) -> None:
    mark, fresh = Marks(), "qqfreshandyoung"
    now = int(time.time())
    today = dt.datetime.fromtimestamp(now, dt.UTC).date()
    spool = data / "spool" / "worker-0"

    def old(**given: Any) -> Event:
        return make_event("example.com", now, today, lifetime=2, path=f"/{mark()}", **given)

    def counted() -> tuple[int, dict[str, int]]:
        told = house.stats("example.com", "--by", "page", "--from", str(today), "--to", str(today))
        return told["totals"]["pageviews"], {row["value"]: row["visitors"] for row in told["rows"]}

    with running(data, *LIVES_2_DAYS) as house:
        for body, headers in beacons(mark):
            assert house.post(body, headers)[0] == 202
        sealed(spool, now - 1, 60, old(visitor=-1))  # which the store refuses
        eventually(lambda: len(Quarantine(data / "quarantine")) == 1, 60)
        (spool / f"{now - 1:010d}-61.sealed").write_text(f"no spool file: {mark()}")
        eventually(lambda: list(spool.glob("*.bad")), 60)
        eventually(lambda: not [*spool.glob("*.open"), *spool.glob("*.sealed")], 60)
        house.kill()
    # While nobody is there to delete anything.
    sealed(spool, now, 62, old(visitor=1))
    unseen = {text for text, found in files_with(data, mark.all).items() if not found}
    assert not unseen, "the search is blind"

    # The embedded engine has its time from the kernel itself, so its own TTL does not come before the job.
    with another_time(3 * DAY_S), running(data, *LIVES_2_DAYS) as house:
        assert house.post({"n": "pageview", "d": "example.com", "u": f"https://example.com/{fresh}"})[0] == 202
        eventually(lambda: "partition_expired" in house.log.read_text(), 60)
        eventually(lambda: [path.name for path in spool.iterdir()] == ["lock"], 60)
        eventually(lambda: not list(data.glob("quarantine/*.event")), 60)
        assert counted() == (2 * VISITORS, {"/shared": VISITORS, "(other)": VISITORS})
        house.kill()
    left = {text: found for text, found in files_with(data.parent, mark.all).items() if found}
    assert not left
    assert files_with(data, [fresh])[fresh], "the young went with the old"
    young, parts, detached, expired = rows(
        data, "SELECT path FROM events", PARTS, DETACHED, "SELECT source, sum(rows) FROM expiries GROUP BY source"
    )
    assert young == [[f"/{fresh}"]]
    assert [active for _, active in parts] == [1]
    assert not detached
    assert dict(expired)["events"] == 3 * VISITORS
    assert 0 < dict(expired)["visits"] <= 3 * VISITORS
    assert len(expired) == 2


def outliving(site: str) -> list[Event]:
    """Of every three rows one lives for two days."""
    return [
        make_event(site, NOON + number, DAY, visitor=number, lifetime=30 if number % 3 else 2) for number in range(9)
    ]


def stored(store: Store, site: str) -> list[int]:
    found = store.rows("SELECT visitor FROM events WHERE site = {s:String} ORDER BY visitor", {"s": site})
    return [visitor for (visitor,) in found]


def test_what_outlived_its_time_in_the_spool_is_not_stored_and_its_neighbours_are(
    remote: Store, server: Server, tmp_path: Path
) -> None:
    house = Spooled(remote, tmp_path)
    house.seal(outliving("spool-late"))
    house.now = (NOON // DAY_S + 2) * DAY_S - 1
    server.fail("refuse")
    with pytest.raises(StoreDown):
        house.writer.drain()
    server.calm()
    house.now += 1
    house.writer.drain()
    assert stored(remote, "spool-late") == [1, 2, 4, 5, 7, 8]


def test_rows_that_die_between_two_tries_make_no_other_row_twice(remote: Store, server: Server, tmp_path: Path) -> None:
    house = Spooled(remote, tmp_path)
    house.seal(outliving("spool-between"))
    server.fail("reset", only="INTO events (")
    with pytest.raises(StoreDown):
        house.writer.drain()  # the first chunk is stored, and nobody says so
    server.calm()
    house.now += 3 * DAY_S
    house.writer.drain()
    assert stored(remote, "spool-between") == [0, 1, 2, 4, 5, 7, 8]


def test_while_the_store_is_away_a_spool_file_goes_with_the_last_of_its_rows(
    remote: Store, server: Server, tmp_path: Path
) -> None:
    house = Spooled(remote, tmp_path)
    short = house.seal([make_event("spool-away", NOON, DAY, lifetime=2)])
    mixed = house.seal(outliving("spool-away"))
    server.fail("refuse")
    house.now = (NOON // DAY_S + 2) * DAY_S - 1
    assert house.writer.sweep() == 0
    house.now += 1
    assert house.writer.sweep() == 1
    assert (short.exists(), mixed.exists()) == (False, True)
    house.now += 28 * DAY_S
    assert house.writer.sweep() == 1
    assert not list(house.spool.iterdir())
