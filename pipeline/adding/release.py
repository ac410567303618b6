"""Adds something to a released day, as a release of its own beside the day's (rule N6).

In: an entry of the manifest that names what is added, and the statement that makes its rows. Out: rows of a family of
what is late, then the entry. Promises: nothing that was released changes; the entry is there also where there are no
rows; killed anywhere, the next run does the same.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, TypeVar

from msgspec import Struct, structs

from schema.families import FAMILIES
from schema.manifest import ADDED, LIVE
from schema.store import Store, StoreDown

from ..copying import added_of, columns_of, holding, table_of
from ..insert import insert
from ..manifest import Entry, append, digest_input, read_entries
from ..settings import SiteRules

Day = TypeVar("Day")
# Of the rows of a day those by one dimension.
OF_DAY = "site = {site:String} AND day = {day:Date} AND grain = 'day' AND by_dimension = ''"
_MINE = "site = {site:String} AND grain = {grain:String} AND day = {day:Date}"


class Due(Struct, frozen=True):
    """A released day and what it was not counted with, by name its definition. added: the entries that have added
    something to it."""

    entry: Entry
    added: tuple[Entry, ...]
    new: dict[str, str]


def days_left(store: Store, site: str) -> Iterator[tuple[Entry, tuple[Entry, ...]]]:
    """The released days to which something may be added, because visits are left of them: the newest first, each with
    the entries that have added something to it."""
    left = {day for (day,) in store.rows("SELECT DISTINCT day FROM visits WHERE site = {site:String}", {"site": site})}
    if not left:
        return
    entries = read_entries(store, site, f"AND day >= '{min(left)}' ORDER BY number")
    added: dict[dt.date, list[Entry]] = {}
    for entry in added_of(entries):
        added.setdefault(entry.day, []).append(entry)
    for entry in reversed(holding(entries)):
        # Of a day that shows nothing nothing else is shown.
        if entry.day in left and entry.origin == LIVE and entry.rows:
            yield entry, tuple(added.get(entry.day, ()))


def due_days(
    store: Store,
    site: str,
    declared: Mapping[str, str],
    counted: Callable[[Entry], Mapping[str, str]],
    knows: Callable[[Entry], bool],
) -> Iterator[Due]:
    """The days that were not counted with all that is declared, by name its definition. counted: what of it an entry
    is of. knows: whether the entry of a day says enough of it; nothing is added to older ones."""
    for entry, added in days_left(store, site):
        if not knows(entry):
            continue
        known = {one for of in (entry, *added) for one in counted(of).items()}
        missing = {name: what for name, what in declared.items() if (name, what) not in known}
        if missing:
            yield Due(entry, added, missing)


def entry_beside(day: Entry, rules: SiteRules, now: float, gone: bool = False, **what: Any) -> Entry:
    """The entry of what is added to a day. gone: it is not known who it is of. what: what is added."""
    return Entry(
        *(day.site, 0, day.day, int(now), LIVE, rules.preset, rules.k),
        complete=day.complete and not gone,
        over_counted=day.over_counted,
        networks=rules.least_networks,
        span=ADDED,
        **what,
    )


def each_in_time(days: Iterable[Day], add: Callable[[Day], None], longest_s: float) -> bool:
    """Add what is due to one day after the other; whether that was all. longest_s: begin no other day after so long,
    because other work waits; 0 begins none."""
    if longest_s <= 0:
        return False
    until = time.monotonic() + longest_s
    for due in days:
        if time.monotonic() > until:
            return False
        add(due)
    return True


def into_late(family: str, **named: str) -> str:
    """SQL, up to WHERE, that copies what is staged of a family to what is late of it. named: SQL of columns that are
    another thing there."""
    columns = {name: name for name in FAMILIES[family].columns} | {"grain": "{grain:String}", "days": "1"} | named
    return f"{insert(table_of(family, late=True), columns)} FROM staging_{family} AS s"


def add_to_day(
    store: Store, family: str, entry: Entry, sql: str, given: Mapping[str, Any], beside: Mapping[str, str] = {}
) -> int:
    """Insert the rows, then the entry; how many rows there are. sql: inserts them, "" where there are none; it is bound
    to `given`, and to the site, the day and the grain. beside: the same of other families. The caller holds
    RELEASING."""
    mine = {"site": entry.site, "day": entry.day, "grain": entry.grain}
    digest, rows, columns = hashlib.sha256(), 0, dict[str, list[str]]()
    for name, filling in {family: sql, **beside}.items():
        text = _added(store, name, mine, filling, given)
        digest.update(digest_input(name, text) if text else b"")
        rows += text.count(b"\n")
        columns[name] = [*columns_of(name, late=True)]
    append(store, [structs.replace(entry, rows=rows, digest=digest.hexdigest() if rows else "", columns=columns)])
    return rows


def _added(store: Store, family: str, mine: Mapping[str, Any], sql: str, given: Mapping[str, Any]) -> bytes:
    """The rows of one of the families, as they are digested."""
    table = table_of(family, late=True)
    # Of a run that was cut off.
    if store.rows(f"SELECT 1 FROM {table} WHERE {_MINE} LIMIT 1", mine):
        store.command(f"ALTER TABLE {store.local(table)} DELETE WHERE {_MINE}", mine, mutations_sync=2)
    if not sql:
        return b""
    store.command(sql, {**mine, **given}, **store.foreground)
    keys = ", ".join(("dimension", "value", "by_dimension", "by_value", *FAMILIES[family].key_names))
    # A statement may be sent twice over HTTP.
    if not store.rows(f"SELECT count() = uniqExact({keys}) FROM {table} WHERE {_MINE}", mine)[0][0]:
        raise StoreDown(f"what is added to {mine['site']} was inserted twice; the next run makes it again")
    names = columns_of(family, late=True)
    return store.text(f"SELECT {', '.join(names)} FROM {table} WHERE {_MINE} ORDER BY ALL FORMAT TSV", mine)
