"""Whose address a request counts for, and the network that is left of it (rule A1).

In: the socket's peer and what a proxy's header says. Out: the client's address, "" where nobody can tell it; an address
cut to its network. Promises: a header is believed only as far as named proxies wrote it, what cannot be read is nobody
and not somebody whom all share, and no address is cached or put in an error.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

# Real chains have two or three proxies. A longer one is made up, and reading it would cost time.
MAX_HOPS = 32
DEFAULT_HEADER = "X-Forwarded-For"
# What names the peer of a socket that has no addresses.
UNIX = "unix"
# Addresses of IPv4 in the clothes of IPv6, as translators write them (RFC 6052, 8215, 2765): a /48 is everybody.
_TRANSLATORS = tuple(map(IPv6Network, ("64:ff9b::/96", "64:ff9b:1::/48", "::ffff:0:0:0/96")))
_V4_BITS = (1 << 32) - 1
# Nobody's proxies are in more networks than these; but in his own of private addresses.
_WIDEST_PROXIES = {4: 8, 6: 16}
_PRIVATE = IPv6Network("fc00::/7")
# The whole of it begins with nothing but noughts, and some who do are somebody.
_ZEROS = frozenset(("0.0.0.0", "::"))  # noqa: S104 - compared, not bound


def truncate(address: str, v4_bits: int = 24, v6_bits: int = 48) -> str:
    """The network of an address, without the prefix length; "" for what is no address."""
    number = _v4(address)
    if number is not None:
        if v4_bits == 24:
            # The kernel reads no other spelling of a number.
            return address[: address.rindex(".")] + ".0"
        kept = number >> (32 - v4_bits) << (32 - v4_bits)
        return socket.inet_ntop(socket.AF_INET, kept.to_bytes(4, "big"))
    parsed = _parse(address)
    if isinstance(parsed, IPv6Address):
        parsed = _translated(parsed)
    if parsed is None:
        return ""
    keep = v4_bits if isinstance(parsed, IPv4Address) else v6_bits
    host_bits = parsed.max_prefixlen - keep
    return str(type(parsed)((int(parsed) >> host_bits) << host_bits))


def is_nobodys(address: str, network: str) -> bool:
    """Whether no one can have the address, of which that is the network: it cannot be read, or is the unspecified
    one, which a proxy or a log writes in place of what it keeps to itself."""
    if network in _ZEROS:
        parsed = _parse(address)
        return parsed is None or parsed.is_unspecified
    return not network


class Networks:
    """Networks in CIDR form. Raises ValueError."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = tuple(network_of(text) for text in networks)
        self._v4 = tuple(
            (int(network.netmask), int(network.network_address))
            for network in self._networks
            if isinstance(network, IPv4Network)
        )

    def hold(self, address: str) -> bool:
        """Whether an address is in one of them; what is no address is in none."""
        if not self._networks:
            return False
        number = _v4(address)
        if number is None:
            parsed = _parse(address)
            return parsed is not None and any(parsed in network for network in self._networks)
        return self.hold_v4(number)

    def hold_v4(self, number: int) -> bool:
        """Whether an IPv4 address, as a number, is in one of them."""
        for mask, network in self._v4:  # noqa: SIM110 - twice as fast as any() of as few as there are
            if number & mask == network:
                return True
        return False


class Proxies:
    """The proxies that may speak for a client, by CIDR (or UNIX), and the header in which they do."""

    def __init__(self, networks: Sequence[str] = (), header: str = DEFAULT_HEADER) -> None:
        for text in networks:
            if text != UNIX:
                _check_proxy(text)
        self._networks = Networks([text for text in networks if text != UNIX])
        self._unix = UNIX in networks
        # Header names come in lower case.
        self.header_name, self.header = header, header.lower().encode()
        self._read = _for_of if self.header == b"forwarded" else _bare
        # The proxy that spoke last, and its one spelling: most houses have one, and it is nobody's visitor.
        self._last = self._last_address = ""

    def hold(self, address: str) -> bool:
        """Whether it is the address of one of them."""
        return self._networks.hold(address)

    def trust(self, peer: str) -> bool:
        """Whether the peer is one of them; "" is that of a Unix socket."""
        if not peer:
            return self._unix
        if peer == self._last:
            return True
        if not self._networks.hold(peer):
            return False
        self._last, self._last_address = peer, _canonical(peer)
        return True

    def client(self, peer: str, values: Sequence[str] = ()) -> str:
        """The peer, or where the peer is a proxy of ours the rightmost address it tells that is none; "" where what it
        tells is no address. values: the header's values, in their order."""
        return self.behind(peer, values) if self.trust(peer) else spelled(peer)

    def behind(self, peer: str, values: Sequence[str] = ()) -> str:
        """The same for a peer that is known to be one of them."""
        nearest = self._last_address if peer else ""
        if len(values) == 1 and _v4(values[0]) is not None:
            # Of the ways to tell it this is that of almost every proxy: one address, in its own spelling.
            return values[0]
        chain = ",".join(values)
        if not chain or chain.isspace():
            return nearest
        for entry in reversed(chain.rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
            entry = entry.strip()
            # Of the ways to read an entry this is that of almost every one.
            number = _v4(entry)
            if number is not None:
                nearest = entry
                if not self._networks.hold_v4(number):
                    break
                continue
            nearest = _canonical(self._read(entry))
            # Nobody can tell who wrote what stands left of garbage, and whoever is behind the proxy that passed it on
            # would be one with all others who are.
            if not nearest or not self._networks.hold(nearest):
                break
        return nearest


def spelled(peer: str) -> str:
    """A peer's address in its one spelling, as far as a socket has more than one for it."""
    return _canonical(peer) if ":" in peer else peer


def written_address(entry: str) -> str:
    """The one spelling of an address that stands alone, with a port or in brackets; "" for what is none."""
    # Almost every one is in that spelling already.
    return entry if _v4(entry) is not None else _canonical(_bare(entry))


def _canonical(text: str) -> str:
    """The one spelling of an address, "" for what is none. Dotted decimals that the kernel takes are it already."""
    if _v4(text) is not None:
        return text
    parsed = _parse(text)
    return "" if parsed is None else str(parsed)


def _v4(text: str) -> int | None:
    """An IPv4 address as a number, by the kernel's own reading of dotted decimals: a fifth of the time. None for
    whatever that refuses."""
    try:
        return int.from_bytes(socket.inet_pton(socket.AF_INET, text), "big")
    except (OSError, ValueError):
        return None


def _parse(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return address.ipv4_mapped or address if isinstance(address, IPv6Address) else address


def _translated(address: IPv6Address) -> IPv4Address | IPv6Address:
    """The IPv4 address that a translator or a 6to4 gateway wrote as an IPv6 one. Of use for cutting only: who speaks
    for whom is not told by an address that anybody may write into another."""
    if any(address in network for network in _TRANSLATORS):
        return IPv4Address(int(address) & _V4_BITS)
    return address.sixtofour or (address.teredo[1] if address.teredo else address)


def _for_of(entry: str) -> str:
    """The node of an element of `Forwarded` (RFC 7239), "" where it names none or hides it (`unknown`, `_hidden`).

    An element ends at any comma, also one in quotes: no address has one, and whoever opened a quote that is not closed
    would swallow what the proxy wrote after it."""
    pairs = (pair.partition("=") for pair in entry.split(";"))
    nodes = [value for name, _, value in pairs if name.strip().lower() == "for"]
    return _bare(nodes[0]) if len(nodes) == 1 else ""


def _bare(entry: str) -> str:
    """An entry without its quotes, brackets and port."""
    entry = entry.strip().strip('"')
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    # Eight colons are an IPv6 address in full with a port and without brackets.
    return entry.rpartition(":")[0] if entry.count(":") in (1, 8) and "::" not in entry else entry


def network_of(text: str) -> IPv4Network | IPv6Network:
    """A network in CIDR form; an IPv4 one in IPv6 clothes is IPv4. Raises ValueError."""
    network = ip_network(text.strip())
    if isinstance(network, IPv6Network) and network.prefixlen >= 96 and network.network_address.ipv4_mapped:
        network = IPv4Network((int(network.network_address.ipv4_mapped), network.prefixlen - 96))
    return network


def _check_proxy(text: str) -> None:
    remedy = "name the proxy's own network in CIDR form, such as '10.0.0.0/8'"
    try:
        network = network_of(text)
    except ValueError:
        raise ValueError(f"proxies: {text!r} is not a network: {remedy}") from None
    is_private = isinstance(network, IPv6Network) and network.subnet_of(_PRIVATE)
    if network.prefixlen < _WIDEST_PROXIES[network.version] and not is_private:
        whom = "every sender" if network.prefixlen == 0 else "most senders"
        raise ValueError(f"proxies: {text!r} trusts {whom}, so anyone could forge an address: {remedy}")
