"""Deletes the rows of visitors who took their consent back (rule D6), once everything they sent before has arrived.

In: the table `erasures`, which the writers fill. Out: rows gone from `events`; what is shown of their open days follows
with its next version.
Promises: an erasure stays until every enrolled spool has passed its second, or events still queued would bring the
rows back; where one lags too long, it is carried out all the same, and again on what arrives later; no statement holds
a visitor number; done again after a crash it changes nothing; releases stay (rule R5).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import structlog

from schema.manifest import RELEASED_DAYS
from schema.site import Site, day_number
from schema.store import Store

from .each import is_of_all
from .open_days import received_through
from .rollup.open_days.publish import drop_open
from .rollup.stages import roll_up
from .rollup.visits.warm import forget
from .settings import SiteRules
from .spool.quarantine import Quarantine

log = structlog.get_logger("erase")

# What one partition of `erasures` spans (schema/sql/0018_baseline.sql): it is carried out and dropped as a whole.
SPAN_S = 10
# Half of the day after which rows have to be gone.
OVERDUE_S = 12 * 3600
# Nothing that came before it is still on its way.
_COMPLETE = "at < toDateTime({arrived:UInt32}, 'UTC')"
_DUE = "SELECT site, day, visitor FROM erasures WHERE at < toDateTime({before:UInt32}, 'UTC')"
_MINE = f"(site, day, visitor) IN ({_DUE})"


def erase(
    store: Store,
    sites: Mapping[str, tuple[Site, SiteRules]],
    now: float,
    quarantine: Quarantine | None = None,
) -> list[tuple[str, dt.date]]:
    """Carry out every erasure that is due; the site-days that lost rows."""
    arrived = received_through(store) // SPAN_S * SPAN_S
    before = {"arrived": arrived, "before": max(arrived, int(now) - OVERDUE_S)}
    due = {(site, day_number(day), visitor) for site, day, visitor in store.rows(_DUE, before)}
    if not due:
        return []
    if quarantine:
        quarantine.forget(due)
    # Of those that have waited enough every day, because a crash may have come before it was recomputed.
    touched = store.rows(
        f"""SELECT DISTINCT site, day FROM
        (SELECT site, day FROM erasures WHERE {_COMPLETE} UNION ALL SELECT site, day FROM events WHERE {_MINE})
        WHERE (site, day) NOT IN {RELEASED_DAYS} ORDER BY site, day""",
        before,
    )
    rewritten = _delete(store, before)
    forget(store)
    for key, day in touched:
        # Elsewhere what is shown stays until enough others have come: a row that goes alone would tell whose it was.
        if key in sites and sites[key][1].k == 1:
            _recompute(store, *sites[key], day)
    done = store.rows(f"SELECT DISTINCT _partition_id FROM erasures WHERE {_COMPLETE}", before)
    for (partition,) in done:
        store.command(f"ALTER TABLE {store.local('erasures')} DROP PARTITION ID '{partition}'")
    if rewritten or done:  # an overdue one is looked at again and again
        log.info("visitors_erased")
    return [(key, day) for key, day in touched]


def _delete(store: Store, before: Mapping[str, int]) -> int:
    """Delete the rows of all that are due; of how many partitions, of which only those are written anew that hold some.

    Visits first: what a crash leaves of the raw rows is found again by them. A partition's id is ClickHouse's own,
    without quotes."""
    rewritten = 0
    for table in ("visits", "events"):
        for (partition,) in store.rows(f"SELECT DISTINCT _partition_id FROM {table} WHERE {_MINE}", before):
            rewritten += 1
            store.command(
                f"ALTER TABLE {store.local(table)} DELETE IN PARTITION ID '{partition}' WHERE {_MINE}",
                before,
                mutations_sync=2,
                # On a cluster every replica asks the same table, which is emptied only afterwards.
                allow_nondeterministic_mutations=1,
            )
    return rewritten


def _recompute(store: Store, site: Site, rules: SiteRules, day: dt.date) -> None:
    """Show an open day without who is gone. Raises StoreDown where nobody answers."""
    try:
        roll_up(store, site, day, rules)
    except Exception as problem:
        if is_of_all(problem):
            raise
        # Others are to be erased all the same, and their days to close. Whoever is gone is not shown; the next roll-up
        # meets what is wrong again, and says so.
        drop_open(store, site.key, [day])
