"""Taking beacons in: one worker on one core, every 202 an event on disk, beside the two servers that do less.

In: a plan. Out: requests a second, processor time of each, latency, memory, fsyncs. Runs alternate, so that a busy
moment of the machine meets all of them.
"""

from __future__ import annotations

import contextlib
import os
import statistics
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from msgspec import Struct

from . import servers
from .figures import Figure, median_of
from .load import Client, Load
from .machine import cores, processor_s, resident_mb, tell
from .plan import Plan
from .servers import Committed, House, Server

PART = "ingest"
OURS, BARE, NGINX = "Footfall", "bare Starlette", "nginx return 204"
# Half of what one worker takes is a busy hour; people wait for the answer no longer than this.
_P99_MS, _RESIDENT_MB, _GROWTH_MB = 25, 120, 5
_TWO_WORKERS = 1.6
_OF_BARE = ">= 1.5"
# Agents that are read for the first time, pages of memory that are touched for the first time.
_WARM_UP_S = 1


class Run(Struct, frozen=True):
    """One load on one server. us: processor time of a request. mb: resident afterwards."""

    load: Load
    us: float
    mb: float
    disk: Committed = Committed()


def measure(plan: Plan) -> list[Figure]:
    """Everything about taking beacons in."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        directory = Path(name)
        everything = cores()
        ours_on = _place(1, everything)
        client = Client(plan, directory)
        with contextlib.ExitStack() as stack:
            house = stack.enter_context(servers.house(directory, ours_on))
            found: dict[str, Server | None] = {
                OURS: house,
                BARE: stack.enter_context(servers.bare(ours_on)),
                NGINX: stack.enter_context(servers.nginx(directory, ours_on)),
            }
            for each in filter(None, found.values()):
                client.most(each.port, _WARM_UP_S)
            house.committed()
            runs = _turns(plan, client, found)
            figures = _compared(runs)
            figures += _crowded(plan, _turns(plan, client, {name: found[name] for name in (OURS, BARE)}, plan.crowd))
            half = statistics.median(run.load.rate for run in runs[OURS]) / 2
            tell(f"Footfall, {half:,.0f} requests a second")
            figures += _at_half(run(house, lambda port: client.paced(port, plan.seconds, half)), half)
            figures += _memory(house, runs[OURS])
        figures.append(_two_workers(plan, directory, client, everything, runs[OURS]))
    return figures


def run(server: Server, load: Callable[[int], Load]) -> Run:
    """One load, with what it cost. Of our own house every accepted event must be on disk."""
    before = sum(map(processor_s, server.workers))
    seen = load(server.port)
    if seen.failed or not seen.requests:
        raise SystemExit(f"bench: {seen.failed} of {seen.requests} requests failed")
    us = (sum(map(processor_s, server.workers)) - before) / seen.requests * 1e6
    mb = max(map(resident_mb, server.workers))
    if not isinstance(server, House):
        return Run(seen, us, mb)
    disk = server.committed()
    if disk.events < seen.requests:
        raise SystemExit(f"bench: {seen.requests} beacons were answered with 202, and {disk.events} are on disk")
    return Run(seen, us, mb, disk)


def worker_alone(plan: Plan) -> Run:
    """One load on one worker: what growth compares."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        ours_on = _place(1, cores())
        client = Client(plan, Path(name))
        with servers.house(Path(name), ours_on) as house:
            client.most(house.port, _WARM_UP_S)
            house.committed()
            return run(house, lambda port: client.most(port, plan.seconds))


def _place(workers: int, everything: Sequence[int]) -> set[int]:
    """The workers' cores. This process, and so whatever it starts, keeps to the others."""
    theirs = set(everything[:workers])
    os.sched_setaffinity(0, set(everything[workers:]) or theirs)
    return theirs


def _turns(
    plan: Plan, client: Client, found: Mapping[str, Server | None], connections: int = 0
) -> dict[str, list[Run]]:
    """Each server's runs, one after the other in every turn."""
    runs: dict[str, list[Run]] = {name: [] for name in found}
    for number in range(plan.turns):
        for name, server in found.items():
            if server is not None:
                tell(f"{name}, run {number + 1} of {plan.turns}")
                runs[name].append(run(server, lambda port: client.most(port, plan.seconds, connections)))
    return runs


def _crowded(plan: Plan, runs: dict[str, list[Run]]) -> list[Figure]:
    """A commit is of all who wait for it, so what it costs each of them depends on how many send at once."""
    ours = runs[OURS]
    rates = _of_bare(ours, runs[BARE])
    return [
        Figure(PART, f"{plan.crowd} connections: {one.name}", one.value, one.unit, one.goal, one.note)
        for one in (
            median_of(PART, "Footfall: requests", [run.load.rate for run in ours], "/s"),
            median_of(PART, "Footfall: p99", [run.load.p99_ms for run in ours], "ms"),
            *rates,
        )
    ]


def _of_bare(ours: Sequence[Run], theirs: Sequence[Run]) -> list[Figure]:
    pairs = list(zip(ours, theirs, strict=True))
    rates = [our.load.rate / their.load.rate for our, their in pairs]
    return [
        median_of(PART, "Footfall to bare, requests", rates, "×", _OF_BARE),
        median_of(PART, "Footfall to bare, by processor time", [their.us / our.us for our, their in pairs], "×"),
    ]


def _compared(runs: dict[str, list[Run]]) -> list[Figure]:
    figures = []
    for name, of_server in runs.items():
        if not of_server:
            figures.append(Figure(PART, f"{name}: requests", None, "/s", note="it is not installed"))
            continue
        figures += [
            median_of(PART, f"{name}: requests", [run.load.rate for run in of_server], "/s"),
            median_of(PART, f"{name}: processor time", [run.us for run in of_server], "µs/request"),
            _whole_core(name, of_server),
            median_of(PART, f"{name}: p50", [run.load.p50_ms for run in of_server], "ms"),
            median_of(PART, f"{name}: p99", [run.load.p99_ms for run in of_server], "ms"),
        ]
    ours, theirs = runs[OURS], runs[BARE]
    figures += [
        *_of_bare(ours, theirs),
        median_of(PART, "Footfall: fsyncs", [run.disk.fsyncs / run.load.seconds for run in ours], "/s"),
        median_of(PART, "Footfall: events in a commit", [run.disk.events / run.disk.commits for run in ours], ""),
    ]
    return figures


def _whole_core(name: str, runs: list[Run]) -> Figure:
    """What a core that nobody else uses would take, and how much of one there was."""
    had = 100 * statistics.median(run.us * run.load.rate / 1e6 for run in runs)
    us = statistics.median(run.us for run in runs)
    if not us:  # a load so short that the clock of a processor's time did not go on
        return Figure(PART, f"{name}: requests, of a whole core", None, "/s", note="too short a load")
    return Figure(PART, f"{name}: requests, of a whole core", 1e6 / us, "/s", note=f"it had {had:.0f} % of one")


def _at_half(half: Run, rate: float) -> list[Figure]:
    note = f"{rate:,.0f} requests/s, timed from when they were due"
    return [
        Figure(PART, "Footfall at half the load: p50", half.load.p50_ms, "ms", note=note),
        Figure(PART, "Footfall at half the load: p99", half.load.p99_ms, "ms", f"<= {_P99_MS}", note),
        Figure(PART, "Footfall at half the load: processor time", half.us, "µs/request"),
    ]


def _memory(house: House, runs: list[Run]) -> list[Figure]:
    now = max(map(resident_mb, house.workers))
    beacons = sum(run.load.requests for run in runs[1:])
    return [
        Figure(PART, "Footfall: resident memory of a worker", now, "MB", f"<= {_RESIDENT_MB}"),
        Figure(
            PART, "Footfall: its growth since the first run", now - runs[0].mb, "MB", f"<= {_GROWTH_MB}",
            f"over {beacons:,} beacons and the half load",
        ),
    ]  # fmt: skip


def _two_workers(plan: Plan, directory: Path, client: Client, everything: Sequence[int], runs: list[Run]) -> Figure:
    name, goal = "Footfall: two workers to one", f">= {_TWO_WORKERS}"
    if len(everything) < 3:
        return Figure(PART, name, None, "×", goal, "needs three cores: two for workers, one for the client")
    with servers.house(directory / "two", _place(2, everything), workers=2) as house:
        tell("Footfall, two workers")
        both = [run(house, lambda port: client.most(port, plan.seconds)) for _ in range(plan.rounds)]
    one = statistics.median(one.load.rate for one in runs)
    return median_of(PART, name, [two.load.rate / one for two in both], "×", goal)
