"""Whose address a request counts for, and the network that is left of it (rule A1).

In: the socket's peer and the X-Forwarded-For values. Out: the client's address; an address cut to its network.
Promises: a header is believed only as far as named proxies wrote it, and no address is cached or put in an error.
"""

from __future__ import annotations

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

# Real chains have two or three proxies. A longer one is made up, and reading it would cost time.
MAX_HOPS = 32


def truncate(address: str, v4_bits: int = 24, v6_bits: int = 48) -> str:
    """The network of an address, without the prefix length; "" for what is no address."""
    number = _v4(address)
    if number is not None:
        kept = number >> (32 - v4_bits) << (32 - v4_bits)
        return socket.inet_ntop(socket.AF_INET, kept.to_bytes(4, "big"))
    parsed = _parse(address)
    if parsed is None:
        return ""
    keep = v4_bits if isinstance(parsed, IPv4Address) else v6_bits
    host_bits = parsed.max_prefixlen - keep
    return str(type(parsed)((int(parsed) >> host_bits) << host_bits))


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
    """The proxies that may speak for a client, by CIDR."""

    def __init__(self, networks: tuple[str, ...] = ()) -> None:
        for text in networks:
            _check_proxy(text)
        self._networks = Networks(networks)
        # The proxy that spoke last, and its one spelling: most houses have one, and it is nobody's visitor.
        self._last = self._last_address = ""

    def hold(self, address: str) -> bool:
        """Whether it is the address of one of them."""
        return self._networks.hold(address)

    def client(self, peer: str, forwarded_for: Sequence[str] = ()) -> str:
        """The peer, or where the peer is a proxy of ours the rightmost forwarded address that is none."""
        if peer != self._last or not peer:
            if not self._networks.hold(peer):
                return peer
            self._last, self._last_address = peer, _canonical(peer)
        nearest = self._last_address
        for entry in reversed(",".join(forwarded_for).rsplit(",", MAX_HOPS)[-MAX_HOPS:]):
            entry = entry.strip()
            # Of the two ways to read an entry this is that of almost every one.
            number = _v4(entry)
            if number is not None:
                nearest = entry
                if not self._networks.hold_v4(number):
                    break
                continue
            hop = _canonical(_bare(entry))
            if not hop:
                # Nobody can tell who wrote what stands left of garbage, so the proxy that passed it on is the client.
                break
            nearest = hop
            if not self._networks.hold(hop):
                break
        return nearest


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


def _bare(entry: str) -> str:
    """An X-Forwarded-For entry without its brackets and port."""
    entry = entry.strip().strip('"')
    if entry.startswith("["):
        return entry[1:].partition("]")[0]
    return entry.partition(":")[0] if entry.count(":") == 1 else entry


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
    if network.prefixlen == 0:
        raise ValueError(f"proxies: {text!r} trusts every sender, so anyone could forge an address: {remedy}")
