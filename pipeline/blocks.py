"""Closes blocks: what days of a calendar week hid is released with the week, and what weeks hid with four of them,
where enough visitor-days are behind it (rule N2).

In: released days and what waits of them. Out: rows in `late_*`, then one row in `manifest`. Promises: a block closes
only after its last day; it is readable only once its manifest row exists, which names the entries of its days; a value
is released with its block, never with days, and in one block only; what four weeks hide is deleted.
"""

from __future__ import annotations

import contextlib
import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence, Set

import structlog
from msgspec import Struct, structs

from schema.families import WAITING
from schema.manifest import FOUR_WEEKS, LIVE, WEEK, grain_of
from schema.site import Site
from schema.store import Store, StoreError

from .block_rows import forget_blocks, publish_blocks
from .copying import columns_of, holding
from .manifest import RELEASING, Entry, append, manifest_digest, read_entries, the_same
from .open_days import open_dates, received_through
from .rollup.batch import SiteDay
from .rollup.block import Block
from .rollup.blocks.staged import staged_blocks
from .rollup.together import in_batches
from .rollup.visits.snapshot import Key
from .settings import SiteRules
from .waiting_days import LOST, Due, WaitingDays, end_of, first_of, forget_closed, waiting_days, waits_since

log = structlog.get_logger("blocks")

# A block that may close, and what waits of its site.
Closing = tuple[Due, WaitingDays]
# Waiting rows of small blocks that are released at once.
_ROWS_AT_MOST = 50_000
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
    before = frozenset(Due(*row) for row in store.rows("SELECT site, origin, day, span FROM manifest WHERE span > 1"))
    due = [
        (one, waiting)
        for waiting in found
        for one in waiting.blocks() - before
        if one.origin != LIVE or now >= end_of(waiting.site, one) + grace_s
    ]
    done: set[Due] = set()
    failed = _close(store, due, now, before, done) if due else None
    forget_closed(store, found, before | done)
    if failed:
        raise failed
    return [(one.site, one.first, one.span) for one in sorted(done, key=_in_order)]


def _in_order(one: Due) -> tuple[str, str, dt.date, int]:
    return one.site, one.origin, one.last, one.span


def _close(store: Store, due: Sequence[Closing], now: float, before: Set[Due], done: set[Due]) -> Exception | None:
    """Release those that may close, many by the same statements; what the first of them failed with. before: those that
    were closed then; done: those that are now."""
    still_open, arrived = open_dates(store), received_through(store)
    failed: Exception | None = None
    may = [
        (one, waiting)
        for one, waiting in due
        if one.origin != LIVE or not is_late(one, end_of(waiting.site, one), still_open[one.site], arrived, now)
    ]
    # Weeks before the four weeks that they are of; of one another they need nothing.
    for span in (WEEK, FOUR_WEEKS):
        ready = [of for of in may if of[0].span == span and (span == WEEK or _weeks_of(*of) <= before | done)]
        for each in _apart(ready):
            problem = _release_all(store, each, now, done)
            failed = failed or problem
    return failed


def _weeks_of(one: Due, waiting: WaitingDays) -> set[Due]:
    """The weeks within it of whose days something waits."""
    firsts = {first_of(day, WEEK, one.first) for day in waiting.rows if one.has(day)}
    return {Due(one.site, one.origin, first, WEEK) for first in firsts}


def _apart(each: Sequence[Closing]) -> Iterator[dict[Key, Closing]]:
    """Those of which no two have site and first day in common, as blocks of an import may have with others: what is
    staged of a block stands at its first day."""
    left = sorted(each, key=lambda of: _in_order(of[0]))
    while left:
        found: dict[Key, Closing] = {}
        for of in left:
            found.setdefault((of[0].site, of[0].first), of)
        yield found
        left = [of for of in left if found[of[0].site, of[0].first] is not of]


def _release_all(store: Store, each: Mapping[Key, Closing], now: float, done: set[Due]) -> Exception | None:
    """Release blocks in batches, and those of one that failed alone; what the first of them failed with."""

    def close(batch: Sequence[SiteDay]) -> None:
        release_blocks(store, [each[of.key] for of in batch], now)
        done.update(each[of.key][0] for of in batch)

    days = [SiteDay(waiting.site, one.first, waiting.rules) for one, waiting in each.values()]
    rows = {key: waiting.waits_in(one) for key, (one, waiting) in each.items()}
    return next(iter(in_batches(close, days, rows, _ROWS_AT_MOST).values()), None)


def is_late(block: Due, end: int, still_open: Collection[dt.date], arrived: int, now: float) -> bool:
    """Whether days of it may still be released."""
    return any(map(block.has, still_open)) or (arrived < end and now < end + PATIENCE_S)


def release_blocks(store: Store, each: Sequence[Closing], now: float) -> None:
    """Release blocks, all or none of them, but those that are released: their rows first, then their entries. Where
    what waits of one is not all there, or a day was released by rules that let nothing wait, it has no rows."""
    with RELEASING:
        there = _whole(store, each)
        # An import closes its own blocks: what is due was read before the lock was had.
        closed = _closed(store, each)
        found = [
            _Found(one, waiting, entries, _is_whole(waiting, entries, there))
            for one, waiting, entries in _standing(store, each)
            if entries and one not in closed
        ]
        if not found:
            return
        told = [_entry(of, now) for of in found]
        dues = [of.due for of in found]
        forget_blocks(store, dues)
        try:
            written = _publish(store, [(n, _block(of, told[n])) for n, of in enumerate(found) if of.may_tell])
        except Exception:
            with contextlib.suppress(StoreError):
                forget_blocks(store, dues)
            raise
        for of in found:
            if not of.is_whole:
                log.warning("block_lost", site=of.due.site, day=of.due.first.isoformat(), days=of.due.span)
        append(
            store,
            [
                structs.replace(entry, rows=rows, digest=digest)
                for entry, (rows, digest) in ((entry, written.get(n, (0, ""))) for n, entry in enumerate(told))
            ],
        )


class _Found(Struct, frozen=True):
    """A block, the entries of its days that hold, and whether all is there that waited."""

    due: Due
    waiting: WaitingDays
    entries: list[Entry]
    is_whole: bool

    @property
    def may_tell(self) -> bool:
        return self.is_whole and strictest(self.entries).k_late > 0


def _publish(store: Store, blocks: Sequence[tuple[int, Block]]) -> dict[int, tuple[int, str]]:
    """By number of each how many rows it has released, and their digest."""
    if not blocks:
        return {}
    with staged_blocks(store, [block for _, block in blocks]) as of:
        return dict(zip((n for n, _ in blocks), publish_blocks(store, of), strict=True))


def _block(of: _Found, told: Entry) -> Block:
    """told: its entry, without rows."""
    entries, due = of.entries, of.due
    return Block(
        of.waiting.site,
        due.first,
        due.span,
        tuple(sorted(entry.day for entry in entries)),
        due.grain,
        grain_of(due.origin, WEEK),
        strictest(entries),
        tuple(sorted({name for entry in entries for name in entry.goals} - told.goals.keys())),
        frozenset(name for entry in entries for name in entry.sections) - told.sections.keys(),
        {name: sum(bool(entry.columns) and name not in entry.columns for entry in entries) for name in WAITING},
    )


def _entry(of: _Found, now: float) -> Entry:
    """What the manifest says of a block, without rows."""
    block, entries, rules = of.due, of.entries, strictest(of.entries)
    return Entry(
        *(block.site, 0, block.first, int(now), block.origin, rules.preset, rules.k),
        complete=of.is_whole and all(entry.complete for entry in entries),
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


def _closed(store: Store, each: Sequence[Closing]) -> set[Due]:
    """Those that have an entry, be it of a block that released nothing."""
    mine = "site IN {sites:Array(String)} AND day IN {days:Array(Date)} AND span > 1"
    given = {"sites": sorted({one.site for one, _ in each}), "days": sorted({one.first for one, _ in each})}
    return {Due(*row) for row in store.rows(f"SELECT site, origin, day, span FROM manifest WHERE {mine}", given)}


def _standing(store: Store, each: Sequence[Closing]) -> Iterator[tuple[Due, WaitingDays, list[Entry]]]:
    """The entries of their days that hold, by day."""
    first, last = min(one.first for one, _ in each), max(one.last for one, _ in each)
    rest = f"AND span = 1 AND day BETWEEN '{first}' AND '{last}' ORDER BY number"
    by_site: dict[str, list[Entry]] = defaultdict(list)
    for entry in read_entries(store, sorted({one.site for one, _ in each}), rest):
        by_site[entry.site].append(entry)
    holds = {site: holding(entries) for site, entries in by_site.items()}
    for one, waiting in each:
        yield one, waiting, [of for of in holds.get(one.site, ()) if one.has(of.day) and of.origin == one.origin]


def _whole(store: Store, each: Sequence[Closing]) -> dict[Key, int]:
    """By site-day how many rows wait: nothing of it is in a backup."""
    days = [(one.site, day) for one, waiting in each for day in waiting.rows if one.has(day)]
    mine = "(site, day) IN arrayZip({sites:Array(String)}, {days:Array(Date)})"
    counts = " UNION ALL ".join(f"SELECT site, day FROM waiting_{family} WHERE {mine}" for family in WAITING)
    given = {"sites": [site for site, _ in days], "days": [day for _, day in days]}
    rows = store.rows(f"SELECT site, day, count() FROM ({counts}) GROUP BY site, day", given)
    return {(site, day): many for site, day, many in rows}


def _is_whole(waiting: WaitingDays, entries: Sequence[Entry], there: Mapping[Key, int]) -> bool:
    """Whether all is there that waited."""
    return all(
        waiting.rows.get(entry.day, LOST) == there.get((entry.site, entry.day), 0) for entry in entries if entry.k_late
    )
