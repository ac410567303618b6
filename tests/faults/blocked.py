"""Two blocks that are closed together in the embedded engine, killed at the first statement, STEP later and so on.

In: `python -m tests.faults.blocked DIR STEP [days]`. Out: a JSON line of each life (doomed.py): what the blocks before,
which were cut off, are after a rerun. Then blocks of other sites are closed, and killed before the nth statement; with
`days` their days, too.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from collections.abc import Sequence
from functools import partial
from typing import Any

from pipeline.blocks import close_blocks
from pipeline.close_days import close_days
from pipeline.manifest import read_entries
from pipeline.settings import SiteRules
from schema.families import WAITING, WAITING_TABLES
from schema.migrate import migrate
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event
from tests.faults.doomed import doom, lives

SUNDAY = dt.date(2046, 1, 7)
BOUNDS = day_bounds("UTC", day_number(SUNDAY))
NOON, NOW = BOUNDS.start + 43_200, BOUNDS.end + 400
RULES = SiteRules(5, 20, "balanced", networks=5, k_late=10, late_others=3)


def fill(store: Store, site: Site) -> None:
    """Two days on which two pages have many visitors, but of few networks; half of those buy for whom they are fast,
    and half of the others."""
    common: dict[str, Any] = {"lifetime": 20}
    for day, noon in ((SUNDAY - dt.timedelta(days=1), NOON - 86_400), (SUNDAY, NOON)):
        events = [
            make_event(site.key, noon + n, day, visitor=n, network_number=n, lcp=900.0, **common) for n in range(1, 9)
        ]
        for n in range(100, 148):
            mine = common | {"visitor": n, "network_number": 50 + n // 8 % 4, "path": f"/{n % 2}", "country": "DE"}
            mine["props"] = {"plan": f"{n % 2}"}
            events.append(make_event(site.key, noon + n, day, **mine))
            name, lcp = ("buy", "look")[n % 8 // 4], (901.0, 5000.0)[n % 4 // 2]
            events.append(make_event(site.key, noon + n + 9, day, name=name, currency="EUR", amount=n, **mine))
            events.append(make_event(site.key, noon + n + 20, day, name="engagement", engaged_ms=9, lcp=lcp, **mine))
        insert(store, events)
    store.insert("watermarks", ("spool", "received_through"), (("1",), (NOW,)))


def told(store: Store, sites: Sequence[Site]) -> dict[str, Any]:
    """What is released with their blocks, and what still waits."""
    mine = {"s": [site.key for site in sites]}
    among = "WHERE site IN {s:Array(String)}"
    rows = {
        family: store.rows(f"SELECT * EXCEPT site FROM late_{family} {among} ORDER BY ALL", mine) for family in WAITING
    }
    entries = [[(entry.span, entry.rows) for entry in read_entries(store, site.key)] for site in sites]
    waiting = sum(store.rows(f"SELECT count() FROM {table} {among}", mine)[0][0] for table in WAITING_TABLES)
    return {"rows": rows, "entries": entries, "waiting": waiting}


def close(store: Store, sites: Sequence[Site]) -> None:
    close_days(store, [(site, RULES) for site in sites], NOW, 300, frozenset())
    close_blocks(store, [(site, RULES) for site in sites], NOW, 300)


def sites_of(number: int) -> list[Site]:
    goals = (Goal("buy", event="buy"),)
    return [Site(f"blocked-{number}-{which}", goals=goals, properties=("plan",)) for which in (1, 2)]


def live(directory: str, whole: bool, step: int, number: int) -> None:
    store = Store(f"chdb://{directory}")
    migrate(store)
    sites = sites_of(number)
    if number > 1:
        before = sites_of(number - step)
        close(store, before)
        print(json.dumps(told(store, before), default=str), flush=True)
    else:
        print(json.dumps(None), flush=True)
    for site in sites:
        fill(store, site)
    if not whole:
        close_days(store, [(site, RULES) for site in sites], NOW, 300, frozenset())
    doom(store, number)
    close(store, sites)


if __name__ == "__main__":
    directory, step, *more = sys.argv[1:]
    lives(partial(live, directory, "days" in more, int(step)), int(step))
