"""Questions that pairs answer: the values of one dimension where another one has those that are kept."""

from __future__ import annotations

import re
from html import unescape
from typing import Any

import pytest
from msgspec import structs

from dashboards.stats.filter import Filter
from dashboards.stats.notes import SINCE
from dashboards.stats.period import Period
from dashboards.stats.query import Query
from dashboards.stats.refused import BadQuery, Code
from dashboards.stats.report import Reports
from schema.pair import DEFAULT_PAIRS
from schema.pairs import PAIR_GOALS, TOLD
from tests.dashboards.conftest import NOW
from tests.dashboards.test_pictures import card, opened

pytestmark = pytest.mark.clickhouse

CHANNEL = "channel x country"
SEARCH, MAIL, NONE = ("channel", "Search"), ("channel", "Email"), ("channel", "")
DE, FR = ("country", "DE"), ("country", "FR")


@pytest.fixture
def ask(reports: Reports, rollups: Any, ago: Any) -> Any:
    """Three closed days and one that is open; the pair counts from the second one on."""
    for days in (4, 3, 2, 1):
        rollups.cell(ago(days), visitors=100, released=days > 1)
        rollups.cell(ago(days), "country", "DE", visitors=70, released=days > 1)
        rollups.cell(ago(days), "country", "FR", visitors=30, released=days > 1)
    for days in (4, 3, 2):
        rollups.release(ago(days), pairs=[CHANNEL] if days < 4 else [])
    rollups.pair(ago(3), SEARCH, DE, 30, bounces=15)
    rollups.pair(ago(3), MAIL, DE, 10)
    rollups.pair(ago(2), SEARCH, DE, 20)
    rollups.pair(ago(2), NONE, FR, 8)

    def stats(by: str, *filters: str, last: int = 1, **given: Any) -> dict[str, Any]:
        return reports.stats(Query.of(rollups.site.key, ago(4), ago(last), by, filters, **given))

    return stats


def visitors(answer: dict[str, Any]) -> dict[str, int]:
    return {row["value"]: row["visitors"] for row in answer["rows"]}


def test_a_value_keeps_those_of_the_other_dimension_from_both_sides(ask: Any) -> None:
    answer = ask("channel", "country==DE")
    assert visitors(answer) == {"Search": 50, "Email": 10}
    assert answer["totals"]["visitors"] == 280, "of what is kept, also where nobody counted the pair"
    assert visitors(ask("country", "channel==Search")) == {"DE": 50}
    assert visitors(ask("channel", "country==DE|FR")) == {"Search": 50, "Email": 10, "": 8}
    assert visitors(ask("channel", "country!=DE")) == {"": 8}
    assert visitors(ask("channel", "country==DE", limit=1)) == {"Search": 50}
    assert [row["value"] for row in ask("channel", "country==DE", order="bounce_rate")["rows"]] == ["Search", "Email"]


def test_rows_are_of_both_dimensions(ask: Any, ago: Any) -> None:
    answer = ask("channel,country")
    assert (answer["by"], answer["totals"]["visitors"]) == ("channel,country", 400)
    cells = [(row["value"], row["by_value"], row["visitors"]) for row in answer["rows"]]
    assert cells == [("Search", "DE", 50), ("Email", "DE", 10), ("", "FR", 8)]
    assert [row["not_shown_days"] for row in answer["rows"]] == [2, 3, 3]
    flipped = [(row["value"], row["by_value"]) for row in ask("country, channel", limit=2, offset=1)["rows"]]
    assert flipped == [("DE", "Email"), ("FR", "")]
    kept = [(row["value"], row["by_value"]) for row in ask("country,channel", "channel==Email")["rows"]]
    assert kept == [("DE", "Email")]
    assert [row["by_value"] for row in ask("channel,country", "channel==Email")["rows"]] == ["DE"]


def test_it_says_since_when_and_how_sure(ask: Any, ago: Any) -> None:
    answer = ask("channel", "country==DE")
    row = answer["rows"][0]
    assert row["counted_since"] == ago(3).isoformat()
    assert (row["certainty"], row["not_shown_days"], row["of_days"]) == ("at least", 2, 4)
    assert answer["rows"][1]["not_shown_days"] == 3
    assert SINCE in answer["notes"]
    assert row["bounce_rate"] == 30.0
    assert {*row} - {"value", "certainty", "flags", "not_shown_days", "of_days", "counted_since"} == {*TOLD}


def test_with_k_1_what_all_days_counted_is_exact(reports: Reports, rollups: Any, ago: Any) -> None:
    for days in (3, 2):
        rollups.cell(ago(days), visitors=9, released=True)
        rollups.release(ago(days), k=1, pairs=[CHANNEL])
    rollups.pair(ago(3), SEARCH, DE, 1)
    (row,) = reports.stats(Query.of(rollups.site.key, ago(3), ago(2), "channel", ["country==DE"]))["rows"]
    assert (row["certainty"], row["visitors"], row["counted_since"]) == ("exact", 1, None)


def test_what_nobody_counts_is_refused_with_what_would(reports: Reports, rollups: Any, ago: Any) -> None:
    rollups.cell(ago(2), visitors=100, released=True)
    rollups.release(ago(2))
    site = structs.replace(rollups.site, pairs=("device x country",))
    few = Reports(rollups.store, [site], clock=NOW.timestamp)
    with pytest.raises(BadQuery, match='pairs = \\["device x country", "channel x country"\\]') as refused:
        few.stats(Query.of(site.key, ago(2), ago(2), "channel", ["country==DE"]))
    assert refused.value.code is Code.NOT_CROSSED
    assert "with country are counted device" in str(refused.value)
    # What the site has as a pair is a question, though no day has counted it yet.
    assert reports.stats(Query.of(site.key, ago(2), ago(2), "channel", ["country==DE"]))["rows"] == []
    assert CHANNEL in DEFAULT_PAIRS


@pytest.mark.parametrize(
    ("by", "filters", "given", "code"),
    [
        ("page", ["country==DE"], {}, Code.NOT_CROSSED),
        ("channel", ["page==/"], {}, Code.NOT_CROSSED),
        ("channel", ["country==DE", "device==mobile"], {}, Code.NOT_CROSSED),
        ("channel", ["country==DE", "channel==Email"], {}, Code.NOT_CROSSED),
        ("channel", ["country==DE"], {"metrics": ["events"]}, Code.NOT_KEPT),
        ("channel", ["country==DE"], {"order": "events"}, Code.NOT_KEPT),
        ("channel,country", [], {"order": "events"}, Code.NOT_KEPT),
        ("channel,country", ["device==mobile"], {}, Code.NOT_CROSSED),
        ("channel,country", ["goal==Signup"], {}, Code.NOT_CROSSED),
        ("channel,country,device", [], {}, Code.NOT_CROSSED),
        ("channel,channel", [], {}, Code.NOT_CROSSED),
        ("channel,page", [], {}, Code.NOT_CROSSED),
        ("vital,source", [], {}, Code.NOT_KEPT),
        ("channel,country", [], {"segment": "Phones"}, Code.NOT_CROSSED),
    ],
)
def test_others_are_refused(ask: Any, by: str, filters: list[str], given: Any, code: Code) -> None:
    with pytest.raises(BadQuery) as refused:
        ask(by, *filters, **given)
    assert refused.value.code is code


def test_a_click_keeps_a_value_and_every_card_that_a_pair_answers(
    ask: Any, client: Any, reports: Reports, rollups: Any, ago: Any
) -> None:
    period = f"period=custom&from={ago(4)}&to={ago(1)}"
    whole = client.get(f"/sites/{rollups.site.key}?{period}").text
    assert f'href="?period=custom&amp;from={ago(4)}&amp;to={ago(1)}&amp;filter=country%3D%3DDE"' in whole
    page = client.get(f"/sites/{rollups.site.key}?{period}&filter=country==DE").text
    assert "Country is Germany" in page
    # Of a card the table that answers is in front.
    assert 'id="sources-channel" checked' in page
    assert 'id="sources-channel" checked' not in whole
    assert ">Search</a>" in page
    overview = reports.overview(rollups.site, Period(ago(4), ago(1), ""), filters=(Filter.parse("country==DE"),))
    assert [(cell.value, cell.visitors) for cell in overview.tables["channel"]] == [("Search", 50), ("Email", 10)]
    assert "channel" not in overview.unanswered
    assert {"device", "page", "language"} <= {*overview.unanswered}
    table = client.get(f"/sites/{rollups.site.key}/by/channel?{period}&filter=country==DE").text
    assert "Search" in table
    answer = client.get(f"/api/sites/{rollups.site.key}/stats?{period}&by=channel&filter=country==DE").json()
    assert visitors(answer) == {"Search": 50, "Email": 10}
    csv = client.get(f"/api/sites/{rollups.site.key}/stats.csv?{period}&by=channel&filter=country==DE").text
    assert csv.splitlines()[1].startswith("Search,50")


def test_acquisition_keeps_a_value_where_a_pair_answers_and_says_where_none_does(
    ask: Any, client: Any, rollups: Any, ago: Any
) -> None:
    days = f"period=custom&from={ago(4)}&to={ago(1)}"
    page = opened(client, f"/sites/{rollups.site.key}/acquisition?{days}&filter=country==DE")
    told = card(page, "channel")
    assert re.search(r"Search (≥ )?50\b", told), told
    assert re.search(r"Email (≥ )?10\b", told), told
    assert "Direct" not in told, "it is of France"
    assert "Not counted together with country" in card(page, "week")
    # Its CSV, and the table in full, are of the same visits.
    csv = next(unescape(one) for one in re.findall(r'<a href="(/api[^"]*)" download>CSV', page) if "/channel." in one)
    rows = client.get(csv).text.splitlines()
    assert [one.split(",")[0] for one in rows[1:]] == ["Search", "Email"]
    # Of another value its own.
    told = card(opened(client, f"/sites/{rollups.site.key}/acquisition?{days}&filter=country==FR"), "channel")
    assert re.search(r"(≥ )?8\b", told), told
    assert "Search" not in told


def test_a_goal_is_told_of_each_row_of_what_is_kept(ask: Any, rollups: Any, ago: Any) -> None:
    """Counted from the third day on."""
    rollups.release(ago(2), pairs=[CHANNEL], columns={PAIR_GOALS.name: ["goal"]})
    rollups.goal(ago(2), "Signup", 9, 9, released=True)
    rollups.reached(ago(2), SEARCH, DE, "Signup", 5, 1999)
    rollups.reached(ago(2), NONE, FR, "Signup", 6)
    rollups.reached(ago(2), SEARCH, DE, "Other", 7)
    answer = ask("channel", "country==DE", "goal==Signup")
    [row] = answer["rows"]
    assert answer["totals"]["visitors"] == 280
    assert (row["value"], row["visitors"], row["conversions"], row["of_visitors"]) == ("Search", 5, 5, 50)
    assert (row["conversion_rate"], row["certainty"], row["counted_since"]) == (10.0, "at least", ago(2).isoformat())
    assert [(one["currency"], one["value"], one["payers"]) for one in row["revenue"]] == [("EUR", "19.99", 5)]
    both = ask("channel", "country==DE|FR", "goal==Signup")["rows"]
    assert [(one["value"], one["visitors"]) for one in both] == [("", 6), ("Search", 5)]
    assert [one["value"] for one in ask("country", "channel==Search", "goal==Signup")["rows"]] == ["DE"]
    assert ask("channel", "country==FR", "goal==Purchase")["rows"] == []
