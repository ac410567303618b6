"""Staged rows → what is shown of open days.

In: `staging_*`. Out: the open days' partitions, each family's swapped whole. Promises: a question that is under way
sees a family of a day as it was or as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from schema.families import FAMILIES
from schema.store import Store

from ..parallel import at_once
from .batch import Batch
from .shown import remember, shown
from .snapshot import Key, Seen

OPEN = (*(f"open_{family}" for family in FAMILIES), "open_through", "sessionized")


def put_in_place(of: Batch, seen: Seen) -> None:
    """Show what is staged in place of what was."""
    store = of.store
    counts = (
        f"SELECT '{family}' AS family, site, day FROM staging_{family} WHERE {of.mine} GROUP BY site, day"
        for family in FAMILIES
    )
    filled: dict[str, set[Key]] = {family: set() for family in FAMILIES}
    for family, site, day in store.rows(" UNION ALL ".join(counts), of.named):
        filled[family].add((site, day))
    some = set().union(*filled.values())
    # Where nothing is shown, nor was before, the first to be shown need not be k people more.
    before = shown(store, of.days)
    noted = [site_day for site_day in of.days if site_day.key in some or site_day.key in before]
    if noted:
        remember(store, noted, {key: extent.through for key, extent in seen.extents.items()})
    for family in FAMILIES:
        _alter(
            store,
            f"open_{family}",
            [
                f"REPLACE PARTITION {_partition(key)} FROM staging_{family}"
                if key in filled[family]
                else f"DROP PARTITION {_partition(key)}"
                for key in (site_day.key for site_day in of.days)
            ],
        )


def clear_staging(of: Batch) -> None:
    """Drop the batch's staged rows."""
    partitions = ", ".join(f"DROP PARTITION {_partition(site_day.key)}" for site_day in of.days)
    at_once(of.store, [(f"ALTER TABLE staging_{family} {partitions}", {}) for family in FAMILIES])


def drop_open(store: Store, site: str, days: Sequence[dt.date]) -> None:
    """Remove the open rows of days, once the released ones are readable."""
    for table in OPEN:
        _alter(store, table, [f"DROP PARTITION {_partition((site, day))}" for day in days])


def _alter(store: Store, table: str, commands: Sequence[str]) -> None:
    if commands:
        store.command(f"ALTER TABLE {store.local(table)} {', '.join(commands)}")


def _partition(key: Key) -> str:
    # A partition cannot be bound as a parameter; a key holds only [a-z0-9._-] (schema/site.py), a date only digits.
    site, day = key
    return f"('{site}', '{day.isoformat()}')"
