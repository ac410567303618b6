"""Umami's wire format: every row of its table, and what is never believed or told."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model import Arrival
from collector.service import Collector
from collector.wire.base import Format
from collector.wire.umami import MAX_BATCH, Umami, UmamiBatch
from collector.wire.values import MAX_KEY, MAX_PROPS
from schema.event import NOT_MEASURED
from tests.collector.test_endpoint import House, run, stored
from tests.collector.wire import GOOGLEBOT, UUID, VALUES, asked, blocked, incoming, send, takes

PAYLOAD = {
    "website": UUID,
    "hostname": "a.example",
    "url": "/x",
    "screen": "1920x1080",
    "language": "de-AT",
    "title": "A title",
    "referrer": "https://news.example/story",
}
NOBODY = "00000000-0000-0000-0000-000000000000"
ACCEPTED = {"cache": "footfall", "sessionId": NOBODY, "visitId": NOBODY}


def one(_: Collector) -> Format:
    return Umami()


def many(_: Collector) -> Format:
    return UmamiBatch()


def sent(kind: str = "event", **more: Any) -> dict[str, Any]:
    return {"type": kind, "payload": PAYLOAD | more}


@pytest.mark.parametrize(
    ("body", "headers", "status", "said", "events"),
    [
        (sent(), (), 200, ACCEPTED, 1),
        (sent(), [("x-umami-cache", "footfall")], 200, ACCEPTED, 1),
        (sent("identify", data={"plan": "pro"}), (), 200, ACCEPTED, 0),
        (sent("performance", lcp=1200), (), 200, ACCEPTED, 1),
        (sent(), [("user-agent", GOOGLEBOT)], 200, {"beep": "boop"}, 0),
        (sent(), [("user-agent", "curl/8.5")], 200, {"beep": "boop"}, 0),
        (sent(), [("purpose", "prefetch")], 200, {"beep": "boop"}, 0),
        (sent(), [("dnt", "1")], 200, ACCEPTED, 0),
        (sent(), [("sec-gpc", "1")], 200, ACCEPTED, 0),
        (sent(website="5b6c2e04-0000-4000-8000-000000000000"), (), 400, None, 0),
        (sent(website="5b6c2e04-0000-4000-8000-000000000000"), [("user-agent", GOOGLEBOT)], 400, None, 0),
        (sent(website=None), (), 400, None, 0),
        (sent("pageview"), (), 400, None, 0),
        (sent(hostname="h" * 101), (), 400, None, 0),
        (sent(screen="1" * 12), (), 400, None, 0),
        (sent(tag="t" * 51), (), 400, None, 0),
        (sent(data=[1]), (), 400, None, 0),
        (sent(url="data:text/html,x"), (), 400, None, 0),
        (sent("performance"), (), 400, None, 0),
        ({"type": "event"}, (), 400, None, 0),
        ({"payload": PAYLOAD}, (), 400, None, 0),
        ([], (), 400, None, 0),
        (b"", (), 400, None, 0),
        (b"\xff", (), 400, None, 0),
        (b"[" * 5000, (), 400, None, 0),
    ],
)
def test_the_table_of_answers(
    tmp_path: Path, body: Any, headers: Any, status: int, said: dict[str, str] | None, events: int
) -> None:
    answer, found = asked(tmp_path, one, "", body, headers, "POST")
    assert (answer.status, answer.header("content-type"), len(found)) == (status, "application/json", events)
    decoded = json.loads(answer.body)
    assert decoded == said if said else decoded["error"]["status"] == 400


def test_an_address_that_the_site_leaves_out_is_answered_like_any_other(tmp_path: Path) -> None:
    answer, events = asked(tmp_path / "out", blocked(one), "", sent(), method="POST")
    assert events == []
    assert answer == asked(tmp_path / "in", one, "", sent(), method="POST")[0]


def test_a_page_view(tmp_path: Path) -> None:
    _, (event,) = asked(tmp_path, one, "", sent(tag="b"), method="POST")
    assert (event.site, event.name, event.hostname, event.path) == ("a.example", "pageview", "a.example", "/x")
    assert (event.referrer, event.screen, event.props, event.id) == ("news.example", "XL", {"tag": "b"}, 0)


@pytest.mark.parametrize(
    ("url", "hostname", "stored_as"),
    [
        ("https://a.example/y?utm_source=s", "other.example", ("a.example", "/y", "utm_source=s")),
        ("/y?utm_source=s#part", "a.example", ("a.example", "/y", "utm_source=s")),
        ("y", "a.example", ("a.example", "/y", "")),
        ("?q=1", "a.example", ("a.example", "/", "")),
        ("/two%2520words", "a.example", ("a.example", "/two words", "")),
        ("/two%20words", "a.example", ("a.example", "/two words", "")),
        (None, "a.example", ("a.example", "/", "")),
        ("/y", None, ("(none)", "/y", "")),
        (None, None, ("(none)", "/", "")),
    ],
)
def test_the_address_of_a_page(
    tmp_path: Path, url: str | None, hostname: str | None, stored_as: tuple[str, str, str]
) -> None:
    _, (event,) = asked(tmp_path, one, "", sent(url=url, hostname=hostname), method="POST")
    path = event.path.replace("%20", " ")
    assert (event.hostname, path, event.query) == stored_as


@pytest.mark.parametrize(
    ("data", "props"),
    [
        ({"plan": "pro", "seats": 3, "trial": False}, {"plan": "pro", "seats": "3", "trial": "false"}),
        ({"a": {"b": {"c": 1}}, "d": [1, 2], "e": None}, {"a.b.c": "1"}),
        ({"a": {"b": {"c": {"d": {"e": {"f": {"g": 1}}}}}}}, {}),
        ({str(number): number for number in range(40)}, {str(number): str(number) for number in range(30)}),
        ({}, {}),
        (None, {}),
    ],
)
def test_an_events_data_are_its_properties(tmp_path: Path, data: Any, props: dict[str, str]) -> None:
    _, (event,) = asked(tmp_path, one, "", sent(name="sign up", data=data), method="POST")
    assert (event.name, event.props) == ("sign up", props)


LETTERS = "abcdefghijklmnopqrstuvwxyz0123"


def nested(depth: int) -> Any:
    """Thirty to the power of that many leaves."""
    return {letter: nested(depth - 1) for letter in LETTERS} if depth else 1


@pytest.mark.parametrize(("room", "kept"), [(0, MAX_PROPS), (MAX_KEY - 6, MAX_PROPS), (80_000, 0)])
def test_nested_data_take_no_more_memory_than_the_body_that_brings_them(room: int, kept: int) -> None:
    # Every leaf's name begins with the long one, so the copies are as many times the body as there are leaves.
    body = json.dumps([sent(data={"K" * (room or 1): nested(3)})], separators=(",", ":")).encode()
    assert len(body) <= UmamiBatch.max_body
    tracemalloc.start()
    (found,) = UmamiBatch().read(incoming(body))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 20_000_000
    assert isinstance(found, Arrival)
    assert len(found.beacon.props) == kept


@pytest.mark.parametrize(
    ("given_", "path", "name", "props"),
    [
        ({"url": "/" + "ab/" * 700}, "/" + "ab/" * 166 + "a", "pageview", {}),
        ({"url": "/a?gclid=" + "x" * 3000}, "/a", "pageview", {}),
        ({"name": "no " * 41}, "/x", "no " * 40, {}),
        ({"name": "b", "data": {"k": "v " * 1000 + "www"}}, "/x", "b", {"k": "v " * 1000}),
        ({"name": "b", "data": {" ": "v", "\u200b": "v", "k" * 301: "v", "a": "v"}}, "/x", "b", {"a": "v"}),
        ({"url": "//a//b"}, "/a/b", "pageview", {}),
        ({"url": "//a//b", "hostname": None}, "/a/b", "pageview", {}),
        # Encoded twice by older trackers, and a percent sign of the page's own.
        ({"url": "/caf%25C3%25A9%2520bar"}, "/café bar", "pageview", {}),
        ({"url": "/100%25"}, "/100%", "pageview", {}),
        ({"url": "/100%25/50%25-off"}, "/100%/50%-off", "pageview", {}),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_over_a_limit_or_strange_costs_no_visit(
    tmp_path: Path, given_: Any, path: str, name: str, props: dict[str, str]
) -> None:
    answer, (event,) = asked(tmp_path, lambda _: Umami(), "", sent(**given_), method="POST")
    assert answer.status == 200
    assert (event.path, event.name, event.props) == (path, name, props)


def test_our_own_two_names_are_no_names_of_custom_events(tmp_path: Path) -> None:
    _, (event,) = asked(tmp_path, one, "", sent(name="engagement"), method="POST")
    assert event.name == "Engagement"


def test_performance_is_the_vitals_of_a_page(tmp_path: Path) -> None:
    body = sent("performance", lcp=1200.5, cls=0.02, fcp=800, ttfb=-3, inp="x")
    _, (event,) = asked(tmp_path, one, "", body, method="POST")
    assert (event.name, event.path, event.lcp, event.cls, event.fcp) == ("engagement", "/x", 1200.5, 0.02, 800)
    assert event.ttfb == event.inp == NOT_MEASURED
    assert event.engaged_ms == 0


def test_nothing_that_a_body_claims_of_its_sender_is_believed_and_no_session_is_told(tmp_path: Path) -> None:
    claims = {
        "ip": "198.51.100.7",
        "userAgent": GOOGLEBOT,
        "timestamp": 5,
        "browser": "x",
        "os": "x",
        "device": "x",
        "id": "anna",
        "vid": "b2b7",
        "language": "fr",
        "title": "x",
    }

    async def use(house: House) -> None:
        plain = await send(house, one, "", sent(), method="POST")
        claimed = await send(house, one, "", sent(**claims), [("x-umami-cache", "someone")], "POST")
        assert plain == claimed

    run(tmp_path, use)
    plain, claimed = stored(tmp_path)
    assert plain == claimed


def test_what_the_newest_script_sends(tmp_path: Path) -> None:
    more = {"url": "https://a.example/x#part", "referrer": "https://a.example/before", "tag": None, "vid": "b2b7"}
    answer, (event,) = asked(tmp_path, one, "", sent(**more), [("x-umami-cache", "")], "POST")
    assert isinstance(json.loads(answer.body)["cache"], str)
    assert (event.hostname, event.path, event.referrer, event.props) == ("a.example", "/x", "", {})


def test_a_page_of_another_origin_may_send_what_the_tracker_sends_back(tmp_path: Path) -> None:
    answer, _ = asked(tmp_path, one, method="OPTIONS")
    assert (answer.status, answer.header("access-control-allow-headers")) == (204, "Content-Type, X-Umami-Cache")


def test_a_batch_takes_what_is_well_formed_and_names_the_rest(tmp_path: Path) -> None:
    body = [sent(), sent("nothing"), sent("identify"), sent(website="unknown"), sent(name="signup"), 5]
    answer, events = asked(tmp_path, many, "", body, method="POST")
    said = json.loads(answer.body)
    assert (answer.status, said["size"], said["processed"], said["errors"]) == (200, 6, 3, 3)
    assert [detail["index"] for detail in said["details"]] == [1, 3, 5]
    assert said["cache"] == "footfall"
    assert [event.name for event in events] == ["pageview", "signup"]


def test_a_bot_in_a_batch_is_no_error(tmp_path: Path) -> None:
    answer, events = asked(tmp_path, many, "", [sent(), sent()], [("user-agent", GOOGLEBOT)], "POST")
    said = json.loads(answer.body)
    assert (said["size"], said["processed"], said["errors"], events) == (2, 2, 0, [])


@pytest.mark.parametrize("body", [[], [sent()] * (MAX_BATCH + 1), sent(), b"[1", b""])
def test_what_is_no_batch_is_refused_whole(tmp_path: Path, body: Any) -> None:
    answer, events = asked(tmp_path, many, "", body, method="POST")
    assert (answer.status, events) == (400, [])


@given(VALUES)
def test_json_of_any_shape_is_read_or_refused(value: Any) -> None:
    for body in (value, [value], {"type": "event", "payload": value}, sent(data={"x": value}, url=str(value))):
        encoded = json.dumps(body).encode()
        takes(Umami(), encoded)
        takes(UmamiBatch(), b"[%b]" % encoded)


@given(st.binary())
def test_bytes_of_any_kind_are_read_or_refused(body: bytes) -> None:
    takes(Umami(), body)
    takes(UmamiBatch(), body)
