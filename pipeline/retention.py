"""Raw rows die: what ClickHouse's TTL has not removed yet, this job does, and it proves it (rule X3).

In: the time. Out: partitions dropped, a record in `expiries`.
Promises: after `expire`, no row past its lifetime is in `events`, by SELECT and by system.parts, not even in a part
that no query sees any more.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Sequence
from typing import Any

import structlog

from schema.site import Site
from schema.store import Store

from .settings import SiteRules

log = structlog.get_logger("retention")

_LATE = "site = {site:String} AND received < toDateTime({first:Date}, 'UTC')"
_PARTITION = re.compile(r"\((\d+),'(\d{4}-\d\d-\d\d)'\)")
# What schema/sql/0018_baseline.sql gives a part that was replaced, against a power cut right after a merge.
_OLD_PARTS_LIFETIME_S = 60
# A query that still reads a replaced part keeps it; queries of ours take seconds.
_CLEARED_WITHIN_S = 15.0
_ASK_EVERY_S = 0.05
# DROP PARTITION is also what deletes replaced parts of the whole table at once; nothing was received that day.
_NO_PARTITION = "2-19700101"


# The job that removes expired rows runs every hour.
OVERDUE_S = 2 * 3600


class RowsOutlived(Exception):
    """Raw rows are still there after the job that removes them."""


def expire(store: Store, sites: Sequence[tuple[Site, SiteRules]], now: float) -> int:
    """Remove every raw row past its lifetime; how many rows. Raises RowsOutlived if any survives."""
    today = dt.datetime.fromtimestamp(now, dt.UTC).date()
    removed = _drop_expired(store, today, now)
    replaced = _shorten(store, sites, today)
    _clear(store, today, replaced)
    left = [partition for partition, _, _ in _expired(store, today)]
    if left:
        raise RowsOutlived(f"raw rows outlive their retention in {len(left)} partition(s): {', '.join(left)}")
    return removed


def overdue(store: Store, sites: Sequence[tuple[Site, SiteRules]], now: float) -> list[str]:
    """What holds raw rows that should have been removed by now: partitions, and sites whose retention was tightened."""
    day = dt.datetime.fromtimestamp(now - OVERDUE_S, dt.UTC).date()
    found = [f"partition {partition}" for partition, _, _ in _expired(store, day)]
    return found + [f"site {site.key}" for site, rules in sites if _outlived(store, site, rules, day)]


def delete_raw_rows(store: Store, site: str, now: float) -> None:
    """Remove every raw row of a site, whatever its age. Raises RowsOutlived if any survives."""
    mine, given = "site = {site:String}", {"site": site}
    store.command(f"ALTER TABLE {store.local('events')} DELETE WHERE {mine}", given, mutations_sync=2)
    _clear(store, dt.datetime.fromtimestamp(now, dt.UTC).date(), _replaced(store))
    if store.rows(f"SELECT 1 FROM events WHERE {mine} LIMIT 1", given):
        raise RowsOutlived(f"{site}: raw rows came while they were deleted; run it again")


def _drop_expired(store: Store, today: dt.date, now: float) -> int:
    removed = 0
    for partition, identifier, rows in _expired(store, today):
        _drop(store, identifier)
        store.insert(
            "expiries", ("at", "source", "partition", "rows"), ((int(now),), ("events",), (partition,), (rows,))
        )
        log.info("partition_expired", partition=partition, rows=rows)
        removed += rows
    return removed


def _drop(store: Store, identifier: str) -> None:
    # An identifier is ClickHouse's own name of a partition: digits and letters.
    store.command(f"ALTER TABLE {store.local('events')} DROP PARTITION ID '{identifier}'")


def _expired(store: Store, today: dt.date) -> list[tuple[str, str, int]]:
    """(partition, its id, live rows) of every partition past its lifetime that has rows in any part, active or
    lingering. ClickHouse keeps empty parts for a while, which are no evidence of anything."""
    found = []
    for partition, identifier, rows in store.rows(
        """SELECT partition, partition_id, sumIf(rows, active) FROM system.parts
        WHERE database = currentDatabase() AND table = {table:String} AND rows > 0 GROUP BY ALL ORDER BY partition""",
        {"table": store.local("events")},
    ):
        match = _PARTITION.fullmatch(partition)
        if match and dt.date.fromisoformat(match[2]) + dt.timedelta(days=int(match[1])) <= today:
            found.append((partition, identifier, int(rows)))
    return found


def _shorten(store: Store, sites: Sequence[tuple[Site, SiteRules]], today: dt.date) -> frozenset[str]:
    """A retention that was tightened holds for rows stored before, too. The parts that still hold such rows."""
    replaced: frozenset[str] = frozenset()
    for site, rules in sites:
        if _outlived(store, site, rules, today):
            before = _before(site, rules, today)
            store.command(f"ALTER TABLE {store.local('events')} DELETE WHERE {_LATE}", before, mutations_sync=2)
            log.info("retention_tightened", site=site.key, days=rules.retention_days)
            replaced = _replaced(store)
    return replaced


def _outlived(store: Store, site: Site, rules: SiteRules, today: dt.date) -> bool:
    """Whether rows of a site are older than what it keeps now."""
    return bool(store.rows(f"SELECT count() FROM events WHERE {_LATE}", _before(site, rules, today))[0][0])


def _before(site: Site, rules: SiteRules, today: dt.date) -> dict[str, Any]:
    return {"site": site.key, "first": today - dt.timedelta(days=rules.retention_days - 1)}


def _replaced(store: Store) -> frozenset[str]:
    """Parts with rows that no query sees any more."""
    rows = store.rows(
        "SELECT name FROM system.parts WHERE database = currentDatabase() AND table = {table:String} AND NOT active "
        "AND rows > 0",
        {"table": store.local("events")},
    )
    return frozenset(name for (name,) in rows)


def _clear(store: Store, today: dt.date, replaced: frozenset[str]) -> None:
    """Delete the parts that ClickHouse's own TTL or a tightening replaced: rows and all, they would linger."""

    def lingering() -> bool:
        return bool(_expired(store, today)) or bool(replaced & _replaced(store))

    if not lingering():
        return
    table, until = store.local("events"), time.monotonic() + _CLEARED_WITHIN_S
    store.command(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = 0")
    try:
        while lingering() and time.monotonic() < until:
            for _, identifier, _ in _expired(store, today):
                _drop(store, identifier)
            _drop(store, _NO_PARTITION)
            time.sleep(_ASK_EVERY_S)
    finally:
        store.command(f"ALTER TABLE {table} MODIFY SETTING old_parts_lifetime = {_OLD_PARTS_LIFETIME_S}")
