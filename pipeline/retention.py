"""Raw rows die: what ClickHouse's TTL has not removed yet, this job does, and it proves it (rule X3).

In: the time. Out: partitions dropped, a record in `expiries`.
Promises: after `expire`, no row past its lifetime is in `events`, by SELECT and by system.parts.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Sequence

import structlog

from schema.site import Site
from schema.store import Store

from .settings import SiteRules

log = structlog.get_logger("retention")

_PARTITION = re.compile(r"\((\d+),'(\d{4}-\d\d-\d\d)'\)")


class RowsOutlived(Exception):
    """Raw rows are still there after the job that removes them."""


def expire(store: Store, sites: Sequence[tuple[Site, SiteRules]], now: float) -> int:
    """Remove every raw row past its lifetime; how many rows. Raises RowsOutlived if any survives."""
    today = dt.datetime.fromtimestamp(now, dt.UTC).date()
    removed = _drop_expired(store, today, now)
    _shorten(store, sites, today)
    left = [partition for partition, _, _ in _expired(store, today)]
    if left:
        raise RowsOutlived(f"raw rows outlive their retention in {len(left)} partition(s): {', '.join(left)}")
    return removed


def _drop_expired(store: Store, today: dt.date, now: float) -> int:
    removed = 0
    for partition, identifier, rows in _expired(store, today):
        # An identifier is ClickHouse's own hexadecimal name of a partition.
        store.command(f"ALTER TABLE {store.local('events')} DROP PARTITION ID '{identifier}'")
        store.insert(
            "expiries", ("at", "source", "partition", "rows"), ((int(now),), ("events",), (partition,), (rows,))
        )
        log.info("partition_expired", partition=partition, rows=rows)
        removed += rows
    return removed


def _expired(store: Store, today: dt.date) -> list[tuple[str, str, int]]:
    """(partition, its id, live rows) of every partition past its lifetime that has a part, active or lingering."""
    found = []
    for partition, identifier, rows in store.rows(
        """SELECT partition, partition_id, sumIf(rows, active) FROM system.parts
        WHERE database = currentDatabase() AND table = {table:String} GROUP BY ALL ORDER BY partition""",
        {"table": store.local("events")},
    ):
        match = _PARTITION.fullmatch(partition)
        if match and dt.date.fromisoformat(match[2]) + dt.timedelta(days=int(match[1])) <= today:
            found.append((partition, identifier, int(rows)))
    return found


def _shorten(store: Store, sites: Sequence[tuple[Site, SiteRules]], today: dt.date) -> None:
    """A retention that was tightened holds for rows stored before, too."""
    for site, rules in sites:
        before = {"site": site.key, "first": today - dt.timedelta(days=rules.retention_days - 1)}
        late = "site = {site:String} AND received < toDateTime({first:Date}, 'UTC')"
        if store.rows(f"SELECT count() FROM events WHERE {late}", before)[0][0]:
            store.command(f"ALTER TABLE {store.local('events')} DELETE WHERE {late}", before, mutations_sync=2)
            log.info("retention_tightened", site=site.key, days=rules.retention_days)
