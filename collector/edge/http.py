"""HTTP/1.1 with limits: uvicorn's httptools protocol, which by itself takes 8 MB of headers and waits for ever.

In: a connection. Out: the same protocol, closed when a request's head is larger than 16 KiB or a request is not
complete 3 s after its first byte (a connection: after its opening).
Promises: a slow or silent connection costs a timer, not a worker.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

MAX_HEAD_BYTES = 16 * 1024
RECEIVE_WITHIN_S = 3.0
# Of a request that is answered before it has ended so much is still read: closed at once, the answer might be lost.
_MOST_LEFT_BYTES = 1024 * 1024
# Requests of one connection that wait for the answers before theirs. uvicorn reads on while they do, without end.
_MOST_WAITING = 100
_HEAD_ENDS = b"\r\n\r\n"


class _LostTransport:
    """The transport as uvicorn's request sees it: an answer to a client that is gone goes nowhere, without a sound."""

    __slots__ = ("_transport",)

    def __init__(self, transport: asyncio.Transport) -> None:
        self._transport = transport

    def write(self, data: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(data)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


class LimitedProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a cap on the head and a deadline on receiving."""

    # The request that came last, none before the first one, which uvicorn's type does not say; and those that wait for
    # the answers before theirs.
    cycle: RequestResponseCycle | None  # type: ignore[assignment]
    pipeline: deque[tuple[Any, Any]]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        # Told when everything that came is answered, instead of a timer: whose the connection then is (ingest.py).
        self.on_idle: Callable[[], None] | None = None
        self._head_bytes = 0
        self._deadline: asyncio.TimerHandle | None = None
        self._is_over = False
        self._left_bytes = 0
        # Whether the fields of a head have to be added up, and how many bytes they have.
        self._adds_up = True
        self._is_long = False
        self._field_bytes = 0
        # Between the first byte of a request and its last.
        self._is_receiving = False
        self._idle_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._start_deadline()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end_deadline()
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
        super().connection_lost(exc)
        # A request knows its connection, and what it brought would stay until somebody looks for such circles.
        self.pipeline.clear()
        self.cycle = None  # as before the first request

    def data_received(self, data: bytes) -> None:
        if self._is_over:
            self._left_bytes += len(data)
            if self._left_bytes > _MOST_LEFT_BYTES:
                self.transport.close()
            return
        # A head that is whole in a short piece cannot be too large.
        self._is_long = len(data) > MAX_HEAD_BYTES
        if self._is_receiving and not self._adds_up:
            self._adds_up = True
            self._field_bytes = sum(len(name) + len(value) for name, value in self.headers)
        self._is_receiving = True
        if self._head_bytes >= 0:
            # A body that comes with the end of its head does not count.
            end = data.find(_HEAD_ENDS)
            self._head_bytes += len(data) if end < 0 else end + len(_HEAD_ENDS)
            if self._head_bytes > MAX_HEAD_BYTES:
                self._close(b"431 Request Header Fields Too Large")
                return
        super().data_received(data)
        # Most requests come in one piece and need no timer.
        if self._is_receiving and self._deadline is None:
            self._start_deadline()

    # -- what the parser finds -------------------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        # Also of a request that came in one piece with the end of another.
        self._is_receiving = True
        self._adds_up = self._is_long
        self._field_bytes = 0
        if len(self.pipeline) > _MOST_WAITING:
            self._close(b"429 Too Many Requests")
        self.url = b""
        self.headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        # Called a dozen times for each request.
        if self._adds_up and not self._may_have(name, value):
            return
        self.headers.append((name.lower(), value))

    def _may_have(self, name: bytes, value: bytes) -> bool:
        self._field_bytes += len(name) + len(value)
        if self._field_bytes > MAX_HEAD_BYTES:
            self._close(b"431 Request Header Fields Too Large")
        elif self._head_bytes < 0:
            # Fields after a chunked body: nobody here needs them, and uvicorn would gather them without end.
            self._close(b"400 Bad Request")
        else:
            return True
        return False

    def on_headers_complete(self) -> None:
        self._head_bytes = -1
        self._adds_up = True
        # Of a connection that is being closed nothing more is taken.
        if self.transport.is_closing():
            return
        self._leave_to_uvicorn()

    def on_body(self, body: bytes) -> None:
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._head_bytes = 0
        self._is_receiving = False
        self._end_deadline()
        if not self.transport.is_closing():
            super().on_message_complete()

    def _leave_to_uvicorn(self) -> None:
        """Tell uvicorn of the request whose head has just ended, as if it had seen all of it."""
        url, headers = self.url, self.headers
        super().on_message_begin()
        self.url = url
        self.headers += headers
        self.expect_100_continue = any(
            name == b"expect" and value.lower() == b"100-continue" for name, value in headers
        )
        before = self.cycle
        super().on_headers_complete()
        if self.cycle is not before and isinstance(self.cycle, RequestResponseCycle):
            # It begins in the next round of the loop; or later, if it waits for others.
            self.cycle.transport = _LostTransport(self.transport)  # type: ignore[assignment]

    # -- answering -------------------------------------------------------------------------------------------------

    def on_response_complete(self) -> None:
        """As uvicorn does it, but for the timer of an idle connection, which is left to run: see its handler."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        if self.cycle is not None and self.cycle.more_body:
            # Answered before its end, as too large. Its deadline goes on, and closes the connection.
            self._is_over = True
        elif self.on_idle is not None and not self._is_receiving:
            self.cycle = None
            # One of them looks, or a connection in use is closed by when it was last used here.
            super()._unset_keepalive_if_required()
            self.on_idle()
            return
        self._idle_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    # -- timers ----------------------------------------------------------------------------------------------------

    def _unset_keepalive_if_required(self) -> None:
        """Nothing: to cancel a timer and make another one for each request costs more than one that looks again."""

    def timeout_keep_alive_handler(self) -> None:
        self.timeout_keep_alive_task = None
        if self._is_receiving or (self.cycle is not None and not self.cycle.response_complete):
            return  # not idle; the next answer sets the timer again
        left = self._idle_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again_in(left)
        else:
            super().timeout_keep_alive_handler()

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

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
                self.transport.write(refusal(status))
            self.transport.close()


def refusal(status: bytes) -> bytes:
    """What is written on a connection that is then closed."""
    return b"HTTP/1.1 %s\r\nconnection: close\r\ncontent-length: 0\r\n\r\n" % status
