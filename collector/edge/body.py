"""The body of a request, read no further than its format allows.

In: a head, and what comes after it. Out: the body. Promises: one that is too large, compressed or cut off is refused
before the rest of it is read.
"""

from __future__ import annotations

from starlette.types import Receive

from ..outcome import Reason, Refused
from .head import Head


class TooLarge(Exception):
    """The body is over the limit."""


def check_body(head: Head, most: int) -> None:
    """Raises what is to be said of a body before it is read."""
    length = head.given.get(b"content-length", b"")
    if length.isdigit() and int(length[:12]) > most:
        raise TooLarge
    if b"content-encoding" in head.given and any(
        name == b"content-encoding" and value not in (b"", b"identity") for name, value in head.headers
    ):
        raise Refused(Reason.BAD_BODY, "request", "must not be compressed")


async def read_body(receive: Receive, most: int) -> bytes:
    """The body. Raises TooLarge as soon as it is."""
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
