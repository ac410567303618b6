"""As much load as one worker takes, for as long as is asked, and the memory of every process of the house, in stages.

In: `python -m tests.faults.soak --minutes 60`. Out: requests and megabytes by stage; exit code 1 if memory is not flat.
Each stage brings addresses, agents and pages that were never seen before: what is kept for each of them would be seen.
"""

from __future__ import annotations

import argparse
import gc
import json
import sys
import tempfile
from pathlib import Path
from typing import Any

from msgspec import structs

from bench.load import Client
from bench.plan import Plan
from pipeline.settings import MiB
from tests.faults.raw import memory_of
from tests.house import Running, eventually, running

STAGES = 6
# Caches fill, ClickHouse starts its threads, and the first rollups are made.
WARM = 2
# Forty thousand requests of which each leaves a hundred bytes behind would be more. The whole is what bench/ promises.
WORKER_GROWS, WORKER_TAKES = 4 * MiB, 120 * MiB
# It holds what a rollup of the day works on, and gives memory back late: bounded, but not flat.
ENGINE_GROWS, ENGINE_TAKES = 400 * MiB, 1536 * MiB
_PLAN = Plan(connections=64, addresses=5_000, agents=200, paths=2_000)


def soak(directory: Path, seconds: float) -> dict[str, Any]:
    """Put load on a house of one worker for so long; what it took, stage by stage."""
    trusted = ("--set", 'collector.trusted_proxies=["127.0.0.0/8"]', "--set", "demo=false")
    requests, failed = list[int](), 0
    with running(directory / "data", "--workers", "1", *trusted) as house:
        resident: dict[str, list[int]] = {name: [] for name in _processes(house)}
        before = _processes(house)
        for stage in range(STAGES):
            client = Client(structs.replace(_PLAN, seed=stage + 1), directory)
            load = client.paced(house.port, seconds / STAGES, rate=0)
            del client
            gc.collect()
            requests.append(load.requests)
            failed += load.failed
            eventually(lambda: len([*house.data.glob("spool/*/*.sealed")]) < 2, 60)
            for name, pid in _processes(house).items():
                resident[name].append(memory_of(pid))
        assert _processes(house) == before, "a process died"
        code = house.stop()
    grown = {name: max(found[WARM:]) - found[WARM - 1] for name, found in resident.items()}
    flat = grown["collector"] < WORKER_GROWS and grown["engine"] < ENGINE_GROWS
    bounded = max(resident["collector"]) < WORKER_TAKES and max(resident["engine"]) < ENGINE_TAKES
    return {
        # Where a busy machine keeps one request waiting, that is no fault.
        "ok": flat and bounded and code == 0 and failed <= sum(requests) // 100,
        "requests": requests,
        "failed": failed,
        "exit": code,
        "grown_mb": {name: round(size / MiB, 1) for name, size in grown.items()},
        "resident_mb": {name: [round(size / MiB, 1) for size in sizes] for name, sizes in resident.items()},
    }


def _processes(house: Running) -> dict[str, int]:
    """The house's processes by what they do."""
    children = {role: pid for role in ("collector", "engine") for pid in house.children(role)}
    return {"parent": house.processes()[0], **children}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.faults.soak")
    parser.add_argument("--minutes", type=float, default=60.0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        told = soak(Path(directory), options.minutes * 60)
    print(json.dumps(told, indent=1))
    sys.exit(not told["ok"])


if __name__ == "__main__":
    main()
