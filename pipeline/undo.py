"""Takes the days of an import back: they are unreadable at once, their rows go, and they may be imported again.

In: the name of a run. Out: an entry in the manifest for each of its days; fewer rows in `released_*` and `months_*`.
Promises: days that were collected live are never touched, nor days that another import has released since; the chain
of the manifest stays whole; where it is cut off, the same again ends it.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from schema.families import FAMILIES, LATE
from schema.manifest import UNDO, is_undo, origin_of
from schema.months import TABLES
from schema.store import Store

from .copying import ROWS_STAY, holding
from .crawlers import take_back
from .manifest import RELEASING, Entry, append, read_entries
from .waiting_days import forget_waiting


class Run(Struct, frozen=True):
    """An import. made_by: `import` or `demo`. undone: when it was taken back, Unix seconds, 0 if it was not."""

    run: str
    site: str
    made_by: str
    released_at: int
    days: tuple[dt.date, ...]
    undone: int = 0


class Undone(Struct, frozen=True):
    """already: it was taken back before, and what was left of it is gone now."""

    run: str
    site: str
    days: tuple[dt.date, ...]
    already: bool = False


def runs(store: Store) -> list[Run]:
    """Every import that has released days, the oldest first. Those from before runs had names are not among them."""
    rows = store.rows(
        """SELECT site, origin, toUnixTimestamp(min(released_at)), arraySort(groupArray(day)) FROM manifest
        WHERE span = 1 AND position(origin, ':') > 0
        GROUP BY site, origin ORDER BY min(released_at), min(number), site"""
    )
    undone = {(site, origin.partition(":")[2]): when for site, origin, when, _ in rows if is_undo(origin)}
    found = []
    for site, origin, when, days in rows:
        made_by, _, run = origin.partition(":")
        if not is_undo(origin):
            found.append(Run(run, site, made_by, when, tuple(days), undone.get((site, run), 0)))
    return found


def undo(store: Store, run: str, now: float) -> Undone | None:
    """Take an import back; None where there is none of that name."""
    found = next((one for one in runs(store) if one.run == run), None)
    if found is None:
        return None
    with ROWS_STAY, RELEASING:
        entries = read_entries(store, found.site)
        origin = origin_of(found.made_by, run)
        mine = [entry for entry in holding(entries) if entry.origin == origin]
        append(store, [_taking_back(entry, run, now) for entry in mine])
        days = tuple(sorted(entry.day for entry in mine)) or _left(entries, run)
        _forget(store, found.site, days)
        _forget_blocks(store, found.site, run)
        forget_waiting(store, [(found.site, day) for day in days])
        take_back(store, found.site, run)
    return Undone(run, found.site, days or found.days, not mine)


def _taking_back(entry: Entry, run: str, now: float) -> Entry:
    """Of the same day, k and preset, with no rows."""
    return Entry(entry.site, 0, entry.day, int(now), origin_of(UNDO, run), entry.preset, entry.k)


def _left(entries: list[Entry], run: str) -> tuple[dt.date, ...]:
    """The days of a run that was taken back, and that nothing has released since."""
    last = {entry.day: entry for entry in entries if entry.span == 1}
    return tuple(sorted(day for day, entry in last.items() if entry.origin == origin_of(UNDO, run)))


def _forget_blocks(store: Store, site: str, run: str) -> None:
    """Delete what was released with the blocks of an import."""
    given, mine = {"site": site, "run": run}, "site = {site:String} AND endsWith(grain, concat(':', {run:String}))"
    for table in (f"late_{family}" for family in LATE):
        if store.rows(f"SELECT 1 FROM {table} WHERE {mine} LIMIT 1", given):
            store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {mine}", given, mutations_sync=2)


def _forget(store: Store, site: str, days: tuple[dt.date, ...]) -> None:
    """Delete what days have in `released_*`, and the sums of their months, which the pipeline makes anew."""
    if not days:
        return
    given = {"site": site, "days": list(days), "months": sorted({day.replace(day=1) for day in days})}
    tables = [(f"released_{family}", "day IN {days:Array(Date)}") for family in FAMILIES]
    tables += [(table, "month IN {months:Array(Date)}") for table in TABLES]
    for table, which in tables:
        mine = f"site = {{site:String}} AND {which}"
        if store.rows(f"SELECT count() FROM {table} WHERE {mine}", given)[0][0]:
            store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {mine}", given, mutations_sync=2)
