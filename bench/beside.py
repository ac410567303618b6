"""A day that closes while beacons come in: how much longer they wait, and what the day takes.

In: a plan. Out: p99 of beacons that come at a steady rate while a house of default pairs and ten segments counts and
releases yesterday, and when it has nothing to do; memory of the engine at its peak; what the released day has on disk.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec import structs

from dashboards.web.declare import in_toml
from footfall.canary.scratch import Scratch, rows
from schema.migrate import migrate
from schema.store import Store

from .closing import SEGMENTS
from .figures import Figure, quantile
from .load import Client
from .machine import MB, apart, processor_s, tell
from .plan import Plan
from .released import is_released
from .rollup import DAY, EVENTS_A_VISITOR, SITE, generate

PART = "beside"
TIMES = 1.5
# So many that commits are of 24 events: where few come one by one they wait for others (0074), with a day or without.
_RATE = 500
# The client sends for so long before it looks whether the day is released: the last few, who wait for others that do
# not come, are then fewer than one in a hundred.
_SLICE_S = 5.0
_NICE = 5
# It works on the day where it takes so much of a core.
_BUSY = 0.1
_LONGEST_S = 600
_SETTINGS = (
    *("release.networks=1", "demo=false", "collector.rate_limit=0", "rollup.grace_s=15"),
    *('collector.trusted_proxies=["127.0.0.0/8"]', "keys.keep_keys_on_disk_where_they_can_be_recovered=true"),
)
_RELEASED = """SELECT sum(rows), sum(bytes_on_disk) FROM system.parts
    WHERE active AND database = currentDatabase() AND startsWith(table, 'released_')"""


class Slice(NamedTuple):
    """took_ms: how long each beacon waited. cores: how much of the machine the engine had meanwhile."""

    took_ms: list[float]
    cores: float


def measure(plan: Plan) -> list[Figure]:
    """As it is, and where the engine gives way."""
    return [figure for nice in (0, _NICE) for figure in _measured(plan, nice)]


def _measured(plan: Plan, nice: int) -> list[Figure]:
    """Of a house of its own: a day is released once."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        directory = Path(name)
        apart(_fill, directory / "data", plan)
        client, house = Client(plan, directory, (SITE.key,)), _house(directory, nice)
        house.start()
        try:
            began = time.monotonic()
            until = _sent(client, house, lambda: is_released(house, SITE.key), _LONGEST_S)
            seconds = time.monotonic() - began
            tell(f"released after {seconds:.0f} s; as long without")
            after = _sent(client, house, lambda: False, max(seconds, plan.seconds))
            peak = max(map(_peak_mb, house.children("engine")))
        finally:
            house.stop()
        [[[many, size]]] = rows(house.data, _RELEASED)
    busy, idle = _waited(until, lambda share: share >= _BUSY), _waited(after, lambda share: share < _BUSY)
    figures = [
        *_figures(busy, idle, seconds),
        Figure(PART, "resident at its peak", peak, "MB", "<= 1500", "the engine of the house"),
        Figure(PART, "the day on disk", int(size) / MB, "MB", "<= 7", f"{int(many):,} released rows"),
    ]
    return figures if not nice else [structs.replace(one, name=f"nice {nice}: {one.name}") for one in figures]


def _figures(busy: list[float], idle: list[float], seconds: float) -> list[Figure]:
    note = f"{_RATE} a second"
    return [
        Figure(PART, "a day counted and released", seconds, "s", note="from the start of the house"),
        Figure(PART, "beacons meanwhile: p99", quantile(busy, 0.99), "ms", note=f"{len(busy):,} at {note}"),
        Figure(PART, "beacons without: p99", quantile(idle, 0.99), "ms", note=f"{len(idle):,} at {note}"),
        Figure(PART, "meanwhile to without", quantile(busy, 0.99) / quantile(idle, 0.99), "×", f"<= {TIMES}"),
        Figure(PART, "meanwhile to without, median", quantile(busy, 0.5) / quantile(idle, 0.5), "×"),
    ]


def _fill(data: Path, plan: Plan) -> None:
    """Yesterday's events in the store of a house that has not been started yet."""
    data.mkdir()
    store = Store(f"chdb://{data / 'clickhouse'}")
    migrate(store)
    tell(f"{plan.events:,} events of yesterday")
    generate(store, SITE.key, DAY, plan.events // EVENTS_A_VISITOR)
    store.close()


def _house(directory: Path, nice: int) -> Scratch:
    goals = [{name: value for name, value in structs.asdict(one).items() if value} for one in SITE.goals]
    lines = ["[[sites]]", f"key = {in_toml(SITE.key)}", f"goals = {in_toml(goals)}"]
    for one in SEGMENTS:
        lines += ["[[sites.segments]]", f"name = {in_toml(one.name)}", f"where = {in_toml(one.where)}"]
    file = directory / "footfall.toml"
    file.write_text("\n".join(lines), encoding="utf-8")
    words = [
        word
        for one in (*_SETTINGS, f"rollup.nice={nice}", f"keys.directory={directory / 'keys'}")
        for word in ("--set", one)
    ]
    return Scratch(directory / "data", "--config", str(file), *words, sites=())


def _sent(client: Client, house: Scratch, until: Callable[[], bool], longest_s: float) -> list[Slice]:
    """Beacons at a steady rate. Raises SystemExit where one is not taken."""
    found: list[Slice] = []
    ends = time.monotonic() + longest_s
    [engine] = house.children("engine")
    while time.monotonic() < ends and not until():
        used, began = processor_s(engine), time.monotonic()
        load = client.paced(house.port, _SLICE_S, _RATE)
        if load.failed:
            raise SystemExit(f"bench: {load.failed} beacons failed")
        found.append(Slice(load.took_ms, (processor_s(engine) - used) / (time.monotonic() - began)))
    return found


def _waited(slices: Sequence[Slice], counts: Callable[[float], bool]) -> list[float]:
    """How long each beacon waited while the engine did so much; of all, where it never did."""
    some = [one for one in slices if counts(one.cores)] or slices
    return [ms for one in some for ms in one.took_ms]


def _peak_mb(pid: int) -> float:
    found = re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    return int(found[1]) * 1024 / MB if found else 0.0
