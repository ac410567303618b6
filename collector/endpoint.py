"""The ingestion endpoint: read → decode → STEPS → append → answer.

In: a request in one of the wire formats of `formats/`. Out: durable events in the spool, and an answer in that format.
Promises: acceptance is said only after the events are on disk; a refusal names its reason; a visitor's signal is
answered exactly like acceptance; no address, agent or body reaches a log or an answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from typing import Protocol

import structlog
from msgspec import Struct
from starlette.types import Receive, Scope, Send

from pipeline.spool import Spool, SpoolRefuses
from schema.event import PAGEVIEW, Erasure, Event
from schema.site import LocalDay, local_day

from .address import Proxies
from .beacon import Beacon, Refused
from .datacenter import NO_DATACENTERS, Datacenters
from .keys import NoKey
from .place import Places
from .protocol import answer_at_once
from .reason import Reason
from .shadow import Shadow
from .signals import client_of
from .steps import MINUTE_S, Client, Draft, KeySource, Rules, anonymize, erasure_of

log = structlog.get_logger("collector")

RETRY_AFTER_S = 5
_DAY_S = 86_400
_CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"X-Footfall-Reason, X-Plausible-Dropped"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"cache-control", b"no-store"),
)


# -- what a format is ----------------------------------------------------------------------------------------------


class Incoming(Struct, frozen=True):
    """A request as a format reads it. query: as sent. path: what the route's placeholders matched."""

    client: Client
    body: bytes
    query: bytes
    path: Mapping[str, str]
    headers: Sequence[tuple[bytes, bytes]]
    now: float

    def __repr__(self) -> str:
        return "Incoming(…)"

    def header(self, name: bytes) -> str:
        """The first header of that name (lower case), or ""."""
        return next((value.decode("latin-1") for key, value in self.headers if key == name), "")


class Arrival(Struct, frozen=True):
    """A beacon and the other end it speaks for. received: Unix seconds of something earlier today, which only a
    site's own server may say; 0 = now."""

    beacon: Beacon
    client: Client
    received: float = 0.0

    def __repr__(self) -> str:
        return "Arrival(…)"


# What became of one beacon: a reason for each site it was meant for, or why it was not even one.
Outcome = tuple[Reason, ...] | Refused


class Answer(Struct, frozen=True):
    """What a format says. X-Footfall-Reason and the headers that every answer has are the endpoint's."""

    status: int
    body: bytes = b""
    content_type: str = "text/plain; charset=utf-8"
    headers: tuple[tuple[bytes, bytes], ...] = ()


class Format(Protocol):
    """A wire format."""

    @property
    def methods(self) -> tuple[str, ...]:
        """Those it takes."""

    @property
    def max_body(self) -> int:
        """The longest body, in bytes."""

    @property
    def request_headers(self) -> str:
        """The headers that a page of another origin may send."""

    def read(self, incoming: Incoming) -> Sequence[Arrival | Refused]:
        """The beacons of a request; a Refused in place of one of several that is malformed. Raises Refused."""

    def answer(self, outcomes: Sequence[Outcome]) -> Answer:
        """What is said once everything that can be is on disk. One outcome for each that was read."""

    def refuse(self, refused: Refused) -> Answer:
        """What is said of a request of which nothing was taken."""


def told(outcomes: Sequence[Outcome]) -> list[Reason]:
    """The reasons that a sender may be told, one for each beacon and site that did not become an event."""
    return [reason for reason in _reasons(outcomes) if reason is not Reason.ACCEPTED and not reason.is_signal]


def first_refusal(outcomes: Sequence[Outcome]) -> Refused | None:
    """Why nothing at all was taken, where the sender can mend it."""
    if any(isinstance(outcome, tuple) and Reason.BAD_URL not in outcome for outcome in outcomes):
        return None
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            return outcome
    return Refused(Reason.BAD_URL, "url", "is not a URL of a web page")


def _reasons(outcomes: Sequence[Outcome]) -> Iterator[Reason]:
    for outcome in outcomes:
        if isinstance(outcome, Refused):
            yield outcome.reason
        else:
            yield from outcome


# -- from beacons to the spool -------------------------------------------------------------------------------------


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
    ) -> None:
        self.rules = rules
        self.spool = spool
        self.keys = keys
        self.places = places
        self.proxies = proxies
        self.clock = clock
        self._shadow = shadow
        self._datacenters = datacenters
        self._days: dict[str, LocalDay] = {}

    async def collect(self, arrivals: Sequence[Arrival | Refused], now: float) -> list[Outcome]:
        """All or nothing: what became of each, once its event is on disk. Raises Refused where that cannot be now.

        now: when the request came, which fixes its events' time and day."""
        events: list[Event] = []
        erasures: list[Erasure] = []
        outcomes: list[Outcome] = []
        for arrival in arrivals:
            if isinstance(arrival, Refused):
                outcomes.append(arrival)
                continue
            try:
                reasons = []
                for domain in arrival.beacon.domains or _domain_of(arrival.beacon.url):
                    taken = self._take(domain, arrival, now)
                    if isinstance(taken, Event):
                        events.append(taken)
                        reasons.append(Reason.ACCEPTED)
                    elif isinstance(taken, Erasure):
                        erasures.append(taken)
                        reasons.append(Reason.WITHDRAWN)
                    else:
                        reasons.append(taken)
                outcomes.append(tuple(reasons))
            except Refused as refused:
                outcomes.append(refused)
            except NoKey:
                # Fails closed (rule H3): without the day's key there is no visitor number to store.
                raise Refused(Reason.NO_KEY, "request", "cannot be taken now, try again") from None
        if events or erasures:
            try:
                await self.spool.append(events, erasures)
            except SpoolRefuses:
                raise Refused(Reason.SPOOL, "request", "cannot be stored now, try again") from None
            for event in events:
                self.count(event.site, Reason.ACCEPTED, now)
        for outcome in outcomes:
            if isinstance(outcome, Refused):
                self.count("", outcome.reason, now)
        return outcomes

    async def withdraw(self, client: Client, domains: Sequence[str], width: int) -> None:
        """Have today's rows of that client deleted, never telling whether there are any. Raises NoKey, SpoolRefuses."""
        now = self.clock()
        arrival = Arrival(Beacon("consent", "", (), width=width, consent="withdrawn"), client)
        outcomes = [self._take(domain, arrival, now) for domain in domains]
        erasures = [outcome for outcome in outcomes if isinstance(outcome, Erasure)]
        if erasures:
            await self.spool.append((), erasures)

    def _take(self, domain: str, arrival: Arrival, now: float) -> Event | Erasure | Reason:
        rules = self.rules.get(domain)
        if rules is None:
            self.count("", Reason.UNKNOWN_SITE, now)
            return Reason.UNKNOWN_SITE
        beacon, day = arrival.beacon, self._day(rules, now)
        received = int(arrival.received or now)
        if not day.start <= received <= now:
            self.count(rules.site.key, Reason.BAD_TIME, now)
            return Reason.BAD_TIME
        draft = Draft(beacon, arrival.client, rules, received, day, self.keys, self.places, self._datacenters)
        outcome = anonymize(draft)
        erasure = erasure_of(draft) if outcome is Reason.WITHDRAWN else None
        if isinstance(outcome, Reason) and (outcome is not Reason.COUNT_ONLY or beacon.name == PAGEVIEW):
            # Of those who asked not to be recorded a bare total per day: not even the minute is told.
            self.count(rules.site.key, outcome, draft.day.number * _DAY_S if outcome.is_signal else now)
        if self._shadow is not None and isinstance(outcome, Event):
            self._shadow.see(draft)
        return erasure or outcome

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


class TooLarge(Exception):
    """The body is over the limit."""


class Endpoint:
    """One wire format at one path, as an ASGI application."""

    def __init__(self, collector: Collector, format_: Format) -> None:
        self._collector = collector
        self._format = format_
        methods = ", ".join((*format_.methods, "OPTIONS")).encode()
        self._allow = ((b"allow", methods),)
        self._preflight = (
            (b"access-control-allow-methods", methods),
            (b"access-control-allow-headers", format_.request_headers.encode()),
            (b"access-control-max-age", b"86400"),
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await _send(send, Answer(204, b"", "", self._preflight), ())
            return
        if scope["method"] not in self._format.methods:
            refused = Refused(Reason.BAD_METHOD, "request", f"is sent with {' or '.join(self._format.methods)}")
            await self._refuse(send, refused, self._allow)
            return
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
            outcomes = await collector.collect(self._format.read(incoming), now)
            await _send(send, self._format.answer(outcomes), told(outcomes))
        except TooLarge:
            collector.count("", Reason.TOO_LARGE, now)
            message = f"is larger than {self._format.max_body} bytes"
            await self._refuse(send, Refused(Reason.TOO_LARGE, "request", message))
        except Refused as refused:
            collector.count("", refused.reason, now)
            await self._refuse(send, refused)
        except Exception as problem:
            # Nothing of the exception but its type and place: its text may quote what was sent.
            frame = problem.__traceback__
            while frame is not None and frame.tb_next is not None:
                frame = frame.tb_next
            where = f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}" if frame else ""
            log.error("beacon_failed", kind=type(problem).__name__, at=where)
            collector.count("", Reason.FAILED, now)
            await self._refuse(send, Refused(Reason.FAILED, "request", "failed; the operator's log says where"))

    async def _refuse(self, send: Send, refused: Refused, headers: tuple[tuple[bytes, bytes], ...] = ()) -> None:
        answer = self._format.refuse(refused)
        if refused.reason.status == 503:
            headers = (*headers, (b"retry-after", str(RETRY_AFTER_S).encode()))
        if headers:
            answer = Answer(answer.status, answer.body, answer.content_type, (*answer.headers, *headers))
        await _send(send, answer, (refused.reason,))


async def _read(scope: Scope, receive: Receive, most: int) -> bytes:
    """The body. Raises TooLarge as soon as it is, or as it says it will be."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:12]) > most:
            raise TooLarge
        if name == b"content-encoding" and value not in (b"", b"identity"):
            raise Refused(Reason.BAD_BODY, "request", "must not be compressed")
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(Reason.TOO_SLOW, "request", "was cut off")
        body += bytes(message.get("body", b""))
        if len(body) > most:
            raise TooLarge
        if not message.get("more_body"):
            return body


def _domain_of(url: str) -> tuple[str, ...]:
    host = url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2].partition(":")[0].lower()
    if not host:
        raise Refused(Reason.NO_DOMAIN, "domain", "can't be blank")
    return (host.removeprefix("www."),)


async def _send(send: Send, answer: Answer, reasons: Sequence[Reason]) -> None:
    headers = _headers(answer.content_type, answer.headers, tuple(dict.fromkeys(reasons)), len(answer.body))
    if not answer_at_once(send, answer.status, headers, answer.body):
        await send({"type": "http.response.start", "status": answer.status, "headers": headers})
        await send({"type": "http.response.body", "body": answer.body})


@lru_cache(maxsize=256)
def _headers(
    content_type: str, more: tuple[tuple[bytes, bytes], ...], reasons: tuple[Reason, ...], length: int
) -> tuple[tuple[bytes, bytes], ...]:
    """All headers of an answer: the same few for almost every request."""
    headers = [*_CORS, *more]
    if content_type:
        headers.append((b"content-type", content_type.encode()))
    if reasons:
        headers.append((b"x-footfall-reason", ", ".join(reasons).encode()))
    return (*headers, (b"content-length", str(length).encode()))


def refresh_forever(keys: Callable[[], None], flush: Callable[[], None], every_s: float = 1.0) -> asyncio.Task[None]:
    """Once a second: follow the key file, hand counts to the spool."""

    async def run() -> None:
        while True:
            keys()
            flush()
            await asyncio.sleep(every_s)

    return asyncio.get_running_loop().create_task(run())
