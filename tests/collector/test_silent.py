"""What is dropped for who somebody is looks like acceptance in every format, and takes as long."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from collector.enrich.geo import Geo
from collector.enrich.site_filter import SiteFilter
from collector.limits.new_visitors import NewVisitors
from collector.outcome import Reason
from collector.privacy.address import Networks
from collector.service import Collector
from collector.tokens import Tokens
from collector.wire.base import Format
from collector.wire.goatcounter import GoatCounter
from collector.wire.matomo import Matomo
from collector.wire.pixel import Pixel
from collector.wire.plausible import Plausible
from collector.wire.server_api import ServerEvents
from collector.wire.umami import Umami, UmamiBatch
from tests.collector.test_endpoint import AGENT, Answer, House, run, stored
from tests.collector.wire import send

PAGE = [("referer", "https://a.example/here")]
UMAMI = {"type": "event", "payload": {"website": "a.example", "url": "/x", "hostname": "a.example"}}
SERVER = {
    "name": "pageview",
    "url": "https://a.example/x",
    "visitor": {"address": "203.0.113.9", "agent": AGENT, "do_not_track": None, "global_privacy_control": None},
}
BEACON = {"n": "pageview", "u": "https://a.example/x", "d": "a.example"}


class OneSite(Tokens):
    """Whoever asks is a.example's server."""

    def __init__(self) -> None:
        """No file."""

    def site_of(self, token: str) -> str:
        return "a.example"


FORMATS: dict[str, tuple[Callable[[Collector], Format], dict[str, Any]]] = {
    "plausible": (lambda _: Plausible(), {"body": BEACON, "method": "POST"}),
    "several": (lambda _: Plausible(), {"body": [BEACON, BEACON], "method": "POST"}),
    "umami": (lambda _: Umami(), {"body": UMAMI, "method": "POST"}),
    "batch": (lambda _: UmamiBatch(), {"body": [UMAMI, UMAMI], "method": "POST"}),
    "goatcounter": (lambda house: GoatCounter(house.rules), {"query": {"p": "/x"}, "headers": PAGE}),
    "matomo": (lambda _: Matomo(), {"query": {"idsite": "7", "rec": "1", "url": "https://a.example/x"}}),
    "matomo picture": (
        lambda _: Matomo(),
        {"query": {"idsite": "7", "rec": "1", "url": "https://a.example/x", "send_image": "1"}},
    ),
    "pixel": (lambda _: Pixel(), {"query": {"d": "a.example"}, "headers": PAGE}),
    "server": (lambda _: ServerEvents(OneSite()), {"body": SERVER, "method": "POST"}),
}


class Germany:
    def of(self, network: str, time_zone: str = "") -> Geo:
        return Geo("DE", "", "")


class Hosting:
    def hold(self, network: str) -> bool:
        return True


def left_out(house: House, reason: Reason) -> None:
    """Whoever asks is dropped for that."""
    collector = house.collector
    site_filter = SiteFilter()
    if reason is Reason.NETWORK:
        site_filter = SiteFilter(networks=Networks(("203.0.113.0/24",)))
    elif reason is Reason.COUNTRY:
        site_filter, collector.geo_database = SiteFilter(countries=frozenset(("DE",))), Germany()  # type: ignore[assignment]
    elif reason is Reason.DATACENTER:
        collector._datacenters = Hosting()  # type: ignore[assignment]
    else:
        collector._new_visitors = NewVisitors(0, lambda _: False)
    collector.rules = {name: structs.replace(rules, site_filter=site_filter) for name, rules in collector.rules.items()}


WHO = (Reason.NETWORK, Reason.COUNTRY, Reason.DATACENTER, Reason.NEW_VISITORS)
# A site's own server invents nobody.
CASES = [(name, reason) for name in FORMATS for reason in WHO if (name, reason) != ("server", Reason.NEW_VISITORS)]


@pytest.mark.parametrize(("name", "reason"), CASES)
def test_it_is_answered_like_acceptance_and_on_disk_as_late(name: str, reason: Reason, tmp_path: Path) -> None:
    make, request = FORMATS[name]

    async def use(house: House) -> tuple[Answer, int]:
        left_out(house, reason)
        answer = await send(house, make, **request)
        assert house.counted[("a.example", reason)] >= 1
        return answer, house.spool.groups

    answer, groups = run(tmp_path / "out", use)
    assert stored(tmp_path / "out") == []

    async def usual(house: House) -> tuple[Answer, int]:
        return await send(house, make, **request), house.spool.groups

    assert (answer, groups) == run(tmp_path / "in", usual)
    assert len(stored(tmp_path / "in")) >= 1
    assert groups == 1


@pytest.mark.parametrize("name", FORMATS)
def test_where_no_event_could_be_stored_none_is_silently_dropped(name: str, tmp_path: Path) -> None:
    """A full disk would tell them apart."""
    make, request = FORMATS[name]

    async def full(house: House) -> list[Answer]:
        answers = []
        house.spool.thread.refusal = "full"
        for reason in (None, Reason.NETWORK):
            if reason:
                left_out(house, reason)
            answers.append(await send(house, make, **request))
        return answers

    usual, out = run(tmp_path, full)
    assert usual.status == 503
    assert usual == out


def test_a_visitors_signal_is_on_disk_as_late_too(tmp_path: Path) -> None:
    async def use(house: House) -> int:
        await house.ask(BEACON, [("sec-gpc", "1")])
        return house.spool.groups

    assert run(tmp_path, use) == 1


def test_what_tells_who_somebody_is_is_one_list() -> None:
    assert {reason for reason in Reason if reason.is_silent and not reason.is_signal} == set(WHO)
    assert all(reason.is_silent for reason in Reason if reason.is_signal)
