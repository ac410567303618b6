"""What a house takes that nobody looks at: of the processor, and of the disk.

In: a plan. Out: the share of a core, megabytes written a minute, of all processes of `footfall up` and of each; with
nobody on the site, with an event a second, and with many sites that have one a second each. k = 1, which is rolled up
most often.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from footfall.canary.scratch import Scratch

from .figures import Figure
from .load import SITE, Client
from .machine import processor_s, tell, written_mb
from .plan import Plan

PART = "house"
_SETTINGS = (
    *("release.k=1", "release.networks=1", "demo=false", "collector.rate_limit=0"),
    *('collector.trusted_proxies=["127.0.0.0/8"]', "keys.keep_keys_on_disk_where_they_can_be_recovered=true"),
)
# By what is going on: of a core, and megabytes a minute.
_GOALS = {"idle": (0.02, 0.5), "an event a second": (0.08, 4), "many sites": (0.4, 25)}


class Used(NamedTuple):
    """What a process took. role: "engine", "collector", "parent"."""

    role: str
    cores: float
    mb_a_minute: float


def measure(plan: Plan) -> list[Figure]:
    """Three times a house of its own."""
    many = tuple(f"site-{number}.example" for number in range(plan.sites))
    return [
        *_measured(plan, "idle", (SITE,), 0),
        *_measured(plan, "an event a second", (SITE,), 1),
        *_measured(plan, "many sites", many, len(many)),
    ]


def _measured(plan: Plan, what: str, sites: Sequence[str], rate: float) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        directory = Path(name)
        words = [word for one in (*_SETTINGS, f"keys.directory={directory / 'keys'}") for word in ("--set", one)]
        client = Client(plan, directory, sites)
        house = Scratch(directory / "data", *words, sites=sites).start()

        def goes_on(seconds: float) -> None:
            if rate:
                client.paced(house.port, seconds, rate)
            else:
                time.sleep(seconds)

        try:
            tell(f"{what}, for {2 * plan.house_s:.0f} s")
            # What a start leaves to be done is no part of it, nor is a first run over sites that have nothing yet.
            goes_on(plan.house_s)
            used = _used(house, lambda: goes_on(plan.house_s))
        finally:
            house.stop()
    cores, written = _GOALS[what]
    return [
        Figure(PART, f"{what}: cores", sum(one.cores for one in used), "", f"<= {cores}", _by(used, "cores")),
        Figure(
            PART,
            f"{what}: written",
            sum(one.mb_a_minute for one in used),
            "MB/min",
            f"<= {written}",
            _by(used, "mb_a_minute"),
        ),
    ]


def _used(house: Scratch, goes_on: Callable[[], None]) -> list[Used]:
    processes = house.processes()
    roles = {pid: role for role in ("engine", "collector") for pid in house.children(role)}
    before = {pid: (processor_s(pid), written_mb(pid)) for pid in processes}
    began = time.monotonic()
    goes_on()
    seconds = time.monotonic() - began
    return [
        Used(
            roles.get(pid, "parent"),
            (processor_s(pid) - processor) / seconds,
            (written_mb(pid) - written) / seconds * 60,
        )
        for pid, (processor, written) in before.items()
    ]


def _by(used: Sequence[Used], figure: str) -> str:
    return ", ".join(f"{one.role} {getattr(one, figure):.3f}" for one in used)
