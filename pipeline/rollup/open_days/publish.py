"""Staged rows → what is shown of open days.

In: `staging_*`. Out: the open days' partitions, each family's swapped whole. Promises: a question that is under way
sees a family of a day as it was or as it is.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Collection, Mapping, Sequence

from schema.families import FAMILIES, LIVE
from schema.store import Store

from ..batch import Batch, SiteDay
from ..visits.snapshot import Key
from .shown import laxer, remember, shown

OPEN = (*(f"{state}_{family}" for state in ("open", "next") for family in LIVE), "open_through", "sessionized")


def put_in_place(of: Batch) -> None:
    """Show what is staged in place of what was, and clear it. Of days that go on in steps it is only of families in
    which something does (step.py); all other days are shown as they are, and their steps begin anew."""
    store = of.store
    there = staged(of, tuple(LIVE))
    whole = [site_day for site_day in of.days if site_day not in of.stepping]
    some = set().union(*there.values())
    # Where nothing is shown, nor was before, the first to be shown need not be k people more.
    before = shown(store, whole)
    now = int(time.time())
    remember(store, [of for of in whole if of.key in some or of.key in before], {of.key: now for of in whole}, before)
    # Nothing is there of days that are shown for the first time.
    were = [of for of in whole if of.key in before]
    hidden = [of for of in were if of.rules.k > 1]
    if hidden:
        for family, keys in _there(Batch(store, tuple(hidden), of.run), "next", tuple(LIVE)).items():
            _alter(store, f"next_{family}", [f"DROP PARTITION {_partition(key)}" for key in sorted(keys)])
    gone = {family: {site_day.key for site_day in were} - keys for family, keys in there.items()}
    replaced = _there(of, "open", [family for family in LIVE if gone[family]])
    for family in LIVE:
        commands = [f"REPLACE PARTITION {_partition(key)} FROM staging_{family}" for key in sorted(there[family])]
        drops = sorted(gone[family] & replaced.get(family, set()))
        _alter(store, f"open_{family}", commands + [f"DROP PARTITION {_partition(key)}" for key in drops])
    _clear(store, there)


def clear_staging(of: Batch) -> None:
    """Drop the batch's staged rows. Of a hundred site-days each partition that is named takes a millisecond and more,
    also one that is not there."""
    clear_staged(of, tuple(FAMILIES))


def clear_staged(of: Batch, families: Collection[str]) -> None:
    """The same of some families."""
    _clear(of.store, staged(of, families))


def _clear(store: Store, there: Mapping[str, Collection[Key]]) -> None:
    for family, keys in there.items():
        _alter(store, f"staging_{family}", [f"DROP PARTITION {_partition(key)}" for key in sorted(keys)])


def staged(of: Batch, families: Collection[str]) -> dict[str, set[Key]]:
    """By family the site-days of the batch that are staged: by the parts of the tables, which are this server's own. To
    ask each table takes four times as long, in every run of every site."""
    names = {_partition(key): key for key in (site_day.key for site_day in of.days)}
    rows = of.store.rows(
        """SELECT DISTINCT substring(table, length('staging_') + 1), partition FROM system.parts
        WHERE database = currentDatabase() AND table IN {tables:Array(String)} AND active AND rows > 0""",
        {"tables": [f"staging_{family}" for family in families]},
    )
    there: dict[str, set[Key]] = {family: set() for family in families}
    for family, partition in rows:
        if partition in names:
            there[family].add(names[partition])
    return there


def _there(of: Batch, state: str, families: Collection[str]) -> dict[str, set[Key]]:
    """By family the site-days of the batch that have rows. state: `open` or `next`."""
    there: dict[str, set[Key]] = {family: set() for family in families}
    selects = (
        f"SELECT '{family}' AS family, site, day FROM {state}_{family} WHERE {of.mine} GROUP BY site, day"
        for family in families
    )
    if families:
        for family, site, day in of.store.rows(" UNION ALL ".join(selects), of.named):
            there[family].add((site, day))
    return there


def begin_anew(store: Store, days: Sequence[SiteDay]) -> None:
    """Show nothing any more of open days that are shown by laxer rules than theirs are now, and begin their steps anew:
    shown by the stricter ones at once they would differ from the release by who comes last."""
    for of in laxer(store, days):
        drop_open(store, of.site.key, [of.day])


def drop_open(store: Store, site: str, days: Sequence[dt.date]) -> None:
    """Remove the open rows of days, once the released ones are readable."""
    # By which rules they are shown goes after them: where this is cut off, it is known still.
    for table in OPEN:
        _alter(store, table, [f"DROP PARTITION {_partition((site, day))}" for day in days])


def _alter(store: Store, table: str, commands: Sequence[str]) -> None:
    if commands:
        name = table if table.startswith("staging_") else store.local(table)
        store.command(f"ALTER TABLE {name} {', '.join(commands)}")


def _partition(key: Key) -> str:
    # A partition cannot be bound as a parameter; a key holds only [a-z0-9._-] (schema/site.py), a date only digits.
    # It is written as the store writes it.
    site, day = key
    return f"('{site}','{day.isoformat()}')"
