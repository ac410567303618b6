"""Rules of dashboards/delivery/webhook.py, with a real server on this machine."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from dashboards.delivery.message import CannotSend, Message, Unclear
from dashboards.delivery.webhook import Webhooks

SECRET = b"0123456789abcdef"
MESSAGE = Message(
    "alert drop a.example 2031-06-17", "a.example: <b> & 3 visitors", "text", facts={"on": "drop", "visitors": 3}
)


class Hook:
    """status: what it answers; 0: it hangs up. got: headers and body of each request."""

    def __init__(self, status: int = 204) -> None:
        self.status = status
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.address = ""


@contextmanager
def serving(hook: Hook) -> Iterator[Hook]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.got.append((dict(self.headers), body))
            if not hook.status:
                self.connection.close()
                return
            self.send_response(hook.status)
            self.send_header("Location", hook.address)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hook.address = f"http://127.0.0.1:{server.server_port}/hooks/1"
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()


def test_who_has_the_secret_can_tell_that_it_is_ours_and_when_and_that_it_is_the_same_again() -> None:
    with serving(Hook()) as hook:
        sender = Webhooks(SECRET, lambda: 1_934_000_000.7)
        sender.send(MESSAGE, hook.address)
        sender.send(MESSAGE, hook.address)
    (headers, body), (again, _) = hook.got
    assert json.loads(body) == {"what": MESSAGE.what, "subject": MESSAGE.subject, "text": "text", **MESSAGE.facts}
    at, proof = (part.partition("=")[2] for part in headers["Footfall-Signature"].split(","))
    assert at == "1934000000"
    assert proof == hmac.new(SECRET, b"1934000000." + body, hashlib.sha256).hexdigest()
    assert headers["Footfall-Delivery"] == again["Footfall-Delivery"]
    assert headers["Content-Type"] == "application/json"


def test_no_more_of_an_answer_is_read_than_its_status() -> None:
    """A receiver that answers without end would fill the memory."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            connection, _ = server.accept()
            with connection, contextlib.suppress(OSError):
                connection.recv(65_536)
                connection.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
                for _ in range(200):  # or until it is closed
                    connection.sendall(b"x" * 65_536)
                    sent.append(65_536)

        sent: list[int] = []
        thread = threading.Thread(target=answer)
        thread.start()
        Webhooks(SECRET).send(MESSAGE, f"http://127.0.0.1:{server.getsockname()[1]}/")
        thread.join(10)
    assert sum(sent) < 200 * 65_536


def test_slack_gets_text_in_which_nothing_is_markup() -> None:
    with serving(Hook()) as hook:
        Webhooks(SECRET).send(MESSAGE, f"slack+{hook.address}")
    assert json.loads(hook.got[0][1]) == {"text": "a.example: &lt;b&gt; &amp; 3 visitors\ntext"}


@pytest.mark.parametrize(("status", "again"), [(302, False), (404, False), (410, False), (429, True), (503, True)])
def test_what_is_refused_is_tried_again_where_that_may_help_and_nowhere_else(status: int, again: bool) -> None:
    with serving(Hook(status)) as hook, pytest.raises(CannotSend, match=str(status)) as problem:
        Webhooks(SECRET).send(MESSAGE, hook.address)
    assert problem.value.again is again
    assert len(hook.got) == 1
    assert "hooks" not in str(problem.value)


def test_who_goes_away_with_it_may_have_it_and_who_is_not_there_has_not() -> None:
    with serving(Hook(0)) as hook, pytest.raises(Unclear):
        Webhooks(SECRET).send(MESSAGE, hook.address)
    with pytest.raises(CannotSend) as problem:
        Webhooks(SECRET).send(MESSAGE, hook.address)
    assert problem.value.again
