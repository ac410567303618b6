"""Rules of what came with a note: a difference by a recount, and its interval."""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections.abc import Callable
from typing import Any

import pytest

from dashboards.stats.effects import Effect
from dashboards.stats.period import Period
from dashboards.stats.report import Reports
from pipeline.annotations import annotate

pytestmark = pytest.mark.clickhouse
Ago = Callable[[int], dt.date]


@pytest.fixture
def noted(rollups: Any, ago: Ago) -> dict[int, int]:
    """Two notes, of twelve days ago and of three; half as many again come from the first one on."""
    people = {back: (100 + back * 7 % 40) * (3 if back <= 12 else 2) for back in range(1, 76)}
    with rollups.together():
        for back, visitors in people.items():
            rollups.cell(ago(back), visitors=visitors, released=True)
            rollups.release(ago(back))
    annotate(rollups.store, rollups.site.key, ago(12), "New prices")
    annotate(rollups.store, rollups.site.key, ago(3), "Mail")
    return people


def expected(people: dict[int, int], back: int, days: int) -> Effect:
    weeks = [sum(people[back - n + 7 * week] for n in range(days)) for week in range(1, 9)]
    mean, came = statistics.fmean(weeks), sum(people[back - n] for n in range(days))
    half = 2.365 * statistics.stdev(weeks) * math.sqrt(1 + 1 / 8)
    change, low, high = (round(100 * (came - mean + one) / mean, 1) for one in (0, -half, half))
    return Effect(change, low, high, days, 8)


def test_what_came_with_a_note_is_told_with_its_interval(
    noted: dict[int, int], reports: Reports, rollups: Any, client: Any, ago: Ago
) -> None:
    overview = reports.overview(rollups.site, Period(ago(14), ago(0), ""))
    by_day = {note.day: overview.effects[note.id] for note in overview.annotations}
    assert by_day == {ago(12): expected(noted, 12, 7), ago(3): expected(noted, 3, 3)}
    assert not by_day[ago(12)].is_usual
    page = client.get(f"/sites/{rollups.site.key}?from={ago(14)}&to={ago(0)}").text
    assert f"New prices <small>visitors of the 7 days from it: +{by_day[ago(12)].change:.0f}% (+" in page
    assert "against the same days of 8 weeks before</small>" in page


def test_of_a_note_of_today_or_beside_a_day_without_data_nothing_is_said(
    noted: dict[int, int], reports: Reports, rollups: Any, ago: Ago
) -> None:
    annotate(rollups.store, rollups.site.key, ago(0), "Just now")
    rollups.release(ago(2), number=1, complete=0)
    overview = reports.overview(rollups.site, Period(ago(14), ago(0), ""))
    texts = {note.id: note.text for note in overview.annotations}
    assert {texts[one] for one in overview.effects} == {"New prices"}
