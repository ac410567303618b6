"""Whose pages may send for a site: its own, those that its `hosts` name, nobody else's, in whatever way they ask."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from collector.edge.client import client_of
from collector.enrich.site_filter import Exclusions, site_filter_of
from collector.limits.rate_limit import RateLimiter
from collector.privacy.address import Proxies
from footfall.settings import load
from pipeline.spool.file import read_sealed, spool_files
from tests.collector.test_endpoint import AGENT, PAGEVIEW, Answer, House, run, stored

Headers = Iterable[tuple[str, str]]
SITES = (
    'sites=[{key="a.example", domains=["www.alias.example"]}, {key="b.example", hosts=["b.example", "cdn.example"]},'
    ' {key="all"}]'
)


def gated(house: House) -> House:
    """The house with the gates that settings give it."""
    settings = load(sets=(SITES,), environment={}).collector_rules()
    mine = dict(house.collector.rules)
    for name in ("a.example", "alias.example", "b.example"):
        mine[name] = structs.replace(mine[name], site_filter=settings[name].site_filter)
    house.collector.rules = mine | {"all": settings["all"]}
    return house


def asked(directory: Path, headers: Headers, **more: Any) -> Answer:
    return run(directory, lambda house: gated(house).ask(PAGEVIEW | more, headers))


@pytest.mark.parametrize(
    ("origin", "stored"),
    [
        ("https://a.example", True),
        ("http://www.a.example:8443", True),
        ("https://shop.a.example", True),
        ("https://alias.example", True),
        ("https://x.y.alias.example", True),
        # Only software on the visitor's own machine is there; our tracker sends from it with data-local only.
        ("http://localhost:3000", True),
        ("http://app.localhost", True),
        ("http://127.0.0.1:8000", True),
        ("http://127.8.9.10", True),
        ("http://[::1]:5173", True),
        ("https://evil.test", False),
        ("https://evil.test@a.example", False),
        ("https://a.example.evil.test", False),
        ("https://eviltha.example", False),
        ("https://nota.example", False),
        ("http://localhost.evil.test", False),
        ("http://127.0.0.1.evil.test", False),
        ("http://evillocalhost", False),
        ("http://[::2]", False),
        ("http://192.168.0.1", False),
        # A sandboxed frame, a file, or a page that hides where it is: it may be anybody's.
        ("null", False),
        ("file://", False),
        ("chrome-extension://a.example", False),
        ("capacitor://localhost", False),
        ("https://" + "a." * 5000 + "a.example", False),
    ],
)
def test_without_hosts_the_sites_own_names_and_what_is_below_may_send(origin: str, stored: bool) -> None:
    site_filter = load(sets=(SITES,), environment={}).collector_rules()["a.example"].site_filter
    assert site_filter.admits_origin(origin) is stored
    assert site_filter.admits_origin(origin) is stored  # what is remembered, too


def test_hosts_that_are_named_are_all_there_is() -> None:
    site_filter = load(sets=(SITES,), environment={}).collector_rules()["b.example"].site_filter
    assert [site_filter.admits_origin(f"https://{host}") for host in ("b.example", "cdn.example")] == [True, True]
    assert not any(map(site_filter.admits_origin, ("https://x.b.example", "http://localhost", "null")))


def test_a_site_whose_names_are_no_hosts_takes_nothing_from_pages_until_it_names_them() -> None:
    site_filter = load(sets=(SITES,), environment={}).collector_rules()["all"].site_filter
    assert [site_filter.admits_origin(origin) for origin in ("https://a.example", "")] == [False, True]


def test_the_demo_takes_its_own_pages_on_whatever_address_the_collector_has() -> None:
    rules = load(sets=("demo=true",), environment={}).collector_rules()
    assert rules["demo"].site_filter.admits_origin("http://stats.lan:8000")
    mine = load(sets=('sites=[{key="demo"}]',), environment={}).collector_rules()
    assert not mine["demo"].site_filter.admits_origin("http://stats.lan:8000")


def test_a_foreign_page_sends_nothing_and_is_told_why(tmp_path: Path) -> None:
    answer = asked(tmp_path, [("origin", "https://evil.test")])
    assert (answer.status, answer.header("x-footfall-reason")) == (202, "origin")
    assert stored(tmp_path) == []


def test_a_server_and_an_old_browser_name_no_origin_and_are_taken(tmp_path: Path) -> None:
    assert asked(tmp_path, []).header("x-footfall-reason") is None
    assert len(stored(tmp_path)) == 1


@pytest.mark.parametrize(
    ("sites", "origin", "taken"),
    [
        # A total of several sites has no pages of its own.
        ("a.example,all", "https://a.example", ["a.example", "all"]),
        ("all,a.example", "https://a.example", ["a.example", "all"]),
        # Hosts that are named hold for their site, whatever another one admits.
        ("a.example,b.example", "https://a.example", ["a.example"]),
        ("a.example,b.example", "https://b.example", ["a.example", "b.example"]),
        ("a.example,all", "https://evil.test", []),
        ("all", "https://a.example", []),
    ],
)
def test_of_a_beacon_for_several_sites_one_has_to_be_the_pages_own(
    sites: str, origin: str, taken: list[str], tmp_path: Path
) -> None:
    host = origin.partition("://")[2]
    asked(tmp_path, [("origin", origin)], d=sites, u=f"https://{host}/x")
    assert sorted(event.site for event in stored(tmp_path)) == taken


def test_a_site_that_anybody_may_send_to_vouches_for_nobody() -> None:
    """Else the demo would open the site filter of every site beside it."""
    site_filter = load(sets=("demo=true",), environment={}).collector_rules()["demo"].site_filter
    assert site_filter.admits_origin("https://evil.test")
    assert not site_filter.knows_origin("https://evil.test")


# -- pictures, which name no origin --------------------------------------------------------------------------------

CROSS, NEAR, OWN, TYPED = (("sec-fetch-site", near) for near in ("cross-site", "same-site", "same-origin", "none"))
MINE, EVIL = ("referer", "https://a.example/page?q=1"), ("referer", "https://evil.test/?q=https://a.example/")


@pytest.mark.parametrize(
    ("method", "headers", "sent_by"),
    [
        ("GET", [CROSS, MINE], "https://a.example"),
        ("GET", [NEAR, MINE], "https://a.example"),
        ("GET", [MINE], "https://a.example"),
        ("GET", [CROSS, EVIL], "https://evil.test"),
        ("GET", [NEAR, EVIL], "https://evil.test"),
        # An older browser that does not say how near the page is.
        ("GET", [EVIL], "https://evil.test"),
        # A foreign page that hides its address does not open the site filter by that.
        ("GET", [CROSS], "null"),
        ("GET", [CROSS, ("referer", "about:blank")], "null"),
        # A mail program or a feed reader: neither header. An address that was typed in, a site that proxies us.
        ("GET", [], ""),
        ("GET", [TYPED], ""),
        ("GET", [OWN, ("referer", "https://proxying.example/")], ""),
        ("GET", [NEAR], ""),
        # A server that passes its visitor's request on, where Referer is what led him here.
        ("POST", [("referer", "https://www.google.com/")], ""),
        ("POST", [CROSS, EVIL], "https://evil.test"),
        ("POST", [CROSS], "null"),
        # Where a browser names the origin outright, nothing else counts.
        ("GET", [CROSS, EVIL, ("origin", "https://a.example")], "https://a.example"),
        ("POST", [OWN, MINE, ("origin", "null")], "null"),
        ("GET", [("referer", "https://evil.test?@a.example/")], "https://evil.test"),
        ("GET", [("referer", "https://evil.test#a.example")], "https://evil.test"),
        # Nobody can tell which of two a browser wrote.
        ("POST", [("origin", "https://evil.test"), ("origin", "https://a.example")], "null"),
        ("POST", [("origin", "https://a.example"), ("origin", "https://evil.test")], "null"),
        ("GET", [CROSS, OWN], "null"),
        ("GET", [EVIL, MINE], "null"),
        ("POST", [("origin", "https://a.example")] * 2, "https://a.example"),
    ],
)
def test_the_page_that_asks_is_what_the_browser_says_of_it(method: str, headers: Any, sent_by: str) -> None:
    given = [(name.encode(), value.encode()) for name, value in headers]
    scope = {"type": "http", "method": method, "headers": given, "client": ("203.0.113.9", 1)}
    assert client_of(scope, Proxies(())).origin == sent_by


# -- withdrawals ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("origin", "deleted"), [("https://a.example", 1), ("https://evil.test", 0), ("null", 0)])
def test_only_a_page_of_the_site_withdraws(origin: str, deleted: int, tmp_path: Path) -> None:
    answer = asked(tmp_path, [("origin", origin)], consent="withdrawn")
    # Told, because a wish that is dropped must not look granted.
    assert answer.header("x-footfall-reason") == (None if deleted else "origin")
    assert len([one for path in spool_files(tmp_path) for one in read_sealed(path).erasures]) == deleted


def test_withdrawals_of_one_network_have_a_limit_and_nothing_of_what_is_over_it_is_taken(tmp_path: Path) -> None:
    async def use(house: House) -> list[Answer]:
        house.collector.objections.limit = RateLimiter(3, lambda: 0.0)
        wish = PAGEVIEW | {"consent": "withdrawn"}
        agents = [[("user-agent", AGENT.replace("143.", f"{number}."))] for number in range(120, 125)]
        answers = [await house.ask(wish, agent) for agent in agents]
        mixed = json.dumps([PAGEVIEW, wish]).encode()
        return [*answers, await house.ask(mixed), await house.ask(PAGEVIEW), await house.ask(wish, peer="198.51.100.1")]

    answers = run(tmp_path, use)
    assert [answer.status for answer in answers] == [202, 202, 202, 429, 429, 429, 202, 202]
    assert answers[3].header("retry-after") == "60"
    assert len([one for path in spool_files(tmp_path) for one in read_sealed(path).erasures]) == 4
    assert len(stored(tmp_path)) == 1


def test_a_wish_that_one_request_tells_often_counts_once(tmp_path: Path) -> None:
    async def use(house: House) -> list[int]:
        house.collector.objections.limit = RateLimiter(2, lambda: 0.0)
        often = json.dumps([PAGEVIEW | {"consent": "withdrawn"}] * 50).encode()
        return [(await house.ask(often)).status for _ in range(3)]

    assert run(tmp_path, use) == [202, 202, 429]


def test_a_gate_of_its_own_names_is_made_of_what_is_given() -> None:
    site_filter = site_filter_of([], Exclusions(), {"a.example"})
    assert site_filter.admits("evil.test")
    assert not site_filter.admits_origin("https://evil.test")
