"""As of when open days are shown.

In: the span of a question. Out: a local time. Promises: it is the quarter of an hour of the snapshot that is shown of
the whole site (pipeline/rollup/open_days/step.py), of which single values may be older; with k = 1 the minute in which
it was counted. Of `open_through` nothing else is read.
"""

from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

from schema.site import Site
from schema.store import Store

from .source import Span

_COARSE_S, _FINE_S = 15 * 60, 60


def snapshot_time(store: Store, span: Span, site: Site) -> dt.datetime | None:
    """When the newest snapshot that is shown of an open day of the span was taken, by the site's clock, rounded down;
    None where nothing is shown."""
    if not span.has_open:
        return None
    # Plain rows: planning an aggregate takes longer.
    rows = store.rows(
        "SELECT day, toUnixTimestamp(as_of) FROM open_through "
        "PREWHERE site = {site:String} AND day BETWEEN {first:Date} AND {last:Date}",
        {"site": span.site, "first": span.first, "last": span.last},
        **store.brief,
    )
    newest = max((as_of for day, as_of in rows if span.is_open(day)), default=0)
    return as_shown(newest, site)


def as_shown(second: int, site: Site) -> dt.datetime | None:
    """When a snapshot was taken, by the site's clock, rounded down; None for 0, which is none."""
    step_s = _FINE_S if site.release_k == 1 else _COARSE_S
    return dt.datetime.fromtimestamp(second // step_s * step_s, ZoneInfo(site.timezone)) if second else None
