"""Publishes what became of beacons, by days that are over: all that the dashboards may know of `ingest`.

In: counts in `ingest`. Out: rows in `outcomes`. Promises: nothing of visitors' signals (pipeline/bare_totals.py has
these), tens only, and each day of a site once, when it is over and has arrived: a number that grows while somebody
looks tells the minute.
"""

from __future__ import annotations

import datetime as dt

from schema.event import COARSE, SIGNALS
from schema.store import Store

from .insert import insert
from .open_days import received_through

# So long after its end a day waits for a spool that does not report.
_PATIENCE_S = 86_400

_PUBLISHING = f"""
    {
    insert(
        "outcomes",
        {"site": "site", "day": "day", "reason": "reason"} | {"count": f"intDiv(sum(n), {COARSE}) * {COARSE}"},
    )
}
    FROM (SELECT site, toDate(minute) AS day, reason, count AS n FROM ingest)
    WHERE day < {{through:Date}} AND reason NOT IN {{signals:Array(String)}}
        AND (site, day) NOT IN (SELECT site, day FROM outcomes)
    GROUP BY site, day, reason"""


def counted_through(store: Store, now: float) -> float:
    """The second through which counts have arrived, or are waited for no longer."""
    return min(now, max(received_through(store), now - _PATIENCE_S))


def publish_outcomes(store: Store, now: float) -> None:
    """Publish the days (UTC) that are over, where they are not. now: Unix seconds."""
    through = counted_through(store, now)
    given = {"through": dt.datetime.fromtimestamp(through, dt.UTC).date(), "signals": sorted(SIGNALS)}
    store.command(_PUBLISHING, given, **store.foreground)
