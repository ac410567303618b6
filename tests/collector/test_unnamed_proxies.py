"""A proxy that nobody named: what of it is seen, counted, told and logged, and that no address is."""

from __future__ import annotations

from pathlib import Path

import pytest
import structlog
from structlog.testing import capture_logs

from collector.diagnostics.unnamed_proxies import (
    ProxiedEvents,
    UnnamedProxies,
    finding_of,
    proxied_path,
    read_proxied,
    remedy_of,
    summed,
)
from collector.edge.client import client_of
from collector.privacy.address import Proxies
from collector.privacy.untrusted_proxy import _HEADERS, UntrustedProxy

PLAIN = Proxies(("10.0.0.0/8",))
CLOUD = Proxies(("10.0.0.0/8",), "CF-Connecting-IP")
FORWARDED_FOR = "X-Forwarded-For"


def doubt(peer: str | None, *headers: tuple[str, str], proxies: Proxies = PLAIN) -> UntrustedProxy | None:
    told = [(name.lower().encode(), value.encode()) for name, value in (("user-agent", "x"), *headers)]
    return client_of({"headers": told, "client": (peer, 1) if peer else None}, proxies).untrusted_proxy


@pytest.mark.parametrize("header", _HEADERS.values())
def test_every_header_of_a_proxy_that_is_not_named_is_seen(header: str) -> None:
    assert doubt("127.0.0.1", (header, "203.0.113.9")) == ("loopback", header)
    # Of one that is named, each but the one that is set.
    expected = None if header == FORWARDED_FOR else ("named", header)
    assert doubt("10.0.0.1", (header, "203.0.113.9")) == expected


@pytest.mark.parametrize(
    ("peer", "kind"),
    [
        ("127.0.0.1", "loopback"),
        ("127.9.9.9", "loopback"),
        ("::1", "loopback"),
        ("::ffff:127.0.0.1", "loopback"),
        ("172.17.0.1", "private"),
        ("192.168.1.1", "private"),
        ("100.64.0.1", "private"),
        ("fd00::1", "private"),
        ("fe80::1%eth0", "private"),
        (None, "private"),
        ("203.0.113.9", "public"),
        ("2001:db8::9", "public"),
        ("172.32.0.1", "public"),
    ],
)
def test_of_a_peer_only_its_class_is_told(peer: str | None, kind: str) -> None:
    assert doubt(peer, (FORWARDED_FOR, "198.51.100.7")) == (kind, FORWARDED_FOR)


def test_what_is_believed_or_not_there_is_no_doubt() -> None:
    assert doubt("203.0.113.9") is None
    assert doubt("10.0.0.1", (FORWARDED_FOR, "203.0.113.9")) is None
    assert doubt("10.0.0.1", ("CF-Connecting-IP", "203.0.113.9"), proxies=CLOUD) is None
    # Beside the one that is believed, any other.
    assert doubt("10.0.0.1", (FORWARDED_FOR, "203.0.113.9"), ("X-Real-IP", "203.0.113.9")) is None


def test_a_header_of_the_settings_is_seen_under_its_name() -> None:
    own = Proxies(("10.0.0.0/8",), "X-Edge-Visitor")
    assert doubt("127.0.0.1", ("X-Edge-Visitor", "203.0.113.9"), proxies=own) == ("loopback", "X-Edge-Visitor")
    assert doubt("10.0.0.1", ("X-Edge-Visitor", ""), ("X-Real-IP", "203.0.113.9"), proxies=own) == (
        "named",
        "X-Real-IP",
    )
    assert doubt("10.0.0.1", (FORWARDED_FOR, "203.0.113.9"), proxies=own) == ("named", FORWARDED_FOR)
    # A named proxy that names nobody is told, too.
    assert doubt("10.0.0.1", proxies=own) == ("named", "")


# -- counting ------------------------------------------------------------------------------------------------------

LOOPBACK = UntrustedProxy("loopback", FORWARDED_FOR)
PUBLIC = UntrustedProxy("public", "Forwarded")


class Clock:
    now = 1_900_000_020.0

    def __call__(self) -> float:
        return self.now


def test_events_of_an_hour_are_counted_by_site_over_all_workers(tmp_path: Path) -> None:
    clock = Clock()
    workers = [UnnamedProxies(proxied_path(tmp_path, index), FORWARDED_FOR, clock) for index in range(2)]
    for worker in workers:
        for _ in range(3):
            worker.accepted("a.test", LOOPBACK)
        worker.accepted("a.test", None)
        worker.accepted("b.test", LOOPBACK)
        worker.turn()
    found = {(one.site, one.peer, one.header): (one.count, one.of) for one in read_proxied(tmp_path, clock.now)}
    assert found == {("a.test", *LOOPBACK): (6, 8), ("b.test", *LOOPBACK): (2, 2)}
    (whole,) = summed(read_proxied(tmp_path, clock.now))
    assert (whole.count, whole.of, whole.is_certain) == (8, 10, True)
    clock.now += 1800
    workers[0].accepted("a.test", LOOPBACK)
    clock.now += 1790
    workers[0].turn()
    workers[1].turn()
    assert {one.site: one.count for one in read_proxied(tmp_path, clock.now)} == {"a.test": 7, "b.test": 2}
    clock.now += 60
    for worker in workers:
        worker.turn()
    assert {one.site: one.count for one in read_proxied(tmp_path, clock.now)} == {"a.test": 1}
    for worker in workers:
        worker.close()
    assert not list(tmp_path.iterdir())


def test_what_a_dead_worker_left_is_forgotten_and_half_a_file_says_nothing(tmp_path: Path) -> None:
    clock = Clock()
    dead = UnnamedProxies(proxied_path(tmp_path, 0), FORWARDED_FOR, clock)
    dead.accepted("a.test", LOOPBACK)
    dead.turn()
    proxied_path(tmp_path, 1).write_bytes(proxied_path(tmp_path, 0).read_bytes()[:-3])
    assert len(read_proxied(tmp_path, clock.now)) == 1
    assert read_proxied(tmp_path, clock.now + 3700) == []


def test_what_anybody_can_send_is_told_only_where_it_is_most_of_the_events(tmp_path: Path) -> None:
    def certain(count: int, of: int, why: UntrustedProxy = PUBLIC) -> bool:
        return ProxiedEvents("a.test", *why, count, of, 0).is_certain

    assert [certain(4, 4), certain(5, 5), certain(50, 101), certain(51, 101)] == [False, True, False, True]
    # From inside nobody sends it by accident.
    assert certain(1, 1000, LOOPBACK)
    assert certain(1, 1000, UntrustedProxy("private", "Forwarded"))
    assert certain(1, 1000, UntrustedProxy("named", "Forwarded"))
    # A look at the collector from the proxy's own machine.
    assert not certain(1000, 1000, UntrustedProxy("named", ""))


def test_the_log_says_it_once_an_hour_and_names_no_address(tmp_path: Path) -> None:
    clock = Clock()
    structlog.reset_defaults()
    unnamed_proxies = UnnamedProxies(proxied_path(tmp_path, 0), FORWARDED_FOR, clock)
    with capture_logs() as logs:
        for _ in range(100):
            unnamed_proxies.accepted("a.test", LOOPBACK)
            unnamed_proxies.accepted("a.test", PUBLIC)
            unnamed_proxies.turn()
            clock.now += 40
    assert [(one["event"], one["peer"], one["header"]) for one in logs] == [
        *(("visitors_share_a_proxys_address", *LOOPBACK), ("visitors_share_a_proxys_address", *PUBLIC)),
        *(("visitors_share_a_proxys_address", *LOOPBACK), ("visitors_share_a_proxys_address", *PUBLIC)),
    ]
    assert "collector.trusted_proxies" in logs[0]["remedy"]


@pytest.mark.parametrize(
    ("peer", "header", "setting", "finding", "remedy"),
    [
        (
            *("loopback", FORWARDED_FOR, FORWARDED_FOR),
            "6 events of the last hour came from a loopback peer with X-Forwarded-For, which is not believed",
            "name the proxy in collector.trusted_proxies",
        ),
        (
            *("private", "X-Real-IP", FORWARDED_FOR),
            "came from a private peer with X-Real-IP",
            "name the proxy in collector.trusted_proxies and set collector.address_header = 'X-Real-IP'",
        ),
        (
            *("named", "CF-Connecting-IP", FORWARDED_FOR),
            "from a proxy of collector.trusted_proxies without X-Forwarded-For but with CF-Connecting-IP",
            "set collector.address_header = 'CF-Connecting-IP'",
        ),
        (
            *("named", "", "X-Real-IP"),
            "from a proxy of collector.trusted_proxies without X-Real-IP: they count as one visitor",
            "have the proxy send X-Real-IP, or set collector.address_header",
        ),
    ],
)
def test_what_is_told_names_the_header_and_the_setting(
    peer: str, header: str, setting: str, finding: str, remedy: str
) -> None:
    one = ProxiedEvents("a.test", peer, header, 6, 6, 0)
    assert finding in finding_of(one, setting)
    assert remedy in remedy_of(one, setting)
