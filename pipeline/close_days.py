"""Closes days: those that are over, and whose events have all arrived, are released.

In: open days, the watermarks of every spool, sites and their rules. Out: released days; no open rows of these any more.
Promises: a day is closed once every spool has passed its end, or before its raw rows die, and is then told to be
incomplete; one that fails keeps no other from closing.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping, Sequence

import structlog
from msgspec import structs

from schema.manifest import LIVE, RELEASED_DAYS
from schema.site import Site, day_bounds, day_number
from schema.store import Store

from .asked import ALWAYS, Asked
from .each import for_each
from .open_days import OpenDay, open_days, received_through
from .release import Flaws, ReleasedAlready, release_together
from .rollup.batch import SiteDay
from .rollup.open_days.publish import OPEN, drop_open
from .rollup.together import in_batches
from .rollup.visits.snapshot import Key
from .settings import SiteRules

log = structlog.get_logger("release")

# Retention outranks completeness (rule X3): so long before its raw rows die, a day is released as it is.
LAST_CALL_S = 6 * 3600
# Days of which something is kept while they are open.
_OPEN_DAYS = f"({' UNION DISTINCT '.join(f'SELECT DISTINCT site, day FROM {table}' for table in OPEN)})"
# Who asks for open rows has his answer by then.
_ASKED_WITHIN_S = 20


def may_close(
    site: Site, open_day: OpenDay, now: float, arrived: int, grace_s: int, whole_since: float = 0.0
) -> tuple[bool, bool]:
    """(release it now, it is complete). whole_since: what came before that second may be missing."""
    start, end = structs.astuple(day_bounds(site.timezone, day_number(open_day.day)))[1:]
    if now >= end + grace_s and arrived >= end:
        return True, start >= whole_since
    return now >= max(end, open_day.expires - LAST_CALL_S), False


def close_days(
    store: Store,
    sites: Sequence[tuple[Site, SiteRules]],
    now: float,
    grace_s: int,
    lost_keys: frozenset[tuple[str, str]],
    prepare: Callable[[], object] = lambda: None,
    whole_since: float = 0.0,
    asked: Asked = ALWAYS,
) -> list[tuple[str, dt.date]]:
    """Release every day that may close; which. Raises what a day failed with, once the others are done. lost_keys:
    (site, ISO day) of days that had a key lost. prepare: called before the first of them is released, if there is one.
    whole_since: when the instance was restored from a backup, Unix seconds; days that began before it are released as
    incomplete. asked: what each day is asked for."""
    known = {site.key: (site, rules) for site, rules in sites}
    arrived, still_open = received_through(store), open_days(store)
    released, unreleased = _with_open_rows(store, known, now)
    over = [*released, *_abandoned(unreleased, known, still_open, now, arrived, grace_s)]
    failed = for_each(lambda key: drop_open(store, key[0], [key[1]]), over)
    closing, flaws = dict[Key, OpenDay](), dict[Key, Flaws]()
    for one in still_open:
        if one.site in known:
            due, complete = may_close(known[one.site][0], one, now, arrived, grace_s, whole_since)
            if due:
                closing[one.site, one.day] = one
                flaws[one.site, one.day] = Flaws(not complete, (one.site, one.day.isoformat()) in lost_keys)
    if closing:
        prepare()
    closed: list[Key] = []

    def close(batch: Sequence[SiteDay]) -> None:
        _close(store, batch, now, flaws)
        closed.extend(of.key for of in batch)

    days = [SiteDay(asked.on(known[key][0], day), day, known[key][1]) for key, day in closing]
    rows = {key: one.events for key, one in closing.items()}
    failed = next(iter(in_batches(close, days, rows).values()), failed)
    if failed:
        raise failed
    return closed


def _close(store: Store, batch: Sequence[SiteDay], now: float, flaws: Mapping[Key, Flaws]) -> None:
    """Release days that were open when this began."""
    try:
        release_together(store, "events", batch, now, LIVE, [flaws[of.key] for of in batch])
    except ReleasedAlready:
        # It was open when this began: its entry was written before its batch failed.
        if len(batch) > 1:
            raise
    for of in batch:
        if flaws[of.key].incomplete:
            log.warning("day_released_incomplete", site=of.site.key, day=of.day.isoformat())


def _with_open_rows(
    store: Store, known: Mapping[str, tuple[Site, SiteRules]], now: float
) -> tuple[list[Key], list[Key]]:
    """Days of known sites with open rows: those released so long ago that a question which was under way then has
    ended, and those that are not released."""
    late = "SELECT site, day FROM manifest WHERE released_at > toDateTime({since:UInt32}, 'UTC')"
    rows = store.rows(
        f"SELECT site, day, (site, day) IN {RELEASED_DAYS}, (site, day) IN ({late}) FROM {_OPEN_DAYS}",
        {"since": int(now) - _ASKED_WITHIN_S},
    )
    its = [row for row in rows if row[0] in known]
    released = [(key, day) for key, day, is_released, is_late in its if is_released and not is_late]
    return released, [(key, day) for key, day, is_released, _ in its if not is_released]


def _abandoned(
    unreleased: Sequence[Key],
    known: Mapping[str, tuple[Site, SiteRules]],
    still_open: Sequence[OpenDay],
    now: float,
    arrived: int,
    grace_s: int,
) -> list[Key]:
    """Days that are over and of which everybody was erased: nobody will ever release them. unreleased: those that have
    open rows."""
    there = {(open_day.site, open_day.day) for open_day in still_open}
    found = []
    for key, day in unreleased:
        if (key, day) in there:
            continue
        end = day_bounds(known[key][0].timezone, day_number(day)).end
        if now >= end + grace_s and arrived >= end:
            found.append((key, day))
    return found
