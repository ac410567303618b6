"""Rule A1: which address counts, and how little is left of it."""

from __future__ import annotations

from ipaddress import IPv4Address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.privacy.address import MAX_HOPS, Networks, Proxies, is_nobodys, truncate


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.77", "203.0.113.0"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1::"),
        ("::ffff:203.0.113.77", "203.0.113.0"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
        ("unix", ""),
        ("203.0.113.999", ""),
    ],
)
def test_an_address_is_cut_to_its_network(address: str, network: str) -> None:
    assert truncate(address) == network


def test_the_number_of_kept_bits_is_a_setting() -> None:
    assert truncate("203.0.113.77", v4_bits=16) == "203.0.0.0"
    assert truncate("203.0.113.77", v4_bits=32) == "203.0.113.77"
    assert truncate("2001:db8:1:2::9", v6_bits=64) == "2001:db8:1:2::"
    assert truncate("203.0.113.77", v4_bits=0) == "0.0.0.0"


@given(st.ip_addresses())
def test_cutting_twice_is_cutting_once(address: object) -> None:
    assert truncate(truncate(str(address))) == truncate(str(address))


@given(st.text())
def test_no_text_makes_the_cut_fail(text: str) -> None:
    assert isinstance(truncate(text), str)


HOUSE = Proxies(("10.0.0.0/8", "2001:db8:ffff::/48"))


@pytest.mark.parametrize(
    ("peer", "forwarded_for", "client"),
    [
        ("198.51.100.1", ["203.0.113.7"], "198.51.100.1"),
        ("10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["6.6.6.6, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7, 10.9.9.9"], "203.0.113.7"),
        ("10.0.0.1", ["6.6.6.6", "203.0.113.7", "10.9.9.9"], "203.0.113.7"),
        ("10.0.0.1", ["203.0.113.7:4711"], "203.0.113.7"),
        ("10.0.0.1", ["[2001:db8::7]:4711"], "2001:db8::7"),
        ("10.0.0.1", ['"[2001:db8::7]"'], "2001:db8::7"),
        ("10.0.0.1", ["::ffff:203.0.113.7"], "203.0.113.7"),
        ("::ffff:10.0.0.1", ["203.0.113.7"], "203.0.113.7"),
        ("2001:db8:ffff::1", ["203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["2001:0db8:0:0:0:0:0:7:4711"], "2001:db8::7"),
        ("10.0.0.1", ["fe80::7%eth0"], "fe80::7"),
        # Who is behind a proxy that names nobody readable is nobody, not the proxy.
        ("10.0.0.1", ["203.0.113.7, unknown"], ""),
        ("10.0.0.1", ["203.0.113.7, unknown, 10.2.2.2"], ""),
        ("10.0.0.1", ["unix:"], ""),
        ("10.0.0.1", ["203.0.113.7, "], ""),
        ("10.0.0.1", ["6.6.6.6, unknown, 203.0.113.7"], "203.0.113.7"),
        ("10.0.0.1", ["10.3.3.3, 10.2.2.2"], "10.3.3.3"),
        # One that says nothing at all speaks for itself.
        ("10.0.0.1", [], "10.0.0.1"),
        ("10.0.0.1", [""], "10.0.0.1"),
        ("10.0.0.1", [" "], "10.0.0.1"),
        ("::ffff:203.0.113.7", ["6.6.6.6"], "203.0.113.7"),
        ("2001:db8::1%eth0", ["6.6.6.6"], "2001:db8::1"),
        # No peer, as at a Unix socket, is no proxy unless it is named.
        ("", ["203.0.113.7"], ""),
    ],
)
def test_a_header_is_believed_only_as_far_as_named_proxies_wrote_it(
    peer: str, forwarded_for: list[str], client: str
) -> None:
    assert HOUSE.client(peer, forwarded_for) == client


UNIX = Proxies(("unix", "10.0.0.0/8"))


@pytest.mark.parametrize(
    ("peer", "told", "client"),
    [
        ("", ["203.0.113.7"], "203.0.113.7"),
        ("", ["6.6.6.6, 203.0.113.7, 10.1.1.1"], "203.0.113.7"),
        ("", ["unknown"], ""),
        ("", [], ""),
        ("198.51.100.1", ["203.0.113.7"], "198.51.100.1"),
    ],
)
def test_at_a_unix_socket_only_a_header_tells_who_it_is(peer: str, told: list[str], client: str) -> None:
    assert UNIX.client(peer, told) == client


FORWARDED = Proxies(("10.0.0.0/8",), "Forwarded")


@pytest.mark.parametrize(
    ("told", "client"),
    [
        (["for=203.0.113.7"], "203.0.113.7"),
        (["For=203.0.113.7;proto=https;by=10.0.0.9"], "203.0.113.7"),
        (['proto=https; for="203.0.113.7:4711"'], "203.0.113.7"),
        (['for="[2001:db8::7]"'], "2001:db8::7"),
        (['for="[2001:db8::7]:4711"'], "2001:db8::7"),
        (["for=6.6.6.6, for=203.0.113.7;proto=http, for=10.1.1.1"], "203.0.113.7"),
        (["for=6.6.6.6", "for=203.0.113.7"], "203.0.113.7"),
        # RFC 7239, 6.2 and 6.3: there is somebody, and nobody is told who.
        (["for=unknown"], ""),
        (["for=_hidden"], ""),
        (['for="_gazonk:4711"'], ""),
        (["for=203.0.113.7, for=_hidden"], ""),
        (["for=203.0.113.7, for=unknown, for=10.1.1.1"], ""),
        (["by=10.0.0.9;proto=https"], ""),
        (["203.0.113.7"], "203.0.113.7"),
        (["for=6.6.6.6;for=203.0.113.7"], ""),
        (["for="], ""),
        # What a sender opens does not swallow what the proxy adds.
        (['for="6.6.6.6, for=203.0.113.7'], "203.0.113.7"),
        (['for="', "for=203.0.113.7"], "203.0.113.7"),
        (['for=6.6.6.6;host="a, for=203.0.113.7'], "203.0.113.7"),
        (['for="\\"", for=203.0.113.7'], "203.0.113.7"),
        ([], "10.0.0.1"),
    ],
)
def test_forwarded_is_read_from_the_right_and_hides_whom_it_hides(told: list[str], client: str) -> None:
    assert FORWARDED.client("10.0.0.1", told) == client
    assert FORWARDED.client("198.51.100.1", told) == "198.51.100.1"


@given(st.lists(st.text(max_size=60), max_size=4))
def test_whatever_a_header_says_the_client_is_an_address_or_nobody(told: list[str]) -> None:
    for proxies in (HOUSE, FORWARDED):
        client = proxies.client("10.0.0.1", told)
        assert client == "" or truncate(client)


@pytest.mark.parametrize(
    ("address", "nobodys"),
    [
        ("", True),
        ("unix", True),
        ("203.0.113.999", True),
        ("203.0.113.9:80", True),
        ("[2001:db8::9]", True),
        ("0.0.0.0", True),
        ("::", True),
        ("::ffff:0.0.0.0", True),
        ("0:0:0:0:0:0:0:0", True),
        ("::1", False),
        ("0.0.0.5", False),
        ("127.0.0.1", False),
        ("203.0.113.9", False),
        ("2001:db8::9", False),
    ],
)
def test_what_is_no_address_is_nobodys(address: str, nobodys: bool) -> None:
    assert is_nobodys(address, truncate(address)) is nobodys


@pytest.mark.parametrize(
    ("address", "network"),
    [
        # All of IPv4 is in one /48 of a translator; a /48 of 6to4 is one whole IPv4 address.
        ("64:ff9b::203.0.113.77", "203.0.113.0"),
        ("64:ff9b:1::203.0.113.77", "203.0.113.0"),
        ("64:ff9b:1:fffe::203.0.113.77", "203.0.113.0"),
        ("::ffff:0:203.0.113.77", "203.0.113.0"),
        ("2002:cb00:714d::1", "203.0.113.0"),
        ("2001:0:4136:e378:8000:63bf:34ff:8eb2", "203.0.113.0"),
    ],
)
def test_an_ipv4_address_in_an_ipv6_one_is_cut_as_what_it_is(address: str, network: str) -> None:
    assert truncate(address) == network
    # Anybody may write one into another: it makes no proxy of him.
    assert not Networks(("203.0.113.0/24",)).hold(address)


def test_without_proxies_the_peer_is_the_client() -> None:
    assert Proxies(()).client("10.0.0.1", ["203.0.113.7"]) == "10.0.0.1"


def test_an_endless_chain_is_read_no_further_than_its_last_hops() -> None:
    chain = ", ".join(["203.0.113.7", *["10.1.1.1"] * MAX_HOPS])
    assert HOUSE.client("10.0.0.1", [chain]) == "10.1.1.1"


@pytest.mark.parametrize("network", ["*", "0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "10.0.0.1/8", "nonsense", ""])
def test_a_proxy_list_that_trusts_everyone_or_nobody_known_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match="CIDR") as refused:
        Proxies(("10.0.0.0/8", network))
    assert repr(network) in str(refused.value)


def test_a_mapped_network_is_the_ipv4_network_it_means() -> None:
    assert Proxies(("::ffff:10.0.0.0/104",)).client("10.1.2.3", ["203.0.113.7"]) == "203.0.113.7"


@given(st.ip_addresses(v=4), st.integers(8, 24))
def test_the_kernels_reading_of_an_ipv4_address_is_the_librarys(address: IPv4Address, bits: int) -> None:
    assert truncate(str(address), bits) == str(ip_network((address, bits), strict=False).network_address)
