"""The roll-up: raw events → visits → numbers of every value → rare values suppressed → rows.

In: site-days. Out: rows of open days in `open_*`, and of days that are to be released in `staging_*`. Promises: the
rows are those of the raw rows, whatever earlier runs have made of them; no scratch table is left when a run ends.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import MappingProxyType

from schema.site import Site
from schema.store import Store, StoreError

from ..settings import SiteRules
from .batch import RAW, Batch, Quarter, SiteDay
from .blocks.waiting import wait
from .cells.aggregate import aggregate
from .cells.hidden_visitors import find_others, find_rare
from .cells.suppress import keep, show
from .open_days.publish import clear_staging, put_in_place
from .open_days.step import step
from .pairs.stage import cross
from .scratch import scratch
from .segments.stage import count_segments
from .staging import stage
from .suppression.parents import fill_parents
from .visits.bound import bound
from .visits.limits import limits_of, limits_then, may_be_over
from .visits.sessionize import as_stored, load, sessionize
from .visits.snapshot import Key, look
from .visits.warm import bounded_by, find, forget, going_on, leave


def tell(of: Batch) -> None:
    """Stage what is shown. Of open days of fewer than k people nothing is, and nothing of them waits."""
    if not of.live or of.has_rows("kept"):
        for stage_of in (find_others, show, stage):
            stage_of(of)


# What follows on visits. Each reads scratch tables of the run that those before it filled (scratch.py).
STAGES: tuple[Callable[[Batch], None], ...] = (aggregate, find_rare, fill_parents, keep, tell)


def roll_up(store: Store, site: Site, day: dt.date, rules: SiteRules) -> None:
    """Bring one open day up to date and show all there is."""
    roll_up_together(store, [SiteDay(site, day, rules)])


def roll_up_together(store: Store, days: Sequence[SiteDay], quarter: Quarter | None = None) -> None:
    """Bring open days up to date and show them, by the same statements. quarter: as of when, and which of them in
    steps; None: all there is, at once."""
    warm = find(store, days)
    of = Batch(store, tuple(days), warm.run if warm else secrets.token_hex(8), live=True, quarter=quarter)
    with _staged(of, whole=False):
        put_in_place(of)


@contextlib.contextmanager
def staged(
    store: Store, source: str, days: Sequence[SiteDay], expires: Mapping[Key, dt.date] = MappingProxyType({})
) -> Iterator[tuple[Batch, dict[Key, list[str]]]]:
    """Rows of days that are over in `staging_*`, made of all their raw rows, for as long as the context lasts; by day
    which figures release.bound has lowered much. expires: what is hidden of a day waits until then, at the latest; of
    the others nothing waits."""
    # Not both in memory.
    forget(store)
    batch = Batch(store, tuple(days), secrets.token_hex(8), source)
    last = (cross, count_segments, *((lambda of: wait(of, expires),) if expires else ()))
    with _staged(batch, whole=True, last=last) as lowered:
        yield batch, {of.key: lowered[d] for d, of in enumerate(batch.days) if d in lowered}
    clear_staging(batch)


def stage_again(store: Store, of: SiteDay, then: Callable[[Batch], None]) -> None:
    """Stage a released day once more, made of the visits that are left of it. then: is called once its rows are in
    `staging_*`, and the scratch tables still there."""
    _stage_again(Batch(store, (of,), secrets.token_hex(8)), load, then)


def stage_raw_again(store: Store, of: SiteDay, then: Callable[[Batch, bool], None], source: str = RAW) -> None:
    """The same, made of the raw rows that are left: they have what visits did not keep. then: is told, too, whether
    these make the visits that are stored. source: the table they are in."""
    same = True

    def make(batch: Batch) -> None:
        nonlocal same
        sessionize(batch, look(batch, whole=True), keep=False)
        same = as_stored(batch)

    _stage_again(Batch(store, (of,), secrets.token_hex(8), source), make, lambda batch: then(batch, same))


def _stage_again(batch: Batch, make: Callable[[Batch], None], then: Callable[[Batch], None]) -> None:
    """make: fills `visits`."""
    clear_staging(batch)
    try:
        with scratch(batch):
            make(batch)
            bound(batch, limits_then(batch))
            for stage_of in (*STAGES, then):
                stage_of(batch)
    finally:
        with contextlib.suppress(StoreError):
            clear_staging(batch)


@contextlib.contextmanager
def _staged(of: Batch, whole: bool, last: Sequence[Callable[[Batch], object]] = ()) -> Iterator[dict[int, list[str]]]:
    """Of an error nothing stays in `staging_*`; else to clear it is left to who put it in its place."""
    # A run that was killed may have left some.
    clear_staging(of)
    try:
        with scratch(of) as stay:
            seen = look(of, whole)
            of = going_on(of, seen)
            sessionize(of, seen)
            limits = limits_of(of, may_be_over(of))
            lowered, of = bound(of, limits), bounded_by(of, limits)
            for stage_of in (*STAGES, *last):
                stage_of(of)
            if of.stepping:
                step(of)
            stay |= leave(of, seen, limits)
        yield lowered
    except BaseException:
        with contextlib.suppress(StoreError):
            clear_staging(of)
        raise
