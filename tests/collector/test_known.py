"""A known visitor on a known page: the row is the one of the steps, and what is known is of no use to anybody else."""

from __future__ import annotations

import gc
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import msgspec
import pytest

from collector import known
from collector.anonymization import PRESETS
from collector.diagnostics.unnamed_proxies import UnnamedProxies
from collector.diagnostics.why import Why
from collector.edge.client import sender_of, sender_text
from collector.edge.endpoint import Endpoint
from collector.edge.head import Head
from collector.edge.reply import Reply
from collector.enrich.geo import GeoDatabase
from collector.event_row import event_of
from collector.keys.key import EphemeralKeys, NoKey, wipe
from collector.known import Known, is_usual
from collector.limits.new_visitors import NewVisitors
from collector.limits.rate_limit import RateLimiter
from collector.model import Arrival, Beacon
from collector.outcome import Reason
from collector.privacy.address import Proxies
from collector.service import Collector
from collector.steps import STEPS
from collector.wire.plausible import Plausible
from schema.event import Event
from schema.site import Site
from tests.collector.talks import AGENTS, head_of_page
from tests.collector.test_steps import AGENT, NOW, draft, rules

PROXIES = Proxies(("127.0.0.0/8",))
PAGE = "https://example.com/a"


class Keys(EphemeralKeys):
    """Keys of one day, which may be away, or be other ones."""

    there = True

    def key(self, site: str, day: int) -> bytearray:
        if not self.there:
            raise NoKey
        return super().key(site, day)

    def turn(self) -> None:
        for key in self._keys.values():
            wipe(key)
        self._keys.clear()


class NoSpool:
    """Of a collector whose beacons go nowhere."""

    def __init__(self) -> None:
        self.counted = Counter[Any]()

    refusal = ""

    def turn(self) -> None: ...

    def hand_in(self, events: object, erasures: object, done: Callable[[None], None]) -> None:
        done(None)

    def count(self, *count: Any) -> None:
        self.counted[count] += 1


def collector(preset: str = "balanced", keys: Keys | None = None, site: Site | None = None, **more: Any) -> Collector:
    mine = rules(preset, site)
    return Collector(
        {mine.site.key: mine}, NoSpool(), keys or Keys(), GeoDatabase(None), PROXIES, lambda: NOW, **more  # type: ignore[arg-type]
    )  # fmt: skip


def beacon(**given: Any) -> Beacon:
    return Beacon(**{"name": "pageview", "url": PAGE, "domains": ("example.com",)} | given)


def head(**given: bytes) -> Head:
    usual = {
        b"user-agent": AGENT.encode(), b"origin": b"https://example.com", b"x-forwarded-for": b"203.0.113.77",
        b"accept-language": b"de-AT,de;q=0.9",
    }  # fmt: skip
    mine = usual | {name.replace("_", "-").encode(): value for name, value in given.items()}
    return Head("127.0.0.1", "POST", b"", list(mine.items()), mine)


def by_steps(where: Collector, head: Head, beacon: Beacon, now: float = NOW) -> Event | None:
    """The event that the steps make, told of its sender."""
    told = sender_text(head, PROXIES)
    sender = where.sender(told, beacon) if told else b""
    taken = where.take([Arrival(beacon, sender_of(head, PROXIES), sender=sender)], now)
    return taken.events[0] if taken.events else None


def again(where: Collector, head: Head, beacon: Beacon, now: float = NOW) -> bytes | None:
    told = sender_text(head, PROXIES)
    sender = where.sender(told, beacon) if told else b""
    found = where.take_again(sender, beacon, now) if sender else None
    if found is not None:
        where.know_head(text_of(head), beacon, sender, head.given[b"origin"])
    return None if found is None else bytes(found[1])


def text_of(head: Head) -> bytes:
    return b"\r\n".join(b"%s: %s" % one for one in head.headers)


def test_a_known_head_is_that_of_a_known_sender_with_what_the_beacon_says_of_him() -> None:
    keys = Keys()
    where = collector(keys=keys)
    by_steps(where, head(), beacon())
    assert where.known_head(text_of(head()), beacon()) is None
    assert again(where, head(), beacon()) is not None
    known = where.known_head(text_of(head()), beacon(url="https://example.com/other"))
    told = sender_text(head(), PROXIES)
    assert told is not None
    assert known == (where.sender(told, beacon()), b"https://example.com")
    for other in (beacon(width=9), beacon(time_zone="Asia/Tokyo"), beacon(consent="denied"), beacon(name="click")):
        assert where.known_head(text_of(head()), other) is None
    assert where.known_head(text_of(head(x_forwarded_for=b"203.0.113.9")), beacon()) is None
    keys.turn()
    where.turn()
    assert where.known_head(text_of(head()), beacon()) is None


def drawn(draw: Random) -> Beacon:
    vitals = {"lcp": draw.random() * 4000} if draw.random() < 0.2 else {}
    return beacon(
        name=draw.choice(("pageview", "pageview", "engagement", "click")),
        url=draw.choice(
            (*(PAGE,) * 5, "https://www.example.com/b/c", "https://example.com/a?utm_source=x&y=1", f"{PAGE}#b", "none")
        ),
        hash_mode=draw.random() < 0.5,
        referrer=draw.choice(("", "", "https://search.example/", "https://search.example/q?a=anna@example.org")),
        interactive=draw.random() < 0.9,
        props={"plan": "pro"} if draw.random() < 0.1 else {},
        engaged_ms=draw.choice((0, 5000)),
        scroll=draw.choice((255, 40)),
        vitals=vitals,
        width=draw.choice((390, 1440)),
        time_zone=draw.choice(("Europe/Vienna", "Europe/Vienna", "Asia/Tokyo")),
        id=draw.choice(("", "", "order-1")),
        consent=draw.choice((*("",) * 9, "granted", "denied", "withdrawn")),
        page_language=draw.choice(("", "de", "pt_BR", "?")),
    )


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("slash", ["keep", "strip"])
def test_the_row_is_the_one_that_the_steps_make(preset: str, slash: str) -> None:
    draw, keys = Random(preset + slash), Keys()
    # A few who can be known, and one who cannot.
    senders = [sender for sender in (head_of_page(draw) for _ in range(25)) if sender_text(sender, PROXIES)]
    senders = [*senders[:9], Head("127.0.0.1", "POST", b"", [], {})]
    knows, asks = (collector(preset, keys, Site("example.com", trailing_slash=slash)) for _ in range(2))  # type: ignore[arg-type]
    found = 0
    for number in range(900):
        sender, sent = draw.choice(senders), drawn(draw)
        row = again(knows, sender, sent, NOW + number)
        event = by_steps(asks, sender, sent, NOW + number)
        if row is None:
            assert by_steps(knows, sender, sent, NOW + number) == event
        else:
            found += 1
            assert row == msgspec.msgpack.encode(event)
    assert found > 40


def test_where_the_same_is_told_the_sender_is_the_same() -> None:
    draw = Random(7)
    senders: dict[bytes, Any] = {}
    for _ in range(6000):
        sender = head_of_page(draw)
        told = sender_text(sender, PROXIES)
        if told is not None:
            assert senders.setdefault(told, sender_of(sender, PROXIES)) == sender_of(sender, PROXIES)
    assert 200 < len(senders) < 5000


class _Noting:
    """A value of which it is noted what is read."""

    def __init__(self, value: Any, read: set[str]) -> None:
        self._value, self._read = value, read

    def __getattr__(self, name: str) -> Any:
        self._read.add(name)
        return getattr(self._value, name)


def test_no_step_reads_of_a_beacon_what_is_not_accounted_for() -> None:
    by_digest, by_page, alone = {"time_zone", "width", "consent"}, {"url", "referrer"}, set[str]()
    # Of a page that passed unchanged the fragment is no part.
    by_page |= {"hash_mode"}
    usual = {"name", "props", "currency", "elements", "amount"}
    in_row = {"id", "interactive", "engaged_ms", "scroll", "vitals", "page_language"}
    draw = Random(3)
    for _ in range(300):
        mine = draft(keys=EphemeralKeys())
        mine.beacon = _Noting(drawn(draw), alone)  # type: ignore[assignment]
        # Each step, whatever the one before says: as long as there is a page.
        for step in STEPS:
            if step(mine) is Reason.BAD_URL:
                break
        else:
            event_of(mine)
    assert alone <= by_digest | by_page | usual | in_row
    assert {"time_zone", "width", "consent", "url", "referrer", "id"} <= alone


def test_what_is_no_usual_beacon_is_left_to_the_steps() -> None:
    assert is_usual(beacon())
    for given in ({"name": "click"}, {"props": {"a": "b"}}, {"currency": "EUR"}, {"elements": {"lcp": "h1"}}):
        assert not is_usual(beacon(**given))
    assert not is_usual(beacon(domains=("a.example", "b.example")))
    assert not is_usual(beacon(domains=()))


def test_without_the_days_key_nobody_is_known() -> None:
    keys = Keys()
    where = collector(keys=keys)
    first = by_steps(where, head(), beacon())
    assert first is not None
    assert again(where, head(), beacon()) == msgspec.msgpack.encode(first)
    keys.there = False
    assert again(where, head(), beacon()) is None
    keys.there = True
    keys.turn()
    assert again(where, head(), beacon()) is None
    # The first forgets all that the key before it was for, its own digest with it.
    by_steps(where, head(), beacon())
    assert again(where, head(), beacon()) is None
    second = by_steps(where, head(), beacon())
    assert second is not None
    assert second.visitor != first.visitor
    assert again(where, head(), beacon()) == msgspec.msgpack.encode(second)


def test_what_is_known_goes_with_the_key_and_with_the_rules() -> None:
    keys = Keys()
    where = collector(keys=keys)
    for forget in (keys.turn, lambda: where.follow({"example.com": rules("strict")})):
        by_steps(where, head(), beacon())
        where.turn()
        assert again(where, head(), beacon()) is not None
        secret = where._known.sender(b"", beacon())
        forget()
        where.turn()
        assert where._known.sender(b"", beacon()) != secret
        assert len(where._known._visitors) == len(where._known._pages) == len(where._known._heads) == 0
    event = by_steps(where, head(), beacon())
    assert event is not None
    assert event.received % 60 == 0


def test_the_day_after_is_another_one() -> None:
    where = collector()
    by_steps(where, head(), beacon())
    assert again(where, head(), beacon(), NOW + 86_400) is None


def test_limits_and_counts_are_those_of_the_steps(tmp_path: Path) -> None:
    proxied = UnnamedProxies(tmp_path / "proxied", "X-Forwarded-For")
    new_visitors = NewVisitors(9, PROXIES.hold, lambda: NOW)
    where = collector(limit=RateLimiter(5, lambda: NOW), new_visitors=new_visitors, unnamed_proxies=proxied)
    outcomes = [again(where, head(), beacon()) or by_steps(where, head(), beacon()) for _ in range(7)]
    assert [outcome is not None for outcome in outcomes] == [True] * 5 + [False] * 2
    assert proxied._now == {("example.com", None): 5}
    # Whom nobody has let in is asked for by the steps.
    where = collector(new_visitors=NewVisitors(9, PROXIES.hold, lambda: NOW))
    by_steps(where, head(), beacon())
    where._new_visitors = NewVisitors(9, PROXIES.hold, lambda: NOW)
    assert again(where, head(), beacon()) is None


def test_of_each_second_a_few_are_looked_at(tmp_path: Path) -> None:
    why = Why(tmp_path / "why", lambda: NOW)
    where = collector(why=why)
    assert [again(where, head(), beacon()) is None and bool(by_steps(where, head(), beacon())) for _ in range(9)] == [
        *[True] * 5,
        *[False] * 4,
    ]


def test_its_size_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "VISITORS_KNOWN", 10)
    where = collector()
    for number in range(200):
        by_steps(where, head(), beacon())
        by_steps(where, head(x_forwarded_for=b"203.0.%d.7" % number), beacon())
    assert len(where._known._visitors) <= 20
    # Who comes again and again stays known.
    assert again(where, head(), beacon()) is not None


def test_as_many_heads_are_known_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(known, "HEADS_KNOWN", 10)
    where = collector()
    for number in range(100):
        mine = head(accept_language=b"de-%d" % number)
        by_steps(where, mine, beacon())
        assert again(where, mine, beacon()) is not None
        assert where.known_head(text_of(mine), beacon()) is not None
    assert len(where._known._heads) <= 20
    assert where.known_head(text_of(head(accept_language=b"de-0")), beacon()) is None


def test_how_long_an_origin_is_costs_no_memory() -> None:
    """Pages of any origin may send to the demonstration's site, and each other header makes another head."""
    where, body = collector(), msgspec.json.encode({"n": "pageview", "u": PAGE, "d": "example.com"})
    endpoint, answered = Endpoint(where, Plausible()), list[Reply]()
    origins = (b"https://" + b"a" * 15_000 + b"%d" % number for number in range(2))
    for mine in (head(origin=origin, x_n=b"%d" % number) for origin in origins for number in range(3)):
        mine.text = text_of(mine)
        endpoint.ask(mine, body, answered.append)
    assert [reply.status for reply in answered] == [202] * 6
    assert len(where._known._heads) == 4
    assert len(_held_by([where._known, endpoint._replies])) < 15_000


def _held_by(root: object) -> str:
    """Everything that can be reached from it, as text."""
    seen: dict[int, object] = {}
    new = [root]
    while new:
        one = new.pop()
        if id(one) in seen or isinstance(one, type) or callable(one):
            continue
        seen[id(one)] = one
        if isinstance(one, msgspec.Struct):
            new += [getattr(one, name) for name in one.__struct_fields__]
        new += gc.get_referents(one)
    return " ".join(repr(one) for one in seen.values() if isinstance(one, (str, bytes, bytearray, int)))


def test_nothing_of_a_request_is_held_that_no_row_holds() -> None:
    where = collector()
    sent = beacon(width=1357, time_zone="Europe/Vienna", referrer="https://search.example/")
    secrets = beacon(url="https://example.com/a?token=abc", referrer="https://search.example/q?of=anna")
    for _ in range(2):
        # Second, its head is known, too.
        assert again(where, head(sec_ch_ua_platform=b'"Plan9"'), sent) or by_steps(
            where, head(sec_ch_ua_platform=b'"Plan9"'), sent
        )
    assert by_steps(where, head(), secrets)
    # Parameters that are kept are of rows that the steps make anew each time.
    assert by_steps(where, head(x_forwarded_for=b"203.0.113.9"), beacon(url="https://example.com/a?utm_source=letter"))
    told = _held_by(where._known)
    assert len(where._known._heads) == 1
    assert "search.example" in told  # it is looked at
    for trace in ("203.0.113", "Mozilla", "143.0.7123", "q=0.9", "Plan9", "1357", "Vienna", "token", "anna", "letter"):
        assert trace not in told


def test_two_workers_know_nobody_by_the_same_digest() -> None:
    assert Known().sender(b"told", beacon()) != Known().sender(b"told", beacon())


def test_a_sender_tells_nothing_by_the_ends_of_his_lines() -> None:
    mine = Known()
    assert len(AGENTS) > 2
    digests = {
        mine.sender(sender_text(head(**{name: value}), PROXIES) or b"", beacon())
        for name in ("user_agent", "accept_language", "origin", "sec_gpc", "dnt", "purpose", "sec_ch_ua")
        for value in (b"", b"1", b"x")
    }
    assert len(digests) == 7 * 3
