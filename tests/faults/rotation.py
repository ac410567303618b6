"""Kills a key rotation at its 1st, 2nd, 3rd … line until one runs through.

`python -m tests.faults.rotation RAM DISK PHASE`: a process of its own, because it forks. Prints how many were killed;
an assertion that fails is its exit code.
"""

from __future__ import annotations

import os
import shutil
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

from collector import keys
from collector.keys.files import KeyFile, read_keys
from collector.keys.journal import lost_days, read_journal
from collector.keys.keeper import KeyKeeper
from collector.keys.key import DESTROY_AFTER_S, NoKey
from schema.site import Site, local_day
from tests.faults.collecting import Clock

KEYS = str(Path(keys.__file__).parent)
SITE = Site("berlin", timezone="Europe/Berlin")
DAY = local_day(SITE.timezone, 1_792_900_000)
NOON = DAY.start + 12 * 3600
SOON, OVER = DAY.end - 60, DAY.end + DESTROY_AFTER_S


def main() -> None:
    """One phase: "create" (tomorrow's key is made), "destroy" (yesterday's goes), "start" (it goes at a restart)."""
    ram, disk, phase = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
    killed = 0
    while True:
        for place in (ram, disk):
            shutil.rmtree(place, ignore_errors=True)
            place.mkdir(mode=0o700)
        before = prepare(ram, disk, phase)
        ended = die_at(killed + 1, lambda: rotate(ram, disk, phase))
        judge(ram, disk, phase, before)
        if not ended:
            break
        killed += 1
    print(killed)


def prepare(ram: Path, disk: Path, phase: str) -> dict[int, bytes]:
    """Run up to just before; the keys by day."""
    clock = Clock(NOON)
    keeper = KeyKeeper(ram, disk / "journal", (SITE,), clock=clock)
    keeper.turn()
    if phase != "create":
        clock.now = SOON
        keeper.turn()
    keeper.close()
    return {day: bytes(held.key) for (_, day), held in read_keys(ram / "keys").items()}


def rotate(ram: Path, disk: Path, phase: str) -> Callable[[], object]:
    """What is to be killed."""
    clock = Clock(NOON + 1 if phase == "create" else DAY.end)

    def start() -> KeyKeeper:
        return KeyKeeper(ram, disk / "journal", (SITE,), clock=clock)

    if phase == "start":
        clock.now = OVER
        return lambda: start().turn()
    keeper = start()
    keeper.turn()
    clock.now = SOON if phase == "create" else OVER
    return keeper.turn


def die_at(line: int, prepared: Callable[[], Callable[[], object]]) -> bool:
    """Run it in a fork that is killed before that line of `collector/keys`; whether it came so far."""
    child = os.fork()
    if not child:
        left = line

        def count(frame: FrameType, event: str, _: Any) -> Any:
            nonlocal left
            if os.path.dirname(frame.f_code.co_filename) != KEYS:
                return None
            if event == "line":
                left -= 1
                if not left:
                    os.kill(os.getpid(), signal.SIGKILL)
            return count

        run = prepared()
        sys.settrace(count)
        run()
        sys.settrace(None)
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.waitstatus_to_exitcode(status) == 0, "the rotation failed"
    return os.WIFSIGNALED(status)


def judge(ram: Path, disk: Path, phase: str, before: dict[int, bytes]) -> None:
    """Whatever was reached is consistent, for the workers that go on and for the keeper that comes back."""
    now = SOON if phase == "create" else OVER
    worker = KeyFile(ram / "keys", lambda: now)
    seen = {}
    for day in (DAY.number, DAY.number + 1):
        try:
            seen[day] = bytes(worker.key(SITE.key, day))
        except NoKey:
            continue
    assert all(seen[day] == before.get(day, seen[day]) for day in seen), "a worker saw another key"
    assert phase == "create" or DAY.number not in seen, "a worker used a key whose day is over"
    clock = Clock(now + 1)
    keeper = KeyKeeper(ram, disk / "journal", (SITE,), clock=clock)
    keeper.turn()
    after = {day: bytes(held.key) for (_, day), held in read_keys(ram / "keys").items()}
    assert {day: key for day, key in after.items() if day in seen} == seen, "a restart changed a key in use"
    assert DAY.number + 1 in after, "collection does not go on"
    if phase == "create":
        assert after[DAY.number] == before[DAY.number], "a restart lost the counts of the day"
    else:
        assert after[DAY.number + 1] == before[DAY.number + 1]
        told = [entry["what"] for entry in read_journal(disk / "journal") if entry["day"] == DAY.date.isoformat()]
        assert told == ["created", "destroyed"], told
        for path in (*ram.iterdir(), *disk.iterdir()):
            assert before[DAY.number] not in path.read_bytes(), f"the old key is in {path.name}"
    assert not lost_days(disk / "journal")
    keeper.close()


if __name__ == "__main__":
    main()
