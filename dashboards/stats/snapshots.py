"""When what is shown of open days was put in place.

In: the span of a question. Out: a local time, to the minute. Promises: it is when a snapshot was taken, which takes at
least k visitors (pipeline/rollup/shown.py), never when an event arrived; of `open_through` nothing else is read.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from schema.store import Store

from .source import Span

_MINUTE_NS = 60 * 10**9


def snapshot_time(store: Store, span: Span, zone: ZoneInfo) -> dt.datetime | None:
    """When the newest snapshot of an open day of the span was taken, by the site's clock; None where there is none."""
    if not span.has_open:
        return None
    # A version is the nanosecond in which the rows were put in place. Plain rows: planning an aggregate takes longer.
    rows = store.rows(
        "SELECT day, version FROM open_through WHERE site = {site:String} AND day BETWEEN {first:Date} AND {last:Date}",
        {"site": span.site, "first": span.first, "last": span.last},
        **store.brief,
    )
    newest = max((version for day, version in rows if span.is_open(day)), default=None)
    return None if newest is None else dt.datetime.fromtimestamp(newest // _MINUTE_NS * 60, zone)
