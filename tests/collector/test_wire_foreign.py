"""What the wire formats have in common: where a URL that is too long is cut."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.enrich.page import Page
from collector.enrich.referrer import traffic_source_of
from collector.model import Arrival
from collector.text.cut import cut
from collector.wire.base import Incoming
from collector.wire.goatcounter import GoatCounter
from collector.wire.matomo import Matomo
from collector.wire.pixel import Pixel
from collector.wire.plausible import Plausible
from collector.wire.server_api import ServerEvents
from collector.wire.umami import Umami
from collector.wire.values import MAX_URL, bounded
from tests.collector.wire import incoming

NEWS = "https://news.example/"
BODY = {"name": "pageview", "url": "https://a.example/", "domain": "a.example"}
VISITOR = {"address": "203.0.113.9", "agent": "x", "do_not_track": None, "global_privacy_control": None}


class Token:
    """Any token holds."""

    def site_of(self, token: str) -> str:
        return "a.example"


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        ("", ""),
        (NEWS + "x" * (MAX_URL - len(NEWS)), NEWS + "x" * (MAX_URL - len(NEWS))),
        (NEWS + "x" * MAX_URL, NEWS + "x" * (MAX_URL - len(NEWS))),
        (NEWS + "#" + "x" * MAX_URL, NEWS),
        (NEWS + "a?b=" + "x" * MAX_URL, NEWS + "a?"),
        (NEWS + "a?b=1&c=" + "é" * MAX_URL, NEWS + "a?b=1"),
    ],
    ids=lambda url: url[:40],
)
def test_of_a_url_longer_than_any_only_whole_parameters_are_read(url: str, kept: str) -> None:
    assert bounded(url) == kept


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("short", "short"),
        ("a/b/" + "x" * 99, "a/b/"),
        ("write to anna.schmidt@example.com " + "x" * 70, "write to anna.schmidt@example.com "),
        ("write to anna.schmidt@" + "x" * 99, "write to "),
        ("é" * 51, ""),
        ("x" * 101, ""),
        ("a " * 50 + "b", "a " * 50),
        ("a " * 49 + "bc", "a " * 49 + "bc"),
        ("a " * 49 + "bcd", "a " * 49),
    ],
)
def test_no_word_is_cut_in_two(text: str, kept: str) -> None:
    assert cut(text, 100) == kept


@given(st.text(alphabet="ab@é/?&#:% ", max_size=400), st.integers(min_value=0, max_value=1000))
def test_a_text_of_any_kind_is_cut_once_and_within_its_limit(text: str, most: int) -> None:
    short = cut(text, most)
    assert text.startswith(short)
    assert len(short.encode()) <= most
    assert cut(short, most) == short


@pytest.mark.parametrize(
    ("format_", "asked"),
    [
        (Plausible(), lambda url: incoming(json.dumps(BODY | {"referrer": url}).encode())),
        (
            Umami(),
            lambda url: incoming(
                json.dumps({"type": "event", "payload": {"website": "a.example", "url": "/", "referrer": url}}).encode()
            ),
        ),
        (
            Matomo(),
            lambda url: incoming(query=urlencode({"idsite": 1, "rec": 1, "url": BODY["url"], "urlref": url}).encode()),
        ),
        (
            GoatCounter({}),
            lambda url: incoming(query=urlencode({"p": "/", "r": url}).encode(), path={"site": "a.example"}),
        ),
        (Pixel(), lambda url: incoming(query=urlencode({"d": "a.example", "u": BODY["url"], "r": url}).encode())),
        (
            ServerEvents(Token()),  # type: ignore[arg-type]
            lambda url: incoming(
                json.dumps({"name": "pageview", "url": BODY["url"], "visitor": VISITOR, "referrer": url}).encode()
            ),
        ),
    ],
    ids=lambda value: type(value).__name__ if hasattr(value, "read") else "",
)
def test_of_a_long_referrer_the_host_is_told_and_no_address_is_cut_in_two(format_: Any, asked: Any) -> None:
    def stored(url: str) -> tuple[str, str]:
        request: Incoming = asked(url)
        (found,) = format_.read(request)
        assert isinstance(found, Arrival)
        came = traffic_source_of(found.beacon.referrer, Page("a.example", "/"), frozenset(), keep_path=True)
        return came.referrer.partition("/")[0], came.referrer

    for before in range(1960, 2010):
        host, whole = stored(NEWS + "x/" * (before // 2) + "anna.schmidt@example.com")
        assert host == "news.example"
        assert "anna" not in whole
    # Marks that are seen nowhere: what is read is so short that its end would be stored.
    assert stored(NEWS + "%C2%AD" * 330 + "anna.schmidt%40example.com/" + "y" * 2000)[1].count("anna") == 0
    assert stored("https://anna.schmidt:" + "x" * MAX_URL + "@news.example/")[1] == ""
    assert stored(NEWS + "a?" + "b" * 5000)[1] == "news.example/a"
