"""Deletes the rows of visitors who took their consent back (rule D6), once everything they sent before has arrived.

In: the table `erasures`, which the writers fill. Out: rows gone from `events`, their open days recomputed.
Promises: an erasure waits until every enrolled spool has passed its second, or events still queued would bring the
rows back; no statement holds a visitor number; done again after a crash it changes nothing; releases stay (rule R5).
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping

import structlog

from schema.site import Site, day_number
from schema.store import Store

from .quarantine import Quarantine
from .release import received_through
from .rollup import roll_up
from .settings import SiteRules

log = structlog.get_logger("erase")

# What one partition of `erasures` spans (schema/0006_erasures.sql): it is carried out and dropped as a whole.
SPAN_S = 10
_DUE = "SELECT site, day, visitor FROM erasures WHERE at < toDateTime({before:UInt32}, 'UTC')"


def erase(
    store: Store, sites: Mapping[str, tuple[Site, SiteRules]], quarantine: Quarantine | None = None
) -> list[tuple[str, dt.date]]:
    """Carry out every erasure that is due; the site-days that lost rows."""
    before = {"before": received_through(store) // SPAN_S * SPAN_S}
    due = {(site, day_number(day), visitor) for site, day, visitor in store.rows(_DUE, before)}
    if not due:
        return []
    if quarantine:
        quarantine.forget(due)
    mine = f"(site, day, visitor) IN ({_DUE})"
    # Only the partitions that hold such rows are written anew. A partition's id is ClickHouse's own, without quotes.
    for (partition,) in store.rows(f"SELECT DISTINCT _partition_id FROM events WHERE {mine}", before):
        store.command(
            f"ALTER TABLE {store.local('events')} DELETE IN PARTITION ID '{partition}' WHERE {mine}",
            before,
            mutations_sync=2,
            # On a cluster every replica asks the same table, which is emptied only afterwards.
            allow_nondeterministic_mutations=1,
        )
    touched = store.rows(
        f"SELECT DISTINCT site, day FROM ({_DUE}) WHERE (site, day) NOT IN (SELECT site, day FROM manifest)", before
    )
    for key, day in touched:
        if key in sites:
            roll_up(store, sites[key][0], day, sites[key][1])
    for (partition,) in store.rows(
        "SELECT DISTINCT _partition_id FROM erasures WHERE at < toDateTime({before:UInt32}, 'UTC')", before
    ):
        store.command(f"ALTER TABLE {store.local('erasures')} DROP PARTITION ID '{partition}'")
    log.info("visitors_erased")
    return [(key, day) for key, day in touched]
