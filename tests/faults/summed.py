"""The sums of a month in the embedded engine, killed at the first statement of making them, STEP later and so
on.

In: `python -m tests.faults.summed DIR STEP`. Out: a JSON line of each life (doomed.py): what a reader is told by months
and by days, before and after a run. Then one more day is released, and a run is killed before its nth statement.
"""

from __future__ import annotations

import datetime as dt
import json
import sys
from functools import partial
from typing import Any

import msgspec

from dashboards.stats import overview, report
from dashboards.stats.period import Period
from dashboards.stats.report import Reports
from pipeline.months import sum_months
from schema.migrate import migrate
from schema.site import Site
from schema.store import Store
from tests.faults.doomed import doom, lives

SITE = Site("summed")
FIRST = dt.date(2042, 4, 1)
WHOLE = Period(FIRST, dt.date(2042, 4, 30), "")


def release(store: Store) -> None:
    """One more day, as released days are: rows first, then the manifest."""
    number = store.rows("SELECT count() FROM manifest")[0][0]
    day = FIRST + dt.timedelta(days=number)
    for dimension, value in (("", ""), ("page", "/"), ("page", f"/{number}")):
        row = {"site": SITE.key, "grain": "day", "day": day, "dimension": dimension, "value": value, "visitors": 7}
        store.insert("released_cells", list(row), [[cell] for cell in row.values()])
    vital = {"site": SITE.key, "grain": "day", "day": day, "metric": "lcp", "bucket": 9 + number, "samples": 5}
    store.insert("released_vitals", list(vital), [[cell] for cell in vital.values()])
    manifest = {"site": SITE.key, "day": day, "number": number + 1, "digest": str(day), "k": 2, "rows": 4}
    store.insert("manifest", list(manifest), [[cell] for cell in manifest.values()])


def told(store: Store, least_days: int) -> Any:
    """What the page of that month says, less where it was read."""
    report.LEAST_DAYS = least_days
    answer = Reports(store, [SITE]).overview(SITE, WHOLE)
    return msgspec.to_builtins([answer.totals, answer.series, answer.tables, answer.vitals])


def live(directory: str, number: int) -> None:
    store = Store(f"chdb://{directory}")
    migrate(store)
    overview.WORTH_ROWS = 0
    if not store.rows("SELECT count() FROM manifest")[0][0]:
        release(store)
    by_days = told(store, 10_000)
    before = told(store, 1)
    sum_months(store)
    rows = store.rows("SELECT count(), uniqExact(made) FROM months_cells WHERE made IN (SELECT made FROM months)")
    out = {"by_days": by_days, "before": before, "after": told(store, 1), "rows": rows[0]}
    print(json.dumps(out, default=str), flush=True)
    release(store)
    doom(store, number)
    sum_months(store)


if __name__ == "__main__":
    lives(partial(live, sys.argv[1]), int(sys.argv[2]))
