"""Quarantine by hand: what is replayed is stored once or comes back; nothing is dropped that was not confirmed."""

from __future__ import annotations

import contextlib
import datetime as dt
import io
import itertools
import json
import os
import secrets
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest
from click.testing import CliRunner, Result
from msgspec import structs

from footfall.cli import main
from pipeline import writer as writing
from pipeline.spool.file import SpoolTaken, created_at, lock_directory, spool_files
from pipeline.spool.quarantine import REPLAY, Quarantine
from pipeline.writer import Writer
from schema.event import DAY_S, Event
from schema.site import day_number
from schema.store import Store
from tests.conftest import make_event
from tests.faults.spooled import DAY, NOON, Spooled, numbered, stored
from tests.house import eventually, rows, running

pytestmark = pytest.mark.process

_RUN = secrets.token_hex(4)
_NUMBER = itertools.count(1)
PATH = f"/refused/{_RUN}"


@pytest.fixture
def site() -> str:
    return f"replay-{_RUN}-{next(_NUMBER)}"


@pytest.fixture
def picky(store: Store) -> Iterator[Store]:
    """A store that refuses a path, until it is healed."""
    store.command(f"ALTER TABLE events ADD CONSTRAINT no_{_RUN} CHECK path != '{PATH}'")
    yield store
    store.command(f"ALTER TABLE events DROP CONSTRAINT IF EXISTS no_{_RUN}")


def heal(store: Store) -> None:
    store.command(f"ALTER TABLE events DROP CONSTRAINT no_{_RUN}")


def names(quarantine: Quarantine) -> list[str]:
    return [held.name for held in quarantine.held()]


def refused(store: Store, root: Path, site: str, number: int = 3) -> Spooled:
    """A house whose events are all in quarantine."""
    house = Spooled(store, root)
    house.seal(numbered(site, number, path=PATH), chunk_rows=100)
    house.writer.drain()
    assert len(house.quarantine) == number
    return house


# -- replay --------------------------------------------------------------------------------------------------------


@pytest.mark.clickhouse
def test_what_is_replayed_is_stored_once_the_store_takes_it(picky: Store, tmp_path: Path, site: str) -> None:
    house = refused(picky, tmp_path, site)
    heal(picky)
    assert house.quarantine.replay(names(house.quarantine)) == 3
    assert len(house.quarantine) == 0
    assert house.writer.drain() == 3
    assert sorted(stored(picky, site)) == [0, 1, 2]


@pytest.mark.clickhouse
def test_what_is_refused_again_comes_back_and_can_be_replayed_again(picky: Store, tmp_path: Path, site: str) -> None:
    house = refused(picky, tmp_path, site)
    kept = sorted(path.read_bytes() for path in house.quarantine.directory.iterdir())
    for _ in range(2):
        assert house.quarantine.replay(names(house.quarantine)) == 3
        house.writer.drain()
        assert sorted(path.read_bytes() for path in house.quarantine.directory.iterdir()) == kept
    heal(picky)
    house.quarantine.replay(names(house.quarantine))
    house.writer.drain()
    assert sorted(stored(picky, site)) == [0, 1, 2]


@pytest.mark.clickhouse
def test_a_crash_between_sealing_and_deleting_stores_nothing_twice(picky: Store, tmp_path: Path, site: str) -> None:
    house = refused(picky, tmp_path, site)
    copy = shutil.copytree(house.quarantine.directory, tmp_path / "copy")
    heal(picky)
    for _ in range(3):
        shutil.copytree(copy, house.quarantine.directory, dirs_exist_ok=True)
        house.quarantine.replay(names(house.quarantine))
        house.writer.drain()
    assert sorted(stored(picky, site)) == [0, 1, 2]


@pytest.mark.clickhouse
def test_what_is_replayed_holds_its_spools_watermark_before_its_own_second(
    picky: Store, tmp_path: Path, site: str
) -> None:
    house = refused(picky, tmp_path, site)
    house.quarantine.replay(names(house.quarantine), now=NOON + 500)
    files = spool_files(house.spool.parent / REPLAY)
    assert [created_at(path) for path in files] == [NOON, NOON + 1, NOON + 2]
    assert Writer(picky, house.spool.parent, house.quarantine, clock=lambda: NOON + 500).watermarks()[REPLAY] < NOON


def test_more_events_of_one_second_than_a_second_has_names_for_are_all_replayed(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "q")
    for number in range(70):
        quarantine.put(f"{number:032x}-0", list(structs.astuple(make_event("s", NOON, DAY, visitor=number))))
    assert quarantine.replay(names(quarantine), now=NOON + 9) == 70
    assert len(spool_files(tmp_path / "spool" / REPLAY)) == 70
    assert len(quarantine) == 0


def test_an_event_of_a_later_version_stays_for_it_and_says_so(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "q")
    quarantine.put("a-0", list(structs.astuple(make_event("s", NOON, DAY, visitor=7))))
    file = tmp_path / "q" / "a-0.event"
    kept = msgspec.msgpack.decode(file.read_bytes())
    later = {"fields": ["mood", *kept["fields"]], "row": ["fine", *kept["row"]]}
    file.write_bytes(msgspec.msgpack.encode(later))
    (held,) = quarantine.held()
    assert "'mood', which this version does not know" in held.reason
    assert (held.fields["site"], held.fields["visitor"], held.fields["mood"]) == ("s", 7, "fine")
    assert quarantine.replay(["a-0"], now=NOON) == 0
    # It is found by whoever objects, and dies with its lifetime.
    assert quarantine.forget({("s", day_number(DAY), 7)}) == 1
    file.write_bytes(msgspec.msgpack.encode(later))
    assert (quarantine.expire(NOON + 29 * DAY_S), quarantine.expire(NOON + 31 * DAY_S)) == (0, 1)


def test_two_replays_at_once_are_refused_and_nothing_is_taken(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "q")
    quarantine.put("a-0", list(structs.astuple(make_event("s", NOON, DAY))))
    quarantine.replay([], now=NOON)
    lock = lock_directory(tmp_path / "spool" / REPLAY)
    with pytest.raises(SpoolTaken):
        quarantine.replay(["a-0"], now=NOON)
    assert len(quarantine) == 1
    os.close(lock)


def test_what_has_outlived_its_lifetime_is_not_replayed(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "q")
    quarantine.put("a-0", list(structs.astuple(make_event("s", NOON, DAY, lifetime=2))))
    assert quarantine.replay(["a-0"], now=NOON + 3 * DAY_S) == 0
    assert len(quarantine) == 0


@pytest.mark.clickhouse
def test_d6_an_erasure_takes_what_is_being_replayed_too(picky: Store, tmp_path: Path, site: str) -> None:
    house = refused(picky, tmp_path, site)
    house.quarantine.replay(names(house.quarantine)[:2])
    heal(picky)
    assert house.quarantine.forget({(site, day_number(DAY), visitor) for visitor in (0, 2)}) == 2
    assert house.writer.drain() == 1
    assert stored(picky, site) == [1]
    assert len(house.quarantine) == 0


@pytest.mark.clickhouse
def test_d6_an_erasure_takes_what_a_cut_off_replay_left(
    picky: Store, tmp_path: Path, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = refused(picky, tmp_path, site)
    with monkeypatch.context() as patch:
        patch.setattr("pipeline.spool.quarantine.seal", lambda _: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            house.quarantine.replay(names(house.quarantine)[:1])
    heal(picky)
    # Once where it was, once in the file that was not sealed yet.
    assert house.quarantine.forget({(site, day_number(DAY), 0)}) == 2
    house.writer.drain()
    assert stored(picky, site) == []


@pytest.mark.clickhouse
def test_d6_an_erasure_waits_for_the_event_that_the_writer_has_in_hand(
    picky: Store, tmp_path: Path, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = refused(picky, tmp_path, site, number=1)
    house.quarantine.replay(names(house.quarantine))
    heal(picky)
    reading, go_on, read = threading.Event(), threading.Event(), writing.read_sealed

    def slowly(path: Path) -> Any:
        reading.set()
        assert go_on.wait(30)
        return read(path)

    monkeypatch.setattr(writing, "read_sealed", slowly)
    writer = threading.Thread(target=house.writer.drain)
    writer.start()
    assert reading.wait(30)
    eraser = threading.Thread(target=house.quarantine.forget, args=({(site, day_number(DAY), 0)},))
    eraser.start()
    eraser.join(0.2)
    assert eraser.is_alive(), "what it has not seen would be stored after the rows were deleted"
    go_on.set()
    writer.join(30)
    eraser.join(30)
    assert stored(picky, site) == [0], "stored before the erasure deletes rows, so deleted with them"


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        ({}, ""),
        ({"amount": 2**63}, "amount: out of range"),
        ({"scroll": 256}, "scroll: out of range"),
        ({"lifetime": -1}, "lifetime: out of range"),
        ({"visitor": "nobody"}, "visitor: of another type"),
        ({"path": None}, "path: of another type"),
        ({"props": ["a"]}, "props: of another type"),
    ],
)
def test_the_reason_names_the_field_and_no_value(tmp_path: Path, given: dict[str, Any], reason: str) -> None:
    quarantine = Quarantine(tmp_path)
    quarantine.put("a-0", list(structs.astuple(structs.replace(make_event("s", NOON, DAY), **given))))
    (held,) = quarantine.held()
    assert held.reason == reason
    assert list(held.fields) == list(Event.__struct_fields__)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "cannot be read"),
        (b"\xc1", "cannot be read"),
        (b"\xa3abc", "cannot be read"),
        (msgspec.msgpack.encode(["s", 1]), "has 2 fields instead of 40"),
    ],
)
def test_what_cannot_be_read_is_listed_and_can_be_dropped(tmp_path: Path, content: bytes, reason: str) -> None:
    quarantine = Quarantine(tmp_path)
    (tmp_path / "a-0.event").write_bytes(content)
    assert [held.reason for held in quarantine.held()] == [reason]
    assert quarantine.drop(["a-0", "b-0"]) == 1
    assert len(quarantine) == 0


# -- the command ---------------------------------------------------------------------------------------------------


@pytest.fixture
def held(data: Path) -> Quarantine:
    """Two events, received today."""
    quarantine = Quarantine(data / "quarantine")
    today = dt.datetime.now(dt.UTC)
    received = int(today.timestamp())
    quarantine.put("aa11-0", list(structs.astuple(make_event("example.com", received, today.date(), path="/a"))))
    poison = structs.replace(make_event("example.com", received, today.date(), path="/b"), scroll=999)
    quarantine.put("aa22-5", list(structs.astuple(poison)))
    return quarantine


def command(data: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["quarantine", *arguments, "--data", str(data)])


def test_list_tells_name_site_day_time_and_what_is_wrong(data: Path, held: Quarantine) -> None:
    day = dt.datetime.now(dt.UTC).date().isoformat()
    told = json.loads(command(data, "list", "--json").stdout)
    assert [(row["name"], row["site"], row["reason"]) for row in told] == [
        ("aa11-0", "example.com", ""),
        ("aa22-5", "example.com", "scroll: out of range"),
    ]
    assert all(row["day"] == day and row["received"].startswith(day) for row in told)
    table = command(data, "list").stdout.splitlines()
    assert len(table) == 2
    assert "refused by the store" in table[0]


def test_list_of_nothing_says_so(data: Path) -> None:
    assert command(data, "list").stdout == "the quarantine is empty\n"
    assert json.loads(command(data, "list", "--json").stdout) == []


def test_show_tells_every_field(data: Path, held: Quarantine) -> None:
    told = json.loads(command(data, "show", "aa22-5", "--json").stdout)
    assert list(told["fields"]) == list(Event.__struct_fields__)
    assert (told["fields"]["path"], told["fields"]["scroll"]) == ("/b", 999)
    assert "'/a'" in command(data, "show", "aa1").stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("show", "zz"), "no event of that name"),
        (("show", "aa"), "2 events begin so"),
        (("show", "../quarantine/aa11-0"), "no event of that name"),
        (("replay",), "--all"),
        (("replay", "aa11-0", "--all"), "--all"),
        (("drop", "--all"), "--yes"),
        (("drop", "aa11-0"), "1 event would be deleted"),
        (("drop", "zz", "--yes"), "no event of that name"),
    ],
)
def test_what_is_not_clear_changes_nothing(
    data: Path, held: Quarantine, arguments: tuple[str, ...], complaint: str
) -> None:
    done = command(data, *arguments)
    assert done.exit_code == 1
    assert complaint in done.output
    assert len(held) == 2


def test_drop_deletes_what_was_named_and_nothing_else(data: Path, held: Quarantine) -> None:
    assert json.loads(command(data, "drop", "aa22-5", "--yes", "--json").stdout) == {"dropped": 1, "left": 1}
    assert names(held) == ["aa11-0"]
    assert command(data, "drop", "--all", "--yes").exit_code == 0
    assert len(held) == 0


@pytest.mark.clickhouse
def test_a_running_house_takes_what_is_replayed_and_puts_back_what_it_refuses(data: Path, held: Quarantine) -> None:
    with running(data) as house:
        done = house.command("quarantine", "replay", "--all", "--json")
        assert json.loads(done.stdout)["replayed"] == 2, done.stderr
        eventually(lambda: len(held) == 1 and not list((data / "spool" / REPLAY).glob("*.sealed")))
        assert [(each.fields["path"], each.reason) for each in held.held()] == [("/b", "scroll: out of range")]
        assert house.stop() == 0
    assert rows(data, "SELECT path FROM events") == [[["/a"]]]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("answer", "left"), [("n\n", 2), ("y\n", 1)])
def test_drop_asks_at_a_terminal(
    data: Path, held: Quarantine, answer: str, left: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(answer))
    with contextlib.suppress(click.ClickException):
        main(["quarantine", "drop", "aa11-0", "--data", str(data)], standalone_mode=False)
    assert len(held) == left
