"""Rolling up days of any size, for growth: bench/rollup.py looks at one big day closely.

In: a plan. Out: seconds.
"""

from __future__ import annotations

import tempfile
import time

from pipeline.rollup.stages import roll_up
from schema.migrate import migrate
from schema.store import Store

from .plan import Plan
from .rollup import DAY, EVENTS_A_VISITOR, RULES, SITE, generate


def seconds(plan: Plan) -> float:
    """Of one day, by an engine that has done it before: what growth compares."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as directory:
        store = _filled(directory, plan.events)
        _rolled_up_s(store)
        took = _rolled_up_s(store)
        store.close()
    return took


def _filled(directory: str, events: int) -> Store:
    store = Store(f"chdb://{directory}")
    migrate(store)
    generate(store, SITE.key, DAY, events // EVENTS_A_VISITOR)
    return store


def _rolled_up_s(store: Store) -> float:
    started = time.monotonic()
    roll_up(store, SITE, DAY, RULES)
    return time.monotonic() - started
