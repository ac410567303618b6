"""Bytes on a socket to a real collector, as no well-behaved client sends them."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from pathlib import Path
from typing import NamedTuple, Self

from footfall.canary.scratch import AGENT

PATIENCE_S = 90.0
BEACON = json.dumps({"n": "pageview", "u": "https://example.com/raw", "d": "example.com"}).encode()


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes


class Raw:
    """One connection. here: the address it comes from, one of this machine's many."""

    def __init__(self, port: int, here: str = "127.0.0.1") -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE_S, source_address=(here, 0))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffered = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self) -> Answer:
        """The next answer. Raises EOFError where the server closed instead."""
        while b"\r\n\r\n" not in self.buffered:
            self._more()
        head, _, self.buffered = self.buffered.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(self.buffered) < length:
            self._more()
        body, self.buffered = self.buffered[:length], self.buffered[length:]
        return Answer(int(first.split(" ")[1]), headers, body)

    def closed(self) -> bytes:
        """What else was answered until the server closed. Fails where it does not."""
        with contextlib.suppress(EOFError, ConnectionResetError, BrokenPipeError):
            while True:
                self._more()
        return self.buffered

    def drip(self, data: bytes, every_s: float) -> float:
        """Send a byte at a time, over and over, until the server has enough; the seconds that took."""
        started = time.monotonic()
        self.socket.settimeout(every_s)
        while time.monotonic() - started < PATIENCE_S:
            for byte in data:
                try:
                    self.socket.sendall(bytes((byte,)))
                    if not self.socket.recv(65536):
                        return time.monotonic() - started
                except TimeoutError:
                    continue
                except (ConnectionResetError, BrokenPipeError):
                    return time.monotonic() - started
        raise AssertionError("the server never closed")

    def _more(self) -> None:
        received = self.socket.recv(65536)
        if not received:
            raise EOFError(self.buffered)
        self.buffered += received


def request(
    body: bytes = BEACON, *headers: str, length: int | str | None = None, agent: str = AGENT.format(140)
) -> bytes:
    """A whole request. length: what its Content-Length says, where that is not the truth; "" says nothing."""
    said = len(body) if length is None else length
    lines = ["POST /api/event HTTP/1.1", "Host: x", f"User-Agent: {AGENT.format(140)}", *headers]
    lines += [f"Content-Length: {said}"] if said != "" else []
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body


def asked(port: int, data: bytes, here: str = "127.0.0.1") -> Answer:
    """The answer to some bytes on a connection of their own."""
    with Raw(port, here) as connection:
        connection.send(data)
        return connection.answer()


def memory_of(pid: int) -> int:
    """Resident bytes of a process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * 4096
