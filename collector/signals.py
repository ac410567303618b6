"""One pass over a request's headers: who sent it, and what its visitor's browser says about being counted.

In: an ASGI scope. Out: a `Client`. Promises: only named proxies speak for another address (rule A1); Sec-GPC and DNT
hold at exactly `1`, in any one of several headers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from starlette.types import Scope

from .address import Proxies
from .bots import prefetch
from .hints import NO_HINTS, Hints
from .steps import Client

_HINTS = frozenset((b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform"))
_AHEAD = frozenset((b"purpose", b"sec-purpose", b"x-purpose", b"x-moz"))


def client_of(scope: Scope, proxies: Proxies) -> Client:
    """The other end of a request."""
    headers: list[tuple[bytes, bytes]] = scope["headers"]
    # Of several with one name the last; where all count, `_every` asks the list.
    given = dict(headers)
    hints, ahead = NO_HINTS, False
    if not _HINTS.isdisjoint(given):
        hints = Hints(*(_text(given, name) for name in (b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform")))
    if not _AHEAD.isdisjoint(given):
        ahead = prefetch(*(_text(given, name) for name in (b"purpose", b"sec-purpose", b"x-purpose", b"x-moz")))
    forwarded = [value.decode("latin-1") for value in _every(headers, given, b"x-forwarded-for")]
    return Client(
        proxies.client(scope["client"][0] if scope["client"] else "", forwarded),
        _text(given, b"user-agent"),
        _text(given, b"accept-language"),
        ahead,
        b"1" in _every(headers, given, b"dnt") or b"1" in _every(headers, given, b"x-footfall-opt-out"),
        b"1" in _every(headers, given, b"sec-gpc"),
        hints,
        _text(given, b"origin"),
    )


def _text(given: Mapping[bytes, bytes], name: bytes) -> str:
    return given.get(name, b"").decode("latin-1")


def _every(headers: Sequence[tuple[bytes, bytes]], given: Mapping[bytes, bytes], name: bytes) -> Sequence[bytes]:
    return [value for its, value in headers if its == name] if name in given else ()
