"""All that the store has of one site: rows to export, or to delete for good.

In: a site's key. Out: rows of released days; or a store without the site. Promises: only days whose entry in the
manifest stands are exported, and never a raw row; a removal takes raw rows, open and released ones, sums of months,
counts by outcome, and the site's whole chain of the manifest, so that the chains of others stay whole; where it is
cut off, what is left is unreadable or whole, and the same again ends it.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from msgspec import Struct

from schema.families import FAMILIES, LATE, WAITING_TABLES
from schema.manifest import RELEASED_DAYS
from schema.months import TABLES as MONTHS
from schema.store import Store

from .copying import columns_of, months_of, readable, rows_in
from .manifest import RELEASING, Entry, read_entries
from .retention import delete_raw_rows
from .rollup.open_days.publish import OPEN, drop_open

# Raw rows first: without the manifest they would make days open again. The manifest before the rows that it makes
# readable: a backup of what a removal that was cut off has left is whole. The withdrawals that wait (`erasures`) stay:
# what is still in a spool of theirs has to go, too.
_TABLES = (
    "events",
    "visits",
    *OPEN,
    "manifest",
    *WAITING_TABLES,
    *(f"released_{family}" for family in FAMILIES),
    *(f"late_{family}" for family in LATE),
    *MONTHS,
    "ingest",
    "bounds",
    "annotations",
    "bare_totals",
    "outcomes",
    "crawler_views",
    "crawlers",
)


class Removed(Struct, frozen=True):
    """released: days that are gone. had_raw_rows: whether there were any; how many is nobody's business."""

    site: str
    released: int
    released_rows: int
    had_raw_rows: bool


def stored_sites(store: Store) -> list[str]:
    """The sites that have a row in any of the tables that a removal empties, also those that cannot be read."""
    sources = " UNION DISTINCT ".join(f"SELECT DISTINCT site FROM {table}" for table in _TABLES)
    return [key for (key,) in store.rows(f"SELECT site FROM ({sources}) WHERE site != '' ORDER BY site")]


def what_there_is(store: Store, key: str) -> Removed:
    """What a removal would take."""
    mine = {"site": key}
    [[days]] = store.rows(f"SELECT count() FROM {RELEASED_DAYS} WHERE site = {{site:String}}", mine)
    released = [*(f"released_{family}" for family in FAMILIES), *(f"late_{family}" for family in LATE)]
    rows = sum(_count(store, table, key) for table in released)
    return Removed(key, days, rows, bool(_count(store, "events", key)))


def remove_site(store: Store, key: str, now: float) -> Removed:
    """Delete all of a site that no settings name any more. The caller holds `copying.ROWS_STAY`, so that a backup that
    is under way has what it began with, and sees to it that no job of this process works for the site."""
    with RELEASING:
        found = what_there_is(store, key)
        for table in _TABLES:
            if not _count(store, table, key):
                continue
            if table in ("events", "visits"):
                delete_raw_rows(store, key, now)
            elif table in OPEN:  # each day is a partition, and a mutation would wait for those of all other sites
                days = store.rows(f"SELECT DISTINCT day FROM {table} WHERE site = {{site:String}}", {"site": key})
                drop_open(store, key, [day for (day,) in days])
            else:
                store.command(
                    f"ALTER TABLE {store.local(table)} DELETE WHERE site = {{site:String}}",
                    {"site": key},
                    mutations_sync=2,
                )
    return found


def released_months(store: Store, key: str) -> list[dt.date]:
    """The first days of the months that have released days, or in which a block begins."""
    return list(_by_month(store, key))


def rows_of_month(store: Store, key: str, family: str, late: bool, month: dt.date) -> list[dict[str, Any]]:
    """The released rows of a site's month in one family, each by the names of the registry's columns. late: those of
    the blocks that begin in it, and of goals that were added to its days."""
    mine = [entry for entry in _by_month(store, key).get(month, []) if bool(entry.grain) is late]
    given = {"site": key, "days": [entry.day for entry in mine], "grains": [entry.grain for entry in mine]}
    rows = store.rows(rows_in(family, late), given)
    return [dict(zip(columns_of(family, late), row, strict=True)) for row in rows]


def _by_month(store: Store, key: str) -> dict[dt.date, list[Entry]]:
    return months_of(readable(read_entries(store, key)))


def _count(store: Store, table: str, key: str) -> int:
    return int(store.rows(f"SELECT count() FROM {table} WHERE site = {{site:String}}", {"site": key})[0][0])
