"""Raw rows that expire in the embedded engine; the job is killed at the first statement, STEP later and so on.

In: `python -m tests.faults.expired DIR STEP`. Out: a JSON line of each life (doomed.py): which rows there are of the
site whose expiry was cut off, after a rerun. Then rows of another expire, and the job is killed before its nth
statement.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from functools import partial
from typing import Any

import structlog

from pipeline.retention import expire, overdue
from pipeline.settings import SiteRules
from schema.migrate import migrate
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event
from tests.faults.doomed import doom, lives

# Far ahead, so that no TTL takes the rows before the job does.
TODAY = dt.date(2046, 3, 1)
NOW = day_bounds("UTC", day_number(TODAY)).start + 3_600
# How many days ago: past its lifetime of 20 days, past what the site keeps by now, and neither.
AGES = {"expired": 25, "tightened": 10, "young": 2}
LIFETIME, TIGHTENED = 20, SiteRules(1, 5, "balanced")


def fill(store: Store, site: Site) -> None:
    for age in AGES.values():
        day = TODAY - dt.timedelta(days=age)
        noon = day_bounds("UTC", day_number(day)).start + 43_200
        insert(store, [make_event(site.key, noon + n, day, visitor=n, lifetime=LIFETIME) for n in range(1, 7)])
        visits = [(site.key, day, 1, n, day + dt.timedelta(days=LIFETIME), day) for n in range(1, 7)]
        columns = ("site", "day", "version", "visitor", "expires", "received")
        store.insert("visits", columns, [*map(list, zip(*visits, strict=True))])


def told(store: Store, site: Site) -> dict[str, Any]:
    """By table and age of the rows of the site how many there are, and what should have gone."""
    rows = {
        f"{table} {TODAY - day}": count
        for table in ("events", "visits")
        for day, count in store.rows(
            f"SELECT toDate(received), count() FROM {table} WHERE site = {{s:String}} GROUP BY 1", {"s": site.key}
        )
    }
    return {"rows": rows, "overdue": overdue(store, [(site, TIGHTENED)], NOW + 86_400)}


def live(directory: str, step: int, number: int) -> None:
    # Standard output is for what is told.
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(sys.stderr))
    store = Store(f"chdb://{directory}")
    migrate(store)
    before, site = Site(f"expires-{number - step}"), Site(f"expires-{number}")
    if number > 1:
        expire(store, [(before, TIGHTENED)], NOW)
        print(json.dumps(told(store, before), default=str), flush=True)
    else:
        print(json.dumps(None), flush=True)
    fill(store, site)
    doom(store, number)
    expire(store, [(site, TIGHTENED)], NOW)


if __name__ == "__main__":
    directory, step = sys.argv[1], int(sys.argv[2])
    lives(partial(live, directory, step), step)
