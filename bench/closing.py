"""Closing one big day: what pairs and segments add to it, and what they take on disk.

In: a plan. Out: figures. Each site has the same events; they differ in what they declare.
"""

from __future__ import annotations

import datetime as dt
import os
import tempfile
import time

from msgspec import structs

from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from schema.manifest import LIVE
from schema.migrate import migrate
from schema.segment import Segment
from schema.site import Site
from schema.store import Store

from .disk import merge, rows_and_bytes
from .figures import Figure
from .machine import processor_s, tell
from .plan import Plan
from .rollup import DAY, EVENTS_A_VISITOR, RULES, SITE, generate, peak_mb

PART = "closing"
SEGMENTS = (
    Segment("Phones", {"device": "mobile"}),
    Segment("Phones that search", {"device": "mobile", "channel": "Organic Search"}),
    Segment("Germany, not by search", {"country": "DE", "not": {"channel": "Organic Search"}}),
    Segment("Shop", {"section": "/shop/"}),
    Segment("Shop without a purchase", {"section": "/shop/", "not": {"goal": "Purchase"}}),
    Segment("Signed up", {"goal": "Signup"}),
    Segment("Began in the blog", {"entry_page": "/blog/**"}),
    Segment("Blog, then docs", {"all": [{"page": "/blog/**"}, {"page": "/docs/**"}]}),
    Segment("Campaigns or links", {"any": [{"utm_campaign": "Campaign 1*"}, {"channel": "Referral"}]}),
    Segment("New browsers", {"browser": ["Chrome", "Firefox"], "not": {"device": "tablet"}}),
)
SITES: dict[str, Site] = {
    "nothing": structs.replace(SITE, key="closing-0.example", pairs=()),
    "the default pairs": structs.replace(SITE, key="closing-1.example"),
    "these and 10 segments": structs.replace(SITE, key="closing-2.example", segments=SEGMENTS),
}
_TABLES = ("released_pairs", "released_segments")


def measure(plan: Plan) -> list[Figure]:
    """Once each: a day is released once."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        store = Store(f"chdb://{name}")
        migrate(store)
        took = {what: _close(store, site, plan, what) for what, site in SITES.items()}
        peak = peak_mb()
        merge(store, _TABLES)
        rows, size = rows_and_bytes(store, _TABLES)
        store.close()
    return [
        *(
            Figure(PART, f"a whole day: {what}", wall, "s", goal, f"{used:.2f} s of processor time")
            for (what, (wall, used)), goal in zip(took.items(), ("", "", "<= 30"), strict=True)
        ),
        Figure(PART, "resident at its peak", peak, "MB", "<= 1500", "of all these"),
        Figure(PART, "rows on disk", size / 1e6, "MB", "<= 7", f"{rows:,} rows of pairs, twice, and segments, once"),
    ]


def _close(store: Store, site: Site, plan: Plan, what: str) -> tuple[float, float]:
    """(seconds, processor seconds) of a release."""
    generate(store, site.key, DAY, plan.events // EVENTS_A_VISITOR)
    tell(f"closing a day with {what}")
    # Made-up visitors have no networks.
    day = SiteDay(site, DAY, structs.replace(RULES, networks=1))
    now = dt.datetime.combine(DAY + dt.timedelta(days=2), dt.time(), dt.UTC).timestamp()
    used, started = processor_s(os.getpid()), time.monotonic()
    release_together(store, "events", [day], now, LIVE, [Flaws()])
    return time.monotonic() - started, processor_s(os.getpid()) - used
