"""What Footfall weighs: on the disk, in seconds until it is installed, and in memory, at rest and under load.

In: a plan. Out: figures. The house is `footfall up` as an operator starts it; memory is what is of each process
alone, and the pages of each file once.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Collection
from pathlib import Path

from footfall.canary.scratch import Scratch

from .figures import Figure
from .load import SITE, Client
from .machine import MB, tell, together_mb
from .plan import Plan

PART = "weight"
_LOCK = Path(__file__).parents[1] / "requirements.lock"
# The busiest hour of a site with a million events a day.
_RATE = 50.0
# Starting takes memory that is given back, and the first rollup is made then.
_SETTLED_S = 20.0


def measure(plan: Plan) -> list[Figure]:
    """A quick plan installs nothing."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        directory = Path(name)
        return [*(_installed(directory) if plan.installs else []), *_in_memory(plan, directory)]


def _installed(directory: Path) -> list[Figure]:
    """What `make up` installs, without its development tools and without what pip remembers of earlier downloads."""
    tell("installing what requirements.lock names")
    began = time.perf_counter()
    where = directory / "venv"
    subprocess.run([sys.executable, "-m", "venv", where], check=True)
    words = ["-m", "pip", "install", "--quiet", "--quiet", "--disable-pip-version-check", "--no-cache-dir"]
    subprocess.run([where / "bin" / "python", *words, "--require-hashes", "--requirement", _LOCK], check=True)
    seconds = time.perf_counter() - began
    size = sum(path.lstat().st_blocks * 512 for path in where.rglob("*") if not path.is_symlink())
    shutil.rmtree(where)
    return [
        Figure(PART, "on the disk", size / MB, "MB", note="what the lock names, without development tools"),
        Figure(PART, "until installed", seconds, "s", note="downloads included"),
    ]


def _in_memory(plan: Plan, directory: Path) -> list[Figure]:
    settings: tuple[str, ...] = ('collector.trusted_proxies=["127.0.0.0/8"]', f"keys.directory={directory / 'keys'}")
    settings += ("keys.keep_keys_on_disk_where_they_can_be_recovered=true",)
    words = [word for setting in settings for word in ("--set", setting)]
    house = Scratch(directory / "data", *words, sites=(SITE,))
    began = time.perf_counter()
    house.start()
    try:
        started = time.perf_counter() - began
        tell("at rest")
        time.sleep(min(_SETTLED_S, plan.seconds * 7))
        processes = len(house.processes())
        rest = _memory("memory at rest", house.processes())
        tell(f"{_RATE:.0f} events a second")
        load = Client(plan, directory).paced(house.port, plan.seconds * 10, _RATE)
        busy = _memory("memory under load", house.processes())
    finally:
        house.stop()
    return [
        Figure(PART, "until it answers", started, "s", note="the first start"),
        Figure(PART, "processes", processes),
        rest,
        busy,
        Figure(PART, "events meanwhile", load.rate, "/s"),
    ]


def _memory(name: str, pids: Collection[int]) -> Figure:
    each = sorted((together_mb([pid]) for pid in pids), reverse=True)
    note = f"{', '.join(f'{one:.0f}' for one in each)} MB by process, each with all of its files"
    return Figure(PART, name, together_mb(pids), "MB", note=note)
