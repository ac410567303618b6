"""Rolls one site-day up: visits → sums of every value → folded, additive rows in `staging_*`, then into place.

In: raw rows of one site-day. Out: its rows in `staging_*`, and for an open day in `open_*`, swapped whole.
Promises: the rows are those of the raw rows, whether the day is computed whole or the sums of an earlier run are
brought up to date; no visitor number is left when it ends.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Mapping

from msgspec import structs

from schema import families
from schema.site import Site
from schema.store import Store

from .contributors import adding_contributors
from .fold import fold
from .kept import KeptSums
from .others import choose_near, fill_others, find_rare, look_near, noting, pass_over
from .parallel import at_once
from .rows import MINE, Found, SiteDay, look
from .scratch import scratch_of
from .settings import SiteRules
from .shown import remember, shown
from .sums import adding
from .visits import fill_changed, fill_visits

FAMILIES = tuple(families.FAMILIES)
# `work_*` and `staging_*` serve one site-day at a time.
ROLLING = threading.Lock()
# Where more of a day has come since it was computed whole, it is again: patches lengthen the sums, and of what was rare
# then everybody is noted, however many have come.
_NEW_AT_MOST = 1 / 10


def roll_up(store: Store, site: Site, day: dt.date, rules: SiteRules, kept: KeptSums | None = None) -> None:
    """Bring an open day up to date and put it in place. kept: the sums that earlier runs left and this one leaves."""
    with ROLLING:
        found = build(store, "events", site, day, rules, live=True, kept=kept)
        _put_in_place(store, site, day, rules, found.through)
        clear_staging(store, site, day)


def build(
    store: Store,
    source: str,
    site: Site,
    day: dt.date,
    rules: SiteRules,
    live: bool = False,
    kept: KeptSums | None = None,
) -> Found:
    """Fill `staging_*` with the folded rows of a site-day; of which raw rows. The caller holds ROLLING. live: the day
    is still open."""
    clear_staging(store, site, day)
    scratch = scratch_of(store)
    # Clearing after a run that failed may have failed, too.
    scratch.clear()
    of = SiteDay(scratch, source, site, day)
    try:
        of, found = _patch(of, rules.k, kept) or _compute(of, rules.k, kept)
        fold(of, rules, live)
        return found
    finally:
        scratch.clear()


def clear_staging(store: Store, site: Site, day: dt.date) -> None:
    at_once(store, [(_drop(f"staging_{family}", site, day), {}) for family in FAMILIES])


def drop_open(store: Store, site: Site, day: dt.date) -> None:
    """Remove a day's open rows, once its released ones are readable."""
    for table in (*(f"open_{family}" for family in FAMILIES), "open_through"):
        store.command(_drop(store.local(table), site, day))


def _compute(of: SiteDay, k: int, kept: KeptSums | None) -> tuple[SiteDay, Found]:
    """Have the day's sums, and know who is behind its rare values, from all of its raw rows."""
    found = look(of)
    if kept:
        of = kept.begin(of, found.all.rows)
    fill_visits(of, found.all.rows)
    at_once(of.store, [*adding(of), *adding_contributors(of)])
    find_rare(of, k)
    pass_over(of, k)
    near = look_near(of).dimensions
    choose_near(of, near)
    at_once(of.store, noting(of, near, "visitor IN (SELECT visitor FROM work_whose)"))
    if kept:
        kept.keep(of, found, near)
    fill_others(of)
    return of, found


def _patch(of: SiteDay, k: int, kept: KeptSums | None) -> tuple[SiteDay, Found] | None:
    """The same from the sums of the last run: less what the visitors with new rows were in them, and what they are now.
    None where that cannot be told, and nothing is left behind."""
    before = kept and kept.take(of)
    if not (kept and before):
        return None
    of = structs.replace(of, run=before.run, key=before.key)
    found = look(of)
    # A row that is gone may have been anybody's; one that is replaced is another visitor's.
    few = found.all.rows <= before.whole * (1 + _NEW_AT_MOST)
    if few and found.known == before.rows and not found.replaced:
        fill_changed(of)
        at_once(of.store, [*adding(of), *adding_contributors(of), *noting(of, before.near)])
        find_rare(of, k)
        now = look_near(of)
        if not now.fell:
            # Of these nobody has touched such a value before.
            at_once(of.store, noting(of, now.dimensions - before.near))
            kept.keep(of, found, before.near | now.dimensions, before.whole)
            fill_others(of)
            return of, found
    of.store.clear()
    return None


def _put_in_place(store: Store, site: Site, day: dt.date, rules: SiteRules, through: Mapping[int, int]) -> None:
    counts = (f"SELECT '{family}' AS family, count() FROM staging_{family} WHERE {MINE}" for family in FAMILIES)
    filled: dict[str, int] = dict(store.rows(" UNION ALL ".join(counts), {"site": site.key, "day": day}))
    # Where nothing is shown, nor was before, the first to be shown need not be k people more.
    if any(filled.values()) or shown(store, site, day):
        remember(store, site, day, rules, through)
    for family in FAMILIES:
        table = store.local(f"open_{family}")
        replace = f"ALTER TABLE {table} REPLACE PARTITION {_partition(site, day)} FROM staging_{family}"
        store.command(replace if filled[family] else _drop(table, site, day))


def _drop(table: str, site: Site, day: dt.date) -> str:
    return f"ALTER TABLE {table} DROP PARTITION {_partition(site, day)}"


def _partition(site: Site, day: dt.date) -> str:
    # A partition cannot be bound as a parameter; a key holds only [a-z0-9._-] (schema/site.py), a date only digits.
    return f"('{site.key}', '{day.isoformat()}')"
