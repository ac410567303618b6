"""What the wire formats have in common: where a URL that is too long is cut."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.beacon import MAX_URL, shortened
from collector.format import Arrival, Incoming
from collector.formats.goatcounter import GoatCounter
from collector.formats.matomo import Matomo
from collector.formats.pixel import Pixel
from collector.formats.plausible import Plausible
from collector.formats.server import ServerEvents
from collector.formats.umami import Umami
from tests.collector.formats import incoming

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
        (NEWS + "x" * MAX_URL, NEWS + ":scrubbed"),
        (NEWS + "é" * (MAX_URL // 2), NEWS + ":scrubbed"),
        (NEWS + "a/b/" * MAX_URL, NEWS + ":scrubbed"),
        (NEWS + "a?b=" + "x" * MAX_URL, NEWS + "a?"),
        (NEWS + "a?b=1&c=" + "é" * MAX_URL, NEWS + "a?b=1"),
        # A parameter that ends where the limit is is whole.
        (NEWS + "?" + "x" * (MAX_URL - len(NEWS) - 1) + "&c=1", NEWS + "?" + "x" * (MAX_URL - len(NEWS) - 1)),
        # Half a user name would pass for a host.
        ("https://anna.schmidt:" + "x" * MAX_URL + "@news.example/", ""),
        ("https://" + "x" * MAX_URL, ""),
        ("x" * MAX_URL + "y", ""),
    ],
)
def test_of_a_url_that_is_too_long_only_whole_parts_are_kept(url: str, kept: str) -> None:
    assert shortened(url) == kept


@given(st.text(alphabet="ab@é/?&#:%", max_size=40), st.integers(min_value=1, max_value=200))
def test_a_url_of_any_kind_is_within_the_limit_and_stays_as_it_is(text: str, times: int) -> None:
    url = f"https:/{text * times}"
    short = shortened(url)
    assert len(short.encode()) <= MAX_URL
    assert shortened(short) == short
    assert short == url or len(url.encode()) > MAX_URL


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
def test_no_format_cuts_a_referrer_within_an_address(format_: Any, asked: Any) -> None:
    def referrer(url: str) -> str:
        request: Incoming = asked(url)
        (found,) = format_.read(request)
        assert isinstance(found, Arrival)
        return found.beacon.referrer

    path = NEWS + "x" * (MAX_URL - len(NEWS) - len("anna.schmidt")) + "anna.schmidt@example.com"
    assert referrer(path) == NEWS + ":scrubbed"
    assert referrer("https://anna.schmidt:" + "x" * MAX_URL + "@news.example/") == ""
    assert referrer(NEWS + "a?b=1") == NEWS + "a?b=1"
