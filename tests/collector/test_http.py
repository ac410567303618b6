"""Raw sockets against a real server: what is too large or too slow is closed, and everybody else is served."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterator

import pytest
import uvicorn
from starlette.types import Receive, Scope, Send

from collector.edge import http as protocol
from collector.edge.head import Head
from collector.edge.http import MAX_HEAD_BYTES
from collector.edge.ingest import IngestProtocol
from collector.edge.reply import Reply, reply_of

WITHIN_S = 0.3
# A closed connection is seen at once; this is for a machine that is busy.
PATIENCE_S = 60.0


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    """Reads the body, unless the answer is to be early; waits as long as the path says; answers the body's length."""
    length = 0
    while scope["path"] != "/early":
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        length += len(message.get("body", b""))
        if not message.get("more_body"):
            break
    if scope["path"].startswith("/wait/"):
        await asyncio.sleep(float(scope["path"].removeprefix("/wait/")))
    body = str(length).encode()
    await send(
        {"type": "http.response.start", "status": 200, "headers": [(b"content-length", str(len(body)).encode())]}
    )
    await send({"type": "http.response.body", "body": body})


class Once:
    """Answers what came whole in one write, after a turn of the loop or, if asked so, at once or late."""

    was_asked = threading.Event()

    def ask(self, head: Head, body: bytes, then: Callable[[Reply], None]) -> None:
        assert body in (b"", b"abc")
        reply = reply_of(202, ((b"content-length", b"2"), (b"x-a", b"b")), b"ok")
        if head.query == b"late":
            self.was_asked.set()
            asyncio.get_running_loop().call_later(0.2, then, reply)
        elif head.query == b"now":
            then(reply)
        else:
            asyncio.get_running_loop().call_later(0.001, then, reply)


app.endpoints = {b"/once": Once()}  # type: ignore[attr-defined]


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with pytest.MonkeyPatch.context() as patch, socket.create_server(("127.0.0.1", 0)) as listener:
        patch.setattr(protocol, "RECEIVE_WITHIN_S", WITHIN_S)
        config = uvicorn.Config(
            app,
            http=IngestProtocol,
            loop="uvloop",
            lifespan="off",
            log_config=None,
            access_log=False,
            proxy_headers=False,
            timeout_keep_alive=2,
        )
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        while not server.started:
            time.sleep(0.005)
        yield listener.getsockname()[1]
        server.should_exit = True
        thread.join()


class Connection:
    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffered = b""

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> tuple[int, bytes]:
        """Status and body of the next answer."""
        while b"\r\n\r\n" not in self.buffered:
            more = self.socket.recv(65536)
            if not more:
                raise EOFError(self.buffered)
            self.buffered += more
        head, _, rest = self.buffered.partition(b"\r\n\r\n")
        lengths = [
            line.partition(b":")[2] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length")
        ]
        length = int(lengths[0])
        while len(rest) < length:
            rest += self.socket.recv(65536)
        self.buffered = rest[length:]
        return int(head.split(b" ")[1]), rest[:length]

    def rest(self) -> bytes:
        """Everything until the server closes."""
        with contextlib.suppress(ConnectionResetError):
            while more := self.socket.recv(65536):
                self.buffered += more
        return self.buffered

    def trickle(self, piece: bytes = b"x", every_s: float = 0.02) -> float:
        """Send a byte at a time until the server has enough; how long that took."""
        started = time.monotonic()
        self.socket.settimeout(every_s)
        while time.monotonic() - started < PATIENCE_S:
            try:
                self.socket.sendall(piece)
                if not self.socket.recv(65536):
                    return time.monotonic() - started
            except TimeoutError:
                continue
            except (ConnectionResetError, BrokenPipeError):
                return time.monotonic() - started
        raise AssertionError("the server never closed")


@pytest.fixture
def connection(port: int) -> Iterator[Connection]:
    opened = Connection(port)
    yield opened
    opened.socket.close()


def head(size: int = 0, length: int = 0) -> bytes:
    """A request's head, of that size if one is given."""
    start = f"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: {length}\r\nX-Fill: ".encode()
    return start + b"x" * max(0, size - len(start) - 4) + b"\r\n\r\n"


# -- large ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 1000, MAX_HEAD_BYTES])
def test_a_head_up_to_the_limit_is_served(connection: Connection, size: int) -> None:
    connection.send(head(size))
    assert connection.answer() == (200, b"0")


@pytest.mark.parametrize("size", [MAX_HEAD_BYTES + 1, 17_000, 200_000])
def test_a_head_over_the_limit_is_told_so_and_closed(connection: Connection, size: int) -> None:
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        connection.send(head(size))
    assert connection.rest()[:12] in (b"HTTP/1.1 431", b"")  # "": the reset of what was unread overtook the answer


@pytest.mark.parametrize("pieces", [[9000, 9000], [MAX_HEAD_BYTES - 10, 9000], [2000] * 9])
def test_a_head_over_the_limit_is_closed_however_it_is_cut(connection: Connection, pieces: list[int]) -> None:
    text, at = head(sum(pieces)), 0
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        for piece in pieces:
            connection.send(text[at : at + piece])
            at += piece
            time.sleep(0.01)  # a packet of its own
    assert b"200 OK" not in connection.rest()


def test_an_endless_head_is_closed(connection: Connection) -> None:
    connection.send(b"GET / HTTP/1.1\r\n")
    assert connection.trickle(b"X-A: " + b"x" * 1000 + b"\r\n", every_s=0.001) < PATIENCE_S


def test_the_head_is_limited_again_for_every_request_of_a_connection(connection: Connection) -> None:
    for _ in range(3):
        connection.send(head(9000))
        assert connection.answer()[0] == 200
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        connection.send(head(20_000))
    assert b"200 OK" not in connection.rest()


@pytest.mark.parametrize("size", [1, 20_000, 60_000])
def test_a_body_does_not_count_as_head(connection: Connection, size: int) -> None:
    for _ in range(2):
        connection.send(head(length=size) + b"b" * size)
        assert connection.answer() == (200, str(size).encode())


def test_a_head_cut_just_before_its_end_is_still_a_head(connection: Connection) -> None:
    text = head(length=5)
    connection.send(text[:-2])
    time.sleep(0.02)
    connection.send(text[-2:] + b"hello")
    assert connection.answer() == (200, b"5")


def test_pipelined_requests_are_all_answered(connection: Connection) -> None:
    connection.send((head(length=3) + b"abc") * 3)
    assert [connection.answer() for _ in range(3)] == [(200, b"3")] * 3


# -- slow ----------------------------------------------------------------------------------------------------------


def test_a_silent_connection_is_closed(connection: Connection) -> None:
    started = time.monotonic()
    assert connection.rest().startswith(b"HTTP/1.1 408")
    assert WITHIN_S * 0.8 <= time.monotonic() - started < PATIENCE_S


def test_a_trickling_head_is_closed(connection: Connection) -> None:
    connection.send(b"POST / HTTP/1.1\r\nX: ")
    assert connection.trickle() < PATIENCE_S


def test_a_trickling_body_is_closed(connection: Connection) -> None:
    connection.send(head(length=10_000))
    assert connection.trickle() < PATIENCE_S


def test_a_body_that_stops_is_closed_without_an_answer(connection: Connection) -> None:
    connection.send(head(length=100) + b"half")
    assert connection.rest() == b""


def test_an_idle_connection_that_was_served_is_kept(connection: Connection) -> None:
    connection.send(head())
    assert connection.answer() == (200, b"0")
    time.sleep(WITHIN_S * 1.7)
    connection.send(head(length=2) + b"hi")
    assert connection.answer() == (200, b"2")


def test_the_second_request_of_a_connection_has_a_deadline_too(connection: Connection) -> None:
    connection.send(head())
    assert connection.answer() == (200, b"0")
    connection.send(b"POST / HTTP/1.1\r\nX: ")
    assert connection.trickle() < PATIENCE_S


def test_an_answer_may_take_longer_than_receiving_may(connection: Connection) -> None:
    connection.send(f"GET /wait/{WITHIN_S * 1.7} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    assert connection.answer() == (200, b"0")


def test_others_are_served_while_many_are_slow(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "RECEIVE_WITHIN_S", PATIENCE_S)
    slow = [Connection(port) for _ in range(50)]
    for each in slow[::2]:
        each.send(head(length=1000) + b"x")
    started = time.monotonic()
    quick = Connection(port)
    quick.send(head(length=2) + b"hi")
    assert quick.answer() == (200, b"2")
    assert time.monotonic() - started < PATIENCE_S / 2
    for each in [*slow, quick]:
        each.socket.close()


def test_an_answer_in_one_write_keeps_the_connection_and_the_order(connection: Connection) -> None:
    once = b"POST /once HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    connection.send(once)
    assert connection.answer() == (202, b"ok")
    # Several in one piece are for the other way, and then it is this one's turn again.
    connection.send(once * 2 + b"GET /wait/0.05 HTTP/1.1\r\nHost: x\r\n\r\n" + once)
    assert [connection.answer() for _ in range(4)] == [(200, b"3"), (200, b"3"), (200, b"0"), (200, b"3")]
    connection.send(once * 100)
    assert [connection.answer() for _ in range(100)] == [(200, b"3")] * 100
    connection.send(once)
    assert connection.answer() == (202, b"ok")


@pytest.mark.parametrize("behind", [1, 2])
def test_what_comes_before_the_answer_waits_for_it(behind: int, connection: Connection) -> None:
    late, once = (b"POST /once?%s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" % how for how in (b"late", b""))
    Once.was_asked.clear()
    connection.send(late)
    # Or what comes next would be a part of the same piece.
    assert Once.was_asked.wait(PATIENCE_S)
    connection.send(once * behind)
    assert connection.answer() == (202, b"ok")
    for _ in range(behind):
        # Several in one piece are for the other way.
        assert connection.answer() == ((202, b"ok") if behind == 1 else (200, b"3"))


def test_a_connection_that_asked_for_something_else_first_is_as_fast_as_any(connection: Connection) -> None:
    once = b"POST /once HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    for _ in range(3):
        connection.send(b"GET /js/script.js HTTP/1.1\r\nHost: x\r\n\r\n")
        assert connection.answer() == (200, b"0")
        connection.send(once.replace(b"once", b"once?now"))
        assert connection.answer() == (202, b"ok")


@pytest.mark.parametrize(
    "one",
    [
        b"POST /once HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /once HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
        b"POST /once HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: h2c\r\nContent-Length: 3\r\n\r\nabc",
        b"HEAD /once HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /%6fnce HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        b"POST http://x/once HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /once HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /once HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
        b"POST /once HTTP/1.1\r\nHost : x\r\nContent-Length: 3\r\n\r\nabc",
        b"POST /once HTTP/1.1\nHost: x\nContent-Length: 3\n\nabc",
        b"POST /once HTTP/1.1\r\nHost: x\r\nContent-Length: +3\r\n\r\nabc",
        b"POST /once HTTP/1.1\r\nHost: x\r\nX: a\r\n b\r\nContent-Length: 3\r\n\r\nabc",
    ],
)
def test_a_head_that_needs_more_or_is_not_certain_is_not_for_the_short_way(one: bytes, connection: Connection) -> None:
    connection.send(one)
    assert b"202 Accepted" not in connection.socket.recv(65536)


def test_what_comes_in_pieces_is_left_to_uvicorn(connection: Connection) -> None:
    once = b"POST /once HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n"
    for first, rest in ((once, b"abc"), (once + b"a", b"bc"), (once + b"abc" + once, b"abc")):
        connection.send(first)
        time.sleep(WITHIN_S / 6)
        connection.send(rest)
        if first.count(once) > 1:
            assert connection.answer() == (200, b"3")
        assert connection.answer() == (200, b"3")
    connection.send(once + b"abc")
    assert connection.answer() == (202, b"ok")


@pytest.mark.parametrize("way", [b"once", b""])
def test_an_idle_connection_is_closed_after_its_last_answer(way: bytes, connection: Connection) -> None:
    request = b"POST /%s HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" % way
    connection.send(request)
    connection.answer()
    time.sleep(1.2)
    connection.send(request)
    connection.answer()
    answered = time.monotonic()
    assert connection.rest() == b""
    assert 1.9 <= time.monotonic() - answered < PATIENCE_S


@pytest.mark.parametrize(
    "close",
    [b"POST /once HTTP/1.0\r\n\r\n", b"POST /once HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"],
)
def test_an_answer_in_one_write_closes_where_the_client_wants_it(close: bytes, port: int) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S) as connection:
        connection.sendall(close)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 202 Accepted\r\n")
    assert {b"connection: close", b"x-a: b", b"content-length: 2"} <= set(head.split(b"\r\n"))
    assert any(line.startswith(b"date: ") for line in head.split(b"\r\n"))
    assert body == b"ok"


def test_a_header_with_a_line_break_is_never_written() -> None:
    with pytest.raises(ValueError, match="line break"):
        reply_of(202, ((b"x-a", b"b\r\nx-c: d"),), b"")


# -- answered before the end, and asked before the answer ----------------------------------------------------------


def test_a_connection_that_was_answered_too_early_is_closed_by_the_deadline(port: int) -> None:
    """It may still send, so that its answer is not lost; but it is not kept."""
    with contextlib.closing(Connection(port).socket) as raw:
        raw.sendall(b"POST /early HTTP/1.1\r\nHost: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 1000)
        answer = raw.recv(65536)
        assert answer.startswith(b"HTTP/1.1 200")
        raw.sendall(b"y" * 1000)
        started = time.monotonic()
        assert raw.recv(65536) == b"", "a second answer"
        assert time.monotonic() - started < PATIENCE_S


# -- one request behind another ------------------------------------------------------------------------------------


@pytest.mark.parametrize("rest", [b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\n", b"POST / HT"])
def test_a_request_that_began_in_the_piece_of_another_has_its_own_deadline(rest: bytes, port: int) -> None:
    took = []
    for _ in range(3):
        connection = Connection(port)
        started = time.monotonic()
        connection.send(head(length=0) + rest)
        assert connection.answer() == (200, b"0")
        connection.rest()
        took.append(time.monotonic() - started)
        connection.socket.close()
    # Of a machine that is busy the quickest tells.
    assert min(took) < WITHIN_S * 4


def test_a_body_that_comes_after_the_answer_to_the_request_before_it_is_served(connection: Connection) -> None:
    connection.send(b"POST /once HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc" + head(length=5))
    assert connection.answer() == (200, b"3")
    time.sleep(WITHIN_S / 4)
    connection.send(b"12345")
    assert connection.answer() == (200, b"5")


def test_what_a_connection_waited_for_before_does_not_close_it_while_it_is_used(connection: Connection) -> None:
    once = b"POST /once?now HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    # Answered while the next request is being received: from then on the other way looks for an idle connection.
    connection.send(once + b"POST / HT")
    assert connection.answer() == (200, b"3")
    time.sleep(WITHIN_S / 4)
    connection.send(b"TP/1.1\r\nHost: x\r\n\r\n")
    assert connection.answer() == (200, b"0")
    for _ in range(6):
        time.sleep(0.4)
        connection.send(once)
        assert connection.answer() == (202, b"ok")


def test_requests_without_end_in_one_piece_are_not_all_taken(connection: Connection) -> None:
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        connection.send(b"GET /wait/0.01 HTTP/1.1\r\nHost: x\r\n\r\n" * 3000)
    with contextlib.suppress(ConnectionResetError):
        assert connection.rest().count(b"HTTP/1.1") <= 110


def test_a_large_head_in_the_piece_of_another_request_is_refused(connection: Connection) -> None:
    with contextlib.suppress(ConnectionResetError, BrokenPipeError):
        connection.send(head() + head(size=60_000))
    assert b"HTTP/1.1 200" not in connection.rest().partition(b"\r\n\r\n0")[2]


def test_pipelined_requests_of_a_client_that_is_killed_raise_nothing(
    port: int, caplog: pytest.LogCaptureFixture
) -> None:
    once = b"POST /once HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nabc"
    whole = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
    late = b"GET /wait/0.001 HTTP/1.1\r\nHost: x\r\n\r\n"
    for requests in (
        once * 90,
        whole * 90,
        (once + whole) * 45,
        (late + once) * 45,
        late * 90,
        once * 400,
        whole * 400,
    ):
        for wait in (0.0, 0.001, 0.003, 0.01, 0.03):
            with socket.create_connection(("127.0.0.1", port)) as killed:
                # Closed so, what is on its way is thrown away and the other side is told by RST.
                killed.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                with contextlib.suppress(OSError):
                    killed.sendall(requests)
                time.sleep(wait)
    other = Connection(port)
    other.send(whole)
    assert other.answer() == (200, b"0")
    other.socket.close()
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []
