"""Fault 17: malformed JSON and UTF-8, surrogates, NaN, depth, many keys, huge numbers, NUL, bidi; in every format.

At least 100,000 hostile bodies and header sets go through the real endpoints into a real spool: each is answered with a
reason or with acceptance, never with 500, and what was accepted is in the spool, neighbours of garbage included.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collector.edge.endpoint import Endpoint
from collector.edge.server_endpoint import ServerEndpoint
from collector.enrich.geo import GeoDatabase
from collector.keys.key import EphemeralKeys
from collector.outcome import Outcome, Reason
from collector.privacy.address import Proxies
from collector.service import Collector
from collector.tokens import Tokens
from collector.wire.goatcounter import GoatCounter
from collector.wire.matomo import Matomo
from collector.wire.pixel import Pixel
from collector.wire.plausible import Plausible
from collector.wire.umami import Umami, UmamiBatch
from footfall.settings import load
from pipeline.settings import SpoolSettings
from pipeline.spool.file import read_sealed, spool_files
from pipeline.spool.spool import Spool
from schema.event import Event
from tests.conftest import examples

BATCH = 250
# 10,000 requests in `make test`, 100,000 in `make test-all`.
FEEDS = examples(40)
REQUESTS = FEEDS.max_examples * BATCH
NOW = 1_792_000_033.25
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
PAGE = "https://a.example/x?utm_source=y"


class Door(NamedTuple):
    """A way in: its endpoint, and well-formed requests to be spoilt, as (query, body). authorized: with a token."""

    endpoint: Callable[[Collector, Tokens], Endpoint]
    method: str
    seeds: tuple[tuple[str, Any], ...]
    headers: tuple[tuple[bytes, bytes], ...] = ()
    authorized: bool = False


UUID = "11111111-2222-3333-4444-555555555555"
_EVENT = {
    "n": "Signup", "u": PAGE, "d": "a.example", "r": "https://www.google.com/", "h": 1, "i": False, "w": 1440,
    "p": {"plan": "three", "n": 3, "deep": {"a": [1]}}, "$": {"amount": "12.50", "currency": "EUR"}, "id": "e-1",
    "tz": "Europe/Rome", "lang": "de-CH", "consent": "granted",
}  # fmt: skip
_LEFT = {"n": "engagement", "u": PAGE, "d": "a.example", "sd": 71, "e": 8123, "lcp": 1200.5, "cls": 0.1, "v": 33}
_LEAST = {"n": "pageview", "u": PAGE, "d": "a.example,b.example"}
_UMAMI = {
    "type": "event",
    "payload": {
        "website": UUID, "hostname": "a.example", "url": "/x?utm_source=y", "referrer": "https://www.google.com/",
        "screen": "1920x1080", "language": "de-AT", "title": "T", "name": "signup",
        "data": {"plan": "three", "d": {"e": 1}}, "tag": "t", "id": "someone", "timestamp": 1, "ip": "1.2.3.4",
        "userAgent": "x",
    },
}  # fmt: skip
_SPEED = {"type": "performance", "payload": {"website": UUID, "url": PAGE, "lcp": 1200, "cls": 0.1, "ttfb": 30}}
_SERVER = {
    "name": "order", "url": PAGE, "id": "o-1", "timestamp": "2026-10-14T07:46:00Z", "props": {"plan": "three"},
    "visitor": {"address": "203.0.113.9", "agent": AGENT, "do_not_track": None, "global_privacy_control": None,
                "opted_out": False, "languages": "de", "screen_width": 1440, "time_zone": "Europe/Rome"},
    "revenue": {"amount": "12.50", "currency": "EUR"},
}  # fmt: skip
_SERVER_LEFT = {
    "name": "engagement", "url": PAGE, "visitor": _SERVER["visitor"], "engaged_ms": 5, "scroll": 7,
    "vitals": {"lcp": 1.5},
}  # fmt: skip
_MATOMO = (
    f"idsite=1&rec=1&url={quote(PAGE)}&urlref=https%3A%2F%2Fwww.google.com%2F&res=1920x1080&action_name=T&pv_id=abc123"
)
_MATOMO_EVENT = _MATOMO + "&e_c=shop&e_a=buy&e_n=thing&e_v=12.5&revenue=9.99&idgoal=1&pf_net=3&pf_srv=40&send_image=0"

DOORS = {
    "plausible": Door(
        lambda collector, _: Endpoint(collector, Plausible()),
        "POST",
        (("", _EVENT), ("", _LEFT), ("", _LEAST), ("", [_EVENT, _LEAST, _LEFT])),
    ),
    "umami": Door(lambda collector, _: Endpoint(collector, Umami()), "POST", (("", _UMAMI), ("", _SPEED))),
    "batch": Door(lambda collector, _: Endpoint(collector, UmamiBatch()), "POST", (("", [_UMAMI, _SPEED, _UMAMI]),)),
    "goatcounter": Door(
        lambda collector, _: Endpoint(collector, GoatCounter(collector.rules)),
        "GET",
        (("p=/foo.html&t=T&r=https%3A%2F%2Fx.example&e=false&q=ref=AAA&s=1920,1080&rnd=1", ""), ("p=buy&e=true", "")),
        ((b"origin", b"https://a.example"),),
    ),
    "matomo": Door(lambda collector, _: Endpoint(collector, Matomo()), "GET", ((_MATOMO, ""), (_MATOMO_EVENT, ""))),
    "bulk": Door(
        lambda collector, _: Endpoint(collector, Matomo()),
        "POST",
        (
            ("", {"requests": ["?" + _MATOMO, "?" + _MATOMO_EVENT, {"idsite": "1", "rec": 1, "url": PAGE}]}),
            ("", _MATOMO),
        ),
    ),
    "pixel": Door(
        lambda collector, _: Endpoint(collector, Pixel()),
        "GET",
        ((f"d=a.example&u={quote(PAGE)}&r=https%3A%2F%2Fx.example", ""), ("d=a.example", "")),
        ((b"referer", PAGE.encode()),),
    ),
    "server": Door(
        ServerEndpoint, "POST", (("", _SERVER), ("", {"events": [_SERVER, _SERVER_LEFT, _SERVER]})), authorized=True
    ),
}

_DEEP = "[" * 3000
HOSTILE: tuple[str, ...] = (
    "null", "true", "-0", "1e999", "-1e999", "NaN", "Infinity", "1" * 400, "1" * 5000, "9" * 19, "-" + "9" * 40,
    "0.1e-400", '""',
    '"\\u0000"', '"\\ud800"', '"\\udfff\\ud800"', '"\\u202etxt.exe"', '"\x7f"', '"\u2028"', '"' + "a" * 3000 + '"',
    '"' + "\U0001f469\u200d" * 400 + '"', '"' + "e\u0301" * 500 + '"', '"' + "%25" * 700 + '"', '"https://[::1"',
    '"https://a.example:99999999/"', '"https://\\u0000/"', '"//"', '"data:text/html,x"', '"https://u:p@a.example/"',
    '"{\\"a\\":1}"', '"' + '{\\"a\\":' * 200 + '"', _DEEP, _DEEP + "]" * 3000, '{"a":' * 2500, "{}", "[]", "[[[]]]",
    "{" + ",".join(f'"k{n}":{n}' for n in range(3000)) + "}", '{"amount":"1e400","currency":"EUR"}',
    '{"amount":1e308,"currency":"JPY"}', '"2026-13-45T99:99:99Z"', '"-1"', '"\\n\\r\\t"', "'", "undefined", "\ufeff",
)  # fmt: skip
_HEADERS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("user-agent", (AGENT, "", "curl/8", "x" * 4000, "\x00\xff", "Mozilla/5.0 (" * 300, "Googlebot/2.1", "${jndi:x}")),
    ("accept-language", ("de-AT,de;q=0.9", "*", ";q=" * 500, "x" * 3000, "de;q=nan,en;q=inf", "\xe9", ",,,;;;")),
    ("x-forwarded-for", ("203.0.113.9", "unknown", "::ffff:1.2.3.4", "1.2.3.4," * 900, "[::1]:80", "fe80::1%eth0")),
    ("sec-ch-ua", ('"Google Chrome";v="143"', '"' * 200, "\\" * 250, '"a";v="9999999999"')),
    ("sec-ch-ua-platform", ('"Windows"', '"', "\xff" * 250)),
    ("sec-ch-ua-mobile", ("?0", "?1", "?9")),
    ("sec-gpc", ("1", "0", " 1", "\xb9")),
    ("dnt", ("1", "0", "unset")),
    ("content-type", ("text/plain", "application/json", "multipart/form-data", "\x00")),
    ("content-length", ("12", "-1", "٣", "9" * 5000, "0x10")),
    ("content-encoding", ("gzip", "identity", "")),
    ("origin", ("https://a.example", "null", "https://" + "a" * 3000, "\xff")),
    ("referer", (PAGE, "about:blank", "\x00", "https://[")),
    ("authorization", ("Bearer x", "Bearer", "Basic \xff")),
    ("purpose", ("prefetch", "\xff")),
)  # fmt: skip


_VALUES: tuple[Any, ...] = (
    None, True, 0, -1, 10**30, -0.0, 1e308, "", " ", "\x00", "\u202etxt", "a" * 3000, "1e999", "nan", "\ud800", {}, [],
    {"a": {"b": [1]}}, [[[]]], ["x"] * 100, {f"k{n}": n for n in range(50)}, "https://[::1", "//", "mailto:a@b.example",
    "2026-13-45T99:99:99Z", "a,b," * 50, "<script>alert(1)</script>", "'; DROP TABLE events; --", "=1+1", "../../x",
)  # fmt: skip


def askew(rng: random.Random, tree: Any) -> Any:
    """The same tree with one value of it another, missing, or under another name."""
    if isinstance(tree, list) and tree:
        at = rng.randrange(len(tree))
        return [askew(rng, one) if place == at else one for place, one in enumerate(tree)]
    if not isinstance(tree, dict) or not tree or rng.random() < 0.1:
        return rng.choice(_VALUES)
    name = rng.choice(tuple(tree))
    how = rng.random()
    if how < 0.1:
        return {key: value for key, value in tree.items() if key != name}
    if how < 0.2:
        return tree | {rng.choice(("", "x", "\x00", "constructor", "n" * 400)): tree[name]}
    return tree | {name: askew(rng, tree[name]) if isinstance(tree[name], (dict, list)) else rng.choice(_VALUES)}


def spoilt(rng: random.Random, text: str) -> bytes:
    """A well-formed text with something wrong in it."""
    how = rng.randrange(9)
    if how <= 3:  # a value becomes another
        value = rng.choice(HOSTILE)
        ends = [place for place, letter in enumerate(text) if letter in ":,[=&"]
        at = rng.choice(ends or [0]) + 1
        end = min((found for found in (text.find(stop, at) for stop in ",]}&") if found >= 0), default=len(text))
        return (text[:at] + value + text[end:]).encode("utf-8", "surrogatepass")
    data = bytearray(text.encode())
    at = rng.randrange(len(data) + 1)
    if how == 4:
        del data[at : at + rng.randrange(1, 40)]
    elif how == 5:
        data[at:at] = bytes(rng.randrange(256) for _ in range(rng.randrange(1, 12)))
    elif how == 6:
        data = data[:at]
    elif how == 7:
        data[at:at] = data[: rng.randrange(len(data) + 1)]
    else:
        for _ in range(rng.randrange(1, 6)):
            if data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


def headers(rng: random.Random) -> list[tuple[bytes, bytes]]:
    """Some headers, hostile ones among them, now and then twice."""
    found = [(b"user-agent", AGENT.encode())] if rng.random() < 0.7 else []
    for _ in range(rng.randrange(5)):
        name, values = rng.choice(_HEADERS)
        found.append((name.encode(), rng.choice(values).encode("utf-8", "surrogatepass")))
    return found


class Site:
    """The endpoints of every format in front of one spool."""

    def __init__(self, directory: Path) -> None:
        sites = f'sites=[{{key="a.example", ids=["{UUID}", "1"]}},{{key="b.example"}}]'
        chosen = load(sets=(sites, "demo=false", "collector.rate_limit=0"), environment={})
        self.spool = Spool(directory, 0, SpoolSettings(seal_after_s=60, keep_free_bytes=0))
        self.collector = Collector(
            chosen.collector_rules(),
            self.spool,
            EphemeralKeys(),
            GeoDatabase(None),
            Proxies(("127.0.0.0/8",)),
            lambda: NOW,
        )
        tokens = Tokens(directory.parent / "tokens.json")
        _, token = tokens.create("a.example", "fuzz")
        tokens.refresh()
        self.token = (b"authorization", f"Bearer {token}".encode())
        self.endpoints = {name: door.endpoint(self.collector, tokens) for name, door in DOORS.items()}
        self.accepted = 0
        self.sent = 0
        self.answers: Counter[tuple[str, bool]] = Counter()
        settle = self.collector.settle

        def noting(*given_: Any) -> list[Outcome]:
            outcomes = settle(*given_)
            self.accepted += sum(one is Reason.ACCEPTED for it in outcomes if isinstance(it, tuple) for one in it)
            return outcomes

        self.collector.settle = noting  # type: ignore[method-assign]

    async def ask(self, name: str, query: bytes, body: bytes, sent: list[tuple[bytes, bytes]]) -> None:
        messages: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            messages.append(message)

        sent = [*DOORS[name].headers, *([self.token] if DOORS[name].authorized else []), *sent]
        scope = {
            "type": "http", "method": DOORS[name].method, "path": "/", "query_string": query, "headers": sent,
            "client": ("127.0.0.1", 1),
        }  # fmt: skip
        await self.endpoints[name](scope, receive, send)
        status, told = messages[0]["status"], dict(messages[0]["headers"])
        self.sent += 1
        self.answers[name, status < 300] += 1
        assert status in (200, 202, 204, 400, 401, 403, 413, 429), (name, query, body[:300], sent)
        if status >= 400:
            assert Reason(told[b"x-footfall-reason"].decode().split(", ")[0]), (name, query, body[:300])


def request(rng: random.Random, name: str) -> tuple[str, bytes, bytes, list[tuple[bytes, bytes]]]:
    door = DOORS[name]
    query, body = rng.choice(door.seeds)
    crooked = not isinstance(body, str) and rng.random() < 0.6
    if crooked:
        body = askew(rng, body)
    text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=rng.random() < 0.5)
    # Whole requests, too: with hostile headers, and beside garbage of the same moment.
    if crooked or rng.random() < (0.05 if text else 0.25):
        return name, query.encode(), text.encode("utf-8", "surrogatepass"), headers(rng)
    spoil_query = query and (not text or rng.random() < 0.5)
    spoilt_query = quote(spoilt(rng, query), safe="=&%?").encode() if spoil_query else query.encode()
    return name, spoilt_query, text.encode() if spoil_query or not text else spoilt(rng, text), headers(rng)


@pytest.mark.timeout(600)
def test_17_no_body_and_no_header_breaks_the_collector_or_loses_a_neighbour(tmp_path: Path) -> None:
    kept = 0
    with asyncio.Runner() as runner:
        site = Site(tmp_path / "spool")

        async def start() -> None:
            site.spool.start()

        async def batch(requests: list[tuple[str, bytes, bytes, list[tuple[bytes, bytes]]]]) -> None:
            await asyncio.gather(*(site.ask(*one) for one in requests))

        runner.run(start())
        for name, door in DOORS.items():
            for query, body in door.seeds:
                whole = body if isinstance(body, str) else json.dumps(body)
                runner.run(site.ask(name, query.encode(), whole.encode(), [(b"user-agent", AGENT.encode())]))
        assert not any(answer for (_, taken), answer in site.answers.items() if not taken)

        @settings(FEEDS, database=None)
        @given(st.integers(0, 2**64))
        def feed(seed: int) -> None:
            nonlocal kept
            rng = random.Random(seed)
            requests = [request(rng, rng.choice(tuple(DOORS))) for _ in range(BATCH - 1)]
            # A page whose beacon stands amid the garbage.
            whole = {"n": "pageview", "u": f"https://a.example/kept/{kept}", "d": "a.example"}
            mine = ("plausible", b"", json.dumps(whole).encode(), [(b"user-agent", AGENT.encode())])
            kept += 1
            requests.insert(rng.randrange(len(requests)), mine)
            runner.run(batch(requests))

        try:
            feed()
        finally:
            site.spool.stop()
    stored = [Event(*row) for path in spool_files(tmp_path / "spool") for row in read_sealed(path)[1]]
    assert site.sent >= REQUESTS
    assert len(stored) == site.accepted
    assert {event.path for event in stored if event.path.startswith("/kept/")} >= {f"/kept/{n}" for n in range(kept)}
    # Garbage that is refused alone would prove little, and so would garbage that passes.
    for name in DOORS:
        assert min(site.answers[name, True], site.answers[name, False]) > REQUESTS // 200, (name, site.answers)
