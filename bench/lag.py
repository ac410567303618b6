"""How long after a beacon was answered it is in the numbers, with k = 1, in a house with one site and no other visitor.

In: a plan. Out: seconds. Beacons come one after the other, each of a visitor of his own, at moments that have nothing
to do with those of the job that rolls up.
"""

from __future__ import annotations

import datetime as dt
import random
import shutil
import statistics
import tempfile
import time
from pathlib import Path

from footfall.canary.scratch import AGENT, Scratch
from footfall.control.instance import StatsRequest
from footfall.control.remote import remote

from .figures import Figure, quantile
from .load import SITE
from .machine import tell
from .plan import Plan

PART = "lag"
_SETTINGS = ("--set", "release.k=1", "--set", "release.networks=1", "--set", "demo=false")
_LONGEST_S = 60.0
_LOOK_EVERY_S = 0.02
_REST_S = 1.5


def measure(plan: Plan) -> list[Figure]:
    """From the answer to a beacon to the number that has it."""
    chance = random.Random(plan.seed)
    keys = tempfile.mkdtemp(prefix="footfall-bench-", dir="/dev/shm")
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        house = Scratch(Path(name) / "data", *_SETTINGS, "--set", f"keys.directory={keys}", sites=(SITE,)).start()
        try:
            tell(f"{plan.repeats} beacons, one after the other")
            found = [_shown_after(house, number, chance) for number in range(1, plan.repeats + 1)]
        finally:
            house.kill()
            shutil.rmtree(keys)
    note = f"{min(found):.2f} to {max(found):.2f} of {len(found)}"
    return [
        Figure(PART, "shown after, median", statistics.median(found), "s", note=note),
        Figure(PART, "shown after, p95", quantile(found, 0.95), "s"),
    ]


def _shown_after(house: Scratch, number: int, chance: random.Random) -> float:
    time.sleep(_REST_S * chance.random())
    body = {"n": "pageview", "u": f"https://{SITE}/{number % 7}", "d": SITE}
    status, _ = house.post(body, {"User-Agent": AGENT.format(100 + number)})
    if status != 202:
        raise RuntimeError(f"the collector answered {status}")
    answered = time.monotonic()
    today = dt.datetime.now(dt.UTC).date().isoformat()
    asked, instance = StatsRequest(SITE, today, today, ""), remote(house.data / "control.sock")
    while instance.stats(asked)["totals"]["visitors"] < number:
        if time.monotonic() > answered + _LONGEST_S:
            raise RuntimeError(f"beacon {number} is not shown after {_LONGEST_S:.0f} s")
        time.sleep(_LOOK_EVERY_S)
    return time.monotonic() - answered
