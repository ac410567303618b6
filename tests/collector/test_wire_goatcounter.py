"""GoatCounter's wire format: every row of its table."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.service import Collector
from collector.wire.base import Format
from collector.wire.goatcounter import GoatCounter
from tests.collector.wire import GOOGLEBOT, asked, blocked, takes

FROM_PAGE = [("referer", "https://a.example/here")]
AT = {"site": "a.example"}


def goat(collector: Collector) -> Format:
    return GoatCounter(collector.rules)


def alone(collector: Collector) -> Format:
    return GoatCounter({"a.example": collector.rules["a.example"]})


@pytest.mark.parametrize(
    ("query", "headers", "status", "reason", "path"),
    [
        ({}, (), 400, "no_url", None),
        ({"p": ""}, (), 400, "no_url", None),
        ({"p": "/foo.html", "s": "xxx"}, (), 400, "bad_body", None),
        ({"p": "/foo.html"}, (), 200, None, "/foo.html"),
        ({"p": "foo.html"}, (), 200, None, "/foo.html"),
        ({"p": "/foo.html", "t": "Title", "rnd": "x", "ns": "1"}, (), 200, None, "/foo.html"),
        ({"p": "/foo.html", "b": "0", "e": "false"}, (), 200, None, "/foo.html"),
        ({"p": "/foo.html", "b": "150"}, (), 200, "headless", None),
        ({"p": "/foo.html", "b": "153"}, (), 200, "headless", None),
        ({"p": "/foo.html", "b": "100"}, (), 400, "bad_body", None),
        ({"p": "/foo.html", "b": "1"}, (), 400, "bad_body", None),
        ({"p": "/foo.html", "b": "x"}, (), 400, "bad_body", None),
        ({"p": "/foo.html", "e": "perhaps"}, (), 400, "bad_body", None),
        ({"p": "/foo.html"}, [("user-agent", GOOGLEBOT)], 200, "bot", None),
        ({"p": "/" + "ab/" * 600}, (), 200, None, "/" + "ab/" * 166 + "a"),
        # GoatCounter refuses what is longer than 2,048 bytes.
        ({"p": "/" + "ab/" * 700}, (), 200, None, "/" + "ab/" * 166 + "a"),
        ({"p": "/" + "éa/" * 2000}, (), 200, None, "/" + "éa/" * 166 + "é"),
        ({"p": "/foo.html"}, [("purpose", "prefetch")], 200, "prefetch", None),
        ({"p": "/foo.html"}, [("dnt", "1")], 200, None, None),
        ({"p": " ", "e": "1"}, (), 400, "no_url", None),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_table_of_answers(
    tmp_path: Path, query: Any, headers: Any, status: int, reason: str | None, path: str | None, method: str
) -> None:
    answer, events = asked(tmp_path, goat, query, b"", [*FROM_PAGE, *headers], method)
    assert (answer.status, answer.header("x-footfall-reason")) == (status, reason)
    assert (answer.header("x-goatcounter") is None) is (reason is None)
    assert (len(answer.body), answer.header("content-type")) == (43, "image/gif")
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("cross-origin-resource-policy") == "cross-origin"
    assert answer.header("cache-control") == "no-store"
    assert [event.path for event in events] == ([path] if path else [])


def test_an_address_that_the_site_leaves_out_is_answered_like_any_other(tmp_path: Path) -> None:
    answer, events = asked(tmp_path / "out", blocked(goat), {"p": "/"}, headers=FROM_PAGE)
    assert events == []
    assert answer == asked(tmp_path / "in", goat, {"p": "/"}, headers=FROM_PAGE)[0]


def test_a_network_that_sends_too_much(tmp_path: Path) -> None:
    class Full:
        def admits(self, number: int) -> bool:
            return False

    def full(collector: Collector) -> Format:
        collector._limit = Full()
        return goat(collector)

    answer, events = asked(tmp_path, full, {"p": "/"}, headers=FROM_PAGE)
    assert (answer.status, len(answer.body), answer.header("x-footfall-reason"), events) == (429, 43, "throttled", [])


def test_an_event_is_named_by_its_path(tmp_path: Path) -> None:
    _, (event,) = asked(tmp_path, goat, {"p": "foo.html", "e": "true"}, headers=FROM_PAGE)
    assert (event.name, event.path, event.hostname) == ("foo.html", "/here", "a.example")


@pytest.mark.parametrize(
    ("query", "source", "kept"),
    [
        ({"p": "/foo.html?utm_source=b&c=d"}, "b", "utm_source=b"),
        ({"p": "/foo.html", "q": "ref=AAA"}, "AAA", "ref=AAA"),
        ({"p": "/foo.html", "q": "?ref=AAA"}, "AAA", "ref=AAA"),
        ({"p": "/foo.html?x=1", "q": "ref=AAA"}, "AAA", "ref=AAA"),
        ({"p": "/foo.html?ref=AAA"}, "AAA", "ref=AAA"),
        ({"p": "/foo.html", "r": "https://news.example?p=x"}, "news.example", ""),
        ({"p": "/foo.html", "r": "example"}, "", ""),
        ({"p": "/foo.html", "r": "https://a.example/other"}, "", ""),
    ],
)
def test_where_the_visit_comes_from(tmp_path: Path, query: Any, source: str, kept: str) -> None:
    _, (event,) = asked(tmp_path, goat, query, headers=FROM_PAGE)
    assert (event.path, event.source, event.query) == ("/foo.html", source, kept)


def test_an_events_name_loses_what_is_over_its_limit(tmp_path: Path) -> None:
    for name, kept in (
        ("no " * 50, "no " * 40),
        ("né " * 50, "né " * 40),
        ("a " * 55 + "anna@example.com", "a " * 55 + ":email"),
        ("a " * 58 + "anna@example.com", "a " * 58 + ":ema"),
    ):
        _, events = asked(tmp_path, goat, {"p": name, "e": "1"}, headers=FROM_PAGE)
        assert events[-1].name == kept


def test_no_cut_lays_half_an_address_bare(tmp_path: Path) -> None:
    for before in (1900, 1950, 1980, 65_480, 65_500):
        for more in (
            "utm_source=b&x={}&utm_content=anna.schmidt%40example.com",
            "utm_source=b&utm_content={}anna.schmidt@example.com",
            "utm_source=b&utm_content={}%20anna.schmidt@example.com",
        ):
            query = {"p": "/a", "q": more.format("y" * before)}
            _, events = asked(tmp_path, goat, query, headers=FROM_PAGE)
            assert events[-1].source == "b"
            assert "anna" not in events[-1].query


@pytest.mark.parametrize("size", ["1920", "1920,1080", "1920,1080,2", "1920.5,1080,1.25"])
def test_the_screens_width(tmp_path: Path, size: str) -> None:
    _, (event,) = asked(tmp_path, goat, {"p": "/", "s": size}, headers=FROM_PAGE)
    assert event.screen == "XL"


@pytest.mark.parametrize(
    ("make", "path", "headers", "site", "hostname"),
    [
        (goat, None, [("origin", "https://www.alias.example")], "a.example", "alias.example"),
        (goat, None, [("origin", "https://b.example:8443")], "b.example", "b.example"),
        (goat, None, [("referer", "https://a.example/x"), ("origin", "https://b.example")], "a.example", "a.example"),
        (goat, AT, [("origin", "https://other.example")], "a.example", "other.example"),
        (goat, {"site": "7"}, [], "a.example", "a.example"),
        (goat, {"site": "www.A.example"}, [], "a.example", "a.example"),
        (alone, None, [], "a.example", "a.example"),
        (alone, None, [("origin", "null")], "a.example", "a.example"),
        (alone, None, [("origin", "https://other.example")], "a.example", "other.example"),
    ],
)
def test_which_site_it_is(tmp_path: Path, make: Any, path: Any, headers: Any, site: str, hostname: str) -> None:
    answer, (event,) = asked(tmp_path, make, {"p": "/"}, headers=headers, path=path)
    assert (answer.status, event.site, event.hostname) == (200, site, hostname)


@pytest.mark.parametrize(
    ("path", "headers", "reason"),
    [
        (None, [], "no_domain"),
        (None, [("origin", "https://other.example")], "no_domain"),
        ({"site": "other.example"}, FROM_PAGE, "unknown_site"),
    ],
)
def test_an_unknown_site_is_told(tmp_path: Path, path: Any, headers: Any, reason: str) -> None:
    answer, events = asked(tmp_path, goat, {"p": "/"}, headers=headers, path=path)
    assert (answer.status, answer.header("x-footfall-reason"), events) == (400, reason, [])
    assert answer.header("x-goatcounter")


@given(st.dictionaries(st.sampled_from(["p", "t", "r", "e", "q", "s", "b", "ns", "rnd"]), st.text()))
def test_parameters_of_any_kind_are_read_or_refused(said: dict[str, str]) -> None:
    query = "&".join(f"{name}={value}" for name, value in said.items()).encode("utf-8", "replace")
    takes(GoatCounter({}), query=query, path=AT)
    takes(GoatCounter({}), query=b"p=x&" + query, path=AT)


@given(st.binary())
def test_bytes_of_any_kind_are_read_or_refused(query: bytes) -> None:
    takes(GoatCounter({}), query=query, path=AT)
