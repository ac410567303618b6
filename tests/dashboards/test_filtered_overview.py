"""An overview of what filters keep: what the rollups tell of it, and what they do not."""

from __future__ import annotations

import re
from html import escape
from typing import Any, get_args
from urllib.parse import urlencode

import pytest

from dashboards.stats.filter import Filter, Operator
from dashboards.stats.notes import SUM_OF_VALUES
from dashboards.stats.overview import Overview
from dashboards.stats.period import Period
from dashboards.stats.query import Query
from dashboards.stats.refused import BadQuery, Code
from dashboards.stats.report import Reports
from schema.dimensions import DIMENSIONS

pytestmark = pytest.mark.clickhouse


@pytest.fixture
def look(reports: Reports, rollups: Any, ago: Any) -> Any:
    """Three days of which the last is open; /a is hidden on the second, /b is there on the first only."""
    for days, released in ((3, True), (2, True), (1, False)):
        rollups.cell(ago(days), visitors=100, released=released)
        rollups.cell(ago(days), "country", "DE", visitors=90, released=released)
        rollups.cell(ago(days), "page", "(other)", visitors=9, released=released)
    rollups.cell(ago(3), "page", "/a", visitors=30, pageviews=60, released=True)
    rollups.cell(ago(3), "page", "/b", visitors=20, released=True)
    rollups.cell(ago(1), "page", "/a", visitors=12, pageviews=13)
    rollups.goal(ago(1), "Signup", 40, 41)
    rollups.goal(ago(1), "Signup", 6, 7, dimension="page", value="/a")
    rollups.vital(ago(1), "lcp", [1000, 1100, 1200], people=6)
    rollups.vital(ago(1), "lcp", [3000, 3100], people=5, dimension="page", value="/a")
    rollups.vital(ago(1), "lcp", [9000], people=5, dimension="page", value="/b")
    for days in (3, 2):
        rollups.release(ago(days))
    return lambda *filters: reports.overview(
        rollups.site, Period(ago(3), ago(1), ""), filters=tuple(map(Filter.parse, filters))
    )


def test_totals_days_goals_and_vitals_are_those_of_what_is_kept(look: Any, ago: Any) -> None:
    overview: Overview = look("page==/a")
    assert (overview.totals.visitors, overview.totals.pageviews, overview.certainty) == (42, 73, "at least")
    assert [(point.state, point.visitors) for point in overview.series] == [
        ("measured", 30),
        ("hidden", 0),  # the site has data, so few or none came to it
        ("measured", 12),
    ]
    assert [(cell.value, cell.visitors) for cell in overview.tables["page"]] == [("/a", 42)]
    assert [(goal.goal, goal.converters, goal.conversion_rate) for goal in overview.goals] == [("Signup", 6, 14.3)]
    assert [(cell.dimension, cell.value, cell.rating) for cell in overview.vitals] == [("", "", "needs improvement")]
    assert [cell.visitors for cell in look("page==/a|/b").tables["page"]] == [42, 20]
    assert (overview.since, overview.until) == (ago(3), ago(1))


def test_it_is_what_the_questions_say_one_by_one(look: Any, reports: Reports, rollups: Any, ago: Any) -> None:
    overview = look("page~/")
    for by in ("day", "page", "goal"):
        answer = reports.stats(Query.of(rollups.site.key, ago(3), ago(1), by, ["page~/"]))
        assert answer["totals"]["visitors"] == overview.totals.visitors
        assert answer["certainty"] == overview.certainty
    assert [row["visitors"] for row in answer["rows"]] == [goal.converters for goal in overview.goals]


def test_what_it_cannot_be_answered_for_is_told(look: Any) -> None:
    assert look().unanswered == ()
    assert set(look("page==/a").unanswered) == DIMENSIONS.keys() - {"page"}
    assert set(look("source==Google").unanswered) == (DIMENSIONS.keys() | {"vital"}) - {"source"}
    overview = look("page==/a")
    assert overview.comparison.previous is None
    assert overview.previous_series == ()
    assert overview.count_only is None


@pytest.mark.parametrize(
    ("filters", "code"),
    [
        (("page==/a", "country==DE"), Code.NOT_CROSSED),
        (("goal==Signup",), Code.NOT_CROSSED),
        (("colour==red",), Code.UNKNOWN_DIMENSION),
        (("page",), Code.BAD_FILTER),
    ],
)
def test_filters_that_nothing_is_kept_by_are_refused(look: Any, filters: tuple[str, ...], code: Code) -> None:
    with pytest.raises(BadQuery) as refused:
        look(*filters)
    assert refused.value.code is code


def test_a_filtered_page_keeps_itself_up_to_date_by_the_version_of_the_site(
    look: Any, reports: Reports, rollups: Any, ago: Any
) -> None:
    assert look("page==/a").version == reports.version(rollups.site, Period(ago(3), ago(1), ""))


@pytest.mark.parametrize("operator", get_args(Operator))
def test_the_page_words_every_operator(look: Any, client: Any, rollups: Any, ago: Any, operator: str) -> None:
    asked = urlencode({"period": "custom", "from": ago(3), "to": ago(1), "filter": f"page{operator}a"})
    page = client.get(f"/sites/{rollups.site.key}?{asked}").text
    assert re.search(r"Page (is|contains|lacks)( not)?( like)? (“a”|a)", page)


def test_the_table_of_a_goal_and_its_csv_are_told(client: Any, rollups: Any, ago: Any) -> None:
    rollups.cell(ago(1), visitors=100)
    rollups.cell(ago(1), "source", "Google", visitors=50)
    rollups.goal(ago(1), "Signup", 10, 12, dimension="source", value="Google")
    days = f"from={ago(3)}&to={ago(1)}"
    assert "Google" in client.get(f"/sites/{rollups.site.key}/by/source?period=custom&{days}&filter=goal==Signup").text
    csv = client.get(f"/api/sites/{rollups.site.key}/stats.csv?{days}&by=source&filter=goal==Signup").text
    assert csv.splitlines()[1].startswith("Google,10,12,20.0,")


def test_the_page_says_what_is_kept_and_what_is_not_told(look: Any, client: Any, rollups: Any, ago: Any) -> None:
    period = f"period=custom&from={ago(3)}&to={ago(1)}"
    page = client.get(f"/sites/{rollups.site.key}?{period}&filter=page==/a&filter=page!=/b").text
    assert "Page is /a" in page
    assert "Page is not /b" in page
    assert f'?{escape(period)}&amp;filter=page%3D%3D%2Fa"' in page  # without the other
    assert "period=7d&amp;filter=page%3D%3D/a&amp;filter=page%21%3D/b" in page
    assert page.count("Not counted together with page") == len(DIMENSIONS) - 1
    assert "only the whole site is" in page
    assert SUM_OF_VALUES in page
    assert SUM_OF_VALUES not in client.get(f"/sites/{rollups.site.key}?{period}&filter=country==DE").text
    answer = client.get(f"/api/sites/{rollups.site.key}/overview?{period}&filter=page==/a").json()
    assert answer["filters"] == [{"dimension": "page", "operator": "==", "value": "/a"}]
    assert list(answer["tables"]) == ["page"]
    refused = client.get(f"/sites/{rollups.site.key}?{period}&filter=page==/a&filter=country==DE")
    assert refused.status_code == 400
    assert "are not crossed" in refused.text
    nothing = client.get(f"/sites/{rollups.site.key}?{period}&filter=page==/nothing").text
    assert "Nothing to show of what the filters keep" in nothing


def test_what_somebody_writes_into_a_filter_is_text(look: Any, client: Any, rollups: Any) -> None:
    page = client.get(f"/sites/{rollups.site.key}", params={"filter": "page==<script>alert(1)</script>"}).text
    assert "<script>alert" not in page
    assert "Page is &lt;script&gt;alert(1)" in page
