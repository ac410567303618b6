"""Whether enough people have come for an open day to be shown anew.

In: the raw rows of a site-day, and how far the rows shown go (`open_through`). Out: yes or no.
Promises: what is shown of an open day changes only when at least k visitors have rows that it does not have, so that
whoever looks again and again never sees what one of them did; no visitor number is kept for it.

The places of a spool only grow, so its last one tells which rows are shown. A row that comes later with an earlier
place (a spool of the same number on another host) is shown with the others, but nobody is counted for it.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Mapping

from msgspec import Struct

from schema.site import Site
from schema.store import Store

from .rows import MINE, SPOOL
from .settings import SiteRules


class Shown(Struct, frozen=True):
    """What the rows of an open day are of. through: of each spool the last place. k, strict: by which rules."""

    version: int
    k: int
    strict: bool
    through: dict[int, int]


def may_show(store: Store, site: Site, day: dt.date, rules: SiteRules) -> bool:
    """Whether the day may be computed anew and put in place of what is shown."""
    if rules.k == 1:
        return True
    before = shown(store, site, day)
    if before is None:
        if _is_shown(store, site, day):
            # Nobody knows how far it goes. Whoever came until now may be in it.
            remember(store, site, day, rules, _places(store, site, day))
            return False
    elif rules.k > before.k or (rules.strict and not before.strict):
        return True  # stricter rules hold at once
    return _new_visitors(store, site, day, before.through if before else {}, rules.k) >= rules.k


def shown(store: Store, site: Site, day: dt.date) -> Shown | None:
    """How far the rows of the day go that are shown, if that is known."""
    rows = store.rows(
        f"SELECT version, k, strict, spools, last FROM open_through WHERE {MINE} ORDER BY version DESC LIMIT 1",
        _of(site, day),
        **store.brief,
    )
    if not rows:
        return None
    version, k, strict, spools, last = rows[0]
    return Shown(version, k, bool(strict), dict(zip(spools, last, strict=True)))


def remember(store: Store, site: Site, day: dt.date, rules: SiteRules, through: Mapping[int, int]) -> None:
    """Note how far the rows go that are about to be shown: before they are, so that a crash in between has too few
    people counted, not too many."""
    before = shown(store, site, day)
    version = max(time.time_ns(), before.version + 1 if before else 0)
    row = {"site": site.key, "day": day, "version": version, "k": rules.k, "strict": rules.strict}
    row |= {"spools": list(through), "last": list(through.values())}
    store.insert("open_through", list(row), [[value] for value in row.values()])


def _new_visitors(store: Store, site: Site, day: dt.date, through: Mapping[int, int], most: int) -> int:
    """How many visitors have rows beyond these places; not more than so many are looked for."""
    beyond, places = "true", {}
    if through:
        beyond = f"sequence > transform({SPOOL}, {{spools:Array(UInt8)}}, {{last:Array(UInt64)}}, toUInt64(0))"
        places = {"spools": list(through), "last": list(through.values())}
    rows = store.rows(
        f"SELECT count() FROM (SELECT DISTINCT visitor FROM events WHERE {MINE} AND {beyond} LIMIT {{most:UInt32}})",
        _of(site, day) | places | {"most": most},
        **store.brief,
    )
    return int(rows[0][0])


def _places(store: Store, site: Site, day: dt.date) -> dict[int, int]:
    """Of each spool the last place there is."""
    rows = store.rows(f"SELECT {SPOOL} AS spool, max(sequence) FROM events WHERE {MINE} GROUP BY spool", _of(site, day))
    return dict(rows)


def _is_shown(store: Store, site: Site, day: dt.date) -> bool:
    return bool(store.rows(f"SELECT 1 FROM open_cells WHERE {MINE} LIMIT 1", _of(site, day), **store.brief))


def _of(site: Site, day: dt.date) -> dict[str, object]:
    return {"site": site.key, "day": day}
