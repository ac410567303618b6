"""Why an event is missing: constant words by reason, nothing identifying, no trace of a signal, bounded and in RAM."""

from __future__ import annotations

import asyncio
import json
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest

from collector.diagnostics.why import (
    _MEANINGS,
    CHANGED,
    EACH,
    KINDS,
    OF_HOSTS,
    OF_MACHINES,
    Entry,
    Why,
    changes_of,
    read_why,
    why_path,
)
from collector.edge.endpoint import Endpoint
from collector.enrich.geo import GeoDatabase
from collector.enrich.page import parse_page
from collector.keys.key import EphemeralKeys
from collector.outcome import Reason, Refused
from collector.privacy.address import Proxies
from collector.service import Collector
from collector.steps import anonymize
from collector.wire.plausible import Plausible
from footfall.settings import load
from pipeline.settings import SpoolSettings
from pipeline.spool.spool import Spool
from tests.collector.test_steps import AGENT, NOW, draft

PAGE = {"n": "pageview", "u": "https://example.com/a", "d": "example.com", "tz": "Europe/Berlin"}
SITES = 'sites=[{key="example.com", hosts=["example.com"]}]'


class House:
    """A collector with a reason to tell."""

    def __init__(self, directory: Path) -> None:
        self.now: float = NOW
        self.ram = directory
        self.why = Why(why_path(directory, 0), lambda: self.now)
        self.spool = Spool(directory / "spool", 0, SpoolSettings(), clock=lambda: self.now)
        self.spool.start()
        rules = load(sets=(SITES,), environment={}).collector_rules()
        self.collector = Collector(
            rules, self.spool, EphemeralKeys(), GeoDatabase(None), Proxies(()), lambda: self.now, why=self.why
        )

    async def post(self, sent: Any, *headers: tuple[bytes, bytes], agent: str = AGENT) -> int:
        answers: list[Any] = []
        body = sent if isinstance(sent, bytes) else json.dumps(sent).encode()

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            answers.append(message)

        told = [(b"user-agent", agent.encode()), *headers]
        scope = {"type": "http", "method": "POST", "headers": told, "client": ("203.0.113.9", 1)}
        await Endpoint(self.collector, Plausible())(scope, receive, send)
        status: int = answers[0]["status"]
        return status

    def told(self) -> list[Entry]:
        self.collector.turn()
        return read_why(self.ram, self.now)


def told_of(directory: Path, *sent: tuple[Any, Sequence[tuple[bytes, bytes]]], agent: str = AGENT) -> list[Entry]:
    async def use() -> list[Entry]:
        house = House(directory)
        try:
            for body, headers in sent:
                await house.post(body, *headers, agent=agent)
            return house.told()
        finally:
            await asyncio.to_thread(house.spool.stop)

    return asyncio.run(use())


# -- what is told --------------------------------------------------------------------------------------------------


def test_a_refusal_is_told_by_its_reason_in_constant_words(tmp_path: Path) -> None:
    found = told_of(
        tmp_path,
        (b"nonsense", ()),
        (PAGE | {"n": ""}, ()),
        (PAGE | {"d": "other.test"}, ()),
        (PAGE | {"u": "https://evil.test/u/anna@example.org?token=1"}, ()),
        (PAGE, [(b"origin", b"null")]),
        (PAGE | {"u": "data:text/html,x"}, ()),
    )
    assert {(one.site, one.reason, one.hostname, one.path) for one in found} == {
        ("", "bad_body", "", ""),
        ("", "no_name", "", ""),
        ("", "unknown_site", "", ""),
        # What has to be mended is the host: who was where on it is nobody's business.
        ("example.com", "host", "evil.test", ""),
        ("example.com", "origin", "example.com", ""),
        ("example.com", "bad_url", "", ""),
    }
    assert {one.wire for one in found} == {"plausible"}
    assert {one.time for one in found} == {NOW // 60 * 60}
    assert all(one.message for one in found)


def test_a_host_that_names_somebody_is_not_told(tmp_path: Path) -> None:
    found = told_of(tmp_path, (PAGE | {"u": "https://550e8400-e29b-41d4-a716-446655440000.evil.test/"}, ()))
    assert {one.hostname for one in found} == {":uuid.evil.test"}


def test_what_a_stored_event_has_lost_is_told(tmp_path: Path) -> None:
    lossy = PAGE | {
        "u": "https://example.com/u/anna@example.org?utm_source=x&fbclid=1&gclid=2",
        "p": {"token": "abc", "list": []},
        "$": {"currency": "EURO", "amount": 1},
        "tz": "",
    }
    found = told_of(tmp_path, (lossy, ()), (PAGE, ()))
    assert {one.message for one in found} == {
        "query parameters dropped: 2",
        "path replaced by :email",
        "property replaced by :secret",
        "properties ignored: empty, neither text nor number nor yes or no, or more than 30",
        "revenue ignored: no amount, or no currency of ISO 4217",
        "place unknown",
    }
    # Somebody's visit: to the minute, and without its page.
    assert {(one.reason, one.hostname, one.path) for one in found} == {(CHANGED, "", "")}
    assert {one.time for one in found} == {NOW // 60 * 60}


def test_an_event_that_lost_nothing_is_not_told(tmp_path: Path) -> None:
    assert told_of(tmp_path, (PAGE | {"p": {"plan": "free"}, "$": {"currency": "EUR", "amount": 1}}, ())) == []


def test_only_a_machine_has_a_page_and_nobody_a_second(tmp_path: Path) -> None:
    why = Why(why_path(tmp_path, 0), lambda: NOW)
    page = parse_page("https://example.com/pricing", frozenset())
    for reason in Reason:
        why.dropped("example.com", reason, NOW + 7, "plausible", page)
    why.turn()
    found = {one.reason: one for one in read_why(tmp_path, NOW)}
    assert {reason for reason, one in found.items() if one.path} == OF_MACHINES
    assert {reason for reason, one in found.items() if one.hostname} == OF_MACHINES | OF_HOSTS
    assert {one.time for one in found.values()} == {int(NOW + 7) // 60 * 60}


def test_of_whoever_is_left_out_for_who_he_is_there_is_no_trace(tmp_path: Path) -> None:
    why = Why(why_path(tmp_path, 0), lambda: NOW)
    page = parse_page("https://example.com/pricing", frozenset())
    for reason in (Reason.NETWORK, Reason.COUNTRY, Reason.DATACENTER, Reason.NEW_VISITORS):
        why.dropped("example.com", reason, NOW, "plausible", page)
    why.turn()
    assert read_why(tmp_path, NOW) == []


def test_every_reason_that_is_told_has_its_words() -> None:
    by_refusal = {
        *(Reason.ACCEPTED, Reason.BAD_BODY, Reason.NO_NAME, Reason.NO_URL, Reason.NO_DOMAIN, Reason.BAD_PROPERTY),
        *(Reason.BAD_CONSENT, Reason.EMPTY_ENGAGEMENT, Reason.BAD_METHOD, Reason.TOO_LARGE, Reason.TOO_SLOW),
        *(Reason.NO_KEY, Reason.SPOOL, Reason.FAILED, Reason.NOT_AUTHORIZED, Reason.NOT_KEPT),
        *(Reason.REDIRECT, Reason.BAD_LINE, Reason.NOT_GET, Reason.NOT_SUCCESS, Reason.STATIC_FILE),
    }
    assert {reason for reason in Reason if not reason.is_silent} == by_refusal | _MEANINGS.keys()


# -- what is not ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("headers", "more"),
    [
        ([(b"dnt", b"1")], {}),
        ([(b"sec-gpc", b"1")], {}),
        ([(b"x-footfall-opt-out", b"1")], {}),
        ([], {"consent": "denied"}),
        ([], {"consent": "withdrawn"}),
        # Even where it would have ended for another reason, or lost something.
        ([(b"dnt", b"1")], {"u": "https://evil.test/?fbclid=1"}),
        ([(b"sec-gpc", b"1")], {"u": "data:x"}),
    ],
)
def test_of_a_signal_there_is_no_trace(headers: Any, more: dict[str, str], tmp_path: Path) -> None:
    assert told_of(tmp_path, (PAGE | more, headers)) == []
    assert msgspec.msgpack.decode(why_path(tmp_path, 0).read_bytes()) == []


@pytest.mark.parametrize("signal", [(b"dnt", b"1"), (b"sec-gpc", b"1")])
def test_a_foreign_page_is_told_of_alike_whatever_its_visitor_has_asked_for(signal: Any, tmp_path: Path) -> None:
    foreign = (b"origin", b"https://evil.test")
    without, with_ = (
        told_of(tmp_path / name, (PAGE, more)) for name, more in (("a", [foreign]), ("b", [foreign, signal]))
    )
    assert [one.reason for one in without] == ["origin"]
    assert with_ == without


def test_nothing_identifying_reaches_the_file(tmp_path: Path) -> None:
    mark = "zq7anna"
    sent = [
        (f"{{{mark}".encode(), ()),
        (PAGE | {"n": mark * 30}, ()),
        (PAGE | {"d": f"{mark}.test"}, ()),
        (PAGE | {"u": f"https://example.com/{mark}@example.org?{mark}={mark}", "r": f"https://{mark}.test/"}, ()),
        (PAGE | {"u": f"https://evil.test/?q={mark}"}, [(b"referer", mark.encode())]),
        (PAGE | {"consent": mark}, ()),
        (PAGE | {"p": {mark: [], "token": mark}, "$": {"currency": mark, "amount": mark}}, ()),
        (PAGE, [(b"origin", f"https://{mark}.test".encode())]),
    ]
    found = told_of(tmp_path, *sent, agent=f"{AGENT} {mark}")
    assert len(found) >= 8
    content = why_path(tmp_path, 0).read_bytes()
    for trace in (mark, "203.0.113", AGENT[:20], "Firefox", "Chrome"):
        assert trace.encode() not in content, trace


def test_a_field_of_the_senders_own_words_is_not_repeated(tmp_path: Path) -> None:
    why = Why(why_path(tmp_path, 0), lambda: NOW)
    why.refused(Refused(Reason.BAD_BODY, "visitor.address", "is required"), NOW, "server")
    why.refused(Refused(Reason.BAD_BODY, "events[3].anna_smith", "is no field that is known"), NOW, "server")
    why.turn()
    assert {one.message for one in read_why(tmp_path, NOW)} == {
        "visitor.address is required",
        "a field is no field that is known",
    }


# -- bounds --------------------------------------------------------------------------------------------------------


def test_a_flood_of_one_reason_pushes_no_other_out_and_takes_no_memory(tmp_path: Path) -> None:
    why = Why(why_path(tmp_path, 0), lambda: NOW)
    why.dropped("example.com", Reason.HOST, NOW, "plausible")
    for second in range(5000):
        why.dropped("example.com", Reason.BOT, NOW + second % 60, "plausible")
    why.turn()
    found = read_why(tmp_path, NOW)
    assert [one.reason for one in found].count("bot") == EACH
    assert [one.reason for one in found].count("host") == 1


def test_many_sites_and_reasons_are_bounded_too(tmp_path: Path) -> None:
    why = Why(why_path(tmp_path, 0), lambda: NOW)
    for number in range(1000):
        for _ in range(20):
            why.dropped(f"site{number}", Reason.BOT, NOW, "plausible")
    why.turn()
    found = read_why(tmp_path, NOW)
    assert len(found) == EACH * KINDS
    assert {one.site for one in found} == {f"site{number}" for number in range(1000 - KINDS, 1000)}


def test_only_a_few_stored_events_a_second_are_looked_at(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked: list[Any] = []
    monkeypatch.setattr("collector.diagnostics.why.changes_of", lambda draft: looked.append(draft) or iter(()))
    why, made = Why(why_path(tmp_path, 0), lambda: NOW), draft()
    anonymize(made)
    for _ in range(1000):
        why.changed(made, NOW + 0.5, "plausible")
    assert len(looked) == 5
    why.changed(made, NOW + 1.0, "plausible")
    assert len(looked) == 6


def test_the_file_is_ours_alone_whole_and_forgets_after_an_hour(tmp_path: Path) -> None:
    now = [float(NOW)]
    why = Why(why_path(tmp_path, 3), lambda: now[0])
    why.dropped("example.com", Reason.BOT, NOW, "plausible")
    why.turn()
    path = why_path(tmp_path, 3)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    written = path.stat().st_mtime_ns
    why.turn()
    assert path.stat().st_mtime_ns == written, "written although nothing is new"
    assert not list(tmp_path.glob("*.partial"))
    now[0] += 3601
    why.turn()
    assert msgspec.msgpack.decode(path.read_bytes()) == []
    why.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_spoilt_or_of_a_dead_worker_says_nothing(tmp_path: Path) -> None:
    why_path(tmp_path, 0).write_bytes(b"\x93half")
    why = Why(why_path(tmp_path, 1), lambda: NOW)
    why.dropped("example.com", Reason.BOT, NOW, "plausible")
    why.turn()
    assert len(read_why(tmp_path, NOW)) == 1
    assert read_why(tmp_path, NOW + 3601) == []


def test_a_directory_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    why = Why(tmp_path / "gone" / "why-0", lambda: NOW)
    why.dropped("example.com", Reason.BOT, NOW, "plausible")
    why.turn()
    why.close()


def test_changes_are_computed_from_what_is_kept() -> None:
    made = draft({"url": "https://example.com/a?utm_source=x&a=1&empty=&b=2#c=3"})
    anonymize(made)
    assert list(changes_of(made)) == ["query parameters dropped: 2"]
