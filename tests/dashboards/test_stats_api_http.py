"""POST /api/v2/query over HTTP: who may ask, what a refusal is, how clients ask, and what is described for machines."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from collector.tokens import EVERY_SITE, Tokens
from dashboards.stats_api.openapi import EXAMPLE, document
from dashboards.stats_api.request import MAX_BYTES

pytestmark = pytest.mark.clickhouse
Ago = Callable[[int], dt.date]
Post = Callable[..., Any]


@pytest.fixture
def post(program: TestClient, tokens: Tokens, rollups: Any) -> Post:
    """Asks about the site, with a token of it, as a program does."""
    token = tokens.create_reading(rollups.site.key, "", 0, 600)[1]

    def ask(question: Any, token: str = token, **headers: str) -> Any:
        body = question if isinstance(question, bytes) else json.dumps(question).encode()
        given = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"} | headers
        return program.post("/api/v2/query", content=body, headers=given)

    return ask


def question(site: str, **more: Any) -> dict[str, Any]:
    return {"site_id": site, "metrics": ["visitors"], "date_range": "7d", **more}


def test_a_token_of_a_site_asks_about_it_and_no_other(post: Post, tokens: Tokens, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=40)
    answered = post(question(rollups.site.key))
    assert (answered.status_code, answered.json()["results"]) == (200, [{"dimensions": [], "metrics": [40]}])
    refused, unknown = post(question("other.example")), post(question("not.example"))
    assert (refused.status_code, refused.json()["code"]) == (401, "unknown_site")
    assert refused.text.replace("other.example", "not.example") == unknown.text
    every = tokens.create_reading(EVERY_SITE, "", 0, 1)[1]
    assert post(question("www.Other.example"), every).status_code == 200
    often = post(question("other.example"), every)
    assert (often.status_code, often.json()["code"]) == (429, "too_often")
    sends = tokens.create(rollups.site.key, "")[1]
    for token in ("", "ffr_guess", sends):
        assert post(question(rollups.site.key), token).status_code == 401


def test_a_page_of_another_site_cannot_ask_by_a_session(client: TestClient, rollups: Any) -> None:
    """By one of ours it may; without a token the session alone would let others, too."""
    asked = question(rollups.site.key)
    assert client.post("/api/v2/query", json=asked).status_code == 200
    for headers in ({"sec-fetch-site": "cross-site"}, {"sec-fetch-site": "", "origin": "https://evil.example"}):
        answer = client.post("/api/v2/query", json=asked, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"{", "Input data was truncated"),
        (b"\xff", "the question cannot be read"),
        (b"[]", "Expected `object`, got `array`"),
        ({"metrics": ["visitors"], "date_range": "7d"}, "missing required field `site_id`"),
        ({"site_id": "SITE", "metrics": [], "date_range": "7d"}, "length >= 1 - at `$.metrics`"),
        ({"site_id": "SITE", "metrics": ["visitor"], "date_range": "7d"}, "metric 'visitor' is not known"),
        ({"site_id": "SITE", "metrics": ["visits", "visits"], "date_range": "7d"}, "'visits' is given twice"),
        ({"site_id": "SITE", "metrics": ["visits"], "date_range": ["2031-06-01"]}, "at `$.date_range`"),
        ({"site_id": "SITE", "metrics": ["visits"], "date_range": "7d", "dimension": "x"}, "unknown field `dimension`"),
        (
            {"site_id": "SITE", "metrics": ["visits"], "date_range": "7d", "pagination": {"limit": 0}},
            "`$.pagination.limit`",
        ),
        ({"site_id": "SITE", "metrics": ["visits"], "date_range": "7d", "include": {"x": True}}, "at `$.include`"),
        (
            {"site_id": "SITE", "metrics": ["visits"], "date_range": "7d", "order_by": [["visitors", "desc"]]},
            "order_by 'visitors' is neither",
        ),
        (
            {"site_id": "SITE", "metrics": ["visits"], "date_range": "7d", "include": {"time_labels": True}},
            "needs a time dimension",
        ),
    ],
)
def test_what_cannot_be_read_is_refused_with_its_place(post: Post, rollups: Any, body: Any, says: str) -> None:
    if isinstance(body, dict) and "site_id" in body:
        body = body | {"site_id": rollups.site.key}
    answer = post(body)
    assert (answer.status_code, says in answer.json()["error"]) == (400, True), answer.text
    assert answer.json()["code"]


def test_a_question_has_bounds(post: Post, program: TestClient, rollups: Any) -> None:
    assert post(b" " * (MAX_BYTES + 1)).status_code == 413
    for levels in (30, 900, 7_000):
        deep = "[" + '["not",' * levels + "1" + "]" * levels + "]"
        answer = post(json.dumps(question(rollups.site.key, filters=[])).replace("[]", deep).encode())
        assert (answer.status_code, answer.json()["code"]) == (400, "too_much")
    assert program.get("/api/v2/query").status_code == 405
    many = [["is", "event:page", [f"/{number}"]] for number in range(21)]
    assert post(question(rollups.site.key, filters=many)).json()["code"] == "too_much"


def test_a_hostile_value_finds_only_itself(post: Post, rollups: Any, ago: Ago) -> None:
    hostile = "/x'); DROP TABLE open_cells --"
    rollups.cell(ago(1), visitors=40)
    rollups.cell(ago(1), "page", hostile, visitors=20)
    rollups.cell(ago(1), "page", "/y", visitors=10)
    for operator in ("is", "contains", "matches_wildcard"):
        answer = post(
            question(rollups.site.key, dimensions=["event:page"], filters=[[operator, "event:page", [hostile]]])
        )
        assert [row["dimensions"] for row in answer.json()["results"]] == [[hostile]], operator
    assert post(question(rollups.site.key)).json()["results"][0]["metrics"] == [40]


def test_published_clients_get_right_answers(post: Post, rollups: Any, ago: Ago) -> None:
    """The forms in which OneGov's client (Python), plausibler (R) and Sentry's MCP server (TypeScript) ask, and how
    they read what comes back."""
    site = rollups.site.key
    rollups.cell(ago(1), visitors=40, visits=50, pageviews=100, entries=50, bounces=20, visit_seconds=6000)
    rollups.cell(ago(2), visitors=10, visits=10, pageviews=20, entries=10, bounces=4, visit_seconds=600)
    for day, page, people in ((1, "/", 30), (1, "/pricing", 20), (2, "/pricing", 7)):
        rollups.cell(ago(day), "page", page, visitors=people)
    rollups.goal(ago(1), "Signup", 8, 9)

    def ask(**more: Any) -> list[Any]:
        answer = post({"site_id": site, **more})
        assert answer.status_code == 200, answer.text
        assert set(answer.json()) == {"results", "meta", "query"}
        results: list[Any] = answer.json()["results"]
        return results

    # A list of figures, the last one in minutes.
    metrics = ["visitors", "visits", "pageviews", "views_per_visit", "visit_duration"]
    figures = ask(metrics=metrics, date_range="30d", filters=[], dimensions=[])[0]["metrics"]
    figures[-1] = round(int(figures[-1]) / 60, 1)
    assert figures == [50, 60, 120, 2.0, 1.8]
    # The top pages by name.
    top = ask(metrics=["visitors"], date_range="30d", dimensions=["event:page"], pagination={"limit": 1})
    assert {row["dimensions"][0]: row["metrics"][0] for row in top} == {"/": 30}
    # Pages of each day, with what was left out as null or {}.
    table = ask(
        date_range=["2031-06-16", "2031-06-17"], metrics=["visits", "visitors"], dimensions=["time:day", "event:page"],
        include={"total_rows": True}, order_by=None, pagination={}, filters=[["is_not", "event:page", ["/legal"]]],
    )  # fmt: skip
    assert [(*row["dimensions"], *row["metrics"]) for row in table] == [
        ("2031-06-16", "/pricing", 7, 7),
        ("2031-06-17", "/", 30, 30),
        ("2031-06-17", "/pricing", 20, 20),
    ]
    # Conversions.
    metrics = ["visitors", "events", "conversion_rate"]
    (goal,) = ask(
        metrics=metrics, date_range="7d", dimensions=["event:goal"], filters=[["is", "event:goal", ["Signup"]]]
    )
    assert (goal["dimensions"], goal["metrics"]) == (["Signup"], [8, 9, 16.0])


def test_what_is_described_is_what_is_taken_and_answered(program: TestClient, post: Post, rollups: Any) -> None:
    told = program.get("/api/openapi.json")
    assert told.json() == document()
    schemas = document()["components"]["schemas"]
    assert {"Asked", "QueryAnswer", "QueryRefused", "Pagination", "Footfall", "Sure"} <= set(schemas)
    assert schemas["Asked"]["required"] == ["site_id", "metrics", "date_range"]
    assert "visitors" in schemas["Asked"]["properties"]["metrics"]["items"]["enum"]
    assert document()["openapi"] == "3.1.0"
    for place in json.dumps(document()).split('"$ref": "#/components/schemas/')[1:]:
        assert place.partition('"')[0] in schemas
    answer = post({**EXAMPLE, "site_id": rollups.site.key})
    assert answer.status_code == 200
    about = schemas["QueryAnswer"]["properties"]
    assert set(answer.json()) == set(about)
