"""The pixel for pages without scripts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.service import Collector
from collector.wire.base import Format
from collector.wire.pixel import Pixel
from tests.collector.wire import GOOGLEBOT, asked, takes

HERE = [("referer", "https://a.example/here?utm_source=s")]


def pixel(_: Collector) -> Format:
    return Pixel()


@pytest.mark.parametrize(
    ("query", "headers", "status", "reason", "stored"),
    [
        ({"d": "a.example", "u": "https://a.example/x"}, (), 200, None, [("a.example", "/x")]),
        ({"u": "https://b.example/x"}, (), 200, None, [("b.example", "/x")]),
        ({"d": "a.example"}, HERE, 200, None, [("a.example", "/here")]),
        ({}, HERE, 200, None, [("a.example", "/here")]),
        ({"d": "a.example", "u": "https://a.example/x"}, HERE, 200, None, [("a.example", "/x")]),
        ({"d": "a.example,b.example"}, HERE, 200, None, [("a.example", "/here"), ("b.example", "/here")]),
        ({"d": "a.example"}, [*HERE, ("dnt", "1")], 200, None, []),
        ({"d": "a.example"}, [*HERE, ("user-agent", GOOGLEBOT)], 200, "bot", []),
        ({"d": "a.example"}, [*HERE, ("user-agent", "Mozilla/5.0 (via ggpht.com GoogleImageProxy)")], 200, "bot", []),
        ({"d": "a.example"}, [*HERE, ("sec-purpose", "prefetch")], 200, "prefetch", []),
        ({"d": "other.example"}, HERE, 200, "unknown_site", []),
        ({"d": "a.example"}, (), 400, "no_url", []),
        ({"d": ""}, HERE, 400, "no_domain", []),
        (
            {"d": "a.example", "u": "https://a.example/" + "ab/" * 700},
            (),
            200,
            None,
            [("a.example", "/" + "ab/" * 166 + "a")],
        ),
        ({"d": "a.example", "u": "data:x"}, (), 400, "bad_url", []),
    ],
)
def test_it_is_always_a_picture(
    tmp_path: Path, query: Any, headers: Any, status: int, reason: str | None, stored: list[tuple[str, str]]
) -> None:
    answer, events = asked(tmp_path, pixel, query, headers=headers)
    assert (answer.status, answer.header("x-footfall-reason")) == (status, reason)
    assert (len(answer.body), answer.header("content-type")) == (43, "image/gif")
    assert (answer.header("cache-control"), answer.header("etag")) == ("no-store", None)
    assert [(event.site, event.path) for event in events] == stored


def test_it_brings_the_referrer_and_the_language_of_the_page(tmp_path: Path) -> None:
    _, (event,) = asked(tmp_path, pixel, {"r": "https://news.example/story", "lang": "de-CH"}, headers=HERE)
    assert (event.name, event.referrer, event.utm_source) == ("pageview", "news.example", "s")
    assert event.page_language == "de"


@given(st.binary())
def test_bytes_of_any_kind_are_read_or_refused(query: bytes) -> None:
    takes(Pixel(), query=query)
    takes(Pixel(), query=b"u=https://a.example/&r=" + query)
