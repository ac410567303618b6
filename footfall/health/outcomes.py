"""What became of beacons, by site and reason, as operators are told it.

In: a store. Out: numbers. Promises: nothing of visitors' signals, and what is dropped for who somebody is only of days
that are over: a number that is looked at and grows tells the second. The dashboards are told what is published alone.
"""

from __future__ import annotations

from collector.outcome import Reason
from schema.store import Store

_SIGNALS = [str(reason) for reason in Reason if reason.is_signal]
_SILENT = [str(reason) for reason in Reason if reason.is_silent]


def outcomes(store: Store) -> list[tuple[str, str, int]]:
    """(site, reason, how often) of the last 24 hours; of the day before today (UTC) where it is told to nobody."""
    rows = store.rows(
        """SELECT site, reason, sum(count) FROM ingest
        WHERE reason NOT IN {signals:Array(String)} AND if(reason IN {silent:Array(String)},
            toDate(minute) = yesterday(), minute >= now() - INTERVAL 1 DAY)
        GROUP BY site, reason ORDER BY site, reason""",
        {"signals": _SIGNALS, "silent": _SILENT},
    )
    return [(site, reason, int(times)) for site, reason, times in rows]


def outcomes_of_last_day(store: Store) -> list[tuple[str, str, int]]:
    """The same of the last day (UTC) that is over, rounded down to tens, as it is published (pipeline/outcomes.py)."""
    rows = store.rows(
        """SELECT site, reason, max(count) FROM outcomes
        WHERE day = (SELECT max(day) FROM outcomes WHERE day BETWEEN today() - 2 AND today()) GROUP BY site, reason"""
    )
    return [(site, reason, int(times)) for site, reason, times in rows]
