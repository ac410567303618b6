"""Fault 13: keys turn with requests in flight. Each event has the key of its own day; the old one is unrecoverable."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import subprocess
import sys
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from collector.keys.files import KeyFile, read_keys
from collector.keys.journal import lost_days, read_journal
from collector.keys.keeper import KeyKeeper
from collector.keys.key import DESTROY_AFTER_S, KEY_BYTES, NoKey
from collector.privacy.address import truncate
from collector.privacy.visitor_id import Key, visitor_number
from schema.site import Site, local_day
from tests.faults.collecting import Clock, Collecting, site_of
from tests.house import AGENT

pytestmark = pytest.mark.process

ZONE = "Europe/Berlin"
SITE = site_of(ZONE)
DAY = local_day(ZONE, 1_792_900_000)
NOON, MIDNIGHT = DAY.start + 12 * 3600, DAY.end
OVER = MIDNIGHT + DESTROY_AFTER_S
ADDRESS = "203.0.113.9"


@pytest.fixture
def ram() -> Iterator[Path]:
    """A directory in RAM."""
    directory = Path("/dev/shm") / f"footfall-test-{uuid.uuid4().hex}"
    yield directory
    shutil.rmtree(directory, ignore_errors=True)


@pytest.fixture
def clock() -> Clock:
    return Clock(NOON)


def number(key: Key, address: str = ADDRESS) -> int:
    """The visitor's number by the preset `balanced`, from its definition."""
    return visitor_number(key, SITE, (truncate(address, 24, 48), AGENT.format(120), "", ""))


class Counting:
    """Counts how often the key is read."""

    def __init__(self, keys: KeyFile) -> None:
        self.keys = keys
        self.reads = 0

    def key(self, site: str, day: int) -> Key:
        self.reads += 1
        return self.keys.key(site, day)


# -- in flight -----------------------------------------------------------------------------------------------------


def test_a_request_held_over_midnight_has_the_day_and_the_key_of_its_receipt(
    ram: Path, tmp_path: Path, clock: Clock
) -> None:
    async def night() -> tuple[list[int], dict[int, int], list[tuple[int, int, int]]]:
        house = Collecting(ram, tmp_path, clock, ZONE).start()
        clock.now = MIDNIGHT - 1
        house.turn()
        numbers = {day: number(house.keys.key(SITE, day)) for day in (DAY.number, DAY.number + 1)}
        gate = asyncio.Event()
        held = asyncio.create_task(house.post(ZONE, gate=gate))
        await asyncio.sleep(0)
        clock.now = MIDNIGHT + 2
        house.turn()
        statuses = [await house.post(ZONE)]
        clock.now = OVER - 1
        house.turn()
        gate.set()
        statuses.append(await held)
        house.stop()
        events = [(event["day"], event["received"], event["visitor"]) for _, _, event in house.stored()]
        return statuses, numbers, events

    statuses, numbers, events = asyncio.run(night())
    assert statuses == [202, 202]
    assert events == [
        (DAY.number + 1, MIDNIGHT + 2, numbers[DAY.number + 1]),
        (DAY.number, MIDNIGHT - 1, numbers[DAY.number]),
    ]
    assert numbers[DAY.number] != numbers[DAY.number + 1]


def test_a_request_held_longer_than_a_key_lives_is_refused(ram: Path, tmp_path: Path, clock: Clock) -> None:
    async def night() -> tuple[int, int]:
        house = Collecting(ram, tmp_path, clock, ZONE).start()
        clock.now = MIDNIGHT - 1
        house.turn()
        gate = asyncio.Event()
        held = asyncio.create_task(house.post(ZONE, gate=gate))
        await asyncio.sleep(0)
        clock.now = OVER  # and nobody turns: the worker knows by itself
        gate.set()
        status = await held
        house.stop()
        return status, len(list(house.stored()))

    assert asyncio.run(night()) == (503, 0)


def test_a_thousand_posts_across_midnight_have_the_key_of_their_own_day_read_once(
    ram: Path, tmp_path: Path, clock: Clock
) -> None:
    posts = 1000

    async def night() -> tuple[list[int], int, dict[int, bytes], list[dict[str, int]]]:
        house = Collecting(ram, tmp_path, clock, ZONE).start()
        counting = Counting(house.keys)
        house.read_keys_from(counting)
        waiting: list[tuple[float, asyncio.Event]] = []
        tasks = []
        keys: dict[int, bytes] = {}
        for i in range(posts):
            clock.now = MIDNIGHT - 10 + i * 0.02
            if i % 50 == 0:
                house.turn()
                keys |= {day: bytes(held.key) for (_, day), held in house.keys.current().items()}
            gate = asyncio.Event()
            waiting.append((clock.now + i % 7, gate))  # some answer at once, some up to 6 s later
            tasks.append(asyncio.create_task(house.post(ZONE, f"203.0.{i % 50}.1", f"/{i}", gate)))
            await asyncio.sleep(0)
            for _, due in [one for one in waiting if one[0] <= clock.now]:
                due.set()
            waiting = [one for one in waiting if one[0] > clock.now]
        for at, gate in sorted(waiting, key=lambda one: one[0]):
            clock.now = max(clock.now, min(at, OVER - 0.1))
            house.turn()
            gate.set()
            await asyncio.sleep(0)
        statuses = await asyncio.gather(*tasks)
        house.stop()
        return statuses, counting.reads, keys, [event for _, _, event in house.stored()]

    statuses, reads, keys, events = asyncio.run(night())
    assert statuses == [202] * posts
    assert reads == posts
    assert keys.keys() == {DAY.number, DAY.number + 1}
    assert len(events) == posts
    for event in events:
        sent = int(str(event["path"])[1:])
        received = int(MIDNIGHT - 10 + sent * 0.02)
        day = DAY.number if sent < posts // 2 else DAY.number + 1
        assert (event["received"], event["day"]) == (received, day)
        assert event["visitor"] == number(keys[day], f"203.0.{sent % 50}.1")


# -- unrecoverable -------------------------------------------------------------------------------------------------


def recomputed(places: tuple[Path, ...], wanted: int) -> list[str]:
    """Files in which any 32 bytes in a row, taken as the key, give the visitor's number."""
    found = []
    for path in sorted(path for place in places for path in place.rglob("*") if path.is_file()):
        content = path.read_bytes()
        windows = {content[i : i + KEY_BYTES] for i in range(len(content) - KEY_BYTES + 1)}
        if any(number(window) == wanted for window in windows):
            found.append(path.name)
    return found


def test_h3_after_the_day_no_state_anywhere_gives_yesterdays_number_again(
    ram: Path, tmp_path: Path, clock: Clock
) -> None:
    async def night() -> tuple[int, list[str], set[int]]:
        house = Collecting(ram, tmp_path, clock, ZONE).start()
        assert await house.post(ZONE) == 202
        wanted = number(house.keys.key(SITE, DAY.number))
        alive = recomputed((ram,), wanted)
        for clock.now in (MIDNIGHT - 30, MIDNIGHT + 1, OVER):
            house.turn()
            assert await house.post(ZONE) == 202
        house.stop()
        return wanted, alive, {event["visitor"] for _, _, event in house.stored() if event["day"] == DAY.number}

    wanted, alive, numbers = asyncio.run(night())
    assert numbers == {wanted}
    assert alive == ["keys"]  # the search finds what is there
    assert recomputed((ram, tmp_path), wanted) == []


_IN_MEMORY = """
import sys
from pathlib import Path
from collector.keys.files import KeyFile
from collector.keys.keeper import KeyKeeper
from schema.site import Site
from collector.privacy.visitor_id import visitor_number
now = float(sys.argv[3])
clock = lambda: now
keeper = KeyKeeper(Path(sys.argv[1]), Path(sys.argv[2]), (Site("s", timezone=sys.argv[5]),), clock=clock)
keeper.turn()
worker = KeyFile(Path(sys.argv[1]) / "keys", clock)
numbers = [visitor_number(worker.key("s", int(sys.argv[6])), "s", (str(i),)) for i in range(1000)]
print("ready", flush=True)
sys.stdin.readline()
now = float(sys.argv[4])
keeper.turn()
worker.refresh()
print("over", flush=True)
sys.stdin.readline()
"""


def test_after_the_day_the_key_is_not_in_the_memory_of_who_had_it(ram: Path, tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _IN_MEMORY, ram, tmp_path / "journal", *map(str, (NOON, OVER, ZONE, DAY.number))],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "ready\n"
        key = bytes(read_keys(ram / "keys")["s", DAY.number].key)
        try:
            assert in_memory(process.pid, key) >= 2  # the keeper's and the worker's
        except PermissionError:
            pytest.skip("the memory of a child may not be read here")
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "over\n"
        assert in_memory(process.pid, key) == 0
    finally:
        process.communicate("\n", timeout=60)


def in_memory(process: int, wanted: bytes) -> int:
    """How often those bytes are in a process's writable memory."""
    found = 0
    with open(f"/proc/{process}/mem", "rb", buffering=0) as memory:
        for line in Path(f"/proc/{process}/maps").read_text().splitlines():
            place, rights, *_ = line.split()
            if rights.startswith("rw"):
                start, end = (int(side, 16) for side in place.split("-"))
                memory.seek(start)
                found += (memory.read(end - start) or b"").count(wanted)
    return found


# -- killed --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("phase", ["create", "destroy", "start"])
def test_h3_a_rotation_killed_at_any_line_leaves_no_old_key_and_no_wrong_one(
    ram: Path, tmp_path: Path, phase: str
) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "tests.faults.rotation", ram, tmp_path / "disk", phase],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 50


# -- failed --------------------------------------------------------------------------------------------------------


def served(worker: KeyFile) -> list[int]:
    """Of yesterday and today, the days for which a worker has a key."""
    days = []
    for day in (DAY.number, DAY.number + 1):
        try:
            worker.key(SITE, day)
            days.append(day)
        except NoKey:
            continue
    return days


def site() -> Site:
    return Site(SITE, timezone=ZONE)


def test_h3_a_worker_lets_go_of_a_key_whose_day_is_over_even_if_nobody_writes_any_more(
    ram: Path, tmp_path: Path, clock: Clock
) -> None:
    keeper = KeyKeeper(ram, tmp_path / "journal", (site(),), clock=clock)
    keeper.turn()
    worker = KeyFile(ram / "keys", clock)
    key = worker.key(SITE, DAY.number)
    clock.now = OVER - 1
    worker.refresh()
    assert served(worker) == [DAY.number]
    clock.now = OVER
    worker.refresh()  # once a second, also without a request
    assert key == bytes(KEY_BYTES)
    assert served(worker) == []
    assert served(KeyFile(ram / "keys", clock)) == []
    keeper.close()


@pytest.mark.parametrize("obstacle", ["file", "journal"])
def test_h3_a_rotation_that_fails_stops_collection_and_goes_on_where_it_can(
    ram: Path, tmp_path: Path, clock: Clock, obstacle: str
) -> None:
    keeper = KeyKeeper(ram, tmp_path / "journal", (site(),), clock=clock)
    keeper.turn()
    worker = KeyFile(ram / "keys", clock)
    old = bytes(worker.key(SITE, DAY.number))
    in_the_way = ram / "keys.partial" if obstacle == "file" else tmp_path / "journal"
    kept = in_the_way.read_bytes() if in_the_way.exists() else b""
    in_the_way.unlink(missing_ok=True)
    (in_the_way / "full").mkdir(parents=True)
    clock.now = MIDNIGHT - 30
    keeper.turn()
    worker.refresh()
    # Where the file cannot be written collection stops at once; where only the journal cannot, today goes on.
    assert served(worker) == ([] if obstacle == "file" else [DAY.number])
    for clock.now in (MIDNIGHT + 1, OVER):
        keeper.turn()
        worker.refresh()
        assert DAY.number + 1 not in served(worker)
    assert served(worker) == []
    assert all(old not in path.read_bytes() for path in ram.iterdir() if path.is_file())
    shutil.rmtree(in_the_way)
    if kept:
        in_the_way.write_bytes(kept)
    clock.now = OVER + 60
    keeper.turn()
    assert served(worker) == [DAY.number + 1]
    keeper.close()
    told = [(entry["what"], entry["day"]) for entry in read_journal(tmp_path / "journal")]
    assert told.count(("destroyed", DAY.date.isoformat())) == 1


def test_a_key_directory_swept_away_comes_back_with_the_same_keys(ram: Path, tmp_path: Path, clock: Clock) -> None:
    keeper = KeyKeeper(ram, tmp_path / "journal", (site(),), clock=clock)
    keeper.turn()
    worker = KeyFile(ram / "keys", clock)
    key = bytes(worker.key(SITE, DAY.number))
    shutil.rmtree(ram)
    worker.refresh()
    assert served(worker) == []
    keeper.turn()
    assert bytes(worker.key(SITE, DAY.number)) == key
    assert not lost_days(tmp_path / "journal")
    keeper.close()


@pytest.mark.parametrize("spoil", [b"", b"\0" * 4, b"\xff" * 100])
def test_a_spoilt_key_file_is_no_key_and_is_mended(ram: Path, tmp_path: Path, clock: Clock, spoil: bytes) -> None:
    keeper = KeyKeeper(ram, tmp_path / "journal", (site(),), clock=clock)
    keeper.turn()
    worker = KeyFile(ram / "keys", clock)
    key = bytes(worker.key(SITE, DAY.number))
    (ram / "keys").write_bytes(spoil)
    worker.refresh()
    assert served(worker) == []
    keeper.turn()
    assert bytes(worker.key(SITE, DAY.number)) == key
    keeper.close()


def test_a_cut_key_file_is_no_key(ram: Path, tmp_path: Path, clock: Clock) -> None:
    keeper = KeyKeeper(ram, tmp_path / "journal", (site(), Site("b")), clock=clock)
    keeper.turn()
    whole = (ram / "keys").read_bytes()
    for length in itertools.chain(range(len(whole)), [len(whole) - KEY_BYTES]):
        (ram / "keys").write_bytes(whole[:length])
        assert served(KeyFile(ram / "keys", clock)) == []
    (ram / "keys").write_bytes(whole[:-KEY_BYTES] + bytes(KEY_BYTES))
    assert served(KeyFile(ram / "keys", clock)) == []
    keeper.close()
