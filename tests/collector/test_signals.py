"""The table "Signals" of the privacy specification: one test for each row, in both modes, and how it is answered."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from collector.edge.endpoint import Endpoint
from collector.enrich.geo import GeoDatabase
from collector.keys.key import EphemeralKeys
from collector.outcome import Refused
from collector.privacy.address import Proxies
from collector.service import Collector
from collector.wire.plausible import Plausible, decode
from footfall.settings import load
from pipeline.settings import SpoolSettings
from pipeline.spool.file import read_sealed, spool_files
from pipeline.spool.spool import Spool
from schema.event import Erasure
from tests.house import AGENT

# 2030-03-17 18:46:40 UTC, when it is 00:31:40 of the 18th in Kathmandu.
NOW = 1_900_003_600
MODES = ("exempt", "required")
RECORDED, COUNTED, DROPPED = ("recorded", "counted", "dropped")
PAGE = {"n": "pageview", "u": "https://example.com/", "d": "example.com"}

Headers = Sequence[tuple[str, str]]


class Outcome(Struct):
    """What one beacon led to. stored: raw events. counts: (reason, minute) by number."""

    status: int
    headers: list[tuple[bytes, bytes]]
    body: bytes
    stored: list[list[Any]]
    counts: dict[tuple[str, int], int]
    erasures: list[Erasure]

    @property
    def answer(self) -> tuple[int, list[tuple[bytes, bytes]], bytes]:
        return self.status, self.headers, self.body

    @property
    def what(self) -> str:
        if self.stored:
            return RECORDED
        return COUNTED if any(reason == "count_only" for reason, _ in self.counts) else DROPPED


def send(
    directory: Path, mode: str, preset: str = "balanced", headers: Headers = (), consent: str = "", **more: Any
) -> Outcome:
    """One page view on a site of that mode."""
    site = f'{{key="example.com", timezone="Asia/Kathmandu", consent="{mode}", anonymization={{preset="{preset}"}}}}'
    settings = load(sets=(f"sites=[{site}]",), environment={})
    body = json.dumps(PAGE | more | ({"consent": consent} if consent else {})).encode()

    async def post() -> list[dict[str, Any]]:
        spool = Spool(directory, 0, SpoolSettings(), clock=lambda: NOW)
        spool.start()
        keys, places = EphemeralKeys(), GeoDatabase(None)
        collector = Collector(settings.collector_rules(), spool, keys, places, Proxies(()), clock=lambda: NOW)
        told = [(b"user-agent", AGENT.format(120).encode()), *((a.encode(), b.encode()) for a, b in headers)]
        scope = {"type": "http", "method": "POST", "headers": told, "client": ("203.0.113.9", 1)}
        messages = [{"type": "http.request", "body": body, "more_body": False}]
        answers: list[dict[str, Any]] = []

        async def receive() -> dict[str, Any]:
            return messages.pop()

        async def answer(message: Any) -> None:
            answers.append(message)

        await Endpoint(collector, Plausible())(scope, receive, answer)
        spool.stop()
        return answers

    start, rest = asyncio.run(post())
    outcome = Outcome(start["status"], start["headers"], rest["body"], [], {}, [])
    for path in spool_files(directory):
        _, events, counts, *_ = read_sealed(path)
        outcome.stored += events
        outcome.counts |= {(count.reason, count.minute): count.count for count in counts}
        outcome.erasures += read_sealed(path).erasures
    return outcome


@pytest.mark.parametrize(("mode", "what"), [("exempt", RECORDED), ("required", COUNTED)])
def test_signal_none(mode: str, what: str, tmp_path: Path) -> None:
    assert send(tmp_path, mode).what == what


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("preset", "what"), [("strict", DROPPED), ("balanced", COUNTED), ("accurate", COUNTED)])
def test_signal_gpc_is_by_preset(mode: str, preset: str, what: str, tmp_path: Path) -> None:
    outcome = send(tmp_path, mode, preset, [("sec-gpc", "1")])
    assert outcome.what == what
    assert list(outcome.counts.values()) == [1]


@pytest.mark.parametrize(
    ("values", "holds"),
    [
        (["1"], True),
        (["0", "1"], True),
        (["1", "0"], True),
        (["0"], False),
        (["true"], False),
        (["1;x"], False),
        (["1, 1"], False),
        (["01"], False),
        (["1.0"], False),
        ([""], False),
    ],
)
def test_signal_gpc_holds_at_exactly_1_in_any_of_several_headers(
    values: list[str], holds: bool, tmp_path: Path
) -> None:
    outcome = send(tmp_path, "exempt", headers=[("sec-gpc", value) for value in values])
    assert outcome.what == (COUNTED if holds else RECORDED)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("header", ["dnt", "x-footfall-opt-out"])
def test_signal_dnt_and_the_opt_out_flag_drop(mode: str, header: str, tmp_path: Path) -> None:
    assert send(tmp_path, mode, headers=[(header, "1")]).what == DROPPED


@pytest.mark.parametrize("mode", MODES)
def test_signal_consent_granted_is_recorded(mode: str, tmp_path: Path) -> None:
    assert send(tmp_path, mode, consent="granted").what == RECORDED


@pytest.mark.parametrize("mode", MODES)
def test_signal_consent_denied_drops(mode: str, tmp_path: Path) -> None:
    outcome = send(tmp_path, mode, consent="denied")
    assert (outcome.what, outcome.erasures) == (DROPPED, [])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("preset", ["strict", "balanced", "accurate"])
def test_signal_consent_withdrawn_drops_and_deletes_today_s_rows(mode: str, preset: str, tmp_path: Path) -> None:
    common: dict[str, Any] = {"headers": [("accept-language", "de-AT,de")], "w": 1400}
    # The same keys for both, because the number is what the two must share.
    keys = EphemeralKeys()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("tests.collector.test_signals.EphemeralKeys", lambda: keys)
        [row] = send(tmp_path / "a", mode, preset, consent="granted", **common).stored
        outcome = send(tmp_path / "b", mode, preset, consent="withdrawn", **common)
    assert outcome.what == DROPPED
    assert outcome.erasures == [Erasure("example.com", NOW, row[2], row[5])]


@pytest.mark.parametrize(
    ("headers", "consent", "what"),
    [
        ([("dnt", "1")], "granted", DROPPED),
        ([("sec-gpc", "1")], "granted", COUNTED),
        ([("sec-gpc", "1"), ("dnt", "1")], "", DROPPED),
        ([("sec-gpc", "1")], "denied", DROPPED),
    ],
)
def test_of_several_signals_the_most_restrictive_holds(
    headers: Headers, consent: str, what: str, tmp_path: Path
) -> None:
    assert send(tmp_path, "exempt", headers=headers, consent=consent).what == what


def test_a_withdrawal_deletes_whatever_the_other_signals_say(tmp_path: Path) -> None:
    outcome = send(tmp_path, "exempt", headers=[("dnt", "1"), ("sec-gpc", "1")], consent="withdrawn")
    assert len(outcome.erasures) == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("headers", "consent"),
    [
        ((), ""),
        ([("sec-gpc", "1")], ""),
        ([("dnt", "1")], ""),
        ([("x-footfall-opt-out", "1")], ""),
        ((), "granted"),
        ((), "denied"),
        ((), "withdrawn"),
    ],
)
def test_every_signal_is_answered_exactly_like_acceptance(
    mode: str, headers: Headers, consent: str, tmp_path: Path
) -> None:
    accepted = send(tmp_path / "a", "exempt")
    assert accepted.what == RECORDED
    assert send(tmp_path / "b", mode, headers=headers, consent=consent).answer == accepted.answer


@pytest.mark.parametrize(
    ("headers", "consent"), [([("sec-gpc", "1")], ""), ([("dnt", "1")], ""), ((), "denied"), ((), "withdrawn")]
)
def test_of_a_signal_only_the_site_s_local_date_is_told(headers: Headers, consent: str, tmp_path: Path) -> None:
    [(_, minute)] = send(tmp_path, "exempt", headers=headers, consent=consent).counts
    assert minute == (NOW // 86_400 + 1) * 86_400


@pytest.mark.parametrize("name", ["signup", "engagement"])
def test_count_only_counts_page_views_alone(name: str, tmp_path: Path) -> None:
    outcome = send(tmp_path, "required", n=name, e=100)
    assert (outcome.status, outcome.stored, outcome.counts) == (202, [], {})


@pytest.mark.parametrize("word", ["no", "true", 1, True, ["granted"], {"analytics": True}])
def test_a_consent_we_do_not_know_is_refused_not_guessed(word: Any) -> None:
    with pytest.raises(Refused) as refused:
        decode(json.dumps(PAGE | {"consent": word}).encode())
    assert (refused.value.reason, refused.value.field) == ("bad_consent", "consent")
