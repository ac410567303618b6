"""The site filter: hosts, origins, exclusions and the rate limit; the visitor's signals come before all of them."""

from __future__ import annotations

import asyncio
import json
import random
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from collector.edge.endpoint import Endpoint
from collector.enrich.geo import GeoDatabase
from collector.enrich.site_filter import Exclusions, site_filter_of
from collector.keys.key import EphemeralKeys
from collector.limits.rate_limit import RateLimiter
from collector.outcome import Reason
from collector.privacy.address import Proxies
from collector.service import Collector
from collector.steps import STEPS, anonymize
from collector.wire.plausible import Plausible
from footfall.errors import SettingsError
from footfall.settings import load
from pipeline.settings import SpoolSettings
from pipeline.spool.spool import Spool
from schema.event import Event
from tests.collector.test_steps import AGENT, NOW, draft, rules

OPEN = Exclusions()


def outcome(hosts: Sequence[str] = (), exclude: Exclusions = OPEN, limit: Any = None, **given: Any) -> Any:
    """The reason, or "stored"."""
    from msgspec import structs

    mine = structs.replace(rules(), site_filter=site_filter_of(hosts, exclude))
    found = anonymize(draft(mine=mine, limit=limit, **given))
    return "stored" if isinstance(found, Event) else found


# -- hosts and origins ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("host", "stored"),
    [
        ("example.com", True),
        ("www.example.com", True),
        ("EXAMPLE.com:8443", True),
        ("shop.example.org", True),
        ("a.b.example.org", True),
        ("www.shop.example.org", True),
        # `www.` is no part of a host here, so that what is below cannot be told from the domain itself.
        ("www.example.org", True),
        ("example.org", True),
        # What only ends alike is not below.
        ("badexample.org", False),
        ("example.com.evil.test", False),
        ("evil.test", False),
        ("203.0.113.9", False),
    ],
)
def test_only_pages_of_the_sites_hosts_are_counted(host: str, stored: bool) -> None:
    found = outcome(["www.example.com", "*.example.org"], beacon={"url": f"https://{host}/a"})
    assert found == ("stored" if stored else Reason.HOST)


def test_a_site_without_hosts_takes_any_page() -> None:
    assert outcome(beacon={"url": "https://evil.test/"}) == "stored"


def test_a_page_below_a_domain_may_send_from_its_own_origin() -> None:
    given = {"beacon": {"url": "https://www.example.com/a"}, "client": {"origin": "https://www.example.com"}}
    assert outcome(["*.example.com"], **given) == "stored"
    assert outcome(["*.example.com"], client={"origin": "https://badexample.com"}) is Reason.ORIGIN


@pytest.mark.parametrize(
    ("origin", "stored"),
    [
        ("", True),
        ("https://example.com", True),
        ("https://www.example.com", True),
        ("http://example.com:8080", True),
        ("null", False),
        ("https://evil.test", False),
        ("https://example.com.evil.test", False),
        ("https://evil.test/example.com", False),
        ("https://example.com@evil.test", False),
        ("example.com", False),
        ("https://[bad", False),
        ("https://example.com, https://evil.test", False),
        ("\xff\xfe", False),
    ],
)
def test_a_browser_that_names_another_origin_is_not_believed(origin: str, stored: bool) -> None:
    assert outcome(["example.com"], client={"origin": origin}) == ("stored" if stored else Reason.ORIGIN)


# -- exclusions ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("address", "stored"),
    [
        ("203.0.113.77", False),
        ("203.0.114.77", True),
        # Smaller than what is kept of an address.
        ("198.51.100.7", False),
        ("198.51.100.8", True),
        ("2001:db8:1::5", False),
        ("2001:db8:2::5", True),
        ("::ffff:203.0.113.5", False),
    ],
)
def test_networks_are_left_out_by_the_whole_address(address: str, stored: bool) -> None:
    networks = ("203.0.113.0/24", "198.51.100.7/32", "2001:db8:1::/48")
    found = outcome(exclude=Exclusions(networks=networks), client={"address": address})
    assert found == ("stored" if stored else Reason.NETWORK)


@pytest.mark.parametrize(
    ("path", "stored"),
    [
        ("/admin", False),
        ("/admin/", False),
        ("/admins", True),
        ("/admin/users/7", False),
        ("/draft/a", False),
        ("/draft/a/b", True),
        ("/x/admin/", True),
        ("/a.b", False),
        ("/a-b", True),
    ],
)
def test_pages_are_left_out_by_the_pattern_language_of_goals(path: str, stored: bool) -> None:
    exclude = Exclusions(pages=("/admin/**", "/draft/*", "/a.b"))
    found = outcome(exclude=exclude, beacon={"url": f"https://example.com{path}"})
    assert found == ("stored" if stored else Reason.PAGE)


def test_a_country_is_left_out() -> None:
    assert outcome(exclude=Exclusions(countries=("DE",))) is Reason.COUNTRY
    assert outcome(exclude=Exclusions(countries=("AT",))) == "stored"


@pytest.mark.parametrize("signal", [{"opted_out": True}, {"gpc": True}])
def test_a_signal_is_decided_before_anything_of_the_gate_but_the_origin(signal: dict[str, bool]) -> None:
    exclude = Exclusions(("DE",), ("/**",), ("203.0.113.0/24",))
    found = outcome(["other.test"], exclude, limit=RateLimiter(0, lambda: NOW), client=signal)
    assert found.is_signal


@pytest.mark.parametrize("signal", [{}, {"opted_out": True}, {"gpc": True}, {"prefetch": True}, {"agent": "curl/8"}])
def test_to_a_foreign_page_every_visitor_is_the_same(signal: dict[str, Any]) -> None:
    """It sends nothing, not even one more for a bare total, and reads from no answer what its visitor asked for."""
    assert outcome(["other.test"], client={"origin": "https://evil.test"} | signal) is Reason.ORIGIN


def test_the_gate_stands_after_the_signals_and_before_what_is_stored() -> None:
    names = [step.__name__ for step in STEPS]
    assert names[0] == "drop_foreign_origin"
    site_filter = [
        names.index(name) for name in names[1:] if "foreign" in name or "excluded" in name or name == "drop_throttled"
    ]
    assert len(site_filter) == 5
    assert names.index("drop_unasked") < min(site_filter)
    assert max(site_filter) < names.index("put_visitor")


# -- settings ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("site", "told"),
    [
        ('hosts = ["https://example.com"]', "'https://example.com' is not a host name; write 'example.com'"),
        ('hosts = ["example.com/a"]', "is not a host name"),
        ('hosts = ["*"]', "is not a host name"),
        ('exclude = { networks = ["203.0.113.5/24"] }', "networks: '203.0.113.5/24' is not a network; write CIDR"),
        ('exclude = { networks = ["office"] }', "'office' is not a network"),
        ('exclude = { countries = ["Germany"] }', "countries: 'Germany' is not a country; write its two letters"),
        ('exclude = { pages = ["admin"] }', "pages: 'admin' is not a page pattern; begin with a slash"),
        ('exclude = { cities = ["Berlin"] }', "is not a setting"),
        ('exclude = { countries = ["DE"] }\nanonymization = { place = "none" }', "no country is known"),
    ],
)
def test_what_cannot_be_is_refused_at_start_with_its_line(site: str, told: str, tmp_path: Path) -> None:
    file = tmp_path / "footfall.toml"
    file.write_text(f'[[sites]]\nkey = "a"\n[[sites]]\nkey = "b"\n{site}\n')
    with pytest.raises(SettingsError) as problem:
        load(str(file), environment={})
    assert told in str(problem.value)
    assert f"{file}:5: sites[1]." in str(problem.value)


def test_the_gate_of_a_site_reaches_the_collector_and_footfall_settings() -> None:
    from footfall.settings import describe

    text = 'sites=[{key="a.test", hosts=["a.test"], exclude={pages=["/x"]}}, {key="b.test"}]'
    settings = load(sets=(text,), environment={})
    mine = settings.collector_rules()
    assert (mine["a.test"].site_filter.admits("b.test"), mine["b.test"].site_filter.admits("b.test")) == (False, True)
    shown = {row["name"]: row["value"] for row in describe(settings)}
    assert shown["sites.a.test.hosts"] == '["a.test"]'
    assert '"/x"' in shown["sites.a.test.exclude"]
    assert "sites.b.test.exclude" not in shown


# -- the rate limit ------------------------------------------------------------------------------------------------


def test_a_network_is_let_through_again_in_the_next_minute() -> None:
    now = [600.0]
    limiter = RateLimiter(3, lambda: now[0])
    assert [limiter.admits(7) for _ in range(5)] == [True, True, True, False, False]
    assert limiter.admits(8)
    now[0] = 659.9
    assert not limiter.admits(7)
    now[0] = 660.0
    assert limiter.admits(7)


@pytest.mark.slow
def test_a_million_networks_take_no_memory_and_throttle_nobody() -> None:
    chance = random.Random(1)
    limiter = RateLimiter(3000, lambda: 0.0)
    numbers = [chance.getrandbits(64) for _ in range(1_000_000)]
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    assert all(map(limiter.admits, numbers))
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 10_000
    # The crowd does not hide one that sends too much.
    assert [limiter.admits(1) for _ in range(3000)].count(True) <= 3000
    assert not limiter.admits(1)


def test_networks_are_counted_by_site_and_day_and_cut() -> None:
    class Asked:
        def __init__(self) -> None:
            self.numbers: list[int] = []

        def admits(self, number: int) -> bool:
            self.numbers.append(number)
            return len(self.numbers) < 3

    asked = Asked()
    assert outcome(limit=asked) == "stored"
    assert outcome(limit=asked, client={"address": "203.0.113.200"}) == "stored"
    assert outcome(limit=asked, client={"address": "203.0.112.200"}) is Reason.THROTTLED
    first, same, other = asked.numbers
    assert first == same != other


def test_a_request_that_is_throttled_as_a_whole_is_answered_with_429(tmp_path: Path) -> None:
    settings = load(sets=('sites=[{key="example.com"}]',), environment={})
    page = {"n": "pageview", "u": "https://example.com/", "d": "example.com"}

    async def use() -> list[dict[str, Any]]:
        spool = Spool(tmp_path, 0, SpoolSettings(), clock=lambda: NOW)
        spool.start()
        collector = Collector(
            settings.collector_rules(),
            spool,
            EphemeralKeys(),
            GeoDatabase(None),
            Proxies(()),
            clock=lambda: NOW,
            limit=RateLimiter(3, lambda: NOW),
        )

        async def post(sent: Any, *headers: tuple[bytes, bytes]) -> dict[str, Any]:
            answers: list[Any] = []

            async def receive() -> dict[str, Any]:
                return {"type": "http.request", "body": json.dumps(sent).encode(), "more_body": False}

            async def send(message: Any) -> None:
                answers.append(message)

            scope = {
                "type": "http",
                "method": "POST",
                "headers": [(b"user-agent", AGENT.encode()), *headers],
                "client": ("203.0.113.9", 1),
            }
            await Endpoint(collector, Plausible())(scope, receive, send)
            return {"status": answers[0]["status"]} | dict(answers[0]["headers"])

        try:
            opted_out = (b"dnt", b"1")
            return [
                *[await post(page), await post([page, page, page]), await post(page), await post([page, page])],
                await post(page, opted_out),
            ]
        finally:
            assert spool._counts[("example.com", NOW // 60 * 60, Reason.THROTTLED)] == 4
            await asyncio.to_thread(spool.stop)

    taken, some, none, list_, signal = asyncio.run(use())
    assert taken["status"] == 202
    assert (some["status"], some[b"x-footfall-reason"]) == (202, b"throttled")
    for answer in (none, list_):
        assert (answer["status"], answer[b"x-footfall-reason"]) == (429, b"throttled")
        assert int(answer[b"retry-after"]) == 60
    # A signal looks like acceptance, whatever the network has sent.
    assert signal == taken


# -- what a visitor and an engineer are shown ----------------------------------------------------------------------


def test_what_a_request_would_be_reduced_to_does_not_depend_on_where_it_is_asked() -> None:
    site_filter = site_filter_of(["example.com"], Exclusions(pages=("/x",)))
    assert not site_filter.admits("other.test")
    assert not site_filter.admits_origin("https://other.test")
    assert site_filter.for_any_host().admits_origin("https://other.test")
    assert site_filter.for_any_host().admits("other.test")
    assert site_filter.for_any_host().excludes_page("/x")
