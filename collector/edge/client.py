"""One pass over a request's headers: who sent it, and what its visitor's browser says about being counted.

In: a request's head. Out: a `Client`. Promises: only named proxies speak for another address (rule A1); Sec-GPC and DNT
hold at exactly `1`, in any one of several headers.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from starlette.types import Scope

from ..enrich.bots import prefetch
from ..enrich.client_hints import NO_CLIENT_HINTS, ClientHints
from ..model import Client
from ..privacy.address import Proxies, spelled
from ..privacy.untrusted_proxy import FORWARDING, untrusted_proxy_of
from .head import Head, head_of

# Most requests have none of these.
_HINTS = (b"sec-ch-ua", b"sec-ch-ua-mobile", b"sec-ch-ua-platform")
_AHEAD = (b"purpose", b"sec-purpose", b"x-purpose", b"x-moz")
_OPT_OUTS = (b"dnt", b"x-footfall-opt-out")
_GPC = (b"sec-gpc",)
# What browsers themselves say of an origin that is none, or that they keep to themselves.
HIDDEN = "null"
_WHO_ASKS = (b"origin", b"sec-fetch-site", b"referer")
_RARE = frozenset((*_HINTS, *_AHEAD, *_OPT_OUTS, *_GPC))
# All but the address that is read of a head that names its page's origin.
_OF_SENDER = (b"user-agent", b"accept-language", b"origin", *_HINTS, *_AHEAD, *_OPT_OUTS, *_GPC)
_ABSENT = b"\0"
_ABSENTS = (_ABSENT,) * len(_OF_SENDER)


def client_of(scope: Scope, proxies: Proxies) -> Client:
    """The other end of a request that came over ASGI."""
    return sender_of(head_of(scope), proxies)


def sender_of(head: Head, proxies: Proxies) -> Client:
    """The other end of a request."""
    # Of several with one name the last; where every one counts, the list is asked.
    headers, given, peer = head.headers, head.given, head.peer
    header, doubt = proxies.header, None
    if not proxies.trust(peer):
        address = spelled(peer)
        if header in given or not FORWARDING.isdisjoint(given):
            doubt = untrusted_proxy_of(peer, given, proxies, named=False)
    elif told := given.get(header):
        several = len(given) < len(headers)
        values = [value for name, value in headers if name == header] if several else (told,)
        address = proxies.behind(peer, [value.decode("latin-1") for value in values])
    else:
        address, doubt = proxies.behind(peer), untrusted_proxy_of(peer, given, proxies, named=True)
    agent = given.get(b"user-agent", b"").decode("latin-1")
    languages = given.get(b"accept-language", b"").decode("latin-1")
    if len(given) < len(headers) and _names_two_pages(headers):
        origin = HIDDEN
    elif b"origin" in given:
        origin = given[b"origin"].decode("latin-1")
    else:
        origin = _asking_page(given, head.method)
    if _RARE.isdisjoint(given):
        return Client(address, agent, languages, False, False, False, NO_CLIENT_HINTS, origin, doubt)
    return Client(
        address,
        agent,
        languages,
        prefetch(*_texts(given, _AHEAD)),
        any(name in _OPT_OUTS and value == b"1" for name, value in headers),
        any(name in _GPC and value == b"1" for name, value in headers),
        NO_CLIENT_HINTS if not any(given.get(name) for name in _HINTS) else ClientHints(*_texts(given, _HINTS)),
        origin,
        doubt,
    )


def sender_text(head: Head, proxies: Proxies) -> bytes | None:
    """All that `sender_of` reads, as one text: where it is the same, so is the sender. None where that takes a closer
    look: of a page that does not name its origin, of headers that come twice, or of an address from nowhere."""
    given = head.given
    address = given.get(proxies.header)
    if len(given) < len(head.headers) or b"origin" not in given:
        return None
    if not address and not (FORWARDING.isdisjoint(given) and address is None):
        return None
    # No header holds the end of a line, or the byte that stands for one that is not there.
    return b"\n".join((head.peer.encode(), address or _ABSENT, *map(given.get, _OF_SENDER, _ABSENTS)))


def _names_two_pages(headers: Sequence[tuple[bytes, bytes]]) -> bool:
    """Whether the page that asks is said to be two: nobody can tell which of them a browser wrote."""
    return any(len({value for name, value in headers if name == about}) > 1 for about in _WHO_ASKS)


def _asking_page(given: Mapping[bytes, bytes], method: str) -> str:
    """The origin of the page that asks, where the browser does not say it outright: every POST of a page names its
    origin, a picture's request says no more than how near the page is, and the page's address unless that hides it."""
    fetch_site = given.get(b"sec-fetch-site", b"")
    if fetch_site in (b"same-origin", b"none") or not (fetch_site or method == "GET"):
        return ""
    scheme, found, rest = given.get(b"referer", b"").decode("latin-1").partition("://")
    if found:
        return f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}"
    # A page of somebody else's that does not say which: hiding its address must not open the site filter.
    return HIDDEN if fetch_site == b"cross-site" else ""


def _texts(given: Mapping[bytes, bytes], names: Sequence[bytes]) -> list[str]:
    return [given.get(name, b"").decode("latin-1") for name in names]
