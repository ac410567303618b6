"""Rules H2 and H3: keys are random, in RAM, made before the day and destroyed 10 s after it; without one, nothing."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.keys import files
from collector.keys.directory import KeysOnDisk, in_ram
from collector.keys.files import KeyFile, read_keys
from collector.keys.journal import lost_days, read_journal
from collector.keys.keeper import KeyDirectory, KeyKeeper
from collector.keys.key import DESTROY_AFTER_S, KEY_BYTES, EphemeralKeys, NoKey, wipe
from pipeline.spool.spool import IN_FLIGHT_S
from schema.site import Site, day_bounds, day_number

DAY = day_number(dt.date(2026, 10, 25))  # in Berlin it has 25 hours
BERLIN = Site("berlin", timezone="Europe/Berlin")
APIA = Site("apia", timezone="Pacific/Apia")
START = day_bounds("Europe/Berlin", DAY).start
END = day_bounds("Europe/Berlin", DAY).end


@pytest.fixture
def ram() -> Iterator[Path]:
    """A directory in RAM."""
    directory = Path("/dev/shm") / f"footfall-test-{uuid.uuid4().hex}"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


class Clock:
    def __init__(self, now: float) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock(START + 3600)


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    return tmp_path / "keys.journal"


def keeper(ram: Path, journal: Path, clock: Clock, *sites: Site) -> KeyKeeper:
    return KeyKeeper(ram, journal, sites or (BERLIN,), clock=clock)


def held(ram: Path) -> set[tuple[str, int]]:
    return set(read_keys(ram / "keys"))


def happened(journal: Path) -> list[tuple[str, str, str]]:
    return [(entry["what"], entry["site"], entry["day"]) for entry in read_journal(journal)]


# -- where ---------------------------------------------------------------------------------------------------------


def test_h2_a_directory_on_a_disk_is_refused_with_the_setting_and_the_remedy(on_disk: Path, clock: Clock) -> None:
    assert not in_ram(on_disk)
    with pytest.raises(KeysOnDisk, match=r"keys.directory = .* is on a disk.*tmpfs"):
        keeper(on_disk / "k", on_disk / "j", clock)
    assert not (on_disk / "k" / "keys").exists()


def test_h2_a_directory_on_a_disk_is_taken_where_the_setting_says_so(on_disk: Path, clock: Clock) -> None:
    made = KeyKeeper(on_disk / "k", on_disk / "j", (BERLIN,), allow_disk=True, clock=clock)
    made.turn()
    assert held(on_disk / "k") == {("berlin", DAY)}
    made.close()


def test_h2_a_link_from_ram_to_a_disk_is_a_disk(ram: Path, on_disk: Path) -> None:
    ram.mkdir()
    (ram / "link").symlink_to(on_disk)
    assert in_ram(ram)
    assert not in_ram(ram / "link")


def test_h2_keys_are_readable_by_their_owner_only(ram: Path, journal: Path, clock: Clock) -> None:
    made = keeper(ram, journal, clock)
    made.turn()
    made.close()
    assert oct((ram / "keys").stat().st_mode & 0o777) == "0o600"
    assert oct(ram.stat().st_mode & 0o777) == "0o700"


def test_a_second_keeper_is_refused_and_the_first_goes_on(ram: Path, journal: Path, clock: Clock) -> None:
    first = keeper(ram, journal, clock)
    first.turn()
    before = read_keys(ram / "keys")
    with pytest.raises(KeysOnDisk, match="another process keeps keys there"):
        keeper(ram, journal, clock)
    first.turn()
    assert read_keys(ram / "keys") == before
    first.close()
    keeper(ram, journal, clock).close()


# -- when ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("after", "days"),
    [
        (0, [0]),
        (3600, [0]),
        (25 * 3600 - 601, [0]),
        (25 * 3600 - 600, [0, 1]),  # tomorrow's key is there before tomorrow, also for who fetches it
        (25 * 3600 - 1, [0, 1]),
        (25 * 3600, [0, 1]),  # requests in flight still need the old one
        (25 * 3600 + DESTROY_AFTER_S - 1, [0, 1]),
        (25 * 3600 + DESTROY_AFTER_S, [1]),
        (48 * 3600, [1]),
    ],
)
def test_h3_keys_are_there_before_their_day_and_gone_ten_seconds_after_it(
    ram: Path, journal: Path, after: int, days: list[int]
) -> None:
    clock = Clock(START)
    made = keeper(ram, journal, clock)
    for at in range(0, after + 1, 900):
        clock.now = START + at
        made.turn()
    for at in (after - 700, after - 15, after):
        clock.now = START + max(0, at)
        made.turn()
    made.close()
    assert held(ram) == {("berlin", DAY + day) for day in days}


def test_h3_each_site_turns_at_its_own_midnight(ram: Path, journal: Path, clock: Clock) -> None:
    made = keeper(ram, journal, clock, BERLIN, APIA)
    clock.now = END - 601
    made.turn()
    assert held(ram) == {("berlin", DAY), ("apia", DAY + 1)}
    clock.now = END + DESTROY_AFTER_S
    made.turn()
    made.close()
    assert held(ram) == {("berlin", DAY + 1), ("apia", DAY + 1)}


def test_a_key_does_not_change_during_its_day(ram: Path, journal: Path, clock: Clock) -> None:
    made = keeper(ram, journal, clock)
    made.turn()
    key = bytes(read_keys(ram / "keys")["berlin", DAY].key)
    for clock.now in (START + 7200, END - 30, END + 5):
        made.turn()
        assert bytes(read_keys(ram / "keys")["berlin", DAY].key) == key
    made.close()


def test_h2_keys_are_random_and_derived_from_nothing(ram: Path, journal: Path, clock: Clock) -> None:
    sites = [Site(f"s{i}") for i in range(50)]
    made = keeper(ram, journal, clock, *sites)
    made.turn()
    made.close()
    first = [bytes(one.key) for one in read_keys(ram / "keys").values()]
    assert {len(key) for key in first} == {KEY_BYTES}
    assert len(set(first)) == 50
    (ram / "keys").unlink()
    again = keeper(ram, journal, clock, *sites)
    again.turn()
    again.close()
    assert not set(first) & {bytes(one.key) for one in read_keys(ram / "keys").values()}


def test_h3_a_destroyed_key_is_overwritten_in_memory_and_in_no_file(
    ram: Path, journal: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = keeper(ram, journal, clock)
    made.turn()
    key = made._keys["berlin", DAY].key
    text = bytes(key)
    clock.now = END + DESTROY_AFTER_S
    made.turn()
    made.close()
    assert key == bytes(KEY_BYTES)
    for path in [*ram.iterdir(), journal]:
        assert text not in path.read_bytes()
        assert text.hex() not in path.read_text("latin-1")


def test_a_key_outlives_its_day_by_what_a_request_in_flight_needs() -> None:
    assert DESTROY_AFTER_S == IN_FLIGHT_S == 10


# -- the journal ---------------------------------------------------------------------------------------------------


def test_h3_the_journal_tells_what_happened_and_when_and_holds_no_key(ram: Path, journal: Path, clock: Clock) -> None:
    made = keeper(ram, journal, clock)
    made.turn()
    clock.now = END - 30
    made.turn()
    keys = [bytes(one.key).hex() for one in read_keys(ram / "keys").values()]
    clock.now = END + DESTROY_AFTER_S
    made.turn()
    made.close()
    assert read_journal(journal) == [
        {"at": START + 3600, "what": "created", "site": "berlin", "day": "2026-10-25"},
        {"at": END - 30, "what": "created", "site": "berlin", "day": "2026-10-26"},
        {"at": END + DESTROY_AFTER_S, "what": "destroyed", "site": "berlin", "day": "2026-10-25"},
    ]
    assert not any(key in journal.read_text() for key in keys)


def test_a_restart_within_the_day_keeps_its_key(ram: Path, journal: Path, clock: Clock) -> None:
    first = keeper(ram, journal, clock)
    first.turn()
    before = read_keys(ram / "keys")
    first.close()
    second = keeper(ram, journal, clock)
    second.turn()
    second.close()
    assert read_keys(ram / "keys") == before
    assert lost_days(journal) == frozenset()


@pytest.mark.parametrize(
    "damage", [Path.unlink, lambda path: path.write_bytes(b"\xc1"), lambda path: path.write_bytes(b"")]
)
def test_h3_a_key_lost_by_a_restart_marks_its_day_and_a_new_one_is_made(
    ram: Path, journal: Path, clock: Clock, damage: object
) -> None:
    first = keeper(ram, journal, clock)
    first.turn()
    first.close()
    damage(ram / "keys")  # type: ignore[operator]
    second = keeper(ram, journal, clock)
    second.turn()
    second.close()
    assert lost_days(journal) == {("berlin", "2026-10-25")}
    assert happened(journal) == [(what, "berlin", "2026-10-25") for what in ("created", "lost", "created")]


def test_a_key_that_died_with_its_day_while_the_house_was_down_is_not_lost(
    ram: Path, journal: Path, clock: Clock
) -> None:
    first = keeper(ram, journal, clock)
    first.turn()
    first.close()
    (ram / "keys").unlink()  # the machine was restarted
    clock.now = END + 3600
    second = keeper(ram, journal, clock)
    second.close()
    assert happened(journal)[-1] == ("destroyed", "berlin", "2026-10-25")
    assert lost_days(journal) == frozenset()


def test_keys_of_days_that_are_over_are_destroyed_at_the_first_turn_after_a_pause(
    ram: Path, journal: Path, clock: Clock
) -> None:
    first = keeper(ram, journal, clock)
    first.turn()
    first.close()
    clock.now = END + 5 * 86_400
    second = keeper(ram, journal, clock)
    second.turn()
    second.close()
    assert held(ram) == {("berlin", DAY + 6)}
    assert ("destroyed", "berlin", "2026-10-25") in happened(journal)


def test_a_key_of_a_site_that_is_no_more_is_destroyed(ram: Path, journal: Path, clock: Clock) -> None:
    first = keeper(ram, journal, clock, BERLIN, APIA)
    first.turn()
    first.close()
    second = keeper(ram, journal, clock, BERLIN)
    second.turn()
    second.close()
    assert held(ram) == {("berlin", DAY)}


def test_a_sweep_that_does_not_know_a_site_leaves_its_key_until_the_day_is_over(
    ram: Path, journal: Path, clock: Clock
) -> None:
    first = keeper(ram, journal, clock, BERLIN)
    first.turn()
    first.close()
    KeyDirectory(ram, journal, (), clock=clock, only_what_is_over=True).close()
    assert held(ram) == {("berlin", DAY)}
    clock.now += 2 * 86_400
    KeyDirectory(ram, journal, (), clock=clock, only_what_is_over=True).close()
    assert held(ram) == set()


def test_a_journal_line_that_was_cut_off_is_passed_over(journal: Path) -> None:
    entry = {"at": 1, "what": "lost", "site": "a", "day": "2026-01-01"}
    journal.write_text(json.dumps(entry) + "\n" + '{"at": 2, "what": "lo')
    assert lost_days(journal) == {("a", "2026-01-01")}


# -- what workers see ----------------------------------------------------------------------------------------------


def test_h3_a_worker_without_a_key_collects_nothing(ram: Path) -> None:
    with pytest.raises(NoKey):
        KeyFile(ram / "keys").key("berlin", DAY)


def test_a_worker_sees_keys_come_and_go(ram: Path, journal: Path, clock: Clock) -> None:
    made = keeper(ram, journal, clock)
    made.turn()
    worker = KeyFile(ram / "keys", clock)
    today = worker.key("berlin", DAY)
    assert len(today) == KEY_BYTES
    with pytest.raises(NoKey):
        worker.key("berlin", DAY + 1)
    clock.now = END - 30
    made.turn()
    worker.refresh()
    tomorrow = worker.key("berlin", DAY + 1)
    assert bytes(tomorrow) != bytes(worker.key("berlin", DAY))
    clock.now = END + DESTROY_AFTER_S
    made.turn()
    worker.refresh()
    made.close()
    with pytest.raises(NoKey):
        worker.key("berlin", DAY)
    assert worker.key("berlin", DAY + 1) == read_keys(ram / "keys")["berlin", DAY + 1].key
    # What the worker had in memory is overwritten.
    assert today == bytes(KEY_BYTES)


def test_a_key_that_just_came_is_found_without_waiting_for_the_next_look(
    ram: Path, journal: Path, clock: Clock
) -> None:
    worker = KeyFile(ram / "keys", clock)
    with pytest.raises(NoKey):
        worker.key("berlin", DAY)
    made = keeper(ram, journal, clock)
    made.turn()
    made.close()
    assert worker.key("berlin", DAY)


def test_a_file_that_is_gone_leaves_no_key(ram: Path, journal: Path, clock: Clock) -> None:
    made = keeper(ram, journal, clock)
    made.turn()
    made.close()
    worker = KeyFile(ram / "keys", clock)
    key = worker.key("berlin", DAY)
    (ram / "keys").unlink()
    worker.refresh()
    with pytest.raises(NoKey):
        worker.key("berlin", DAY)
    assert key == bytes(KEY_BYTES)


def test_an_unchanged_file_is_not_read_again(
    ram: Path, journal: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = keeper(ram, journal, clock)
    made.turn()
    made.close()
    worker = KeyFile(ram / "keys", clock)
    key = worker.key("berlin", DAY)
    monkeypatch.setattr(files, "read_keys", lambda path: pytest.fail("read again"))
    worker.refresh()
    assert worker.key("berlin", DAY) is key


# -- imports -------------------------------------------------------------------------------------------------------


def test_passing_keys_are_per_day_and_overwritten_at_the_end() -> None:
    keys = EphemeralKeys()
    one, other = keys.key("a", 1), keys.key("a", 2)
    assert keys.key("a", 1) is one
    assert bytes(one) != bytes(other)
    keys.destroy()
    assert one == other == bytes(KEY_BYTES)
    assert bytes(keys.key("a", 1)) != bytes(KEY_BYTES)


def test_wiping_overwrites_in_place() -> None:
    key = bytearray(b"x" * KEY_BYTES)
    wipe(key)
    assert key == bytes(KEY_BYTES)
