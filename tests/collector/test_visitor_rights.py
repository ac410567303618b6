"""What a visitor can ask of the collector: rules D1 and D2, GPC's own file, the opt-out page."""

from __future__ import annotations

import datetime as dt
import re
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.exceptions import StarletteDeprecationWarning

from collector.edge.tracker_scripts import script_of
from collector.edge.visitor_rights import routes
from collector.enrich.geo import GeoDatabase
from collector.keys.key import NoKey
from collector.privacy.address import Proxies
from collector.service import Collector
from footfall.settings import load
from pipeline.settings import SpoolSettings
from pipeline.spool.file import read_sealed, spool_files
from pipeline.spool.spool import Spool
from tests.house import AGENT

with warnings.catch_warnings():
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from starlette.testclient import TestClient

SITES = (
    'sites=[{key="shop", domains=["shop.example"]}, {key="hard", anonymization={preset="strict"}},'
    ' {key="asks", consent="required"}]'
)
BROWSER = {"user-agent": AGENT.format(142), "accept-language": "de-AT,de;q=0.9"}


class NoKeys:
    """Asked for a real key, the test fails: D1 is computed, never looked up."""

    def key(self, site: str, day: int) -> bytearray:
        raise AssertionError("a real key was asked for")


def client(tmp_path: Path, now: float = 1_900_000_000, *more: str) -> TestClient:
    settings = load(sets=(SITES, *more), environment={})
    collector = Collector(
        settings.collector_rules(),
        Spool(tmp_path, 0, SpoolSettings()),
        NoKeys(),
        GeoDatabase(None),
        Proxies(("127.0.0.0/8",)),
    )
    app = Starlette(routes=routes(collector, clock=lambda: now))
    return TestClient(app, headers=BROWSER, client=("127.0.0.1", 1))


def test_d1_tells_what_this_request_would_be_reduced_to(tmp_path: Path) -> None:
    address = "/privacy/me?site=shop.example&url=https://shop.example/u/anna@example.org?token=1%26utm_source=x"
    answer = client(tmp_path).get(address + "&time_zone=Europe/Vienna&width=1400").json()
    assert (answer["site"], answer["preset"], answer["outcome"]) == ("shop", "balanced", "recorded")
    stored = answer["stored"]
    assert (stored["path"], stored["utm_source"], stored["query"]) == ("/u/:email", "x", "utm_source=x")
    assert (stored["browser"], stored["browser_version"], stored["country"]) == ("Firefox", "142", "AT")
    assert (stored["language"], stored["screen"], stored["network"]) == ("de", "L", "")
    assert answer["deleted_after_days"] == 30


def test_d1_is_computed_and_never_looked_up(tmp_path: Path) -> None:
    """The same bytes at another time and for another sender alike (D5): nothing of the day, nothing of a store."""
    first = client(tmp_path).get("/privacy/me?site=shop")
    assert first.content == client(tmp_path, now=1_900_777_777).get("/privacy/me?site=shop").content
    twin = client(tmp_path).get("/privacy/me?site=shop", headers={"x-forwarded-for": "203.0.113.77"})
    assert twin.content == first.content
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("mark", ["203.0.113.77", "Gecko/20100101", "s3cr3tmark"])
def test_d1_tells_neither_address_nor_agent_back(mark: str, tmp_path: Path) -> None:
    headers = {"x-forwarded-for": "203.0.113.77"}
    address = "/privacy/me?site=shop&url=https://shop.example/?token=s3cr3tmark&referrer=https://r.example/s3cr3tmark"
    assert mark not in client(tmp_path).get(address, headers=headers).text


@pytest.mark.parametrize(
    ("site", "headers", "consent", "outcome"),
    [
        ("shop", {}, "", "recorded"),
        ("shop", {"sec-gpc": "1"}, "", "count_only"),
        ("hard", {"sec-gpc": "1"}, "", "gpc"),
        ("shop", {"dnt": "1"}, "", "opted_out"),
        ("asks", {}, "", "count_only"),
        ("asks", {}, "granted", "recorded"),
        ("asks", {}, "denied", "denied"),
    ],
)
def test_d1_obeys_the_signals_of_the_request(
    site: str, headers: dict[str, str], consent: str, outcome: str, tmp_path: Path
) -> None:
    answer = client(tmp_path).get(f"/privacy/me?site={site}&consent={consent}", headers=headers).json()
    assert answer["outcome"] == outcome
    assert bool(answer["stored"]) is (outcome == "recorded")


def test_d1_names_the_site_by_its_host_and_refuses_one_that_does_not_exist(tmp_path: Path) -> None:
    asking = client(tmp_path)
    assert asking.get("/privacy/me", headers={"host": "www.shop.example:443"}).json()["site"] == "shop"
    assert asking.get("/privacy/me?site=nowhere").status_code == 404


class Forgetting:
    """Keys that are all the same, so that numbers can be compared."""

    def key(self, site: str, day: int) -> bytearray:
        return bytearray(32)


@pytest.mark.parametrize(
    ("query", "headers", "sites"),
    [
        ("?site=shop.example", {}, ["shop"]),
        ("", {"host": "shop.example"}, ["shop"]),
        # A visitor cannot know which sites are counted here; each has a number of its own.
        ("", {}, ["asks", "hard", "shop"]),
        ("?site=nowhere", {}, []),
        ("?site=shop", {"dnt": "1", "sec-gpc": "1"}, ["shop"]),
    ],
)
def test_d2_an_objection_is_answered_the_same_and_durable_before_it_is(
    query: str, headers: dict[str, str], sites: list[str], tmp_path: Path
) -> None:
    settings = load(sets=(SITES, "demo=false"), environment={})
    spool = Spool(tmp_path, 0, SpoolSettings(seal_after_s=60))
    collector = Collector(settings.collector_rules(), spool, Forgetting(), GeoDatabase(None), Proxies(()))

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        spool.start()
        yield
        spool.stop()

    app = Starlette(routes=routes(collector), lifespan=lifespan)
    with TestClient(app, headers=BROWSER, client=("203.0.113.9", 1)) as asking:
        answers = [asking.post(f"/privacy/object{query}", headers=headers) for _ in range(2)]
        assert [answer.status_code for answer in answers] == [202, 202]
        assert answers[0].content == answers[1].content
        assert "x-footfall-reason" not in answers[0].headers
    erasures = [erasure for path in spool_files(tmp_path) for erasure in read_sealed(path).erasures]
    assert sorted({erasure.site for erasure in erasures}) == sites
    assert len({(erasure.site, erasure.visitor) for erasure in erasures}) == len(sites)


def test_d2_without_a_key_or_a_disk_the_objection_is_not_acknowledged(tmp_path: Path) -> None:
    class Gone:
        def key(self, site: str, day: int) -> bytearray:
            raise NoKey("gone")

    settings = load(sets=(SITES, "demo=false"), environment={})
    spool = Spool(tmp_path, 0, SpoolSettings())
    collector = Collector(settings.collector_rules(), spool, Gone(), GeoDatabase(None), Proxies(()))
    asking = TestClient(Starlette(routes=routes(collector)), headers=BROWSER, client=("203.0.113.9", 1))
    answer = asking.post("/privacy/object?site=shop")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


@pytest.mark.parametrize("path", ["/privacy/me?site=shop", "/.well-known/gpc.json", "/opt-out"])
def test_no_answer_can_be_read_by_other_pages(path: str, tmp_path: Path) -> None:
    headers = client(tmp_path).get(path, headers={"origin": "https://elsewhere.example"}).headers
    assert "access-control-allow-origin" not in headers
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert headers["cache-control"] in ("no-store", "no-cache")


@pytest.mark.parametrize(
    "given", ["url=javascript:alert(1)", "url=%FF", "width=-1", "width=9e9", "width=٣", "url=x" * 999]
)
def test_d1_answers_whatever_is_asked(given: str, tmp_path: Path) -> None:
    assert client(tmp_path).get(f"/privacy/me?site=shop&{given}").status_code == 200


def test_gpc_json_says_that_gpc_is_honoured_and_since_when(tmp_path: Path) -> None:
    answer = client(tmp_path).get("/.well-known/gpc.json")
    assert answer.headers["content-type"] == "application/json"
    said: dict[str, Any] = answer.json()
    assert list(said) == ["gpc", "lastUpdate"]
    assert said["gpc"] is True
    assert dt.date.fromisoformat(said["lastUpdate"]) <= dt.datetime.now(dt.UTC).date()


def test_the_opt_out_page_has_no_inline_script_and_a_strict_policy(tmp_path: Path) -> None:
    asking = client(tmp_path)
    page = asking.get("/opt-out")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert not re.search(r"<script(?![^>]*\ssrc=)|\son\w+=|\sstyle=", page.text)
    for address in re.findall(r'(?:src|href)="(/opt-out/[^"]+)"', page.text):
        assert asking.get(address).status_code == 200, address
    # What it tells owners to paste is what the tracker looks for.
    assert "data-footfall-opt-out" in page.text
    assert b"data-footfall-opt-out" in script_of("script").content
