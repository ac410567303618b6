"""Fault 18: header floods are capped, smuggled requests are none, and X-Forwarded-For is believed from the right only.

`exclude.networks` tells whom a request counted for: the site leaves out 198.51.100.0/24 and 127.0.0.3.
"""

from __future__ import annotations

import contextlib
import json

import pytest

from tests.faults.raw import BEACON, Raw, asked, memory_of, request
from tests.house import AGENT, Running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]
SMUGGLED = b"POST /api/event HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}"


# -- floods --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        [f"X-{number}: a" for number in range(10_000)],
        ["X-Long: " + "a" * 1_000_000],
        ["X" * 100_000 + ": a"],
        ["Cookie: " + "a=b; " * 20_000],
        ["X-Forwarded-For: " + "198.51.100.7, " * 20_000 + "198.51.100.7"],
    ],
    ids=["many", "long", "name", "cookies", "hops"],
)
def test_a_header_flood_is_capped(raw_house: Running, headers: list[str]) -> None:
    [worker] = raw_house.children("collector")
    before = memory_of(worker)
    with Raw(raw_house.port) as connection:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.send(request(BEACON, *headers))
        answered = connection.closed()
    assert answered[:12] in (b"HTTP/1.1 431", b"")  # a reset overtook the answer
    assert memory_of(worker) - before < 8 * 1024 * 1024
    assert asked(raw_house.port, request()).status == 202


def test_fields_after_a_chunked_body_are_not_gathered(raw_house: Running) -> None:
    body = b"%x\r\n%s\r\n0\r\n" % (len(BEACON), BEACON) + b"".join(b"X-%d: a\r\n" % n for n in range(1000)) + b"\r\n"
    with Raw(raw_house.port) as connection:
        connection.send(request(body, "Transfer-Encoding: chunked", length=""))
        assert b" 202 " not in connection.closed()


# -- smuggling -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "length"),
    [
        (["Content-Length: 5"], len(BEACON)),
        (["Transfer-Encoding: chunked"], 4),
        (["Transfer-Encoding : chunked"], 4),
        (["Transfer-Encoding: xchunked"], ""),
        (["Transfer-Encoding: chunked, identity"], ""),
        (["Transfer-Encoding:\x0bchunked"], ""),
        (["X: a\r\n Content-Length: 0"], 4),
        (["X: a\nTransfer-Encoding: chunked"], 4),
        (["X: a\rTransfer-Encoding: chunked"], 4),
        (["Content-Length : 3"], ""),
    ],
)
def test_a_request_whose_end_is_disputed_hides_no_other(
    raw_house: Running, headers: list[str], length: int | str
) -> None:
    """What a proxy before us may read otherwise is refused and closed, or the whole rest is one body."""
    body = b"0\r\n\r\n" + SMUGGLED
    with Raw(raw_house.port) as connection:
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            connection.send(request(body, *headers, length=length))
        answered = connection.closed()
    assert answered.count(b"HTTP/1.1 ") <= 1
    assert b" 202 " not in answered
    assert b"no_name" not in answered, "the smuggled request was answered"


def test_two_requests_that_are_two_are_both_answered(raw_house: Running) -> None:
    with Raw(raw_house.port) as connection:
        connection.send(request() + request())
        assert [connection.answer().status for _ in range(2)] == [202, 202]


# -- duplicates ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "headers",
    [
        ["Sec-GPC: 0", "Sec-GPC: 1"],
        ["Sec-GPC: 1", "Sec-GPC: 0"],
        ["DNT: 1", "DNT: 0"],
        ["dnt: 0", "dNt: 1"],
    ],
)
def test_of_several_signals_any_holds_and_is_answered_like_acceptance(raw_house: Running, headers: list[str]) -> None:
    plain = asked(raw_house.port, request())
    # Left out by its network otherwise: the signal is decided before the address is read.
    excluded = asked(raw_house.port, request(BEACON, *headers, "X-Forwarded-For: 198.51.100.7"))
    told = {name: value for name, value in excluded.headers.items() if name != "date"}
    assert (excluded.status, excluded.body) == (plain.status, plain.body) == (202, b"ok")
    assert told == {name: value for name, value in plain.headers.items() if name != "date"}


@pytest.mark.parametrize("name", ["User-Agent", "Accept-Language", "Origin", "Host", "Content-Type", "Cookie"])
def test_a_header_that_comes_twice_breaks_nothing(raw_house: Running, name: str) -> None:
    answer = asked(raw_house.port, request(BEACON, f"{name}: a", f"{name}: \xff\xfe"))
    assert answer.status in (202, 400)


# -- X-Forwarded-For -----------------------------------------------------------------------------------------------


def outcome(house: Running, *headers: str, here: str = "127.0.0.1") -> str:
    """What becomes of a request with these headers, as its sender may ask: a beacon's answer does not tell whom it
    counted for."""
    lines = ["GET /privacy/me?site=example.com HTTP/1.1", "Host: x", f"User-Agent: {AGENT.format(140)}", *headers]
    answer = asked(house.port, "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n", here)
    assert answer.status == 200
    return str(json.loads(answer.body)["outcome"])


def forwarded_for(*chains: str) -> list[str]:
    return [f"X-Forwarded-For: {chain}" for chain in chains]


@pytest.mark.parametrize(
    ("forwarded", "told"),
    [
        (["198.51.100.7"], "network"),
        (["203.0.113.9, 198.51.100.7"], "network"),
        # Left of what our proxy wrote anybody may have written anything.
        (["198.51.100.7, 203.0.113.9"], "recorded"),
        (["198.51.100.7", "203.0.113.9"], "recorded"),
        (["203.0.113.9", "198.51.100.7"], "network"),
        # Our own proxies are passed over from the right.
        (["198.51.100.7, 10.0.0.5, 127.0.0.1"], "network"),
        (["203.0.113.9, 10.0.0.5"], "recorded"),
        (["[::ffff:198.51.100.7]:4711"], "network"),
        (["198.51.100.7:4711"], "network"),
        # Garbage ends it: what stands left of it was written by nobody we know, and the proxy is nobody's visitor.
        (["198.51.100.7, garbage"], "no_address"),
        (["198.51.100.7, "], "no_address"),
        (["'; DROP TABLE events; --"], "no_address"),
        (["198.51.100.7, \xff\xfe"], "no_address"),
    ],
)
def test_a_named_proxy_is_believed_from_the_right(raw_house: Running, forwarded: list[str], told: str) -> None:
    assert outcome(raw_house, *forwarded_for(*forwarded)) == told
    answer = asked(raw_house.port, request(BEACON, *forwarded_for(*forwarded)))
    assert answer.status == 202
    assert answer.headers.get("x-footfall-reason", "") == (told if told == "no_address" else "")


def test_who_is_no_named_proxy_speaks_for_himself_alone(raw_house: Running) -> None:
    assert outcome(raw_house, *forwarded_for("198.51.100.7"), here="127.0.0.2") == "recorded"
    assert outcome(raw_house, here="127.0.0.3") == "network"
    assert outcome(raw_house, *forwarded_for("203.0.113.9"), here="127.0.0.3") == "network"


@pytest.mark.parametrize("header", ["X-Real-IP", "Forwarded", "CF-Connecting-IP", "True-Client-IP", "X-Client-IP"])
def test_no_other_header_speaks_for_an_address(raw_house: Running, header: str) -> None:
    value = "for=203.0.113.9" if header == "Forwarded" else "203.0.113.9"
    assert outcome(raw_house, f"{header}: {value}", "X-Forwarded-For: 198.51.100.7") == "network"
