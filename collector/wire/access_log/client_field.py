"""Whose address a line counts for: what the server wrote for the client, read by rule A1.

In: the field of the client, the field with forwarded addresses, the proxies that are believed. Out: an address in its
one spelling, "" where there is none. Promises: a forwarded address is believed only of a named proxy; what is no
address becomes no visitor.
"""

from __future__ import annotations

from ...privacy.address import Proxies, is_nobodys, truncate, written_address
from ...privacy.untrusted_proxy import peer_class

_NONE = ("", "-")
_MOST_CLAIMS = 10_000
# What nginx calls the peer of a socket that has no addresses.
UNIX_PEER = "unix:"


def client_of(field: str, forwarded: str, proxies: Proxies) -> str:
    """The visitor's address: `address`, `address:port`, `[IPv6]`, `[IPv6]:port`, or a list `client, proxy, …`."""
    address = _client(field, forwarded, proxies)
    # Some servers write 0.0.0.0 for everybody.
    return "" if is_nobodys(address, truncate(address)) else address


class Claims:
    """Forwarded addresses that are not believed: how many page views have one, and whether those would tell more
    visitors apart than the addresses that are believed. Only hashes are held, and no more than some."""

    def __init__(self) -> None:
        self.views = 0
        self._claimed: set[int] = set()
        self._believed: set[int] = set()

    def add(self, field: str, forwarded: str, client: str) -> None:
        """The fields of a page view, and the client that was made of them."""
        proxied = field if "," in field else forwarded
        if proxied in _NONE or (first := written_address(proxied.partition(",")[0])) in ("", client):
            return
        self.views += 1
        if self.views <= _MOST_CLAIMS:
            self._claimed.add(hash(first))
            self._believed.add(hash(client))

    @property
    def tell_more(self) -> bool:
        """Whether there are more claimed addresses than believed ones: as behind a proxy that nobody named."""
        return len(self._claimed) > len(self._believed)


def _client(field: str, forwarded: str, proxies: Proxies) -> str:
    if "," in field:
        return _of_list(field, proxies)
    peer = written_address(field)
    if not (peer or field == UNIX_PEER) or forwarded in _NONE:
        return peer
    return proxies.client(peer, (forwarded,))


def _of_list(field: str, proxies: Proxies) -> str:
    """A server that logs X-Forwarded-For for the client tells no peer, so the nearest address that can be a visitor's
    is his: what stands left of it anybody may have made up. In a network of private addresses only, the first."""
    first = ""
    for entry in reversed(field.split(",")):
        address = written_address(entry)
        if not address:
            # Nobody can tell who wrote what stands left of garbage.
            return ""
        if peer_class(address) == "public" and not proxies.hold(address):
            return address
        first = address
    return first
