"""Rules of Reports.stats: the numbers that `footfall stats` prints."""

from __future__ import annotations

import datetime as dt
import json
import math
import random
import threading
from collections.abc import Callable
from typing import Any

import pytest

from dashboards.stats.notes import TOO_FEW, TOO_FEW_BEHIND
from dashboards.stats.period import Period
from dashboards.stats.query import Query
from dashboards.stats.refused import BadQuery
from dashboards.stats.report import Reports
from schema.store import Store

pytestmark = pytest.mark.clickhouse
Ago = Callable[[int], dt.date]


@pytest.fixture
def ask(reports: Reports, rollups: Any, ago: Ago) -> Callable[..., dict[str, Any]]:
    def stats(by: str = "", *filters: str, days: int = 7, **more: Any) -> dict[str, Any]:
        return reports.stats(Query.of(rollups.site.key, ago(days - 1), ago(0), by, filters, **more))

    return stats


@pytest.mark.parametrize("how", ["stats", "page", "an open page"])
def test_a_site_is_watched_while_somebody_asks_about_it(
    ask: Any, reports: Reports, rollups: Any, today: dt.date, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    period = Period(today, today, "")
    assert reports.watched() == frozenset()
    if how == "stats":
        ask("page")
    elif how == "page":
        reports.overview(rollups.site, period)
    else:
        reports.version(rollups.site, period)
    assert reports.watched() == {rollups.site.key}
    monkeypatch.setattr("dashboards.stats.watched.WATCHED_S", 0.0)
    assert reports.watched() == frozenset()


def test_the_answer_has_exactly_the_promised_shape(ask: Any, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=40, visits=50, pageviews=100, entries=50, bounces=20, visit_seconds=3000)
    rollups.cell(ago(1), "page", "/", visitors=30, pageviews=60)
    answer = json.loads(json.dumps(ask("page")))
    assert list(answer)[:5] == ["site", "from", "to", "totals", "rows"]
    assert (answer["site"], answer["from"], answer["to"]) == (rollups.site.key, "2031-06-12", "2031-06-18")
    assert list(answer["totals"])[:5] == ["visitors", "visits", "pageviews", "bounce_rate", "visit_duration"]
    assert answer["totals"] == {
        "visitors": 40,
        "visits": 50,
        "pageviews": 100,
        "bounce_rate": 40.0,
        "visit_duration": 60.0,
        "events": 40,
        "views_per_visit": 2.0,
    }
    assert list(answer["rows"][0])[:4] == ["value", "visitors", "visits", "pageviews"]


def test_n1_a_day_released_before_contributors_were_counted_has_the_rates_that_it_had(
    ask: Any, rollups: Any, ago: Ago
) -> None:
    """Its rows have nothing in the columns that came later: those follow from what is there."""
    rollups.cell(ago(1), "page", "/", visitors=30, visits=40, pageviews=60, exits=15, engaged_ms=80_000, released=True)
    rollups.release(ago(1))
    ((row,),) = [ask("page")["rows"]]
    assert (row["exit_rate"], row["time_on_page"]) == (25.0, 2.0)


def test_n1_what_is_left_out_is_null_and_the_answer_says_why(ask: Any, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), "page", "/", visitors=30, entries=0, exit_views=0, timed_visits=0)
    answer = ask("page")
    assert [answer["rows"][0][name] for name in ("bounce_rate", "visit_duration", "exit_rate")] == [None] * 3
    assert TOO_FEW_BEHIND.format(5) in answer["notes"]


def test_n1_exits_are_at_least_so_many_where_some_days_have_too_few(ask: Any, rollups: Any, ago: Ago) -> None:
    for number, pages in ((1, {"/a": 9, "/b": 8, "/c": 0}), (2, {"/a": 7, "/b": 0, "/c": 0})):
        rollups.cell(ago(number), visitors=60)
        for page, exits in pages.items():
            views = {"pageviews": 30, "exit_views": 30 if exits else 0}
            rollups.cell(ago(number), "page", page, visitors=20, exits=exits, **views)
    rows = {row["value"]: row for row in ask("page", days=3)["rows"]}
    told = {
        page: (row["exits"], row["exit_rate"], row["certainty"], row["exits_certainty"]) for page, row in rows.items()
    }
    assert told == {
        "/a": (16, 26.7, "exact", "exact"),
        "/b": (8, 26.7, "exact", "at least"),
        "/c": (None, None, "exact", "at least"),
    }
    assert [row["value"] for row in ask("page", days=3, order="exits")["rows"]] == ["/a", "/b", "/c"]
    assert "exits_certainty" not in ask("page", days=3, metrics=["exit_rate"])["rows"][0]


def test_without_rows_counts_are_zero_and_rates_are_null(ask: Any) -> None:
    answer = ask()
    assert answer["totals"]["visitors"] == 0
    assert answer["totals"]["bounce_rate"] is None
    assert answer["rows"] == []


def test_a_released_day_is_read_from_the_release_and_an_open_one_from_the_open_rows(
    ask: Any, rollups: Any, ago: Ago
) -> None:
    rollups.cell(ago(2), visitors=10, released=True)
    rollups.cell(ago(2), visitors=999)
    rollups.release(ago(2))
    rollups.cell(ago(1), visitors=20)
    rollups.cell(ago(1), visitors=999, released=True)  # written, but its manifest is not: the release did not finish
    assert ask()["totals"]["visitors"] == 30


def test_one_answer_to_several_questions_knows_of_no_release_in_between(
    reports: Reports, rollups: Any, ago: Ago
) -> None:
    rollups.cell(ago(1), visitors=10)
    rollups.cell(ago(1), visitors=20, released=True)
    query = Query.of(rollups.site.key, ago(1), ago(1))
    one = reports.at_one_moment()
    assert one.stats(query)["totals"]["visitors"] == 10
    rollups.release(ago(1))
    assert one.stats(query)["totals"]["visitors"] == 10
    assert (
        reports.stats(query)["totals"]["visitors"] == reports.at_one_moment().stats(query)["totals"]["visitors"] == 20
    )


def test_rows_are_in_order_of_visitors_then_value(ask: Any, rollups: Any, ago: Ago) -> None:
    for value, visitors in (("/b", 7), ("/a", 7), ("/c", 9)):
        rollups.cell(ago(1), "page", value, visitors=visitors)
    assert [row["value"] for row in ask("page")["rows"]] == ["/c", "/a", "/b"]
    assert [row["value"] for row in ask("page", limit=1)["rows"]] == ["/c"]


def test_with_filters_the_totals_are_those_of_the_matching_rows(ask: Any, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=100)
    for value, visitors in (("/blog/a", 10), ("/BLOG/b", 20), ("/x", 30), ("(other)", 8)):
        rollups.cell(ago(1), "page", value, visitors=visitors)
    assert ask("page")["totals"]["visitors"] == 100
    assert ask("page", "page~blog")["totals"]["visitors"] == 30
    assert ask("page", "page==/x|/blog/a")["totals"]["visitors"] == 40
    assert ask("page", "page!=/x")["totals"]["visitors"] == 38
    assert ask("page", "page!~blog")["totals"]["visitors"] == 30
    assert ask("page", "page~other")["totals"]["visitors"] == 0
    assert any("sums over values" in note for note in ask("", "page~blog")["notes"])


def test_a_hostile_value_finds_only_itself(ask: Any, rollups: Any, ago: Ago) -> None:
    hostile = "/x' OR '1'='1\\"
    rollups.cell(ago(1), "page", hostile, visitors=7)
    rollups.cell(ago(1), "page", "/other", visitors=9)
    assert [row["value"] for row in ask("page", f"page=={hostile}")["rows"]] == [hostile]


def test_days_come_in_order_and_can_be_filtered(ask: Any, rollups: Any, ago: Ago) -> None:
    for days, visitors in ((2, 50), (1, 10)):
        rollups.cell(ago(days), visitors=visitors)
        rollups.cell(ago(days), "country", "DE", visitors=visitors - 3)
    assert [(r["value"], r["visitors"]) for r in ask("day")["rows"]] == [("2031-06-16", 50), ("2031-06-17", 10)]
    assert [r["visitors"] for r in ask("day", "country==DE")["rows"]] == [47, 7]


def test_weeks_and_months_are_their_days_together(ask: Any, rollups: Any, ago: Ago) -> None:
    # 18 June 2031 is a Wednesday.
    for back, people in ((0, 10), (1, 20), (2, 30), (3, 40), (10, 50), (20, 60)):
        rollups.cell(ago(back), visitors=people, visits=people + 1, bounces=people // 2, entries=people)
        rollups.cell(ago(back), "country", "DE", visitors=people - 5, entries=people)
    rollups.release(ago(4), rows=0)
    weeks = ask("week", days=30)["rows"]
    told = [(row["value"], row["visitors"], row["bounce_rate"]) for row in weeks]
    assert told == [
        ("2031-05-26", 60, 50.0),
        ("2031-06-02", 50, 50.0),
        ("2031-06-09", 40, 50.0),
        ("2031-06-16", 60, 50.0),
    ]
    # Of the 14th fewer than five came.
    assert [(row["certainty"], row["not_shown_days"], row["of_days"]) for row in weeks][2:] == [
        ("at least", 1, 2),
        ("exact", 0, 3),
    ]
    assert [(row["value"], row["visitors"]) for row in ask("month", days=30)["rows"]] == [
        ("2031-05-01", 60),
        ("2031-06-01", 150),
    ]
    # The first week begins with the period.
    assert [row["value"] for row in ask("week", days=4)["rows"]] == ["2031-06-15", "2031-06-16"]
    assert [row["visitors"] for row in ask("week", "country==DE", days=4)["rows"]] == [35, 45]


def test_filtered_days_of_which_something_may_be_folded_say_so(ask: Any, rollups: Any, ago: Ago) -> None:
    for back in (0, 1):
        rollups.cell(ago(back), visitors=100)
        for country, people in (("DE", 50), ("(other)", 10), *([("AT", 40)] if back else [])):
            rollups.cell(ago(back), "country", country, visitors=people)
    both = ask("day", "country==DE|AT")["rows"]
    assert [(row["visitors"], row["certainty"]) for row in both] == [(90, "at least"), (50, "at least")]
    assert [row["certainty"] for row in ask("day", "country==DE")["rows"]] == ["exact", "exact"]
    assert ask("week", "country==AT")["rows"][0] == {
        **ask("day", "country==AT")["rows"][0],
        "value": "2031-06-16",
        "certainty": "at least",
        "flags": ["not_shown"],
        "not_shown_days": 1,
        "of_days": 2,
    }


def test_values_are_found_by_a_pattern(ask: Any, rollups: Any, ago: Ago) -> None:
    for page, people in (("/blog/1", 10), ("/blog/x", 20), ("/Blog/2", 30), ("(other)", 40)):
        rollups.cell(ago(1), "page", page, visitors=people)
    assert [row["value"] for row in ask("page", r"page=~^/blog/\d+$")["rows"]] == ["/blog/1"]
    assert [row["value"] for row in ask("page", "page=!~^/blog/")["rows"]] == ["/Blog/2"]
    assert [row["value"] for row in ask("page", "page=~(?i)^/blog/[12]")["rows"]] == ["/Blog/2", "/blog/1"]
    assert ask("", "page=~/blog/")["totals"]["visitors"] == 30


def test_rows_come_a_page_at_a_time(ask: Any, rollups: Any, ago: Ago) -> None:
    with rollups.together():
        for number in range(7):
            rollups.cell(ago(1), "page", f"/{number}", visitors=50 - number)
        rollups.cell(ago(1), "page", "(other)", visitors=5)
        for number in range(3):
            rollups.goal(ago(1), f"goal {number}", 10 - number, 10)
    found = [[row["value"] for row in ask("page", limit=3, offset=at)["rows"]] for at in (0, 3, 6)]
    # What is folded is besides.
    assert found == [["/0", "/1", "/2", "(other)"], ["/3", "/4", "/5", "(other)"], ["/6", "(other)"]]
    assert [row["value"] for row in ask("goal", limit=1, offset=2)["rows"]] == ["goal 2"]


def test_hours_are_told_in_the_sites_own_time(ask: Any, rollups: Any, today: dt.date) -> None:
    rollups.hour(today, 9, visitors=12)
    rollups.hour(today, 0, folded=True, visitors=6)
    assert [(row["value"], row["visitors"]) for row in ask("hour", days=1)["rows"]] == [
        ("(other)", 6),
        ("2031-06-18T09:00+02:00", 12),
    ]


def test_goals_have_rates_and_revenue_by_currency(ask: Any, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=200)
    rollups.cell(ago(1), "country", "DE", visitors=50)
    rollups.goal(ago(1), "Signup", 10, 12)
    rollups.goal(ago(1), "Purchase", 30, 31)
    rollups.goal(ago(1), "Purchase", 5, 5, dimension="country", value="DE")
    rollups.revenue(ago(1), "Purchase", "EUR", 123_450, 8)
    rollups.revenue(ago(1), "Purchase", "JPY", 9000, 5)
    purchase, signup = ask("goal")["rows"]
    of = {"of_payers": 30, "orders": None, "of_orders": 31, "certainty": "at least"}
    assert purchase == {
        "value": "Purchase",
        "visitors": 30,
        "conversions": 31,
        "conversion_rate": 15.0,
        "of_visitors": 200,
        "low": 10.71,
        "high": 20.61,
        "revenue": [
            {"currency": "EUR", "amount": 123_450, "value": "1234.50", "payers": 8, **of},
            {"currency": "JPY", "amount": 9000, "value": "9000", "payers": 5, **of},
        ],
        "certainty": "exact",
        "flags": [],
        "not_shown_days": 0,
        "of_days": 1,
        "counted_since": None,
    }
    assert (signup["visitors"], signup["conversion_rate"], signup["revenue"]) == (10, 5.0, [])
    assert [row["conversion_rate"] for row in ask("goal", "country==DE")["rows"]] == [10.0]
    assert [row["value"] for row in ask("goal", "goal==Signup")["rows"]] == ["Signup"]


def test_a_goal_is_told_of_each_value_with_the_rate_of_its_people(ask: Any, rollups: Any, ago: Ago) -> None:
    for back, released in ((1, True), (2, False)):
        rollups.cell(ago(back), visitors=100, released=released)
        for source, people, who in (("Google", 50, 10), ("Bing", 40, 6), ("(other)", 10, 5)):
            rollups.cell(ago(back), "source", source, visitors=people, released=released)
            key = {"dimension": "source", "value": source}
            rollups.goal(ago(back), "Signup", who, who + 1, released, **key)
            rollups.goal(ago(back), "Purchase", who - 1, who, released, **key)
    rollups.release(ago(1))
    rollups.cell(ago(2), "source", "News", visitors=40)
    rollups.goal(ago(2), "Signup", 8, 8, dimension="source", value="News")
    told = ask("source", "goal==Signup")
    assert told["totals"]["visitors"] == 200
    rows = [(row["value"], row["visitors"], row["conversions"], row["conversion_rate"]) for row in told["rows"]]
    assert rows == [("Google", 20, 22, 20.0), ("Bing", 12, 14, 15.0), ("News", 8, 8, 20.0), ("(other)", 10, 12, None)]
    # Each is what by=goal tells of the value alone, and how sure it is.
    for row in told["rows"][:3]:
        (alone,) = ask("goal", f"source=={row['value']}", "goal==Signup")["rows"]
        same = ("visitors", "conversions", "conversion_rate", "not_shown_days", "of_days")
        assert {name: row[name] for name in same} == {name: alone[name] for name in same}
    assert [(row["certainty"], row["not_shown_days"]) for row in told["rows"][:3]] == [
        ("exact", 0),
        ("exact", 0),
        ("at least", 1),
    ]
    assert [row["value"] for row in ask("source", "goal==Signup", "source~ing")["rows"]] == ["Bing"]
    assert [row["value"] for row in ask("source", "goal==Signup", limit=1, offset=1)["rows"]] == ["Bing"]
    with pytest.raises(BadQuery, match="the goal 'Nothing' is not one of this site's: there are Signup, Purchase"):
        ask("source", "goal==Nothing")


def test_a_value_that_no_visit_can_have_is_said_to_be_none(ask: Any, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=9)
    for wanted, said in (
        (
            "country==Germany",
            "No visit has a country that is written like this: write two capital letters, such as DE.",
        ),
        ("country!=DE|de", "No visit has a country that is written like this"),
        ("device==Mobile", "write desktop, mobile, tablet or tv"),
        ("language==German", "write its code, such as de"),
        ("country==DE|AT", ""),
        ("country==", ""),
        ("country==(other)", ""),
        ("country~Germany", ""),
        ("source==Germany", ""),
    ):
        notes = [note for note in ask("", wanted)["notes"] if note.startswith("No visit has")]
        assert len(notes) == bool(said), wanted
        assert all(said in note for note in notes), wanted


def test_a_vitals_percentiles_are_within_two_percent_over_several_days_and_of_k_people(
    ask: Any, rollups: Any, ago: Ago
) -> None:
    dice = random.Random(3)
    values = [math.exp(dice.gauss(7.6, 0.6)) for _ in range(300)]
    rollups.vital(ago(2), "lcp", values[:120], people=60)
    rollups.vital(ago(1), "lcp", values[120:], people=90)
    rollups.vital(ago(1), "cls", [0.02, 0.04, 0.05, 0.3], people=5)
    lcp, cls = ask("vital")["rows"]
    true = sorted(values)[math.ceil(0.75 * len(values)) - 1]
    assert lcp["p75"] == pytest.approx(true, rel=0.0201)
    assert cls["p75"] == pytest.approx(0.05, rel=0.0201)
    for name, share in (("p50", 0.5), ("p90", 0.9)):
        assert lcp[name] == pytest.approx(sorted(values)[math.ceil(share * len(values)) - 1], rel=0.0201)
    # Beyond it are 1.5 of 150 people; of 5 nothing but what k were measured for.
    assert (lcp["p99"], cls["p50"], cls["p90"], cls["p99"]) == (None, None, None, None)
    assert (lcp["visitors"], lcp["samples"], cls["visitors"]) == (150, 300, 5)
    assert lcp["good"] == pytest.approx(100 * sum(v <= 2500 for v in values) / 300, abs=0.1)
    assert lcp["poor"] == pytest.approx(100 * sum(v > 4000 for v in values) / 300, abs=0.1)
    assert (cls["rating"], cls["good"], cls["poor"]) == ("good", 75.0, 25.0)


def test_vitals_of_each_day_are_those_of_that_day_alone(ask: Any, reports: Reports, rollups: Any, ago: Ago) -> None:
    first, second = [float(value) for value in range(1000, 1100)], [float(value) for value in range(4100, 4150)]
    rollups.vital(ago(2), "lcp", first, people=60)
    rollups.vital(ago(1), "lcp", second, people=20)
    rollups.vital(ago(1), "lcp", [900.0] * 8, people=7, dimension="page", value="/a")
    rollups.vital(ago(2), "cls", [0.02] * 6, people=6)
    rows = ask("vital_day")["rows"]
    days = [ago(days).isoformat() for days in (2, 1)]
    assert [(row["vital"], row["value"]) for row in rows] == [("lcp", days[0]), ("lcp", days[1]), ("cls", days[0])]
    assert [row["samples"] for row in rows] == [100, 50, 6]
    assert [row["p75"] for row in rows[:2]] == [
        pytest.approx(values[math.ceil(0.75 * len(values)) - 1], rel=0.0201) for values in (first, second)
    ]
    # What a day alone is asked for is the same, and p90 needs 10 k people on that day.
    for row, days_ago in zip(rows, (2, 1, 2), strict=True):
        day = ago(days_ago)
        (alone,) = (
            one
            for one in reports.stats(Query.of(rollups.site.key, day, day, "vital"))["rows"]
            if one["value"] == row["vital"]
        )
        assert {**row, "value": row["vital"]} == {**alone, "vital": row["vital"]}
    assert [row["p90"] is None for row in rows] == [False, True, True]
    (of_page,) = ask("vital_day", "page==/a", limit=1)["rows"]
    assert (of_page["value"], of_page["samples"]) == (days[1], 8)
    assert [row["vital"] for row in ask("vital_day", "vital==cls")["rows"]] == ["cls"]


def test_days_too_small_to_show_are_named(ask: Any, rollups: Any, ago: Ago) -> None:
    rollups.release(ago(3), k=10, rows=0)
    rollups.cell(ago(2), visitors=20, released=True)
    rollups.release(ago(2), k=10)
    answer = ask("day")
    assert (answer["suppressed_days"], answer["k"]) == (["2031-06-15"], 10)
    assert [row["value"] for row in answer["rows"]] == ["2031-06-16"]


def test_several_days_are_labelled_as_a_sum_of_days(ask: Any) -> None:
    assert any("sum of each day" in note for note in ask()["notes"])
    assert not any("sum of each day" in note for note in ask(days=1)["notes"])


def test_a_day_with_too_few_people_to_be_shown_is_not_told_as_an_empty_one(ask: Any, rollups: Any, ago: Ago) -> None:
    assert ask(days=1)["notes"] == [TOO_FEW.format("5 visitors")]
    rollups.cell(ago(0), visitors=9)
    assert ask(days=1)["notes"] == []


def test_metrics_can_be_chosen(ask: Any, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), "page", "/", visitors=30)
    assert list(ask("page", metrics=["pageviews", "exit_rate"])["rows"][0]) == [
        "value",
        "visitors",
        "pageviews",
        "exit_rate",
        "certainty",
        "flags",
        "not_shown_days",
        "of_days",
    ]


def test_rows_come_by_the_metric_that_is_asked_for(ask: Any, rollups: Any, ago: Ago) -> None:
    """On open days and closed ones; what is undefined comes after all that is not, what is folded last."""
    for days, released in ((1, False), (2, True), (3, True)):
        rollups.cell(ago(days), visitors=100, released=released)
        for value, people, views, exits in (
            ("/a", 30, 60, 6),
            ("/b", 20, 90, 30),
            ("/c", 9, 0, 0),
            ("(other)", 6, 9, 9),
        ):
            sums = {"visitors": people, "pageviews": views, "exits": exits, "exit_views": views}
            rollups.cell(ago(days), "page", value, released=released, **sums)
        if released:
            rollups.release(ago(days))
    orders = {
        "visitors": ["/a", "/b", "/c", "(other)"],
        "pageviews": ["/b", "/a", "/c", "(other)"],
        "exit_rate": ["/b", "/a", "/c", "(other)"],
    }
    for order, values in orders.items():
        assert [row["value"] for row in ask("page", order=order)["rows"]] == values, order
    assert [row["value"] for row in ask("page", order="exit_rate", limit=1)["rows"]] == ["/b", "(other)"]
    with pytest.raises(BadQuery, match=r"by='sauce' is not known: did you mean source\? allowed are source, "):
        ask("sauce")
    with pytest.raises(BadQuery, match=r"there is no dimension 'contry': did you mean country\? there are source, "):
        ask("page", "contry==DE")
    with pytest.raises(BadQuery, match="metric 'beauty' is not known: allowed are visitors"):
        ask("page", order="beauty")


def test_an_answer_can_be_compared_with_the_days_before(ask: Any, reports: Reports, rollups: Any, ago: Ago) -> None:
    """As the page is, and only then."""
    for days in range(1, 15):
        rollups.cell(ago(days), visitors=20 if days < 8 else 10, released=True)
        rollups.release(ago(days))
    query = Query.of(rollups.site.key, ago(7), ago(1), "day", compare=True)
    answer = reports.stats(query)
    told = answer["comparison"]
    assert (told["from"], told["to"], told["change"]["visitors"]) == ("2031-06-04", "2031-06-10", 100.0)
    assert (len(answer["rows"]), answer["totals"]["visitors"]) == (7, 140)
    shown = reports.overview(rollups.site, query.period).comparison
    assert (shown.change, shown.days, shown.why) == (told["change"], told["days"], told["why"])
    assert "comparison" not in ask("day")


def test_a_command_that_asks_leaves_no_thread_and_no_client(store: Store, rollups: Any, ago: Ago) -> None:
    """It has reports of its own each time."""
    rollups.cell(ago(1), "page", "/", visitors=30)
    query = Query.of(rollups.site.key, ago(7), ago(0), "goal", ["page==/"])

    def left() -> tuple[int, int]:
        Reports(store, [rollups.site]).stats(query)
        return threading.active_count(), len(store._opened)

    assert left() == left()


def test_an_unknown_site_is_refused(reports: Reports, today: dt.date) -> None:
    with pytest.raises(BadQuery, match="site 'nowhere' is not known"):
        reports.stats(Query.of("nowhere", today, today))
