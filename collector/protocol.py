"""HTTP/1.1 with limits: uvicorn's httptools protocol, which by itself takes 8 MB of headers and waits for ever.

In: a connection. Out: the same protocol, closed when a request's head is larger than 16 KiB or a request is not
complete 3 s after its first byte (a connection: after its opening); for an endpoint, an answer in one write.
Promises: a slow or silent connection costs a timer, not a worker.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from starlette.types import Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES = 16 * 1024
RECEIVE_WITHIN_S = 3.0
# Of a request that is answered before it has ended so much is still read: closed at once, the answer might be lost.
_MOST_LEFT_BYTES = 1024 * 1024
# Requests of one connection that wait for the answers before theirs. uvicorn reads on while they do, without end.
_MOST_WAITING = 100
_HEAD_ENDS = b"\r\n\r\n"


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a cap on the head and a deadline on receiving."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._is_over = False
        self._left_bytes = 0
        self._field_bytes = 0
        # Between the first byte of a request and its last.
        self._is_receiving = False
        self._is_reading = False
        self._begun: tuple[RequestResponseCycle, Any] | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_deadline()
        super().connection_lost(exc)
        # A request knows its connection, and what it brought would stay until somebody looks for such circles.
        self.pipeline.clear()
        self.cycle = None  # type: ignore[assignment] # as before the first request

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            self._left_bytes += len(data)
            if self._left_bytes > _MOST_LEFT_BYTES:
                self.transport.close()
            return
        self._is_receiving = True
        if self._head_bytes >= 0:
            # A body that comes with the end of its head does not count.
            end = data.find(_HEAD_ENDS)
            self._head_bytes += len(data) if end < 0 else end + len(_HEAD_ENDS)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._close(b"431 Request Header Fields Too Large")
                return
        self._is_reading = True
        super().data_received(data)
        self._is_reading = False
        if self._begun is not None:
            self._begin(*self._begun)
        # Most requests come in one piece and need no timer.
        if self._is_receiving and self._deadline is None:
            self._start_deadline()

    def on_message_begin(self) -> None:
        # Also of a request that came in one piece with the end of another.
        self._is_receiving = True
        self._field_bytes = 0
        if len(self.pipeline) > _MOST_WAITING:
            self._close(b"429 Too Many Requests")
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._field_bytes += len(name) + len(value)
        if self._field_bytes > MAX_HEAD_BYTES:
            self._close(b"431 Request Header Fields Too Large")
            return
        if self._head_bytes < 0:
            # Fields after a chunked body: nobody here needs them, and uvicorn would gather them without end.
            self._close(b"400 Bad Request")
            return
        # What uvicorn does with it; handed on, eight headers cost as much as the JSON of a beacon.
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self.expect_100_continue = True
        self.headers.append((name, value))

    def on_headers_complete(self) -> None:
        self._head_bytes = -1
        # Of a connection that is being closed nothing more is taken.
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        self._is_receiving = False
        self._end_deadline()
        if not self.transport.is_closing():
            super().on_message_complete()

    def on_response_complete(self) -> None:
        super().on_response_complete()
        if not self.pipeline and self.cycle and self.cycle.response_complete and self.cycle.more_body:
            # Answered before its end, as too large. Its deadline goes on, and closes the connection.
            self._is_over = True

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        at_once = getattr(app, "at_once", None)
        endpoint = at_once(cycle.scope) if at_once is not None and self._is_reading else None
        if endpoint is None:
            super()._start_asgi_task(cycle, app)
        else:
            self._begun = (cycle, endpoint)

    def _begin(self, cycle: RequestResponseCycle, endpoint: Any) -> None:
        """Once all that came is parsed: a request that is whole needs no task that waits for the rest."""
        self._begun = None
        if cycle.more_body:
            super()._start_asgi_task(cycle, endpoint)
        else:
            body = bytes(cycle.body)
            cycle.body.clear()

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": body, "more_body": False}

            run_at_once(endpoint(cycle.scope, receive, cycle.send))

    def _start_deadline(self) -> None:
        self._deadline = self.loop.call_later(RECEIVE_WITHIN_S, self._too_slow)

    def _end_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _too_slow(self) -> None:
        self._deadline = None
        self._close(b"408 Request Timeout")

    def _close(self, status: bytes) -> None:
        self._end_deadline()
        if not self.transport.is_closing():
            if not self._is_over and (self.cycle is None or self.cycle.response_complete):
                self.transport.write(b"HTTP/1.1 " + status + b"\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            self.transport.close()


def run_at_once(work: Coroutine[Any, None, None]) -> None:
    """Run a coroutine up to where it waits for a future, and on once that is done.

    Like a task, but begun now instead of in the next round of the loop, and without what a task is for: it has no name,
    cannot be cancelled, and must not be asked for (`asyncio.current_task`)."""
    try:
        future = work.send(None)
    except StopIteration:
        return
    # What tells a future that somebody waits for it, as PEP 3156's tasks do.
    future._asyncio_future_blocking = False
    future.add_done_callback(lambda _: run_at_once(work))


def answer_at_once(send: Send, status: int, headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> bool:
    """Write a whole answer in one piece, if `send` is uvicorn's own; False if it is not, or cannot now.

    uvicorn looks at each header of each answer and writes head and body apart: a third of what a beacon cost."""
    cycle = getattr(send, "__self__", None)
    if not isinstance(cycle, RequestResponseCycle) or cycle.flow.write_paused or cycle.scope["method"] == "HEAD":
        return False
    if cycle.disconnected or cycle.response_started:
        return True
    content = [_head(status, headers), *(b"%s: %s\r\n" % header for header in cycle.default_headers)]
    if not cycle.keep_alive or cycle.more_body:
        content.append(b"connection: close\r\n")
    cycle.transport.write(b"".join((*content, b"\r\n", body)))
    cycle.response_started = cycle.response_complete = True
    cycle.message_event.set()
    if not cycle.keep_alive:
        cycle.transport.close()
    cycle.on_response()
    return True


@lru_cache(maxsize=256)
def _head(status: int, headers: tuple[tuple[bytes, bytes], ...]) -> bytes:
    lines = [b"%s: %s\r\n" % header for header in headers]
    if any(line.count(b"\r") + line.count(b"\n") > 2 for line in lines):
        raise ValueError("a header holds a line break")
    return b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode()) + b"".join(lines)
