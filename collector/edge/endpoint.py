"""The ingestion endpoint: decode → take (service.py) → answer, the same by whichever way a request comes.

In: a request in one of the wire formats of `wire/`. Out: an answer in that format, once what it brings is collected.
Promises: a refusal names its reason; a visitor's signal is answered exactly like acceptance; no address, agent or body
reaches a log or an answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import lru_cache, partial

import structlog
from starlette.types import Receive, Scope, Send

from pipeline.spool.spool import SpoolRefuses

from ..model import Arrival, Beacon
from ..outcome import TAKEN, Reason, Refused, reasons_in, reported
from ..service import Collector
from ..taken import Taken
from ..wire.base import Answer, Format, Incoming
from ..wire.plausible import Plausible
from .body import TooLarge, check_body, read_body
from .client import sender_of, sender_text
from .head import Head, head_of
from .reply import Reply, reply_of

log = structlog.get_logger("collector")

RETRY_AFTER_S = 5
# The minute that is counted is over by then.
CALM_AFTER_S = 60
_ORIGINS_REMEMBERED = 1024
_Headers = tuple[tuple[bytes, bytes], ...]
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


class Endpoint:
    """One wire format at one path, as an ASGI application. cross_origin: pages of other origins may use it."""

    def __init__(self, collector: Collector, format_: Format, cross_origin: bool = True) -> None:
        self._collector = collector
        self._format = format_
        self._wire = format_.name
        # Of a format in which almost every request is one beacon.
        self._alone = format_.alone if isinstance(format_, Plausible) else None
        self._cross_origin = cross_origin
        # By origin: what was said last to what was taken.
        self._replies: dict[bytes, tuple[Answer, Reply]] = {}
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
        """A request that comes over ASGI: in pieces, or in a way that only the server knows."""
        head, now = head_of(scope), self._collector.clock()
        reply = self.unread(head, now)
        if reply is None:
            try:
                reply = await self._taken(head, await read_body(receive, self._format.max_body), now)
            except (Refused, TooLarge) as problem:
                reply = self._failed(head.origin, now, problem)
        await send({"type": "http.response.start", "status": reply.status, "headers": reply.headers})
        await send({"type": "http.response.body", "body": reply.body})

    async def _taken(self, head: Head, body: bytes, now: float) -> Reply:
        answered: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        # Whoever waits for it may be cancelled, when the server stops.
        self.take(head, body, now, lambda reply: None if answered.done() else answered.set_result(reply))
        return await answered

    def ask(self, head: Head, body: bytes, then: Callable[[Reply], None]) -> None:
        """A request that is there as a whole; `then` is told the answer: now, or once it may be given."""
        now = self._collector.clock()
        reply = self.unread(head, now)
        if reply is None:
            self.take(head, body, now, then)
        else:
            then(reply)

    @property
    def is_of_pages(self) -> bool:
        """Whether `again` may know a request."""
        return self._alone is not None

    def again(self, text: bytes, body: bytes, then: Callable[[Reply], None]) -> bool:
        """Take a request by its head's text, if that is known with what the body says; `then` is told later. Whether it
        was. Does not raise: whatever is wrong is found again, and said, by `ask`."""
        collector = self._collector
        if self._alone is None or collector.spool.refusal:
            return False
        try:
            beacon = self._alone(body)
            known = None if beacon is None else collector.known_head(text, beacon)
            if beacon is None or known is None:
                return False
            sender, origin = known
            return self._take_again(origin, sender, beacon, collector.clock(), then)
        except Exception:
            return False

    def unread(self, head: Head, now: float) -> Reply | None:
        """The answer to what is refused, or done, whatever its body is."""
        if head.method not in self._format.methods:
            if head.method == "OPTIONS":
                return _reply(self._always(head.origin), Answer(204, b"", "", self._preflight))
            bad = Refused(Reason.BAD_METHOD, "request", f"is sent with {' or '.join(self._format.methods)}")
            self._collector.refuse(bad, now, self._wire)
            return self._refuse(head.origin, bad, self._allow)
        try:
            check_body(head, self._format.max_body)
        except (TooLarge, Refused) as problem:
            return self._failed(head.origin, now, problem)
        return None

    def take(self, head: Head, body: bytes, now: float, then: Callable[[Reply], None]) -> None:
        """What both ways do with a request that has come. Does not raise."""
        try:
            if len(body) > self._format.max_body:
                raise TooLarge
            proxies, beacon, sender = self._collector.proxies, None, b""
            text = None if self._alone is None else sender_text(head, proxies)
            if text is not None and self._alone is not None:
                beacon = self._alone(body)
                sender = b"" if beacon is None else self._collector.sender(text, beacon)
                if sender and beacon is not None and self._take_again(head.origin, sender, beacon, now, then):
                    if head.text:
                        self._collector.know_head(head.text, beacon, sender, head.origin)
                    return
            client = sender_of(head, proxies)
            incoming = Incoming(client, body, head.query, head.path, head.headers, now)
            read = self._format.read(incoming) if beacon is None else (Arrival(beacon, client, sender=sender),)
            taken = self._collector.take(read, now, self._wire)
            if taken.waits:
                self._collector.store(taken, partial(self._stored, head, incoming, taken, then))
                return
            reply = self._said(head, incoming, taken)
        except Exception as problem:
            reply = self._failed(head.origin, now, problem)
        then(reply)

    def _take_again(
        self, origin: bytes, sender: bytes, beacon: Beacon, now: float, then: Callable[[Reply], None]
    ) -> bool:
        """Have a beacon stored whose visitor and page the steps have seen, if that is so. Raises SpoolRefuses."""
        answered = self._replies.get(origin)
        again = self._collector.take_again(sender, beacon, now) if answered is not None else None
        if answered is None or again is None:
            return False
        site, row = again
        self._collector.spool.hand_in((row,), (), partial(self._stored_again, origin, site, answered[1], now, then))
        return True

    def _stored_again(
        self,
        origin: bytes,
        site: str,
        reply: Reply,
        now: float,
        then: Callable[[Reply], None],
        refuses: SpoolRefuses | None,
    ) -> None:
        if refuses is None:
            self._collector.count(site, Reason.ACCEPTED, now)
        then(reply if refuses is None else self._failed(origin, now, refuses))

    def _stored(
        self, head: Head, incoming: Incoming, taken: Taken, then: Callable[[Reply], None], refuses: SpoolRefuses | None
    ) -> None:
        try:
            if refuses is not None:
                raise refuses
            reply = self._said(head, incoming, taken)
        except Exception as problem:
            reply = self._failed(head.origin, incoming.now, problem)
        then(reply)

    def _said(self, head: Head, incoming: Incoming, taken: Taken) -> Reply:
        """What is answered to what is on disk, or need not be."""
        outcomes = self._collector.settle(taken, incoming.now, self._wire)
        if outcomes == TAKEN:
            return self._usual(head, self._format.answer(outcomes, incoming))
        reasons = reported(outcomes)
        if reasons and set(reasons_in(outcomes)) == {Reason.THROTTLED}:
            # Each is counted already.
            message = "comes from a network that sends too much; try again in a minute"
            return self._refuse(head.origin, Refused(Reason.THROTTLED, "request", message))
        return _reply(self._always(head.origin), self._format.answer(outcomes, incoming), tuple(dict.fromkeys(reasons)))

    def _usual(self, head: Head, answer: Answer) -> Reply:
        """The reply to what was taken: for all pages of an origin the same, so it is not looked for by its content."""
        origin = head.origin
        before = self._replies.get(origin)
        if before is not None and before[0] is answer:
            return before[1]
        reply = _reply(self._always(origin), answer)
        if len(self._replies) >= _ORIGINS_REMEMBERED:
            self._replies.clear()
        self._replies[origin] = (answer, reply)
        return reply

    def _failed(self, origin: bytes, now: float, problem: Exception) -> Reply:
        """The answer to what could not be taken, counted."""
        if isinstance(problem, Refused):
            refused = problem
        elif isinstance(problem, SpoolRefuses):
            refused = Refused(Reason.SPOOL, "request", "cannot be stored now, try again")
        elif isinstance(problem, TooLarge):
            refused = Refused(Reason.TOO_LARGE, "request", f"is larger than {self._format.max_body} bytes")
        else:
            # Nothing of the exception but its type and place: its text may quote what was sent.
            frame = problem.__traceback__
            while frame is not None and frame.tb_next is not None:
                frame = frame.tb_next
            where = f"{frame.tb_frame.f_code.co_name}:{frame.tb_lineno}" if frame else ""
            log.error("beacon_failed", kind=type(problem).__name__, at=where)
            refused = Refused(Reason.FAILED, "request", "failed; the operator's log says where")
        self._collector.refuse(refused, now, self._wire)
        return self._refuse(origin, refused)

    def _always(self, origin: bytes) -> _Headers:
        """The headers that every answer to a request of that origin has."""
        return _cors_for(origin) if self._cross_origin else _SAME_ORIGIN

    def _refuse(self, origin: bytes, refused: Refused, headers: _Headers = ()) -> Reply:
        answer = self._format.refuse(refused)
        if refused.reason.status in (429, 503):
            wait = RETRY_AFTER_S if refused.reason.status == 503 else CALM_AFTER_S
            headers = (*headers, (b"retry-after", str(wait).encode()))
        if headers:
            answer = Answer(answer.status, answer.body, answer.content_type, (*answer.headers, *headers))
        return _reply(self._always(origin), answer, (refused.reason,))


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
