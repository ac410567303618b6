"""The sums of big open days, kept from run to run, so that a run costs what is new and not what the day has.

In: the sums of a day. Out: the same in `sums_*`, with what tells which raw rows are in them.
Promises: no visitor number is kept, but of those behind rare values a hash of it, whose key is in this process only; in
memory only; what a failure may have left half-written is never used again.
"""

from __future__ import annotations

import datetime as dt
import secrets

from msgspec import Struct, structs

from schema.site import Site
from schema.store import Store

from .rows import Found, SiteDay, Some
from .scratch import Scratch, make_sums

# A smaller day is computed whole in a fraction of a second.
LEAST_ROWS = 50_000
# Of all days together. Those that were rolled up last stay.
MOST_ROWS = 5_000_000
_TABLES = ("cells", "conversions", "vitals", "contributors", "files", "repeated", "passed", "touched")


class Kept(Struct, frozen=True):
    """What is kept of a day. site: as it was then, because its goals are in the sums. key: see `SiteDay`. rows: the raw
    rows in the sums. whole: how many they were when the day was computed whole. near: dimensions of which it is noted
    who touched what."""

    site: Site
    run: int
    key: int
    rows: Some
    whole: int
    near: frozenset[str]


class KeptSums:
    """Of which days there are sums. One for one pipeline, the only one to use `sums_*`; its caller holds ROLLING."""

    def __init__(self, least_rows: int = LEAST_ROWS, most_rows: int = MOST_ROWS) -> None:
        self._least, self._most = least_rows, most_rows
        # The last used is last.
        self._days: dict[tuple[str, dt.date], Kept] = {}
        self._made = False

    def take(self, of: SiteDay) -> Kept | None:
        """The day's sums, if there are any that fit. They are taken: unless they are kept again, the next run finds
        none, so nothing that fails half-way is ever built upon."""
        kept = self._days.pop((of.site.key, of.day), None)
        return kept if kept and kept.site == of.site else None

    def begin(self, of: SiteDay, rows: int) -> SiteDay:
        """The day with room for its sums, if they are worth keeping. rows: how many raw rows it has."""
        self._days.pop((of.site.key, of.day), None)
        fits = self._least <= rows <= self._most
        while self._days and sum(kept.rows.rows for kept in self._days.values()) > self._most - rows * fits:
            del self._days[next(iter(self._days))]
        if fits:
            make_sums(of.store)
            self._made = True
        self._tidy(of.store)
        return structs.replace(of, run=secrets.randbits(63) | 1, key=secrets.randbits(64)) if fits else of

    def keep(self, of: SiteDay, found: Found, near: frozenset[str], whole: int = 0) -> None:
        """Keep the day's sums for the next run. found: the raw rows that are in them. whole: how many they were, if the
        day was not computed whole now. near: see `Kept`."""
        if not of.run:
            return
        of.store.command(
            "INSERT INTO sums_files (run, file, last) "
            "SELECT {run:UInt64}, file, last FROM work_files WHERE last > known",
            of.named,
        )
        of.store.command(
            """INSERT INTO sums_repeated (run, id, sequence)
            SELECT DISTINCT {run:UInt64}, id, sequence FROM work_repeated
            WHERE (id, sequence) NOT IN (SELECT id, sequence FROM sums_repeated WHERE run = {run:UInt64})""",
            of.named,
        )
        self._days[of.site.key, of.day] = Kept(of.site, of.run, of.key, found.all, whole or found.all.rows, near)

    def forget(self, store: Store, site: str, day: dt.date) -> None:
        """Drop a day's sums, if there are any."""
        if self._days.pop((site, day), None):
            self._tidy(store)

    def forget_site(self, store: Store, site: str) -> None:
        """Drop the sums of every day of a site."""
        mine = [key for key in self._days if key[0] == site]
        for key in mine:
            del self._days[key]
        if mine:
            self._tidy(store)

    def _tidy(self, store: Store | Scratch) -> None:
        """Drop what belongs to no day that is kept; a run may have failed."""
        if not self._made:
            return
        runs = [kept.run for kept in self._days.values()]
        for table in _TABLES:
            if runs:
                gone = "run NOT IN {runs:Array(UInt64)}"
                store.command(f"ALTER TABLE sums_{table} DELETE WHERE {gone}", {"runs": runs}, mutations_sync=2)
            else:
                store.command(f"TRUNCATE TABLE sums_{table}")
