"""What an endpoint sees of a request before its body, by whichever way it came.

In: an ASGI scope, or what the parser of `ingest.py` has found. Out: a `Head`. Promises: it shows nothing when printed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from msgspec import Struct
from starlette.types import Scope

_NO_PATH: Mapping[str, str] = {}
# Scheme and host name have no more. What is remembered of many requests must not be as long as somebody likes.
_LONGEST_ORIGIN = 300


class Head(Struct, gc=False):
    """peer: the address of the other end of the socket, "" of a Unix one. headers: as sent, names in lower case; given:
    of several with one name the last. path: what the route's placeholders matched."""

    peer: str
    method: str
    query: bytes
    headers: Sequence[tuple[bytes, bytes]]
    given: Mapping[bytes, bytes]
    path: Mapping[str, str] = _NO_PATH
    text: bytes = b""

    def __repr__(self) -> str:
        return "Head(…)"

    @property
    def origin(self) -> bytes:
        """The page's, as the browser names it; nothing where that is longer than any page's is."""
        origin = self.given.get(b"origin", b"")
        return origin if len(origin) <= _LONGEST_ORIGIN else b""


def head_of(scope: Scope) -> Head:
    """The head of a request that came over ASGI."""
    return Head(
        # A Unix socket has no addresses.
        scope["client"][0] if scope["client"] else "",
        scope.get("method", ""),
        scope.get("query_string", b""),
        scope["headers"],
        dict(scope["headers"]),
        scope.get("path_params", _NO_PATH),
    )
