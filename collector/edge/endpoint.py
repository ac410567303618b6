"""The ingestion endpoint: read → decode → collect (service.py) → answer.

In: a request in one of the wire formats of `wire/`. Out: an answer in that format, once what it brings is collected.
Promises: a refusal names its reason; a visitor's signal is answered exactly like acceptance; no address, agent or body
reaches a log or an answer.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from functools import lru_cache

import structlog
from starlette.types import Receive, Scope, Send

from schema.lasting import Lasting, kind_and_place

from ..outcome import TAKEN, Reason, Refused, reasons_in, reported
from ..service import Collector
from ..wire.base import Answer, Format, Incoming
from .client import client_of
from .reply import Reply, reply_of

log = structlog.get_logger("collector")

RETRY_AFTER_S = 5
# The minute that is counted is over by then.
CALM_AFTER_S = 60
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
_OF_A_BODY = frozenset((b"content-length", b"content-encoding"))


class TooLarge(Exception):
    """The body is over the limit."""


class Endpoint:
    """One wire format at one path, as an ASGI application. cross_origin: pages of other origins may use it."""

    def __init__(self, collector: Collector, format_: Format, cross_origin: bool = True) -> None:
        self._collector = collector
        self._format = format_
        self._wire = format_.name
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
                await read_body(scope, receive, self._format.max_body),
                scope.get("query_string", b""),
                scope.get("path_params", {}),
                scope["headers"],
                now,
            )
            outcomes = await collector.collect(self._format.read(incoming), now, self._wire)
            reasons = reported(outcomes) if outcomes != TAKEN else ()
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


async def read_body(scope: Scope, receive: Receive, most: int) -> bytes:
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

    failing = Lasting(log, "beat_failed", "beat_goes_on")

    async def run() -> None:
        while True:
            for work in (keys, flush):
                try:
                    work()
                except Exception as problem:
                    # Were this the end of it, keys would no longer be followed and the day's end would stop collection.
                    failing.is_so(work.__qualname__ if hasattr(work, "__qualname__") else "", **kind_and_place(problem))
            await asyncio.sleep(every_s)

    return asyncio.get_running_loop().create_task(run())
