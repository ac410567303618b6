"""Whose address a line counts for: what the server wrote for the client, read by rule A1.

In: the field of the client, the field with forwarded addresses, the proxies that are believed. Out: an address in its
one spelling, "" where there is none. Promises: a forwarded address is believed only of a named proxy; what is no
address becomes no visitor.
"""

from __future__ import annotations

from msgspec import Struct, field

from ...privacy.address import Proxies, is_nobodys, truncate, written_address
from ...privacy.untrusted_proxy import peer_class

_NONE = ("", "-")
_MOST_CLAIMS = 10_000
# What nginx calls the peer of a socket that has no addresses.
UNIX_PEER = "unix:"


def client_of(written: str, forwarded: str, proxies: Proxies) -> str:
    """The visitor's address: `address`, `address:port`, `[IPv6]`, `[IPv6]:port`, or a list `client, proxy, …`."""
    address = _client(written, forwarded, proxies)
    # Some servers write 0.0.0.0 for everybody.
    return "" if is_nobodys(address, truncate(address)) else address


class Claims(Struct):
    """Forwarded addresses that are not believed: how many page views have one, and whether those would tell more
    visitors apart than the addresses that are believed. No more than some are held, and none is shown."""

    views: int = 0
    claimed: set[str] = field(default_factory=set)
    believed: set[str] = field(default_factory=set)

    def __repr__(self) -> str:
        return "Claims(…)"

    def add(self, peer: str, forwarded: str, client: str) -> None:
        """The fields of a page view, and the client that was made of them."""
        proxied = peer if "," in peer else forwarded
        if proxied in _NONE or (first := written_address(proxied.partition(",")[0])) in ("", client):
            return
        self.views += 1
        if self.views <= _MOST_CLAIMS:
            self.claimed.add(first)
            self.believed.add(client)

    def add_all(self, later: Claims) -> None:
        """Those of the lines that follow."""
        if self.views < _MOST_CLAIMS:
            self.claimed |= later.claimed
            self.believed |= later.believed
        self.views += later.views

    @property
    def tell_more(self) -> bool:
        """Whether there are more claimed addresses than believed ones: as behind a proxy that nobody named."""
        return len(self.claimed) > len(self.believed)


def _client(written: str, forwarded: str, proxies: Proxies) -> str:
    if "," in written:
        return _of_list(written, proxies)
    peer = written_address(written)
    if not (peer or written == UNIX_PEER) or forwarded in _NONE:
        return peer
    return proxies.client(peer, (forwarded,))


def _of_list(listed: str, proxies: Proxies) -> str:
    """A server that logs X-Forwarded-For for the client tells no peer, so the nearest address that can be a visitor's
    is his: what stands left of it anybody may have made up. In a network of private addresses only, the first."""
    first = ""
    for entry in reversed(listed.split(",")):
        address = written_address(entry)
        if not address:
            # Nobody can tell who wrote what stands left of garbage.
            return ""
        if peer_class(address) == "public" and not proxies.hold(address):
            return address
        first = address
    return first
