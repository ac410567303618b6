"""What is remembered of released days: an overview says the same with it as without, and it stays small."""

from __future__ import annotations

import datetime as dt
import random
from typing import Any

import pytest
from msgspec import structs

from dashboards.stats import plan as planning
from dashboards.stats.lru_cache import LruCache
from dashboards.stats.period import Period
from dashboards.stats.report import Reports
from dashboards.stats.shapes import SHAPES
from pipeline.months import sum_months
from schema.site import Site
from schema.store import Store
from tests.dashboards.conftest import NOW
from tests.dashboards.test_months import DAYS, fill, shown

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]


@pytest.mark.parametrize(
    "most", [100_000, pytest.param(2_000, marks=pytest.mark.long), 160], ids=["all fits", "some fits", "little fits"]
)
def test_an_overview_is_the_same_remembered_and_read(
    store: Store, rollups: Any, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "WORTH_ROWS", 0)
    chance = random.Random(most)
    opened = fill(rollups, chance)
    assert len(opened) > 1
    sum_months(store, longest_s=60)
    remembering, reading = (
        Reports(store, [rollups.site], clock=NOW.timestamp, cache=LruCache(size)) for size in (most, 0)
    )
    whole = Period(DAYS[0], DAYS[-1], "")
    some = [Period(*sorted(chance.sample(DAYS, 2)), "") for _ in range(9)]
    for period in (whole, *some, *(Period(day, day, "") for day in (DAYS[40], *opened[:3]))):
        expected = shown(reading.overview(rollups.site, period))
        for _ in range(2):
            assert shown(remembering.overview(rollups.site, period)) == expected, period
        assert remembering.version(rollups.site, period) == expected["version"]
    kinds = {key[0] for key in remembering._cache._answers}
    assert ({"all cells", "all vitals", "all conversions"} <= kinds, "crowded cells" in kinds) == (
        most > 1_000,
        most < 1_000,
    )
    assert remembering._cache._values <= most


def test_open_days_of_very_many_values_are_added_up_by_the_store(
    store: Store, rollups: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(SHAPES, "cells", structs.replace(SHAPES["cells"], most_open=20))
    fill(rollups, random.Random(1))
    remembering, reading = (
        Reports(store, [rollups.site], clock=NOW.timestamp, cache=LruCache(size)) for size in (100_000, 0)
    )
    period = Period(DAYS[0], DAYS[-1], "")
    expected = shown(reading.overview(rollups.site, period))
    for _ in range(2):
        assert shown(remembering.overview(rollups.site, period)) == expected
    assert ("crowded cells", rollups.site.key, period.previous(NOW.date()).first, DAYS[-1]) in remembering._cache


def test_of_released_days_nothing_is_asked_twice(
    store: Store, rollups: Any, today: dt.date, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ago in range(1, 80):
        day = today - dt.timedelta(days=ago)
        rollups.cell(day, visitors=10, released=True)
        rollups.cell(day, "page", "/", visitors=10, released=True)
        rollups.release(day)
    rollups.cell(today, visitors=10)
    sum_months(store, longest_s=60)
    asked: list[str] = []
    real = store.rows
    monkeypatch.setattr(store, "rows", lambda sql, *given, **more: asked.append(sql) or real(sql, *given, **more))
    reports = Reports(store, [rollups.site], clock=NOW.timestamp)

    def tables(period: Period) -> set[str]:
        asked.clear()
        assert reports.overview(rollups.site, period).tables["page"][0].visitors > 0
        assert len(asked) <= 12
        return {word for sql in asked for word in sql.split() if word.startswith(("released_", "months", "open_"))}

    month = Period(today - dt.timedelta(days=29), today, "")
    assert {"released_cells", "months", "open_cells"} <= tables(month)
    assert tables(month) == {"open_cells", "open_vitals", "open_conversions", "open_properties", "open_through"}
    april = Period(dt.date(2031, 5, 1), dt.date(2031, 5, 31), "")
    assert tables(april)
    assert tables(april) == set()
    # Another day is released: what is told of it is read.
    rollups.cell(today, visitors=10, released=True)
    rollups.release(today)
    assert "released_cells" in tables(month)


def test_what_is_remembered_stays_within_its_bound_and_the_longest_unused_goes_first() -> None:
    remembered = LruCache(most=20)
    read: list[str] = []

    def get(name: str, size: int = 3) -> str:
        def answer() -> str:
            read.append(name)
            return name

        return remembered.get((name,), answer, lambda _: size)

    for name in ("a", "b", "c", "a", "d", "e", "a"):
        assert get(name) == name
        assert remembered._values <= 20
    assert read == ["a", "b", "c", "d", "e"]
    get("f")
    assert ("b",) not in remembered
    assert ("a",) in remembered
    assert get("too large", size=5) == "too large"
    assert ("too large",) not in remembered
    assert remembered.get(("none",), lambda: None, int) is None
    assert ("none",) not in remembered


def test_what_is_remembered_goes_with_a_site_that_goes(store: Store) -> None:
    one, other = Site("goes.example"), Site("stays.example")
    reports = Reports(store, [one, other], clock=NOW.timestamp)
    read: list[int] = []

    def answer() -> int:
        read.append(1)
        return 1

    def ask() -> None:
        reports._cache.get(("cells", one.key), answer, lambda _: 1)

    ask()
    reports.follow([other, one], ())
    ask()
    assert len(read) == 1, "nobody went"
    reports.follow([other], ())
    reports.follow([one, other], ())
    ask()
    assert len(read) == 2
