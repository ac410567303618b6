"""What else of the collector outlives an upgrade, or is told between hosts of two versions: its bytes stay the same.

A change that one of these tests notices needs a reader for what the versions before wrote.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from collector.diagnostics.shadow import Saved
from collector.diagnostics.why import Entry, read_why
from collector.keys.client import Handed
from collector.keys.enrolments import Enrolled, Enrolments, read_fetches
from collector.keys.files import read_keys
from collector.keys.journal import lost_days, read_journal
from collector.tokens import Token, Tokens


def test_the_keys_of_a_day_survive_an_upgrade(tmp_path: Path) -> None:
    listed = msgspec.msgpack.encode([["a.example", 20_000, 1_728_000_010], ["b.example", 20_000, 1_728_003_610]])
    file = tmp_path / "keys"
    file.write_bytes(len(listed).to_bytes(4, "big") + listed + bytes(range(32)) + bytes(range(32, 64)))
    held = read_keys(file)
    assert {site_day: (bytes(one.key), one.until) for site_day, one in held.items()} == {
        ("a.example", 20_000): (bytes(range(32)), 1_728_000_010),
        ("b.example", 20_000): (bytes(range(32, 64)), 1_728_003_610),
    }


def test_the_journal_of_keys_is_read_by_name_whatever_else_a_line_says(tmp_path: Path) -> None:
    file = tmp_path / "keys.jsonl"
    file.write_text('{"new": 1, "day": "2024-10-04", "site": "a.example", "what": "lost", "at": 5}\n')
    assert lost_days(file) == {("a.example", "2024-10-04")}
    assert [entry["what"] for entry in read_journal(file)] == ["lost"]


def test_tokens_and_enrolments_are_read_by_name(tmp_path: Path) -> None:
    tokens, enrolled, fetched = tmp_path / "tokens.json", tmp_path / "enrolled.json", tmp_path / "fetched.json"
    tokens.write_text('{"ab": {"new": 1, "since": 5, "name": "shop", "sha256": "00ff", "site": "a.example"}}')
    enrolled.write_text('{"berlin": {"new": 1, "since": 5, "token_sha256": "00ff"}}')
    fetched.write_text('{"berlin": 60}')
    assert Tokens(tokens).all() == {"ab": Token("a.example", "shop", "00ff", 5)}
    assert Enrolments(enrolled).all() == {"berlin": Enrolled("00ff", 5)}
    assert read_fetches(fetched) == {"berlin": 60}


def test_keys_are_handed_to_a_host_of_another_version(tmp_path: Path) -> None:
    """The holder and those who fetch are upgraded one after the other. What is new can only come last."""
    wire = msgspec.msgpack.encode([["a.example", 20_000, 1_728_000_000, b"k" * 32, "new"]])
    (handed,) = msgspec.msgpack.decode(wire, type=list[Handed])
    assert (handed.site, handed.day, handed.end) == ("a.example", 20_000, 1_728_000_000)
    assert bytes(handed.key) == b"k" * 32


def test_what_shadow_mode_counts_goes_on_after_an_upgrade() -> None:
    wire = msgspec.msgpack.encode([[["strict", "settings"]], [b"r"]])
    assert msgspec.msgpack.decode(wire, type=Saved).settings == [("strict", "settings")]


def test_refusals_are_told_by_name_and_those_of_a_version_that_told_them_by_place_are_passed_over(
    tmp_path: Path,
) -> None:
    entry = Entry(1000, "a.example", "plausible", "bot", "said", "a.example", "/prices")
    (tmp_path / "why-0").write_bytes(msgspec.msgpack.encode([list(msgspec.structs.astuple(entry))]))
    by_name = msgspec.structs.asdict(entry) | {"new": 1}
    (tmp_path / "why-1").write_bytes(msgspec.msgpack.encode([dict(reversed(by_name.items()))]))
    assert read_why(tmp_path, 1000) == [entry]
