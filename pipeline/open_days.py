"""Which days are open, and how far the spools have arrived.

In: raw rows, manifests, watermarks. Out: `OpenDay`s, and seconds. Promises: nothing is changed.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Mapping

from msgspec import Struct

from schema.manifest import RELEASED_DAYS
from schema.store import Store

# Clocks of several hosts may differ so much.
AHEAD_S = 60


class OpenDay(Struct, frozen=True):
    """A site-day with raw rows and no manifest. expires: when the first of its rows dies, Unix seconds."""

    site: str
    day: dt.date
    events: int
    expires: int


def open_days(store: Store, since: dt.date | None = None) -> list[OpenDay]:
    """Every open day; with `since` only those whose events were received from that UTC date on (cheap)."""
    bound = "AND received >= toDateTime({since:Date}, 'UTC')" if since else ""
    rows = store.rows(
        f"""SELECT site, day, count(), toUnixTimestamp(min(toDateTime(toDate(received) + lifetime, 'UTC')))
        FROM events WHERE (site, day) NOT IN {RELEASED_DAYS} {bound}
        GROUP BY site, day ORDER BY day, site""",
        {"since": since} if since else {},
    )
    return [OpenDay(*row) for row in rows]


def open_dates(store: Store) -> dict[str, set[dt.date]]:
    """The open days of each site; of one that has none, none."""
    found: dict[str, set[dt.date]] = defaultdict(set)
    for open_day in open_days(store):
        found[open_day.site].add(open_day.day)
    return found


def received_through(store: Store) -> int:
    """The second through which every enrolled spool has arrived; 0 while none has reported."""
    return min(received_by_spool(store).values(), default=0)


def received_by_spool(store: Store) -> dict[str, int]:
    """For every spool that has ever reported the second through which it has arrived."""
    rows = store.rows(
        "SELECT spool, toUnixTimestamp(max(received_through)) FROM watermarks GROUP BY spool ORDER BY spool"
    )
    return {spool: int(second) for spool, second in rows}


def ahead_of_time(marks: Mapping[str, int], now: float) -> list[str]:
    """The spools that claim to have received what is yet to come: a clock ran ahead, there then or here now. Until the
    time has caught up, an erasure may be carried out before all of its events have arrived."""
    return [spool for spool, second in marks.items() if second > now + AHEAD_S]
