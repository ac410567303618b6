"""The ingestion endpoint: read → decode → STEPS → append → 202.

In: `POST /api/event`. Out: durable events in the spool, and an answer.
Promises: 202 only after the events are on disk; a refusal names its reason; a visitor's signal is answered exactly
like acceptance; no address, agent or body reaches a log or an answer.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

import msgspec
import structlog
from starlette.types import Receive, Scope, Send

from pipeline.spool import Spool, SpoolRefuses
from schema.event import PAGEVIEW, Erasure, Event
from schema.site import LocalDay, local_day

from .address import Proxies
from .beacon import Beacon, Refused, decode
from .datacenter import NO_DATACENTERS, Datacenters
from .keys import NoKey
from .place import Places
from .reason import Reason
from .shadow import Shadow
from .signals import client_of
from .steps import MINUTE_S, Client, Draft, KeySource, Rules, anonymize, erasure_of

log = structlog.get_logger("collector")

MAX_BODY_BYTES = 64 * 1024
RETRY_AFTER_S = 5
_DAY_S = 86_400
_CORS = (
    (b"access-control-allow-origin", b"*"),
    (b"access-control-expose-headers", b"X-Footfall-Reason, X-Plausible-Dropped"),
    (b"cross-origin-resource-policy", b"cross-origin"),
    (b"cache-control", b"no-store"),
)
_PREFLIGHT = (
    (b"access-control-allow-methods", b"POST, OPTIONS"),
    (b"access-control-allow-headers", b"Content-Type"),
    (b"access-control-max-age", b"86400"),
)


class TooLarge(Exception):
    """The body is over the limit."""


class Collector:
    """The endpoint as an ASGI application. rules: by every name a beacon may call a site."""

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
        self._clock = clock
        self._shadow = shadow
        self._datacenters = datacenters
        self._days: dict[str, LocalDay] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "OPTIONS":
            await _answer(send, 204, b"", (*_CORS, *_PREFLIGHT))
            return
        if scope["method"] != "POST":
            await _answer(send, 405, b"send events with POST\n", (*_CORS, (b"allow", b"POST, OPTIONS")))
            return
        try:
            await self._collect(scope, receive, send)
        except Exception as problem:
            # Nothing of the exception but its type and place: its text may quote what was sent.
            frame = problem.__traceback__
            while frame is not None and frame.tb_next is not None:
                frame = frame.tb_next
            where = f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}" if frame else ""
            log.error("beacon_failed", kind=type(problem).__name__, at=where)
            self._count("", Reason.FAILED, self._clock())
            await self._refuse(send, 500, Reason.FAILED, "request", "failed; the operator's log says where")

    async def _collect(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = self._clock()
        client = client_of(scope, self.proxies)
        try:
            body = await _read(scope, receive)
            beacon = decode(body)
            domains = beacon.domains or _domain_of(beacon.url)
        except TooLarge:
            self._count("", Reason.TOO_LARGE, now)
            await self._refuse(send, 413, Reason.TOO_LARGE, "request", f"is larger than {MAX_BODY_BYTES} bytes")
            return
        except Refused as refused:
            self._count("", refused.reason, now)
            await self._refuse(send, 400, refused.reason, refused.field, refused.message)
            return
        events: list[Event] = []
        erasures: list[Erasure] = []
        dropped: list[Reason] = []
        for domain in domains:
            try:
                outcome = self._take(domain, beacon, client, now)
            except NoKey:
                # Fails closed (rule H3): without the day's key there is no visitor number to store.
                self._count("", Reason.NO_KEY, now)
                await self._refuse(send, 503, Reason.NO_KEY, "request", "cannot be taken now, try again")
                return
            match outcome:
                case Event():
                    events.append(outcome)
                case Erasure():
                    erasures.append(outcome)
                case Reason():
                    dropped.append(outcome)
        if events or erasures:
            try:
                await self.spool.append(events, erasures)
            except SpoolRefuses:
                self._count("", Reason.SPOOL, now)
                await self._refuse(send, 503, Reason.SPOOL, "request", "cannot be stored now, try again")
                return
            for event in events:
                self._count(event.site, Reason.ACCEPTED, now)
        await self._accept(send, dropped)

    async def withdraw(self, client: Client, domains: Sequence[str], width: int) -> None:
        """Have today's rows of that client deleted, never telling whether there are any. Raises NoKey, SpoolRefuses."""
        now = self._clock()
        beacon = Beacon("consent", "", (), width=width, consent="withdrawn")
        outcomes = [self._take(domain, beacon, client, now) for domain in domains]
        erasures = [outcome for outcome in outcomes if isinstance(outcome, Erasure)]
        if erasures:
            await self.spool.append((), erasures)

    def _take(self, domain: str, beacon: Beacon, client: Client, now: float) -> Event | Erasure | Reason:
        rules = self.rules.get(domain)
        if rules is None:
            self._count("", Reason.UNKNOWN_SITE, now)
            return Reason.UNKNOWN_SITE
        draft = Draft(beacon, client, rules, int(now), self._day(rules, now), self.keys, self.places, self._datacenters)
        outcome = anonymize(draft)
        erasure = erasure_of(draft) if outcome is Reason.WITHDRAWN else None
        if isinstance(outcome, Reason) and (outcome is not Reason.COUNT_ONLY or beacon.name == PAGEVIEW):
            # Of those who asked not to be recorded a bare total per day: not even the minute is told.
            self._count(rules.site.key, outcome, draft.day.number * _DAY_S if outcome.is_signal else now)
        if self._shadow is not None and isinstance(outcome, Event):
            self._shadow.see(draft)
        return erasure or outcome

    def _day(self, rules: Rules, now: float) -> LocalDay:
        """The site's local day, computed once a day."""
        day = self._days.get(rules.site.key)
        if day is None or not day.start <= now < day.end:
            day = self._days[rules.site.key] = local_day(rules.site.timezone, now)
        return day

    def _count(self, site: str, reason: Reason, now: float) -> None:
        self.spool.count(site, reason, int(now) // MINUTE_S * MINUTE_S)

    async def _accept(self, send: Send, dropped: Sequence[Reason]) -> None:
        told = [reason for reason in dropped if not reason.is_signal]
        headers = [*_CORS, (b"content-type", b"text/plain; charset=utf-8")]
        if told:
            headers.append((b"x-footfall-reason", ", ".join(dict.fromkeys(told)).encode()))
            headers.append((b"x-plausible-dropped", str(len(told)).encode()))
        if Reason.BAD_URL in told:
            await self._refuse(send, 400, Reason.BAD_URL, "url", "is not a URL of a web page")
            return
        await _answer(send, 202, b"ok", headers)

    async def _refuse(self, send: Send, status: int, reason: Reason, field: str, message: str) -> None:
        headers = [*_CORS, (b"content-type", b"application/json"), (b"x-footfall-reason", reason.encode())]
        if status == 503:
            headers.append((b"retry-after", str(RETRY_AFTER_S).encode()))
        await _answer(send, status, msgspec.json.encode({"errors": {field: [message]}}), headers)


async def _read(scope: Scope, receive: Receive) -> bytes:
    """The body. Raises TooLarge as soon as it is, or as it says it will be."""
    for name, value in scope["headers"]:
        if name == b"content-length" and value.isdigit() and int(value[:12]) > MAX_BODY_BYTES:
            raise TooLarge
        if name == b"content-encoding" and value not in (b"", b"identity"):
            raise Refused(Reason.BAD_BODY, "request", "must not be compressed")
    body = b""
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Refused(Reason.TOO_SLOW, "request", "was cut off")
        body += bytes(message.get("body", b""))
        if len(body) > MAX_BODY_BYTES:
            raise TooLarge
        if not message.get("more_body"):
            return body


def _domain_of(url: str) -> tuple[str, ...]:
    host = url.partition("://")[2].partition("/")[0].partition("?")[0].rpartition("@")[2].partition(":")[0].lower()
    if not host:
        raise Refused(Reason.NO_DOMAIN, "domain", "can't be blank")
    return (host.removeprefix("www."),)


async def _answer(send: Send, status: int, body: bytes, headers: Sequence[tuple[bytes, bytes]]) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


def refresh_forever(keys: Callable[[], None], flush: Callable[[], None], every_s: float = 1.0) -> asyncio.Task[None]:
    """Once a second: follow the key file, hand counts to the spool."""

    async def run() -> None:
        while True:
            keys()
            flush()
            await asyncio.sleep(every_s)

    return asyncio.get_running_loop().create_task(run())
