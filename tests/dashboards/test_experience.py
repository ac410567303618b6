"""Conversion rates by bands of web vitals: the same in the interface, in CSV, in a terminal."""

from __future__ import annotations

import csv
import datetime as dt
import io
import math
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboards.stats.interval import wilson
from footfall.cli.summaries import stats_table

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]
Ago = Callable[[int], dt.date]
COLUMNS = ("value", "goal", "band", "visitors", "converters", "conversion_rate", "low", "high", "certainty")


def test_rates_come_with_their_interval_and_how_sure_they_are(client: TestClient, rollups: Any, ago: Ago) -> None:
    for number in (1, 2):
        rollups.cell(ago(number), visitors=400, released=True)
        rollups.release(ago(number))
        rollups.rate(ago(number), "lcp", "Buy", "good", 100, 20)
        rollups.rate(ago(number), "lcp", "Buy", "good", 40, 8, dimension="device", value="mobile")
        rollups.rate(ago(number), "lcp", "Buy", "poor", 20, 6, dimension="device", value="mobile")
    rollups.rate(ago(1), "lcp", "Buy", "poor", 50, 5)
    rollups.rate(ago(2), "lcp", "Buy", "needs improvement or poor", 80, 9)
    rollups.rate(ago(1), "cls", "Sign up", "good", 300, 30)
    days = f"from={ago(2)}&to={ago(1)}"
    base = f"/api/sites/{rollups.site.key}/stats"
    answer = client.get(f"{base}?{days}&by=experience").json()
    assert [tuple(row[name] for name in COLUMNS) for row in answer["rows"]] == [
        ("lcp", "Buy", "good", 200, 40, 20.0, 15.05, 26.09, "exact"),
        ("lcp", "Buy", "poor", 50, 5, 10.0, 4.35, 21.36, "at least"),
        ("lcp", "Buy", "needs improvement or poor", 80, 9, 11.25, 6.03, 20.02, "at least"),
        ("cls", "Sign up", "good", 300, 30, 10.0, 7.09, 13.92, "at least"),
    ]
    assert [row["not_shown_days"] for row in answer["rows"]] == [0, 1, 1, 1]
    assert "26.09" in stats_table(answer)
    text = client.get(f"{base}.csv?{days}&by=experience").content.decode("utf-8-sig")
    assert [row["high"] for row in csv.DictReader(io.StringIO(text))] == ["26.09", "21.36", "20.02", "13.92"]
    for filters, right in (
        ("device%3D%3Dmobile", [("good", 80), ("poor", 40)]),
        ("vital%3D%3Dcls", [("good", 300)]),
        ("goal%3D%3DBuy&filter=band%3D%3Dpoor", [("poor", 50)]),
        ("device%3D%3Dmobile&filter=goal%3D%3DSign up", []),
    ):
        found = client.get(f"{base}?{days}&by=experience&filter={filters}").json()
        assert [(row["band"], row["visitors"]) for row in found["rows"]] == right, filters
    for asked, code in (
        ("by=experience&filter=country%3D%3DDE", "not_kept"),
        ("by=goal&filter=band%3D%3Dpoor", "not_crossed"),
    ):
        refused = client.get(f"{base}?{days}&{asked}")
        assert (refused.status_code, refused.json()["code"]) == (400, code)


def test_days_of_a_goal_that_was_another_one_are_not_added(client: TestClient, rollups: Any, ago: Ago) -> None:
    now = dict(rollups.site.goal_definitions)
    name = next(iter(now))
    for number, definition in ((2, "event:another"), (1, now[name])):
        rollups.cell(ago(number), visitors=400, released=True)
        rollups.rate(ago(number), "lcp", name, "good", 100, 20)
        rollups.release(ago(number), version="5", goals=now | {name: definition})
    found = client.get(f"/api/sites/{rollups.site.key}/stats?from={ago(2)}&to={ago(1)}&by=experience").json()
    assert [(row["visitors"], row["not_shown_days"]) for row in found["rows"]] == [(100, 1)]


@pytest.mark.parametrize(("reached", "people"), [(0, 10), (1, 10), (5, 10), (10, 10), (40, 200), (3, 100_000)])
def test_wilsons_interval_is_where_the_rate_is_as_far_from_it_as_is_said(reached: int, people: int) -> None:
    """Its ends are the rates from which this one is 1.96 standard deviations away."""
    rate, ends = reached / people, [end / 100 for end in wilson(reached, people)]
    assert ends[0] <= rate + 1e-12
    assert ends[1] >= rate - 1e-12
    for end in ends:
        assert abs(end - rate) == pytest.approx(1.959964 * math.sqrt(end * (1 - end) / people), abs=1e-7)
