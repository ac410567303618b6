"""From where to where people went: the same in the interface, in CSV, in a terminal and on the page, as text only."""

from __future__ import annotations

import csv
import datetime as dt
import io
import itertools
from collections.abc import Callable
from typing import Any

import pytest
from msgspec import structs
from starlette.testclient import TestClient

from footfall.cli.summaries import stats_table
from schema.site import Site
from schema.store import Store
from tests.dashboards.conftest import Rollups

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]
Ago = Callable[[int], dt.date]
_NUMBER = itertools.count(1)


@pytest.fixture
def rollups(store: Store) -> Rollups:
    return Rollups(store, Site(f"ways{next(_NUMBER)}.example", timezone="Europe/Berlin", journeys=True))


def two_days(rollups: Any, ago: Ago) -> str:
    for number in (1, 2):
        rollups.cell(ago(number), visitors=40)
        rollups.way(ago(number), "page", "/a", "/b", 10, 15)
    rollups.way(ago(1), "page", "/a", "/<i>", 6, 10)
    rollups.way(ago(1), "section", "/docs/", "Shop", 7, 8)
    rollups.way(ago(2), "entry_exit", "/a", "/a", 5, 5)
    return f"from={ago(2)}&to={ago(1)}"


def test_ways_are_told_with_their_share_and_how_sure_they_are(client: TestClient, rollups: Any, ago: Ago) -> None:
    days = two_days(rollups, ago)
    base = f"/api/sites/{rollups.site.key}"
    answer = client.get(f"{base}/stats?{days}&by=journeys").json()
    columns = ("value", "origin", "target", "people", "times", "of_times", "share", "certainty", "not_shown_days")
    assert [tuple(row[name] for name in columns) for row in answer["rows"]] == [
        ("page", "/a", "/b", 20, 30, 40, 75.0, "exact", 0),
        ("section", "/docs/", "Shop", 7, 8, 8, 100.0, "at least", 1),
        ("page", "/a", "/<i>", 6, 10, 40, 25.0, "at least", 1),
        ("entry_exit", "/a", "/a", 5, 5, 5, 100.0, "at least", 1),
    ]
    assert "at least" in stats_table(answer)
    text = client.get(f"{base}/stats.csv?{days}&by=journeys").content.decode("utf-8-sig")
    assert [(row["target"], row["people"]) for row in csv.DictReader(io.StringIO(text))] == [
        *(("/b", "20"), ("Shop", "7"), ("/<i>", "6"), ("/a", "5"))
    ]
    for filters, right in (("kind%3D%3Dpage&filter=target~i", ["/<i>"]), ("origin%3D%3D/docs/", ["Shop"])):
        found = client.get(f"{base}/stats?{days}&by=journeys&filter={filters}").json()
        assert [row["target"] for row in found["rows"]] == right
    for asked, code in (
        ("by=journeys&filter=country%3D%3DDE", "not_kept"),
        ("filter=target%3D%3D/b", "not_crossed"),
    ):
        refused = client.get(f"{base}/stats?{days}&{asked}")
        assert (refused.status_code, refused.json()["code"]) == (400, code)


def test_the_page_of_a_site_shows_them(client: TestClient, rollups: Any, ago: Ago) -> None:
    days = two_days(rollups, ago)
    page = client.get(f"/sites/{rollups.site.key}?{days}").text
    card = page[page.index('id="card-journeys"') :].partition("</section>\n{%")[0]
    assert "/a → /b" in card
    assert "/a → /&lt;i&gt;" in card
    assert "≥ 6" in card
    assert "/by/journeys?" in card
    overview = client.get(f"/api/sites/{rollups.site.key}/overview?{days}").json()
    assert [way["target"] for way in overview["journeys"]] == ["Shop", "/b", "/<i>", "/a"]
    kept = client.get(f"/sites/{rollups.site.key}?{days}&filter=country%3D%3DDE").text
    assert "card-journeys" not in kept


def test_with_k_of_1_a_day_that_tells_none_may_not_have_counted_them(
    client: TestClient, rollups: Any, ago: Ago, reports: Any
) -> None:
    for number in (1, 2):
        rollups.cell(ago(number), released=True, visitors=4)
        rollups.release(ago(number), k=1)
    rollups._insert(
        "journeys", ago(1), "", "", True, {"kind": "page", "origin": "/a", "target": "/b", "people": 2, "times": 2}
    )
    reports.sites[rollups.site.key] = structs.replace(rollups.site, release_k=1)
    answer = client.get(f"/api/sites/{rollups.site.key}/stats?from={ago(2)}&to={ago(1)}&by=journeys").json()
    assert [(row["people"], row["not_shown_days"]) for row in answer["rows"]] == [(2, 1)]
