"""Where the rollup works: tables of one process, gone with the next start."""

from __future__ import annotations

import datetime as dt

import pytest

from pipeline.rollup import roll_up
from pipeline.scratch import Scratch, drop_left, make_sums, scratch_of
from pipeline.settings import SiteRules
from schema.site import Site, day_bounds, day_number
from schema.store import Store, StoreDown
from tests.conftest import insert, make_event

pytestmark = pytest.mark.clickhouse

DAY = dt.date(2041, 3, 9)
SITE = Site("scratch.example")
RULES = SiteRules(2, 30, "balanced")


def tables(store: Store) -> set[str]:
    found = store.rows(
        "SELECT name FROM system.tables WHERE database = currentDatabase() "
        "AND (startsWith(name, 'work_') OR startsWith(name, 'sums_'))"
    )
    return {name for (name,) in found}


def test_no_two_runs_meet_and_a_statement_finds_its_own(store: Store) -> None:
    one, other = Scratch(store), Scratch(store)
    try:
        one.command("INSERT INTO work_whose (visitor) SELECT 7")
        assert one.rows("SELECT visitor, 'network_whose' FROM work_whose") == [(7, "network_whose")]
        assert other.rows("SELECT visitor FROM work_whose") == []
        assert store.rows(f"SELECT visitor FROM {one.name('whose')}") == [(7,)]
        one.clear()
        assert one.rows("SELECT visitor FROM work_whose") == []
    finally:
        drop_left(store)


def test_a_start_drops_what_others_left_in_memory_and_nothing_else(store: Store) -> None:
    scratch_of(store)
    make_sums(store)
    store.command("CREATE TABLE work_1_kept_on_disk (a UInt8) ENGINE = MergeTree ORDER BY a")
    kept = store.rows("SELECT count() FROM system.tables WHERE database = currentDatabase() AND engine != 'Memory'")
    try:
        drop_left(store)
        assert tables(store) == {"work_1_kept_on_disk"}
        assert kept == store.rows(
            "SELECT count() FROM system.tables WHERE database = currentDatabase() AND engine != 'Memory'"
        )
    finally:
        store.command("DROP TABLE work_1_kept_on_disk")


def test_a_process_whose_tables_were_dropped_makes_others(store: Store) -> None:
    """On a server, by the start of another one."""
    start = day_bounds(SITE.timezone, day_number(DAY)).start
    insert(store, [make_event(SITE.key, start + n, DAY, visitor=n) for n in range(6)])
    store.command(f"DROP TABLE {scratch_of(store).name('visits')} SYNC")
    with pytest.raises(StoreDown, match="UNKNOWN_TABLE"):
        roll_up(store, SITE, DAY, RULES)
    roll_up(store, SITE, DAY, RULES)
    assert store.rows("SELECT max(visitors) FROM open_cells WHERE site = {s:String}", {"s": SITE.key}) == [(6,)]
    drop_left(store)
