"""The endpoint around a real spool: 202 is said when it is true, refusals name their reason, signals look like yes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from collector.anonymization import PRESETS
from collector.edge.beat import refresh_forever
from collector.edge.endpoint import RETRY_AFTER_S, Endpoint
from collector.enrich.geo import Geo
from collector.enrich.site_filter import Exclusions, site_filter_of
from collector.keys.key import NoKey
from collector.model import Rules
from collector.outcome import Reason
from collector.privacy.address import Proxies
from collector.service import Collector
from collector.wire.plausible import Plausible
from pipeline.settings import SpoolSettings
from pipeline.spool import file as spool_file
from pipeline.spool.file import read_sealed, spool_files
from pipeline.spool.spool import Spool
from schema.event import Event
from schema.site import Site, local_day

AGENT = "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
NOW = 1_792_000_033.25
PAGEVIEW = {"n": "pageview", "u": "https://a.example/x", "d": "a.example"}
T = TypeVar("T")


class Keys:
    def __init__(self) -> None:
        self.there = True
        self.asked: list[tuple[str, int]] = []

    def key(self, site: str, day: int) -> bytes:
        self.asked.append((site, day))
        if not self.there:
            raise NoKey("no visitor key")
        return b"k" * 32


class GeoDatabase:
    problem: Exception | None = None

    def of(self, network: str, time_zone: str = "") -> Geo:
        if self.problem:
            raise self.problem
        return Geo("", "", "")


class Answer(NamedTuple):
    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes

    def header(self, name: str) -> str | None:
        values = [value.decode() for key, value in self.headers if key == name.encode()]
        assert len(values) < 2
        return values[0] if values else None

    @property
    def errors(self) -> dict[str, list[str]]:
        assert self.header("content-type") == "application/json"
        return dict(json.loads(self.body)["errors"])


class House:
    """A collector for the sites a.example (with the alias alias.example), b.example and gpc.example, and its spool."""

    def __init__(self, spool: Spool, proxies: tuple[str, ...] = ()) -> None:
        self.spool, self.keys, self.places, self.now = spool, Keys(), GeoDatabase(), NOW
        sites = [
            Site("a.example", domains=("www.alias.example",)),
            Site("b.example", timezone="Pacific/Apia"),
            Site("gpc.example"),
        ]
        rules: dict[str, Rules] = {}
        for site in sites:
            settings = structs.replace(PRESETS["balanced"], gpc="drop" if site.key == "gpc.example" else "count")
            mine = Rules(site, settings, 30, frozenset(settings.query_parameters), site.names)
            rules |= dict.fromkeys(site.names, mine)
        # What was counted, whether it is written by now or not.
        self.told: Counter[tuple[str, int, str]] = Counter()
        count = spool.count

        def counting(site: str, reason: str, minute: int, number: int = 1) -> None:
            self.told[site, minute, reason] += number
            count(site, reason, minute, number)

        spool.count = counting  # type: ignore[method-assign]
        self.collector = Collector(rules, spool, self.keys, self.places, Proxies(proxies), lambda: self.now)  # type: ignore[arg-type]

    async def ask(
        self,
        body: bytes | Iterable[bytes] | dict[str, Any] = b"",
        headers: Iterable[tuple[str, str]] = (),
        method: str = "POST",
        peer: str = "203.0.113.9",
        cut_off: bool = False,
    ) -> Answer:
        if isinstance(body, dict):
            body = json.dumps(body).encode()
        pieces = iter([body] if isinstance(body, bytes) else body)
        headers = list(headers)
        given = {} if any(name == "user-agent" for name, _ in headers) else {"user-agent": AGENT}
        scope = {
            "type": "http", "method": method, "path": "/api/event", "client": (peer, 4711),
            "headers": [(k.encode(), v.encode("latin-1")) for k, v in (*given.items(), *headers)],
        }  # fmt: skip
        sent: list[Any] = []

        async def receive() -> Any:
            piece = next(pieces, None)
            if piece is None:
                return (
                    {"type": "http.disconnect"}
                    if cut_off
                    else {"type": "http.request", "body": b"", "more_body": False}
                )
            return {"type": "http.request", "body": piece, "more_body": True}

        async def send(message: Any) -> None:
            sent.append(message)

        await Endpoint(self.collector, Plausible())(scope, receive, send)  # type: ignore[arg-type]
        start, *parts = sent
        return Answer(start["status"], start["headers"], b"".join(part.get("body", b"") for part in parts))

    @property
    def counted(self) -> dict[tuple[str, str], int]:
        found: dict[tuple[str, str], int] = {}
        for (site, _, reason), number in self.told.items():
            found[site, str(reason)] = found.get((site, str(reason)), 0) + number
        return found


def run(directory: Path, use: Callable[[House], Awaitable[T]], proxies: tuple[str, ...] = (), **settings: Any) -> T:
    """Use a house with a loop of its own; its spool is sealed afterwards."""

    @contextlib.asynccontextmanager
    async def house() -> AsyncIterator[House]:
        spool = Spool(directory, 0, SpoolSettings(**({"seal_after_s": 60.0, "keep_free_bytes": 0} | settings)))
        spool.start()
        try:
            yield House(spool, proxies)
        finally:
            await asyncio.to_thread(spool.stop)

    async def inside() -> T:
        async with house() as it:
            return await use(it)

    return asyncio.run(inside())


def stored(directory: Path) -> list[Event]:
    return [Event(*row) for path in spool_files(directory) for row in read_sealed(path)[1]]


def ask(directory: Path, *given: Any, **more: Any) -> Answer:
    return run(directory, lambda house: house.ask(*given, **more))


# -- acceptance ----------------------------------------------------------------------------------------------------


def test_an_accepted_beacon_is_stored_and_answered_with_ok(tmp_path: Path) -> None:
    async def use(house: House) -> Answer:
        answer = await house.ask(PAGEVIEW, [("accept-language", "de-AT")])
        assert house.counted == {("a.example", "accepted"): 1}
        return answer

    answer = run(tmp_path, use)
    assert (answer.status, answer.body) == (202, b"ok")
    assert {name.decode(): value.decode() for name, value in answer.headers} == {
        "access-control-allow-origin": "*",
        "vary": "origin",
        "access-control-expose-headers": "X-Footfall-Reason, X-Plausible-Dropped",
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": "no-store",
        "content-type": "text/plain; charset=utf-8",
        "content-length": "2",
    }
    (event,) = stored(tmp_path)
    assert (event.site, event.path, event.received, event.language, event.lifetime) == (
        "a.example",
        "/x",
        int(NOW),
        "de",
        30,
    )
    assert event.visitor


def test_a_list_of_beacons_is_one_request_and_a_malformed_one_takes_no_other_with_it(tmp_path: Path) -> None:
    async def use(house: House) -> list[Answer]:
        second = PAGEVIEW | {"u": "https://a.example/y"}
        answers = [
            await house.ask(json.dumps(sent).encode())
            for sent in ([PAGEVIEW, {"n": "pageview"}, second], [{"n": ""}, {}], [], [PAGEVIEW] * 51)
        ]
        assert house.counted[("a.example", "accepted")] == 2
        assert house.counted[("", "no_url")] == 1
        return answers

    mixed, wrong, none, many = run(tmp_path, use)
    assert (mixed.status, mixed.header("x-footfall-reason")) == (202, "no_url")
    assert (wrong.status, wrong.errors) == (400, {"event_name": ["can't be blank"]})
    assert none.status == many.status == 400
    assert [event.path for event in stored(tmp_path)] == ["/x", "/y"]


def test_nothing_is_answered_before_the_commit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begun, go, commit = threading.Event(), threading.Event(), spool_file.OpenFile.commit

    def slow(self: Any, *given: Any) -> None:
        begun.set()
        assert go.wait(30)
        commit(self, *given)

    monkeypatch.setattr(spool_file.OpenFile, "commit", slow)

    async def use(house: House) -> Answer:
        asked = asyncio.ensure_future(house.ask(PAGEVIEW))
        await asyncio.to_thread(begun.wait, 10)
        await asyncio.sleep(0.05)
        assert not asked.done()
        go.set()
        return await asked

    assert run(tmp_path, use).status == 202
    assert len(stored(tmp_path)) == 1


@pytest.mark.parametrize("kind", ["application/json", "text/plain", "text/plain;charset=UTF-8", ""])
def test_the_content_type_does_not_matter(tmp_path: Path, kind: str) -> None:
    assert ask(tmp_path, PAGEVIEW, [("content-type", kind)]).status == 202


@pytest.mark.parametrize("size", [1, 7, 1000])
def test_a_body_in_pieces_is_one_body(tmp_path: Path, size: int) -> None:
    body = json.dumps(PAGEVIEW).encode()
    assert ask(tmp_path, [body[i : i + size] for i in range(0, len(body), size)]).status == 202
    assert len(stored(tmp_path)) == 1


@pytest.mark.parametrize(
    ("domain", "url", "sites", "reason", "dropped"),
    [
        ("a.example", "https://x.example/", ["a.example"], None, None),
        ("www.A.example", "https://x.example/", ["a.example"], None, None),
        ("alias.example", "https://x.example/", ["a.example"], None, None),
        ("a.example,b.example", "https://x.example/", ["a.example", "b.example"], None, None),
        ("a.example,a.example", "https://x.example/", ["a.example"], None, None),
        ("nobody.example", "https://x.example/", [], "unknown_site", "1"),
        ("a.example,nobody.example", "https://x.example/", ["a.example"], "unknown_site", "1"),
        ("n.example,m.example", "https://x.example/", [], "unknown_site", "2"),
        (None, "https://www.b.example:8443/p?q", ["b.example"], None, None),
        (None, "https://alias.example", ["a.example"], None, None),
        (None, "https://nobody.example/", [], "unknown_site", "1"),
    ],
)
def test_each_named_site_gets_its_event_and_an_unknown_one_is_told(
    tmp_path: Path, domain: str | None, url: str, sites: list[str], reason: str | None, dropped: str | None
) -> None:
    answer = ask(tmp_path, {"n": "pageview", "u": url, "d": domain})
    assert (answer.status, answer.body) == (202, b"ok")
    assert (answer.header("x-footfall-reason"), answer.header("x-plausible-dropped")) == (reason, dropped)
    assert [event.site for event in stored(tmp_path)] == sites


def test_one_browser_on_two_sites_has_two_numbers(tmp_path: Path) -> None:
    ask(tmp_path, PAGEVIEW | {"d": "a.example,b.example"})
    one, other = stored(tmp_path)
    assert one.visitor != other.visitor


def test_the_day_is_the_sites_own_and_turns_at_its_midnight(tmp_path: Path) -> None:
    day = local_day("Pacific/Apia", NOW)

    async def use(house: House) -> None:
        for house.now in (day.end - 0.001, float(day.end)):
            await house.ask(PAGEVIEW | {"d": "b.example"})
        assert house.keys.asked == [("b.example", day.number), ("b.example", day.number + 1)]

    run(tmp_path, use)
    assert [event.day for event in stored(tmp_path)] == [day.number, day.number + 1]


def test_the_address_is_the_peers_unless_it_is_a_proxy_of_ours(tmp_path: Path) -> None:
    forged = [("x-forwarded-for", "198.51.100.7")]

    async def use(house: House) -> None:
        await house.ask(PAGEVIEW, peer="198.51.100.7")
        await house.ask(PAGEVIEW, forged, peer="10.0.0.1")  # a proxy of ours
        await house.ask(PAGEVIEW, forged, peer="203.0.113.9")  # anybody
        await house.ask(PAGEVIEW, peer="203.0.113.9")

    run(tmp_path, use, proxies=("10.0.0.0/8",))
    direct, proxied, forging, plain = (event.visitor for event in stored(tmp_path))
    assert direct == proxied
    assert forging == plain != direct


def test_a_body_can_set_neither_address_nor_agent_nor_time(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        await house.ask(PAGEVIEW)
        more = {"ip": "198.51.100.7", "userAgent": "x", "ua": "x", "timestamp": 5, "received": 5, "visitor": 5}
        await house.ask(PAGEVIEW | more)

    run(tmp_path, use)
    one, other = stored(tmp_path)
    assert one == other


# -- refusals ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "reason", "errors"),
    [
        (b"", "bad_body", {"request": ["Unable to parse request body as json"]}),
        (b"{", "bad_body", {"request": ["Unable to parse request body as json"]}),
        ({"n": "x", "d": "a.example"}, "no_url", {"url": ["is required"]}),
        ({"u": "https://a.example", "d": "a.example"}, "no_name", {"event_name": ["can't be blank"]}),
        (PAGEVIEW | {"d": ""}, "no_domain", {"domain": ["can't be blank"]}),
        ({"n": "x", "u": "no host"}, "no_domain", {"domain": ["can't be blank"]}),
        (PAGEVIEW | {"u": "data:text/html,x"}, "bad_url", {"url": ["is not a URL of a web page"]}),
        (PAGEVIEW | {"u": "https://[x/"}, "bad_url", {"url": ["is not a URL of a web page"]}),
        (
            PAGEVIEW | {"p": {" ": "v"}},
            "bad_property",
            {"props": ["names must not be blank, nor longer than 300 bytes"]},
        ),
        (
            PAGEVIEW | {"n": "engagement"},
            "empty_engagement",
            {"event_name": ["engagement event requires a valid integer value for at least one of 'sd' or 'e' fields"]},
        ),
    ],
)
def test_a_malformed_beacon_is_refused_with_its_reason(
    tmp_path: Path, body: Any, reason: str, errors: dict[str, list[str]]
) -> None:
    answer = ask(tmp_path, body)
    assert (answer.status, answer.errors, answer.header("x-footfall-reason")) == (400, errors, reason)
    assert answer.header("access-control-allow-origin") == "*"
    assert stored(tmp_path) == []


@pytest.mark.parametrize(
    ("headers", "reason"), [([("purpose", "prefetch")], "prefetch"), ([("user-agent", "curl/8.5")], "library")]
)
def test_what_is_dropped_is_answered_with_202_and_the_reason(
    tmp_path: Path, headers: list[tuple[str, str]], reason: str
) -> None:
    async def use(house: House) -> Answer:
        answer = await house.ask(PAGEVIEW, headers)
        assert house.counted == {("a.example", reason): 1}
        return answer

    answer = run(tmp_path, use)
    assert (answer.status, answer.header("x-footfall-reason"), answer.header("x-plausible-dropped")) == (
        202,
        reason,
        "1",
    )
    assert stored(tmp_path) == []


@pytest.mark.parametrize("length", [str(Plausible.max_body + 1), "9" * 12])
def test_a_body_that_says_it_is_too_large_is_refused_unread(tmp_path: Path, length: str) -> None:
    def unread() -> Iterable[bytes]:
        pytest.fail("it was read")
        yield b""

    answer = ask(tmp_path, unread(), [("content-length", length)])
    assert (answer.status, answer.header("x-footfall-reason")) == (413, "too_large")
    assert answer.errors == {"request": ["is larger than 65536 bytes"]}


@pytest.mark.parametrize("headers", [[], [("content-length", "10")], [("content-length", "x")]])
def test_a_body_that_turns_out_too_large_is_refused_as_soon_as_it_is(
    tmp_path: Path, headers: list[tuple[str, str]]
) -> None:
    read: list[int] = []

    def endless() -> Iterable[bytes]:
        while True:
            read.append(1)
            yield b" " * 1024

    answer = ask(tmp_path, endless(), headers)
    assert (answer.status, answer.header("x-footfall-reason")) == (413, "too_large")
    assert len(read) == Plausible.max_body // 1024 + 1


def test_a_body_of_just_the_limit_is_taken(tmp_path: Path) -> None:
    body = json.dumps(PAGEVIEW).encode()
    assert ask(tmp_path, body + b" " * (Plausible.max_body - len(body))).status == 202


def test_a_compressed_body_is_refused(tmp_path: Path) -> None:
    answer = ask(tmp_path, b"\x1f\x8b", [("content-encoding", "gzip")])
    assert (answer.status, answer.errors) == (400, {"request": ["must not be compressed"]})


def test_a_body_that_was_cut_off_is_not_taken(tmp_path: Path) -> None:
    answer = ask(tmp_path, [json.dumps(PAGEVIEW).encode()], cut_off=True)
    assert answer.header("x-footfall-reason") == "too_slow"
    assert stored(tmp_path) == []


def test_without_a_key_nothing_is_collected_and_the_page_may_try_again(tmp_path: Path) -> None:
    async def use(house: House) -> Answer:
        house.keys.there = False
        answer = await house.ask(PAGEVIEW)
        assert house.counted == {("", "no_key"): 1}
        return answer

    answer = run(tmp_path, use)
    assert (answer.status, answer.header("x-footfall-reason")) == (503, "no_key")
    assert answer.header("retry-after") == str(RETRY_AFTER_S)
    assert stored(tmp_path) == []


def test_of_several_sites_none_is_stored_where_one_has_no_key(tmp_path: Path) -> None:
    async def use(house: House) -> Answer:
        key = house.keys.key

        def only_a(site: str, day: int) -> bytes:
            if site != "a.example":
                raise NoKey
            return key(site, day)

        house.keys.key = only_a  # type: ignore[method-assign]
        return await house.ask(PAGEVIEW | {"d": "a.example,b.example"})

    assert run(tmp_path, use).status == 503
    assert stored(tmp_path) == []


@pytest.mark.parametrize("how", ["limit", "commit"])
def test_what_the_spool_refuses_is_answered_with_503_and_never_with_202(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    async def use(house: House) -> Answer:
        if how == "limit":
            house.spool.thread.refusal = "spool.max_bytes = 1 is reached"
        else:
            monkeypatch.setattr(spool_file.OpenFile, "commit", full)
        answer = await house.ask(PAGEVIEW)
        assert house.counted == {("", "spool"): 1}
        house.spool.thread.refusal = ""
        return answer

    answer = run(tmp_path, use)
    assert (answer.status, answer.header("x-footfall-reason"), answer.header("retry-after")) == (503, "spool", "5")
    assert answer.errors == {"request": ["cannot be stored now, try again"]}
    monkeypatch.undo()
    spool_file.recover(tmp_path)
    assert stored(tmp_path) == []


def test_an_exception_is_500_with_its_kind_and_place_in_the_log_and_nothing_of_the_beacon(tmp_path: Path) -> None:
    mark = "canary-7531"

    async def use(house: House) -> Answer:
        house.places.problem = ValueError(f"cannot read {mark}")
        answer = await house.ask(PAGEVIEW | {"u": f"https://a.example/{mark}"}, [("user-agent", f"{AGENT} {mark}")])
        assert house.counted == {("", "failed"): 1}
        return answer

    with capture_logs() as logs:
        answer = run(tmp_path, use)
    assert (answer.status, answer.header("x-footfall-reason")) == (500, "failed")
    assert mark not in answer.body.decode() + str(answer.headers) + str(logs)
    (entry,) = [entry for entry in logs if entry["event"] == "beacon_failed"]
    assert (entry["kind"], entry["at"].partition(":")[0]) == ("ValueError", "of")


# -- signals -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "site", "reason"),
    [
        ([("dnt", "1")], "a.example", "opted_out"),
        ([("x-footfall-opt-out", "1")], "a.example", "opted_out"),
        ([("sec-gpc", "1")], "a.example", "count_only"),
        ([("sec-gpc", "1")], "gpc.example", "gpc"),
        ([("sec-gpc", "0"), ("sec-gpc", "1")], "a.example", "count_only"),
        ([("sec-gpc", "1"), ("dnt", "1")], "a.example", "opted_out"),
    ],
)
def test_the_answer_to_a_signal_is_the_answer_to_acceptance_to_the_byte(
    tmp_path: Path, headers: list[tuple[str, str]], site: str, reason: str
) -> None:
    async def use(house: House) -> None:
        accepted = await house.ask(PAGEVIEW | {"d": site})
        before = dict(house.counted)
        assert await house.ask(PAGEVIEW | {"d": site}, headers) == accepted
        assert house.counted == before | {(site, reason): 1}

    run(tmp_path, use)
    assert len(stored(tmp_path)) == 1


@pytest.mark.parametrize(
    "headers",
    [
        [("sec-gpc", "0")],
        [("sec-gpc", "true")],
        [("sec-gpc", "1 ")],
        [("sec-gpc", "")],
        [("dnt", "0")],
        [("dnt", "null")],
    ],
)
def test_what_is_not_exactly_1_is_no_signal(tmp_path: Path, headers: list[tuple[str, str]]) -> None:
    ask(tmp_path, PAGEVIEW, headers)
    assert len(stored(tmp_path)) == 1


def test_a_count_of_those_who_asked_not_to_be_recorded_tells_no_minute(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        for house.now in (NOW, NOW + 3600, NOW + 7200):
            await house.ask(PAGEVIEW, [("sec-gpc", "1")])
        ((site, minute, reason),) = house.told
        assert (site, reason, house.told[site, minute, reason]) == ("a.example", "count_only", 3)
        assert minute % 86_400 == 0

    run(tmp_path, use)


def test_only_pageviews_are_counted_of_those_who_asked_not_to_be_recorded(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        await house.ask(PAGEVIEW, [("sec-gpc", "1")])
        await house.ask(PAGEVIEW | {"n": "engagement", "e": 5}, [("sec-gpc", "1")])
        await house.ask(PAGEVIEW | {"n": "signup"}, [("sec-gpc", "1")])
        assert house.counted == {("a.example", "count_only"): 1}

    run(tmp_path, use)


def test_a_signal_for_one_site_hides_no_refusal_of_another(tmp_path: Path) -> None:
    answer = ask(tmp_path, PAGEVIEW | {"d": "a.example,nobody.example"}, [("dnt", "1")])
    assert (answer.status, answer.header("x-footfall-reason"), answer.header("x-plausible-dropped")) == (
        202,
        "unknown_site",
        "1",
    )


# -- the rest ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    ["https://x.example", "http://localhost:8080", "https://[::1]:8443", "capacitor://localhost", "null"],
)
def test_a_preflight_is_answered_for_every_origin_with_credentials_too(tmp_path: Path, origin: str) -> None:
    answer = ask(tmp_path, b"", [("origin", origin), ("access-control-request-method", "POST")], method="OPTIONS")
    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("access-control-allow-origin") == origin
    assert answer.header("access-control-allow-credentials") == "true"
    assert answer.header("vary") == "origin"
    assert answer.header("access-control-allow-methods") == "POST, OPTIONS"
    assert answer.header("access-control-allow-headers") == "Content-Type"


@pytest.mark.parametrize("body", [PAGEVIEW, PAGEVIEW | {"d": "nobody"}, b"{", b"x" * 100_000])
def test_the_answer_itself_may_be_read_by_the_page_that_sent_it(tmp_path: Path, body: Any) -> None:
    answer = ask(tmp_path, body, [("origin", "https://a.example")])
    assert answer.header("access-control-allow-origin") == "https://a.example"
    assert answer.header("access-control-allow-credentials") == "true"
    assert answer.header("vary") == "origin"


@pytest.mark.parametrize("origin", ["", "a.example", "https://a.example https://b.example", "https://a.example/x", "*"])
def test_what_is_no_origin_is_not_repeated(tmp_path: Path, origin: str) -> None:
    answer = ask(tmp_path, PAGEVIEW, [("origin", origin)])
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("access-control-allow-credentials") is None


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
def test_other_methods_are_told_what_to_use(tmp_path: Path, method: str) -> None:
    answer = ask(tmp_path, b"", method=method)
    assert (answer.status, answer.header("allow")) == (405, "POST, OPTIONS")


def test_no_answer_sets_a_cookie_or_may_be_stored(tmp_path: Path) -> None:
    for body in (PAGEVIEW, b"{", PAGEVIEW | {"d": "nobody"}):
        answer = ask(tmp_path, body)
        assert answer.header("set-cookie") is None
        assert answer.header("etag") is None
        assert answer.header("cache-control") == "no-store"


def test_every_reason_of_a_beacon_is_counted_under_its_own_name(tmp_path: Path) -> None:
    async def use(house: House) -> None:
        for body in (b"{", b"x" * (Plausible.max_body + 1), PAGEVIEW | {"d": "nobody"}, PAGEVIEW):
            await house.ask(body)

    run(tmp_path, use)
    (path,) = spool_files(tmp_path)
    counts = {(count.site, count.reason): count.count for count in read_sealed(path)[2]}
    assert counts == {("", "bad_body"): 1, ("", "too_large"): 1, ("", "unknown_site"): 1, ("a.example", "accepted"): 1}
    assert {reason for _, reason in counts} <= set(Reason)


def test_keys_are_followed_and_counts_handed_over_again_and_again() -> None:
    async def inside() -> None:
        beats: list[str] = []
        task = refresh_forever(lambda: beats.append("keys"), lambda: beats.append("flush"), every_s=0)
        for _ in range(10):
            await asyncio.sleep(0)
        task.cancel()
        assert beats[:4] == ["keys", "flush", "keys", "flush"]

    asyncio.run(inside())


def test_one_site_under_two_names_is_counted_once(tmp_path: Path) -> None:
    assert ask(tmp_path, PAGEVIEW | {"d": "a.example,alias.example,b.example"}).status == 202
    assert sorted(event.site for event in stored(tmp_path)) == ["a.example", "b.example"]


def test_a_request_that_is_refused_as_a_whole_has_counted_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mixed = json.dumps([PAGEVIEW, PAGEVIEW | {"d": "nobody.example"}, PAGEVIEW | {"consent": "denied"}]).encode()

    async def use(house: House) -> None:
        monkeypatch.setattr(house.spool.thread, "refusal", "full")
        assert (await house.ask(mixed)).status == 503
        assert house.counted == {("", "spool"): 1}
        monkeypatch.setattr(house.spool.thread, "refusal", "")
        assert (await house.ask(mixed)).status == 202
        assert house.counted[("a.example", "denied")] == house.counted[("", "unknown_site")] == 1

    run(tmp_path, use)


def test_a_task_that_fails_once_is_tried_again_and_does_not_end_the_others() -> None:
    done: list[str] = []

    def fails() -> None:
        done.append("fails")
        raise RuntimeError

    async def inside() -> None:
        beat = refresh_forever(fails, lambda: done.append("works"), every_s=0.01)
        await asyncio.sleep(0.05)
        beat.cancel()

    with capture_logs():
        asyncio.run(inside())
    assert done.count("fails") >= 2
    assert done.count("works") >= 2


def test_a_foreign_page_deletes_nothing_and_is_told_so_and_a_wish_is_stored_once(tmp_path: Path) -> None:
    async def use(house: House) -> list[Answer]:
        rules = house.collector.rules
        mine = structs.replace(rules["a.example"], site_filter=site_filter_of(["a.example"], Exclusions()))
        house.collector.rules = {**rules, "a.example": mine}
        wishes = json.dumps([PAGEVIEW | {"consent": "withdrawn"}] * 3).encode()
        return [await house.ask(wishes, [("origin", f"https://{host}")]) for host in ("evil.example", "a.example")]

    foreign, own = run(tmp_path, use)
    assert (foreign.status, foreign.header("x-footfall-reason")) == (202, "origin")
    assert (own.status, own.header("x-footfall-reason")) == (202, None)
    assert len([erasure for path in spool_files(tmp_path) for erasure in read_sealed(path).erasures]) == 1
