"""Traffic quality: what crawlers looked at, and what was not counted."""

from __future__ import annotations

import csv
import datetime as dt
import io
from typing import Any

import pytest
from starlette.testclient import TestClient

from collector.outcome import Reason
from dashboards.web.format import REASONS
from tests.dashboards.conftest import NOW

pytestmark = pytest.mark.clickhouse
DAY = NOW.date() - dt.timedelta(days=3)
HOSTILE = "/<script>alert(1)</script>\"'&/"


@pytest.fixture
def path(rollups: Any) -> str:
    key = rollups.site.key
    crawlers = [
        (DAY, "", "GPTBot", "/docs/", 1200),
        (DAY, "0123456789abcdef", "GPTBot", "/docs/", 34),
        (DAY - dt.timedelta(days=1), "", "GPTBot", HOSTILE, 5),
        (DAY, "", "Googlebot", "/", 40),
        (DAY - dt.timedelta(days=200), "", "Googlebot", "/", 999),
    ]
    columns = [[key] * len(crawlers), *map(list, zip(*crawlers, strict=True))]
    rollups.store.insert("crawlers", ("site", "day", "run", "crawler", "section", "views"), columns)
    dropped = [(DAY, "bot", 30), (DAY, "accepted", 500), (DAY, "host", 0), (DAY - dt.timedelta(days=1), "bot", 20)]
    columns = [[key] * len(dropped), *map(list, zip(*dropped, strict=True))]
    rollups.store.insert("outcomes", ("site", "day", "reason", "count"), columns)
    return f"/sites/{key}"


def test_crawlers_and_what_was_dropped_are_answered_by_name(client: TestClient, path: str) -> None:
    answer = client.get(f"/api{path}/stats?period=30d&by=crawler").json()
    assert [(row["value"], row["section"], row["pageviews"], row["purpose"]) for row in answer["rows"]] == [
        ("GPTBot", "/docs/", 1234, "ai_training"),
        ("Googlebot", "/", 40, "search"),
        ("GPTBot", HOSTILE, 5, "ai_training"),
    ]
    assert answer["rows"][0]["operator"] == "OpenAI"
    assert answer["totals"]["visitors"] == 0, "never among visitors"
    answer = client.get(f"/api{path}/stats?period=30d&by=dropped").json()
    told = [(row["value"], row["day"], row["count"]) for row in answer["rows"]]
    assert told == [("bot", DAY.isoformat(), 30), ("bot", (DAY - dt.timedelta(days=1)).isoformat(), 20)]
    table = client.get(f"/api{path}/stats.csv?period=30d&by=crawler&limit=1").text
    assert list(csv.reader(io.StringIO(table.lstrip("\ufeff")))) == [
        ["value", "section", "pageviews", "operator", "purpose"],
        ["GPTBot", "/docs/", "1234", "OpenAI", "ai_training"],
    ]
    table = client.get(f"/api{path}/stats.csv?period=custom&from=2001-01-01&to=2001-01-02&by=dropped").text
    assert table.lstrip("\ufeff").splitlines() == ["value,day,count"]


def test_they_are_split_by_nothing_else(client: TestClient, path: str) -> None:
    for by in ("crawler", "dropped", "leak"):
        answer = client.get(f"/api{path}/stats?period=30d&by={by}&filter=country==DE")
        assert (answer.status_code, answer.json()["code"]) == (400, "not_kept")
        assert "drop the filter on country" in answer.json()["error"]


def test_the_page_says_it_in_words(client: TestClient, path: str) -> None:
    page = client.get(f"{path}/quality?period=30d")
    assert page.status_code == 200
    for said in ("GPTBot", "Collection for AI models", "1,234", "1,239", "Crawlers and bots", ">50<"):
        assert said in page.text
    assert "<script>alert" not in page.text
    nothing = client.get(f"{path}/quality?period=custom&from=2031-01-01&to=2031-01-02").text
    assert "No crawler that says its name was seen" in nothing
    assert f'href="{path}/quality?period=30d"' in client.get(f"{path}?period=30d").text


def test_what_the_scrubber_replaced_is_told_by_place_and_kind(client: TestClient, rollups: Any) -> None:
    rollups.cell(DAY, visitors=90)
    for value, people in (("/u/:email/orders", 40), ("/reset/:token", 50), ("/talk:emails", 60), ("(other)", 9)):
        rollups.cell(DAY, "page", value, visitors=people)
    rollups.cell(DAY, "utm_term", "anna :email :phone", visitors=7)
    rollups.cell(DAY, "source", ":email", visitors=7)
    path = f"/sites/{rollups.site.key}"
    rows = client.get(f"/api{path}/stats?period=30d&by=leak").json()["rows"]
    assert [(row["value"], row["place"], row["kinds"], row["visitors"]) for row in rows] == [
        ("/reset/:token", "path", "token", 50),
        ("/u/:email/orders", "path", "email", 40),
        ("anna :email :phone", "parameter utm_term", "email phone", 7),
    ]
    page = client.get(f"{path}/quality?period=30d").text
    for said in ("/u/:email/orders", "an e-mail address, a phone number", "parameter utm_term"):
        assert said in page


def test_every_reason_that_is_published_has_words() -> None:
    published = {str(one) for one in Reason if not one.is_signal and one is not Reason.ACCEPTED}
    assert published == REASONS.keys()
