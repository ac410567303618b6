"""Which logs may be released: not those in which all visitors would be one, or that mostly cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.access_log.reader import Log
from collector.access_log.verdict import Crowd, unreadable, without_agents
from collector.steps import Client
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
    assert crowd(("10.0.0.5", AGENT, 60), ("10.0.0.9", AGENT, 40)).problem() == ""


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
    assert len(list(log)) == log.lines
    return log


def test_a_few_lines_that_cannot_be_read_are_left_out_and_many_refuse_the_log(tmp_path: Path) -> None:
    assert unreadable(log_of(tmp_path, *[line()] * 95, "", *["cut off"] * 5)) == ""
    told = unreadable(log_of(tmp_path, *[line()] * 20, "", f"cut off {ADDRESS} x", "cut off"))
    assert "2 of 22 lines are not in the format of the others (combined), the first is line 22" in told
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
