"""Everything that the Stats API v2 takes, each with figures counted by hand on one small site whose k is 1, or with the
refusal that it has: what is listed and has neither is a failure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from dashboards.stats.report import Reports
from dashboards.stats_api.listed import CASE, ENTRIES, PUBLISHED, Kind
from dashboards.stats_api.names import NOT_KEPT, dimension_called, dimension_names
from dashboards.stats_api.request import of
from dashboards.stats_api.respond import answer
from schema.segment import Segment
from schema.site import Goal, Site
from schema.store import Store

from .conftest import NOW, Rollups

pytestmark = pytest.mark.clickhouse
Ask = Callable[..., Any]

# Today is a Wednesday, the 18th; what is asked is asked of the two days before it, unless a question says otherwise.
DAYS = ["2031-06-16", "2031-06-17"]
MONDAY, TUESDAY = (dt.date.fromisoformat(day) for day in DAYS)
OF_SEGMENTS = {"date_range": ["2031-06-12", "2031-06-12"]}
GOALS = (Goal("Signup", event="signup"), Goal("Purchase", event="purchase"), Goal("Signup by mail", event="mail"))
SEGMENTS = (
    Segment("Buyers", {"goal": "Purchase"}),
    Segment("Others", {"not": {"goal": "Purchase"}}),
    Segment("Blog", {"page": "**blog**"}),
)
SIGNUP = ["is", "event:goal", ["Signup"]]
# Of each dimension three values: 10 people on Monday and 20 on Tuesday, 15 on Tuesday, 5 on Tuesday.
VALUES = {
    "source": ("Google", "Bing", "Yahoo"),
    "country": ("DE", "IT", "FR"),
    "device": ("mobile", "desktop", "tablet"),
    "page": ("/blog/one", "/about", "/blog/two"),
    "city": ("Berlin, DE-BE", "Roma, IT-62", "Paris, FR-IDF"),
}
USUAL = ("one.example", "other.example", "third.example")
CALLED = {"visit:country_name": ("Germany", "Italy", "France"), "visit:device": ("Mobile", "Desktop", "Tablet")}
PEOPLE = (30, 15, 5)


def put(rollups: Rollups) -> None:
    """The whole site: 50 visitors, 60 visits, 120 page views, 140 events, 25 bounces of 60 visits, 3,615 seconds."""
    for day, people, visits, views, events, bounces, seconds in (
        (MONDAY, 10, 10, 20, 20, 5, 615),
        (TUESDAY, 40, 50, 100, 120, 20, 3000),
        (dt.date(2031, 6, 14), 8, 8, 8, 8, 8, 80),
        (dt.date(2031, 6, 15), 12, 12, 12, 12, 2, 120),
        (dt.date(2031, 6, 10), 25, 25, 50, 50, 5, 250),
        (dt.date(2030, 6, 17), 100, 100, 100, 100, 50, 100),
        (dt.date(2030, 6, 18), 80, 80, 80, 80, 40, 80),
        (dt.date(2031, 5, 30), 3, 3, 3, 3, 3, 3),
    ):
        rollups.cell(
            day, visitors=people, visits=visits, pageviews=views, events=events, entries=visits, bounces=bounces,
            visit_seconds=seconds,
        )  # fmt: skip
    rollups.hour(TUESDAY, 9, visitors=30)
    rollups.hour(TUESDAY, 15, visitors=12)
    names = {one.of for name in dimension_names() if (one := dimension_called(name)).kind == "dimension"}
    for name in names:
        first, second, third = VALUES.get(name, USUAL)
        for day, value, people in (
            (MONDAY, first, 10),
            (TUESDAY, first, 20),
            (TUESDAY, second, 15),
            (TUESDAY, third, 5),
        ):
            few = people // 5
            more = {"engaged_ms": 60_000 * people, "timed_visits": people, "exits": few} if name == "page" else {}
            rollups.cell(day, name, value, visitors=people, bounces=few, visit_seconds=10 * people, **more)
    rollups.band(TUESDAY, "/blog/one", "scroll", 50, 20, 1_200)
    put_goals(rollups)


def put_goals(rollups: Rollups) -> None:
    for name, people, times in (("Signup", 30, 40), ("Purchase", 15, 15), ("Signup by mail", 5, 5)):
        rollups.goal(TUESDAY, name, people, times)
    rollups.goal(TUESDAY, "Signup", 12, 13, dimension="source", value="Google")
    rollups.revenue(TUESDAY, "Purchase", "EUR", 30_000, 15)
    rollups.cell(TUESDAY, "event", "signup", visitors=50)
    for value, people in zip(("pro", "free", "promo"), PEOPLE, strict=True):
        rollups.of_property(TUESDAY, "signup", "plan", value, people, 2 * people)
    day = dt.date(2031, 6, 12)
    rollups.cell(day, visitors=100, released=True)
    rollups.release(day, k=1, segments=rollups.site.segment_definitions)
    for one, people in zip(SEGMENTS, (30, 70, 40), strict=True):
        rollups.segment(day, one.name, people)


@pytest.fixture(scope="module")
def ask(store: Store, _a_store_of_its_own: None) -> Ask:
    """The answer as JSON has it, by a question's parts."""
    site = Site("listed.example", timezone="Europe/Berlin", goals=GOALS, segments=SEGMENTS, release_k=1)
    rollups = Rollups(store, site)
    with rollups.together():
        put(rollups)
    reports = Reports(store, [site], clock=NOW.timestamp)

    def asked(*metrics: str, **question: Any) -> Any:
        told = answer(reports, site, of({"site_id": site.key, "metrics": [*metrics], "date_range": DAYS} | question))
        return msgspec.json.decode(msgspec.json.encode(told))

    return asked


@pytest.fixture(scope="module")
def rows(ask: Ask) -> Ask:
    """Just the rows, as (values of dimensions …, numbers …)."""

    def asked(*metrics: str, **question: Any) -> list[tuple[Any, ...]]:
        told = ask(*metrics, **question)
        assert "results" in told, told
        return [(*row["dimensions"], *row["metrics"]) for row in told["results"]]

    return asked


# -- metrics -----------------------------------------------------------------------------------------------------------

_BY_PAGE, _BLOG = {"dimensions": ["event:page"]}, {"filters": [["is", "event:page", ["/blog/one"]]]}
_BY_SOURCE, _OF_SIGNUP = {"dimensions": ["visit:source"]}, {"filters": [SIGNUP]}
_OF_PURCHASE = {"filters": [["is", "event:goal", ["Purchase"]]]}
EUROS = {"value": 300.0, "currency": "EUR", "short": "€300.00", "long": "€300.00"}
EACH = {"value": 20.0, "currency": "EUR", "short": "€20.00", "long": "€20.00"}
# What is asked, and the first row: what is not of the whole site is of one page, source or goal.
METRICS: dict[str, list[tuple[dict[str, Any], Any]]] = {
    "visitors": [({}, 50), (_BY_PAGE, 30), (_OF_SIGNUP, 30)],
    "visits": [({}, 60), (_BY_SOURCE, 30)],
    "pageviews": [({}, 120), (_BY_PAGE, 30), (_BLOG, 30)],
    "events": [({}, 140), (_OF_SIGNUP, 40)],
    "exits": [(_BY_PAGE, 6)],
    "views_per_visit": [({}, 2.0), (_BY_SOURCE, 1.0)],
    "bounce_rate": [({}, 41.7), (_BY_SOURCE, 20.0), (_BLOG, 20.0)],
    "visit_duration": [({}, 60), (_BY_SOURCE, 10)],
    "time_on_page": [(_BY_PAGE, 60), (_BLOG, 60)],
    "exit_rate": [(_BY_PAGE, 20.0)],
    "percentage": [(_BY_SOURCE, 60.0), ({"dimensions": ["time:day"]}, 20.0)],
    "scroll_depth": [(_BLOG, 60)],
    "conversion_rate": [(_OF_SIGNUP, 60.0), (_BY_SOURCE | _OF_SIGNUP, 24.0)],
    "group_conversion_rate": [(_OF_SIGNUP, 60.0), (_BY_SOURCE | _OF_SIGNUP, 40.0)],
    "total_revenue": [(_OF_PURCHASE, EUROS), ({"dimensions": ["event:goal"]} | _OF_PURCHASE, EUROS), ({}, None)],
    "average_revenue": [(_OF_PURCHASE, EACH), ({}, None)],
}


@pytest.mark.parametrize("name", METRICS)
def test_a_metric(rows: Ask, name: str) -> None:
    for question, expected in METRICS[name]:
        assert rows(name, **question)[0][-1] == expected, question


# -- dimensions --------------------------------------------------------------------------------------------------------

_HOURS = {"date_range": [DAYS[1], DAYS[1]]}
_SEVEN = {"date_range": ["2031-05-20", "2031-06-17"]}
# By name what is asked, and the rows.
DIMENSIONS: dict[str, tuple[dict[str, Any], list[tuple[Any, ...]]]] = {
    **{
        name: ({"dimensions": [name]}, [*zip(CALLED.get(name) or VALUES.get(one.of, USUAL), PEOPLE, strict=True)])
        for name in dimension_names()
        if (one := dimension_called(name)).kind == "dimension"
    },
    "event:name": ({"dimensions": ["event:name"]}, [("signup", 50), *zip(USUAL, PEOPLE, strict=True)]),
    "event:goal": ({"dimensions": ["event:goal"]}, [("Signup", 30), ("Purchase", 15), ("Signup by mail", 5)]),
    "event:props:NAME": ({"dimensions": ["event:props:plan"]}, [("pro", 30), ("free", 15), ("promo", 5)]),
    "segment": (OF_SEGMENTS | {"filters": [["is", "segment", ["Buyers"]]]}, [(30,)]),
    "time": ({"dimensions": ["time"]} | _HOURS, [("2031-06-17 09:00:00", 30), ("2031-06-17 15:00:00", 12)]),
    "time:hour": ({"dimensions": ["time:hour"]} | _HOURS, [("2031-06-17 09:00:00", 30), ("2031-06-17 15:00:00", 12)]),
    "time:day": ({"dimensions": ["time:day"]}, [("2031-06-16", 10), ("2031-06-17", 40)]),
    "time:week": (
        {"dimensions": ["time:week"]} | _SEVEN,
        [("2031-05-26", 3), ("2031-06-09", 145), ("2031-06-16", 50)],
    ),
    "time:month": ({"dimensions": ["time:month"]} | _SEVEN, [("2031-05-01", 3), ("2031-06-01", 195)]),
}


@pytest.mark.parametrize("name", DIMENSIONS)
def test_a_dimension(rows: Ask, name: str) -> None:
    question, expected = DIMENSIONS[name]
    assert rows("visitors", **question) == expected


@pytest.mark.parametrize("name", [name for name in dimension_names() if dimension_called(name).kind == "dimension"])
def test_a_filter_on_each_dimension(rows: Ask, name: str) -> None:
    first, _, _ = CALLED.get(name) or VALUES.get(dimension_called(name).of, USUAL)
    only = {"filters": [["is", name, [first]]]}
    assert rows("visitors", **only) == [(30,)]
    assert rows("visitors", dimensions=["time:day"], **only) == [("2031-06-16", 10), ("2031-06-17", 20)]


@pytest.mark.parametrize("name", NOT_KEPT)
def test_a_dimension_that_is_not_kept(ask: Ask, name: str) -> None:
    told = ask("visitors", dimensions=[name])
    assert (told["code"], told["error"]) == ("not_kept", f"{name}: {NOT_KEPT[name]}")


# -- filters -----------------------------------------------------------------------------------------------------------

# By kind of value: the dimension, its three values, a text that is in the first and the last, a pattern and a wildcard
# that the first alone is like.
KINDS = {
    "a text": ("visit:source", VALUES["source"], "oo", "^Go+", "Go*e"),
    "a name": ("visit:country_name", ("Germany", "Italy", "France"), "an", "^Ger", "Ge*y"),
    "a page": ("event:page", VALUES["page"], "/blog", "^/blog/on", "/blog/o*"),
    "a goal": ("event:goal", ("Signup", "Purchase", "Signup by mail"), "Signup", "p$", "S*p"),
    "a property": ("event:props:plan", ("pro", "free", "promo"), "pro", "^pro$", "*ro"),
}
_GOAL = "of goals is and contains are answered"
_NOT_OF_GOALS = (
    *("is_not", "contains_not", "matches", "matches_not", "matches_wildcard", "matches_wildcard_not"),
    *("in any case, is_not", "not", "not or"),
)
# By form: the filters of (dimension, values, text, pattern, wildcard), and the places of the values that are kept.
FORMS: dict[str, tuple[Callable[..., list[Any]], tuple[int, ...]]] = {
    "is": (lambda d, v, *_: ["is", d, [v[0], v[1]]], (0, 1)),
    "is_not": (lambda d, v, *_: ["is_not", d, [v[0], v[1]]], (2,)),
    "contains": (lambda d, v, text, *_: ["contains", d, [text]], (0, 2)),
    "contains_not": (lambda d, v, text, *_: ["contains_not", d, [text]], (1,)),
    "matches": (lambda d, v, t, pattern, _: ["matches", d, [pattern]], (0,)),
    "matches_not": (lambda d, v, t, pattern, _: ["matches_not", d, [pattern]], (1, 2)),
    "matches_wildcard": (lambda d, v, t, p, wild: ["matches_wildcard", d, [wild, v[1]]], (0, 1)),
    "matches_wildcard_not": (lambda d, v, t, p, wild: ["matches_wildcard_not", d, [wild, v[1]]], (2,)),
    CASE: (lambda d, v, *_: ["is", d, [v[0].upper()], {"case_sensitive": False}], (0,)),
    "in any case, contains": (lambda d, v, t, *_: ["contains", d, [t.upper()], {"case_sensitive": False}], (0, 2)),
    "in any case, is_not": (lambda d, v, *_: ["is_not", d, [v[0].upper()], {"case_sensitive": False}], (1, 2)),
    "and": (lambda d, v, text, *_: ["and", [["contains", d, [text]], ["is", d, [v[2], v[1]]]]], (2,)),
    "or": (lambda d, v, *_: ["or", [["is", d, [v[0]]], ["contains", d, [v[1]]]]], (0, 1)),
    "not": (lambda d, v, *_: ["not", ["is", d, [v[1]]]], (0, 2)),
    "not not": (lambda d, v, *_: ["not", ["not", ["is", d, [v[1]]]]], (1,)),
    "not and": (lambda d, v, *_: ["not", ["and", [["is_not", d, [v[0]]], ["is_not", d, [v[1]]]]]], (0, 1)),
    "not or": (lambda d, v, *_: ["not", ["or", [["is", d, [v[0]]], ["is", d, [v[1]]]]]], (2,)),
}
# Of segments, which have one number each.
DONE: dict[str, tuple[list[Any], int]] = {
    "has_done": (["has_done", ["is", "event:goal", ["Purchase"]]], 30),
    "has_done, contains": (["has_done", ["contains", "event:page", ["blog"]]], 40),
    "has_not_done": (["has_not_done", ["is", "event:goal", ["Purchase"]]], 70),
    "not has_done": (["not", ["has_done", ["is", "event:goal", ["Purchase"]]]], 70),
    "and has_done": (["and", [["has_done", ["is", "event:goal", ["Purchase"]]], ["is", "segment", ["Buyers"]]]], 30),
}


@pytest.mark.parametrize("kind", KINDS)
def test_every_form_of_a_filter_on_every_kind_of_value(ask: Ask, kind: str) -> None:
    dimension, values, *_ = KINDS[kind]
    for form, (made, kept) in FORMS.items():
        told = ask("visitors", dimensions=[dimension], filters=[made(*KINDS[kind])])
        if kind == "a goal" and form in _NOT_OF_GOALS:
            assert (told["code"], told["error"].endswith(_GOAL)) == ("bad_filter", True), form
            continue
        expected = [(values[place], PEOPLE[place]) for place in kept]
        assert [(*row["dimensions"], *row["metrics"]) for row in told["results"]] == expected, form


@pytest.mark.parametrize("form", DONE)
def test_what_visits_did(rows: Ask, form: str) -> None:
    filters, people = DONE[form]
    assert rows("visitors", filters=[filters], **OF_SEGMENTS) == [(people,)]


def test_numbers_are_texts(rows: Ask, ask: Ask) -> None:
    """As Plausible takes them."""
    assert rows("visitors", filters=[["is", "visit:source", [7, "Bing"]]]) == [(15,)]
    for wrong in (True, 1.5, None):
        assert "values are texts" in ask("visitors", filters=[["is", "visit:source", [wrong]]])["error"]


# -- days --------------------------------------------------------------------------------------------------------------

# The first and the last day of each, and how many visitors these have.
RANGES: dict[str, tuple[Any, str, str, int]] = {
    "day": ("day", "2031-06-18", "2031-06-18", 0),
    "7d": ("7d", "2031-06-11", "2031-06-17", 170),
    "28d": ("28d", "2031-05-21", "2031-06-17", 198),
    "30d": ("30d", "2031-05-19", "2031-06-17", 198),
    "91d": ("91d", "2031-03-19", "2031-06-17", 198),
    "month": ("month", "2031-06-01", "2031-06-18", 195),
    "6mo": ("6mo", "2030-12-01", "2031-05-31", 3),
    "12mo": ("12mo", "2030-06-01", "2031-05-31", 183),
    "year": ("year", "2031-01-01", "2031-06-18", 198),
    "all": ("all", "2030-06-17", "2031-06-18", 378),
    '["2026-11-01", "2026-11-30"]': (["2031-06-14", "2031-06-15"], "2031-06-14", "2031-06-15", 20),
    '["2026-11-01T00:00:00+01:00", "2026-11-30T23:59:59+01:00"]': (
        ["2031-06-13T22:00:00Z", "2031-06-15T23:59:59+02:00"],
        "2031-06-14",
        "2031-06-15",
        20,
    ),
}
NO_RANGES = ("realtime", "30m", "24h")


@pytest.mark.parametrize("name", RANGES)
def test_a_range(ask: Ask, name: str) -> None:
    date_range, first, last, people = RANGES[name]
    told = ask("visitors", date_range=date_range)
    assert [moment[:10] for moment in told["query"]["date_range"]] == [first, last]
    assert told["results"][0]["metrics"] == [people]


@pytest.mark.parametrize("name", NO_RANGES)
def test_a_range_that_is_none(ask: Ask, name: str) -> None:
    told = ask("visitors", date_range=name)
    assert (told["code"], "ask day, with time:hour" in told["error"]) == ("bad_period", True)


# -- what is included --------------------------------------------------------------------------------------------------


def compared(ask: Ask, mode: str, **more: Any) -> Any:
    return ask("visitors", "bounce_rate", include={"comparisons": {"mode": mode, **more}})


def test_imports(ask: Ask) -> None:
    assert ask("visitors", include={"imports": True})["meta"]["imports_included"] is False


def test_time_labels(ask: Ask) -> None:
    told = ask("visitors", dimensions=["time:day"], include={"time_labels": True}, date_range="7d")
    assert told["meta"]["time_labels"] == [f"2031-06-{day}" for day in range(11, 18)]


def test_total_rows(ask: Ask) -> None:
    told = ask("visitors", dimensions=["visit:source"], include={"total_rows": True}, pagination={"limit": 1})
    assert (len(told["results"]), told["meta"]["total_rows"]) == (1, 3)


def test_a_trimmed_range(ask: Ask) -> None:
    told = ask("visitors", date_range="month", include={"trim_relative_date_range": True})
    assert (told["query"]["date_range"][1][:10], told["results"][0]["metrics"]) == ("2031-06-18", [195])


# By mode: the days before, what they had, how that changed: visitors in percent, a rate in points.
COMPARED: dict[str, tuple[dict[str, Any], tuple[str, str], list[Any], list[Any]]] = {
    # 50 now; 8 and 12 before, of whom 10 of 20 bounced: 41.7 less 50.
    "previous_period": ({}, ("2031-06-14", "2031-06-15"), [20, 50.0], [150.0, -8.3]),
    "previous_period, weekdays": (
        {"match_day_of_week": True},
        ("2031-06-09", "2031-06-10"),
        [25, 20.0],
        [100.0, 21.7],
    ),
    "year_over_year": ({}, ("2030-06-16", "2030-06-17"), [100, 50.0], [-50.0, -8.3]),
    "year_over_year, weekdays": ({"match_day_of_week": True}, ("2030-06-17", "2030-06-18"), [180, 50.0], [-72.2, -8.3]),
    "custom": ({"date_range": ["2031-06-10", "2031-06-10"]}, ("2031-06-10", "2031-06-10"), [25, 20.0], [100.0, 21.7]),
    "custom, nobody": ({"date_range": ["2031-04-10", "2031-04-10"]}, ("2031-04-10",) * 2, [0, None], [None, None]),
}


@pytest.mark.parametrize("mode", COMPARED)
def test_comparisons(ask: Ask, mode: str) -> None:
    more, days, before, change = COMPARED[mode]
    told = compared(ask, mode.partition(",")[0], **more)
    assert tuple(moment[:10] for moment in told["query"]["comparison_date_range"]) == days
    comparison = told["results"][0]["comparison"]
    assert (comparison["metrics"], comparison["change"]) == (before, change)
    assert comparison["sure"]["certainty"] == "exact"


def test_comparisons_of_rows(ask: Ask) -> None:
    """A value is held against itself, a bucket of time against the one in its place."""
    last_week = {"comparisons": {"mode": "previous_period"}}
    by_source = ask("visitors", dimensions=["visit:source"], include=last_week, date_range=[DAYS[1], DAYS[1]])
    google, bing, _ = by_source["results"]
    assert (google["metrics"], google["comparison"]["metrics"], google["comparison"]["change"]) == ([20], [10], [100.0])
    assert bing["comparison"] == {"dimensions": ["Bing"], "metrics": [None], "change": [None], "sure": None}
    by_day = ask("visitors", dimensions=["time:day"], include=last_week | {"time_labels": True})
    assert [row["comparison"]["dimensions"] + row["comparison"]["metrics"] for row in by_day["results"]] == [
        ["2031-06-14", 8],
        ["2031-06-15", 12],
    ]
    assert by_day["meta"]["comparison_time_labels"] == ["2031-06-14", "2031-06-15"]
    assert "comparison" not in ask("visitors")["results"][0]


def test_comparisons_that_cannot_be(ask: Ask) -> None:
    assert "custom needs a date_range" in compared(ask, "custom")["error"]
    assert "have their own" in compared(ask, "previous_period", date_range=DAYS)["error"]
    first = ["2000-01-02", "2000-01-03"]
    told = ask("visitors", date_range=first, include={"comparisons": {"mode": "previous_period"}})
    assert (told["code"], "there are no such days" in told["error"]) == ("bad_period", True)


INCLUDED = ("imports", "time_labels", "total_rows", "trim_relative_date_range", "comparisons")
OF_COMPARISONS = ("comparisons.mode", "comparisons.date_range", "comparisons.match_day_of_week")


# -- order and pages ---------------------------------------------------------------------------------------------------

ORDERS: dict[str, list[tuple[dict[str, Any], list[str]]]] = {
    "metric": [
        ({"order_by": [["visitors", "desc"]]}, ["Google", "Bing", "Yahoo"]),
        ({"order_by": [["visitors", "asc"]]}, ["Yahoo", "Bing", "Google"]),
    ],
    "dimension": [
        ({"order_by": [["visit:source", "asc"]]}, ["Bing", "Google", "Yahoo"]),
        ({"order_by": [["visit:source", "desc"], ["visitors", "asc"]]}, ["Yahoo", "Google", "Bing"]),
    ],
    "limit": [({"pagination": {"limit": 2}}, ["Google", "Bing"])],
    "offset": [
        ({"pagination": {"limit": 2, "offset": 1}}, ["Bing", "Yahoo"]),
        ({"pagination": {"offset": 1}, "order_by": [["visitors", "asc"]]}, ["Bing", "Google"]),
        ({"pagination": {"offset": 3}}, []),
    ],
}


@pytest.mark.parametrize("name", ORDERS)
def test_an_order(rows: Ask, name: str) -> None:
    for question, expected in ORDERS[name]:
        assert [row[0] for row in rows("visitors", dimensions=["visit:source"], **question)] == expected, question


# -- the list ----------------------------------------------------------------------------------------------------------

FIGURES: dict[Kind, set[str]] = {
    "metric": {*METRICS},
    "dimension": {*DIMENSIONS, *NOT_KEPT},
    "filter": {*FORMS, *DONE},
    "range": {*RANGES, *NO_RANGES},
    "include": {*INCLUDED, *OF_COMPARISONS},
    "order": {*ORDERS},
}


@pytest.mark.parametrize("kind", FIGURES)
def test_whatever_is_listed_has_figures_here(kind: Kind) -> None:
    listed = {one.name for one in ENTRIES if one.kind == kind}
    assert listed - FIGURES[kind] == set()
    assert {*PUBLISHED[kind]} - listed == set()
