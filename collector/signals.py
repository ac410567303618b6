"""One pass over a request's headers: who sent it, and what its visitor's browser says about being counted.

In: an ASGI scope. Out: a `Client`. Promises: only named proxies speak for another address (rule A1); Sec-GPC and DNT
hold at exactly `1`, in any one of several headers.
"""

from __future__ import annotations

from starlette.types import Scope

from .address import Proxies
from .bots import prefetch
from .hints import NO_HINTS, Hints
from .steps import Client


def client_of(scope: Scope, proxies: Proxies) -> Client:
    """The other end of a request."""
    agent = languages = origin = brands = mobile = platform = purpose = sec_purpose = x_purpose = x_moz = ""
    forwarded: list[str] = []
    opted_out = gpc = False
    for name, value in scope["headers"]:
        match name:
            case b"user-agent":
                agent = value.decode("latin-1")
            case b"accept-language":
                languages = value.decode("latin-1")
            case b"origin":
                origin = value.decode("latin-1")
            case b"sec-ch-ua":
                brands = value.decode("latin-1")
            case b"sec-ch-ua-mobile":
                mobile = value.decode("latin-1")
            case b"sec-ch-ua-platform":
                platform = value.decode("latin-1")
            case b"x-forwarded-for":
                forwarded.append(value.decode("latin-1"))
            case b"sec-gpc":
                gpc = gpc or value == b"1"
            case b"dnt" | b"x-footfall-opt-out":
                opted_out = opted_out or value == b"1"
            case b"purpose":
                purpose = value.decode("latin-1")
            case b"sec-purpose":
                sec_purpose = value.decode("latin-1")
            case b"x-purpose":
                x_purpose = value.decode("latin-1")
            case b"x-moz":
                x_moz = value.decode("latin-1")
    peer = scope["client"][0] if scope["client"] else ""
    ahead = bool(purpose or sec_purpose or x_purpose or x_moz) and prefetch(purpose, sec_purpose, x_purpose, x_moz)
    hints = Hints(brands, mobile, platform) if brands or mobile or platform else NO_HINTS
    return Client(proxies.client(peer, forwarded), agent, languages, ahead, opted_out, gpc, hints, origin)
