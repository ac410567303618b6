"""Who has no address that can be read is nobody: never one visitor whom all share who have none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from collector.anonymization import PRESETS
from collector.ended import erasure_of
from collector.keys.key import EphemeralKeys
from collector.outcome import Reason
from collector.steps import anonymize
from collector.wire.goatcounter import GoatCounter
from collector.wire.matomo import Matomo
from collector.wire.pixel import Pixel
from collector.wire.plausible import Plausible
from collector.wire.umami import Umami
from schema.event import Event
from tests.collector.test_endpoint import Answer, House, run, stored
from tests.collector.test_steps import draft, rules
from tests.collector.wire import UUID, send

NOBODY = ["", "unix", "not an address", "203.0.113.999", "203.0.113.9, 10.0.0.1", "host.example", "0.0.0.0", "::"]
PAGE = "https://a.example/a"
BEACON = {"n": "pageview", "u": PAGE, "d": "a.example"}
FORMATS: dict[str, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "plausible": (lambda _: Plausible(), {"body": BEACON, "method": "POST"}),
    "umami": (
        lambda _: Umami(),
        {"body": {"type": "event", "payload": {"website": UUID, "url": PAGE}}, "method": "POST"},
    ),
    "goatcounter": (lambda collector: GoatCounter(collector.rules), {"query": {"p": "/a"}, "path": {"site": UUID}}),
    "matomo": (lambda _: Matomo(), {"query": {"idsite": "7", "rec": "1", "url": PAGE}}),
    "pixel": (lambda _: Pixel(), {"query": {"d": "a.example", "u": PAGE}}),
}


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("address", NOBODY)
def test_no_visitor_is_made_of_what_is_no_address(address: str, preset: str) -> None:
    given = draft(client={"address": address}, mine=rules(preset), keys=EphemeralKeys())
    assert anonymize(given) is Reason.NO_ADDRESS
    assert given.visitor == 0


@pytest.mark.parametrize("address", NOBODY)
def test_who_has_no_address_has_nothing_to_delete(address: str) -> None:
    given = draft(client={"address": address}, beacon={"consent": "withdrawn"}, keys=EphemeralKeys())
    assert anonymize(given) is Reason.WITHDRAWN
    assert erasure_of(given) is None


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.1", "203.0.113.9", "2001:db8::1%eth0"])
def test_every_address_that_somebody_can_have_makes_a_visitor(address: str) -> None:
    assert isinstance(anonymize(draft(client={"address": address}, keys=EphemeralKeys())), Event)


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("told", [("unknown",), ("203.0.113.77, unknown",), ("_hidden", "unix:")])
def test_in_no_format_is_somebody_counted_whom_a_proxy_does_not_name(
    name: str, told: tuple[str, ...], tmp_path: Path
) -> None:
    make, request = FORMATS[name]
    headers = [("x-forwarded-for", value) for value in told]

    async def ask(house: House) -> Answer:
        answer = await send(house, make, headers=headers, **request)
        assert house.counted["a.example", "no_address"] == 1
        return answer

    answer = run(tmp_path, ask, proxies=("203.0.113.9/32",))
    assert answer.header("x-footfall-reason") == "no_address"
    assert stored(tmp_path) == []


def test_a_socket_without_addresses_is_nobodys(tmp_path: Path) -> None:
    def client(proxies: tuple[str, ...], *headers: tuple[str, str]) -> Answer:
        return run(tmp_path, lambda house: house.ask(BEACON, headers=headers, peer=""), proxies=proxies)

    told = ("x-forwarded-for", "203.0.113.77")
    assert client(()).header("x-footfall-reason") == "no_address"
    assert client((), told).header("x-footfall-reason") == "no_address"
    assert client(("unix",)).header("x-footfall-reason") == "no_address"
    assert stored(tmp_path) == []
    assert client(("unix",), told).header("x-footfall-reason") is None
    assert len(stored(tmp_path)) == 1


def test_a_signal_comes_before_the_address(tmp_path: Path) -> None:
    answers = [
        run(tmp_path / str(index), lambda house, peer=peer: house.ask(BEACON, headers=[("dnt", "1")], peer=peer))  # type: ignore[misc]
        for index, peer in enumerate(("", "203.0.113.9"))
    ]
    assert answers[0] == answers[1]
