"""Rule X3: a raw row past its lifetime is gone by SELECT, by system.parts and from the disk; rollups stay."""

from __future__ import annotations

import datetime as dt
import itertools
import time
from collections.abc import Iterator

import pytest

from pipeline import retention
from pipeline.retention import RowsOutlived, expire
from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from schema.site import Site
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = pytest.mark.clickhouse

DAY_S = 86_400
_NUMBER = itertools.count(1)


@pytest.fixture
def site() -> Site:
    return Site(f"retention-{next(_NUMBER)}")


@pytest.fixture(autouse=True)
def _its_own_ttl_is_off(store: Store) -> Iterator[None]:
    """ClickHouse's own TTL must not do the job's work before the job is looked at."""
    store.command("SYSTEM STOP TTL MERGES events")
    yield
    store.command("SYSTEM START TTL MERGES events")


def rules(days: int = 30, k: int = 1) -> SiteRules:
    return SiteRules(k, days, "balanced")


def put(store: Store, site: Site, days_ago: int, lifetime: int, number: int = 1) -> dt.date:
    """So many events received so many days ago."""
    received = int(time.time()) // DAY_S * DAY_S - days_ago * DAY_S + 60
    day = dt.datetime.fromtimestamp(received, dt.UTC).date()
    insert(store, [make_event(site.key, received + i, day, visitor=i + 1, lifetime=lifetime) for i in range(number)])
    return day


def days_left(store: Store, site: Site) -> list[dt.date]:
    return [
        day
        for (day,) in store.rows(
            "SELECT DISTINCT toDate(received) AS d FROM events WHERE site = {site:String} ORDER BY d",
            {"site": site.key},
        )
    ]


def partitions(store: Store, which: str = "") -> set[str]:
    return {
        name
        for (name,) in store.rows(
            "SELECT DISTINCT partition FROM system.parts WHERE database = currentDatabase() AND table = 'events' "
            f"AND rows > 0 {which}"
        )
    }


def on_disk(store: Store) -> set[str]:
    """The names of the parts that have a directory with rows in it."""
    folder = store.rows("SELECT data_paths[1] FROM system.tables WHERE name = 'events'")[0][0]
    root = store.directory / folder if not folder.startswith("/") else type(store.directory)(folder)
    return {
        path.name
        for path in root.iterdir()
        if (path / "count.txt").is_file() and (path / "count.txt").read_text() not in ("", "0")
    }


def test_a_row_past_its_lifetime_is_gone_by_select_by_system_parts_and_from_the_disk(store: Store, site: Site) -> None:
    put(store, site, days_ago=3, lifetime=2, number=3)
    kept = put(store, site, days_ago=1, lifetime=2)
    name = f"(2,'{dt.datetime.now(dt.UTC).date() - dt.timedelta(days=3)}')"
    assert name in partitions(store)
    assert expire(store, [(site, rules())], time.time()) == 3
    assert days_left(store, site) == [kept]
    assert name not in partitions(store)
    assert not [part for part in on_disk(store) if part.startswith("2-" + name[4:14].replace("-", ""))]


def test_what_is_deleted_is_recorded_with_its_rows(store: Store, site: Site) -> None:
    day = put(store, site, days_ago=5, lifetime=2, number=4)
    now = int(time.time())
    expire(store, [(site, rules())], now)
    recorded = store.rows(
        "SELECT toUnixTimestamp(at), source, rows FROM expiries WHERE partition = {p:String} ORDER BY at DESC LIMIT 1",
        {"p": f"(2,'{day}')"},
    )
    assert recorded == [(now, "events", 4)]


def test_nothing_is_recorded_where_nothing_expired(store: Store, site: Site) -> None:
    expire(store, [], time.time())
    before = store.rows("SELECT count() FROM expiries")
    put(store, site, days_ago=1, lifetime=2)
    assert expire(store, [(site, rules())], time.time()) == 0
    assert store.rows("SELECT count() FROM expiries") == before


def test_parts_that_the_engine_replaced_are_cleared_too(store: Store, site: Site) -> None:
    day = put(store, site, days_ago=9, lifetime=2)
    put(store, site, days_ago=9, lifetime=2)
    # A merge makes a new part and leaves the old ones, rows and all, on the disk.
    store.command(f"OPTIMIZE TABLE events PARTITION (2, '{day}') FINAL")
    assert f"(2,'{day}')" in partitions(store, "AND NOT active")
    expire(store, [(site, rules())], time.time())
    assert f"(2,'{day}')" not in partitions(store)
    assert not [part for part in on_disk(store) if part.startswith(f"2-{day:%Y%m%d}")]


def test_what_the_engines_own_ttl_left_lying_is_cleared_too(store: Store, site: Site) -> None:
    day = put(store, site, days_ago=11, lifetime=2)
    # As its TTL does: the partition's only active part is empty, the rows linger in an inactive one.
    store.command(f"ALTER TABLE events DELETE WHERE site = '{site.key}'", mutations_sync=2)
    assert f"(2,'{day}')" in partitions(store, "AND NOT active")
    assert expire(store, [(site, rules())], time.time()) == 0
    assert f"(2,'{day}')" not in partitions(store)


def test_replaced_parts_keep_their_usual_lifetime_afterwards(store: Store, site: Site) -> None:
    put(store, site, days_ago=9, lifetime=2)
    put(store, site, days_ago=9, lifetime=2)
    store.command("OPTIMIZE TABLE events FINAL")
    expire(store, [(site, rules())], time.time())
    layout = store.rows("SELECT engine_full FROM system.tables WHERE name = 'events'")[0][0]
    assert f"old_parts_lifetime = {retention._OLD_PARTS_LIFETIME_S}," in layout


def test_lifetimes_of_two_and_thirty_days_live_side_by_side(store: Store, site: Site) -> None:
    other = Site(f"{site.key}-long")
    put(store, site, days_ago=7, lifetime=2)
    seven = put(store, other, days_ago=7, lifetime=30)
    put(store, other, days_ago=31, lifetime=30)
    expire(store, [(site, rules(2)), (other, rules(30))], time.time())
    assert (days_left(store, site), days_left(store, other)) == ([], [seven])


@pytest.mark.parametrize(("days_ago", "survives"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_row_lives_as_many_days_as_its_lifetime_says(store: Store, site: Site, days_ago: int, survives: bool) -> None:
    put(store, site, days_ago, lifetime=2)
    expire(store, [(site, rules(2))], time.time())
    assert bool(days_left(store, site)) is survives


def test_rollups_of_the_expired_rows_stay(store: Store, site: Site) -> None:
    day = put(store, site, days_ago=4, lifetime=2, number=2)
    roll_up(store, site, day, rules())
    query = "SELECT * FROM open_cells WHERE site = {site:String} ORDER BY ALL"
    before = store.rows(query, {"site": site.key})
    expire(store, [(site, rules())], time.time())
    assert days_left(store, site) == []
    assert before
    assert store.rows(query, {"site": site.key}) == before


def test_a_tightened_retention_holds_for_rows_that_were_stored_before(store: Store, site: Site) -> None:
    neighbour = Site(f"{site.key}-neighbour")
    put(store, site, days_ago=5, lifetime=30)
    put(store, site, days_ago=3, lifetime=30)
    kept = put(store, site, days_ago=2, lifetime=30)
    theirs = put(store, neighbour, days_ago=5, lifetime=30)
    expire(store, [(site, rules(3)), (neighbour, rules(30))], time.time())
    assert days_left(store, site) == [kept]
    assert days_left(store, neighbour) == [theirs]
    # The parts that still held the deleted rows are gone, not merely out of sight.
    held = partitions(store, f"AND NOT active AND partition = '(30,\\'{theirs}\\')'")
    assert held == set()


def test_a_loosened_retention_does_not_touch_what_is_stored(store: Store, site: Site) -> None:
    put(store, site, days_ago=3, lifetime=2)
    expire(store, [(site, rules(30))], time.time())
    assert days_left(store, site) == []


def test_rows_that_cannot_be_removed_are_an_error_not_a_silence(
    store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = put(store, site, days_ago=6, lifetime=2)
    monkeypatch.setattr(retention, "_drop", lambda *_: None)
    monkeypatch.setattr(retention, "_CLEARED_WITHIN_S", 0.1)
    with pytest.raises(RowsOutlived, match=f"2,'{day}'"):
        expire(store, [(site, rules())], time.time())
    monkeypatch.undo()
    expire(store, [(site, rules())], time.time())


def test_without_the_job_an_expired_partition_goes_by_the_tables_own_ttl(store: Store, site: Site) -> None:
    put(store, site, days_ago=8, lifetime=2)
    store.command("SYSTEM START TTL MERGES events")
    until = time.monotonic() + 30
    while days_left(store, site) and time.monotonic() < until:
        store.command("OPTIMIZE TABLE events")
        time.sleep(0.05)
    assert days_left(store, site) == []
