"""What an endpoint is asked and answers past ASGI: a request that came whole, and a whole answer, without a task.

In: a scope and a body that are there. Out: a `Reply`, whose head is made once for all answers alike. Promises: no
header of an answer holds a line break.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from http import HTTPStatus
from typing import Any, Protocol

from msgspec import Struct
from starlette.types import Message, Receive, Scope


class Reply(Struct, frozen=True):
    """A whole answer. head: status and headers as they are written; see `reply_of`."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    head: bytes


def reply_of(status: int, headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> Reply:
    """A reply, its head made once. Raises ValueError."""
    lines = [b"%s: %s\r\n" % header for header in headers]
    if any(line.count(b"\r") + line.count(b"\n") > 2 for line in lines):
        raise ValueError("a header holds a line break")
    first = b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode())
    return Reply(status, headers, body, first + b"".join(lines))


class DirectEndpoint(Protocol):
    """What can answer a request that came whole. It asks nothing of a task."""

    def reply(self, scope: Scope, receive: Receive) -> Coroutine[Any, None, Reply]:
        """The answer, once it may be given."""


class WholeRequest:
    """A request that came whole: the little that an endpoint, and uvicorn's protocol, ask of uvicorn's own."""

    __slots__ = ("_body", "disconnected", "endpoint", "keep_alive", "scope")
    # It is forgotten as soon as it is answered.
    response_complete = more_body = False

    def __init__(self, endpoint: DirectEndpoint, scope: Scope, body: bytes, keep_alive: bool) -> None:
        self.endpoint = endpoint
        self.scope = scope
        self._body = body
        self.keep_alive = keep_alive
        self.disconnected = False

    async def receive(self) -> Message:
        return {"type": "http.request", "body": self._body}


# What goes on once a future is done. A turn of the loop shares one, which thus calls back once and not for each.
_behind: dict[asyncio.Future[Any], list[Callable[[], None]]] = {}


def run_at_once(work: Coroutine[Any, None, Reply], then: Callable[[Reply], None]) -> None:
    """Run a coroutine up to where it waits for a future, and on once that is done; then, with what it returned, `then`.

    Like a task, but begun now instead of in the next round of the loop, and without what a task is for: it has no name,
    cannot be cancelled, and must not be asked for (`asyncio.current_task`)."""
    try:
        future = work.send(None)
    except StopIteration as done:
        then(done.value)
        return
    # What tells a future that somebody waits for it, as PEP 3156's tasks do.
    future._asyncio_future_blocking = False
    waiting = _behind.get(future)
    if waiting is None:
        waiting = _behind[future] = []
        future.add_done_callback(_go_on)
    waiting.append(lambda: run_at_once(work, then))


def _go_on(future: asyncio.Future[Any]) -> None:
    for one in _behind.pop(future):
        try:
            one()
        except Exception as problem:  # of one request, and none of the others'
            context = {"message": "a request failed", "exception": problem}
            future.get_loop().call_exception_handler(context)
