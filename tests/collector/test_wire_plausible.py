"""Plausible's wire format: every row of its table that test_endpoint.py and test_values.py do not hold already."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.service import Collector
from collector.wire.base import Format
from collector.wire.plausible import Plausible
from tests.collector.test_endpoint import PAGEVIEW
from tests.collector.wire import GOOGLEBOT, VALUES, asked, takes


def plausible(_: Collector) -> Format:
    return Plausible()


@pytest.mark.parametrize(
    ("body", "headers", "status", "dropped"),
    [
        (PAGEVIEW, (), 202, None),
        (PAGEVIEW, [("user-agent", GOOGLEBOT)], 202, "1"),
        (PAGEVIEW | {"d": "nobody.example"}, (), 202, "1"),
        (PAGEVIEW | {"r": "https://semalt.com/"}, (), 202, "1"),
        (PAGEVIEW, [("dnt", "1")], 202, None),
        (PAGEVIEW | {"u": ""}, (), 400, None),
        (PAGEVIEW | {"n": "n" * 121}, (), 400, None),
        (PAGEVIEW | {"n": 404}, (), 202, None),
        # What was read, and then turned out to be no page.
        (PAGEVIEW | {"u": "data:text/html,x"}, (), 400, "1"),
        # Plausible refuses the next three: what of them is over its limit is lost, and not the visit.
        (PAGEVIEW | {"u": "https://a.example/" + "x" * 3000}, (), 202, None),
        (PAGEVIEW | {"u": "https://a.example/?gclid=" + "x" * 3000}, (), 202, None),
        (PAGEVIEW | {"p": {"url": "https://b.example/?" + "x" * 3000}}, (), 202, None),
        (PAGEVIEW | {"p": {" ": "x"}}, (), 400, None),
    ],
)
def test_the_table_of_answers(tmp_path: Path, body: Any, headers: Any, status: int, dropped: str | None) -> None:
    answer, _ = asked(tmp_path, plausible, "", body, headers, "POST")
    assert (answer.status, answer.header("x-plausible-dropped")) == (status, dropped)
    assert answer.body == b"ok" if status == 202 else json.loads(answer.body)["errors"]


@pytest.mark.parametrize(
    "body",
    [
        {"n": "pageview", "u": "https://a.example/a?utm_source=letter", "d": "a.example", "r": "https://news.example/"},
        {"name": "pageview", "url": "https://a.example/a?utm_source=letter", "domain": "a.example", "referrer": "x"},
    ],
)
def test_short_and_long_names_say_the_same(tmp_path: Path, body: Any) -> None:
    _, (event,) = asked(tmp_path, plausible, "", body, method="POST")
    assert (event.name, event.path, event.source) == ("pageview", "/a", "letter")


def test_an_engagement_report(tmp_path: Path) -> None:
    body = PAGEVIEW | {"n": "engagement", "sd": "171", "e": 8123, "v": 33}
    _, (event,) = asked(tmp_path, plausible, "", body, method="POST")
    assert (event.name, event.scroll, event.engaged_ms) == ("engagement", 100, 8123)


@given(VALUES)
def test_json_of_any_shape_is_read_or_refused(value: Any) -> None:
    for body in (value, [value], PAGEVIEW | {"n": value}, PAGEVIEW | {"p": value, "$": value, "u": value, "d": value}):
        takes(Plausible(), json.dumps(body).encode())


@given(st.binary())
def test_bytes_of_any_kind_are_read_or_refused(body: bytes) -> None:
    takes(Plausible(), body)
