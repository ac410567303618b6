"""Rules of dashboards/stats/usual.py: what is usual, by a recount, and how often it calls what is usual unusual."""

from __future__ import annotations

import datetime as dt
import math
import random
import statistics
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from dashboards.stats.period import Period, parse
from dashboards.stats.released import Released
from dashboards.stats.report import Reports
from dashboards.stats.source import Span
from dashboards.stats.timeline import Timeline, days_of
from dashboards.stats.times import Times
from dashboards.stats.usual import usual_of
from schema.measures import Measures

ZONE = ZoneInfo("Europe/Berlin")
FIRST = dt.date(2031, 6, 2)


def timeline(visitors: dict[dt.date, int]) -> Timeline:
    days = {day: Measures(visitors=people, entries=people, bounces=people // 3) for day, people in visitors.items()}
    span = Span("site", min(days), max(days), frozenset(days))
    return Timeline(Times(days, {}, {}), Released(5, span), dt.datetime(2031, 9, 1, tzinfo=ZONE), ZONE)


def made_up(seed: int, days: int, back: int = 56) -> dict[dt.date, int]:
    """Weekdays of their own, and weeks that are better or worse."""
    rng = random.Random(seed)
    of_week = [rng.gauss(1, 0.1) for _ in range((days + back) // 7 + 2)]
    level = [1000, 1100, 900, 1000, 800, 300, 400]
    return {
        FIRST + dt.timedelta(n): round(level[n % 7] * of_week[(n + back) // 7] * rng.gauss(1, 0.05))
        for n in range(-back, days)
    }


def test_what_is_usual_of_a_week_is_told_by_its_eight_weeks_before() -> None:
    people = made_up(1, 7)
    weeks = [sum(people[FIRST + dt.timedelta(n - 7 * week)] for n in range(7)) for week in range(1, 9)]
    half = 2.365 * statistics.stdev(weeks) * math.sqrt(1 + 1 / 8)
    found = usual_of(timeline(people), days_of(Period(FIRST, FIRST + dt.timedelta(6), "")), ("visitors",))
    assert found["visitors"] == pytest.approx((statistics.fmean(weeks) - half, statistics.fmean(weeks) + half))


def test_what_is_usual_of_ten_days_is_a_week_and_three_days() -> None:
    people = made_up(2, 10)
    whole, rest = (
        [sum(people[FIRST + dt.timedelta(n - 7 * week)] for n in range(days)) for week in range(1, 9)]
        for days in (7, 3)
    )
    spread = [statistics.stdev(whole), statistics.stdev(rest)]
    half = 2.365 * math.sqrt(sum(one**2 for one in spread) + sum(spread) ** 2 / 8)
    middle = statistics.fmean(whole) + statistics.fmean(rest)
    found = usual_of(timeline(people), days_of(Period(FIRST, FIRST + dt.timedelta(9), "")), ("visitors",))
    assert found["visitors"] == pytest.approx((middle - half, middle + half))


def test_a_week_without_one_of_the_days_tells_nothing_and_fewer_than_four_say_nothing() -> None:
    people = made_up(3, 1)
    seen = [people[FIRST - dt.timedelta(7 * week)] for week in range(1, 9)]
    for lacking in range(1, 5):
        del people[FIRST - dt.timedelta(7 * lacking)]
    half = 3.182 * statistics.stdev(seen[4:]) * math.sqrt(1 + 1 / 4)
    mean = statistics.fmean(seen[4:])
    assert usual_of(timeline(people), [FIRST], ("visitors",))["visitors"] == pytest.approx((mean - half, mean + half))
    del people[FIRST - dt.timedelta(35)]
    assert usual_of(timeline(people), [FIRST], ("visitors",)) == {}


@pytest.mark.parametrize("days", [1, 3, 7, 10, 28])
def test_of_weeks_in_which_nothing_happened_one_in_twenty_is_called_unusual(days: int) -> None:
    """Of 500 made-up sites; longer periods are called so less often, because their weeks are held against one mean."""
    outside = 0
    for seed in range(500):
        people = made_up(seed, days)
        low, high = usual_of(
            timeline(people), days_of(Period(FIRST, FIRST + dt.timedelta(days - 1), "")), ("visitors",)
        )["visitors"]
        total = sum(people[FIRST + dt.timedelta(n)] for n in range(days))
        outside += not low <= total <= high
    assert 0.02 <= outside / 500 <= 0.08


@pytest.mark.clickhouse
@pytest.mark.parametrize(("now", "even"), [(1100, True), (1900, False)])
def test_a_change_is_good_or_bad_only_where_the_number_is_unusual(
    now: int, even: bool, reports: Reports, rollups: Any, client: Any, ago: Callable[[int], dt.date]
) -> None:
    """After a bad week 10 % more than that is as usual."""
    people = {back: 900 + 60 * (back // 7 % 4) for back in range(8, 64)}
    people |= dict.fromkeys(range(1, 8), now) | dict.fromkeys(range(8, 15), 1000)
    with rollups.together():
        for back, visitors in people.items():
            rollups.cell(ago(back), visitors=visitors, released=True)
            rollups.release(ago(back))
    found = reports.overview(rollups.site, parse({"period": "7d"}, ago(0))).comparison
    assert found.change["visitors"] == pytest.approx(100 * (now / 1000 - 1), abs=0.1)
    assert (found.is_even("visitors"), "visitors" in found.small) == (even, False)
    page = client.get(f"/sites/{rollups.site.key}?period=7d").text
    assert (f'class="change {"even" if even else "good"}"' in page, "within the usual" in page) == (True, even)
