"""What is shown of open days says since when it is so."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from msgspec import structs

from dashboards.stats.period import Period
from dashboards.stats.query import Query
from dashboards.stats.report import Reports

pytestmark = pytest.mark.clickhouse
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.fixture
def as_of(reports: Reports, rollups: Any) -> Callable[[dt.date, dt.date], str | None]:
    """Of an answer; an overview has the same."""

    def ask(first: dt.date, last: dt.date) -> str | None:
        answer = reports.stats(Query.of(rollups.site.key, first, last))
        moment = reports.overview(rollups.site, Period(first, last, "")).as_of
        assert answer["as_of"] == (moment and moment.isoformat(timespec="minutes"))
        told: str | None = answer["as_of"]
        return told

    return ask


def at(day: dt.date, hour: int, minute: int, second: int = 0) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, hour, minute, second, tzinfo=BERLIN)


def test_the_newest_snapshot_of_an_open_day_is_told_to_the_quarter_hour(as_of: Any, rollups: Any, ago: Any) -> None:
    assert as_of(ago(1), ago(0)) is None
    rollups.snapshot(ago(0), at(ago(0), 9, 0, 1))
    rollups.snapshot(ago(0), at(ago(0), 11, 58, 59))
    rollups.snapshot(ago(1), at(ago(1), 23, 50))
    assert as_of(ago(1), ago(0)) == "2031-06-18T11:45+02:00"
    assert as_of(ago(1), ago(1)) == "2031-06-17T23:45+02:00"


def test_where_everything_is_shown_at_once_it_is_told_to_the_minute(
    as_of: Any, rollups: Any, reports: Reports, ago: Any
) -> None:
    rollups.site = structs.replace(rollups.site, release_k=1)
    reports.sites[rollups.site.key] = rollups.site
    rollups.snapshot(ago(0), at(ago(0), 11, 58, 59))
    assert as_of(ago(0), ago(0)) == "2031-06-18T11:58+02:00"


def test_of_released_days_none_is_told(as_of: Any, rollups: Any, ago: Any) -> None:
    rollups.snapshot(ago(1), at(ago(1), 23, 50))
    rollups.release(ago(1))
    assert as_of(ago(1), ago(1)) is None
    assert as_of(ago(1), ago(0)) is None


def test_pages_say_it_with_the_date_where_it_is_another_day_s(client: Any, rollups: Any, ago: Any) -> None:
    rollups.cell(ago(0), visitors=30)
    rollups.cell(ago(0), "page", "/", visitors=30)
    rollups.snapshot(ago(0), at(ago(0), 11, 58))
    page = f"/sites/{rollups.site.key}"
    assert "18 Jun 2031 so far, as of 11:45;" in client.get(f"{page}?period=today").text
    assert "Today, as of 11:45 ·" in client.get(f"{page}/by/page?period=today").text
    rollups.cell(ago(1), visitors=30)
    rollups.snapshot(ago(1), at(ago(0), 0, 10))
    assert "17 Jun 2031, as of 18 Jun 2031, 00:00;" in client.get(f"{page}?period=yesterday").text
    assert "as of" not in client.get(f"{page}?period=custom&from=2031-06-01&to=2031-06-02").text
