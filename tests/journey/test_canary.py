"""The canary: what a visitor sends is on no disk and in no log, in any form, and the search can find it."""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from collector import steps
from collector.edge.endpoint import Endpoint
from collector.enrich import page
from collector.enrich.geo import GeoDatabase
from collector.keys.key import EphemeralKeys
from collector.privacy.address import Proxies
from collector.service import Collector
from collector.wire.plausible import Plausible
from footfall.canary.marked import SITE, bodies, headers, marks_of
from footfall.canary.search import Marks, fresh, search
from footfall.settings import load
from pipeline.settings import SpoolSettings
from pipeline.spool.spool import Spool
from tests.house import footfall

pytestmark = pytest.mark.process

SEED = 20261122


@pytest.mark.timeout(600)
def test_the_canary_is_silent_with_the_default_preset(tmp_path: Path) -> None:
    done = footfall("canary", "--json", "--data", str(tmp_path), "--seed", str(SEED))
    assert done.returncode == 0, done.stdout + done.stderr
    finding = json.loads(done.stdout)
    assert finding["hits"] == []
    assert finding["silent"]
    assert finding["events"] > 40
    assert finding["forms_found"] == finding["forms_planted"] > 50
    assert len(finding["phases"]) == 9
    assert not list(tmp_path.iterdir())


def _same(text: str, *_: object) -> str:
    return text


def _leak_network(whole: Callable[..., Any]) -> Callable[..., Any]:
    return lambda draft: structs.replace(whole(draft), network=draft.client.address)


def _leak_agent(whole: Callable[..., Any]) -> Callable[..., Any]:
    return lambda draft: structs.replace(whole(draft), browser=draft.client.agent)


def _keep_whole_query(whole: Callable[..., Any]) -> Callable[..., Any]:
    return lambda url, *rest: structs.replace(whole(url, *rest), query=url.partition("?")[2])


def _keep_whole_referrer(whole: Callable[..., Any]) -> Callable[..., Any]:
    return lambda sent, *rest: whole(sent, *rest)._replace(referrer=sent)


BREAKS = {
    "names and properties are not scrubbed": (steps, "scrub", lambda _: _same, "email"),
    "secret property names are not known": (steps, "is_secret", lambda _: lambda name: False, "secret"),
    "paths are not scrubbed": (page, "scrub", lambda _: _same, "email"),
    "query parameters are not dropped": (steps, "parse_page", _keep_whole_query, "secret"),
    "referrers are stored whole": (steps, "traffic_source_of", _keep_whole_referrer, "handle"),
    "the address is stored whole": (steps, "event_of", _leak_network, "address"),
    "the agent is stored": (steps, "event_of", _leak_agent, "agent"),
}


@pytest.mark.parametrize("broken", BREAKS)
def test_a_broken_step_makes_the_canary_speak(broken: str, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    module, name, change, leaks = BREAKS[broken]
    monkeypatch.setattr(module, name, change(getattr(module, name)))
    marks = fresh(random.Random(SEED + 1))
    asyncio.run(_post(data, marks))
    found = {mark for mark, _, _ in search([data], b"", marks_of([marks]))}
    assert getattr(marks, leaks) in found


def test_whole_steps_keep_the_canary_silent_in_the_spool(data: Path) -> None:
    marks = fresh(random.Random(SEED + 2))
    asyncio.run(_post(data, marks))
    assert not search([data], b"", marks_of([marks]))


async def _post(data: Path, marks: Marks) -> None:
    """Every body of the canary through a real endpoint and a real spool."""
    settings = load(sets=(f'data="{data}"', f'sites=[{{key="{SITE}"}}]'), environment={})
    spool = Spool(data / "spool", 0, SpoolSettings())
    spool.start()
    collector = Collector(settings.collector_rules(), spool, EphemeralKeys(), GeoDatabase(None), Proxies(()))
    accepted = 0
    for body in bodies(marks):
        sent = [(name.lower().encode(), value.encode()) for name, value in headers(marks, "").items()]
        scope = {"type": "http", "method": "POST", "headers": sent, "client": (marks.address, 1)}
        answers: list[dict[str, Any]] = []

        async def receive(body: bytes = body) -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: dict[str, Any], answers: list[dict[str, Any]] = answers) -> None:
            answers.append(message)

        await Endpoint(collector, Plausible())(scope, receive, send)  # type: ignore[arg-type]
        assert answers[0]["status"] in (202, 400)
        accepted += answers[0]["status"] == 202
    spool.stop()
    assert accepted > 10
