"""What was counted of visitors' signals: one number for four weeks, made once, and then nothing by day any more; and
other outcomes by days that are over."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest

from pipeline.bare_totals import publish_bare_totals, published
from pipeline.blocks import PATIENCE_S
from pipeline.outcomes import publish_outcomes
from schema.event import COARSE, SIGNALS, Count
from schema.store import Store
from tests.pipeline.weeks import GRACE_S, Weeks

pytestmark = pytest.mark.clickhouse


def counted(house: Weeks, day: int, reason: str, times: int, at: int = 0) -> None:
    midnight = house.noon(day) - 43_200
    house.store.insert("ingest", Count.__struct_fields__, ((house.site.key,), (midnight + at,), (reason,), (times,)))


def publish(
    house: Weeks, after: int, late_s: int = 0, whole_since: float = 0.0, draw: Callable[[int], int] = lambda below: 7
) -> list[dt.date]:
    """What is published of it when that day is over."""
    now = house.noon(after) + 43_200 + GRACE_S + 1 + late_s
    done = publish_bare_totals(house.store, [(house.site, house.rules)], now, GRACE_S, whole_since, draw)
    return [day for _, day in done]


def totals(house: Weeks) -> list[tuple[dt.date, int, bool]]:
    mine = "site = {s:String} ORDER BY day"
    return house.store.rows(f"SELECT day, pageviews, complete FROM bare_totals WHERE {mine}", {"s": house.site.key})


def left(house: Weeks) -> dict[str, int]:
    mine = "site = {s:String} GROUP BY reason"
    return dict(house.store.rows(f"SELECT reason, sum(count) FROM ingest WHERE {mine}", {"s": house.site.key}))


def test_what_is_published_is_right_on_average_and_moves_once_in_ten_times() -> None:
    for views in range(3 * COARSE):
        told = [published(views, offset) for offset in range(COARSE)]
        assert sum(told) == COARSE * views
        assert all(one % COARSE == 0 for one in told)
        more = [published(views + 1, offset) for offset in range(COARSE)]
        assert sum(one != other for one, other in zip(told, more, strict=True)) == 1


def test_four_weeks_are_published_once_after_their_last_day_and_then_the_days_are_gone(store: Store) -> None:
    house = Weeks(store)
    for day, times in ((0, 10), (27, 13), (28, 400)):
        counted(house, day, "count_only", times)
    for reason in SIGNALS - {"count_only"}:
        counted(house, 3, reason, 9)
    counted(house, 3, "accepted", 5, at=600)
    house.arrived(house.noon(27))
    assert publish(house, 27) == [], "not all has arrived"
    house.arrived(house.noon(28))
    assert publish(house, 26) == []
    assert totals(house) == []
    assert publish(house, 27) == [house.first]
    assert totals(house) == [(house.first, 30, True)]
    assert left(house) == {"count_only": 400, "accepted": 5}
    # What comes late is in none, and nobody draws again.
    counted(house, 5, "count_only", 70)
    assert publish(house, 28, draw=lambda below: 0) == []
    assert totals(house) == [(house.first, 30, True)]
    assert left(house) == {"count_only": 400, "accepted": 5}


def test_of_two_numbers_for_the_same_four_weeks_the_store_takes_the_first(store: Store) -> None:
    """As when two pipelines draw at once."""
    house = Weeks(store)
    counted(house, 0, "count_only", 25)
    house.arrived(house.noon(28))
    publish(house, 27)
    row = ((house.site.key,), (house.first,), (20,), (True,))
    token = f"bare_totals:{house.site.key}:{house.first}"
    store.insert("bare_totals", ("site", "day", "pageviews", "complete"), row, token=token)
    assert totals(house) == [(house.first, 30, True)]


@pytest.mark.slow
def test_they_wait_for_an_open_day_and_not_for_ever_for_a_spool(store: Store) -> None:
    house = Weeks(store)
    counted(house, 0, "count_only", 25)
    house.visit(4, visitor=1)
    house.arrived(house.noon(28))
    assert publish(house, 27) == []
    house.close(after=4)
    assert publish(house, 27) == []
    assert publish(house, 27, late_s=PATIENCE_S) == [house.first]


def test_where_some_of_it_may_be_lost_that_is_said(store: Store) -> None:
    house = Weeks(store)
    counted(house, 0, "count_only", 25)
    counted(house, 29, "count_only", 25)
    house.arrived(house.noon(80))
    assert publish(house, 60, whole_since=house.noon(3)) == [house.first, house.day(28)]
    assert totals(house) == [(house.first, 30, False), (house.day(28), 30, True)]
    early = Weeks(store)
    counted(early, 0, "count_only", 25)
    house.arrived(house.noon(500))
    publish(early, 410)
    assert totals(early) == [(early.first, 30, False)]


def test_other_outcomes_are_published_by_days_that_are_over(store: Store) -> None:
    house = Weeks(store)
    for reason in ("accepted", "host", *SIGNALS):
        counted(house, 0, reason, 17, at=600)
        counted(house, 0, reason, 9, at=3600)
        counted(house, 1, reason, 99)
    counted(house, 0, "bot", 3)

    def told() -> list[tuple[dt.date, str, int]]:
        mine = "site = {s:String} ORDER BY ALL"
        return store.rows(f"SELECT day, reason, count FROM outcomes WHERE {mine}", {"s": house.site.key})

    house.arrived(house.noon(0))
    publish_outcomes(store, house.noon(1))
    assert told() == []
    house.arrived(house.noon(1))
    for _ in range(2):
        publish_outcomes(store, house.noon(1))
        counted(house, 0, "host", 50)
    day = house.day(0)
    assert told() == [(day, "accepted", 20), (day, "bot", 0), (day, "host", 20)]
    house.arrived(house.noon(1))
    publish_outcomes(store, house.noon(3) + 1)
    assert (house.day(1), "host", 90) in told(), "a spool that does not report holds it back for a day"
