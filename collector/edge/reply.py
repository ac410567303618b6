"""A whole answer, as an endpoint gives it: made once for all answers alike.

In: status, headers, body. Out: a `Reply`. Promises: no header of an answer holds a line break.
"""

from __future__ import annotations

from http import HTTPStatus

from msgspec import Struct


class Reply(Struct, frozen=True):
    """first: the line of the status as it is written; rest: the headers and the body. Between the two is room for what
    the server adds."""

    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    first: bytes
    rest: bytes

    @property
    def last(self) -> bytes:
        """The rest of the last answer of a connection."""
        fields = self.rest[: len(self.rest) - len(self.body) - 2]
        return b"%sconnection: close\r\n\r\n%s" % (fields, self.body)


def reply_of(status: int, headers: tuple[tuple[bytes, bytes], ...], body: bytes) -> Reply:
    """A reply, its bytes made once. Raises ValueError."""
    lines = [b"%s: %s\r\n" % header for header in headers]
    if any(line.count(b"\r") + line.count(b"\n") > 2 for line in lines):
        raise ValueError("a header holds a line break")
    first = b"HTTP/1.1 %d %s\r\n" % (status, HTTPStatus(status).phrase.encode())
    return Reply(status, headers, body, first, b"%s\r\n%s" % (b"".join(lines), body))
