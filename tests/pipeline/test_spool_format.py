"""The format of spool files: what every version wrote is read, field by field; what a later one wrote is refused."""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import sqlite3
import struct
import zlib
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from pipeline.spool import file as spool_file
from pipeline.spool import layout
from pipeline.spool.file import FORMAT, Header, SpoolFileBad, read_sealed
from pipeline.spool.layout import FIELDS_1
from pipeline.spool.log import LogFile
from schema.event import Count, Erasure, Event
from tests.conftest import make_event

# One file of every format there was, by its number, written by the version that it was new in.
GOLDEN = {
    number: Path(__file__).with_name(name)
    for number, name in enumerate(("golden.sealed", "golden-2.sealed", "golden-3.sealed"), 1)
}
GOLDEN_HEADER = Header(uuid="6f0f" * 8, created=1_700_000_000, serial=3, spool=5, chunk_rows=2)
DAY = dt.date(2023, 11, 14)


def event(number: int = 1, **given: Any) -> Event:
    return make_event("spool", 1_700_000_000 + number, DAY, **({"visitor": number} | given))


def golden_events() -> list[Event]:
    return [
        event(1, path="/prices/ä", props={"plan": "three"}, currency="EUR", amount=-1250, lcp=1234.5),
        event(2, name="engagement", interactive=False, engaged_ms=8123, scroll=71, network="192.0.2.0"),
        event(3, visitor=2**64 - 1, id=2**63, utm_source="news"),
    ]


def golden_counts() -> list[Count]:
    return [Count("spool", 1_699_999_980, "accepted", 3), Count("", 1_699_920_000, "count_only", 12)]


def golden_erasures() -> list[Erasure]:
    return [Erasure("spool", 1_700_000_009, 19_675, 2)]


@pytest.mark.parametrize("golden", GOLDEN.values(), ids=lambda path: path.name)
def test_the_golden_file_of_every_format_is_still_read(golden: Path) -> None:
    header, rows, counts, *_ = read_sealed(golden)
    assert header == GOLDEN_HEADER
    # Every field in place: a file of format 1 was written by position, so a field that moved would show here.
    assert [dict(zip(Event.__struct_fields__, row, strict=True)) for row in rows] == [
        structs.asdict(each) for each in golden_events()
    ]
    assert counts == golden_counts()
    assert read_sealed(golden).erasures == (golden_erasures() if golden != GOLDEN[1] else [])


def test_there_is_a_golden_file_of_every_format() -> None:
    assert list(GOLDEN) == list(range(1, FORMAT + 1))


def test_the_golden_file_of_this_format_has_the_documented_layout() -> None:
    """Read as the format is written down, by nothing of ours."""
    content, at, checksum, frames = GOLDEN[3].read_bytes(), 16, 0, []
    assert content[:at] == b"Footfall spool\n\x00"
    while at < len(content):
        length, told = struct.unpack("<II", content[at : at + 8])
        body = content[at + 8 : at + 8 + length]
        checksum = zlib.crc32(content[at : at + 4] + body, checksum)
        assert checksum == told
        at += 8 + length
        frames.append(body)
    *frames, last = frames
    assert last == b""
    header, group = map(msgspec.msgpack.decode, frames)
    fields = header.pop("fields")
    assert header == {
        "format": 3, "uuid": "6f0f" * 8, "created": 1_700_000_000, "serial": 3, "spool": 5, "chunk_rows": 2,
    }  # fmt: skip
    assert {kind: len(records) for kind, records in group.items()} == {"events": 3, "counts": 2, "erasures": 1}
    first = dict(zip(fields["events"], group["events"][0], strict=True))
    assert (first["path"], first["currency"], first["amount"], first["lcp"]) == ("/prices/ä", "EUR", -1250, 1234.5)
    assert dict(zip(fields["counts"], group["counts"][0], strict=True)) == {
        "site": "spool", "minute": 1_699_999_980, "reason": "accepted", "count": 3,
    }  # fmt: skip


def test_the_golden_files_of_earlier_formats_have_the_documented_layout() -> None:
    for number, golden in [(number, golden) for number, golden in GOLDEN.items() if number < 3]:
        with contextlib.closing(sqlite3.connect(f"file:{golden}?mode=ro&immutable=1", uri=True)) as connection:
            header = dict(connection.execute("SELECT key, value FROM header"))
            groups = connection.execute("SELECT n, kind, records, body FROM groups").fetchall()
        named = {kind: header.pop(f"{kind}_fields", None) for kind in FIELDS_1}
        assert header == {
            "format": number, "uuid": "6f0f" * 8, "created": 1_700_000_000, "serial": 3, "spool": 5, "chunk_rows": 2,
        }  # fmt: skip
        kinds = [("events", 3), ("counts", 2), ("erasures", 1)][: 2 if number == 1 else 3]
        assert [group[:3] for group in groups] == [(n, *kind) for n, kind in enumerate(kinds, 1)]
        # What both golden files hold, by frozen places: the names of format 1 are those it was written by.
        names = {kind: FIELDS_1[kind] if number == 1 else json.loads(text) for kind, text in named.items()}
        first = dict(zip(names["events"], msgspec.msgpack.decode(groups[0][3])[0], strict=True))
        assert (first["path"], first["currency"], first["amount"], first["lcp"]) == ("/prices/ä", "EUR", -1250, 1234.5)
        assert dict(zip(names["counts"], msgspec.msgpack.decode(groups[1][3])[0], strict=True)) == {
            "site": "spool", "minute": 1_699_999_980, "reason": "accepted", "count": 3,
        }  # fmt: skip


def test_what_format_1_held_is_frozen() -> None:
    """By place, as the file of that format has it."""
    _, rows, *_ = read_sealed(GOLDEN[1])
    assert rows[0][:8] == ["spool", 1_700_000_001, 19_675, 30, 0, 1, "pageview", True]
    assert len(FIELDS_1["events"]) == 40
    assert FIELDS_1["events"][29:34] == ("props", "currency", "amount", "engaged_ms", "scroll")


def rewritten(path: Path, names: dict[str, Any], group: dict[str, list[Any]]) -> Path:
    """A sealed file as another version would have written it. names: those of its fields that are others."""
    header = {"format": FORMAT, **structs.asdict(Header("0" * 32, 1, 0, 0, 20_000))}
    frames = ({**header, "fields": {**layout.FIELDS, **names}}, group)
    LogFile(path).close(*map(msgspec.msgpack.encode, frames))
    return path


def test_fields_are_found_by_name_wherever_they_stand(tmp_path: Path) -> None:
    names = [*reversed(Event.__struct_fields__)]
    row = [structs.asdict(golden_events()[0])[name] for name in names]
    others = {"events": names, "counts": ["count", "reason", "minute", "site"], "of_a_later_version": ["x"]}
    path = rewritten(tmp_path / "1.sealed", others, {"events": [row], "counts": [[3, "accepted", 60, "s"]]})
    _, rows, counts, *_ = read_sealed(path)
    assert rows == [list(structs.astuple(golden_events()[0]))]
    assert counts == [Count("s", 60, "accepted", 3)]


def test_a_file_with_a_field_that_this_version_does_not_know_is_refused_by_its_name(tmp_path: Path) -> None:
    names = [*Event.__struct_fields__]
    names[5:5] = ["shoe_size"]
    row = [*structs.astuple(event(1))]
    row[5:5] = [44]
    path = rewritten(tmp_path / "1.sealed", {"events": names}, {"events": [row]})
    with pytest.raises(SpoolFileBad, match="shoe_size"):
        read_sealed(path)


def test_a_file_that_lacks_a_field_without_a_default_is_refused_by_its_name(tmp_path: Path) -> None:
    names = Event.__struct_fields__[1:]
    path = rewritten(tmp_path / "1.sealed", {"events": names}, {"events": [list(structs.astuple(event(1)))[1:]]})
    with pytest.raises(SpoolFileBad, match="lack the field 'site'"):
        read_sealed(path)


@pytest.mark.parametrize("names", ["no list", [1], {"a": 1}, 7, None, ["site", "site"]])
def test_a_header_that_does_not_name_its_fields_is_refused(tmp_path: Path, names: Any) -> None:
    path = rewritten(tmp_path / "1.sealed", {"events": names}, {"events": [list(structs.astuple(event(1)))]})
    with pytest.raises(SpoolFileBad):
        read_sealed(path)


def test_a_group_of_a_kind_that_this_version_does_not_know_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SpoolFileBad, match="unknown kind"):
        read_sealed(rewritten(tmp_path / "1.sealed", {"moods": ["x"]}, {"moods": [[1]]}))


def test_a_field_that_came_later_has_its_default_in_what_was_written_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(layout.FIELDS, "events", ("site", "new", "name"))  # type: ignore[index]
    monkeypatch.setitem(layout.RECORDS, "events", msgspec.defstruct("E", [("site", str), ("new", int), ("name", str)]))  # type: ignore[index]
    monkeypatch.setitem(layout.LATER, "events", {"new": 7})  # type: ignore[index]
    arrange = layout.arranged("events", ("name", "site"))
    assert arrange
    assert arrange(["pageview", "s"]) == ["s", 7, "pageview"]
    # Of no record's length, so that it is refused, and whole.
    assert arrange(["pageview", "s", 1]) == [["pageview", "s", 1]]
    own = msgspec.defstruct("F", [("site", str), ("name", str), ("new", int, 9)])
    monkeypatch.setitem(layout.FIELDS, "events", own.__struct_fields__)  # type: ignore[index]
    monkeypatch.setitem(layout.RECORDS, "events", own)  # type: ignore[index]
    of_before = layout.arranged("events", ("name", "site"))
    assert of_before
    assert of_before(["pageview", "s"]) == ["s", "pageview", 9]


def test_every_field_is_of_format_1_or_has_a_default_for_what_was_written_before() -> None:
    assert layout.RECORDS.keys() - FIELDS_1.keys() == {"crawlers"}, "a kind that came later names its fields itself"
    for kind in FIELDS_1:
        assert not set(FIELDS_1[kind]) - set(layout.FIELDS[kind]), "a field that is gone needs a reader of its own"
        layout.arranged(kind, FIELDS_1[kind])


if __name__ == "__main__":  # by hand only: python -m tests.pipeline.test_spool_format, when FORMAT changes
    golden = GOLDEN[FORMAT]
    draft = golden.with_suffix(".open")
    file = spool_file.OpenFile(draft, GOLDEN_HEADER)
    file.commit(golden_events(), golden_counts(), golden_erasures())
    file.close()
    spool_file.seal(draft)
    print(golden)
