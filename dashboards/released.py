"""Which days of a period are released, and which of them are too small to show.

In: a site and days. Out: `Released`. Promises: a day is called suppressed only if its manifest says so.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from schema.store import Store

from .source import Span


class Released(Struct, frozen=True):
    """k: the largest fold threshold among the days. suppressed: days of fewer than k people. partial: days whose
    raw rows were about to expire before everything had arrived. over_counted: days on which a key was lost.
    since, through: the first and the last day of the site that is released at all. span: the days, and those before
    them that were asked for."""

    k: int
    span: Span
    since: dt.date | None = None
    through: dt.date | None = None
    suppressed: tuple[dt.date, ...] = ()
    partial: tuple[dt.date, ...] = ()
    over_counted: tuple[dt.date, ...] = ()


def released_days(
    store: Store, site: str, first: dt.date, last: dt.date, k: int, before: dt.date | None = None
) -> Released:
    """What the manifest says of the days; k is that of days it does not hold. before: where the span begins, if not
    with the first day."""
    start = before or first
    found = store.rows(
        "SELECT count(), groupArrayIf(day, day BETWEEN {start:Date} AND {last:Date}), min(day), max(day), "
        "maxIf(k, inside), groupArrayIf(day, inside AND rows = 0), groupArrayIf(day, inside AND NOT complete), "
        "groupArrayIf(day, inside AND over_counted) "
        "FROM (SELECT *, day BETWEEN {first:Date} AND {last:Date} AS inside FROM manifest "
        "WHERE site = {site:String} ORDER BY day)",
        {"site": site, "start": start, "first": first, "last": last},
    )
    count, days, since, through, largest, suppressed, partial, over_counted = found[0]
    return Released(
        k=int(largest) or k,
        span=Span(site, start, last, frozenset(days)),
        since=since if count else None,
        through=through if count else None,
        suppressed=tuple(suppressed),
        partial=tuple(partial),
        over_counted=tuple(over_counted),
    )
