"""Rules of what is said to have changed: by a recount, only of what is shown, and for one statement."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest

from dashboards.stats.period import Period
from dashboards.stats.report import Reports
from dashboards.stats.what_changed import WhatChanged
from schema.store import Store
from tests.dashboards.conftest import NOW

pytestmark = pytest.mark.clickhouse
Ago = Callable[[int], dt.date]
# By how many days ago: visitors of sources and pages. Eight weeks in which every day is a little different.
USUAL = {
    back: {"": 400 + back % 9, "Google": 300 - back % 5, "Mastodon": 20 if back % 14 < 7 else 0}
    for back in range(1, 71)
}


def fill(rollups: Any, ago: Ago, more: dict[int, dict[str, int]]) -> dict[int, dict[str, int]]:
    told = {back: values | more.get(back, {}) for back, values in USUAL.items()}
    with rollups.together():
        for back, values in told.items():
            rollups.cell(ago(back), visitors=sum(values.values()) + back % 3, released=True)
            for value, visitors in values.items():
                if visitors:
                    rollups.cell(ago(back), "source", value, visitors=visitors, released=True)
            rollups.cell(ago(back), "source", "(other)", visitors=9, released=True)
            rollups.cell(ago(back), "page", "/", visitors=sum(values.values()) - 50, released=True)
            rollups.release(ago(back))
    return told


@pytest.fixture
def look(reports: Reports, rollups: Any, ago: Ago) -> Callable[..., WhatChanged | None]:
    return lambda first=1, last=1: reports.overview(rollups.site, Period(ago(first), ago(last), "")).changed


def test_a_day_beside_the_same_weekdays_names_who_brought_more(look: Any, rollups: Any, client: Any, ago: Ago) -> None:
    told = fill(rollups, ago, {1: {"Mastodon": 900}})
    found = look()
    days = range(8, 64, 7)
    assert (found.weeks, found.is_usual) == (8, False)
    assert found.usually == sum(sum(told[back].values()) + back % 3 for back in days) / 8
    source, page = found.by
    assert (page.dimension, page.value, page.visitors) == ("page", "/", sum(told[1].values()) - 50)
    assert (source.value, source.visitors, source.usually) == (
        "Mastodon",
        900,
        sum(told[n]["Mastodon"] for n in days) / 8,
    )
    assert (source.shown, source.of) == (4, 8)
    shown = client.get(f"/sites/{rollups.site.key}?from={ago(1)}&to={ago(1)}").text
    more = f"{found.visitors - found.usually:,.0f} visitors more than usual"
    assert (
        f'<p class="changed">{more} ({found.low:,.0f}–{found.high:,.0f}, by Tuesdays of 8 weeks before). By source'
        in shown
    )
    assert "By source: Mastodon 900 (usually at least 10). By page: / 1,550 (usually 662)." in shown


def test_of_a_week_its_days_are_held_against_those_of_eight_weeks(look: Any, rollups: Any, ago: Ago) -> None:
    told = fill(rollups, ago, {back: {"Google": 50} for back in range(1, 8)})
    found = look(7, 1)
    google = next(one for one in found.by if one.value == "Google")
    assert (google.visitors, google.usually) == (350, sum(told[back]["Google"] for back in range(8, 64)) / 8)
    assert (google.shown, google.of) == (56, 56)
    assert found.visitors < found.low
    assert "Mastodon" not in {one.value for one in found.by}


def test_of_a_usual_day_that_is_said_alone(look: Any, rollups: Any, client: Any, ago: Ago) -> None:
    fill(rollups, ago, {})
    assert (look().is_usual, look().by) == (True, ())
    assert '<p class="changed">As usual: ' in client.get(f"/sites/{rollups.site.key}?period=yesterday").text


def test_nothing_is_said_of_today_of_longer_periods_or_of_too_few_weeks(look: Any, rollups: Any, ago: Ago) -> None:
    fill(rollups, ago, {1: {"Mastodon": 900}})
    rollups.cell(ago(0), visitors=9_000)
    assert [look(0, 0), look(8, 1), look(60, 60)] == [None, None, None]
    assert look(2, 2) is not None


def test_a_value_that_was_never_shown_says_so(look: Any, rollups: Any, client: Any, ago: Ago) -> None:
    fill(rollups, ago, {1: {"Lemmy": 700}})
    assert [(one.value, one.usually, one.shown) for one in look().by if one.dimension == "source"] == [("Lemmy", 0, 0)]
    page = client.get(f"/sites/{rollups.site.key}?period=yesterday").text
    assert "Lemmy 700 (usually too few to show, or nobody)." in page


def test_it_costs_one_statement_where_a_number_is_unusual_and_once(
    store: Store, rollups: Any, ago: Ago, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(rollups, ago, {1: {"Mastodon": 900}})
    asked: list[str] = []
    real = store.rows
    monkeypatch.setattr(store, "rows", lambda sql, *given, **more: asked.append(sql) or real(sql, *given, **more))
    reports = Reports(store, [rollups.site], clock=NOW.timestamp)

    def statements(back: int) -> int:
        asked.clear()
        reports.overview(rollups.site, Period(ago(back), ago(back), ""))
        return len(asked)

    usual, unusual = statements(2), statements(1)
    assert unusual == usual + 1
    assert statements(1) == statements(2) < usual
