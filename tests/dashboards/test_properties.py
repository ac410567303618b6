"""Properties by event and value: the same in the interface, in CSV, in a terminal and on the pages, as text only."""

from __future__ import annotations

import csv
import datetime as dt
import html
import io
from collections.abc import Callable
from typing import Any
from urllib.parse import quote

import pytest
from starlette.testclient import TestClient

from footfall.cli.summaries import stats_table

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]
Ago = Callable[[int], dt.date]
# What a page may send, as text of HTML, of SQL and of a formula.
EVIL = "<script>alert(1)</script>' OR 1=1 --"
FORMULA = "=HYPERLINK(1)"


def two_days(rollups: Any, ago: Ago) -> str:
    """The address of what is asked, of days of which one hides a value."""
    for number in (1, 2):
        rollups.cell(ago(number), visitors=40)
        rollups.of_property(ago(number), "buy", "plan", "pro", 9, 11)
    rollups.of_property(ago(1), "buy", "plan", "pro", 5, 0, in_currency="EUR", amount=49_90)
    rollups.of_property(ago(1), "buy", "plan", FORMULA, 6, 7)
    rollups.of_property(ago(2), EVIL, EVIL, EVIL, 5, 5)
    rollups.of_property(ago(2), "buy", "size", "L", 8, 8)
    return f"from={ago(2)}&to={ago(1)}"


def test_values_are_told_with_their_revenue_and_how_sure_they_are(client: TestClient, rollups: Any, ago: Ago) -> None:
    days = two_days(rollups, ago)
    base = f"/api/sites/{rollups.site.key}"
    answer = client.get(f"{base}/stats?{days}&by=properties").json()
    told = [
        (row["event"], row["property"], row["value"], row["visitors"], row["events"], row["certainty"])
        for row in answer["rows"]
    ]
    assert told == [
        ("buy", "plan", "pro", 18, 22, "exact"),
        ("buy", "size", "L", 8, 8, "at least"),
        ("buy", "plan", FORMULA, 6, 7, "at least"),
        (EVIL, EVIL, EVIL, 5, 5, "at least"),
    ]
    assert answer["totals"]["visitors"] == 80
    (revenue,) = answer["rows"][0]["revenue"]
    assert (revenue["currency"], revenue["value"], revenue["payers"], revenue["of_payers"]) == ("EUR", "49.90", 5, 18)
    assert (revenue["orders"], revenue["of_orders"], revenue["certainty"]) == (None, 22, "at least")
    assert "at least" in stats_table(answer)
    text = client.get(f"{base}/stats.csv?{days}&by=properties").content.decode("utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [(row["value"], row["revenue"], row["not_shown_days"]) for row in rows] == [
        *(("pro", "49.90", "0"), ("L", "", "1")),
        *((f"'{FORMULA}", "", "1"), (EVIL, "", "1")),
    ]


def test_filters_are_on_event_and_property(client: TestClient, rollups: Any, ago: Ago) -> None:
    days = two_days(rollups, ago)
    base = f"/api/sites/{rollups.site.key}/stats?{days}&by=properties"

    for filters, right in (
        (("event==buy", "property==plan"), ["pro", FORMULA]),
        (("property==size",), ["L"]),
        ((f"event=={EVIL}",), [EVIL]),
        (("property_value~R",), ["pro", FORMULA, EVIL]),
        (("event==none",), []),
    ):
        answer = client.get(base + "".join(f"&filter={quote(one)}" for one in filters)).json()
        assert [row["value"] for row in answer["rows"]] == right, filters
        assert answer["totals"]["visitors"] == 80
    refused = client.get(base + "&filter=country%3D%3DDE")
    assert (refused.status_code, refused.json()["code"]) == (400, "not_kept")
    refused = client.get(base.replace("by=properties", "by=page") + "&filter=property%3D%3Dplan")
    assert (refused.status_code, refused.json()["code"]) == (400, "not_crossed")


def test_the_page_shows_the_first_property_of_each_event_and_all_of_them_behind_it_as_text(
    client: TestClient, rollups: Any, ago: Ago
) -> None:
    days = two_days(rollups, ago)
    site = f"/sites/{rollups.site.key}"
    page, details = client.get(f"{site}?{days}").text, client.get(f"{site}/by/properties?{days}").text
    moved = client.get(f"{site}/properties?{days}")
    assert (moved.status_code, moved.headers["location"]) == (303, f"{site}/by/properties?{days}")
    assert "<caption>buy: plan</caption>" in page
    for text in (page, details):
        assert html.escape(EVIL, quote=False) in text.replace("&#39;", "'")
        assert "<script>alert" not in text
        assert "≥ 6" in text
    assert ">size</td>" in details
    assert "buy: size" not in page
    assert "€49.90" in details
    assert ">1 of 2</td>" in details
    found = client.get(f"{site}/by/properties?{days}&contains=script").text
    assert ">plan</td>" not in found
    assert "alert(1)" in found
    nothing = client.get(f"{site}/by/properties?from={ago(9)}&to={ago(8)}").text
    assert "No event had one of url, path" in nothing
