"""The API for a site's own servers around a real spool: who may send, what is believed, and what an answer tells."""

from __future__ import annotations

import datetime as dt
import json
import random
from collections.abc import Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from collector import steps
from collector.edge.endpoint import RETRY_AFTER_S
from collector.edge.server_endpoint import ServerEndpoint
from collector.tokens import Tokens
from collector.wire.server_api import ServerEvents
from collector.wire.server_event import MAX_EVENTS, ServerEvent, Visitor, Vitals
from footfall.canary.marked import marks_of, server_bodies
from footfall.canary.search import fresh, search
from pipeline.spool.file import read_sealed, spool_files
from schema.event import NO_SCROLL, NOT_MEASURED
from schema.site import local_day
from schema.vitals import VITALS
from tests.collector import test_endpoint
from tests.collector.test_endpoint import AGENT, NOW, stored

VISITOR = {"address": "203.0.113.9", "agent": AGENT, "do_not_track": None, "global_privacy_control": None}
EVENT = {"name": "signup", "url": "https://a.example/join", "visitor": VISITOR}
ACCEPTED = {"accepted": 1, "dropped": [], "refused": []}
DAY = local_day("UTC", NOW)
# What a server may have put anywhere by mistake. No part of it may come back.
MARK = "Canary7531"
T = TypeVar("T")


class Told(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def result(self) -> dict[str, Any]:
        assert self.headers["content-type"] == "application/json"
        return dict(json.loads(self.body))

    @property
    def refused(self) -> list[tuple[str, str]]:
        return [(one["reason"], one["field"]) for one in self.result["refused"]]


class House:
    """The house of the endpoint's tests, with tokens of a.example and b.example."""

    def __init__(self, house: test_endpoint.House, directory: Path) -> None:
        self.page = house
        self.tokens = Tokens(directory / "tokens.json", lambda: NOW)
        self.token = self.tokens.create("a.example", "shop")[1]
        self.token_b = self.tokens.create("b.example", "")[1]
        self.tokens.refresh()
        self.read = 0

    async def ask(
        self, body: Any = EVENT, token: str | None = None, method: str = "POST", headers: Iterable[tuple[str, str]] = ()
    ) -> Told:
        token = f"Bearer {self.token}" if token is None else token
        given = [("user-agent", "shop/1.0"), *headers, *([("authorization", token)] if token else [])]
        scope = {
            "type": "http", "method": method, "path": "/api/events", "client": ("198.51.100.1", 4711),
            "headers": [(name.encode(), value.encode("latin-1")) for name, value in given],
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> Any:
            self.read += 1
            return {"type": "http.request", "body": body if isinstance(body, bytes) else json.dumps(body).encode()}

        async def send(message: Any) -> None:
            sent.append(message)

        await ServerEndpoint(self.page.collector, self.tokens)(scope, receive, send)  # type: ignore[arg-type]
        start, *parts = sent
        names = [name.decode() for name, _ in start["headers"]]
        assert len(set(names)) == len(names)
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        return Told(start["status"], told, b"".join(part.get("body", b"") for part in parts))


def run(directory: Path, use: Callable[[House], Awaitable[T]], **settings: Any) -> T:
    """Use a house; its spool is sealed afterwards."""
    return test_endpoint.run(directory / "spool", lambda house: use(House(house, directory)), **settings)


def ask(directory: Path, *given: Any, **more: Any) -> Told:
    return run(directory, lambda house: house.ask(*given, **more))


def events_of(directory: Path) -> list[Any]:
    return stored(directory / "spool")


def visited(**changed: Any) -> dict[str, Any]:
    """The event of a visitor that is a little other."""
    return EVENT | {"visitor": VISITOR | changed}


# -- acceptance ----------------------------------------------------------------------------------------------------


def test_everything_that_can_be_sent_is_stored_as_an_anonymous_event(tmp_path: Path) -> None:
    event = EVENT | {
        "id": "order-1",
        "referrer": "https://news.ycombinator.com/item?id=1",
        "page_language": "fr-CA",
        "props": {"plan": "team", "seats": 3, "trial": True, "ratio": 0.5},
        "revenue": {"amount": "19.90", "currency": "eur"},
        "interactive": False,
        "visitor": VISITOR | {"languages": "de-AT,de;q=0.9", "screen_width": 1920, "time_zone": "Europe/Vienna"},
    }
    told = ask(tmp_path, event)
    assert (told.status, told.result) == (202, ACCEPTED)
    (found,) = events_of(tmp_path)
    assert (found.site, found.name, found.path, found.received, found.interactive) == (
        "a.example",
        "signup",
        "/join",
        int(NOW),
        False,
    )
    assert found.props == {"plan": "team", "seats": "3", "trial": "true", "ratio": "0.5"}
    assert (found.currency, found.amount, found.referrer) == ("EUR", 1990, "news.ycombinator.com")
    assert found.page_language == "fr"
    assert (found.language, found.browser, found.network) == ("de", "Chrome", "")
    assert found.id
    assert found.screen
    assert found.visitor


def test_a_server_and_the_visitors_own_page_speak_of_one_visitor(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        await house.page.ask(test_endpoint.PAGEVIEW, [("accept-language", "de-AT")])
        for address in ("203.0.113.9", " 203.0.113.77", "::ffff:203.0.113.9"):
            assert (await house.ask(visited(address=address, languages="de"))).status == 202
        await house.ask(visited(address="203.0.114.9", languages="de"))

    run(tmp_path, use)
    numbers = [event.visitor for event in events_of(tmp_path)]
    assert len(set(numbers[:4])) == 1
    assert numbers[4] != numbers[0]


def test_the_address_and_agent_of_the_server_itself_count_for_nothing(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        signals = [("user-agent", "curl/8.5"), ("dnt", "1"), ("sec-gpc", "1"), ("purpose", "prefetch")]
        assert (await house.ask(EVENT)).result == (await house.ask(EVENT, headers=signals[1:])).result

    run(tmp_path, use)
    one, other = events_of(tmp_path)
    assert one == other


@pytest.mark.parametrize("body", [[EVENT, EVENT], {"events": [EVENT, EVENT]}, b" \n[%s,\t%s]" % ((b"%s",) * 2)])
def test_several_events_come_as_a_list_or_in_an_object(tmp_path: Path, body: Any) -> None:
    if isinstance(body, bytes):
        body %= (json.dumps(EVENT).encode(), json.dumps(EVENT).encode())
    assert ask(tmp_path, body).result == {"accepted": 2, "dropped": [], "refused": []}
    assert len(events_of(tmp_path)) == 2


def test_a_malformed_event_takes_no_other_with_it_and_is_told_by_its_index(tmp_path: Path) -> None:
    bot = visited(agent="Googlebot/2.1 (+http://www.google.com/bot.html)")
    body = [EVENT, {"name": "x"}, bot, 7, EVENT | {"url": "javascript:alert(1)"}, EVENT]

    async def use(house: House) -> Told:
        told = await house.ask(body)
        assert house.page.counted == {
            ("a.example", "accepted"): 2,
            ("a.example", "bot"): 1,
            ("a.example", "bad_url"): 1,
            ("", "bad_body"): 2,
        }
        return told

    told = run(tmp_path, use)
    assert told.status == 202
    assert (told.result["accepted"], told.result["dropped"]) == (2, [{"index": 2, "reason": "bot"}])
    assert [(one["index"], one["reason"], one["field"]) for one in told.result["refused"]] == [
        (1, "bad_body", "url"),
        (3, "bad_body", "event"),
        (4, "bad_url", "url"),
    ]
    assert told.headers["x-footfall-reason"] == "bad_body, bot, bad_url"
    assert len(events_of(tmp_path)) == 2


def test_a_thousand_events_are_taken_at_once_and_not_one_more(tmp_path: Path) -> None:
    small = EVENT | {"visitor": VISITOR | {"agent": AGENT[:80]}}

    async def use(house: House) -> None:
        assert (await house.ask([small] * MAX_EVENTS)).result["accepted"] == MAX_EVENTS
        for several in ([small] * (MAX_EVENTS + 1), []):
            told = await house.ask(several)
            assert (told.status, told.refused) == (400, [("bad_body", "events")])

    run(tmp_path, use)
    assert len(events_of(tmp_path)) == MAX_EVENTS


def test_an_engagement_is_a_report_on_a_page(tmp_path: Path) -> None:
    report = EVENT | {"name": "engagement", "engaged_ms": 8123, "scroll": 71, "vitals": {"lcp": 1200.5, "cls": 0}}
    assert ask(tmp_path, [report, EVENT]).status == 202
    one, other = events_of(tmp_path)
    assert (one.engaged_ms, one.scroll, one.lcp, one.cls, one.inp) == (8123, 71, 1200.5, 0.0, NOT_MEASURED)
    assert (other.engaged_ms, other.scroll, other.lcp) == (0, NO_SCROLL, NOT_MEASURED)


@pytest.mark.parametrize("sent", [30 * 60_000, 36_000_000, 30 * 86_400_000 - 1])
def test_a_report_tells_of_half_an_hour_at_most(tmp_path: Path, sent: int) -> None:
    assert ask(tmp_path, EVENT | {"name": "engagement", "engaged_ms": sent}).status == 202
    assert [one.engaged_ms for one in events_of(tmp_path)] == [30 * 60_000]


def test_the_vitals_that_can_be_sent_are_those_that_are_counted() -> None:
    assert set(Vitals.__struct_fields__) == set(VITALS)


# -- ids and times -------------------------------------------------------------------------------------------------


def test_an_id_names_one_event_of_one_site(tmp_path: Path) -> None:
    named = EVENT | {"id": "order-1"}

    async def use(house: House) -> None:
        for body in (named, named, EVENT | {"id": "order-2"}, EVENT):
            await house.ask(body)
        await house.ask(named, f"Bearer {house.token_b}")

    run(tmp_path, use)
    first, again, other, without, elsewhere = [event.id for event in events_of(tmp_path)]
    assert first == again != 0
    assert without == 0
    # Here both sites have the same key; they have not, in a real house.
    assert other not in (first, 0)
    assert elsewhere != 0


@pytest.mark.parametrize(
    ("timestamp", "received"),
    [
        (None, int(NOW)),
        (NOW - 60, int(NOW - 60)),
        (int(NOW) - 60, int(NOW) - 60),
        (DAY.start, DAY.start),
        (dt.datetime.fromtimestamp(int(NOW) - 90, dt.UTC).isoformat(), int(NOW) - 90),
        (dt.datetime.fromtimestamp(int(NOW) - 90, dt.timezone(dt.timedelta(hours=5))).isoformat(), int(NOW) - 90),
        # Two clocks are never the same.
        (NOW + 59, int(NOW)),
    ],
)
def test_an_event_may_be_of_earlier_today(tmp_path: Path, timestamp: Any, received: int) -> None:
    assert ask(tmp_path, EVENT | {"timestamp": timestamp}).result == ACCEPTED
    (event,) = events_of(tmp_path)
    assert (event.received, event.day) == (received, DAY.number)


@pytest.mark.parametrize(
    "timestamp", [DAY.start - 1, NOW + 61, 1, 1e300, "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"]
)
def test_a_time_that_is_not_of_today_is_refused(tmp_path: Path, timestamp: Any) -> None:
    told = ask(tmp_path, EVENT | {"timestamp": timestamp})
    assert (told.status, told.refused) == (400, [("bad_time", "timestamp")])
    assert str(timestamp) not in told.body.decode()
    assert events_of(tmp_path) == []


def test_today_is_the_sites_own(tmp_path: Path) -> None:
    apia = local_day("Pacific/Apia", NOW)
    assert apia.start != DAY.start

    async def use(house: House) -> list[int]:
        times = (apia.start, apia.start - 1)
        return [(await house.ask(EVENT | {"timestamp": t}, f"Bearer {house.token_b}")).status for t in times]

    assert run(tmp_path, use) == [202, 400]


# -- who may send --------------------------------------------------------------------------------------------------


def test_the_token_says_which_site(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        for token in (house.token, house.token_b):
            await house.ask(EVENT | {"url": "https://elsewhere.example/"}, f"bearer {token}")

    run(tmp_path, use)
    assert [event.site for event in events_of(tmp_path)] == ["a.example", "b.example"]


@pytest.mark.parametrize(
    "token", ["", "Bearer", "Bearer fft_{MARK}", "Basic {token}", "{token}", "Bearer {token}x", "Bearer \xff"]
)
def test_without_a_token_that_holds_nothing_is_read(tmp_path: Path, token: str) -> None:
    async def use(house: House) -> Told:
        told = await house.ask(EVENT, token.format(token=house.token, MARK=MARK))
        assert house.read == 0
        assert house.page.counted == {("", "not_authorized"): 1}
        return told

    with capture_logs() as logs:
        told = run(tmp_path, use)
    assert (told.status, told.refused) == (401, [("not_authorized", "authorization")])
    assert told.headers["www-authenticate"] == "Bearer"
    assert told.headers["x-footfall-reason"] == "not_authorized"
    assert MARK not in told.body.decode() + str(logs)
    assert events_of(tmp_path) == []


def test_a_revoked_token_is_refused_and_another_still_holds(tmp_path: Path) -> None:
    async def use(house: House) -> list[int]:
        (id_,) = [id_ for id_, token in house.tokens.all().items() if token.site == "a.example"]
        Tokens(tmp_path / "tokens.json").revoke(id_)
        house.tokens.refresh()
        return [(await house.ask(EVENT, f"Bearer {token}")).status for token in (house.token, house.token_b)]

    assert run(tmp_path, use) == [401, 202]


def test_a_token_of_a_site_that_is_gone_counts_nothing(tmp_path: Path) -> None:
    async def use(house: House) -> Told:
        token = house.tokens.create("gone.example", "")[1]
        house.tokens.refresh()
        return await house.ask(EVENT, f"Bearer {token}")

    assert run(tmp_path, use).result == {
        "accepted": 0,
        "dropped": [{"index": 0, "reason": "unknown_site"}],
        "refused": [],
    }


def test_pages_of_other_origins_are_not_let_in(tmp_path: Path) -> None:
    async def use(house: House) -> list[Told]:
        origin = [("origin", "https://x.example"), ("access-control-request-method", "POST")]
        return [await house.ask(EVENT, headers=origin, method=method) for method in ("OPTIONS", "POST", "GET")]

    preflight, posted, got = run(tmp_path, use)
    assert (preflight.status, posted.status, got.status) == (204, 202, 405)
    assert got.headers["allow"] == "POST, OPTIONS"
    for told in (preflight, posted, got):
        assert not [name for name in told.headers if name.startswith("access-control")]
        assert told.headers["cross-origin-resource-policy"] == "same-origin"
        assert told.headers["cache-control"] == "no-store"


# -- signals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"visitor": VISITOR | {"do_not_track": "1"}}, "opted_out"),
        ({"visitor": VISITOR | {"do_not_track": True}}, "opted_out"),
        ({"visitor": VISITOR | {"opted_out": True}}, "opted_out"),
        ({"visitor": VISITOR | {"global_privacy_control": "1"}}, "count_only"),
        ({"consent": "denied"}, "denied"),
        ({"consent": "withdrawn"}, "withdrawn"),
    ],
)
def test_the_answer_to_a_signal_is_the_answer_to_acceptance_to_the_byte(
    tmp_path: Path, change: dict[str, Any], reason: str
) -> None:
    async def use(house: House) -> None:
        plain = EVENT | {"name": "pageview"}
        accepted = await house.ask(plain)
        assert await house.ask(plain | change) == accepted
        assert house.page.counted == {("a.example", "accepted"): 1, ("a.example", reason): 1}

    run(tmp_path, use)
    (event,) = events_of(tmp_path)
    (file,) = spool_files(tmp_path / "spool")
    erased = [erasure.visitor for erasure in read_sealed(file).erasures]
    assert erased == ([event.visitor] if reason == "withdrawn" else [])


@pytest.mark.parametrize("value", [None, False, "0", "", "null", "unspecified", "1 "])
def test_what_is_not_exactly_1_is_no_signal(tmp_path: Path, value: Any) -> None:
    signals = ("do_not_track", "global_privacy_control", "opted_out")
    ask(tmp_path, visited(**dict.fromkeys(signals, value)))
    assert len(events_of(tmp_path)) == 1


# -- refusals ------------------------------------------------------------------------------------------------------


def without(*path: str) -> dict[str, Any]:
    event: dict[str, Any] = json.loads(json.dumps(EVENT))
    inner = event
    for name in path[:-1]:
        inner = inner[name]
    del inner[path[-1]]
    return event


@pytest.mark.parametrize(
    ("body", "reason", "field", "says"),
    [
        (without("name"), "bad_body", "name", "is required"),
        (without("url"), "bad_body", "url", "is required"),
        (without("visitor"), "bad_body", "visitor", "is required: without the visitor's address and agent"),
        (without("visitor", "address"), "bad_body", "visitor.address", "is required: the visitor's address"),
        (without("visitor", "agent"), "bad_body", "visitor.agent", "is required: the visitor's User-Agent"),
        (without("visitor", "do_not_track"), "bad_body", "visitor.do_not_track", "DNT header as it came, or null"),
        (
            without("visitor", "global_privacy_control"),
            "bad_body",
            "visitor.global_privacy_control",
            "Sec-GPC header as it came, or null",
        ),
        (EVENT | {"refferer": MARK}, "bad_body", "event", "not known: is `referrer` meant?"),
        (visited(userAgent=MARK), "bad_body", "visitor", "not known: is `agent` meant?"),
        (EVENT | {f"{MARK}@x.example": 1}, "bad_body", "event", "not known: it can have name, url, visitor, id,"),
        (visited(**{MARK: 1}), "bad_body", "visitor", "not known: it can have address, agent, do_not_track,"),
        # Names made to look like the end of what is said of them.
        (EVENT | {f"x` - at `$.{MARK}": 1}, "bad_body", "event", "not known: it can have name, url, visitor, id,"),
        (EVENT | {f"a`b` - at `$.{MARK}": 1}, "bad_body", "event", "not known: it can have name, url, visitor, id,"),
        (EVENT | {"x` - at `$.name": 1}, "bad_body", "event", "not known: it can have name, url, visitor, id,"),
        (EVENT | {f"{MARK}`": 1}, "bad_body", "event", "not known: it can have name, url, visitor, id,"),
        (visited(**{f"a`b` - at `$.{MARK}": 1}), "bad_body", "visitor", "not known: it can have address, agent,"),
        (EVENT | {"vitals": {MARK: 1}}, "bad_body", "vitals", "not known: it can have lcp, inp, cls, fcp, ttfb"),
        (EVENT | {"revenue": {"amout": 1}}, "bad_body", "revenue", "not known: is `amount` meant?"),
        (EVENT | {"props": {MARK: [1]}}, "bad_body", "props[...]", "got `array`"),
        (EVENT | {"props": {"\u200b": MARK}}, "bad_property", "props", "blank"),
        (EVENT | {"props": {MARK * 60: "x"}}, "bad_property", "props", "300 bytes"),
        (EVENT | {"revenue": {"amount": 1, "currency": "ABC"}}, "bad_body", "revenue", "ISO 4217"),
        (EVENT | {"props": {str(i): 1 for i in range(31)}}, "bad_body", "props", "length <= 30"),
        (EVENT | {"name": MARK * 20}, "bad_body", "name", "length <= 120"),
        (EVENT | {"name": "\u200e \x00"}, "no_name", "name", "blank"),
        (EVENT | {"url": " \x00"}, "no_url", "url", "required"),
        (EVENT | {"url": f"https://{MARK}:x@a.example/"}, "bad_url", "url", "not a URL"),
        (visited(address=MARK), "bad_body", "visitor.address", "no IPv4 or IPv6 address"),
        (visited(address="203.0.113.999"), "bad_body", "visitor.address", "no IPv4 or IPv6 address"),
        (visited(agent=""), "bad_body", "visitor.agent", "length >= 1"),
        (visited(do_not_track=1), "bad_body", "visitor.do_not_track", "got `int`"),
        (EVENT | {"consent": MARK}, "bad_body", "consent", "must be one of granted, denied, withdrawn"),
        (EVENT | {"timestamp": MARK}, "bad_body", "timestamp", "write ISO 8601 with a zone"),
        (EVENT | {"timestamp": "2026-10-14T10:00:00"}, "bad_body", "timestamp", "with a timezone"),
        (EVENT | {"timestamp": 0}, "bad_body", "timestamp", ">= 1"),
        (EVENT | {"revenue": {"amount": MARK, "currency": "EUR"}}, "bad_body", "revenue.amount", "matching regex"),
        (EVENT | {"revenue": {"amount": 1e20, "currency": "EUR"}}, "bad_body", "revenue", "no amount in a currency"),
        (EVENT | {"revenue": {"amount": 1}}, "bad_body", "revenue.currency", "is required"),
        (EVENT | {"name": "engagement"}, "empty_engagement", "name", "needs engaged_ms, scroll or vitals"),
        (EVENT | {"scroll": 3}, "bad_body", "name", "is not engagement"),
        (EVENT | {"name": "engagement", "scroll": 101}, "bad_body", "scroll", "<= 100"),
        (EVENT | {"id": ""}, "bad_body", "id", "length >= 1"),
        (EVENT | {"id": 7}, "bad_body", "id", "got `int`"),
        ({"events": [EVENT], "site": MARK}, "bad_body", "events", "stands alone"),
        ({"events": MARK}, "bad_body", "request", "not JSON of an event"),
        (b"", "bad_body", "request", "not JSON of an event"),
        (f'"{MARK}"'.encode(), "bad_body", "request", "not JSON of an event"),
        (f'{{"name":"{MARK}'.encode(), "bad_body", "request", "not JSON of an event"),
        (f'[{{"name":"{MARK}\xff"}}]'.encode("latin-1"), "bad_body", "event", "is not JSON"),
        (b"[" * 100_000, "bad_body", "request", "not JSON of an event"),
        (b'[{"props":' + b"[" * 100_000 + b"]" * 100_000 + b"}]", "bad_body", "request", "not JSON of an event"),
    ],
)  # fmt: skip
def test_what_is_malformed_is_refused_by_its_field_and_never_repeated(
    tmp_path: Path, body: Any, reason: str, field: str, says: str
) -> None:
    with capture_logs() as logs:
        told = ask(tmp_path, body)
    assert told.status == 400
    (refused,) = told.result["refused"]
    assert (refused["reason"], refused["field"]) == (reason, field)
    assert says in refused["message"]
    assert told.headers["x-footfall-reason"] == reason
    assert MARK not in told.body.decode() + str(told.headers) + str(logs)
    assert not logs
    assert events_of(tmp_path) == []


WRONG: tuple[Any, ...] = (
    MARK,
    [MARK],
    {MARK: MARK},
    {"amount": MARK},
    {"lcp": MARK},
    75310000000000001,
    -7531,
    7531.5,
    True,
)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda wrong: json.dumps(wrong))
def test_no_answer_repeats_a_value_wherever_it_stands(tmp_path: Path, wrong: Any) -> None:
    async def use(house: House) -> None:
        for name in ServerEvent.__struct_fields__:
            told = await house.ask([EVENT | {name: wrong}])
            assert told.status in (202, 400)
            assert "7531" not in told.body.decode() + str(told.headers)
        for name in Visitor.__struct_fields__:
            told = await house.ask([visited(**{name: wrong})])
            assert told.status in (202, 400)
            assert "7531" not in told.body.decode() + str(told.headers)

    with capture_logs() as logs:
        run(tmp_path, use)
    assert not logs


def _leak_address(whole: Callable[..., Any]) -> Callable[..., Any]:
    return lambda draft: structs.replace(whole(draft), network=draft.client.address)


@pytest.mark.parametrize("broken", [False, True])
def test_the_canary_is_silent_at_this_door_and_speaks_where_a_step_leaks(
    tmp_path: Path, broken: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if broken:
        monkeypatch.setattr(steps, "event_of", _leak_address(steps.event_of))
    marks = fresh(random.Random(20261124))

    async def use(house: House) -> int:
        told = [await house.ask(body) for body in server_bodies(marks, "a.example")]
        for one in told:
            answered = one.body.decode() + str(one.headers)
            assert not [mark for mark in marks_of([marks]) if mark in answered]
        return sum(one.result["accepted"] for one in told)

    with capture_logs() as logs:
        assert run(tmp_path, use) == 6
    found = {mark for mark, _, _ in search([tmp_path], str(logs).encode(), marks_of([marks]))}
    assert found == ({marks.address, marks.address6} if broken else set())


def test_values_of_a_visitor_are_in_no_text_made_of_it() -> None:
    visitor = Visitor(MARK, MARK, None, None)
    assert MARK not in repr(visitor) + repr(ServerEvent(MARK, MARK, visitor))


def test_a_body_over_the_limit_is_refused_and_one_of_just_the_limit_is_taken(tmp_path: Path) -> None:
    body = json.dumps(EVENT).encode()
    padded = body + b" " * (ServerEvents.max_body - len(body))

    async def use(house: House) -> list[Told]:
        return [await house.ask(padded), await house.ask(padded + b" ")]

    taken, refused = run(tmp_path, use)
    assert (taken.status, refused.status, refused.refused) == (202, 413, [("too_large", "request")])


def test_without_a_key_nothing_of_a_request_is_taken_and_it_may_be_sent_again(tmp_path: Path) -> None:
    async def use(house: House) -> Told:
        house.page.keys.there = False
        return await house.ask([EVENT, EVENT | {"consent": "denied"}, {}])

    told = run(tmp_path, use)
    assert (told.status, told.refused, told.headers["retry-after"]) == (
        503,
        [("no_key", "request")],
        str(RETRY_AFTER_S),
    )
    assert events_of(tmp_path) == []


def test_a_full_spool_is_told_with_503(tmp_path: Path) -> None:
    async def use(house: House) -> Told:
        house.page.spool.thread.refusal = "spool.max_bytes = 1 is reached"
        told = await house.ask()
        house.page.spool.thread.refusal = ""
        return told

    told = run(tmp_path, use)
    assert (told.status, told.refused) == (503, [("spool", "request")])
    assert events_of(tmp_path) == []
