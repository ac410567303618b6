"""Whether enough people have come for an open day to be shown anew.

In: the raw rows of site-days, and how far the rows shown go (`open_through`). Out: which may be shown.
Promises: what is shown of an open day changes only when at least k visitors have rows that it does not have, so that
whoever looks again and again never sees what one of them did (k visitors of as many networks as rule N4 asks for); no
visitor number is kept for it.

The places of a spool only grow, so its last one tells which rows are shown. A row that comes later with an earlier
place (a spool of the same number on another host) is shown with the others, but nobody is counted for it.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence

from msgspec import Struct

from schema.store import Store

from ..settings import SiteRules
from .batch import NETWORK, Batch, SiteDay
from .snapshot import SPOOL, Key, new, places


class Shown(Struct, frozen=True):
    """What the rows of an open day are of. through: of each spool the last place. k, strict, networks: by which
    rules."""

    version: int
    k: int
    strict: bool
    networks: int
    through: dict[int, int]


def may_show(store: Store, days: Sequence[SiteDay]) -> list[SiteDay]:
    """Those that may be computed anew and put in place of what is shown."""
    asked = tuple(of for of in days if of.rules.k > 1)
    if not asked:
        return list(days)
    before = shown(store, asked)
    unknown = tuple(of for of in asked if of.key not in before)
    waiting = _shown_unknown(store, unknown) if unknown else set()
    # Stricter rules hold at once.
    stricter = {of.key for of in asked if of.key in before and _is_stricter(of.rules, before[of.key])}
    counted = tuple(of for of in asked if of.key not in waiting and of.key not in stricter)
    came = _new_visitors(store, counted, {of.key: before[of.key].through for of in counted if of.key in before})
    return [of for of in days if of.rules.k == 1 or of.key in stricter or _enough(of.rules, *came.get(of.key, (0, 0)))]


def _is_stricter(rules: SiteRules, than: Shown) -> bool:
    return rules.k > than.k or rules.least_networks > than.networks or (rules.strict and not than.strict)


def _enough(rules: SiteRules, people: int, networks: int) -> bool:
    return people >= rules.k and networks >= rules.least_networks


def shown(store: Store, days: Sequence[SiteDay]) -> dict[Key, Shown]:
    """How far the rows go that are shown, of the days of which that is known."""
    of = Batch(store, tuple(days), "")
    rows = store.rows(
        f"""SELECT site, day, max(version), argMax((k, strict, networks, spools, last), version)
        FROM open_through WHERE {of.mine} GROUP BY site, day""",
        of.named,
        **store.brief,
    )
    return {
        (site, day): Shown(version, k, bool(strict), networks, dict(zip(spools, last, strict=True)))
        for site, day, version, (k, strict, networks, spools, last) in rows
    }


def remember(
    store: Store, days: Sequence[SiteDay], through: Mapping[Key, Mapping[int, int]], before: Mapping[Key, Shown]
) -> None:
    """Note how far the rows go that are about to be shown: before they are, so that a crash in between has too few
    people counted, not too many. before: what was noted of them."""
    now = time.time_ns()
    rows = []
    for of in days:
        version = max(now, before[of.key].version + 1) if of.key in before else now
        spools = through.get(of.key, {})
        rule = (of.rules.k, of.rules.strict, of.rules.least_networks)
        rows.append((*of.key, version, *rule, list(spools), list(spools.values())))
    columns = ("site", "day", "version", "k", "strict", "networks", "spools", "last")
    store.insert("open_through", columns, [list(column) for column in zip(*rows, strict=True)])


def _new_visitors(
    store: Store, days: Sequence[SiteDay], through: Mapping[Key, Mapping[int, int]]
) -> dict[Key, tuple[int, int]]:
    """How many visitors have rows beyond these places, and of how many networks they are."""
    if not days:
        return {}
    of = Batch(store, tuple(days), "")
    rows = store.rows(
        f"""SELECT site, day, uniqExact(visitor), uniqExact({NETWORK})
        FROM events WHERE {of.mine} AND {new(of)} GROUP BY site, day""",
        of.named | places("known", through),
        **store.brief,
    )
    return {(site, day): (people, networks) for site, day, people, networks in rows}


def _shown_unknown(store: Store, days: Sequence[SiteDay]) -> set[Key]:
    """Those that are shown, though nobody knows how far they go: whoever came until now may be in them."""
    of = Batch(store, tuple(days), "")
    rows = store.rows(f"SELECT DISTINCT site, day FROM open_cells WHERE {of.mine}", of.named, **store.brief)
    keys = {(site, day) for site, day in rows}
    there = Batch(store, tuple(one for one in days if one.key in keys), "")
    if there.days:
        found: dict[Key, dict[int, int]] = {}
        for site, day, spool, last in store.rows(
            f"""SELECT site, day, {SPOOL} AS spool, max(sequence) FROM events WHERE {there.mine}
            GROUP BY site, day, spool""",
            there.named,
        ):
            found.setdefault((site, day), {})[spool] = last
        remember(store, there.days, found, {})
    return keys
