"""What a run of a big open day leaves in memory for the next one: its visits, and their events laid out.

In: a batch. Out: the scratch tables of `WARM`, from one run to the next; SQL that takes out of them whoever has new
rows. Promises: rows are those of a run that begins anew; one site-day of a store has some, for as long as runs follow
each other within `IDLE_S`; what becomes invalid, because a raw row is gone, settings are others or a run failed, is
dropped; nothing of it is ever on a disk; where there is little memory nothing is left.

Of a day of a million events, to read visits and to lay them out takes a quarter of a run. Sums of cells and goals stay,
too: those of whose visits are made anew are taken out as they were and added as they are (sums.py).
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from weakref import WeakKeyDictionary

from msgspec import Struct, structs

from schema.store import Store

from ...parallel import at_once
from ..batch import RAW, Batch, SiteDay
from .limits import Limit
from .snapshot import Extent, Seen

# Of each a visitor has rows of his own.
WARM = ("visits", "hits", "samples", "reached", "passed", "reports")
# The families whose sums stay.
SUMS = ("cells", "conversions")
# Of so many raw rows what is left of another day is dropped first.
_MANY_ROWS = 100_000
# Whoever looks at a day has it rolled up every few seconds.
IDLE_S = 60.0


class Warm(Struct, frozen=True):
    """extent: the raw rows that it is made of. limit: by which visits are bounded. at: when it was left, by the
    monotonic clock."""

    run: str
    of: SiteDay
    extent: Extent
    limit: Limit | None
    tables: frozenset[str]
    at: float


_WARM: WeakKeyDictionary[Store, Warm] = WeakKeyDictionary()


def find(store: Store, days: Sequence[SiteDay]) -> Warm | None:
    """What an earlier run of these left."""
    warm = _WARM.get(store)
    return warm if warm and (*days,) == (warm.of,) else None


def left(of: Batch) -> frozenset[str]:
    """The tables of a run that are there from an earlier one."""
    warm = _WARM.get(of.store)
    return warm.tables if warm and warm.run == of.run else frozenset()


def going_on(of: Batch, seen: Seen) -> Batch:
    """The batch as a run that goes on where an earlier one left it, if that is what the stored visits are made of."""
    tables, key = left(of), of.days[0].key
    if not tables:
        if of.alone and seen.rows > _MANY_ROWS:  # two of them would not be in memory together
            forget(of.store)
        return of
    goes_on = key not in seen.whole and seen.known[key] == _WARM[of.store].extent
    if not goes_on:
        empty(of, tables)
    return structs.replace(of, goes_on=goes_on, adds=goes_on)


def bounded_by(of: Batch, limits: Sequence[Limit | None]) -> Batch:
    """The same, once its visits are made: by another limit those are bounded, too, whose events are laid out."""
    if not of.goes_on or _WARM[of.store].limit == limits[0]:
        return of
    empty(of, left(of) - {"visits"})
    return structs.replace(of, goes_on=False, adds=False)


def empty(of: Batch, names: Iterable[str]) -> None:
    """Begin anew with what an earlier run left."""
    for name in sorted(names):
        of.store.command(f"TRUNCATE TABLE {of.scratch(name)}")


def may_stay(of: Batch) -> bool:
    """Whether something of it is left, once its visits are made."""
    one_open_day = of.live and of.alone and of.source == RAW
    return one_open_day and of.store.embedded and not of.store.has_little_memory and not of.is_small


def leave(of: Batch, seen: Seen, limits: Sequence[Limit | None]) -> frozenset[str]:
    """Leave what a run that is over has for the next one; which tables stay."""
    extent = seen.extents.get(of.days[0].key)
    if not extent or not may_stay(of):
        return frozenset()
    if not left(of):
        forget(of.store)
    tables = frozenset(name for name in WARM if name != "passed" or of.has("funnels")).union(SUMS)
    _WARM[of.store] = Warm(of.run, of.days[0], extent, limits[0], tables, time.monotonic())
    return tables


def forget(store: Store, idle_s: float = 0.0) -> None:
    """Drop what was left. idle_s: where no run has used it for so long."""
    warm = _WARM.get(store)
    if warm and time.monotonic() - warm.at >= idle_s:
        lose(store)
        of = Batch(store, (warm.of,), warm.run)
        store.command(f"DROP TABLE IF EXISTS {', '.join(map(of.scratch, sorted(warm.tables)))} SYNC")


def lose(store: Store) -> None:
    """The same of what is dropped already."""
    _WARM.pop(store, None)


def renewing(of: Batch) -> Batch:
    """The batch by which events are laid out: of a run that goes on those visits alone that are made anew, whose events
    are taken out of what there is."""
    if not of.goes_on:
        return of
    take_out(of, sorted(left(of) - {"visits", *SUMS}))
    return _anew(of)


def _anew(of: Batch) -> Batch:
    return structs.replace(of, anew=True)


def take_out(of: Batch, names: Sequence[str]) -> None:
    """Delete the rows of whose visits are made anew."""
    changed = f"visitor IN (SELECT visitor FROM {of.scratch('changed')}) SETTINGS mutations_sync = 2"
    at_once(of.store, [(f"ALTER TABLE {of.scratch(name)} DELETE WHERE {changed}", {}) for name in names])
