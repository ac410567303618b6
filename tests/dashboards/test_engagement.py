"""How far pages were scrolled, and how long they were attended to: the same in the interface, in CSV, in a terminal."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from footfall.cli.summaries import stats_table

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]
Ago = Callable[[int], dt.date]


def test_bands_tell_shares_who_reached_them_and_how_sure_they_are(client: TestClient, rollups: Any, ago: Ago) -> None:
    for number in (1, 2):
        rollups.cell(ago(number), visitors=40)
        rollups.band(ago(number), "/a", "scroll", 25, 10, 300)
        rollups.band(ago(number), "/a", "scroll", 100, 15, 1500)
        rollups.band(ago(number), "/a", "time", 30, 5)
    rollups.band(ago(1), "/a", "scroll", 0, 10, 50)
    rollups.band(ago(1), "/<b>", "scroll", 0, 6, 0)
    days = f"from={ago(2)}&to={ago(1)}"
    base = f"/api/sites/{rollups.site.key}/stats"
    answer = client.get(f"{base}?{days}&by=engagement").json()
    columns = ("value", "report", "band", "visitors", "visits", "of_visits", "share", "reached", "depth", "certainty")
    assert [tuple(row[name] for name in columns) for row in answer["rows"]] == [
        ("/a", "scroll", 0, 10, 10, 60, 16.7, 100.0, 60.8, "at least"),
        ("/a", "scroll", 25, 20, 20, 60, 33.3, 83.3, 60.8, "exact"),
        ("/a", "scroll", 100, 30, 30, 60, 50.0, 50.0, 60.8, "exact"),
        ("/a", "time", 30, 10, 10, 10, 100.0, 100.0, None, "exact"),
        ("/<b>", "scroll", 0, 6, 6, 6, 100.0, 100.0, 0.0, "at least"),
    ]
    assert answer["totals"]["visitors"] == 80
    assert "at least" in stats_table(answer)
    text = client.get(f"{base}.csv?{days}&by=engagement").content.decode("utf-8-sig")
    assert [(row["value"], row["band"], row["not_shown_days"]) for row in csv.DictReader(io.StringIO(text))] == [
        *(("/a", "0", "1"), ("/a", "25", "0"), ("/a", "100", "0"), ("/a", "30", "0"), ("/<b>", "0", "1"))
    ]
    for filters, right in (
        ("report%3D%3Dtime", ["/a"]),
        ("page%3D%3D/<b>", ["/<b>"]),
        ("page~b&filter=report%3D%3Dtime", []),
    ):
        found = client.get(f"{base}?{days}&by=engagement&filter={filters}").json()
        assert [row["value"] for row in found["rows"]] == right
        assert found["totals"]["visitors"] == 80
    for asked, code in (
        ("by=engagement&filter=country%3D%3DDE", "not_kept"),
        ("filter=report%3D%3Dtime", "not_crossed"),
    ):
        refused = client.get(f"{base}?{days}&{asked}")
        assert (refused.status_code, refused.json()["code"]) == (400, code)
