"""Rules of comparisons (docs/decisions/0022-comparisons.md): what a period is compared with, and when with nothing."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs
from starlette.testclient import TestClient

from dashboards.stats.comparison import Comparison
from dashboards.stats.period import Period, parse
from dashboards.stats.report import Reports

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]
Ago = Callable[[int], dt.date]


@pytest.fixture
def compare(reports: Reports, rollups: Any, today: dt.date) -> Callable[..., Comparison]:
    return lambda name="7d": reports.overview(rollups.site, parse({"period": name}, today)).comparison


@pytest.fixture
def at_once(reports: Reports, rollups: Any) -> None:
    """The site shows each visitor at once, so its hours are not behind."""
    rollups.site = structs.replace(rollups.site, release_k=1)
    reports.sites[rollups.site.key] = rollups.site


def fill(rollups: Any, ago: Ago, days: range, visitors: Callable[[int], int], **more: int) -> None:
    for number in days:
        rollups.cell(ago(number), visitors=visitors(number), released=True, **more)
        rollups.release(ago(number))


def test_a_week_is_compared_with_the_same_weekdays_before(compare: Any, rollups: Any, ago: Ago) -> None:
    fill(rollups, ago, range(1, 8), lambda _: 120, entries=120, bounces=30)
    fill(rollups, ago, range(8, 15), lambda _: 100, entries=100, bounces=50)
    rollups.cell(ago(0), visitors=9999)  # today is not over
    found = compare()
    assert (found.period.first, found.period.last) == (ago(14), ago(8))
    assert (found.current.visitors, found.previous.visitors, found.of, found.why) == (840, 700, 7, "")
    assert (found.change["visitors"], found.change["bounce_rate"]) == (20.0, -25.0)  # percent, and points


def test_a_day_without_data_is_no_zero(compare: Any, client: TestClient, rollups: Any, ago: Ago) -> None:
    """The week before lacks its Saturday, when half as many come as on other days: 7 days against 6 would be ▲ 8.3 % in
    total and ▼ 7.1 % a day. Of the days that both weeks have, nothing has changed."""
    saturday = next(n for n in range(1, 8) if ago(n).weekday() == 5)

    def visitors(number: int) -> int:
        return 500 if (number - saturday) % 7 == 0 else 1000

    fill(rollups, ago, range(1, 8), visitors)
    for number in range(8, 15):
        if number != saturday + 7:
            fill(rollups, ago, range(number, number + 1), visitors)
    found = compare()
    assert (found.current.visitors, found.previous.visitors, found.change["visitors"]) == (6000, 6000, 0.0)
    assert (found.days, found.of, found.why) == (6, 7, "the other days have no data")
    page = client.get(f"/sites/{rollups.site.key}?period=7d").text
    assert "(6 of 7 days: the other days have no data)" in page
    assert "6,500 visitors, no change against 4–10 Jun 2031" in page
    assert ">6,500</b>" in page  # the number itself is of all days
    overview = client.get(f"/api/sites/{rollups.site.key}/overview?period=7d").json()
    assert overview["comparison"]["change"]["visitors"] == 0.0


def test_months_of_unlike_length_are_compared_by_the_day(
    reports: Reports, rollups: Any, client: TestClient, ago: Ago
) -> None:
    fill(rollups, ago, range(18, 18 + 31 + 30), lambda _: 100)
    found = reports.overview(rollups.site, Period(dt.date(2031, 5, 1), dt.date(2031, 5, 31), "May")).comparison
    assert (found.days, found.previous_days, found.current.visitors, found.previous.visitors) == (31, 30, 3100, 3000)
    assert found.change["visitors"] == 0.0
    assert "no change a day" in client.get(f"/sites/{rollups.site.key}?period=last_month").text


@pytest.mark.parametrize(
    ("had", "why"),
    [
        ((), "there is no data of earlier days"),
        ((8, 10), "only 2 of 7 days have data in both periods"),
    ],
)
def test_without_a_base_there_is_no_change_and_no_line_but_the_reason(
    had: tuple[int, ...], why: str, compare: Any, client: TestClient, rollups: Any, ago: Ago
) -> None:
    fill(rollups, ago, range(1, 8), lambda _: 75)
    for number in had:
        fill(rollups, ago, range(number, number + 1), lambda _: 40)
    found = compare()
    assert (found.previous, set(found.change.values()), found.why) == (None, {None}, why)
    page = client.get(f"/sites/{rollups.site.key}?period=7d").text
    assert f"not compared: {why}" in page
    assert not re.search(r'class="(then|change )|Visitors before', page)


@pytest.mark.parametrize(
    ("visitors", "why"), [(10, "2 days of fewer than 5 visitors would weigh too much"), (1000, "")]
)
def test_days_of_fewer_than_k_count_as_none_unless_they_weigh_too_much(
    visitors: int, why: str, compare: Any, rollups: Any, ago: Ago
) -> None:
    """Of fifty visitors the two days may be none or eight more."""
    fill(rollups, ago, range(1, 6), lambda _: visitors)
    fill(rollups, ago, range(8, 15), lambda _: visitors)
    for number in (6, 7):
        rollups.release(ago(number), rows=0)
    found = compare()
    assert (found.why, found.days, found.previous is None) == (why, 7, bool(why))
    assert found.change["visitors"] == (None if why else -28.6)


@pytest.mark.usefixtures("at_once")
def test_today_is_compared_until_the_same_hour(compare: Any, client: TestClient, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(0), visitors=60)
    rollups.cell(ago(7), visitors=200)
    for hour, now, before in ((9, 30, 20), (11, 30, 20), (12, 4, 50), (20, 0, 100)):  # it is 12:00
        if now:
            rollups.hour(ago(0), hour, visitors=now, entries=now, bounces=now // 2)
        rollups.hour(ago(7), hour, visitors=before, entries=before, bounces=before // 4)
    found = compare("today")
    assert (found.period.first, found.until) == (ago(7), "12:00")
    assert (found.current.visitors, found.previous.visitors) == (60, 40)
    assert (found.change["visitors"], found.change["bounce_rate"]) == (50.0, 25.0)
    page = client.get(f"/sites/{rollups.site.key}?period=today").text
    assert "compared with Wednesday, 11 Jun 2031, until 12:00" in page
    # The number before it is of the whole day so far.
    assert "60 visitors, +50% until 12:00 against Wednesday, 11 Jun 2031, until 12:00;" in page


@pytest.mark.usefixtures("at_once")
@pytest.mark.parametrize(
    ("folded", "why"),
    [
        (7, "that day has hours without visitors before 12:00"),
        (0, "today has hours without visitors before 12:00"),
    ],
)
def test_today_is_not_compared_where_hours_are_folded(
    folded: int, why: str, compare: Any, rollups: Any, ago: Ago
) -> None:
    for number in (0, 7):
        rollups.cell(ago(number), visitors=60)
        rollups.hour(ago(number), 9, visitors=30)
    rollups.hour(ago(folded), 0, folded=True, visitors=9)
    assert (compare("today").previous, compare("today").why) == (None, why)


@pytest.mark.usefixtures("at_once")
def test_what_is_folded_later_in_the_earlier_day_is_no_hindrance(compare: Any, rollups: Any, ago: Ago) -> None:
    for number in (0, 7):
        rollups.cell(ago(number), visitors=120)
        for hour in range(12):
            rollups.hour(ago(number), hour, visitors=10)
    rollups.hour(ago(7), 0, folded=True, visitors=9)
    assert compare("today").change["visitors"] == 0.0


def test_today_is_not_compared_while_its_hours_are_behind(compare: Any, rollups: Any, ago: Ago) -> None:
    for number in (0, 7):
        rollups.cell(ago(number), visitors=60)
        rollups.hour(ago(number), 9, visitors=30)
    found = compare("today")
    assert (found.previous, found.why) == (None, "the hours of a day that goes on are behind, until it is closed")


def test_today_has_nothing_to_be_compared_with_on_a_first_day(compare: Any, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(0), visitors=60)
    assert compare("today").why == "there is no data of 11 Jun 2031"


def test_a_small_change_is_neither_good_nor_bad(client: TestClient, rollups: Any, ago: Ago) -> None:
    """Of 100,000 each, chance brings about 0.9 %, so the bound is 5 %; of 70 it is 34 %."""
    fill(rollups, ago, range(1, 8), lambda _: 10_400, visits=12_000)
    fill(rollups, ago, range(8, 15), lambda _: 10_000, visits=10_000)
    page = client.get(f"/sites/{rollups.site.key}?period=7d").text
    assert '<span class="change even"><span aria-hidden="true">▲ 4%</span>' in page
    assert '<span class="change good"><span aria-hidden="true">▲ 20%</span>' in page


def test_few_people_change_by_chance(client: TestClient, rollups: Any, ago: Ago) -> None:
    fill(rollups, ago, range(1, 8), lambda _: 12)
    fill(rollups, ago, range(8, 15), lambda _: 10)
    page = client.get(f"/sites/{rollups.site.key}?period=7d").text
    assert '<span class="change even"><span aria-hidden="true">▲ 20%</span>' in page
