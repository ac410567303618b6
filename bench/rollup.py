"""Rolling up one day on the embedded engine: seconds per 100,000 raw events, bytes per raw event.

In: a seed. Out: two numbers. Nothing of it is kept.
"""

from __future__ import annotations

import datetime as dt
import random
import statistics
import tempfile
import time

from pipeline.rollup import roll_up
from pipeline.settings import SiteRules
from pipeline.writer import COLUMNS
from schema.migrate import migrate
from schema.site import Site
from schema.store import Store

ROUNDS = 3
EVENTS = 100_000
# Yesterday: older rows would have outlived their lifetime.
DAY = dt.datetime.now(dt.UTC).date() - dt.timedelta(days=1)


def rollup() -> dict[str, object]:
    """One day of 100,000 raw events of 25,000 visitors on 500 pages, on the embedded engine."""
    with tempfile.TemporaryDirectory() as directory:
        store = Store(f"chdb://{directory}")
        migrate(store)
        store.insert("events", COLUMNS, _columns(COLUMNS))
        took = []
        for _ in range(ROUNDS):
            started = time.monotonic()
            roll_up(store, Site("example.com"), DAY, SiteRules(5, 30, "balanced"))
            took.append(time.monotonic() - started)
        parts = "FROM system.parts WHERE active AND table = 'events'"
        size, rows = store.rows(f"SELECT sum(bytes_on_disk), sum(rows) {parts}")[0]
        store.close()
    return {"rollup_s_per_100k_events": round(statistics.median(took), 2), "bytes_per_raw_event": round(size / rows, 1)}


def _columns(names: tuple[str, ...]) -> list[list[object]]:
    chance, start = random.Random(1), int(dt.datetime(DAY.year, DAY.month, DAY.day, tzinfo=dt.UTC).timestamp())
    fixed: dict[str, object] = {"site": "example.com", "day": DAY, "lifetime": 30, "id": 0}
    fixed |= {"name": "pageview", "interactive": True, "hostname": "example.com", "props": {}, "amount": 0}
    fixed |= {"engaged_ms": 0, "scroll": 255} | dict.fromkeys(("lcp", "inp", "cls", "fcp", "ttfb"), -1.0)
    many: dict[str, list[object]] = {
        "visitor": [chance.randrange(25_000) * 2**40 for _ in range(EVENTS)],
        "received": [start + chance.randrange(86_400) for _ in range(EVENTS)],
        "path": [f"/page/{chance.randrange(500)}" for _ in range(EVENTS)],
        "source": [chance.choice(("", "Google", "Bing", "Reddit")) for _ in range(EVENTS)],
        "country": [chance.choice(("DE", "FR", "US", "AT")) for _ in range(EVENTS)],
        "browser": [chance.choice(("Firefox", "Chrome", "Safari")) for _ in range(EVENTS)],
        "sequence": list(range(EVENTS)),
    }
    return [many[name] if name in many else [fixed.get(name, "")] * EVENTS for name in names]
