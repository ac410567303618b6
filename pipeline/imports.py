"""An import: anonymous events of past days → a table of its own → released days → nothing.

In: batches of events whose keys are destroyed already or will be with the command. Out: what happened to each day.
Promises: days that are live or released stay as they are; an interrupted import leaves nothing behind; the same
import again changes nothing.
"""

from __future__ import annotations

import datetime as dt
import re
import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple, replace

from schema.event import CrawlerViews
from schema.manifest import RELEASED_DAYS, origin_of
from schema.site import Site, day_bounds, day_number, local_day
from schema.store import Store

from .blocks import close_blocks
from .crawlers import forget_imported, publish_imported
from .import_preview import Preview, preview
from .manifest import RELEASING
from .open_days import received_by_spool
from .release import release
from .settings import SiteRules
from .spool.layout import arranged
from .writer import COLUMNS

_RELEASED = f"SELECT count() FROM {RELEASED_DAYS} WHERE site = {{site:String}} AND day = {{day:Date}}"
_TABLE = re.compile(r"import_[0-9a-f]{16}")


class ImportReport(Struct, frozen=True):
    """released, skipped: days by ISO date; skipped ones with the reason."""

    released: list[str]
    skipped: dict[str, str]


class Batch(Struct, frozen=True):
    """Events from another process, which may be of another version: lists of these fields."""

    run: str
    fields: tuple[str, ...]
    rows: list[list[Any]]

    def in_order(self) -> list[list[Any]]:
        """The same in the order of the struct. Raises LayoutUnknown."""
        arrange = arranged("events", self.fields)
        return self.rows if arrange is None else [arrange(row) for row in self.rows]


class Import:
    """One run. Its table lives from `begin` to `finish` or `abandon`."""

    def __init__(self, store: Store, run: str = "") -> None:
        self.store = store
        self.run = run or secrets.token_hex(8)
        self.table = f"import_{self.run}"
        if not _TABLE.fullmatch(self.table):
            raise ValueError(f"run = {run!r}: not the name of an import")
        self._next = 0

    def begin(self) -> None:
        """Make the table: the layout of `events`, without its TTL, because it does not outlive the command."""
        self.store.command(
            f"CREATE TABLE {self.table} AS {self.store.local('events')} "
            "ENGINE = MergeTree ORDER BY (site, day, visitor) "
            # Over HTTP the client sends an insert again after a reset.
            "SETTINGS non_replicated_deduplication_window = 1000 "
            # The embedded engine knows no time of creation, so the table carries its own.
            f"COMMENT '{int(time.time())}'"
        )

    def add(self, rows: Sequence[Sequence[Any]]) -> None:
        """Store events given as lists in the order of the struct's fields."""
        if not rows:
            return
        columns = [*zip(*rows, strict=True), range(self._next, self._next + len(rows))]
        self._next += len(rows)
        self.store.insert(self.table, COLUMNS, [list(column) for column in columns])

    def add_crawlers(self, views: Sequence[CrawlerViews]) -> None:
        """Store how many pages crawlers asked for."""
        if views:
            rows = [astuple(replace(one, run=self.run)) for one in views]
            columns = [list(column) for column in zip(*rows, strict=True)]
            self.store.insert("crawler_views", CrawlerViews.__struct_fields__, columns, token=f"{self.run}:crawlers")

    def finish(self, sites: Sequence[tuple[Site, SiteRules]], now: float, made_by: str) -> ImportReport:
        """Release the days that may be, drop the table. made_by: what imports."""
        known = {site.key: (site, rules) for site, rules in sites}
        released: list[str] = []
        try:
            # Between the look at what is there and the release no other day is released.
            with RELEASING:
                found, skipped = self._days(known, now)
                for key, days in found.items():
                    release(self.store, self.table, *_one(known[key], days), now, origin_of(made_by, self.run))
                    released += [day.isoformat() for day in days]
                close_blocks(self.store, [known[key] for key in found], now, 0, origin_of(made_by, self.run))
            for key, days in found.items():
                publish_imported(self.store, known[key][0], self.run, days)
        finally:
            self.abandon()
        return ImportReport(released, skipped)

    def preview(self, sites: Sequence[tuple[Site, SiteRules]], now: float) -> tuple[Preview, dict[str, str]]:
        """What `finish` would release, and which days it would skip; drop the table."""
        known = {site.key: (site, rules) for site, rules in sites}
        try:
            # What is staged for a release stands in the same tables.
            with RELEASING:
                found, skipped = self._days(known, now)
                return preview(self.store, self.table, found, known), skipped
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Drop the table and everything in it, at once."""
        forget_imported(self.store, self.run)
        self.store.command(f"DROP TABLE IF EXISTS {self.table} SYNC")

    def _days(
        self, known: Mapping[str, tuple[Site, SiteRules]], now: float
    ) -> tuple[dict[str, list[dt.date]], dict[str, str]]:
        """(the days that may be released, by site; why others may not)."""
        found: dict[str, list[dt.date]] = {}
        skipped: dict[str, str] = {}
        for key, day in self.store.rows(f"SELECT DISTINCT site, day FROM {self.table} ORDER BY site, day"):
            reason = self._unfit(known[key][0], day, now)
            if reason:
                skipped[day.isoformat()] = reason
            else:
                found.setdefault(key, []).append(day)
        return found, skipped

    def _unfit(self, site: Site, day: dt.date, now: float) -> str:
        where = {"site": site.key, "day": day}
        if self.store.rows(_RELEASED, where)[0][0]:
            return "released already"
        if day >= local_day(site.timezone, now).date:
            return "not over yet"
        if self.store.rows("SELECT count() FROM events WHERE site = {site:String} AND day = {day:Date}", where)[0][0]:
            return "collected live"
        marks = received_by_spool(self.store)
        if marks and min(marks.values()) < day_bounds(site.timezone, day_number(day)).end:
            return (
                "events of it may be on their way (footfall spools says from where): import it once they have arrived"
            )
        return ""


def _one(known: tuple[Site, SiteRules], days: list[dt.date]) -> tuple[Site, list[dt.date], SiteRules]:
    return known[0], days, known[1]


def abandon_all(store: Store, older_than_s: float = 0.0) -> list[str]:
    """Drop the tables of imports that were cut off; their names."""
    rows = store.rows(
        """SELECT name FROM system.tables WHERE database = currentDatabase() AND startsWith(name, 'import_')
        AND toUInt32OrZero(comment) <= {before:UInt32}""",
        {"before": int(time.time() - older_than_s)},
    )
    tables = [name for (name,) in rows if _TABLE.fullmatch(name)]
    for table in tables:
        forget_imported(store, table.removeprefix("import_"))
        store.command(f"DROP TABLE IF EXISTS {table} SYNC")
    return tables
