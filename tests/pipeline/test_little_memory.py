"""Where there is little memory what a run lays out of visits and events is on the disk: its rows are the same ones."""

from __future__ import annotations

import datetime as dt

import pytest

from pipeline.rollup.batch import Batch, SiteDay
from pipeline.rollup.scratch import TABLES, drop_left
from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from schema.families import LIVE
from schema.site import Goal, Site
from schema.store import Store
from tests.conftest import insert, make_event
from tests.pipeline.frozen_input import CASES
from tests.pipeline.test_frozen_rows import DIGESTS, made, summary

pytestmark = pytest.mark.clickhouse

DAY = dt.date(2041, 3, 12)
GOALS = (Goal("buy", event="buy"),)
RULES = SiteRules(3, 30, "balanced")
_ON_DISK = """SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'run_')
    AND engine = 'MergeTree'"""


def send(store: Store, site: Site) -> None:
    start = int(dt.datetime(DAY.year, DAY.month, DAY.day, tzinfo=dt.UTC).timestamp())
    pages = [
        make_event(site.key, start + visitor * 10 + page, DAY, visitor=visitor, path=f"/{visitor % 5}/{page}")
        for visitor in range(1, 20)
        for page in range(visitor % 3 + 1)
    ]
    bought = [
        make_event(site.key, start + visitor * 10 + 5, DAY, visitor=visitor, name="buy") for visitor in range(1, 9)
    ]
    insert(store, [*pages, *bought])


def opened(store: Store, site: Site) -> dict[str, bytes]:
    send(store, site)
    roll_up(store, site, DAY, RULES)
    return {
        family: store.text(
            f"SELECT * EXCEPT (site, version) FROM open_{family} WHERE site = '{site.key}' ORDER BY ALL FORMAT TSV"
        )
        for family in LIVE
    }


@pytest.mark.slow
def test_the_big_tables_are_on_the_disk_and_the_rows_are_the_same(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = opened(store, Site("much.example", goals=GOALS))
    seen: set[str] = set()
    command = store.command

    def looked_at(*given: object, **settings: object) -> None:
        command(*given, **settings)  # type: ignore[arg-type]
        seen.update(name.split("_")[1] for (name,) in store.rows(_ON_DISK) if str(given[0]).startswith("INSERT"))

    monkeypatch.setattr(store, "has_little_memory", True)
    monkeypatch.setattr(store, "command", looked_at)
    assert opened(store, Site("little.example", goals=GOALS)) == usual
    assert usual["cells"]
    assert seen >= {"visits", "hits", "samples", "reached", "touched"}
    assert not seen & {"cells", "kept", "values"}
    assert not store.rows(_ON_DISK)


# These have a visitor in a row, too, but few rows, or short ones.
_OF_FEW = {"changed", "over", "arrived"}


def test_every_table_of_visits_and_events_is_one_of_them(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "has_little_memory", True)
    batch = Batch(store, (SiteDay(Site("little.example"), DAY, RULES),), "0f")
    assert TABLES.keys() > _OF_FEW
    for name, columns in TABLES.items():
        is_in_memory = batch.scratch(name).startswith(store.scratch)
        assert is_in_memory == ("visitor" not in columns or name in _OF_FEW), name


def test_what_a_killed_run_left_on_the_disk_is_dropped_by_the_next_start(store: Store) -> None:
    store.command(f"CREATE TABLE run_hits_{'0f' * 8} (a UInt8) ENGINE = MergeTree ORDER BY ()")
    drop_left(store)
    assert not store.rows(_ON_DISK)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.usefixtures("no_spool_is_enrolled")
def test_every_frozen_row_is_the_same_there(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store, "has_little_memory", True)
    assert summary(made(store)) == DIGESTS.read_text("utf-8")
    assert CASES
