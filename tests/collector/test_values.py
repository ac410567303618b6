"""Plausible's wire format, line by line; and whatever the bytes are, nothing but `Refused` is raised."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from collector.model import MAX_NAME, Beacon
from collector.outcome import Reason, Refused
from collector.wire.plausible import decode
from collector.wire.values import MAX_ID, MAX_KEY, MAX_PROPS, MAX_URL, MAX_VALUE, clean
from schema.event import NO_SCROLL
from tests.conftest import examples

LEAST = {"n": "pageview", "u": "https://example.com/a", "d": "example.com"}
LEFT = {**LEAST, "n": "engagement"}


def body(given_: dict[str, Any]) -> bytes:
    return json.dumps({name: value for name, value in given_.items() if value is not ...}).encode()


def refusal(raw: bytes) -> tuple[Reason, str, str]:
    with pytest.raises(Refused) as refused:
        decode(raw)
    return refused.value.reason, refused.value.field, refused.value.message


def test_the_least_beacon_is_a_name_a_url_and_a_domain() -> None:
    assert decode(body(LEAST)) == Beacon("pageview", "https://example.com/a", ("example.com",))


def test_a_trackers_whole_beacon_is_read() -> None:
    sent = LEAST | {
        "n": "Signup",
        "r": "https://news.ycombinator.com/",
        "h": 1,
        "p": {"plan": "three"},
        "i": False,
        "v": 33,
        "$": {"amount": "12.50", "currency": "eur"},
        "w": 1440,
        "tz": "Europe/Berlin",
        "lang": "de-CH",
        "id": "e-1",
    }
    assert decode(body(sent)) == Beacon(
        name="Signup",
        url="https://example.com/a",
        domains=("example.com",),
        referrer="https://news.ycombinator.com/",
        hash_mode=True,
        interactive=False,
        props={"plan": "three"},
        currency="EUR",
        amount=1250,
        width=1440,
        time_zone="Europe/Berlin",
        id="e-1",
        page_language="de-CH",
    )


@pytest.mark.parametrize(
    ("short", "long", "value", "attribute", "read"),
    [
        ("n", "name", "x", "name", "x"),
        ("u", "url", "https://b.example/", "url", "https://b.example/"),
        ("d", "domain", "b.example", "domains", ("b.example",)),
        ("r", "referrer", "https://r.example/", "referrer", "https://r.example/"),
        ("h", "hashMode", 1, "hash_mode", True),
        ("m", "meta", {"a": "b"}, "props", {"a": "b"}),
        ("p", "props", {"a": "b"}, "props", {"a": "b"}),
        ("$", "revenue", {"amount": 1, "currency": "EUR"}, "amount", 100),
        ("i", "interactive", False, "interactive", False),
        ("w", "screen_width", 100, "width", 100),
    ],
)
def test_every_field_has_a_short_and_a_long_name_and_the_short_one_wins(
    short: str, long: str, value: Any, attribute: str, read: Any
) -> None:
    without = {name: each for name, each in LEAST.items() if name != short}
    assert getattr(decode(body(without | {short: value})), attribute) == read
    assert getattr(decode(body(without | {long: value})), attribute) == read
    assert getattr(decode(body(without | {short: value, long: "zzz.example"})), attribute) == read


@pytest.mark.parametrize(
    ("changed", "reason", "field", "message"),
    [
        ({"u": ...}, Reason.NO_URL, "url", "is required"),
        ({"u": ""}, Reason.NO_URL, "url", "is required"),
        ({"u": None}, Reason.NO_URL, "url", "is required"),
        ({"u": ["x"]}, Reason.NO_URL, "url", "is required"),
        ({"n": ...}, Reason.NO_NAME, "event_name", "can't be blank"),
        ({"n": ""}, Reason.NO_NAME, "event_name", "can't be blank"),
        ({"n": " \x00 "}, Reason.NO_NAME, "event_name", "can't be blank"),
        ({"n": "\u200b\u3164"}, Reason.NO_NAME, "event_name", "can't be blank"),
        ({"n": {}}, Reason.NO_NAME, "event_name", "can't be blank"),
        ({"n": True}, Reason.NO_NAME, "event_name", "can't be blank"),
        ({"n": "x" * (MAX_NAME + 1)}, Reason.NO_NAME, "event_name", "should be at most 120 character(s)"),
        ({"d": ""}, Reason.NO_DOMAIN, "domain", "can't be blank"),
        ({"d": " , "}, Reason.NO_DOMAIN, "domain", "can't be blank"),
        *(
            ({"p": {name: "v"}}, Reason.BAD_PROPERTY, "props", "names must not be blank, nor longer than 300 bytes")
            for name in ("k" * (MAX_KEY + 1), "", " ", "\t\x00", "\u200b", "\u3164", "\u2800 ")
        ),
        (
            {"n": "engagement"}, Reason.EMPTY_ENGAGEMENT, "event_name",
            "engagement event requires a valid integer value for at least one of 'sd' or 'e' fields",
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_taken_is_refused_in_the_formats_own_words(
    changed: dict[str, Any], reason: Reason, field: str, message: str
) -> None:
    assert refusal(body(LEAST | changed)) == (reason, field, message)


@pytest.mark.parametrize(
    "raw",
    [
        b"", b" ", b"{", b"null", b"1", b'"x"', b"{}x", b"\xff\xfe", b'{"n":"\xff"}',
        b'{"n":NaN}', b'{"n":Infinity}', b"<html>", b"n=pageview&u=x", b'{"n":' * 50_000, b'{"x":' + b"[" * 50_000,
        b'{"n":1e999}', b"\x1f\x8b\x08\x00",
    ],
)  # fmt: skip
def test_what_is_no_json_object_is_refused_as_such(raw: bytes) -> None:
    assert refusal(raw) == (Reason.BAD_BODY, "request", "Unable to parse request body as json")


@pytest.mark.parametrize(
    ("field", "sent", "attribute", "read"),
    [
        # n
        ("n", 404, "name", "404"),
        ("n", "  pageview ", "name", "pageview"),
        ("n", "page\x00vi\u202eew\x85", "name", "pageview"),
        ("n", "x" * MAX_NAME, "name", "x" * MAX_NAME),
        # d
        ("d", "www.Example.com", "domains", ("example.com",)),
        ("d", "a.example, www.b.example ,,a.example", "domains", ("a.example", "b.example")),
        ("d", None, "domains", ()),
        ("d", ",".join(f"{i}.example" for i in range(50)), "domains", tuple(f"{i}.example" for i in range(10))),
        # r
        ("u", "https://example.com/?a=" + "x" * 3000, "url", "https://example.com/?a=" + "x" * 3000),
        ("r", "https://r.example/" + "x" * 3000, "referrer", "https://r.example/" + "x" * 3000),
        ("r", None, "referrer", ""),
        ("r", {"a": 1}, "referrer", ""),
        # h
        ("h", True, "hash_mode", True),
        ("h", "1", "hash_mode", True),
        ("h", 0, "hash_mode", False),
        ("h", "no", "hash_mode", False),
        ("h", [1], "hash_mode", False),
        # m, p
        ("p", '{"a":"b"}', "props", {"a": "b"}),
        ("p", "not json", "props", {}),
        ("p", "[1]", "props", {}),
        ("p", [1], "props", {}),
        ("p", {"a": 1, "b": 1.5, "c": True, "d": False}, "props", {"a": "1", "b": "1.5", "c": "true", "d": "false"}),
        ("p", {"a": None, "b": "", "c": [1], "d": {"x": 1}, "e": " "}, "props", {}),
        ("p", {f"{i:03}": "v" for i in range(100)}, "props", {f"{i:03}": "v" for i in range(MAX_PROPS)}),
        ("p", {"k" * MAX_KEY: "v" * MAX_VALUE}, "props", {"k" * MAX_KEY: "v" * MAX_VALUE}),
        ("p", {"a\x00b": "c\x00d"}, "props", {"ab": "cd"}),
        ("p", {" a ": "b"}, "props", {"a": "b"}),
        ("p", {"": ""}, "props", {}),
        # What is over the limit is lost, and no word is cut in two.
        ("p", {"a": "word " * 500}, "props", {"a": "word " * 400}),
        ("p", {"a": "https://b.example/x?" + "y" * 3000}, "props", {"a": "https://b.example/x?" + "y" * 1660}),
        ("p", {"a": "100%25", "Save 20%": "50% off"}, "props", {"a": "100%25", "Save 20%": "50% off"}),
        # i
        ("i", True, "interactive", True),
        ("i", None, "interactive", True),
        ("i", "false", "interactive", False),
        ("i", 0, "interactive", False),
        # the width, the zone and the id are ours
        ("w", "1440", "width", 1440),
        ("w", "wide", "width", 0),
        ("w", 1e300, "width", int(1e300)),
        ("tz", "x" * 100, "time_zone", "x" * 64),
        ("tz", 5, "time_zone", "5"),
        ("lang", "x" * 100, "page_language", "x" * 35),
        ("lang", {}, "page_language", ""),
        ("id", "x" * 500, "id", "x" * MAX_ID),
        ("id", 7, "id", "7"),
    ],
)  # fmt: skip
def test_a_field_is_read_as_the_table_says(field: str, sent: Any, attribute: str, read: Any) -> None:
    assert getattr(decode(body(LEAST | {field: sent})), attribute) == read


def test_the_first_present_of_m_meta_p_props_is_taken() -> None:
    order = ["m", "meta", "p", "props"]
    while order:
        assert decode(body(LEAST | {name: {"from": name} for name in order})).props == {"from": order[0]}
        order.pop(0)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"amount": 12.5, "currency": "EUR"}, ("EUR", 1250)),
        ({"amount": "12.50", "currency": "eur"}, ("EUR", 1250)),
        ({"amount": -3, "currency": "USD"}, ("USD", -300)),
        ({"amount": 1200, "currency": "JPY"}, ("JPY", 1200)),
        ({"amount": 1.234, "currency": "KWD"}, ("KWD", 1234)),
        ({"amount": 19.99, "currency": "EUR"}, ("EUR", 1999)),
        ({"amount": 0, "currency": "EUR"}, ("EUR", 0)),
        ('{"amount": 5, "currency": "EUR"}', ("EUR", 500)),
        # What makes no sense is left out, and the event is kept.
        ({"amount": 5}, ("", 0)),
        ({"currency": "EUR"}, ("", 0)),
        ({"amount": "five", "currency": "EUR"}, ("", 0)),
        ({"amount": True, "currency": "EUR"}, ("", 0)),
        ({"amount": "nan", "currency": "EUR"}, ("", 0)),
        ({"amount": "inf", "currency": "EUR"}, ("", 0)),
        ({"amount": 5, "currency": "EURO"}, ("", 0)),
        *(({"amount": 5, "currency": code}, ("", 0)) for code in ("ABC", "BTC", "XXX", "XTS", "XAU", "€", "", " ")),
        ({"amount": 5, "currency": " chf "}, ("CHF", 500)),
        ({"amount": 5, "currency": "BGN"}, ("BGN", 500)),
        ({"amount": 1000, "currency": "UGX"}, ("UGX", 1000)),
        ({"amount": 1.5, "currency": "TND"}, ("TND", 1500)),
        ({"amount": 5, "currency": "EU\n"}, ("", 0)),
        ({"amount": 5, "currency": 978}, ("", 0)),
        ({"amount": 1e15, "currency": "EUR"}, ("", 0)),
        ({"amount": 1e308, "currency": "EUR"}, ("", 0)),
        ({"amount": "-1e308", "currency": "EUR"}, ("", 0)),
        ({"amount": 10**400, "currency": "EUR"}, ("", 0)),
        (5, ("", 0)),
        ("x", ("", 0)),
        ([1], ("", 0)),
    ],
    ids=lambda value: str(value)[:60],
)
def test_revenue_is_minor_units_or_nothing(sent: Any, read: tuple[str, int]) -> None:
    beacon = decode(body(LEAST | {"$": sent}))
    assert (beacon.currency, beacon.amount) == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (0, 0),
        (71, 71),
        ("71", 71),
        (100, 100),
        (250, 100),
        (70.9, 70),
        (-1, NO_SCROLL),
        ("far", NO_SCROLL),
        ([], NO_SCROLL),
    ],
)
def test_scroll_depth_is_a_percentage_or_missing(sent: Any, read: int) -> None:
    assert decode(body(LEFT | {"sd": sent})).scroll == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (0, 0),
        (8123, 8123),
        ("8123", 8123),
        (30 * 60_000 - 1, 30 * 60_000 - 1),
        (36_000_000, 30 * 60_000),  # a tab left open overnight
        (30 * 86_400_000 - 1, 30 * 60_000),
        (30 * 86_400_000, 0),
        (-5, 0),
        ("x", 0),
        (1e300, 0),
    ],
)
def test_engaged_time_is_plausible_and_at_most_half_an_hour_or_nothing(sent: Any, read: int) -> None:
    assert decode(body(LEFT | {"e": sent})).engaged_ms == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        (
            {"lcp": 1234.5, "cls": 0.02, "inp": 0, "fcp": "90", "ttfb": 600_000},
            {"lcp": 1234.5, "cls": 0.02, "inp": 0.0, "fcp": 90.0, "ttfb": 600_000.0},
        ),
        ({"lcp": -1, "cls": 1001, "inp": 600_001, "fcp": "x", "ttfb": True, "sd": 1}, {}),
    ],
)
def test_vitals_beyond_belief_are_left_out(sent: dict[str, Any], read: dict[str, float]) -> None:
    assert decode(body(LEFT | sent)).vitals == read


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ({"lcp": "img", "cls": "div>p", "inp": "a", "fcp": "p", "x": "y"}, {"lcp": "img", "cls": "div>p"}),
        ({"lcp": 7, "cls": ["p"]}, {}),
        ({"lcp": "", "cls": "x" * 201}, {}),
        ("img", {}),
        ([], {}),
    ],
)
def test_an_element_is_a_text_of_a_vital_that_was_measured(sent: Any, read: dict[str, str]) -> None:
    assert decode(body(LEFT | {"lcp": 1, "cls": 0, "fcp": 2, "el": sent})).elements == read
    assert decode(body(LEAST | {"lcp": 1, "el": sent})).elements == {}


def test_scroll_engagement_and_vitals_belong_to_engagement_only() -> None:
    beacon = decode(body(LEAST | {"sd": 50, "e": 100, "lcp": 5}))
    assert (beacon.scroll, beacon.engaged_ms, beacon.vitals) == (NO_SCROLL, 0, {})


@pytest.mark.parametrize("field", ["sd", "e", "lcp"])
def test_one_measure_is_enough_for_an_engagement_report(field: str) -> None:
    assert decode(body(LEFT | {field: 5})).name == "engagement"


@pytest.mark.parametrize(
    "number", [10**18, 2**64, 2**200, 10**4299, 10**5000, -(10**5000)], ids=lambda n: f"{n.bit_length()} bits"
)
@pytest.mark.parametrize("field", ["n", "u", "d", "r", "h", "i", "w", "tz", "lang", "id", "sd", "e", "lcp", "$", "p"])
def test_no_number_is_too_large(field: str, number: int) -> None:
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)
    try:
        text = str(number)
    finally:
        sys.set_int_max_str_digits(digits)
    value = f'{{"a":{text},"amount":{text},"currency":"EUR"}}' if field in "$p" else text
    rest = ",".join(f'"{name}":"{each}"' for name, each in LEFT.items() if name != field)
    _ends_well(f'{{{rest},"{field}":{value}}}'.encode())


_TREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.sampled_from(["1e308", "nan", "9" * 400]),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=20), inner, max_size=4),
    max_leaves=8,
)
_NAMES = (
    "n",
    "name",
    "u",
    "url",
    "d",
    "domain",
    "r",
    "referrer",
    "h",
    "hashMode",
    "m",
    "meta",
    "p",
    "props",
    "$",
    "revenue",
    "i",
    "interactive",
    "sd",
    "e",
    "v",
    "w",
    "screen_width",
    "tz",
    "lang",
    "id",
    "lcp",
    "inp",
    "cls",
    "fcp",
    "ttfb",
)
_MONEY = st.fixed_dictionaries({"amount": _TREE, "currency": st.sampled_from(["EUR", "JPY", "x", None])})


def _ends_well(raw: bytes) -> None:
    try:
        beacon = decode(raw)
    except Refused:
        return
    assert 0 < len(beacon.name) <= MAX_NAME
    assert 0 < len(beacon.url) <= MAX_URL
    assert len(beacon.props) <= MAX_PROPS
    assert abs(beacon.amount) <= 10**15
    assert 0 <= beacon.engaged_ms < 2**32
    assert 0 <= beacon.scroll <= NO_SCROLL
    assert all(0 <= value <= 600_000 for value in beacon.vitals.values())
    for text in (beacon.name, beacon.url, beacon.referrer, beacon.time_zone, beacon.id, *beacon.domains, *beacon.props):
        assert text == clean(text)
        text.encode()  # no lone surrogate gets through


@given(st.binary(max_size=400))
@example(b'{"n":"a","u":"b","d":"c","$":{"amount":1e308,"currency":"EUR"}}')
@examples(300)
def test_any_bytes_are_a_beacon_or_refused(raw: bytes) -> None:
    _ends_well(raw)


@given(st.dictionaries(st.sampled_from(_NAMES), _TREE, max_size=8), st.booleans(), _MONEY)
@examples(300)
def test_any_json_is_a_beacon_or_refused(sent: dict[str, Any], whole: bool, money: dict[str, Any]) -> None:
    sent = {"$": money} | sent | (LEFT if whole else {})
    _ends_well(json.dumps(sent).encode())
    _ends_well(json.dumps(sent, ensure_ascii=False).encode("utf-8", "surrogatepass"))


# A sign that no message of ours has: "doma" alone would be found in the name of a field.
@given(st.text().map(lambda text: "☃" + text))
@examples(100)
def test_a_refusal_tells_nothing_of_what_was_sent(mark: str) -> None:
    for sent in (
        {},
        LEAST | {"n": None, "u": mark},
        LEAST | {"d": " ", "r": mark},
        LEAST | {"p": {mark + "x" * 3000: "v"}},
    ):
        _, field, message = refusal(json.dumps(sent).encode())
        assert mark not in field + message
