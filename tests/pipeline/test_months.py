"""The sums of months are made of exactly the releases there are, and made anew when there is one more."""

from __future__ import annotations

import datetime as dt
import itertools
from typing import Any

import pytest

from pipeline.months import sum_months
from pipeline.release import release
from pipeline.settings import SiteRules
from schema.months import TABLES
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store, StoreDown
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

RULES = SiteRules(2, 30, "balanced")
FIRST = dt.date(2042, 4, 1)
_NUMBER = itertools.count(1)


@pytest.fixture
def site(store: Store) -> Site:
    sum_months(store, longest_s=60)  # what other tests of this process released is not asked about here
    return Site(f"months-{next(_NUMBER)}", goals=(Goal("buy", event="buy"),))


def release_days(store: Store, site: Site, days: dict[dt.date, int], path: str = "/") -> None:
    """days: how many people came."""
    events = []
    for day, people in days.items():
        start = day_bounds(site.timezone, day_number(day)).start
        common: dict[str, Any] = {"path": path, "country": "DE", "lcp": 900.0}
        events += [make_event(site.key, start + i, day, visitor=i, **common) for i in range(people)]
        buy: dict[str, Any] = {"name": "buy", "currency": "EUR", "amount": 7}
        events += [make_event(site.key, start + 99, day, visitor=i, **buy, **common) for i in range(people)]
    insert(store, events)
    release(store, "events", site, list(days), RULES, 1_000, "live")


def pages(store: Store, site: Site) -> list[Any]:
    """Visitors of each page by month, of the rows that count."""
    return store.rows(
        """SELECT toString(month), value, visitors FROM months_cells WHERE site = {s:String} AND dimension = 'page'
        AND made IN (SELECT made FROM months) ORDER BY ALL""",
        {"s": site.key},
    )


def makings(store: Store, site: Site) -> list[int]:
    """How many makings of the site each table holds rows of."""
    where = "WHERE site = {s:String}"
    return [
        store.rows(f"SELECT uniqExact(made) FROM {table} {where}", {"s": site.key})[0][0] for table in sorted(TABLES)
    ]


def test_a_month_holds_the_sums_of_its_released_days(store: Store, site: Site) -> None:
    release_days(store, site, {FIRST: 3, FIRST + dt.timedelta(days=4): 5, FIRST - dt.timedelta(days=1): 4})
    assert sum_months(store) == [(site.key, dt.date(2042, 3, 1)), (site.key, FIRST)]
    assert pages(store, site) == [("2042-03-01", "/", 4), ("2042-04-01", "/", 8)]
    mine, given = "WHERE site = {s:String} AND month = {m:Date}", {"s": site.key, "m": FIRST}
    days = [FIRST, FIRST + dt.timedelta(days=4)]
    assert store.rows(
        "SELECT totals.day, totals.visitors, goals.day, goals.currency, goals.converters, goals.amount "
        f"FROM months {mine}",
        given,
    ) == [(days, [3, 5], [days[0]] * 2 + [days[1]] * 2, ["", "EUR"] * 2, [3, 0, 5, 0], [0, 21, 0, 35])]
    assert store.rows(
        f"SELECT dimension, counts, samples, people FROM months_vitals {mine} AND metric = 'lcp' ORDER BY dimension",
        given,
    ) == [(dimension, [16], 16, 8) for dimension in ("", "browser", "country", "device", "page", "section")]


def test_a_month_is_made_once_and_anew_when_another_of_its_days_is_released(store: Store, site: Site) -> None:
    release_days(store, site, {FIRST: 3})
    assert sum_months(store) == [(site.key, FIRST)]
    assert sum_months(store) == []
    release_days(store, site, {FIRST + dt.timedelta(days=2): 3, FIRST + dt.timedelta(days=40): 3}, path="/late")
    assert sum_months(store) == [(site.key, FIRST), (site.key, dt.date(2042, 5, 1))]
    assert ("2042-04-01", "/late", 3) in pages(store, site)


def test_old_sums_stay_for_the_questions_under_way_and_go_with_the_next_run(store: Store, site: Site) -> None:
    release_days(store, site, {FIRST: 3})
    sum_months(store)
    release_days(store, site, {FIRST + dt.timedelta(days=1): 3})
    sum_months(store)
    assert makings(store, site) == [2, 2, 2]
    sum_months(store)
    assert makings(store, site) == [1, 1, 1]
    assert pages(store, site) == [("2042-04-01", "/", 6)]


def test_a_statement_that_the_client_sent_twice_makes_no_month(
    store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    release_days(store, site, {FIRST: 3})
    real = store.command

    def twice(sql: str, *given: Any, **more: Any) -> None:
        for _ in range(2 if "INTO months_vitals" in sql else 1):
            real(sql, *given, **more)

    monkeypatch.setattr(store, "command", twice)
    with pytest.raises(StoreDown, match="inserted twice"):
        sum_months(store)
    assert makings(store, site) == [0, 1, 1]
    monkeypatch.undo()
    assert sum_months(store) == [(site.key, FIRST)]
    assert (makings(store, site), pages(store, site)) == ([1, 1, 1], [("2042-04-01", "/", 3)])


def test_a_run_that_takes_long_leaves_the_rest_to_the_next(store: Store, site: Site) -> None:
    release_days(store, site, {dt.date(2042, month, 1): 3 for month in (4, 5)})
    assert sum_months(store, longest_s=-1) == []
    assert len(sum_months(store, longest_s=60)) == 2


def test_a_clock_that_was_set_back_does_not_make_old_sums_the_newest(
    store: Store, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    release_days(store, site, {FIRST: 3})
    sum_months(store)
    release_days(store, site, {FIRST + dt.timedelta(days=1): 3})
    monkeypatch.setattr("time.time_ns", lambda: 1)
    assert sum_months(store) == [(site.key, FIRST)]
    assert sum_months(store) == []
    assert pages(store, site) == [("2042-04-01", "/", 6)]
