"""Headers of proxies that are not believed: a sign that all visitors of a proxy have its address.

In: a request's peer and headers. Out: `UntrustedProxy`. Promises: of the peer it tells a class, of the header a name
out of a list or of the settings.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from .address import Networks, Proxies

_LOOPBACK = Networks(("127.0.0.0/8", "::1/128"))
_PRIVATE = Networks(
    ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10", "169.254.0.0/16", "fc00::/7", "fe80::/10")
)
# Headers in which proxies pass the address on, by the name they have on the wire; what is in use first.
_HEADERS = {
    name.lower().encode(): name
    for name in (
        *("X-Forwarded-For", "CF-Connecting-IP", "True-Client-IP", "Fly-Client-IP", "X-Real-IP", "Forwarded"),
        *("Fastly-Client-IP", "DO-Connecting-IP", "X-Client-IP", "X-Cluster-Client-IP", "X-Original-Forwarded-For"),
        *("X-Envoy-External-Address", "X-Azure-ClientIP", "X-Azure-SocketIP", "X-AppEngine-User-IP"),
        *("CloudFront-Viewer-Address", "X-Vercel-Forwarded-For", "X-NF-Client-Connection-IP", "Ali-CDN-Real-IP"),
        *("X-Sucuri-ClientIP", "Incap-Client-IP", "X-Coming-From", "X-Forwarded", "Forwarded-For", "X-ProxyUser-Ip"),
        *("Proxy-Client-IP", "WL-Proxy-Client-IP", "CF-Connecting-IPv6", "CF-Pseudo-IPv4", "X-Remote-IP"),
    )
}
FORWARDING = frozenset(_HEADERS)


class UntrustedProxy(NamedTuple):
    """Why the address of a visitor may be a proxy's. peer: "loopback", "private" or "public"; "named" is a proxy of
    `collector.trusted_proxies`. header: the one that is not believed, "" where a named proxy sent none."""

    peer: str
    header: str


def peer_class(address: str) -> str:
    """Which kind of address it is: "loopback", "private" (as a Unix socket's, which is ""), or "public"."""
    return "loopback" if _LOOPBACK.hold(address) else "private" if not address or _PRIVATE.hold(address) else "public"


def untrusted_proxy_of(peer: str, given: Mapping[bytes, bytes], proxies: Proxies, named: bool) -> UntrustedProxy:
    """What of a request's headers is not believed: those of a peer that is not named, or all but the one that is set of
    one that is. given: by name, in lower case."""
    if named:
        kind = "named"
    else:
        kind = peer_class(peer)
        if proxies.header in given:
            return UntrustedProxy(kind, proxies.header_name)
    others = (name for header, name in _HEADERS.items() if header in given and header != proxies.header)
    return UntrustedProxy(kind, next(others, ""))
