"""Who waits for a restore: a backup is made, more people come, something is released, and the backup is put back.

Nothing that is released before and after tells anything together (rules N2 and R1).
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from footfall.backup import making, restoring
from footfall.backup.archive import Archive
from footfall.health.finding import NOTE, OK
from footfall.health.stored import of_blocks
from footfall.settings import load
from pipeline.blocks import close_blocks
from pipeline.close_days import close_days
from schema.families import WAITING_TABLES
from schema.manifest import WEEK
from schema.store import Store
from tests.pipeline.weeks import GRACE_S, MONDAY, Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

K = 5
# Rare pages, and how many see them each day.
RARE = {"/clinic/hiv": 3, "/clinic/debts": 2}


class Restored:
    """An instance that is made of a backup, in place of the one that was. store: of tests, which is emptied."""

    def __init__(self, store: Store, directory: Path) -> None:
        self.store = store
        self._file = directory / "backup.zip"
        self._settings = load(sets=(f"data={directory / 'data'}", "demo=false"), environment={})
        self._settings.directory.mkdir()

    def back_up(self) -> None:
        making.make(self._settings, self.store, self._file)

    def restore(self) -> None:
        for (table,) in self.store.rows(
            "SELECT name FROM system.tables WHERE database = currentDatabase() AND name != 'migrations' "
            "AND engine LIKE '%MergeTree'"
        ):
            self.store.command(f"TRUNCATE TABLE {table}")
        archive = Archive(self._file)
        restoring._put_back(self.store, archive, lambda *_: None)
        archive.close()


@pytest.fixture
def instance(store: Store, tmp_path: Path) -> Restored:
    return Restored(store, tmp_path)


def come(house: Weeks, days: range) -> None:
    for day in days:
        house.crowd(day)
        number = itertools.count(1000 * day + 1)
        for page, people in RARE.items():
            for _ in range(people):
                house.visit(day, next(number), page)


def close(house: Weeks, after: int, restored_at: int) -> None:
    """As the pipeline of an instance that was restored then closes what is over after a day."""
    now = house.noon(after) + 43_200 + GRACE_S + 1
    mine = [(house.site, house.rules)]
    house.arrived(now)
    close_days(house.store, mine, now, GRACE_S, frozenset(), whole_since=restored_at)
    close_blocks(house.store, mine, now, GRACE_S, restored=True)


def entries(house: Weeks) -> list[tuple[Any, ...]]:
    """Of blocks: how many rows, and whether all was there."""
    return house.store.rows(
        "SELECT span, rows, complete FROM manifest WHERE site = {s:String} AND span > 1 ORDER BY day, span",
        {"s": house.site.key},
    )


def rare(house: Weeks, day: int, last: int) -> dict[str, int]:
    """What is released of the rare pages."""
    rows = house.stats(day, last, "page")["rows"]
    return {row["value"]: row["visitors"] for row in rows if row["value"] in RARE}


def twice(instance: Restored, with_waiting: bool) -> tuple[dict[str, int], dict[str, int], list[tuple[Any, ...]]]:
    """Six days of a week are in a backup; on the seventh some more come, and the week is released. Then the backup is
    put back, and the week is over again. What each instance has released of the rare pages, and the blocks of the
    second. with_waiting: as if the backup had what waits."""
    house, store = Weeks(instance.store), instance.store
    come(house, range(6))
    house.close(after=5)
    instance.back_up()
    named = "SELECT table, groupArray(name) FROM system.columns WHERE database = currentDatabase() GROUP BY table"
    columns = dict(store.rows(named))
    waiting = {table: store.rows(f"SELECT {', '.join(columns[table])} FROM {table}") for table in WAITING_TABLES}
    come(house, range(6, 7))
    house.close(after=6)
    first = rare(house, 0, 6)
    instance.restore()
    for table, rows in waiting.items() if with_waiting else ():
        if rows:
            store.insert(table, columns[table], [list(column) for column in zip(*rows, strict=True)])
    close(house, after=6, restored_at=house.noon(6))
    return first, rare(house, 0, 6), entries(house)


def test_a_block_of_days_that_are_from_a_backup_is_lost(instance: Restored, report: Callable[[str, str], None]) -> None:
    first, second, blocks = twice(instance, with_waiting=False)
    assert first == {page: 7 * people for page, people in RARE.items()}
    assert second == {}
    assert blocks == [(7, 0, False)]
    # `footfall check` says so.
    end = (MONDAY + dt.timedelta(days=WEEK) - dt.date(1970, 1, 1)).days * 86_400
    assert [one.state for one in of_blocks(instance.store, end)] == [NOTE]
    assert [one.state for one in of_blocks(instance.store, end + 40 * 86_400)] == [OK]
    report("who has a backup put back", "a week that is released before and after: 0 rows to compare")


def test_were_what_waits_in_it_the_two_blocks_tell_of_one_day(
    instance: Restored, report: Callable[[str, str], None]
) -> None:
    first, second, _ = twice(instance, with_waiting=True)
    assert {page: people - second[page] for page, people in first.items()} == RARE
    report("who has a backup put back", f"were waiting sums in it: {RARE} visitors of one day")


def day_twice(instance: Restored, with_raw: bool) -> tuple[dict[str, int], dict[str, int]]:
    """A backup is made while a day goes on, one more comes, and the day is released. Then the backup is put back,
    others come, and the day is released again. Visitors of each page by both. with_raw: as if raw rows were in it."""
    house = Weeks(instance.store)
    house.crowd(0, people=12, path="/clinic/hiv")
    instance.back_up()
    house.visit(0, 1, "/clinic/hiv")
    house.close(after=0)
    first = house.stats(0, 0, "page")["rows"]
    instance.restore()
    if with_raw:
        house.crowd(0, people=12, path="/clinic/hiv")
    for visitor in range(20):
        house.visit(0, 100 + visitor)
    close(house, after=0, restored_at=house.noon(0))
    second = house.stats(0, 0, "page")
    assert second["incomplete_days"] == [str(house.day(0))]
    released: tuple[dict[str, int], ...]
    released = tuple({row["value"]: row["visitors"] for row in rows} for rows in (first, second["rows"]))
    return released[0], released[1]


def test_a_day_that_is_released_twice_is_of_others_each_time(
    instance: Restored, report: Callable[[str, str], None]
) -> None:
    first, second = day_twice(instance, with_raw=False)
    assert first == {"/clinic/hiv": 13}
    assert second == {"/": 20}
    report("who has a backup put back", "a day that is released before and after: of others each time")


def test_were_raw_rows_in_it_the_two_releases_tell_of_one_visitor(
    instance: Restored, report: Callable[[str, str], None]
) -> None:
    first, second = day_twice(instance, with_raw=True)
    assert first["/clinic/hiv"] - second["/clinic/hiv"] == 1
    report("who has a backup put back", "were raw rows in it: 1 visitor")
