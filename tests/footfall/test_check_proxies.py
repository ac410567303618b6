"""A house behind a proxy: what `check`, `check site`, `why` and the log say where it is not named, and that it counts
every visitor where it is."""

from __future__ import annotations

import http.client
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.house import AGENT, Running, eventually, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]
ADDRESSES = [f"198.51.{number}.9" for number in range(1, 7)]
HEADERS = {
    "X-Forwarded-For": "{}",
    "X-Real-IP": "{}",
    "CF-Connecting-IP": "{}",
    "Forwarded": 'for="{}:4711";proto=https',
}


def post(house: Running, header: str, value: str, site: str = "example.com", agent: str = AGENT.format(140)) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", house.port, timeout=60)
    beacon = {"n": "pageview", "u": f"https://{site}/a", "d": site}
    connection.request("POST", "/api/event", json.dumps(beacon), {"User-Agent": agent, header: value})
    assert connection.getresponse().read() == b"ok"
    connection.close()


def visitors(house: Running) -> int:
    """As many as were counted once every event was."""
    told = eventually(lambda: (t := house.stats("example.com")["totals"])["pageviews"] == len(ADDRESSES) and t)
    return int(told["visitors"])


@pytest.fixture(scope="module")
def unnamed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data, sites = tmp_path_factory.mktemp("unnamed") / "data", ("example.com", "quiet.test")
    with running(data, "--set", "release.k=1", sites=sites) as house:
        for address in ADDRESSES:
            post(house, "X-Forwarded-For", address)
        # They reach the store in one go or in two.
        eventually(lambda: "addresses: 6 events" in house.command("check").stdout)
        yield house


def test_a_proxy_that_is_not_named_is_told_by_check(unnamed: Running) -> None:
    def told() -> Any:
        done = unnamed.command("check", "--json")
        found = [one for one in json.loads(done.stdout)["checks"] if one["check"] == "addresses"]
        return (done.returncode, found) if found else None

    code, (found,) = eventually(told)
    assert (code, found["ok"]) == (1, False)
    assert found["finding"].startswith("6 events of the last hour came from a loopback peer with X-Forwarded-For")
    assert found["finding"].endswith("and share the 600 pages an hour that a link for others answers to one network")
    assert "name the proxy in collector.trusted_proxies" in found["remedy"]
    assert "note privacy: release.k is 1 of example.com, quiet.test: " in unnamed.command("check").stdout


def test_a_proxy_that_is_not_named_is_told_of_the_site_by_check_site_and_why(unnamed: Running) -> None:
    eventually(lambda: "came from a loopback peer" in unnamed.command("why", "example.com").stdout)
    done = unnamed.command("check", "site", "example.com")
    assert done.returncode == 1
    assert "BAD  addresses: 6 events of the last hour came from a loopback peer with X-Forwarded-For" in done.stdout
    assert "-> name the proxy in collector.trusted_proxies" in done.stdout
    (told,) = [one for one in json.loads(unnamed.command("why", "--json").stdout) if one["reason"] == "one_address"]
    assert told["site"] == "example.com"
    # Of the other site nothing is wrong.
    assert "one_address" not in unnamed.command("why", "quiet.test").stdout
    assert "addresses" not in unnamed.command("check", "site", "quiet.test").stdout


def test_the_log_tells_it_and_nowhere_is_an_address(unnamed: Running) -> None:
    eventually(lambda: "visitors_share_a_proxys_address" in unnamed.log.read_text())
    said = [unnamed.command(*words).stdout for words in (("why", "--json"), ("check", "--json"))]
    for text in (unnamed.log.read_text(), *said):
        assert not re.search("|".join(map(re.escape, ADDRESSES)), text)
        assert "127.0.0.1" not in text.replace(f"127.0.0.1:{unnamed.port}", "")
    assert unnamed.log.read_text().count("visitors_share_a_proxys_address") == 1
    assert visitors(unnamed) == 1


# What is read of a header, tests/collector/test_unnamed_proxies.py and others hold: here one of each form.
@pytest.mark.parametrize(
    "header", [pytest.param(name, marks=[pytest.mark.long] if "-IP" in name else []) for name in HEADERS]
)
def test_behind_a_named_proxy_and_its_header_every_visitor_counts(header: str, tmp_path: Path) -> None:
    named = ("--set", 'collector.trusted_proxies=["127.0.0.1/32"]', "--set", f"collector.address_header={header}")
    with running(tmp_path / "data", *named, "--set", "release.k=1") as house:
        for address in ADDRESSES:
            post(house, header, HEADERS[header].format(address))
        assert visitors(house) == len(ADDRESSES)
        assert house.command("check").returncode == 0
        assert house.command("why").stdout.count("one_address") == 0


def test_a_named_proxy_with_another_header_is_told(tmp_path: Path) -> None:
    with running(tmp_path / "data", "--set", 'collector.trusted_proxies=["127.0.0.1/32"]') as house:
        for address in ADDRESSES:
            post(house, "CF-Connecting-IP", address)
        eventually(lambda: house.command("check").returncode == 1)
        said = house.command("check").stdout
        assert "without X-Forwarded-For but with CF-Connecting-IP" in said
        assert "set collector.address_header = 'CF-Connecting-IP'" in said
        # Not named in a header at all, as when somebody looks in from the proxy's own machine: no more than a note.
        post(house, "X-Nothing", "1")
        eventually(lambda: "note addresses" in house.command("check", "site", "example.com").stdout)
