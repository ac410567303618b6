"""Rules of dashboards/stats/query.py: what may be asked, and how it becomes SQL."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from dashboards.stats.execute import condition_of
from dashboards.stats.filter import Filter
from dashboards.stats.period import Period
from dashboards.stats.plan import Read
from dashboards.stats.query import Query
from dashboards.stats.refused import BadQuery, Code
from dashboards.stats.source import Span

DAY = dt.date(2025, 6, 1)


def ask(by: str = "", *filters: str, **more: object) -> Query:
    return Query.of("s", DAY, DAY, by, filters, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("page==/pricing", Filter("page", "==", "/pricing")),
        ("page!=/x", Filter("page", "!=", "/x")),
        ("page~blog", Filter("page", "~", "blog")),
        ("page!~blog", Filter("page", "!~", "blog")),
        ("country==DE|AT", Filter("country", "==", "DE|AT")),
        ("page==/a==b", Filter("page", "==", "/a==b")),
        ("source==", Filter("source", "==", "")),
        ("hostname==(none)", Filter("hostname", "==", "(none)")),
        # Hosts are stored as browsers send them.
        ("hostname==Shop.München.de|Example.com.", Filter("hostname", "==", "shop.xn--mnchen-3ya.de|example.com")),
        ("referrer!=München.de/A", Filter("referrer", "!=", "xn--mnchen-3ya.de/A")),
        ("hostname~münchen.de", Filter("hostname", "~", "xn--mnchen-3ya.de")),
        ("hostname~shop.", Filter("hostname", "~", "shop.")),
        ("page==/Größe", Filter("page", "==", "/Größe")),
    ],
)
def test_a_filter_is_read_from_text(text: str, parsed: Filter) -> None:
    assert Filter.parse(text) == parsed


@pytest.mark.parametrize("text", ["page", "page=/x", "nothing==x", "visitors; DROP==x", "page==" + "x" * 3000])
def test_a_filter_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(BadQuery):
        Filter.parse(text)


def test_two_dimensions_are_refused_with_a_way_out() -> None:
    with pytest.raises(BadQuery, match=r"country and page are not crossed.*Ask by=page") as caught:
        ask("page", "country==DE")
    assert "by=day" in str(caught.value)
    with pytest.raises(BadQuery, match="not crossed"):
        ask("", "country==DE", "page==/")


def test_one_dimension_goes_with_days_and_goals() -> None:
    assert ask("day", "country==DE").dimension == "country"
    assert ask("goal", "country==DE", "goal==Signup").dimension == "country"
    assert ask("page", "page~blog", "page!=/blog/x").dimension == "page"
    assert not ask("page").filtered


@pytest.mark.parametrize(
    ("by", "filters", "told", "code"),
    [
        ("hour", ["country==DE"], "hours are kept for the whole site only", Code.NOT_KEPT),
        ("vital", ["source==Google"], "web vitals are not kept by source", Code.NOT_KEPT),
        ("day", ["goal==Signup"], "needs by=goal", Code.NOT_CROSSED),
        ("page", ["goal==Signup", "goal!=x"], "one goal at a time", Code.NOT_CROSSED),
        ("page", ["goal==Signup|Purchase"], "one goal at a time", Code.NOT_CROSSED),
        ("page", ["goal~Sign"], "one goal at a time", Code.NOT_CROSSED),
        ("page", ["goal==Signup", "country==DE"], "not crossed", Code.NOT_CROSSED),
        ("country,channel", ["goal==Signup"], "not kept of country and channel together", Code.NOT_CROSSED),
        (
            "country",
            ["goal==Signup", "channel==Direct", "vital==lcp"],
            "not kept of country and vital",
            Code.NOT_CROSSED,
        ),
        ("page", ["goal==Signup", "vital==lcp"], "not kept of page and vital together", Code.NOT_CROSSED),
        ("page", ["country==DE"], "not crossed", Code.NOT_CROSSED),
        ("visitor", [], "by='visitor' is not known", Code.UNKNOWN_DIMENSION),
        ("page", ["page"], "cannot be read", Code.BAD_FILTER),
        ("page", ["page==/a;country==DE"], "holds several conditions", Code.BAD_FILTER),
        ("page", ["page=~^/a; page!=b"], "holds several conditions", Code.BAD_FILTER),
    ],
)
def test_what_the_rollups_do_not_hold_is_refused(by: str, filters: list[str], told: str, code: Code) -> None:
    with pytest.raises(BadQuery, match=told) as caught:
        ask(by, *filters)
    assert caught.value.code == code


@pytest.mark.parametrize("more", [{"limit": 0}, {"limit": 10**6}, {"metrics": ["sum(1)"]}])
def test_numbers_and_metrics_out_of_bounds_are_refused(more: dict[str, object]) -> None:
    with pytest.raises(BadQuery):
        ask("page", **more)


@pytest.mark.parametrize(
    "value", ["/a;b", "/a;x==b", "/a;page==b", "/a; page~b", r"\;page==b", r"/\;x", "a;page==b;event!~c"]
)
def test_a_semicolon_is_a_part_of_a_value_and_survives_its_text(value: str) -> None:
    one = Filter("page", "==", value)
    assert Filter.parse(one.text) == one == Filter.of("page", "==", value)
    assert ask("page", one.text).filters == (one,)


def test_values_reach_sql_as_parameters_only() -> None:
    filters = ask("page", "page==x' OR 1|y", "page~}'{").filters
    span = Span("s", DAY, DAY, frozenset())
    sql, parameters = condition_of(Read("cells", span, DAY, values=("page",), filters=filters))
    assert sql == (
        "dimension = 'page' AND value IN {filter_0:Array(String)} AND "
        "(positionCaseInsensitiveUTF8(value, {filter_1:String}) > 0 AND value != '(other)')"
    )
    assert parameters == {"filter_0": ["x' OR 1", "y"], "filter_1": "}'{"}


def test_several_sites_are_refused_alike_by_questions_interface_and_pages(client: Any) -> None:
    with pytest.raises(BadQuery, match="ask for one at a time") as refused:
        Query(("a.example", "b.example"), Period(DAY, DAY, ""))
    assert refused.value.code is Code.NOT_CROSSED
    answer = client.get("/api/sites/a.example,b.example/stats")
    assert (answer.status_code, answer.json()["code"]) == (400, "not_crossed")
    page = client.get("/sites/a.example,b.example")
    assert (page.status_code, "are not added up" in page.text) == (400, True)


def test_patterns_are_read_and_refused_before_the_store_sees_them() -> None:
    assert Filter.parse("page=~^/blog/[0-9]+$") == Filter("page", "=~", "^/blog/[0-9]+$")
    assert Filter.parse("page=!~a|b") == Filter("page", "=!~", "a|b")
    assert Filter.parse("page!=~x") == Filter("page", "!=", "~x")
    for pattern in ("(", "a(?=b)", r"(a)\1", "((a{100}){100}){100}"):
        with pytest.raises(BadQuery, match="patterns are those of RE2") as refused:
            Filter.parse(f"page=~{pattern}")
        assert refused.value.code is Code.BAD_FILTER
    sql, bound = Filter.parse("page=!~x' OR 1").sql("value", "filter_0")
    assert (sql, bound) == (
        "(NOT match(value, {filter_0:String}) AND value != '(other)')",
        {"filter_0": "x' OR 1"},
    )
    assert Filter.parse("page=~^/b").keeps("/blog")
    assert Filter.parse("page=!~^/b").keeps("/a/b")


@pytest.mark.parametrize("more", [{"offset": -1}, {"offset": 9_901}, {"offset": 1, "limit": 10_000}])
def test_an_offset_has_bounds(more: dict[str, object]) -> None:
    with pytest.raises(BadQuery, match="offset=") as refused:
        ask("page", **more)
    assert refused.value.code is Code.TOO_MUCH
    with pytest.raises(BadQuery, match="rows by week are told whole"):
        ask("week", offset=1)
