"""What became of this request: the demo page's answer, by HTTP on the whole application."""

from __future__ import annotations

import json
import random
import warnings
from pathlib import Path
from typing import Any

import pytest
from starlette.exceptions import StarletteDeprecationWarning

from collector.edge import demo_preview as what_became
from collector.edge.app import create_app
from collector.enrich.geo import GeoDatabase
from collector.keys.files import KeyFile
from collector.keys.key import EphemeralKeys, NoKey
from collector.limits.rate_limit import RateLimiter
from collector.model import KeySource
from collector.privacy.address import Proxies
from collector.service import Collector
from collector.tokens import Tokens
from footfall.canary.marked import bodies, headers, marks_of
from footfall.canary.search import fresh, search
from footfall.settings import load
from pipeline.settings import SpoolSettings
from pipeline.spool.spool import Spool
from schema.event import Event
from tests.house import AGENT

with warnings.catch_warnings():
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from starlette.testclient import TestClient

BROWSER = {"user-agent": AGENT.format(142), "accept-language": "de-AT,de;q=0.9", "x-forwarded-for": "203.0.113.77"}
HERE = {"origin": "http://testserver", "sec-fetch-site": "same-origin"}
PAGE = {
    "n": "pageview",
    "u": "http://testserver/demo/u/anna@example.org?utm_source=mail&secret=s3cr3t",
    "d": "demo",
    "r": "https://r.example/private?q=s3cr3t",
    "tz": "Europe/Vienna",
    "w": 1400,
}


class NoKeys:
    def key(self, site: str, day: int) -> bytearray:
        raise NoKey("none")


def asked(
    directory: Path, *sets: str, demo: bool = True, limit: int = 0, keys: KeySource | None = None
) -> tuple[TestClient, list[tuple[Any, ...]]]:
    """A browser's view of the application, and what was counted meanwhile."""
    settings = load(sets=sets, environment={})
    counted: list[tuple[Any, ...]] = []
    collector = Collector(
        settings.collector_rules(),
        Spool(directory / "spool", 0, SpoolSettings()),
        keys or EphemeralKeys(),
        GeoDatabase(None),
        Proxies(("127.0.0.0/8",)),
        limit=RateLimiter(limit) if limit else None,
    )
    collector.count = lambda *count: counted.append(count)  # type: ignore[method-assign]
    tokens = Tokens(directory / "tokens.json")
    app = create_app(collector, KeyFile(directory / "keys"), tokens, collector.spool, lambda: "", demo=demo)
    return TestClient(app, headers=BROWSER | HERE, client=("127.0.0.1", 1)), counted


def rows(answer: Any) -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in answer.json()["rows"]}


def test_it_tells_field_by_field_what_is_stored_and_why_the_rest_is_not(tmp_path: Path) -> None:
    answer = asked(tmp_path)[0].post("/demo/what", json=PAGE)
    assert (answer.status_code, answer.json()["outcome"], answer.json()["network"]) == (200, "recorded", "203.0.113.0")
    told = rows(answer)
    assert told["url"]["stored"]["path"] == "/demo/u/:email"
    assert told["url"]["stored"]["utm_source"] == "mail"
    assert told["referrer"]["stored"]["referrer"] == "r.example"
    assert told["agent"]["stored"]["browser"] == "Firefox"
    assert told["language"]["stored"] == {"language": "de"}
    assert told["time"]["stored"]["received"].endswith("+00:00")
    assert told["screen_width"]["stored"] == {"screen": "L"}
    assert told["address"]["stored"]["visitor"].startswith("a number of the day, from the network")
    assert "network" not in told["address"]["stored"]
    assert all(row["why"] and row["label"] for row in told.values())


def test_every_field_of_an_event_is_in_some_row() -> None:
    """Else something would be stored of which the page does not tell."""
    filing = {"site", "day", "lifetime"}
    assert {field for fields in what_became.ROWS.values() for field in fields} == set(Event.__struct_fields__) - filing


def test_what_was_measured_and_what_the_page_says_of_itself_is_told_too(tmp_path: Path) -> None:
    client, _ = asked(tmp_path)
    left = rows(client.post("/demo/what", json=PAGE | {"n": "engagement", "e": 900, "sd": 40, "lcp": 120.5}))
    assert left["measured"]["stored"] == {"engaged_ms": "900", "scroll": "40", "lcp": "120.5"}
    props = {"plan": "a@example.org"}
    bought = {"n": "order", "p": props, "$": {"amount": "5", "currency": "EUR"}, "id": "x1"}
    told = rows(client.post("/demo/what", json=PAGE | bought))
    assert told["event"]["stored"] == {
        "name": "order", "interactive": "yes", "props": "plan: :email", "currency": "EUR", "amount": "500",
        "id": "a number made of it with the key of the day",
    }  # fmt: skip
    assert "measured" not in told


@pytest.mark.parametrize(
    ("signal", "preset", "outcome", "says"),
    [
        ({"dnt": "1"}, "balanced", "opted_out", "Do Not Track"),
        ({"x-footfall-opt-out": "1"}, "balanced", "opted_out", "turned off"),
        ({"sec-gpc": "1"}, "balanced", "count_only", "bare total"),
        ({"sec-gpc": "1"}, "strict", "gpc", "Global Privacy Control"),
    ],
)
def test_who_objects_is_told_what_that_does_and_his_address_is_not_read(
    tmp_path: Path, signal: dict[str, str], preset: str, outcome: str, says: str
) -> None:
    client, _ = asked(tmp_path, f'anonymization.preset="{preset}"', limit=1, keys=NoKeys())
    for _ in range(3):
        answer = client.post("/demo/what", json=PAGE, headers=signal)
        assert (answer.status_code, answer.json()["outcome"], answer.json()["network"]) == (200, outcome, "")
        assert says in answer.json()["says"]
        assert not any(row["stored"] for row in answer.json()["rows"])


def test_the_answer_holds_neither_address_nor_agent_nor_what_the_steps_drop(tmp_path: Path) -> None:
    told = asked(tmp_path)[0].post("/demo/what", json=PAGE).text
    for mark in ("203.0.113.77", "Gecko/20100101", "s3cr3t", "anna@", "private", "1400", "Vienna"):
        assert mark not in told


def test_no_cache_keeps_it_and_no_page_of_another_address_may_ask_or_read(tmp_path: Path) -> None:
    client, _ = asked(tmp_path)
    answer = client.post("/demo/what", json=PAGE)
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["cross-origin-resource-policy"] == "same-origin"
    for foreign in (
        {"origin": "https://evil.example", "sec-fetch-site": "cross-site"},
        {"origin": "http://testserver:81", "sec-fetch-site": "same-site"},
        {"origin": "null", "sec-fetch-site": "cross-site"},
    ):
        refused = client.post("/demo/what", json=PAGE, headers=foreign)
        assert refused.status_code == 403
        assert "rows" not in refused.json()
        assert not [name for name in refused.headers if name.startswith("access-control")]
    bare = TestClient(client.app, headers=BROWSER, client=("127.0.0.1", 1))
    assert bare.post("/demo/what", json=PAGE, headers={"origin": "https://evil.example"}).status_code == 403
    assert client.options("/demo/what").status_code == client.get("/demo/what").status_code == 405


def test_it_is_there_with_the_demo_only_and_tells_of_no_other_site(tmp_path: Path) -> None:
    assert asked(tmp_path / "without", demo=False)[0].post("/demo/what", json=PAGE).status_code == 404
    no_site, _ = asked(tmp_path / "gone", "demo=false")
    assert no_site.post("/demo/what", json=PAGE).status_code == 404
    site = 'sites=[{key="shop", anonymization={preset="accurate"}}]'
    other, _ = asked(tmp_path / "other", site)
    assert other.post("/demo/what", json=PAGE | {"d": "shop"}).json()["preset"] == "balanced"


def test_a_network_may_ask_as_often_as_it_may_send(tmp_path: Path) -> None:
    client, _ = asked(tmp_path, limit=2)
    assert [client.post("/demo/what", json=PAGE).status_code for _ in range(3)] == [200, 200, 429]
    assert "retry-after" in client.post("/demo/what", json=PAGE).headers
    assert client.post("/demo/what", json=PAGE, headers={"x-forwarded-for": "198.51.100.1"}).status_code == 200


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"", 400), (b"[", 400), (b"[[]]", 400), (b"\xff", 400), (b'{"n":"pageview"}', 400), (b"x" * 70_000, 413)],
)
def test_what_is_no_beacon_is_refused_without_being_quoted(tmp_path: Path, body: bytes, status: int) -> None:
    assert asked(tmp_path)[0].post("/demo/what", content=body).status_code == status


def test_without_the_day_s_key_it_says_later(tmp_path: Path) -> None:
    answer = asked(tmp_path, limit=5, keys=NoKeys())[0].post("/demo/what", json=PAGE)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")


def _fails(*_: object) -> None:
    raise ValueError("203.0.113.77 anna@example.org s3cr3t")


def test_a_failure_tells_its_kind_and_nothing_of_the_request(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(what_became, "preview_of", _fails)
    answer = asked(tmp_path)[0].post("/demo/what", json=PAGE)
    assert answer.status_code == 500
    told = "".join(capfd.readouterr()) + answer.text
    assert "ValueError" in told
    assert not [mark for mark in ("203.0.113.77", "anna@", "s3cr3t") if mark in told]


def test_nothing_of_a_marked_request_reaches_disk_count_or_output(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    client, counted = asked(tmp_path)
    marks = fresh(random.Random(7))
    statuses = set()
    for body in bodies(marks, "demo"):
        answer = client.post("/demo/what", content=body, headers=headers(marks, marks.address))
        statuses.add(answer.status_code)
        assert not [mark for mark in (marks.address, marks.agent_string) if mark in answer.text]
    told = tmp_path / "told"
    told.write_text("".join(capfd.readouterr()) + json.dumps(counted))
    assert statuses == {200, 400}
    assert search([tmp_path], b"", marks_of([marks])) == []
    assert counted == []
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [told]
