"""A whole house on a small box: `footfall up` in a control group that has little memory, with a big day in its store.

In: a plan. Out: the most that was charged to the group, what was killed, and how long it took until the day was in the
numbers, and released. Meanwhile beacons come in and pages are read, so that every part of it works.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from msgspec import Struct

from footfall.canary.scratch import Scratch
from footfall.control.instance import StatsRequest
from footfall.control.remote import GONE, remote
from schema.migrate import migrate
from schema.store import Store

from .cgroups import Group, group
from .figures import Figure
from .load import SITE, Client
from .machine import MB, apart, tell, together_mb
from .plan import Plan
from .released import is_released
from .rollup import DAY, EVENTS_A_VISITOR, generate

PART = "boxes"
_SETTINGS = (
    *('collector.trusted_proxies=["127.0.0.0/8"]', "rollup.grace_s=15"),
    "keys.keep_keys_on_disk_where_they_can_be_recovered=true",
)
_RATE = 20.0
_AT_ONCE_S = 5.0
_LONGEST_S = 900.0


class Box(Struct, frozen=True):
    """mib: its limit. share: of the plan's events of a day."""

    mib: int
    share: float


_BOXES = (Box(640, 1), Box(512, 0.064))


class _House(Scratch):
    """The same, in a group."""

    group: Group | None = None

    def _launched(self, *arguments: str) -> subprocess.Popen[str]:
        enter = self.group.enter if self.group else None
        with self.log.open("a") as log:
            words = [sys.executable, "-m", "footfall", *arguments]
            return subprocess.Popen(words, stdout=subprocess.PIPE, stderr=log, text=True, preexec_fn=enter)


def measure(plan: Plan) -> list[Figure]:
    """A box after the other."""
    return [figure for box in _BOXES for figure in _measured(plan, box)]


def _measured(plan: Plan, box: Box) -> list[Figure]:
    events = int(plan.events * box.share)
    what = f"{events:,} events, {box.mib} MiB"
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name, group(box.mib * 2**20) as limited:
        if limited is None:
            return [Figure(PART, f"{what}: killed", None, "", "<= 0", "no control group may be made here")]
        directory = Path(name)
        tell(f"{what}: filling")
        apart(_fill, directory, events)
        house = _House(directory / "data", *_words(directory))
        house.group = limited
        house.start()
        try:
            shown, released, most = _taken(plan, house, directory)
        finally:
            house.stop()
        return [
            Figure(PART, f"{what}: killed", limited.killed, "", "<= 0", "processes, for want of memory"),
            Figure(PART, f"{what}: charged", limited.peak / MB, "MB", note="at most; with pages of files"),
            Figure(PART, f"{what}: memory", most, "MB", note="of all processes, at most"),
            Figure(PART, f"{what}: in the numbers after", shown, "s", note="from the start on, beside beacons"),
            Figure(PART, f"{what}: released after", released, "s", note="likewise"),
        ]


def _words(directory: Path) -> list[str]:
    return [word for one in (*_SETTINGS, f"keys.directory={directory / 'keys'}") for word in ("--set", one)]


def _fill(directory: Path, events: int) -> None:
    """A store with so many events of yesterday, which is over."""
    (directory / "data").mkdir()
    store = Store(f"chdb://{directory / 'data' / 'clickhouse'}")
    migrate(store)
    generate(store, SITE, DAY, events // EVENTS_A_VISITOR)
    store.close()


def _taken(plan: Plan, house: Scratch, directory: Path) -> tuple[float, float, float]:
    """(seconds until the day is in the numbers, until it is released, most memory)."""
    client, began, most = Client(plan, directory), time.monotonic(), 0.0
    shown = released = 0.0
    while not (shown and released):
        if time.monotonic() > began + _LONGEST_S:
            late = "released" if shown else "shown"
            raise RuntimeError(f"the day is not {late} after {_LONGEST_S:.0f} s: {house.log.read_text()[-2000:]}")
        client.paced(house.port, _AT_ONCE_S, _RATE)
        most = max(most, together_mb(house.processes()))
        passed = time.monotonic() - began
        shown = shown or (passed if _visitors(house) else 0.0)
        released = released or (passed if is_released(house, SITE) else 0.0)
    return shown, released, most


def _visitors(house: Scratch) -> int:
    """Of the day, as far as it is in the numbers."""
    day = DAY.isoformat()
    with contextlib.suppress(*GONE):  # it was killed, and is started anew
        answer = remote(house.data / "control.sock").stats(StatsRequest(SITE, day, day, "page"))
        return int(answer["totals"]["visitors"])
    return 0
