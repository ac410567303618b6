"""Sealed files → `events`, exactly once, whatever dies on the way; what the store refuses dies alone."""

from __future__ import annotations

import datetime as dt
import itertools
import os
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs
from structlog.testing import capture_logs

from pipeline import writer as writing
from pipeline.spool import file as spool_file
from pipeline.spool.aside import KEPT_S
from pipeline.spool.file import Header, lock_directory, spool_files
from pipeline.spool.log import LogFile, read_log
from pipeline.spool.quarantine import Quarantine
from pipeline.spool.spool import IN_FLIGHT_S
from pipeline.writer import Writer
from schema.event import DAY_S, Count, Event
from schema.site import day_number
from schema.store import Store, StoreDown
from tests.conftest import make_event
from tests.house import eventually

pytestmark = [pytest.mark.clickhouse, pytest.mark.usefixtures("no_spool_is_enrolled")]

DAY = dt.date(2044, 2, 3)
NOON = day_number(DAY) * DAY_S + 43_200
_NUMBER = itertools.count(1)


@pytest.fixture
def site() -> str:
    return f"writer-{next(_NUMBER)}"


class House:
    """Spools, a quarantine and a writer over them."""

    def __init__(self, store: Any, root: Path, now: float = NOON) -> None:
        self.spools, self.quarantine = root / "spools", Quarantine(root / "quarantine")
        self.now = now
        self.writer = Writer(store, self.spools, self.quarantine, clock=lambda: self.now)

    def begin(
        self,
        events: list[Event],
        counts: tuple[Count, ...] = (),
        worker: str = "0",
        created: int = NOON,
        chunk_rows: int = 3,
    ) -> Path:
        """A file as a worker that crashed leaves it."""
        folder = self.spools / worker
        folder.mkdir(exist_ok=True)
        serial = len(list(folder.glob(f"{created:010d}-*")))
        path = folder / f"{created:010d}-{serial:02d}.open"
        file = spool_file.OpenFile(path, Header(uuid.uuid4().hex, created, serial, int(worker), chunk_rows))
        file.commit(events, list(counts))
        file.close()
        return path

    def seal(self, events: list[Event], counts: tuple[Count, ...] = (), **given: Any) -> Path:
        path = self.begin(events, counts, **given)
        spool_file.seal(path)
        return path.with_suffix(".sealed")


@pytest.fixture
def house(store: Store, tmp_path: Path) -> House:
    return House(store, tmp_path)


class Wrapped:
    """The store, with a word before every insert."""

    def __init__(self, store: Store, before: Callable[[str, str], None]) -> None:
        self._store, self._before = store, before

    def insert(self, table: str, columns: Any, data: Any, token: str = "") -> None:
        self._before(table, token)
        self._store.insert(table, columns, data, token)


def events(site: str, number: int, **given: Any) -> list[Event]:
    return [make_event(site, NOON + i, DAY, **({"visitor": i} | given)) for i in range(number)]


def stored(store: Store, site: str) -> list[int]:
    rows = store.rows("SELECT visitor FROM events WHERE site = {s:String} ORDER BY sequence", {"s": site})
    return [visitor for (visitor,) in rows]


def counted(store: Store, site: str) -> dict[str, int]:
    return dict(
        store.rows("SELECT reason, sum(count) FROM ingest WHERE site = {s:String} GROUP BY reason", {"s": site})
    )


# -- exactly once --------------------------------------------------------------------------------------------------


def test_a_file_is_stored_in_its_order_and_then_deleted(store: Store, house: House, site: str) -> None:
    path = house.seal(events(site, 8))
    assert house.writer.drain() == 8
    assert stored(store, site) == list(range(8))
    assert not path.exists()
    assert house.writer.drain() == 0
    assert house.writer.files == 1


def test_what_is_stored_is_what_was_spooled_in_every_field(store: Store, house: House, site: str) -> None:
    texts = {
        name: f"{name} ä \\ ' \t" for name, kind in Event.__annotations__.items() if kind == "str" and name != "site"
    }
    full = make_event(
        site,
        NOON,
        DAY,
        **texts,
        visitor=2**64 - 1,
        id=2**63,
        interactive=False,
        props={"k": "v", "": "\\N"},
        amount=-(2**62),
        engaged_ms=2**32 - 1,
        scroll=100,
        lcp=1.5,
        inp=0.0,
        cls=0.25,
        fcp=-1.0,
        ttfb=3.0,
    )
    house.seal([full])
    house.writer.drain()
    fields = [
        f"toUnixTimestamp({n})" if n == "received" else f"toUInt16({n})" if n == "day" else n
        for n in Event.__struct_fields__
    ]
    (row,) = store.rows(f"SELECT {', '.join(fields)} FROM events WHERE site = {{s:String}}", {"s": site})
    assert dict(zip(Event.__struct_fields__, row, strict=True)) == structs.asdict(full)


def test_the_same_file_drained_again_stores_nothing_twice(
    store: Store, house: House, site: str, tmp_path: Path
) -> None:
    path = house.seal(events(site, 8), (Count(site, NOON, "accepted", 8),))
    copy = shutil.copy(path, tmp_path / "copy")
    for _ in range(3):
        shutil.copy(copy, path)
        house.writer.drain()
    assert stored(store, site) == list(range(8))
    assert counted(store, site) == {"accepted": 8}


def test_the_same_rows_in_another_file_are_other_events(store: Store, house: House, site: str) -> None:
    for _ in range(2):
        house.seal(events(site, 2))
    house.writer.drain()
    assert stored(store, site) == [0, 1, 0, 1]


@pytest.mark.parametrize("dies_at", range(5))
def test_a_crash_between_any_two_steps_costs_nothing_and_doubles_nothing(
    store: Store, tmp_path: Path, site: str, monkeypatch: pytest.MonkeyPatch, dies_at: int
) -> None:
    """Three chunks, the counts, the deletion: five steps."""
    steps = itertools.count()

    def step(*_: str) -> None:
        if next(steps) == dies_at:
            raise KeyboardInterrupt

    unlink = Path.unlink

    def dying_unlink(self: Path, missing_ok: bool = False) -> None:
        if self.suffix == ".sealed":
            step()
        unlink(self, missing_ok)

    monkeypatch.setattr(Path, "unlink", dying_unlink)
    first = House(Wrapped(store, step), tmp_path)
    first.seal(events(site, 8), (Count(site, NOON, "accepted", 8),))
    with pytest.raises(KeyboardInterrupt):
        first.writer.drain()
    assert House(store, tmp_path).writer.drain() == 8
    assert stored(store, site) == list(range(8))
    assert counted(store, site) == {"accepted": 8}


def test_files_of_all_spools_are_drained_oldest_first(store: Store, tmp_path: Path, site: str) -> None:
    tokens: list[str] = []
    house = House(Wrapped(store, lambda table, token: tokens.append(token)), tmp_path)
    made = [
        house.seal(events(site, 1, visitor=i), worker=worker, created=NOON + at)
        for i, (worker, at) in enumerate([("0", 2), ("1", 1), ("0", 1), ("1", 3)])
    ]
    names = [spool_file.read_sealed(made[i])[0].uuid + ":0" for i in (2, 1, 0, 3)]
    house.writer.drain()
    assert tokens == names


# -- the store is away ---------------------------------------------------------------------------------------------


def test_while_the_store_is_down_nothing_is_deleted_and_then_everything_is_stored(
    store: Store, tmp_path: Path, site: str
) -> None:
    down = [True]

    def away(*_: str) -> None:
        if down[0]:
            raise StoreDown("away")

    house = House(Wrapped(store, away), tmp_path)
    paths = [house.seal(events(site, 4, visitor=i)) for i in range(3)]
    for _ in range(2):
        with pytest.raises(StoreDown):
            house.writer.drain()
        assert all(path.exists() for path in paths)
        assert len(house.quarantine) == 0
    down[0] = False
    assert house.writer.drain() == 12
    assert len(stored(store, site)) == 12


def test_the_running_writer_comes_back_by_itself(
    store: Store, tmp_path: Path, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "_BACK_OFF_S", (0.01,))
    monkeypatch.setattr(writing, "_POLL_S", 0.01)
    monkeypatch.setattr(writing, "_WATERMARKS_EVERY_S", 0.0)
    asked, back = itertools.count(1), threading.Event()

    def away(table: str, _: str) -> None:
        if next(asked) < 4:
            raise StoreDown("away")
        if table == "watermarks":
            back.set()

    house = House(Wrapped(store, away), tmp_path)
    house.seal(events(site, 3))
    with capture_logs() as logs:
        house.writer.start()
        assert back.wait(30)
        house.writer.stop()
    assert stored(store, site) == [0, 1, 2]
    assert [entry["event"] for entry in logs if entry["event"].startswith("store_")] == [
        "store_is_down",
        "store_is_back",
    ]


# -- poison --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "poison",
    [
        {"amount": 2**63},
        {"engaged_ms": 2**40},
        {"scroll": 256},
        {"lifetime": -1},
        {"visitor": "nobody"},
        {"received": "yesterday"},
        {"lcp": "fast"},
        {"props": ["a"]},
        {"path": None},
    ],
    ids=str,
)
@pytest.mark.parametrize("place", [0, 3, 6])
def test_a_poison_row_is_quarantined_alone_and_its_neighbours_are_stored(
    store: Store, house: House, site: str, poison: dict[str, Any], place: int
) -> None:
    rows = events(site, 7)
    rows[place] = structs.replace(rows[place], **poison)
    path = house.seal(rows)
    with capture_logs() as logs:
        house.writer.drain()
    assert stored(store, site) == [i for i in range(7) if i != place]
    (kept,) = house.quarantine.directory.glob("*.event")
    assert Event(**dict(zip(*msgspec.msgpack.decode(kept.read_bytes()).values(), strict=True))) == rows[place]
    assert not path.exists()
    # The log says that, not what.
    assert not [entry for entry in logs if "writer-" in str(entry)]
    assert [entry["event"] for entry in logs] == ["event_quarantined"]


def test_a_row_of_another_number_of_fields_is_quarantined_and_does_not_stop_the_writer(
    store: Store, house: House, site: str
) -> None:
    path = house.begin(events(site, 3))
    frames, short = read_log(path.read_bytes()).bodies, msgspec.msgpack.encode({"events": [[site, NOON, 1]]})
    path.unlink()
    LogFile(path).close(*frames, short)
    house.writer.drain()
    assert stored(store, site) == [0, 1, 2]
    assert len(house.quarantine) == 1


def test_a_poison_row_drained_again_is_quarantined_once_and_nothing_is_stored_twice(
    store: Store, house: House, site: str, tmp_path: Path
) -> None:
    rows = events(site, 7)
    rows[4] = structs.replace(rows[4], amount=2**63)
    path = house.seal(rows, chunk_rows=100)
    copy = shutil.copy(path, tmp_path / "copy")
    for _ in range(2):
        shutil.copy(copy, path)
        house.writer.drain()
    assert stored(store, site) == [0, 1, 2, 3, 5, 6]
    assert len(house.quarantine) == 1


def test_the_file_is_kept_until_its_poison_is_safe(
    store: Store, house: House, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = house.seal([structs.replace(each, amount=2**63) for each in events(site, 1)])

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        house.writer.drain()
    monkeypatch.undo()
    assert path.exists()
    assert len(house.quarantine) == 0
    house.writer.drain()
    assert (path.exists(), len(house.quarantine)) == (False, 1)


@pytest.mark.parametrize(
    ("lifetime", "now", "left"),
    [
        (2, NOON, 1),
        (2, (day_number(DAY) + 2) * DAY_S - 1, 1),
        (2, (day_number(DAY) + 2) * DAY_S, 0),
        (30, NOON + 3 * DAY_S, 1),
    ],
)
def test_quarantine_dies_when_the_row_would_have(tmp_path: Path, lifetime: int, now: float, left: int) -> None:
    quarantine = Quarantine(tmp_path)
    quarantine.put("a-0", list(structs.astuple(make_event("s", NOON, DAY, lifetime=lifetime))))
    assert quarantine.expire(now) == 1 - left
    assert len(quarantine) == left


@pytest.mark.parametrize(
    "content",
    [
        *(b"", b"\xc1", b"\x93\x01\x02\x03", b"\xa3abc", msgspec.msgpack.encode(["s", "x", 1, "y"])),
        msgspec.msgpack.encode(structs.astuple(structs.replace(make_event("s", 2**31, DAY), visitor="nobody"))),  # type: ignore[arg-type]
    ],
)
def test_d6_quarantine_that_no_erasure_can_find_has_a_day(tmp_path: Path, content: bytes) -> None:
    quarantine = Quarantine(tmp_path)
    (tmp_path / "a-0.event").write_bytes(content)
    put = time.time()
    assert quarantine.expire(put) == 0
    assert quarantine.expire(put + KEPT_S + 1) == 1


def test_quarantine_is_for_its_owner_only_and_putting_again_changes_nothing(tmp_path: Path) -> None:
    quarantine = Quarantine(tmp_path / "q")
    for _ in range(2):
        quarantine.put("a-0", [1])
    assert [oct(path.stat().st_mode & 0o777) for path in quarantine.directory.iterdir()] == ["0o600"]
    assert oct(quarantine.directory.stat().st_mode & 0o777) == "0o700"


# -- spools without an owner, files without sense ------------------------------------------------------------------


def test_the_spool_of_a_worker_that_is_gone_is_adopted(store: Store, house: House, site: str) -> None:
    house.begin(events(site, 3), worker="7")
    assert house.writer.drain() == 3
    assert stored(store, site) == [0, 1, 2]


def test_the_open_file_of_a_living_worker_is_left_alone(store: Store, house: House, site: str) -> None:
    path = house.begin(events(site, 3))
    lock = lock_directory(path.parent)
    assert house.writer.drain() == 0
    assert path.exists()
    os.close(lock)
    assert house.writer.drain() == 3


def test_an_adopted_spool_can_be_owned_again(house: House, site: str) -> None:
    path = house.begin(events(site, 1))
    house.writer.drain()
    os.close(lock_directory(path.parent))


@pytest.mark.parametrize("content", [b"", b"garbage" * 1000, b"SQLite format 3\x00" + b"\x01" * 4080])
def test_an_unreadable_sealed_file_is_set_aside_and_the_rest_is_stored(
    store: Store, house: House, site: str, content: bytes
) -> None:
    good = house.seal(events(site, 2))
    bad = good.with_name("0000000001-00.sealed")
    bad.write_bytes(content)
    assert house.writer.drain() == 2
    assert stored(store, site) == [0, 1]
    assert [path.name for path in good.parent.iterdir()] == ["0000000001-00.sealed.bad"]


def test_a_file_of_a_later_version_is_set_aside_and_the_log_names_the_field(
    store: Store, house: House, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [*Event.__struct_fields__, "mood"]
    monkeypatch.setitem(spool_file.FIELDS, "events", names)  # type: ignore[index]
    later = house.seal(events(site, 1))
    monkeypatch.undo()
    house.seal(events(site, 2))
    with capture_logs() as logs:
        assert house.writer.drain() == 2
    assert later.with_name(f"{later.name}.bad").exists()
    assert len(house.quarantine) == 0
    (told,) = [entry for entry in logs if entry["event"] == "spool_file_set_aside"]
    assert "'mood', which this version does not know" in told["reason"]


def test_d6_the_running_writer_deletes_what_was_set_aside_a_day_ago_even_while_the_store_is_down(
    store: Store, tmp_path: Path, site: str
) -> None:
    def away(*_: str) -> None:
        raise StoreDown("away")

    house = House(Wrapped(store, away), tmp_path)
    kept = house.seal(events(site, 2), created=NOON)
    old, new = (kept.with_name(f"{NOON - age:010d}-00.sealed.bad") for age in (86_400, 60))
    for path in (old, new):
        path.write_bytes(b"x")
        os.utime(path, (NOON, NOON))
    house.writer.start()
    eventually(lambda: not old.exists())
    house.writer.stop()
    assert kept.exists()
    assert new.exists()


def test_a_file_that_cannot_be_read_now_is_kept(house: House, site: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = house.seal(events(site, 2))

    def no_descriptors(_: Path) -> None:
        raise OSError(24, "Too many open files")

    monkeypatch.setattr(writing, "read_sealed", no_descriptors)
    with pytest.raises(OSError, match="Too many"):
        house.writer.drain()
    monkeypatch.undo()
    assert path.exists()
    assert house.writer.drain() == 2


# -- counts and watermarks -----------------------------------------------------------------------------------------


def test_counts_add_up_over_files_even_where_they_are_the_same(store: Store, house: House, site: str) -> None:
    minute = NOON // 60 * 60
    for _ in range(3):
        house.seal(events(site, 1), (Count(site, minute, "accepted", 3), Count(site, minute, "bot", 1)))
    house.seal([], (Count(site, minute, "accepted", 4), Count(site, minute + 60, "accepted", 1)))
    house.writer.drain()
    assert counted(store, site) == {"accepted": 14, "bot": 3}


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        ({}, {}),
        ({"0": [NOON - 50]}, {"0": NOON - 50 - IN_FLIGHT_S}),
        ({"0": [NOON - 50, NOON - 70], "1": [NOON - 5]}, {"0": NOON - 70 - IN_FLIGHT_S, "1": NOON - 5 - IN_FLIGHT_S}),
        ({"0": [NOON + 900]}, {"0": NOON - IN_FLIGHT_S}),  # the clock stepped back
    ],
)
def test_a_watermark_stands_before_the_oldest_file_that_is_not_stored(
    house: House, site: str, files: dict[str, list[int]], expected: dict[str, int]
) -> None:
    for worker, times in files.items():
        for created in times:
            house.seal(events(site, 1), worker=worker, created=created)
    assert house.writer.watermarks() == expected
    house.writer.drain()
    assert house.writer.watermarks() == dict.fromkeys(expected, NOON - IN_FLIGHT_S)


def test_an_open_file_holds_its_watermark_back(house: House, site: str) -> None:
    path = house.begin(events(site, 1), created=NOON - 30)
    lock = lock_directory(path.parent)
    house.writer.drain()
    assert house.writer.watermarks() == {"0": NOON - 30 - IN_FLIGHT_S}
    os.close(lock)


def test_watermarks_are_told_when_something_waits_for_them(
    house: House, site: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, told = [NOON // 900 * 900 + 30], list[dict[str, int]]()
    monkeypatch.setattr(writing, "_WATERMARKS_EVERY_S", 0.0)
    house.writer._clock = lambda: now[0]

    def insert(table: str, names: Sequence[str], data: Sequence[Sequence[Any]]) -> None:
        told.append(dict(zip(*data, strict=True)))

    monkeypatch.setattr(house.writer.store, "insert", insert)

    def tells() -> bool:
        before = len(told)
        house.writer._tell_watermarks()
        return len(told) > before

    house.seal([], worker="0")
    house.writer.drain()
    assert [tells(), tells()] == [True, False], "a spool is new"
    now[0] += 600
    assert not tells(), "nobody waits"
    now[0] += 270
    assert tells(), "a quarter of an hour is over"
    now[0] += IN_FLIGHT_S
    assert [tells(), tells()] == [True, False], "and has arrived only now"
    house.writer._erased = now[0] + 5
    now[0] += 10
    assert tells(), "an erasure waits"
    now[0] += 30
    assert [tells(), tells()] == [True, False]
    monkeypatch.setattr(writing, "_WATERMARKS_AT_LEAST_EVERY_S", 0.0)
    assert tells(), "and now and then"


def test_watermarks_are_published_under_the_hosts_name(store: Store, tmp_path: Path, site: str) -> None:
    house = House(store, tmp_path)
    house.writer = Writer(store, house.spools, house.quarantine, host="web-1", clock=lambda: NOON)
    house.seal(events(site, 1))
    house.writer.drain()
    house.writer.publish_watermarks()
    assert store.rows("SELECT spool, toUnixTimestamp(received_through) FROM watermarks") == [
        ("web-1/0", NOON - IN_FLIGHT_S)
    ]
    assert not spool_files(house.spools / "0")
