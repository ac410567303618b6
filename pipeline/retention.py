"""Raw rows die: what ClickHouse's TTL has not removed yet, this job does, and it proves it (rule X3).

In: the time. Out: partitions dropped, a record in `expiries`.
Promises: after `expire`, no row past its lifetime is in `events`, by SELECT and by system.parts, not even in a part
that no query sees any more; nor is what waited for a block there (blocks.py) and was deleted.
"""

from __future__ import annotations

import datetime as dt
import re
import time
from collections.abc import Sequence
from typing import Any

import structlog

from schema.families import WAITING_TABLES
from schema.site import Site
from schema.store import Store

from .settings import SiteRules

log = structlog.get_logger("retention")

# What holds single people, in the order in which it goes. Visits are made of raw rows: they never outlive them.
_TABLES = ("visits", "events")
_ALL_TABLES = (*_TABLES, *WAITING_TABLES)
_LATE = "site = {site:String} AND received < toDateTime({first:Date}, 'UTC')"
# Of visits the day on which they expire; of raw rows their lifetime in days and the day on which they were received.
_PARTITION = re.compile(r"(\d{4}-\d\d-\d\d)|\((\d+),'(\d{4}-\d\d-\d\d)'\)")
# What schema/sql/0018_baseline.sql gives a part that was replaced, against a power cut right after a merge.
_OLD_PARTS_LIFETIME_S = 60
# A query that still reads a replaced part keeps it; queries of ours take seconds.
_CLEARED_WITHIN_S = 15.0
_ASK_EVERY_S = 0.05
# DROP PARTITION is also what deletes replaced parts of the whole table at once; nothing was received that day.
_NO_PARTITION = dict.fromkeys(_ALL_TABLES, "19700101") | {"events": "2-19700101"}


# The job that removes expired rows runs every hour.
OVERDUE_S = 2 * 3600


class RowsOutlived(Exception):
    """Raw rows are still there after the job that removes them."""


def expire(store: Store, sites: Sequence[tuple[Site, SiteRules]], now: float) -> int:
    """Remove every raw row past its lifetime; how many rows. Raises RowsOutlived if any survives."""
    today = dt.datetime.fromtimestamp(now, dt.UTC).date()
    removed = _drop_expired(store, today, now)
    replaced = _shorten(store, sites, today)
    _clear(store, today, replaced | _replaced(store, WAITING_TABLES), _ALL_TABLES)
    left = [f"{table} {partition}" for table, partition, _, _ in _expired(store, today)]
    if left:
        raise RowsOutlived(f"raw rows outlive their retention in {len(left)} partition(s): {', '.join(left)}")
    return removed


def overdue(store: Store, sites: Sequence[tuple[Site, SiteRules]], now: float) -> list[str]:
    """What holds raw rows that should have been removed by now: partitions, and sites whose retention was tightened."""
    day = dt.datetime.fromtimestamp(now - OVERDUE_S, dt.UTC).date()
    found = [f"partition {partition} of {table}" for table, partition, _, _ in _expired(store, day)]
    return found + [f"site {site.key}" for site, rules in sites if _outlived(store, site, rules, day)]


def delete_raw_rows(store: Store, site: str, now: float) -> None:
    """Remove every raw row of a site, whatever its age. Raises RowsOutlived if any survives."""
    mine, given = "site = {site:String}", {"site": site}
    for table in _TABLES:
        store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {mine}", given, mutations_sync=2)
    _clear(store, dt.datetime.fromtimestamp(now, dt.UTC).date(), _replaced(store))
    if any(store.rows(f"SELECT 1 FROM {table} WHERE {mine} LIMIT 1", given) for table in _TABLES):
        raise RowsOutlived(f"{site}: raw rows came while they were deleted; run it again")


def _drop_expired(store: Store, today: dt.date, now: float) -> int:
    removed = 0
    for table, partition, identifier, rows in _expired(store, today):
        _drop(store, table, identifier)
        store.insert("expiries", ("at", "source", "partition", "rows"), ((int(now),), (table,), (partition,), (rows,)))
        log.info("partition_expired", table=table, partition=partition, rows=rows)
        removed += rows * (table == "events")
    return removed


def _drop(store: Store, table: str, identifier: str) -> None:
    # An identifier is ClickHouse's own name of a partition: digits and letters.
    store.command(f"ALTER TABLE {store.local(table)} DROP PARTITION ID '{identifier}'")


def _expired(store: Store, today: dt.date) -> list[tuple[str, str, str, int]]:
    """(table, partition, its id, live rows) of every partition past its lifetime that has rows in any part, active or
    lingering. ClickHouse keeps empty parts for a while, which are no evidence of anything."""
    found = []
    for table in _TABLES:
        for partition, identifier, rows in store.rows(
            """SELECT partition, partition_id, sumIf(rows, active) FROM system.parts
            WHERE database = currentDatabase() AND table = {table:String} AND rows > 0 GROUP BY ALL
            ORDER BY partition""",
            {"table": store.local(table)},
        ):
            expires = _expiry(partition)
            if expires and expires <= today:
                found.append((table, partition, identifier, int(rows)))
    return found


def _expiry(partition: str) -> dt.date | None:
    match = _PARTITION.fullmatch(partition)
    if match is None:
        return None
    if match[1]:
        return dt.date.fromisoformat(match[1])
    return dt.date.fromisoformat(match[3]) + dt.timedelta(days=int(match[2]))


def _shorten(store: Store, sites: Sequence[tuple[Site, SiteRules]], today: dt.date) -> frozenset[tuple[str, str]]:
    """A retention that was tightened holds for rows stored before, too. The parts that still hold such rows."""
    replaced: frozenset[tuple[str, str]] = frozenset()
    for site, rules in sites:
        if _outlived(store, site, rules, today):
            before = _before(site, rules, today)
            for table in _TABLES:
                store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {_LATE}", before, mutations_sync=2)
            log.info("retention_tightened", site=site.key, days=rules.retention_days)
            replaced = _replaced(store)
    return replaced


def _outlived(store: Store, site: Site, rules: SiteRules, today: dt.date) -> bool:
    """Whether rows of a site are older than what it keeps now."""
    before = _before(site, rules, today)
    return any(store.rows(f"SELECT 1 FROM {table} WHERE {_LATE} LIMIT 1", before) for table in _TABLES)


def _before(site: Site, rules: SiteRules, today: dt.date) -> dict[str, Any]:
    return {"site": site.key, "first": today - dt.timedelta(days=rules.retention_days - 1)}


def _replaced(store: Store, tables: Sequence[str] = _TABLES) -> frozenset[tuple[str, str]]:
    """(table, name) of parts with rows that no query sees any more."""
    rows = store.rows(
        "SELECT table, name FROM system.parts WHERE database = currentDatabase() AND table IN {tables:Array(String)} "
        "AND NOT active AND rows > 0",
        {"tables": [store.local(table) for table in tables]},
    )
    return frozenset((table, name) for table, name in rows)


def _clear(store: Store, today: dt.date, replaced: frozenset[tuple[str, str]], tables: Sequence[str] = _TABLES) -> None:
    """Delete the parts that ClickHouse's own TTL or a deletion replaced: rows and all, they would linger."""

    def lingering() -> bool:
        return bool(_expired(store, today)) or bool(replaced & _replaced(store, tables))

    if not lingering():
        return
    until = time.monotonic() + _CLEARED_WITHIN_S
    _keep_replaced_parts(store, tables, "MODIFY SETTING old_parts_lifetime = 0")
    try:
        while lingering() and time.monotonic() < until:
            for table, _, identifier, _ in _expired(store, today):
                _drop(store, table, identifier)
            for table in tables:
                _drop(store, table, _NO_PARTITION[table])
            time.sleep(_ASK_EVERY_S)
    finally:
        own = [table for table in tables if table in _TABLES]
        _keep_replaced_parts(store, own, f"MODIFY SETTING old_parts_lifetime = {_OLD_PARTS_LIFETIME_S}")
        # Of the others the migrations say nothing.
        _keep_replaced_parts(store, [*{*tables} - {*own}], "RESET SETTING old_parts_lifetime")


def _keep_replaced_parts(store: Store, tables: Sequence[str], how_long: str) -> None:
    for table in sorted(tables):
        store.command(f"ALTER TABLE {store.local(table)} {how_long}")
