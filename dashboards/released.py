"""Which days of a period are released, and which of them are too small to show.

In: a site and days. Out: `Released`. Promises: a day is called suppressed only if its manifest says so.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from schema.store import Store

from .source import scope


class Released(Struct, frozen=True):
    """k: the largest fold threshold among the days. suppressed: days of fewer than k people. partial: days whose
    raw rows were about to expire before everything had arrived. over_counted: days on which a key was lost.
    since, through: the first and the last day of the site that is released at all."""

    k: int
    since: dt.date | None = None
    through: dt.date | None = None
    suppressed: tuple[dt.date, ...] = ()
    partial: tuple[dt.date, ...] = ()
    over_counted: tuple[dt.date, ...] = ()


def released_days(store: Store, site: str, first: dt.date, last: dt.date, k: int) -> Released:
    """What the manifest says of the days; k is that of days it does not hold."""
    count, since, through, largest, suppressed, partial, over_counted = store.rows(
        "SELECT count(), min(day), max(day), maxIf(k, inside), groupArrayIf(day, inside AND rows = 0), "
        "groupArrayIf(day, inside AND NOT complete), groupArrayIf(day, inside AND over_counted) "
        "FROM (SELECT *, day BETWEEN {first:Date} AND {last:Date} AS inside FROM manifest "
        "WHERE site = {site:String} ORDER BY day)",
        scope(site, first, last),
    )[0]
    return Released(
        k=int(largest) or k,
        since=since if count else None,
        through=through if count else None,
        suppressed=tuple(suppressed),
        partial=tuple(partial),
        over_counted=tuple(over_counted),
    )
