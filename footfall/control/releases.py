"""What `footfall release` tells: the chain of a site's manifest, what of it does not hold, and a day.

In: a store, a site. Out: plain values. Promises: of an open day how it stands and what it waits for, never a number of
rows or people; of entries and released days only what the dashboards may read is read.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import msgspec
from msgspec import structs

from dashboards.stats.released import enough_for_a_day
from dashboards.stats.snapshots import snapshot_time
from dashboards.stats.source import Span
from pipeline.closing import in_no_block, waiting, waiting_block, waiting_blocks
from pipeline.copying import ROWS_STAY, added_of, blocks_of, holding, months_of, readable, table_of
from pipeline.manifest import Entry, read_entries
from pipeline.open_days import open_days, received_by_spool
from pipeline.published import published
from pipeline.settings import SiteRules
from pipeline.verify import chain_faults, head, row_faults, unreadable_rows
from pipeline.waiting_days import Due, first_of
from schema.families import FAMILIES, LATE
from schema.manifest import LIVE
from schema.site import Site, day_bounds, day_number, local_day
from schema.store import Store, StoreRefuses

# What an entry has beside these is told of it; `columns` is of interest to who digests rows alone.
_UNTOLD = ("site", "version", "columns", "days")
_DAY = dt.timedelta(days=1)


def log_of(
    store: Store, site: Site, rules: SiteRules, first: dt.date, last: dt.date, now: float, grace_s: int
) -> dict[str, Any]:
    """The entries of days from first to last, of what was added to them, and of blocks that have some of these;
    which days and blocks are not closed yet.
    open, blocks: None where the store's user may not read which these are."""
    entries = read_entries(store, site.key)
    holds = {entry.number for entry in readable(entries)}
    asked = [entry for entry in entries if first <= entry.day + max(0, entry.span - 1) * _DAY and entry.day <= last]
    told: dict[str, Any] = {"site": site.key, "timezone": site.timezone}
    alone = in_no_block(entries)
    told["entries"] = [
        _told(entry) | {"holds": entry.number in holds, "in_no_block": entry.number in alone} for entry in asked
    ]
    try:
        days = [one.day for one in open_days(store) if one.site == site.key]
        marks = received_by_spool(store)
    except StoreRefuses:
        return told | {"open": None, "blocks": None}
    still_open = [
        {"day": day} | structs.asdict(waiting(site, day, now, marks, grace_s))
        for day in sorted(days)
        if first <= day <= last
    ]
    blocks = [
        {"day": one.first, "span": one.span} | structs.asdict(waiting_block(site, one, now, marks, grace_s, days))
        for one in waiting_blocks(site, rules, entries, local_day(site.timezone, now).date)
        if first <= one.last and one.first <= last
    ]
    waits: dict[str, Any] = msgspec.to_builtins({"open": still_open, "blocks": blocks})
    return told | waits


def released_sites(store: Store) -> list[str]:
    """The sites that have entries, or rows without one."""
    late = (table_of(family, late=True) for family in LATE)
    tables = ("manifest", *(table_of(family, late=False) for family in FAMILIES), *late)
    sources = " UNION DISTINCT ".join(f"SELECT DISTINCT site FROM {table}" for table in tables)
    return [key for (key,) in store.rows(f"SELECT site FROM ({sources}) ORDER BY site")]


def chain_of(store: Store, key: str) -> dict[str, Any]:
    """What the chain of a site is, and what of it does not hold; rows are looked at month by month."""
    with ROWS_STAY:
        entries = read_entries(store, key)
        faults = [*chain_faults(entries), *unreadable_rows(store, key)]
    standing = readable(entries)
    days = sum(entry.span == 1 for entry in standing)
    told = {
        "site": key,
        "entries": len(entries),
        "days": days,
        "blocks": sum(entry.span > 1 for entry in standing),
        "goals": sum(bool(entry.goals) for entry in added_of(standing)),
        "sections": sum(bool(entry.sections) for entry in added_of(standing)),
        "properties": sum(bool(entry.properties) for entry in added_of(standing)),
        "funnels": sum(bool(entry.funnels) for entry in added_of(standing)),
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
        entries = months_of(readable(read_entries(store, key))).get(month, [])
        faults: list[dict[str, Any]] = msgspec.to_builtins(list(row_faults(store, key, entries)))
    return faults


def day_of(store: Store, site: Site, rules: SiteRules, day: dt.date, now: float, grace_s: int) -> dict[str, Any]:
    """A day. state: `released`, with its entry, what is published, and the entries of what was added to it; `open`,
    with what it waits for; else `none`."""
    told: dict[str, Any] = {"site": site.key, "day": day.isoformat(), "span": 1, "timezone": site.timezone}
    entries = read_entries(store, site.key)
    entry = next((one for one in holding(entries) if one.day == day), None)
    if entry is not None:
        rows = msgspec.to_builtins(published(store, site.key, day))
        added = [_told(one) for one in added_of(entries) if one.day == day]
        return told | {"state": "released", "entry": _told(entry), "published": rows, "added": added}
    if not any(one.site == site.key and one.day == day for one in open_days(store)):
        return told | {"state": "none"}
    bounds = day_bounds(site.timezone, day_number(day))
    shown = snapshot_time(store, Span(site.key, day, day, frozenset()), structs.replace(site, release_k=rules.k))
    waits = waiting(site, day, now, received_by_spool(store), grace_s)
    return told | {
        "state": "open",
        "since": bounds.start,
        "shown_as_of": shown.isoformat(timespec="minutes") if shown else None,
        "shown_from": enough_for_a_day(rules.k, rules.least_networks) if rules.k > 1 else "",
        "preset": rules.preset,
        "k": rules.k,
        "networks": rules.least_networks,
        "waits_for": msgspec.to_builtins(waits),
    }


def block_of(
    store: Store, site: Site, rules: SiteRules, day: dt.date, span: int, now: float, grace_s: int
) -> dict[str, Any]:
    """The block of so many days that a day is in. state: `released`; `waiting` where released days of it hide
    something that waits; else `none`."""
    entries = read_entries(store, site.key)
    # Imports have blocks of their own, which begin on any day.
    among = [one for one in blocks_of(entries) if one.span == span and one.day <= day < one.day + span * _DAY]
    entry = min(among, key=lambda one: one.origin != LIVE, default=None)
    first = entry.day if entry else first_of(day, span)
    told: dict[str, Any] = {"site": site.key, "day": first.isoformat(), "span": span, "timezone": site.timezone}
    if entry is not None:
        rows = msgspec.to_builtins(published(store, site.key, first, entry.grain))
        return told | {"state": "released", "entry": _told(entry), "published": rows}
    due = Due(site.key, LIVE, first, span)
    if due not in waiting_blocks(site, rules, entries, local_day(site.timezone, now).date):
        return told | {"state": "none"}
    still_open = [one.day for one in open_days(store) if one.site == site.key]
    waits = waiting_block(site, due, now, received_by_spool(store), grace_s, still_open)
    return told | {"state": "waiting", "waits_for": msgspec.to_builtins(waits)}


def _told(entry: Entry) -> dict[str, Any]:
    fields = {name: value for name, value in structs.asdict(entry).items() if name not in _UNTOLD}
    told: dict[str, Any] = msgspec.to_builtins(fields)
    return told
