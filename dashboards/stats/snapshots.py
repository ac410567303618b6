"""When what is shown of open days was put in place.

In: the span of a question. Out: a local time. Promises: it is when a snapshot was taken, which takes at least k
visitors (pipeline/rollup/shown.py), and but for k = 1 the quarter of an hour alone, because a snapshot follows on the
kth of them; of `open_through` nothing else is read.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from schema.site import Site
from schema.store import Store

from .source import Span

_SECOND_NS = 10**9
_COARSE_S, _FINE_S = 15 * 60, 60


def snapshot_time(store: Store, span: Span, site: Site) -> dt.datetime | None:
    """When the newest snapshot of an open day of the span was taken, by the site's clock, rounded down; None where
    there is none."""
    if not span.has_open:
        return None
    # A version is the nanosecond in which the rows were put in place. Plain rows: planning an aggregate takes longer.
    rows = store.rows(
        "SELECT day, version FROM open_through WHERE site = {site:String} AND day BETWEEN {first:Date} AND {last:Date}",
        {"site": span.site, "first": span.first, "last": span.last},
        **store.brief,
    )
    newest = max((version for day, version in rows if span.is_open(day)), default=None)
    step_s = _FINE_S if site.release_k == 1 else _COARSE_S
    taken = None if newest is None else newest // (step_s * _SECOND_NS) * step_s
    return None if taken is None else dt.datetime.fromtimestamp(taken, ZoneInfo(site.timezone))
