"""Any question of the Stats API v2 has an answer or a refusal; and what is called nearest has an answer."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest

from dashboards.stats.refused import BadQuery
from dashboards.stats.report import Reports
from dashboards.stats_api.answer import QueryAnswer, QueryRefused
from dashboards.stats_api.names import METRIC_NAMES, OPERATORS, TIMES, dimension_names
from dashboards.stats_api.request import of
from dashboards.stats_api.respond import answer
from tests.conftest import EXTENTS
from tests.dashboards.conftest import Rollups

pytestmark = pytest.mark.clickhouse

NAMES = (*dimension_names(), "event:props:plan", "visit:city", "visit:nothing")
VALUES = ("/", "/a", "Google", "", "Germany", "DE", "Signup", "pro", "signup", "(other)", "a|b", "^/.*$", "*")
RANGES = (
    "day",
    "7d",
    "28d",
    "month",
    "6mo",
    "year",
    "all",
    "3mo",
    ["2031-06-01", "2031-06-18"],
    "realtime",
    ["x", "y"],
)


def put(rollups: Rollups, days: list[Any]) -> None:
    """Some days of a site that has a little of everything."""
    with rollups.together():
        for day in days:
            rollups.cell(day, visitors=100, bounces=30, visit_seconds=900)
            rollups.hour(day, 9, visitors=50)
            for dimension, value in (
                ("page", "/"),
                ("page", "/a"),
                ("source", "Google"),
                ("source", ""),
                ("country", "DE"),
            ):
                rollups.cell(day, dimension, value, visitors=40)
                rollups.goal(day, "Signup", 7, 8, dimension=dimension, value=value)
            rollups.cell(day, "source", "(other)", visitors=9)
            rollups.cell(day, "event", "signup", visitors=9)
            rollups.goal(day, "Signup", 9, 12)
            rollups.revenue(day, "Signup", "EUR", 900, 9)
            rollups.of_property(day, "signup", "plan", "pro", 9, 12)
            rollups.band(day, "/", "scroll", 50, 30, 1_500)


def a_filter(pick: random.Random, depth: int = 0) -> list[Any]:
    kind = pick.random()
    if depth < 3 and kind < 0.25:
        how = pick.choice(("and", "or"))
        return [how, [a_filter(pick, depth + 1) for _ in range(pick.randint(1, 3))]]
    if depth < 3 and kind < 0.35:
        return [pick.choice(("not", "not", "has_done")), a_filter(pick, depth + 1)]
    clauses = pick.sample(VALUES, pick.randint(1, 3))
    more = [{"case_sensitive": False}] if pick.random() < 0.15 else []
    return [pick.choice([*OPERATORS]), pick.choice(NAMES), clauses, *more]


def a_question(pick: random.Random, site: str) -> dict[str, Any]:
    metrics = pick.sample(METRIC_NAMES, pick.randint(1, 3)) if pick.random() < 0.5 else ["visitors"]
    dimensions = pick.sample((*NAMES, *TIMES), pick.choice((0, 1, 1, 1, 2, 3)))
    found: dict[str, Any] = {
        "site_id": site,
        "metrics": metrics,
        "date_range": pick.choice(RANGES),
        "dimensions": dimensions,
    }
    if pick.random() < 0.6:
        # Often on what the rows are of, or else hardly anything would be answered.
        filters = [a_filter(pick) for _ in range(pick.randint(1, 2))]
        for one in filters:
            if one[0] in OPERATORS and dimensions and pick.random() < 0.6:
                one[1] = pick.choice(dimensions)
        found["filters"] = filters
    if pick.random() < 0.4:
        found["order_by"] = [[name, pick.choice(("asc", "desc"))] for name in pick.sample([*metrics, *dimensions], 1)]
    if pick.random() < 0.3:
        found["pagination"] = {"limit": pick.randint(1, 5), "offset": pick.randint(0, 3)}
    if pick.random() < 0.3:
        found["include"] = {pick.choice(("imports", "time_labels", "total_rows")): True}
    if pick.random() < 0.1:
        found["include"] = {"comparisons": {"mode": pick.choice(("previous_period", "year_over_year"))}}
    return found


def ask(reports: Reports, site: Any, question: Any) -> QueryAnswer | QueryRefused | BadQuery:
    try:
        return answer(reports, site, of(question))
    except BadQuery as refused:  # what cannot be read
        return refused


@pytest.mark.slow
def test_any_question_is_answered_or_refused(
    reports: Reports, rollups: Rollups, ago: Any, request: pytest.FixtureRequest
) -> None:
    put(rollups, [ago(back) for back in (0, 1, 2, 9)])
    extent = EXTENTS[request.config.getoption("--extent")]
    many, pick, answered = round(120 * extent.examples), random.Random(7 if extent.fixed else None), 0
    for _ in range(many):
        question = a_question(pick, rollups.site.key)
        told = ask(reports, rollups.site, question)
        if isinstance(told, QueryRefused) and told.nearest:
            nearest = ask(reports, rollups.site, told.nearest)
            assert isinstance(nearest, QueryAnswer), (question, told, nearest)
        if not isinstance(told, QueryAnswer):
            continue
        answered += 1
        msgspec.json.encode(told)
        assert len(told.meta.footfall.rows) == len(told.results), question
        for row in (*told.results, *told.meta.footfall.other):
            assert (len(row.dimensions), len(row.metrics)) == (len(question["dimensions"]), len(question["metrics"])), (
                question
            )
        assert len(told.results) <= question.get("pagination", {}).get("limit", 10_000), question
    assert answered > many / 10
