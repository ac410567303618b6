"""The connections of the collector: a request for an endpoint that came whole is answered here, without a task.

In: a connection. Out: its endpoints' answers; whatever else comes on it goes, as it came, to `LimitedProtocol`, until
that has answered it. Promises: nothing is taken here that the parser of uvicorn, httptools, does not find to be exactly
one whole request of a kind that needs nothing more than its answer; of a request nothing is kept once it is answered.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, Protocol, cast

import httptools
from uvicorn import Config
from uvicorn.protocols.utils import get_remote_addr
from uvicorn.server import ServerState

from . import http as limited
from .head import Head
from .http import LimitedProtocol
from .known_head import split
from .reply import Reply

# What says that a request needs more than its answer, or that its body is no plain row of bytes.
_MORE = frozenset((b"expect", b"upgrade", b"transfer-encoding"))
_VERSIONS = ("1.1", "1.0")
_METHODS = {b"POST": "POST", b"GET": "GET", b"OPTIONS": "OPTIONS"}


# The headers that the server gives to every answer, and how they are written: others once a second.
_written: tuple[list[tuple[bytes, bytes]], bytes] = ([], b"")


def _lines(headers: list[tuple[bytes, bytes]]) -> bytes:
    global _written
    if _written[0] is not headers:
        _written = (headers, b"".join([b"%s: %s\r\n" % header for header in headers]))
    return _written[1]


def _is_query(url: bytes, query: bytes) -> bool:
    """Whether uvicorn, too, would find that query in it."""
    try:
        return (httptools.parse_url(url).query or b"") == query
    except httptools.HttpParserInvalidURLError:
        return False


class DirectEndpoint(Protocol):
    """What answers a request that came whole."""

    def ask(self, head: Head, body: bytes, then: Callable[[Reply], None]) -> None:
        """Have `then` told the answer, now or once it may be given. Does not raise."""


# What takes a request by its head's text and its body, if it knows them; whether it does.
_Again = Callable[[bytes, bytes, Callable[[Reply], None]], bool]


class IngestProtocol(asyncio.Protocol):
    """One connection. What the application names in `endpoints`, by path, is asked for its `Reply`, and before that
    `again`, where the application has it."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        if not config.loaded:
            config.load()
        self._endpoints: Mapping[bytes, DirectEndpoint] = getattr(config.loaded_app, "endpoints", {})
        self._again: _Again | None = getattr(config.loaded_app, "again", None)
        self._loop = _loop or asyncio.get_event_loop()
        self._state = server_state
        self._app_state = app_state
        self._config = config
        # Who takes all that is not for here; and whether it has the connection now.
        self._other: LimitedProtocol | None = None
        self._is_away = False
        self._is_waiting = False
        self._is_last = False
        # What the parser has found of the request that is being read.
        self._parser: Any = None
        self._begun = self._ended = 0
        self._url = self._body = b""
        self._keeps_alive = False
        self._headers: list[tuple[bytes, bytes]] = []
        # What came behind a request that is not answered yet.
        self._behind = b""
        # The client does not read its answers.
        self._is_full = False
        # 0: nothing was answered yet.
        self._idle_since = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        client = get_remote_addr(self._transport)
        # A Unix socket has no addresses.
        self._peer = client[0] if client else ""
        self._whose = b"%s\n" % self._peer.encode()
        self._parser = httptools.HttpRequestParser(self)
        self._state.connections.add(self)  # type: ignore[arg-type]  # its type names uvicorn's own protocols alone
        self._timer = self._loop.call_later(limited.RECEIVE_WITHIN_S, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        self._state.connections.discard(self)
        self._end_timer()
        if self._other is not None:
            self._other.connection_lost(exc)
        # They know this connection, as it knows them: what they hold would stay until somebody looks for such circles.
        self._other = self._parser = None
        self._behind = b""

    def data_received(self, data: bytes) -> None:
        if self._is_away:
            assert self._other is not None
            self._other.data_received(data)
        elif self._is_waiting:
            # Whoever asks before he is answered waits, whatever he asks.
            self._behind += data
            self._transport.pause_reading()
        elif not self._take(data):
            self._give_away(data)

    # -- one whole request -----------------------------------------------------------------------------------------

    def _take(self, data: bytes) -> bool:
        """Have a request answered, if it is one whole request for an endpoint and nothing more."""
        if len(data) > limited.MAX_HEAD_BYTES or self._is_full:
            return False
        found = None if self._again is None else split(data)
        text = b"" if found is None else self._whose + found[0]
        if found is not None and self._is_taken_again(text, found[1]):
            return True
        if not self._is_whole(data):
            return False
        headers, self._headers = self._headers, []
        body, self._body = self._body, b""
        url, self._url = self._url, b""
        path, mark, query = url.partition(b"?")
        endpoint = self._endpoints.get(path)
        if endpoint is None or (mark and not _is_query(url, query)):
            return False
        parser, given = self._parser, dict(headers)
        method, version = _METHODS.get(parser.get_method()), parser.get_http_version()
        if method is None or version not in _VERSIONS or not _MORE.isdisjoint(given):
            return False
        self._is_last = version == "1.0" or not self._keeps_alive
        self._is_waiting = True
        if found is None or self._is_last or found[1] != body:
            text = b""
        endpoint.ask(Head(self._peer, method, query, headers, given, text=text), body, self._answer)
        return True

    def _is_taken_again(self, text: bytes, body: bytes) -> bool:
        """Have it answered, if the parser has read that head before and who sent it is known."""
        assert self._again is not None
        self._is_waiting, self._is_last = True, False
        if self._again(text, body, self._answer):
            return True
        self._is_waiting = False
        return False

    def _is_whole(self, data: bytes) -> bool:
        self._begun = self._ended = 0
        self._body = b""
        try:
            self._parser.feed_data(data)
            if self._begun == self._ended == 1:
                return True
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            pass  # Who takes it next finds the same, and says so.
        # It may stand in the middle of a request.
        self._parser = httptools.HttpRequestParser(self)
        self._headers, self._url, self._body = [], b"", b""
        return False

    def on_message_begin(self) -> None:
        self._begun += 1

    def on_url(self, url: bytes) -> None:
        self._url += url

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self._ended += 1
        # Afterwards the parser would not know any more.
        self._keeps_alive = self._parser.should_keep_alive()

    def _answer(self, reply: Reply) -> None:
        self._is_waiting = False
        # Killed clients are known by their transport before the protocol is told that the connection is lost.
        if self._transport.is_closing():
            return
        self._state.total_requests += 1
        always = _lines(self._state.default_headers)
        if self._is_last:
            self._transport.write(b"%s%s%s" % (reply.first, always, reply.last))
            self._transport.close()
            return
        self._transport.write(b"%s%s%s" % (reply.first, always, reply.rest))
        self._idle()
        if self._behind:
            data, self._behind = self._behind, b""
            self._transport.resume_reading()
            self.data_received(data)

    # -- everything else -------------------------------------------------------------------------------------------

    def _give_away(self, data: bytes) -> None:
        self._is_away = True
        if self._other is None:
            self._other = LimitedProtocol(self._config, self._state, self._app_state, self._loop)
            self._other.connection_made(self._transport)
            self._other.on_idle = self._given_back
            # It is stopped and told of everything through this one.
            self._state.connections.discard(self._other)
            if self._is_full:
                self._other.pause_writing()
        self._other.data_received(data)

    def _given_back(self) -> None:
        self._is_away = False
        self._idle()

    def eof_received(self) -> None:
        """Nothing: the transport closes itself."""

    def pause_writing(self) -> None:
        """The client does not read its answers: there will be no more before it does."""
        self._is_full = True
        if self._other is not None:
            self._other.pause_writing()

    def resume_writing(self) -> None:
        """It has."""
        self._is_full = False
        if self._other is not None:
            self._other.resume_writing()

    def shutdown(self) -> None:
        """The server stops: what was received is answered, and the connection closed."""
        if self._is_away:
            assert self._other is not None
            self._other.shutdown()
        elif self._is_waiting:
            self._is_last = True
        else:
            self._transport.close()

    # -- timers ----------------------------------------------------------------------------------------------------

    def _idle(self) -> None:
        self._idle_since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._config.timeout_keep_alive, self._look)

    def _look(self) -> None:
        """Close a connection on which nothing came. To cancel a timer and make another one for each request costs more
        than one that looks again."""
        self._timer = None
        if self._is_away or self._is_waiting or self._transport.is_closing():
            return  # not idle; the next answer sets the timer again
        if not self._idle_since:
            self._transport.write(limited.refusal(b"408 Request Timeout"))
            self._transport.close()
            return
        left = self._idle_since + self._config.timeout_keep_alive - self._loop.time()
        if left > 0:
            self._timer = self._loop.call_later(left, self._look)
        else:
            self._transport.close()

    def _end_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
