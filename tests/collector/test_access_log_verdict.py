"""Which logs may be released: not those in which all visitors would be one, or that mostly cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.model import Client
from collector.wire.access_log.reader import Log
from collector.wire.access_log.verdict import Crowd, behind_proxies, of_other_hosts, unreadable, without_agents
from tests.collector.log_lines import ADDRESS, AGENT, line, reading


def crowd(*clients: tuple[str, str, int]) -> Crowd:
    found = Crowd()
    for address, agent, times in clients:
        for _ in range(times):
            found.add(Client(address, agent))
    return found


PRIVATE = (
    "10.0.0.5",
    "127.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.1.1",
    "::1",
    "fd00::1",
    "fe80::1",
)


@pytest.mark.parametrize("address", PRIVATE)
def test_many_page_views_of_one_private_address_are_a_proxys(address: str) -> None:
    kind = "loopback" if address in ("127.0.0.1", "::1") else "private"
    assert f"one {kind} address" in crowd((address, AGENT, 6)).problem()
    assert crowd((address, AGENT, 2)).problem() == ""


@pytest.mark.parametrize(("views", "agents", "proxy"), [(19, 1, False), (20, 1, True), (4, 2, False), (6, 2, True)])
def test_one_public_address_may_be_one_person_with_one_browser(views: int, agents: int, proxy: bool) -> None:
    found = crowd(*((ADDRESS, f"{AGENT}{number}", views // agents) for number in range(agents)))
    assert ("one public address" in found.problem()) is proxy


def test_who_looks_in_from_beside_the_proxy_makes_it_no_visitor() -> None:
    assert "nearly all 103 page views" in crowd(("10.0.0.5", AGENT, 100), ("10.0.0.9", AGENT, 3)).problem()
    assert crowd(("10.0.0.5", AGENT, 60), ("10.0.9.9", AGENT, 40)).problem() == ""


def test_a_few_addresses_of_one_private_network_are_those_of_several_proxies() -> None:
    several = [(f"10.0.0.{number}", AGENT, 2) for number in range(3)]
    assert "all 6 page views come from 3 private addresses of one network" in crowd(*several).problem()
    assert crowd(*several[:2]).problem() == ""
    assert "from one private network and browser" in crowd(*several, ("10.0.0.9", AGENT, 1)).problem()
    assert crowd(*several, ("10.0.0.9", AGENT + "2", 1)).problem() == ""
    assert crowd(*several, ("10.0.1.9", AGENT, 1)).problem() == ""


def forwarded(first: str, peer: str, *more: str) -> str:
    return line(address=peer, rest=f' "-" "{AGENT}" "{", ".join((first, *more))}"')


def test_forwarded_addresses_that_tell_more_people_apart_than_are_believed_are_of_proxies_that_nobody_named(
    tmp_path: Path,
) -> None:
    told = behind_proxies(log_of(tmp_path, *(forwarded(f"198.51.{i}.7", f"203.0.113.{i % 2}") for i in range(6))))
    assert "6 of 6 page views come with forwarded addresses from proxies that are not named" in told
    assert "198.51" not in told
    assert "203.0" not in told
    listed = (line(address=f"198.51.{i}.7, 203.0.113.1") for i in range(6))
    assert "collector.trusted_proxies" in behind_proxies(log_of(tmp_path, *listed))
    # What visitors make up, or a proxy of a few of them says, is no matter.
    made_up = (forwarded("192.0.2.1", f"198.51.{i}.7") for i in range(6))
    assert behind_proxies(log_of(tmp_path, *made_up)) == ""
    rare = (forwarded(f"198.51.{i}.7", "203.0.113.1") for i in range(3))
    assert behind_proxies(log_of(tmp_path, *rare, *(forwarded("-", f"198.51.{i}.9") for i in range(4)))) == ""


def test_a_log_without_a_line_of_the_sites_hosts_is_refused(tmp_path: Path) -> None:
    others = log_of(tmp_path, *[f"shop.example {line()}"] * 2)
    assert "all 2 lines that may be page views are of other hosts" in of_other_hosts([others])
    assert of_other_hosts([others, log_of(tmp_path, f"shop.example {line()}", f"example.com {line()}")]) == ""


def test_the_first_and_the_last_line_may_be_cut_off(tmp_path: Path) -> None:
    assert unreadable(log_of(tmp_path, "10:01 - -", *[line()] * 4, line()[:40])) == ""
    assert "2 of 6 lines" in unreadable(log_of(tmp_path, *[line()] * 2, "cut", "off", *[line()] * 2))
    assert "1 of 2 lines" in unreadable(log_of(tmp_path, line(), "cut off"))


def test_two_visitors_are_no_proxy() -> None:
    assert crowd((ADDRESS, AGENT, 50), ("198.51.100.8", AGENT, 1)).problem() == ""
    assert crowd().problem() == ""


def test_a_refusal_tells_the_remedy_and_no_address() -> None:
    found = crowd(("10.0.0.5", AGENT, 6))
    assert "collector.trusted_proxies" in found.problem()
    assert "10.0.0.5" not in f"{found.problem()} {found!r}"


def log_of(tmp_path: Path, *texts: str) -> Log:
    path = tmp_path / "a.log"
    path.write_text("\n".join(texts))
    log = Log(str(path), reading())
    assert len(list(log)) == log.tally.lines
    return log


def test_a_few_lines_that_cannot_be_read_are_left_out_and_many_refuse_the_log(tmp_path: Path) -> None:
    assert unreadable(log_of(tmp_path, *[line()] * 95, "", *["cut off"] * 5)) == ""
    told = unreadable(log_of(tmp_path, *[line()] * 20, "", f"cut off {ADDRESS} x", "cut off", line()))
    assert "2 of 23 lines are not in the format of the others (combined), the first is line 22" in told
    assert "--accept-unreadable" in told
    assert ADDRESS not in told


def test_what_a_server_refused_is_no_line_that_cannot_be_read(tmp_path: Path) -> None:
    scans = [line(request=r"\x16\x03\x01", status="400"), line(request="-", status="408")] * 20
    assert unreadable(log_of(tmp_path, line(), *scans)) == ""


def test_names_in_place_of_addresses_refuse_the_log(tmp_path: Path) -> None:
    told = unreadable(log_of(tmp_path, line(), *(line(address=f"host{i}.isp.example") for i in range(3))))
    assert "line 2: in the place of the client's address stands a name or nothing, as in 3 of 4 page views" in told
    assert "HostnameLookups Off" in told
    assert "isp.example" not in told


def test_a_log_whose_browser_strings_are_all_empty_is_refused(tmp_path: Path) -> None:
    empty = line(rest=' "-" "-"')
    assert "no browser string" in without_agents(log_of(tmp_path, *[line(request="POST / HTTP/1.1")] * 9, *[empty] * 6))
    assert without_agents(log_of(tmp_path, line(), *[empty] * 6)) == ""
