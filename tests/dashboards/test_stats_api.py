"""The Stats API v2 with hand-made figures: every metric, dimension, filter form, period, order and inclusion."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec import structs

from dashboards.stats.report import Reports
from dashboards.stats_api import request
from dashboards.stats_api.answer import QueryAnswer
from dashboards.stats_api.endpoint import answer
from dashboards.stats_api.names import dimension_called, dimension_names
from schema.dimensions import DIMENSIONS
from schema.segment import Segment

pytestmark = pytest.mark.clickhouse
Ago = Callable[[int], dt.date]
Ask = Callable[..., Any]


@pytest.fixture
def ask(reports: Reports, rollups: Any) -> Ask:
    """The answer as JSON has it, by a question's parts; of the last seven days and today unless it says otherwise."""

    def asked(*metrics: str, **question: Any) -> Any:
        given = {"site_id": rollups.site.key, "metrics": list(metrics), "date_range": ["2031-06-11", "2031-06-18"]}
        told = answer(reports, rollups.site, request.of(given | question))
        return msgspec.json.decode(msgspec.json.encode(told))

    return asked


@pytest.fixture
def rows(ask: Ask) -> Ask:
    """Just the rows, as (values of dimensions …, numbers …)."""

    def asked(*metrics: str, **question: Any) -> list[tuple[Any, ...]]:
        told = ask(*metrics, **question)
        assert "results" in told, told
        return [(*row["dimensions"], *row["metrics"]) for row in told["results"]]

    return asked


@pytest.fixture
def refused(ask: Ask) -> Ask:
    """(code, text, nearest) of a question that has no answer."""

    def asked(*metrics: str, **question: Any) -> tuple[str, str, Any]:
        told = ask(*(metrics or ("visitors",)), **question)
        assert "error" in told, told
        return told["code"], told["error"], told.get("nearest")

    return asked


def put_two_days(rollups: Any, ago: Ago) -> None:
    """Yesterday and the day before of a site, as one would count them on paper."""
    with rollups.together():
        rollups.cell(
            ago(1), visitors=40, visits=50, pageviews=100, events=120, entries=50, bounces=20, visit_seconds=3000
        )
        rollups.cell(ago(2), visitors=10, visits=10, pageviews=20, events=20, entries=10, bounces=5, visit_seconds=615)
        for day, source, people in ((1, "Google", 20), (1, "", 15), (2, "Google", 10), (1, "Bing", 5)):
            rollups.cell(ago(day), "source", source, visitors=people, visits=people + 1, bounces=5, entries=people)


# -- metrics -----------------------------------------------------------------------------------------------------------


def test_numbers_of_the_whole_site(rows: Ask, rollups: Any, ago: Ago) -> None:
    put_two_days(rollups, ago)
    metrics = ("visitors", "visits", "pageviews", "events", "views_per_visit", "bounce_rate", "visit_duration")
    # 120 views of 60 visits; 25 of 60 bounced; 3615 seconds over 60 visits.
    assert rows(*metrics) == [(50, 60, 120, 140, 2.0, 41.7, 60)]
    assert rows("visit_duration", "visitors") == [(60, 50)]


def test_without_data_there_is_one_row_of_nothing(ask: Ask) -> None:
    told = ask("visitors", "bounce_rate")
    assert told["results"] == [{"dimensions": [], "metrics": [0, None]}]
    assert told["meta"]["footfall"]["certainty"] == "exact"


def test_percentage_is_of_all_visitors_that_the_filters_keep(rows: Ask, rollups: Any, ago: Ago) -> None:
    put_two_days(rollups, ago)
    assert rows("visitors", "percentage", dimensions=["visit:source"]) == [
        ("Google", 30, 60.0),
        ("Direct / None", 15, 30.0),
        ("Bing", 5, 10.0),
    ]
    only = {"filters": [["is", "visit:source", ["Google", "Bing"]]]}
    assert rows("percentage", dimensions=["visit:source"], **only) == [("Google", 85.7), ("Bing", 14.3)]
    assert rows("percentage", dimensions=["time:day"]) == [("2031-06-16", 20.0), ("2031-06-17", 80.0)]


def test_numbers_of_pages(rows: Ask, ask: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=100)
    rollups.cell(
        ago(1), "page", "/a", visitors=50, visits=60, pageviews=80, entries=40, bounces=10, visit_seconds=4000,
        engaged_ms=90_000, timed_visits=60, exits=20, exit_views=80,
    )  # fmt: skip
    rollups.cell(ago(1), "page", "/b", visitors=20, pageviews=30)
    for band, visits, depth in ((0, 10, 100), (50, 20, 1_200), (100, 10, 1_000)):
        rollups.band(ago(1), "/a", "scroll", band, visits, depth)
    rollups.band(ago(1), "/a", "time", 0, 40)
    metrics = ("visitors", "pageviews", "bounce_rate", "visit_duration", "time_on_page", "exit_rate", "scroll_depth")
    # 90 s over 60 visits; 20 exits of 80 views; 2,300 percent over 40 visits.
    a = (50, 80, 25.0, 100, 2, 25.0, 58)
    found = rows(*metrics, dimensions=["event:page"])
    assert found[0] == ("/a", *a)
    assert found[1][:3] == ("/b", 20, 30)
    assert found[1][-1] is None
    assert rows(*metrics, filters=[["is", "event:page", ["/a"]]]) == [a]
    assert rows(*metrics, filters=[["contains", "event:page", ["a"]]]) == [a]
    told = ask(*metrics, dimensions=["event:page"])
    assert told["meta"]["metric_warnings"]["bounce_rate"]["code"] == "of_entries"
    # Of a page that nobody saw there is nothing.
    assert rows("visitors", "time_on_page", "scroll_depth", filters=[["is", "event:page", ["/c"]]]) == [(0, None, None)]


def test_who_saw_several_pages_is_not_counted_several_times(rows: Ask, refused: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=30)
    for page in ("/blog/1", "/blog/2"):
        rollups.cell(ago(1), "page", page, visitors=20, pageviews=25, entries=10, bounces=5)
    blog = {"filters": [["contains", "event:page", ["/blog"]]]}
    for metric in ("visitors", "visits", "time_on_page", "scroll_depth"):
        code, text, nearest = refused(metric, **blog)
        assert code == "not_kept"
        assert "one visitor may be in several" in text
        assert nearest["dimensions"] == ["event:page"]
        assert nearest["filters"] == blog["filters"]
    assert refused("visitors", dimensions=["time:day"], **blog)[0] == "not_kept"
    # What each view and each entry is in once can be added up.
    assert rows("pageviews", "bounce_rate", **blog) == [(50, 50.0)]
    assert rows("visitors", dimensions=["event:page"], **blog) == [("/blog/1", 20), ("/blog/2", 20)]
    assert rows("visitors", filters=[["contains", "event:page", ["/blog/1"]]]) == [(20,)]


def test_goals_have_conversions_and_rates(rows: Ask, refused: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=200)
    rollups.cell(ago(1), "country", "DE", visitors=50)
    rollups.goal(ago(1), "Signup", 20, 25)
    rollups.goal(ago(1), "Purchase", 10, 12)
    rollups.goal(ago(1), "Signup", 10, 11, dimension="country", value="DE")
    metrics = ("visitors", "events", "conversion_rate", "group_conversion_rate", "percentage")
    assert rows(*metrics, dimensions=["event:goal"]) == [
        ("Signup", 20, 25, 10.0, 10.0, 10.0),
        ("Purchase", 10, 12, 5.0, 5.0, 5.0),
    ]
    signup = ["is", "event:goal", ["Signup"]]
    assert rows(*metrics[:4], filters=[signup]) == [(20, 25, 10.0, 10.0)]
    # Of those of a country the rate is of the people of that country.
    germany = ["is", "visit:country", ["DE"]]
    assert rows("visitors", "conversion_rate", filters=[signup, germany]) == [(10, 20.0)]
    assert rows("visitors", dimensions=["event:goal"], filters=[["contains", "event:goal", ["urch"]]]) == [
        ("Purchase", 10)
    ]
    assert rows("visitors", "events", dimensions=["time:day"], filters=[signup]) == [("2031-06-17", 20, 25)]
    assert rows("visitors", dimensions=["time:day", "event:goal"]) == [
        ("2031-06-17", "Signup", 20),
        ("2031-06-17", "Purchase", 10),
    ]
    both = {"filters": [["is", "event:goal", ["Signup", "Purchase"]]]}
    assert refused("visitors", **both)[0] == "not_kept"
    assert "'Sign' is not one of this site's" in refused(filters=[["is", "event:goal", ["Sign"]]])[1]
    assert refused("pageviews", dimensions=["event:goal"])[0] == "not_kept"
    assert "conversion_rate is not kept of the whole site" in refused("conversion_rate")[1]


def test_goals_are_told_by_the_values_of_a_dimension(rows: Ask, ask: Ask, refused: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=200)
    for source, people, signups, buyers in (("Google", 100, 20, 5), ("", 50, 10, 0)):
        rollups.cell(ago(1), "source", source, visitors=people)
        rollups.goal(ago(1), "Signup", signups, signups + 2, dimension="source", value=source)
        if buyers:
            rollups.goal(ago(1), "Purchase", buyers, buyers, dimension="source", value=source)
    metrics = ("visitors", "events", "conversion_rate", "group_conversion_rate")
    signup = {"filters": [["is", "event:goal", ["Signup"]]]}
    # Of all 200, and of those of the source.
    assert rows(*metrics, dimensions=["visit:source"], **signup) == [
        ("Google", 20, 22, 10.0, 20.0),
        ("Direct / None", 10, 12, 5.0, 20.0),
    ]
    assert rows("visitors", dimensions=["visit:source"], order_by=[["visitors", "asc"]], **signup)[0][1] == 10
    assert rows(*metrics[:2], dimensions=["event:goal", "visit:source"]) == [
        ("Signup", "Google", 20, 22),
        ("Signup", "Direct / None", 10, 12),
        ("Purchase", "Google", 5, 5),
    ]
    assert rows("visitors", dimensions=["visit:source", "time:day", "event:goal"], **signup) == [
        ("Google", "2031-06-17", "Signup", 20),
        ("Direct / None", "2031-06-17", "Signup", 10),
    ]
    assert refused("pageviews", dimensions=["visit:source"], **signup)[0] == "not_kept"
    both = {"filters": [*signup["filters"], ["is", "visit:country", ["DE"]]]}
    # Of a pair that tells no goal.
    assert rows("visitors", dimensions=["visit:source"], **both) == []
    both["filters"][1] = ["is", "event:page", ["/"]]
    assert refused("visitors", dimensions=["visit:source"], **both)[0] == "not_crossed"


def test_a_goal_that_nobody_reached_is_nothing(ask: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=200)
    rollups.release(ago(1))
    rollups.cell(ago(1), visitors=200, released=True)
    told = ask("visitors", "events", "conversion_rate", filters=[["is", "event:goal", ["Signup"]]])
    assert told["results"] == [{"dimensions": [], "metrics": [0, 0, 0.0]}]
    # Four may have.
    assert told["meta"]["footfall"]["rows"] == [
        {"certainty": "at least", "flags": ["not_shown"], "not_shown_days": 1, "of_days": 1}
    ]
    # So a rate of 0 is no sure one either, though all 200 are told.
    assert (told["meta"]["footfall"]["certainty"], told["meta"]["footfall"]["flags"]) == ("at least", ["not_shown"])


def test_revenue_is_of_one_currency(rows: Ask, ask: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=200)
    rollups.goal(ago(1), "Purchase", 10, 10)
    rollups.revenue(ago(1), "Purchase", "EUR", 1_234_567_89, 10)
    rollups.goal(ago(1), "Signup", 20, 25)
    euros = {"value": 1_234_567.89, "currency": "EUR", "short": "€1.2M", "long": "€1,234,567.89"}
    each = {"value": 123_456.789, "currency": "EUR", "short": "€123.5K", "long": "€123,456.79"}
    told = ask("total_revenue", "average_revenue", dimensions=["event:goal"])
    assert [(row["dimensions"], row["metrics"]) for row in told["results"]] == [
        (["Purchase"], [euros, each]),
        (["Signup"], [None, None]),
    ]
    purchase = {"filters": [["is", "event:goal", ["Purchase"]]]}
    assert rows("total_revenue", **purchase) == [(euros,)]
    assert rows("total_revenue", order_by=[["total_revenue", "asc"]], dimensions=["event:goal"])[0] == (
        "Purchase",
        euros,
    )
    nothing = ask("total_revenue")
    assert nothing["results"] == [{"dimensions": [], "metrics": [None]}]
    assert nothing["meta"]["metric_warnings"]["total_revenue"]["code"] == "no_revenue_goals_matching"
    rollups.revenue(ago(1), "Purchase", "USD", 500, 10)
    several = ask("total_revenue", **purchase)
    assert several["results"] == [{"dimensions": [], "metrics": [None]}]
    assert several["meta"]["metric_warnings"]["total_revenue"]["code"] == "no_single_revenue_currency"


def test_an_average_is_null_where_orders_are_not_known(ask: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=200)
    rollups.goal(ago(1), "Purchase", 10, 12)
    rollups.revenue(ago(1), "Purchase", "EUR", 5_000, 7)
    told = ask("average_revenue", "total_revenue", dimensions=["event:goal"])
    assert told["results"][0]["metrics"] == [
        None,
        {"value": 50.0, "currency": "EUR", "short": "€50.00", "long": "€50.00"},
    ]
    assert told["meta"]["metric_warnings"] == {
        "average_revenue": {
            "code": "orders_not_known",
            "warning": "The average is null where it is not known of how many orders the amount is.",
        }
    }


# -- dimensions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "stored", "called"),
    [
        ("visit:source", "x.example", "x.example"),
        ("visit:country_name", "DE", "Germany"),
        ("visit:region", "DE-BE", "DE-BE"),
    ],
)
def test_the_empty_value_is_a_value(rows: Ask, rollups: Any, ago: Ago, name: str, stored: str, called: str) -> None:
    """Rows and filters of each dimension are in test_stats_api_list.py."""
    dimension = dimension_called(name)
    rollups.cell(ago(1), visitors=100)
    rollups.cell(ago(1), dimension.of, stored, visitors=60, pageviews=70)
    rollups.cell(ago(1), dimension.of, "", visitors=30)
    empty = dimension.label("")
    assert rows("visitors", "pageviews", dimensions=[name]) == [(called, 60, 70), (empty, 30, 30)]
    for value in {"", empty}:
        assert rows("visitors", dimensions=[name], filters=[["is", name, [value]]]) == [(empty, 30)], value
        assert rows("visitors", dimensions=[name], filters=[["is_not", name, [value]]]) == [(called, 60)], value


def test_every_dimension_of_the_registry_has_a_name() -> None:
    assert {dimension_called(name).of for name in dimension_names()} >= set(DIMENSIONS)


def test_the_empty_value_is_called_as_plausible_calls_it() -> None:
    called = {
        name: dimension_called(f"visit:{name}").label("") for name in ("source", "referrer", "utm_term", "country")
    }
    assert called == {"source": "Direct / None", "referrer": "Direct / None", "utm_term": "(not set)", "country": ""}


@pytest.mark.parametrize(
    ("name", "code", "instead"),
    [
        ("visit:city", "not_kept", "visit:city_name"),
        ("visit:region_name", "not_kept", "visit:region"),
        ("visit:entry_page_hostname", "not_kept", "event:hostname"),
        ("visit:exit_page_hostname", "not_kept", "event:hostname"),
        ("time:minute", "not_kept", "time:hour"),
        ("segment", "not_kept", "segment is a filter"),
        ("visit:shoe_size", "unknown_dimension", "is not known: allowed are visit:source"),
        ("source", "unknown_dimension", "did you mean visit:source? allowed are"),
        ("event:props:", "unknown_dimension", "event:props:NAME"),
    ],
)
def test_what_is_not_kept_is_refused_with_what_is(refused: Ask, name: str, code: str, instead: str) -> None:
    told = refused(dimensions=[name])
    assert told[0] == code
    assert instead in told[1]


def test_what_is_folded_is_told_beside_the_rows(ask: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=100)
    rollups.cell(ago(1), "source", "Google", visitors=60)
    rollups.cell(ago(1), "source", "(other)", visitors=40)
    told = ask("visitors", dimensions=["visit:source"])
    assert told["results"] == [{"dimensions": ["Google"], "metrics": [60]}]
    assert told["meta"]["footfall"]["other"] == [{"dimensions": ["(other)"], "metrics": [40]}]
    assert told["meta"]["footfall"]["k"] == 5


def test_properties_are_of_one_event(rows: Ask, refused: Ask, ask: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=100)
    rollups.cell(ago(1), "event", "signup", visitors=40, events=50)
    for value, visitors, events in (("pro", 30, 40), ("free", 10, 10), ("(none)", 5, 5)):
        rollups.of_property(ago(1), "signup", "plan", value, visitors, events)
    rollups.of_property(ago(1), "signup", "plan", "pro", 30, 0, in_currency="EUR", amount=9_000)
    by = {"dimensions": ["event:props:plan"]}
    assert rows("visitors", "events", "percentage", **by) == [
        ("pro", 30, 40, 75.0),
        ("free", 10, 10, 25.0),
        ("(none)", 5, 5, 12.5),
    ]
    signup = ["is", "event:goal", ["Signup"]]
    assert rows("visitors", "conversion_rate", filters=[signup], **by)[0] == ("pro", 30, 30.0)
    assert rows("events", filters=[["is", "event:props:plan", ["pro"]]]) == [(40,)]
    assert rows("visitors", filters=[signup, ["contains", "event:props:plan", ["fr"]]]) == [(10,)]
    assert rows("visitors", filters=[["is_not", "event:props:plan", ["(none)"]]], **by) == [("pro", 30), ("free", 10)]
    assert rows("total_revenue", filters=[["is", "event:props:plan", ["pro"]]])[0][0]["value"] == 90.0
    assert rows("events", dimensions=["time:day", "event:props:plan"])[0] == ("2031-06-17", "pro", 40)
    assert ask("visitors", filters=[["is", "event:props:plan", ["x"]]])["results"][0]["metrics"] == [0]
    # Another event has the property, too: whoever sent both would be two.
    rollups.of_property(ago(1), "login", "plan", "pro", 20, 20)
    code, text, _ = refused("visitors", **by)
    assert code == "not_kept"
    assert "event:props:plan is of several events" in text
    assert rows("visitors", filters=[["is", "event:name", ["login"]]], **by) == [("pro", 20)]
    assert refused("visitors", filters=[["is", "event:props:plan", ["pro"]]])[0] == "not_kept"
    assert refused("visitors", dimensions=["event:props:plan", "event:props:url"])[0] == "not_crossed"
    assert refused("visitors", filters=[["is", "visit:country", ["DE"]]], **by)[0] in ("not_kept", "not_crossed")


# -- time --------------------------------------------------------------------------------------------------------------


def test_rows_by_hour_day_week_and_month(rows: Ask, ask: Ask, rollups: Any, ago: Ago) -> None:
    for back, people in ((1, 40), (2, 10), (17, 5), (18, 7)):
        rollups.cell(ago(back), visitors=people, bounces=people, entries=people)
    rollups.hour(ago(1), 9, visitors=30)
    rollups.hour(ago(1), 15, visitors=12)
    rollups.hour(ago(1), 0, folded=True, visitors=3)
    june = {"date_range": ["2031-05-20", "2031-06-18"]}
    assert rows("visitors", "bounce_rate", dimensions=["time:day"]) == [
        ("2031-06-16", 10, 100.0),
        ("2031-06-17", 40, 100.0),
    ]
    assert rows("visitors", dimensions=["time:week"], **june) == [("2031-05-26", 12), ("2031-06-16", 50)]
    assert rows("visitors", dimensions=["time:month"], **june) == [("2031-05-01", 7), ("2031-06-01", 55)]
    yesterday = {"date_range": ["2031-06-17", "2031-06-17"]}
    assert rows("visitors", dimensions=["time:hour"], **yesterday) == [
        ("2031-06-17 09:00:00", 30),
        ("2031-06-17 15:00:00", 12),
    ]
    assert ask("visitors", dimensions=["time:hour"], **yesterday)["meta"]["footfall"]["other"][0]["metrics"] == [3]


@pytest.mark.parametrize(
    ("date_range", "grain"), [("day", "hour"), ("7d", "day"), ("30d", "day"), ("12mo", "week"), ("400d", "month")]
)
def test_time_is_split_as_suits_the_days(ask: Ask, date_range: str, grain: str) -> None:
    told = ask("visitors", dimensions=["time"], date_range=date_range, order_by=[["time", "desc"]])
    assert told["query"]["dimensions"] == [f"time:{grain}"]
    assert told["query"]["order_by"] == [[f"time:{grain}", "desc"]]


def test_time_with_another_dimension(rows: Ask, refused: Ask, rollups: Any, ago: Ago) -> None:
    put_two_days(rollups, ago)
    assert rows("visitors", dimensions=["time:day", "visit:source"]) == [
        ("2031-06-16", "Google", 10),
        ("2031-06-17", "Google", 20),
        ("2031-06-17", "Direct / None", 15),
        ("2031-06-17", "Bing", 5),
    ]
    assert rows("visitors", dimensions=["visit:source", "time:week"]) == [
        ("Google", "2031-06-16", 30),
        ("Direct / None", "2031-06-16", 15),
        ("Bing", "2031-06-16", 5),
    ]
    long = {"date_range": ["2030-06-01", "2031-06-01"]}
    assert refused("visitors", dimensions=["time:day", "visit:source"], **long)[0] == "too_much"
    assert refused("visitors", dimensions=["time:hour", "visit:source"])[0] == "not_kept"
    assert refused("visitors", dimensions=["time:day", "time:week"])[0] == "not_crossed"


def test_two_dimensions_that_are_a_pair_of_the_site(rows: Ask, ask: Ask, refused: Ask, rollups: Any, ago: Ago) -> None:
    for days in (1, 2):
        rollups.cell(ago(days), visitors=40, released=True)
        rollups.release(ago(days), pairs=["channel x country"])
    for days, channel, country, visits in ((2, "Search", "DE", 9), (1, "Search", "DE", 6), (1, "", "FR", 8)):
        rollups.pair(ago(days), ("channel", channel), ("country", country), visits, bounces=3)
    both = ["visit:country_name", "visit:channel"]
    assert rows("visitors", "bounce_rate", dimensions=both) == [
        ("Germany", "Search", 15, 40.0),
        ("France", "Direct", 8, 37.5),
    ]
    assert rows("visitors", dimensions=both[::-1], order_by=[["visit:channel", "asc"]]) == [
        ("Direct", "France", 8),
        ("Search", "Germany", 15),
    ]
    assert rows("visitors", dimensions=["time:day", *both], filters=[["is", "visit:country", ["DE"]]]) == [
        ("2031-06-16", "Germany", "Search", 9),
        ("2031-06-17", "Germany", "Search", 6),
    ]
    assert rows("visitors", dimensions=both, filters=[["contains", "visit:channel", ["earch"]]]) == [
        ("Germany", "Search", 15)
    ]
    assert rows("visitors", dimensions=both, pagination={"limit": 1, "offset": 1}) == [("France", "Direct", 8)]
    assert refused("events", dimensions=both)[0] == "not_kept"
    assert refused("visitors", dimensions=[*both, "event:goal"])[0] == "not_crossed"
    assert refused("visitors", dimensions=[*both, "visit:device"])[0] == "not_crossed"
    assert ask("visitors", dimensions=both)["meta"]["footfall"]["rows"][1]["not_shown_days"] == 1


def test_a_segment_is_called_by_its_name(
    rows: Ask, refused: Ask, reports: Reports, rollups: Any, ago: Ago, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = structs.replace(rollups.site, segments=(Segment("Phones", {"device": "mobile"}),))
    monkeypatch.setattr(rollups, "site", site)
    monkeypatch.setitem(reports.sites, site.key, site)
    for days in (1, 2):
        rollups.cell(ago(days), visitors=100, released=True)
        rollups.release(ago(days), segments=site.segment_definitions, columns={"segment_goals": []})
        rollups.segment(ago(days), "Phones", 20 * days, bounces=10)
        rollups.goal_of(ago(days), "Phones", "Signup", 6, 7)
        rollups.goal_of(ago(days), "Phones", "Signup", 6, 0, "EUR", 600)
    rollups.segment(ago(1), "Phones", 15, "country", "DE")
    phones = ["is", "segment", ["Phones"]]
    assert rows("visitors", "views_per_visit", filters=[phones]) == [(60, 2.0)]
    assert rows("visitors", filters=[phones], dimensions=["time:day"]) == [("2031-06-16", 40), ("2031-06-17", 20)]
    assert rows("visitors", "percentage", filters=[phones], dimensions=["visit:country"]) == [("DE", 15, 25.0)]
    assert rows("visitors", filters=[["and", [phones, ["is", "visit:country", ["DE"]]]]]) == [(15,)]
    code, text, _ = refused("events", filters=[phones])
    assert (code, "events is not kept of a segment: there are visitors, visits, pageviews" in text) == (
        "not_kept",
        True,
    )
    # 12 of 60 visitors, 14 times, 12 euros of 12.
    of_goals = ("visitors", "events", "conversion_rate")
    assert rows(*of_goals, filters=[phones], dimensions=["event:goal"]) == [("Signup", 12, 14, 20.0)]
    assert rows(*of_goals, filters=[phones, ["is", "event:goal", ["Signup"]]]) == [(12, 14, 20.0)]
    assert refused("visitors", filters=[phones, ["is", "visit:country", ["DE"]]], dimensions=["event:goal"])[0] == (
        "not_kept"
    )
    assert refused("visitors", filters=[["is", "segment", ["Tablets"]]])[0] == "unknown_segment"


def test_what_visits_did_is_asked_of_the_segment_of_these(
    rows: Ask, refused: Ask, reports: Reports, rollups: Any, ago: Ago, monkeypatch: pytest.MonkeyPatch
) -> None:
    buyers, others = Segment("Buyers", {"goal": "Signup"}), Segment("Others", {"not": {"goal": "Signup"}})
    readers = Segment("Readers", {"page": ["/b", "/a"], "not": {"goal": "Signup"}})
    site = structs.replace(rollups.site, segments=(buyers, others, readers))
    monkeypatch.setattr(rollups, "site", site)
    monkeypatch.setitem(reports.sites, site.key, site)
    rollups.cell(ago(1), visitors=100, released=True)
    rollups.release(ago(1), segments=site.segment_definitions)
    for name, visitors in (("Buyers", 30), ("Others", 70), ("Readers", 11)):
        rollups.segment(ago(1), name, visitors)
    rollups.segment(ago(1), "Buyers", 12, "country", "DE")
    signup = ["is", "event:goal", ["Signup"]]
    assert rows("visitors", filters=[["has_done", signup]]) == [(30,)]
    assert rows("visitors", filters=[["has_not_done", signup]]) == [(70,)]
    assert rows("visitors", filters=[["not", ["has_done", signup]]]) == [(70,)]
    read = ["has_done", ["is", "event:page", ["/a", "/b"]]]
    assert rows("visitors", filters=[["and", [read, ["has_not_done", signup]]]]) == [(11,)]
    german = ["is", "visit:country", ["DE"]]
    assert rows("visitors", filters=[["has_done", signup], german]) == [(12,)]
    assert rows("visitors", filters=[["has_done", signup]], dimensions=["visit:country"]) == [("DE", 12)]
    assert rows("visitors", filters=[["has_done", signup], ["is", "segment", ["Buyers"]]]) == [(30,)]
    code, text, _ = refused(filters=[["has_done", signup], ["is", "segment", ["Others"]]])
    assert (code, "who is in several segments is not kept" in text) == ("not_kept", True)
    assert refused(filters=[read])[0] == "not_kept"


@pytest.mark.parametrize(
    ("date_range", "first", "last"),
    [
        ("day", "2031-06-18", "2031-06-18"),
        ("6mo", "2030-12-01", "2031-05-31"),
        ("year", "2031-01-01", "2031-06-18"),
        (["2031-05-03T00:00:00+02:00", "2031-05-04T23:59:59+02:00"], "2031-05-03", "2031-05-04"),
        (["2031-05-02T22:00:00Z", "2031-05-04T21:59:59Z"], "2031-05-03", "2031-05-04"),
    ],
)
def test_days_of_a_range(ask: Ask, date_range: Any, first: str, last: str) -> None:
    told = ask("visitors", date_range=date_range)["query"]["date_range"]
    assert [moment[:10] for moment in told] == [first, last]
    assert told[1].endswith("T23:59:59+02:00" if last[5:7] in ("05", "06") else "T23:59:59+01:00")


def test_all_begins_with_the_first_day_that_has_data(ask: Ask, rollups: Any, ago: Ago) -> None:
    assert ask("visitors", date_range="all")["query"]["date_range"][0][:10] == "2031-06-18"
    rollups.cell(ago(40), visitors=7)
    told = ask("visitors", date_range="all")
    assert told["query"]["date_range"][0][:10] == ago(40).isoformat()
    assert told["results"][0]["metrics"] == [7]


@pytest.mark.parametrize(
    ("date_range", "says"),
    [
        ("lately", "is not known; allowed are day, 7d"),
        ("0d", "is not known"),
        ("9999d", "at most 3660 days"),
        (["2031-05-03T10:00:00+02:00", "2031-05-03T23:59:59+02:00"], "days are answered whole: give 2031-05-03"),
        (["2031-05-03", "soon"], "'soon' is no day"),
        (["2031-05-03", "2031-05-01"], "is after"),
        (["1999-05-03", "2031-05-01"], "allowed are at most"),
    ],
)
def test_days_that_cannot_be_answered_are_refused(refused: Ask, date_range: Any, says: str) -> None:
    code, text, _ = refused(date_range=date_range)
    assert code == "bad_period"
    assert says in text


# -- filters -----------------------------------------------------------------------------------------------------------

PAGES = {"/": 50, "/blog/1": 40, "/blog/2/x": 30, "/Blog": 20, "/a|b": 10}


_OF_PAGES: list[tuple[list[Any], list[str]]] = [
    ([["is", "event:page", ["/", "/Blog"]]], ["/", "/Blog"]),
    ([["is", "event:page", ["/a|b", "/"]]], ["/", "/a|b"]),
    ([["is_not", "event:page", ["/", "/Blog"]]], ["/blog/1", "/blog/2/x", "/a|b"]),
    ([["is", "event:page", ["/BLOG"], {"case_sensitive": False}]], ["/Blog"]),
    ([["contains", "event:page", ["/blog"]]], ["/blog/1", "/blog/2/x"]),
    ([["contains", "event:page", ["/blog", "|"]]], ["/blog/1", "/blog/2/x", "/a|b"]),
    ([["contains", "event:page", ["/BLOG"], {"case_sensitive": False}]], ["/blog/1", "/blog/2/x", "/Blog"]),
    ([["contains_not", "event:page", ["/blog", "B"]]], ["/", "/a|b"]),
    ([["matches", "event:page", [r"^/blog/\d+$"]]], ["/blog/1"]),
    ([["matches", "event:page", [r"^/blog/\d+$", "B"]]], ["/blog/1", "/Blog"]),
    ([["matches_not", "event:page", [r"\d", "B"]]], ["/", "/a|b"]),
    ([["matches_wildcard", "event:page", ["/blog/*"]]], ["/blog/1", "/blog/2/x"]),
    ([["matches_wildcard", "event:page", ["/b**x", "/a?b"]]], ["/blog/2/x"]),
    ([["matches_wildcard_not", "event:page", ["/blog/*"]]], ["/", "/Blog", "/a|b"]),
    ([["not", ["is", "event:page", ["/"]]]], ["/blog/1", "/blog/2/x", "/Blog", "/a|b"]),
    ([["not", ["not", ["is", "event:page", ["/"]]]]], ["/"]),
    ([["and", [["contains", "event:page", ["b"]], ["contains", "event:page", ["1"]]]]], ["/blog/1"]),
    ([["contains", "event:page", ["b"]], ["contains_not", "event:page", ["1"]]], ["/blog/2/x", "/a|b"]),
    ([["or", [["is", "event:page", ["/"]], ["contains", "event:page", ["1"]]]]], ["/", "/blog/1"]),
    ([["not", ["or", [["is", "event:page", ["/"]], ["contains", "event:page", ["blog"]]]]]], ["/Blog", "/a|b"]),
    ([["not", ["and", [["is_not", "event:page", ["/"]], ["is_not", "event:page", ["/Blog"]]]]]], ["/", "/Blog"]),
]


def test_forms_of_filters_on_pages(rows: Ask, rollups: Any, ago: Ago) -> None:
    """Of values with what means something elsewhere; on others they are in test_stats_api_list.py."""
    with rollups.together():
        rollups.cell(ago(1), visitors=100)
        for page, people in PAGES.items():
            rollups.cell(ago(1), "page", page, visitors=people)
    for filters, kept in _OF_PAGES:
        assert rows("visitors", dimensions=["event:page"], filters=filters) == [(p, PAGES[p]) for p in kept], filters


def test_filters_by_names_are_of_the_values_that_have_them(rows: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=100)
    for country, people in (("DE", 40), ("AT", 30), ("US", 20), ("", 10)):
        rollups.cell(ago(1), "country", country, visitors=people)
    by = {"dimensions": ["visit:country_name"]}
    assert rows("visitors", filters=[["is", "visit:country_name", ["Germany", "Austria"]]]) == [(70,)]
    assert rows("visitors", filters=[["contains", "visit:country_name", ["United"]]], **by) == [("United States", 20)]
    assert rows("visitors", filters=[["is_not", "visit:country_name", ["", "Germany"]]], **by) == [
        ("Austria", 30),
        ("United States", 20),
    ]
    assert rows("visitors", filters=[["is", "visit:country_name", ["Nowhere"]]], **by) == []
    assert rows("visitors", filters=[["is", "visit:country_name", ["Nowhere"]]]) == [(0,)]
    assert rows(
        "visitors", filters=[["matches", "visit:country_name", ["^[AG]"]], ["is_not", "visit:country", ["AT"]]]
    ) == [(40,)]


@pytest.mark.parametrize(
    ("filters", "code", "says"),
    [
        ([["is", "event:page"]], "bad_filter", "write [operator, dimension, [value, …]]"),
        ([["is", "event:page", "/"]], "bad_filter", "values are texts"),
        ([["is", "event:page", [1.5]]], "bad_filter", "values are texts"),
        ([["like", "event:page", ["/"]]], "bad_filter", "operators are is, is_not"),
        (["is", "event:page", ["/"]], "bad_filter", "write [operator"),
        ([["matches", "event:page", ["("]]], "bad_filter", "patterns are those of RE2"),
        ([["matches", "event:page", ["a"], {"case_sensitive": False}]], "bad_filter", "(?i)"),
        ([["is", "event:page", ["a"], {"casing": 1}]], "bad_filter", "the modifier is"),
        ([["is", "time:day", ["2031-06-01"]]], "bad_filter", "set date_range"),
        ([["is_not", "event:goal", ["Signup"]]], "bad_filter", "is and contains"),
        ([["is", "visit:city_name", ["Berlin"]]], "bad_filter", "'Berlin, DE-BE'"),
        ([["has_done", ["is", "event:goal", ["Signup"]]]], "not_kept", 'where = { goal = "Signup" }; then ask'),
        ([["has_not_done", ["is", "event:goal", ["Signup"]]]], "not_kept", 'where = { not = { goal = "Signup" } }'),
        ([["has_done", ["is", "event:goal", ["Nothing"]]]], "bad_filter", "the site has no goal 'Nothing'"),
        ([["has_done", ["contains", "event:page", ["a"]]]], "not_kept", 'where = { page = "**a**" }; then ask'),
        ([["has_done", ["contains", "event:page", ["a/"]]]], "not_kept", "of event:page it is not told so; ask is"),
        ([["has_done", ["is", "event:page", ["a*"]]]], "not_kept", "of event:page it is not told so; ask is"),
        ([["has_done", ["is", "visit:source", ["a"]]]], "not_kept", "of visit:source it is not told so; ask is"),
        ([["or", [["has_done", ["is", "event:page", ["/a"]]], ["is", "event:page", ["/b"]]]]], "bad_filter", "by and"),
        ([["has_done", ["and", [["is", "event:page", ["/"]], ["is", "event:goal", ["Signup"]]]]]], "bad_filter", "one"),
        ([["is", "segment", ["7"]]], "unknown_segment", "it has none"),
        ([["is", "segment", ["Phones", "Readers"]]], "bad_filter", "of segments one is answered"),
        ([["not", ["is", "segment", ["Phones"]]]], "bad_filter", "of segments one is answered"),
        ([["contains", "segment", ["Phones"]]], "bad_filter", "of segments one is answered"),
        ([["is", "segment", ["phones"], {"case_sensitive": False}]], "bad_filter", "of segments one is answered"),
        ([["is", "segment", ["Phones"]], ["is", "segment", ["Readers"]]], "not_kept", "ask for one"),
        ([["and", []]], "bad_filter", "a list of filters is needed"),
        ([["not", [["is"], ["/"]]]], "bad_filter", "write [operator"),
        ([["or", [["is", "event:page", ["/"]], ["is", "visit:os", ["x"]]]]], "not_crossed", "on one dimension"),
        ([["or", [["is_not", "event:page", ["/"]], ["is", "event:page", ["/x"]]]]], "not_crossed", "joined by or"),
        ([["is", "event:page", ["x" * 3000]]], "too_much", "characters"),
    ],
)
def test_filters_that_cannot_be_answered_are_refused(refused: Ask, filters: list[Any], code: str, says: str) -> None:
    found, text, _ = refused(filters=filters)
    assert (found, says in text) == (code, True), text


def test_dimensions_that_are_not_counted_together_are_refused_with_the_nearest(refused: Ask, ask: Ask) -> None:
    question = {
        "dimensions": ["visit:country", "visit:device"],
        "filters": [["is", "visit:country", ["DE"]], ["is", "event:page", ["/"]]],
        "order_by": [["visit:device", "asc"], ["visitors", "desc"]],
        "date_range": "7d",
    }
    code, text, nearest = refused("visitors", **question)
    assert code == "not_crossed"
    assert "visit:country and visit:device and event:page are not counted together" in text
    assert "by=" not in text
    assert {name: nearest[name] for name in ("dimensions", "filters", "order_by", "date_range")} == {
        "dimensions": ["visit:country", "visit:device"],
        "filters": [["is", "visit:country", ["DE"]]],
        "order_by": [["visit:device", "asc"], ["visitors", "desc"]],
        "date_range": "7d",
    }
    assert "results" in ask(**{**nearest, "metrics": ["visitors"]})
    _, text, nearest = refused("visitors", dimensions=["visit:browser", "visit:os"])
    assert "pairs = [" in text
    assert nearest["dimensions"] == ["visit:browser"], "it is no pair of the site, so it is not the nearest"
    _, _, nearest = refused("visitors", filters=question["filters"])
    assert (nearest.get("dimensions"), nearest["filters"]) == (None, [["is", "visit:country", ["DE"]]])


def test_of_several_dimensions_joined_by_or_a_segment_is_told_and_the_question_without_them(
    rollups: Any, client: Any, ask: Ask
) -> None:
    """What is joined counts as one: none of it is nearer than the other."""
    kept = ["or", [["is", "event:page", ["/"]], ["is", "visit:country", ["DE"]]]]
    asked = {"site_id": rollups.site.key, "metrics": ["visitors"], "date_range": "7d"}
    asked |= {"filters": [["is", "visit:device", ["Mobile"]], kept]}
    answer = client.post("/api/v2/query", json=asked)
    told = answer.json()
    assert (answer.status_code, told["code"]) == (400, "not_crossed")
    assert "event:page or visit:country: only conditions on one dimension can be joined by or" in told["error"]
    assert 'any = [{ page = "/" }, { country = "DE" }]' in told["declare"]
    assert told["nearest"]["filters"] == [["is", "visit:device", ["Mobile"]]]
    assert "results" in ask(**told["nearest"])


def test_a_question_of_too_many_rows_is_refused(
    refused: Ask, rollups: Any, ago: Ago, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboards.stats_api.ask.MOST_ROWS", 3)
    put_two_days(rollups, ago)
    assert refused("visitors", dimensions=["time:day", "visit:source"])[:2] == (
        "too_much",
        "these are more than 3 rows: ask for fewer days, or filter",
    )


def test_sums_of_several_values_say_so(ask: Ask, rollups: Any, ago: Ago) -> None:
    put_two_days(rollups, ago)
    told = ask("visitors", filters=[["is", "visit:source", ["Google", "Bing"]]])
    assert told["results"][0]["metrics"] == [35]
    assert told["meta"]["metric_warnings"]["visitors"]["code"] == "sum_of_values"
    assert "metric_warnings" not in ask("visitors", filters=[["is", "visit:source", ["Google"]]])["meta"]


# -- order, pages, what is included ------------------------------------------------------------------------------------


def test_rows_are_ordered_as_asked(rows: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=100)
    for source, people, views in (("a", 10, 90), ("b", 30, 40), ("c", 20, 40), ("d", 5, 40)):
        rollups.cell(ago(1), "source", source, visitors=people, pageviews=views)

    def order(*by: list[str], **more: Any) -> str:
        metrics = ("visitors", "pageviews")
        found = rows(*metrics, dimensions=["visit:source"], **({"order_by": [*by]} if by else {}), **more)
        return "".join(row[0] for row in found)

    assert order() == order(["visitors", "desc"]) == "bcad"
    assert order(["visitors", "asc"]) == "dacb"
    assert order(["pageviews", "desc"])[0] == "a"
    assert order(["pageviews", "desc"], ["visitors", "asc"]) == "adcb"
    assert order(["pageviews", "asc"], ["visit:source", "desc"]) == "dcba"
    assert order(["visit:source", "asc"]) == "abcd"
    assert order(pagination={"limit": 2}) == "bc"
    assert order(pagination={"limit": 2, "offset": 1}) == "ca"
    assert order(["visitors", "asc"], pagination={"limit": 2, "offset": 1}) == "ac"
    assert order(pagination={"limit": 10_000, "offset": 3}) == "d"


def test_what_is_not_known_comes_last_either_way(rows: Ask, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=100)
    for source, people, entries in (("a", 10, 10), ("b", 30, 0), ("c", 20, 20)):
        rollups.cell(ago(1), "source", source, visitors=people, entries=entries, bounces=entries // 5)
    for direction in ("asc", "desc"):
        by = {"dimensions": ["visit:source"], "order_by": [["bounce_rate", direction], ["visitors", "desc"]]}
        assert [row[0] for row in rows("bounce_rate", "visitors", **by)] == ["c", "a", "b"]


def test_what_is_included(ask: Ask, rollups: Any, ago: Ago) -> None:
    put_two_days(rollups, ago)
    by = {"dimensions": ["visit:source"], "pagination": {"limit": 1}, "include": {"total_rows": True, "imports": True}}
    told = ask("visitors", **by)
    assert told["results"] == [{"dimensions": ["Google"], "metrics": [30]}]
    assert (told["meta"]["total_rows"], told["meta"]["imports_included"]) == (3, False)
    rollups.release(ago(1), origin="import:x")
    assert ask("visitors", include={"imports": True})["meta"]["imports_included"] is True
    days = ask("visitors", dimensions=["time:day"], include={"time_labels": True}, date_range="7d")
    assert days["meta"]["time_labels"] == [f"2031-06-{day}" for day in range(11, 18)]
    weeks = ask("visitors", dimensions=["time:week"], include={"time_labels": True}, date_range="7d")
    assert weeks["meta"]["time_labels"] == ["2031-06-11", "2031-06-16"]
    months = ask("visitors", dimensions=["time:month"], include={"time_labels": True}, date_range="91d")
    assert months["meta"]["time_labels"] == ["2031-03-01", "2031-04-01", "2031-05-01", "2031-06-01"]
    hours = ask("visitors", dimensions=["time:hour"], include={"time_labels": True}, date_range=["2031-03-30"] * 2)
    # Clocks go forward.
    assert len(hours["meta"]["time_labels"]) == 23
    assert hours["meta"]["time_labels"][1:3] == ["2031-03-30 01:00:00", "2031-03-30 03:00:00"]


def test_the_question_is_told_as_it_was_taken(ask: Ask, rollups: Any) -> None:
    told = ask(
        "visitors", "percentage", dimensions=["visit:os"], filters=[["is", "visit:os", ["Linux"]]], date_range="day"
    )
    assert told["query"] == {
        "site_id": rollups.site.key,
        "metrics": ["visitors", "percentage"],
        "date_range": ["2031-06-18T00:00:00+02:00", "2031-06-18T23:59:59+02:00"],
        "filters": [["is", "visit:os", ["Linux"]]],
        "dimensions": ["visit:os"],
        "order_by": [["visitors", "desc"]],
        "include": {},
        "pagination": {"limit": 10_000, "offset": 0},
    }
    assert isinstance(msgspec.convert(told, QueryAnswer), QueryAnswer)


def test_how_sure_numbers_are_is_told_row_by_row(ask: Ask, rollups: Any, ago: Ago) -> None:
    for back in (1, 2):
        rollups.cell(ago(back), visitors=100)
        rollups.cell(ago(back), "source", "(other)", visitors=40)
    rollups.cell(ago(1), "source", "Google", visitors=60)
    footfall = ask("visitors", dimensions=["visit:source"])["meta"]["footfall"]
    assert footfall["rows"] == [{"certainty": "at least", "flags": ["not_shown"], "not_shown_days": 1, "of_days": 2}]
    assert (footfall["certainty"], footfall["of_days"], footfall["timezone"]) == ("exact", 2, "Europe/Berlin")
    assert any("sum of each day" in note for note in footfall["notes"])
