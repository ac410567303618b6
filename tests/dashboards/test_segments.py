"""Questions about segments: the whole of one, its days and values, several side by side."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs, to_builtins

from dashboards.stats.filter import Filter
from dashboards.stats.notes import SINCE
from dashboards.stats.period import Period
from dashboards.stats.query import Query
from dashboards.stats.refused import BadQuery, Code
from dashboards.stats.report import Reports
from dashboards.stats.segmented import COLUMNS
from schema.pairs import TOLD
from schema.segment import Segment
from tests.dashboards.conftest import NOW

pytestmark = pytest.mark.clickhouse

PHONES, READERS = Segment("Phones", {"device": "mobile"}), Segment("Readers", {"section": "/blog/"})


@pytest.fixture
def asked(rollups: Any, ago: Any) -> Reports:
    """Three closed days and one that is open; two of them count segments, one another one first."""
    site = structs.replace(rollups.site, segments=(PHONES, READERS))
    for days in (4, 3, 2, 1):
        rollups.cell(ago(days), visitors=100, released=days > 1)
        rollups.cell(ago(days), "country", "DE", visitors=70, released=days > 1)
    defined = site.segment_definitions
    rollups.release(ago(4))
    rollups.release(ago(3), segments=defined | {"Readers": "former"})
    rollups.release(ago(2), segments=defined, columns={"segment_goals": []})
    for days, visitors in ((3, 40), (2, 20)):
        rollups.segment(ago(days), "Phones", visitors, bounces=10)
        rollups.segment(ago(days), "Phones", visitors - 5, "country", "DE")
        rollups.segment(ago(days), "Readers", 30)
    rollups.segment(ago(2), "Phones", 6, "country", "FR")
    rollups.goal_of(ago(2), "Phones", "Signup", 8, 9)
    rollups.goal_of(ago(2), "Phones", "Signup", 8, 0, "EUR", 1250)
    rollups.goal_of(ago(2), "Readers", "Signup", 5, 5)
    for days, values in ((3, [1000.0] * 8), (2, [1000.0, 3000.0, 3000.0, 5000.0])):
        rollups.vital_of(ago(days), "Phones", "lcp", values, 6)
        rollups.vital_of(ago(days), "Readers", "lcp", [9000.0] * 6, 6)
    return Reports(rollups.store, [site], clock=NOW.timestamp)


@pytest.fixture
def ask(asked: Reports, ago: Any) -> Any:
    (site,) = asked.sites.values()

    def stats(by: str = "", segment: str = "Phones", first: int = 4, last: int = 1, **given: Any) -> dict[str, Any]:
        return asked.stats(Query.of(site.key, ago(first), ago(last), by, segment=segment, **given))

    return stats


def visitors(answer: dict[str, Any]) -> dict[str, int]:
    return {row["value"]: row["visitors"] for row in answer["rows"]}


def test_its_totals_are_its_own(ask: Any) -> None:
    answer = ask()
    assert answer["totals"] == {
        "visitors": 60,
        "visits": 60,
        "pageviews": 120,
        "views_per_visit": 2.0,
        "bounce_rate": 33.3,
        "visit_duration": 60.0,
    }
    assert {*answer["totals"]} == {*TOLD}
    assert (answer["certainty"], answer["flags"]) == ("at least", ["not_shown"])
    of_two = ask(first=3, last=2)
    assert (of_two["certainty"], of_two["totals"]["visitors"]) == ("exact", 60)


def test_its_days_and_values(ask: Any, ago: Any) -> None:
    assert visitors(ask("day")) == {ago(3).isoformat(): 40, ago(2).isoformat(): 20}
    answer = ask("country")
    assert visitors(answer) == {"DE": 50, "FR": 6}
    assert answer["totals"]["visitors"] == 60
    de, fr = answer["rows"]
    assert (de["certainty"], de["not_shown_days"], de["of_days"], fr["not_shown_days"]) == ("at least", 2, 4, 3)
    assert de["counted_since"] == ago(3).isoformat()
    assert SINCE in answer["notes"]
    assert visitors(ask("country", filters=["country==FR"])) == {"FR": 6}
    assert visitors(ask("country", limit=1)) == {"DE": 50}
    kept = ask(filters=["country==DE"])
    assert (kept["totals"]["visitors"], kept["certainty"]) == (50, "at least")


def test_days_that_counted_another_one_are_not_its_own(ask: Any, ago: Any) -> None:
    answer = ask("day", segment="Readers")
    assert visitors(answer) == {ago(2).isoformat(): 30}


def test_goals_within_it(ask: Any, ago: Any) -> None:
    [row] = ask("goal", first=2, last=2)["rows"]
    # 8 of 20: 40 %.
    assert (row["value"], row["visitors"], row["conversions"], row["of_visitors"]) == ("Signup", 8, 9, 20)
    assert (row["conversion_rate"], row["low"], row["high"], row["certainty"]) == (40.0, 21.88, 61.34, "exact")
    assert [(one["currency"], one["amount"], one["payers"]) for one in row["revenue"]] == [("EUR", 1250, 8)]
    [row] = ask("goal")["rows"]
    assert (row["visitors"], row["of_visitors"], row["certainty"], row["not_shown_days"]) == (8, 60, "at least", 3)
    assert [row["visitors"] for row in ask("goal", filters=["goal==Signup"])["rows"]] == [8]
    assert ask("goal", filters=["goal==Other"])["rows"] == []
    assert [(row["value"], row["visitors"]) for row in ask("goal_day")["rows"]] == [(ago(2).isoformat(), 8)]


def test_how_fast_pages_were_for_it(ask: Any, ago: Any) -> None:
    [row] = ask("vital", first=2, last=2)["rows"]
    # Within 2 % of 3000; beyond the middle there are three of six people.
    told = (row["p50"], row["p75"], row["rating"], row["good"], row["poor"])
    assert told == (None, 3044.0, "needs improvement", 25.0, 25.0)
    assert (row["value"], row["visitors"], row["samples"]) == ("lcp", 6, 4)
    [both] = ask("vital")["rows"]
    assert (both["visitors"], both["samples"], both["good"], both["p75"]) == (12, 12, 75.0, 993.0)
    days = ask("vital_day")["rows"]
    assert [(one["value"], one["p75"]) for one in days] == [(ago(3).isoformat(), 993.0), (ago(2).isoformat(), 3044.0)]
    assert ask("vital", filters=["vital==inp"])["rows"] == []
    # A day that counted another one under the same name is not its own.
    [readers] = ask("vital", segment="Readers")["rows"]
    assert readers["visitors"] == 6


def test_side_by_side(ask: Any, ago: Any) -> None:
    answer = ask("segment", segment="")
    assert visitors(answer) == {"Phones": 60, "Readers": 30}
    assert answer["totals"]["visitors"] == 400
    phones, readers = answer["rows"]
    assert (*phones,) == COLUMNS
    assert (phones["not_shown_days"], readers["not_shown_days"], phones["of_days"]) == (2, 3, 4)
    assert (phones["certainty"], readers["counted_since"]) == ("at least", ago(2).isoformat())
    assert visitors(ask("segment", segment="", limit=1, offset=1)) == {"Readers": 30}


@pytest.mark.parametrize(
    ("by", "given", "code", "told"),
    [
        ("", {"segment": "Tablets"}, Code.UNKNOWN_SEGMENT, "it has 'Phones', 'Readers'"),
        ("page", {}, Code.NOT_KEPT, "nothing is kept by page: ask by one of day, week"),
        ("hour", {}, Code.NOT_KEPT, "nothing is kept by hour"),
        ("vital,device", {}, Code.NOT_KEPT, "nothing is kept by vital and device: drop the filter"),
        ("vital", {"filters": ["country==DE"]}, Code.NOT_KEPT, "nothing is kept by vital and country"),
        ("goal", {"filters": ["country==DE"]}, Code.NOT_KEPT, "nothing is kept by goal and country"),
        ("segment", {}, Code.NOT_KEPT, "nothing is kept by segment"),
        ("day", {"filters": ["page==/"]}, Code.NOT_KEPT, "nothing is kept by page"),
        ("channel", {"filters": ["country==DE"]}, Code.NOT_CROSSED, "channel and country are not crossed"),
        ("day", {"compare": True}, Code.NOT_KEPT, "leave compare out, or the segment"),
        ("country", {"filters": ["goal==Signup"]}, Code.NOT_KEPT, "there is no goal"),
        ("country", {"metrics": ["events"]}, Code.NOT_KEPT, "events is not kept of the segment 'Phones'"),
    ],
)
def test_what_it_has_not_is_refused(ask: Any, by: str, given: dict[str, Any], code: Code, told: str) -> None:
    with pytest.raises(BadQuery, match=told) as refused:
        ask(by, **given)
    assert refused.value.code is code


@pytest.fixture
def reports(asked: Reports) -> Reports:
    """What a browser is answered from."""
    return asked


def test_a_page_links_to_each_and_keeps_the_one_that_is_shown(client: Any, rollups: Any, ago: Any) -> None:
    path = f"/sites/{rollups.site.key}"
    days = f"period=custom&from={ago(4)}&to={ago(1)}"
    page = client.get(f"{path}?{days}&segment=Phones").text
    assert f'{path}?{days.replace("&", "&amp;")}&amp;segment=Readers">Readers</a>' in page
    assert 'segment=Phones" aria-current="true">Phones</a>' in page
    assert "Not counted of segments" in page
    goals = client.get(f"{path}/goals?{days}&segment=Phones")
    assert goals.status_code == 200
    assert "Signup" in goals.text
    assert "of the segment" in goals.text
    assert "segment=Phones" in page.partition('id="card-places"')[2], "its values keep it, too"
    speed = client.get(f"{path}/speed?{days}&segment=Phones").text
    assert "p75 by day" in speed
    for page, of in (("speed", speed), ("goals", goals.text)):
        assert 'segment=Phones" aria-current="true">Phones</a>' in of, page
        assert f'?{days.replace("&", "&amp;")}">All visits</a>' in of, page
    assert speed.count("Not counted of segments") == 3, "pages, elements, and conversion by speed"
    table = client.get(f"{path}/by/country?{days}&segment=Phones").text
    assert "≥ 50" in table
    assert "segment=Phones" in table
    answer = client.get(f"/api{path}/stats.csv?from={ago(4)}&to={ago(1)}&by=country&segment=Phones").text
    assert answer.splitlines()[1].startswith("DE,50,")
    assert client.get(f"/api{path}/stats?segment=X").json()["code"] == "unknown_segment"
    assert client.get(f"/api{path}/overview?{days}&segment=Phones").json()["totals"]["visitors"] == 60


def test_a_page_of_one(asked: Reports, ago: Any) -> None:
    (site,) = asked.sites.values()
    period = Period(ago(4), ago(1), "")
    shown = asked.overview(site, period, segment="Phones")
    assert (shown.segment, shown.totals.visitors, shown.certainty) == ("Phones", 60, "at least")
    assert [(cell.value, cell.visitors) for cell in shown.tables["country"]] == [("DE", 50), ("FR", 6)]
    assert {"page", "section"} <= {*shown.unanswered}
    assert [(cell.vital, cell.p75, cell.people) for cell in shown.vitals] == [("lcp", 993.0, 12)]
    assert [(goal.goal, goal.converters) for goal in shown.goals] == [("Signup", 8)]
    assert [point.visitors for point in shown.series if point.visitors] == [40, 20]
    kept = asked.overview(site, period, filters=(Filter.parse("country==DE"),), segment="Phones")
    assert kept.totals.visitors == 50
    assert "vital" in kept.unanswered
    assert to_builtins(shown)
    with pytest.raises(BadQuery, match="has no segment 'None'"):
        asked.overview(site, period, segment="None")
