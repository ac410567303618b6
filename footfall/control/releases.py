"""What `footfall release` tells: the chain of a site's manifest, what of it does not hold, and a day.

In: a store, a site. Out: plain values. Promises: of an open day how it stands and what it waits for, never a number of
rows or people; of entries and released days only what the dashboards may read is read.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from msgspec import structs

from dashboards.stats.released import enough
from dashboards.stats.snapshots import snapshot_time
from dashboards.stats.source import Span
from pipeline.closing import waiting
from pipeline.copying import ROWS_STAY, holding, months_of
from pipeline.manifest import Entry, read_entries
from pipeline.published import published
from pipeline.release import open_days, received_by_spool
from pipeline.settings import SiteRules
from pipeline.verify import chain_faults, head, row_faults, unreadable_rows
from schema.families import FAMILIES
from schema.site import Site, day_bounds, day_number
from schema.store import Store, StoreRefuses

# What an entry has beside these is told of it; `columns` is of interest to who digests rows alone.
_UNTOLD = ("site", "version", "columns")


def log_of(store: Store, site: Site, first: dt.date, last: dt.date, now: float, grace_s: int) -> dict[str, Any]:
    """The entries of days from first to last, and the open ones of these days. open: None where the store's user may
    not read which these are."""
    entries = read_entries(store, site.key)
    holds = {entry.number for entry in holding(entries)}
    told = [_told(entry) | {"holds": entry.number in holds} for entry in entries if first <= entry.day <= last]
    try:
        days = [one.day for one in open_days(store) if one.site == site.key and first <= one.day <= last]
        marks = received_by_spool(store)
    except StoreRefuses:
        return {"site": site.key, "timezone": site.timezone, "entries": told, "open": None}
    still_open = [{"day": day} | structs.asdict(waiting(site, day, now, marks, grace_s)) for day in sorted(days)]
    return {
        "site": site.key,
        "timezone": site.timezone,
        "entries": told,
        "open": msgspec.to_builtins(still_open),
    }


def released_sites(store: Store) -> list[str]:
    """The sites that have entries, or rows without one."""
    tables = ("manifest", *(f"released_{family}" for family in FAMILIES))
    sources = " UNION DISTINCT ".join(f"SELECT DISTINCT site FROM {table}" for table in tables)
    return [key for (key,) in store.rows(f"SELECT site FROM ({sources}) ORDER BY site")]


def chain_of(store: Store, key: str) -> dict[str, Any]:
    """What the chain of a site is, and what of it does not hold; rows are looked at month by month."""
    with ROWS_STAY:
        entries = read_entries(store, key)
        faults = [*chain_faults(entries), *unreadable_rows(store, key)]
    standing = holding(entries)
    told = {
        "site": key,
        "entries": len(entries),
        "days": len(standing),
        "rows": sum(entry.rows for entry in standing),
        "last": entries[-1].number if entries else 0,
        "head": head(entries),
        "months": list(months_of(standing)),
        "faults": faults,
    }
    answer: dict[str, Any] = msgspec.to_builtins(told)
    return answer


def faults_of_month(store: Store, key: str, month: dt.date) -> list[dict[str, Any]]:
    """What rows of a month are not those that were released."""
    with ROWS_STAY:
        entries = months_of(holding(read_entries(store, key))).get(month, [])
        faults: list[dict[str, Any]] = msgspec.to_builtins(list(row_faults(store, key, entries)))
    return faults


def day_of(store: Store, site: Site, rules: SiteRules, day: dt.date, now: float, grace_s: int) -> dict[str, Any]:
    """A day. state: `released`, with its entry and what is published; `open`, with what it waits for; else `none`."""
    told: dict[str, Any] = {"site": site.key, "day": day.isoformat(), "timezone": site.timezone}
    entry = next((one for one in holding(read_entries(store, site.key)) if one.day == day), None)
    if entry is not None:
        rows = msgspec.to_builtins(published(store, site.key, day))
        return told | {"state": "released", "entry": _told(entry), "published": rows}
    if not any(one.site == site.key and one.day == day for one in open_days(store)):
        return told | {"state": "none"}
    bounds = day_bounds(site.timezone, day_number(day))
    shown = snapshot_time(store, Span(site.key, day, day, frozenset()), structs.replace(site, release_k=rules.k))
    waits = waiting(site, day, now, received_by_spool(store), grace_s)
    return told | {
        "state": "open",
        "since": bounds.start,
        "shown_as_of": shown.isoformat(timespec="minutes") if shown else None,
        "shown_from": enough(rules.k, rules.least_networks),
        "preset": rules.preset,
        "k": rules.k,
        "networks": rules.least_networks,
        "waits_for": msgspec.to_builtins(waits),
    }


def _told(entry: Entry) -> dict[str, Any]:
    fields = {name: value for name, value in structs.asdict(entry).items() if name not in _UNTOLD}
    told: dict[str, Any] = msgspec.to_builtins(fields)
    return told
