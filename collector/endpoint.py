"""The ingestion endpoint: read → decode → STEPS → append → answer.

In: a request in one of the wire formats of `formats/`. Out: durable events in the spool, and an answer in that format.
Promises: acceptance is said only after the events are on disk; a refusal names its reason; a visitor's signal is
answered exactly like acceptance, and as late; no address, agent or body reaches a log or an answer.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache

import structlog
from starlette.types import Receive, Scope, Send

from pipeline.spool import Spool, SpoolRefuses
from schema.event import PAGEVIEW, Erasure, Event
from schema.host import site_name
from schema.site import LocalDay, local_day

from .address import Proxies
from .beacon import Beacon, Refused
from .datacenter import NO_DATACENTERS, Datacenters
from .format import TAKEN, Answer, Arrival, Format, Incoming, Outcome, reasons_in, told
from .keys import NoKey
from .new_visitors import NewVisitors
from .own_pages import OwnPages
from .page import Page
from .place import Places
from .protocol import Reply, reply_of
from .reason import Reason
from .shadow import Shadow
from .sharing import Sharing
from .signals import client_of
from .steps import MINUTE_S, Client, Draft, KeySource, RateLimit, Rules, anonymize, drop_bad_url, erasure_of
from .visitor import network_number
from .why import Why

log = structlog.get_logger("collector")

RETRY_AFTER_S = 5
# The minute that is counted is over by then.
CALM_AFTER_S = 60
_DAY_S = 86_400
# What ends the host and port of a URL.
_NO_HOST = re.compile(r"[/?#\\]")
_Headers = tuple[tuple[bytes, bytes], ...]
_Count = tuple[str, Reason, float]
_CORS = (
    (b"vary", b"origin"),
    (b"access-control-expose-headers", b"X-Footfall-Reason, X-Plausible-Dropped"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"cache-control", b"no-store"),
)
# What an Origin header looks like. Another one is not repeated.
_ORIGIN = re.compile(rb"null|[a-z][a-z0-9+.-]{0,30}://[\w.:\[\]-]{1,260}")
# For servers only: no browser lets a page of another origin ask, or read an answer.
_SAME_ORIGIN = (
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
)


# -- from beacons to the spool -------------------------------------------------------------------------------------


class TooManyObjections(Exception):
    """One network asks for more of today to be deleted than people there can want."""


class Collector:
    """Takes beacons through the steps and into the spool. rules: by every name a beacon may call a site."""

    def __init__(
        self,
        rules: Mapping[str, Rules],
        spool: Spool,
        keys: KeySource,
        places: Places,
        proxies: Proxies,
        clock: Callable[[], float] = time.time,
        shadow: Shadow | None = None,
        datacenters: Datacenters = NO_DATACENTERS,
        limit: RateLimit | None = None,
        why: Why | None = None,
        new_visitors: NewVisitors | None = None,
        objections: RateLimit | None = None,
        public_url: str = "",
        sharing: Sharing | None = None,
    ) -> None:
        self.rules = rules
        self.spool = spool
        self.keys = keys
        self.places = places
        self.proxies = proxies
        self.clock = clock
        self._shadow = shadow
        self._datacenters = datacenters
        self._limit = limit
        self._why = why
        self._new_visitors = new_visitors
        self._objections = objections
        self.own_pages = OwnPages(public_url, lambda page: any(one.gate.knows_origin(page) for one in rules.values()))
        self._sharing = sharing
        self._days: dict[str, LocalDay] = {}

    async def collect(self, arrivals: Sequence[Arrival | Refused], now: float, wire: str = "") -> list[Outcome]:
        """All or nothing: what became of each, once its event is on disk. Raises Refused where that cannot be now.

        now: when the request came, which fixes its events' time and day. wire: what the format is called."""
        events: list[Event] = []
        erasures: list[Erasure] = []
        outcomes: list[Outcome] = []
        # Booked only once the request is taken: a sender who is told to try again is not counted twice.
        counts: list[_Count] = []
        silent = False
        for arrival in arrivals:
            if isinstance(arrival, Refused):
                outcomes.append(arrival)
                continue
            try:
                reasons = []
                meant = self._meant(arrival.beacon)
                vouched = len(meant) > 1 and any(
                    rules is not None and rules.gate.knows_origin(arrival.client.origin) for rules in meant
                )
                for rules in meant:
                    taken = self._take(rules, arrival, now, wire, counts, vouched, erasures)
                    if isinstance(taken, Event):
                        events.append(taken)
                        reasons.append(Reason.ACCEPTED)
                    elif isinstance(taken, Erasure):
                        erasures.append(taken)
                        reasons.append(Reason.WITHDRAWN)
                    else:
                        silent = silent or taken.is_silent
                        reasons.append(taken)
                outcomes.append(tuple(reasons))
            except Refused as refused:
                outcomes.append(refused)
            except TooManyObjections:
                # Whoever wants to be forgotten must not be told that he is, so nothing else of the request is taken.
                message = "comes from a network that objects too often; try again in a minute"
                raise Refused(Reason.THROTTLED, "request", message) from None
            except NoKey:
                # Fails closed (rule H3): without the day's key there is no visitor number to store.
                raise Refused(Reason.NO_KEY, "request", "cannot be taken now, try again") from None
        if events or erasures or silent:
            # What must look like acceptance waits for the disk as long, and is refused where that would be.
            try:
                # One wish that is told a hundred times is one wish.
                await self.spool.append(events, list(dict.fromkeys(erasures)))
            except SpoolRefuses:
                raise Refused(Reason.SPOOL, "request", "cannot be stored now, try again") from None
            for event in events:
                self.count(event.site, Reason.ACCEPTED, now)
        for count in counts:
            self.count(*count)
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                self.refuse(outcome, now, wire)
        return outcomes

    async def withdraw(self, client: Client, domains: Sequence[str], width: int) -> None:
        """Have today's rows of that client deleted, never telling whether there are any; whether the wish may come from
        there has been asked. Raises NoKey, SpoolRefuses, TooManyObjections."""
        now = self.clock()
        beacon = Beacon("consent", "", tuple(domains), width=width, consent="withdrawn")
        erasures = []
        for rules in self._meant(beacon):
            if rules is not None:
                erasure = self._forget(self._draft(rules, Arrival(beacon, client), int(now), now))
                erasures += [erasure] if erasure else []
        if erasures:
            await self.spool.append((), erasures)
        for erasure in erasures:
            self.count(erasure.site, Reason.WITHDRAWN, erasure.day * _DAY_S)

    def _meant(self, beacon: Beacon) -> list[Rules | None]:
        """The sites a beacon is meant for, each once, by whatever names; None is one that does not exist."""
        named = [self.rules.get(domain) for domain in beacon.domains or _domain_of(beacon.url)]
        if len(named) == 1:
            return named
        sites = list(dict.fromkeys(rules.site.key for rules in named if rules is not None))
        return [*(self.rules[site] for site in sites), *(None for rules in named if rules is None)]

    def _take(
        self,
        rules: Rules | None,
        arrival: Arrival,
        now: float,
        wire: str,
        counts: list[_Count],
        vouched: bool,
        told: Sequence[Erasure],
    ) -> Event | Erasure | Reason:
        if rules is None:
            return self._drop("", Reason.UNKNOWN_SITE, now, wire, counts)
        beacon, day = arrival.beacon, self._day(rules, now)
        received = int(arrival.received or now)
        if not day.start <= received <= now:
            return self._drop(rules.site.key, Reason.BAD_TIME, now, wire, counts)
        draft = self._draft(rules, arrival, received, now, vouched)
        outcome = anonymize(draft)
        erasure = self._forget(draft, arrival.by_token, told) if outcome is Reason.WITHDRAWN else None
        if outcome is Reason.ORIGIN:
            # Nobody has looked at the page yet; who mends the settings has to know its host.
            drop_bad_url(draft)
        if isinstance(outcome, Event):
            if self._why is not None:
                self._why.changed(draft, now, wire)
            if self._sharing is not None:
                self._sharing.accepted(rules.site.key, arrival.client.unbelieved)
            if self._shadow is not None:
                self._shadow.see(draft)
        elif not outcome.is_signal:
            self._drop(rules.site.key, outcome, now, wire, counts, draft.page)
        elif outcome is not Reason.COUNT_ONLY or beacon.name == PAGEVIEW:
            # Of those who asked not to be recorded a bare total per day: not even the minute is told.
            counts.append((rules.site.key, outcome, draft.day.number * _DAY_S))
        return erasure or outcome

    def _draft(self, rules: Rules, arrival: Arrival, received: int, now: float, vouched: bool = False) -> Draft:
        return Draft(
            arrival.beacon,
            arrival.client,
            rules,
            received,
            self._day(rules, now),
            self.keys,
            self.places,
            self._datacenters,
            self._limit,
            vouched,
            None if arrival.by_token else self._new_visitors,
        )

    def _forget(self, draft: Draft, by_token: bool = False, told: Sequence[Erasure] = ()) -> Erasure | None:
        """The wish to be forgotten; None of whom nothing can be known. told: those of the same request.
        Raises NoKey, TooManyObjections."""
        erasure = erasure_of(draft)
        if erasure in told or by_token or self.proxies.hold(draft.client.address):
            return erasure
        if self._objections is not None:
            key = self.keys.key(draft.rules.site.key, draft.day.number)
            if not self._objections.admits(network_number(key, draft.network)):
                raise TooManyObjections
        return erasure

    def _drop(
        self, site: str, reason: Reason, now: float, wire: str, counts: list[_Count], page: Page | None = None
    ) -> Reason:
        counts.append((site, reason, now))
        if self._why is not None:
            self._why.dropped(site, reason, now, wire, page)
        return reason

    def refuse(self, refused: Refused, now: float, wire: str) -> None:
        """One more that is not even a beacon, or cannot be taken."""
        self.count("", refused.reason, now)
        if self._why is not None:
            self._why.refused(refused, now, wire)

    def turn(self) -> None:
        """Called every second: hand counts on, tell why."""
        self.spool.flush_counts()
        if self._why is not None:
            self._why.turn()
        if self._sharing is not None:
            self._sharing.turn()

    def _day(self, rules: Rules, now: float) -> LocalDay:
        """The site's local day, computed once a day."""
        day = self._days.get(rules.site.key)
        if day is None or not day.start <= now < day.end:
            day = self._days[rules.site.key] = local_day(rules.site.timezone, now)
        return day

    def count(self, site: str, reason: Reason, now: float) -> None:
        """One more outcome of that minute."""
        self.spool.count(site, reason, int(now) // MINUTE_S * MINUTE_S)


# -- HTTP ----------------------------------------------------------------------------------------------------------


_OF_A_BODY = frozenset((b"content-length", b"content-encoding"))


class TooLarge(Exception):
    """The body is over the limit."""


class Endpoint:
    """One wire format at one path, as an ASGI application. cross_origin: pages of other origins may use it."""

    def __init__(self, collector: Collector, format_: Format, cross_origin: bool = True) -> None:
        self._collector = collector
        self._format = format_
        # A format is called as its module is.
        self._wire = type(format_).__module__.rpartition(".")[2]
        self._cross_origin = cross_origin
        methods = ", ".join((*format_.methods, "OPTIONS")).encode()
        self._allow: _Headers = ((b"allow", methods),)
        self._preflight: _Headers = self._allow
        if cross_origin:
            self._preflight = (
                (b"access-control-allow-methods", methods),
                (b"access-control-allow-headers", format_.request_headers.encode()),
                (b"access-control-max-age", b"86400"),
            )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A request that comes in pieces."""
        reply = await self.reply(scope, receive)
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def reply(self, scope: Scope, receive: Receive) -> Reply:
        """Take what is sent, and say so."""
        if scope["method"] == "OPTIONS":
            return _reply(self._always(scope), Answer(204, b"", "", self._preflight))
        if scope["method"] not in self._format.methods:
            bad = Refused(Reason.BAD_METHOD, "request", f"is sent with {' or '.join(self._format.methods)}")
            self._collector.refuse(bad, self._collector.clock(), self._wire)
            return self._refuse(scope, bad, self._allow)
        collector, now = self._collector, self._collector.clock()
        try:
            incoming = Incoming(
                client_of(scope, collector.proxies),
                await _read(scope, receive, self._format.max_body),
                scope.get("query_string", b""),
                scope.get("path_params", {}),
                scope["headers"],
                now,
            )
            outcomes = await collector.collect(self._format.read(incoming), now, self._wire)
            reasons = told(outcomes) if outcomes != TAKEN else ()
            if reasons and set(reasons_in(outcomes)) == {Reason.THROTTLED}:
                # Each is counted already.
                message = "comes from a network that sends too much; try again in a minute"
                return self._refuse(scope, Refused(Reason.THROTTLED, "request", message))
            return _reply(self._always(scope), self._format.answer(outcomes, incoming), tuple(dict.fromkeys(reasons)))
        except TooLarge:
            too_large = Refused(Reason.TOO_LARGE, "request", f"is larger than {self._format.max_body} bytes")
            collector.refuse(too_large, now, self._wire)
            return self._refuse(scope, too_large)
        except Refused as refused:
            collector.refuse(refused, now, self._wire)
            return self._refuse(scope, refused)
        except Exception as problem:
            # Nothing of the exception but its type and place: its text may quote what was sent.
            frame = problem.__traceback__
            while frame is not None and frame.tb_next is not None:
                frame = frame.tb_next
            where = f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}" if frame else ""
            log.error("beacon_failed", kind=type(problem).__name__, at=where)
            failed = Refused(Reason.FAILED, "request", "failed; the operator's log says where")
            collector.refuse(failed, now, self._wire)
            return self._refuse(scope, failed)

    def _always(self, scope: Scope) -> _Headers:
        """The headers that every answer to that request has."""
        if not self._cross_origin:
            return _SAME_ORIGIN
        for name, value in scope["headers"]:
            if name == b"origin":
                return _cors_for(value)
        return _cors_for(b"")

    def _refuse(self, scope: Scope, refused: Refused, headers: _Headers = ()) -> Reply:
        answer = self._format.refuse(refused)
        if refused.reason.status in (429, 503):
            wait = RETRY_AFTER_S if refused.reason.status == 503 else CALM_AFTER_S
            headers = (*headers, (b"retry-after", str(wait).encode()))
        if headers:
            answer = Answer(answer.status, answer.body, answer.content_type, (*answer.headers, *headers))
        return _reply(self._always(scope), answer, (refused.reason,))


async def _read(scope: Scope, receive: Receive, most: int) -> bytes:
    """The body. Raises TooLarge as soon as it is, or as it says it will be."""
    for name, value in scope["headers"]:
        if name not in _OF_A_BODY:
            continue
        if name == b"content-length" and value.isdigit() and int(value[:12]) > most:
            raise TooLarge
        if name == b"content-encoding" and value not in (b"", b"identity"):
            raise Refused(Reason.BAD_BODY, "request", "must not be compressed")
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(Reason.TOO_SLOW, "request", "was cut off")
        piece: bytes = message.get("body", b"")
        body = body + piece if body else piece
        if len(body) > most:
            raise TooLarge
        if not message.get("more_body"):
            return body


def _domain_of(url: str) -> tuple[str, ...]:
    host = _NO_HOST.split(url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    if not host:
        raise Refused(Reason.NO_DOMAIN, "domain", "can't be blank")
    return (site_name(host),)


@lru_cache(maxsize=1024)
def _cors_for(origin: bytes) -> _Headers:
    """What lets a page of that origin send, and read the answer.

    A JSON body sent by `navigator.sendBeacon` comes with credentials, and browsers then refuse the wildcard. That the
    answer may be read with them gives nothing away: no cookie is ever read, and an answer tells of nothing but what was
    sent with the request."""
    if not _ORIGIN.fullmatch(origin):
        return ((b"access-control-allow-origin", b"*"), *_CORS)
    mine = ((b"access-control-allow-origin", origin), (b"access-control-allow-credentials", b"true"))
    return (*mine, *_CORS)


@lru_cache(maxsize=1024)
def _reply(always: _Headers, answer: Answer, reasons: tuple[Reason, ...] = ()) -> Reply:
    """An answer with all its headers: the same few for almost every request."""
    headers = [*always, *answer.headers]
    if answer.content_type:
        headers.append((b"content-type", answer.content_type.encode()))
    if reasons:
        headers.append((b"x-footfall-reason", ", ".join(reasons).encode()))
    headers.append((b"content-length", str(len(answer.body)).encode()))
    return reply_of(answer.status, tuple(headers), answer.body)


def refresh_forever(keys: Callable[[], None], flush: Callable[[], None], every_s: float = 1.0) -> asyncio.Task[None]:
    """Once a second: follow the key file, hand counts to the spool."""

    async def run() -> None:
        while True:
            for work in (keys, flush):
                try:
                    work()
                except Exception as problem:
                    # Were this the end of it, keys would no longer be followed and the day's end would stop collection.
                    log.error("beat_failed", kind=type(problem).__name__)
            await asyncio.sleep(every_s)

    return asyncio.get_running_loop().create_task(run())
