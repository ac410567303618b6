"""Which open days are counted anew, and by which rules and as of when they are shown.

In: the raw rows of site-days, the last snapshot of each (`next_cells`), by which rules they are shown (`open_through`).
Out: those of which a run may show something else. Promises: at a quarter of an hour a day is counted anew only when at
least k visitors, of as many networks as rule N4 asks for, were on the site for the first time since its last snapshot,
so who only goes on changes nothing; in between nothing is done, but with k = 1. Nobody is kept by his number for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec import Struct

from schema.families import LIVE
from schema.store import Store

from ...insert import insert
from ...settings import SiteRules
from ..batch import NETWORK, RAW, Batch, SiteDay
from ..visits.snapshot import Key


class Shown(Struct, frozen=True):
    """By which rules an open day is shown."""

    version: int
    k: int
    strict: bool
    networks: int


def due(store: Store, days: Sequence[SiteDay], quarter: int) -> tuple[list[SiteDay], frozenset[Key]]:
    """Those that are counted anew as of that second, and which of them are shown whole and at once: with k = 1."""
    waiting = tuple(of for of in days if of.rules.k > 1)
    taken = _taken(store, waiting)
    adopted = _adopt(store, tuple(of for of in waiting if of.key not in taken), quarter)
    came = newcomers(store, tuple(of for of in waiting if of.key not in adopted), taken, quarter)
    at_once = frozenset(of.key for of in days if of.rules.k == 1)
    return [of for of in days if of.key in at_once or enough(of.rules, *came.get(of.key, (0, 0)))], at_once


def laxer(store: Store, days: Sequence[SiteDay]) -> list[SiteDay]:
    """Those that are shown by laxer rules than theirs are now."""
    asked = [of for of in days if of.rules.k > 1]
    before = shown(store, asked)
    return [of for of in asked if of.key in before and _is_stricter(of.rules, before[of.key])]


def _is_stricter(rules: SiteRules, than: Shown) -> bool:
    return rules.k > than.k or rules.least_networks > than.networks or (rules.strict and not than.strict)


def enough(rules: SiteRules, people: int, networks: int) -> bool:
    """Whether a site-day goes on once so many are new on it."""
    return people >= rules.k and networks >= rules.least_networks


def shown(store: Store, days: Sequence[SiteDay]) -> dict[Key, Shown]:
    """By which rules those days are shown of which that is known."""
    if not days:
        return {}
    of = Batch(store, tuple(days), "")
    rows = store.rows(
        f"""SELECT site, day, max(version), argMax((k, strict, networks), version)
        FROM open_through WHERE {of.mine} GROUP BY site, day""",
        of.named,
        **store.brief,
    )
    return {
        (site, day): Shown(version, k, bool(strict), networks) for site, day, version, (k, strict, networks) in rows
    }


def remember(
    store: Store, days: Sequence[SiteDay], as_of: Mapping[Key, int], before: Mapping[Key, Shown] | None = None
) -> None:
    """Note by which rules days are about to be shown, and as of when, Unix seconds; 0: nothing is yet. before: by which
    they are, where that is known."""
    if not days:
        return
    before, now = shown(store, days) if before is None else before, time.time_ns()
    rows = []
    for of in days:
        version = max(now, before[of.key].version + 1) if of.key in before else now
        rows.append((*of.key, version, of.rules.k, of.rules.strict, of.rules.least_networks, as_of[of.key]))
    columns = ("site", "day", "version", "k", "strict", "networks", "as_of")
    store.insert("open_through", columns, [list(column) for column in zip(*rows, strict=True)])


def _taken(store: Store, days: tuple[SiteDay, ...]) -> dict[Key, int]:
    """When the last snapshot of the whole site was taken."""
    if not days:
        return {}
    of = Batch(store, days, "")
    rows = store.rows(
        f"""SELECT site, day, toUnixTimestamp(max(taken)) FROM next_cells
        WHERE {of.mine} AND dimension = '' AND grain = 'day' GROUP BY site, day""",
        of.named,
        **store.brief,
    )
    return {(site, day): at for site, day, at in rows}


def newcomers(
    store: Store, days: tuple[SiteDay, ...], taken: Mapping[Key, int], quarter: int, source: str = RAW
) -> dict[Key, tuple[int, int]]:
    """How many visitors came for the first time between the last snapshot and that second, and of how many networks; of
    site-days on which nobody did nothing is told. source: the table of raw rows."""
    if not days:
        return {}
    of = Batch(store, days, "", source)
    since = {"taken": [taken.get(one.key, 0) for one in days], "quarter": quarter}
    rows = store.rows(
        f"""SELECT d, count(), uniqExact(its_network)
        FROM
        (
            SELECT {of.which} AS d, any({NETWORK}) AS its_network
            FROM {source} WHERE {of.mine} AND received < toDateTime({{quarter:UInt32}}, 'UTC')
            GROUP BY site, day, visitor HAVING min(received) >= {{taken:Array(UInt32)}}[d + 1]
        )
        GROUP BY d""",
        of.named | since,
        **store.brief,
    )
    return {days[d].key: (people, networks) for d, people, networks in rows}


def _adopt(store: Store, days: tuple[SiteDay, ...], quarter: int) -> set[Key]:
    """Those that are shown without a snapshot of theirs, because they were shown whole, or by an earlier version: what
    is shown is their snapshot from now on, as if taken at that second: whoever came until then may be in it."""
    if not days:
        return set()
    of = Batch(store, days, "")
    rows = store.rows(f"SELECT DISTINCT site, day FROM open_cells WHERE {of.mine}", of.named, **store.brief)
    found = {(site, day) for site, day in rows}
    adopted = tuple(one for one in days if one.key in found)
    if adopted:
        of = Batch(store, adopted, "")
        # The cells last: they tell that it is done.
        for name in sorted(LIVE, key=lambda name: name == "cells"):
            columns = {column.name: column.name for column in LIVE[name].open}
            columns |= {"taken": "toDateTime({quarter:UInt32}, 'UTC')"}
            store.command(
                f"""{insert(f"next_{name}", columns)} FROM open_{name} WHERE {of.mine}
                SETTINGS max_partitions_per_insert_block = 0""",
                of.named | {"quarter": quarter},
            )
    return found
