"""Matomo's wire format: what each kind of request becomes, and every row of its table."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.service import Collector
from collector.wire.base import Format
from collector.wire.matomo import MAX_BULK, Matomo
from schema.event import NOT_MEASURED
from tests.collector.test_endpoint import House, run, stored
from tests.collector.wire import GOOGLEBOT, VALUES, asked, send, takes

VIEW = {"idsite": 7, "rec": 1, "url": "https://a.example/x"}


def matomo(_: Collector) -> Format:
    return Matomo()


@pytest.mark.parametrize(
    ("query", "headers", "status", "reason", "events"),
    [
        (VIEW, (), 200, None, 1),
        (VIEW | {"idsite": "a.example"}, (), 200, None, 1),
        (VIEW | {"send_image": 0}, (), 204, None, 1),
        (VIEW | {"send_image": 1}, (), 200, None, 1),
        (VIEW, [("user-agent", GOOGLEBOT)], 200, "bot", 0),
        (VIEW | {"bots": 1}, [("user-agent", GOOGLEBOT)], 200, "bot", 0),
        (VIEW, [("dnt", "1")], 200, None, 0),
        (VIEW | {"send_image": 0}, [("dnt", "1")], 204, None, 0),
        (VIEW | {"ping": 1}, (), 200, "not_kept", 0),
        (VIEW | {"idgoal": 0}, (), 200, "not_kept", 0),
        (VIEW | {"c_n": "banner", "c_p": "b.png"}, (), 200, "not_kept", 0),
        (VIEW | {"ca": 1, "ma_id": "x"}, (), 200, "not_kept", 0),
        (VIEW | {"idsite": 99}, (), 400, "unknown_site", 0),
        (VIEW | {"idsite": ""}, (), 400, "no_domain", 0),
        (VIEW | {"rec": 0}, (), 400, "bad_body", 0),
        ({"idsite": 7, "rec": 1}, (), 400, "no_url", 0),
        (VIEW | {"url": "javascript:x"}, (), 400, "bad_url", 0),
        # What is over a limit is cut, and is no reason to lose a visit: nobody can mend another's tracker.
        (VIEW | {"e_c": "c", "e_a": "n" * 121}, (), 200, None, 1),
        (VIEW | {"e_c": "v" * 2001, "e_a": "a"}, (), 200, None, 1),
        (VIEW | {"link": "https://b.example/" + "v" * 3000}, (), 200, None, 1),
        (VIEW | {"url": "https://a.example/?x=" + "v" * 3000}, (), 200, None, 1),
        ({f"p{number}": 1 for number in range(201)}, (), 400, "bad_body", 0),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_the_table_of_answers(
    tmp_path: Path, query: Any, headers: Any, status: int, reason: str | None, events: int, method: str
) -> None:
    form = urlencode(query)
    sent = (form, b"") if method == "GET" else ("", form.encode())
    answer, found = asked(tmp_path, matomo, *sent, headers, method)
    assert (answer.status, answer.header("x-footfall-reason"), len(found)) == (status, reason, events)
    assert answer.header("cache-control") == "no-store"
    if status == 200:
        assert (len(answer.body), answer.header("content-type")) == (43, "image/gif")
    elif status == 204:
        assert answer.body == b""


def test_what_cannot_be_taken_now_may_be_sent_again(tmp_path: Path) -> None:
    async def use(house: House) -> tuple[int, str | None]:
        house.keys.there = False
        answer = await send(house, matomo, VIEW)
        return answer.status, answer.header("retry-after")

    assert run(tmp_path, use) == (503, "5")
    assert stored(tmp_path) == []


def test_an_empty_request_is_greeted(tmp_path: Path) -> None:
    answer, events = asked(tmp_path, matomo)
    assert (answer.status, events) == (200, [])
    assert str(answer.header("content-type")).startswith("text/html")


@pytest.mark.parametrize(
    ("more", "name", "props", "money"),
    [
        ({"action_name": "Title"}, "pageview", {}, ("", 0)),
        ({"dimension1": "member", "dimensionx": "no"}, "pageview", {"dimension1": "member"}, ("", 0)),
        (
            {"e_c": "Video", "e_a": "play", "e_n": "Intro", "e_v": "3.5", "ca": 1},
            "play",
            {"category": "Video", "name": "Intro", "value": "3.5"},
            ("", 0),
        ),
        ({"e_c": "Video", "e_a": "pageview"}, "Pageview", {"category": "Video"}, ("", 0)),
        ({"e_c": "Video"}, "pageview", {}, ("", 0)),
        ({"idgoal": 3, "revenue": "9.90", "currency": "EUR"}, "Goal 3", {}, ("EUR", 990)),
        ({"idgoal": 3, "revenue": "9.90"}, "Goal 3", {}, ("", 0)),
        ({"idgoal": 0, "ec_id": "A1", "revenue": 50, "currency": "jpy"}, "Order", {}, ("JPY", 50)),
        ({"link": "https://out.example/a"}, "Outbound Link: Click", {"url": "https://out.example/a"}, ("", 0)),
        ({"download": "https://a.example/a.pdf"}, "File Download", {"url": "https://a.example/a.pdf"}, ("", 0)),
        (
            {"search": "shoes", "search_cat": "all", "search_count": 0},
            "Site Search",
            {"term": "shoes", "category": "all", "results": "0"},
            ("", 0),
        ),
    ],
)
def test_what_a_request_becomes(tmp_path: Path, more: Any, name: str, props: Any, money: tuple[str, int]) -> None:
    _, (event,) = asked(tmp_path, matomo, VIEW | more)
    assert (event.site, event.path, event.name, event.props) == ("a.example", "/x", name, props)
    assert (event.currency, event.amount) == money
    assert bool(event.id) is (name == "Order")


def test_where_it_comes_from_and_how_wide_the_screen_is(tmp_path: Path) -> None:
    url = "https://a.example/x?pk_campaign=spring&mtm_source=letter&mtm_kwd=shoes&mtm_other=1&q=mtm_source=2"
    more = {"url": url, "urlref": "https://news.example/story", "res": "390x844"}
    _, (event,) = asked(tmp_path, matomo, VIEW | more)
    assert (event.referrer, event.screen) == ("news.example", "XS")
    assert event.query == "utm_campaign=spring&utm_source=letter&utm_term=shoes"


@pytest.mark.parametrize(
    ("behind", "query"),
    [
        ("#mtm_campaign=spring&mtm_kwd=a%20b&email=x", "utm_campaign=spring&utm_term=a b"),
        ("?utm_source=letter#a=1&pk_campaign=spring", "utm_campaign=spring&utm_source=letter"),
        # What stands before it holds.
        ("?mtm_campaign=first#mtm_campaign=second", "utm_campaign=first"),
        ("#top", ""),
        ("#top?mtm_campaigns", ""),
    ],
)
def test_a_campaign_behind_the_hash_is_one_too(tmp_path: Path, behind: str, query: str) -> None:
    _, (event,) = asked(tmp_path, matomo, VIEW | {"url": f"https://a.example/x{behind}"})
    assert (event.path, event.query) == ("/x", query)


def test_the_page_is_the_browsers_own_where_the_request_names_none(tmp_path: Path) -> None:
    query = {"idsite": 7, "rec": 1}
    _, (event,) = asked(tmp_path, matomo, query, headers=[("referer", "https://a.example/from")])
    assert (event.hostname, event.path) == ("a.example", "/from")


@pytest.mark.parametrize(
    ("more", "name", "ttfb"),
    [
        ({"pf_net": 30, "pf_srv": 120, "pf_tfr": 9}, "pageview", 150.0),
        ({"pf_net": 30, "pf_srv": 120, "ping": 1}, "engagement", 150.0),
        ({"pf_net": 30}, "pageview", NOT_MEASURED),
        ({"pf_net": -1, "pf_srv": 120}, "pageview", NOT_MEASURED),
        ({"pf_net": 9e9, "pf_srv": 120}, "pageview", NOT_MEASURED),
    ],
)
def test_time_to_first_byte(tmp_path: Path, more: Any, name: str, ttfb: float) -> None:
    _, (event,) = asked(tmp_path, matomo, VIEW | more)
    assert (event.name, event.ttfb) == (name, ttfb)


def test_nothing_that_a_request_claims_of_its_sender_is_believed(tmp_path: Path) -> None:
    claims = {
        "cip": "198.51.100.7",
        "cdt": 5,
        "ua": GOOGLEBOT,
        "lang": "fr",
        "country": "fr",
        "city": "Paris",
        "h": 3,
        "_id": "a" * 16,
        "cid": "a" * 16,
        "uid": "anna",
        "token_auth": "t" * 32,
        "new_visit": 1,
        "pv_id": "abcdef",
    }

    async def use(house: House) -> None:
        for query in (VIEW, VIEW | claims):
            await send(house, matomo, query)

    run(tmp_path, use)
    plain, claimed = stored(tmp_path)
    assert plain == claimed


def test_a_list_takes_what_is_well_formed_and_counts_the_rest(tmp_path: Path) -> None:
    body = {
        "token_auth": "t" * 32,
        "send_image": 0,
        "requests": [
            "?" + urlencode(VIEW),
            urlencode(VIEW | {"e_c": "c", "e_a": "act"}),
            VIEW | {"idgoal": 1, "revenue": 9.5},
            VIEW | {"rec": True},
            VIEW | {"ping": 1},
            VIEW | {"idsite": 99},
            "?idsite=7",
            5,
            None,
        ],
    }
    answer, events = asked(tmp_path, matomo, "currency=EUR", body, method="POST")
    assert (answer.status, json.loads(answer.body)) == (200, {"status": "success", "tracked": 5, "invalid": 4})
    assert [event.name for event in events] == ["pageview", "act", "Goal 1", "pageview"]
    assert events[2].amount == 950


@pytest.mark.parametrize("body", [{"requests": []}, {"requests": [VIEW] * (MAX_BULK + 1)}, {"requests": 5}, b'{"x'])
def test_what_is_no_list_is_refused_whole(tmp_path: Path, body: Any) -> None:
    answer, events = asked(tmp_path, matomo, "", body, method="POST")
    assert (answer.status, answer.header("x-footfall-reason"), events) == (400, "bad_body", [])


def test_one_order_is_counted_under_one_id(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        for order in ("A1", "A1", "A2"):
            await send(house, matomo, VIEW | {"idgoal": 0, "ec_id": order, "revenue": 5})

    run(tmp_path, use)
    first, again, other = (event.id for event in stored(tmp_path))
    assert first == again != other


@given(VALUES)
def test_json_of_any_shape_is_read_or_refused(value: Any) -> None:
    for requests in (value, [value], [VIEW | {"dimension1": value, "idgoal": value, "revenue": value, "url": value}]):
        takes(Matomo(), json.dumps({"requests": requests}).encode())


@given(st.binary(), st.binary())
def test_bytes_of_any_kind_are_read_or_refused(body: bytes, query: bytes) -> None:
    takes(Matomo(), body, query)
    takes(Matomo(), b"{" + body, query)
    takes(Matomo(), b"idsite=7&rec=1&url=x&" + body, query)
