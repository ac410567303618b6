"""Closes blocks: what days of a calendar week hid is released with the week, and what weeks hid with four of them,
where enough visitor-days are behind it (rule N2).

In: released days and what waits of them. Out: rows in `late_*`, then one row in `manifest`. Promises: a block closes
only after its last day; it is readable only once its manifest row exists, which names the entries of its days; a value
is released with its block, never with days, and in one block only; what four weeks hide is deleted.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections.abc import Collection, Mapping, Sequence

import structlog
from msgspec import structs

from schema.families import WAITING
from schema.manifest import FOUR_WEEKS, LIVE, WEEK, grain_of
from schema.site import Site
from schema.store import Store, StoreError

from .block_rows import forget_block, publish_block
from .copying import columns_of, holding
from .each import for_each
from .manifest import RELEASING, Entry, append, manifest_digest, read_entries, the_same
from .open_days import open_dates, received_through
from .rollup.staged_block import staged_block
from .settings import SiteRules
from .waiting_days import LOST, Due, WaitingDays, end_of, first_of, forget_closed, waiting_days, waits_since

log = structlog.get_logger("blocks")

# So long after its end a week waits for a spool that does not report.
PATIENCE_S = 7 * 86_400


def close_blocks(
    store: Store,
    sites: Sequence[tuple[Site, SiteRules]],
    now: float,
    grace_s: int,
    origin: str = "",
    restored: bool = False,
) -> list[tuple[str, dt.date, int]]:
    """Release every block that may close; which: site, first day, how many days. Raises what one failed with, once the
    others are done. origin: only those of that. restored: of days that came out of a backup nothing waits, though
    something should; their blocks close, too, and have released nothing."""
    known = {site.key: (site, rules) for site, rules in sites}
    found = waiting_days(store, known, waits_since(now) if restored else None)
    found = [waiting for waiting in found if origin in ("", waiting.origin)]
    if not found:
        return []
    rows = store.rows("SELECT site, origin, day, span FROM manifest WHERE span > 1")
    closed = {Due(*row) for row in rows}
    due = [
        (one, waiting)
        for waiting in found
        for one in waiting.blocks() - closed
        if one.origin != LIVE or now >= end_of(waiting.site, one) + grace_s
    ]
    done: list[tuple[str, dt.date, int]] = []
    failed = None
    if due:
        still_open = open_dates(store)
        arrived = received_through(store)

        def close(of: tuple[Due, WaitingDays]) -> None:
            one, waiting = of
            if one.origin == LIVE and is_late(one, end_of(waiting.site, one), still_open[one.site], arrived, now):
                return
            weeks = {
                Due(one.site, one.origin, first_of(day, WEEK, one.first), WEEK) for day in waiting.rows if one.has(day)
            }
            if one.span == FOUR_WEEKS and not weeks <= closed:
                return
            release_block(store, waiting, one, now)
            closed.add(one)
            done.append((one.site, one.first, one.span))

        # Weeks before the four weeks that they are of.
        failed = for_each(close, sorted(due, key=lambda of: (of[0].site, of[0].origin, of[0].last, of[0].span)))
    for waiting in found:
        forget_closed(store, waiting, closed)
    if failed:
        raise failed
    return done


def is_late(block: Due, end: int, still_open: Collection[dt.date], arrived: int, now: float) -> bool:
    """Whether days of it may still be released."""
    return any(map(block.has, still_open)) or (arrived < end and now < end + PATIENCE_S)


def release_block(store: Store, waiting: WaitingDays, block: Due, now: float) -> None:
    """Release a block, unless it is: its rows first, then its entry. Where what waits is not all there, or a day was
    released by rules that let nothing wait, the block has none."""
    site = waiting.site
    with RELEASING:
        entries = [entry for entry in _standing(store, site.key, block) if entry.origin == block.origin]
        # An import closes its own blocks: what is due was read before the lock was had.
        if not entries or _is_closed(store, block):
            return
        rows, digest, is_whole = 0, "", _is_whole(store, entries, waiting.rows, block)
        rules = strictest(entries)
        told = _entry(block, entries, rules, now)
        changed = sorted({name for entry in entries for name in entry.goals} - told.goals.keys())
        others = frozenset(name for entry in entries for name in entry.sections) - told.sections.keys()
        forget_block(store, block)
        try:
            if is_whole and rules.k_late:
                dates = sorted(entry.day for entry in entries)
                week = grain_of(block.origin, WEEK)
                with staged_block(store, site, dates, block.first, week, rules, changed, others) as of:
                    rows, digest = publish_block(store, block, week, entries, of)
        except Exception:
            with contextlib.suppress(StoreError):
                forget_block(store, block)
            raise
        if not is_whole:
            log.warning("block_lost", site=site.key, day=block.first.isoformat(), days=block.span)
        append(store, [structs.replace(told, complete=is_whole and told.complete, rows=rows, digest=digest)])


def _entry(block: Due, entries: Sequence[Entry], rules: SiteRules, now: float) -> Entry:
    """What the manifest says of a block of these days, without rows."""
    return Entry(
        *(block.site, 0, block.first, int(now), block.origin, rules.preset, rules.k),
        complete=all(entry.complete for entry in entries),
        over_counted=any(entry.over_counted for entry in entries),
        columns={name: list(columns_of(name, late=True)) for name in WAITING},
        networks=rules.networks,
        k_late=rules.k_late,
        late_others=rules.late_others,
        span=block.span,
        days=[manifest_digest(structs.asdict(entry)) for entry in entries],
        goals=the_same(entry.goals for entry in entries),
        sections=the_same(entry.sections for entry in entries),
    )


def strictest(entries: Sequence[Entry]) -> SiteRules:
    """By which rules days release something together: of each the strictest that any of them was released by; where
    one let nothing wait, none is (k_late 0)."""
    return SiteRules(
        max(entry.k for entry in entries),
        0,
        entries[-1].preset,
        networks=max(entry.networks for entry in entries),
        k_late=max(entry.k_late for entry in entries) if all(entry.k_late for entry in entries) else 0,
        late_others=max(entry.late_others for entry in entries),
    )


def _is_closed(store: Store, block: Due) -> bool:
    """Whether it has an entry, be it of a block that released nothing."""
    given = {"site": block.site, "origin": block.origin, "day": block.first, "span": block.span}
    mine = "site = {site:String} AND origin = {origin:String} AND day = {day:Date} AND span = {span:UInt8}"
    return bool(store.rows(f"SELECT 1 FROM manifest WHERE {mine} LIMIT 1", given))


def _standing(store: Store, site: str, block: Due) -> list[Entry]:
    """The entries of its days that hold, by day."""
    rest = f"AND span = 1 AND day BETWEEN '{block.first}' AND '{block.last}' ORDER BY number"
    return holding(read_entries(store, site, rest))


def _is_whole(store: Store, entries: Sequence[Entry], waiting: Mapping[dt.date, int], block: Due) -> bool:
    """Whether all is there that waited: nothing of it is in a backup."""
    given = {"site": block.site, "first": block.first, "last": block.last}
    counts = " UNION ALL ".join(f"SELECT site, day FROM waiting_{family}" for family in WAITING)
    found = store.rows(
        f"""SELECT day, count() FROM ({counts})
        WHERE site = {{site:String}} AND day BETWEEN {{first:Date}} AND {{last:Date}} GROUP BY day""",
        given,
    )
    there: dict[dt.date, int] = dict(found)
    return all(waiting.get(entry.day, LOST) == there.get(entry.day, 0) for entry in entries if entry.k_late)
