"""Which raw rows a run sees, and whose of them are new to `visits`.

In: the raw rows of a batch, and how far its visits go (`sessionized`). Out: bounds that every later statement keeps to.
Promises: what arrives while a run is under way is new to the next one; where rows are gone, or came out of their order,
the day is sessionized whole.

The places of a spool only grow, so of each spool the last place tells which rows the visits have. That this holds is
not assumed: how many rows they were made of, and the exclusive or of the hashed places, are kept and compared.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from msgspec import Struct

from ...spool.file import PLACE_BITS, SPOOL_BITS
from ..batch import Batch
from . import properties

Key = tuple[str, dt.date]

# Which spool a raw row came by.
SPOOL = f"toUInt8(bitAnd(bitShiftRight(sequence, {PLACE_BITS}), {2**SPOOL_BITS - 1}))"
_KEY, _KEY_ALONE = f"cityHash64(site, day, {SPOOL})", SPOOL


def _last_place(of: Batch, name: str) -> str:
    """SQL, for a raw row, for the last place of its spool by `places` of that name, 0 where there is none."""
    spools, last = f"{{{name}_spools:Array(UInt8)}}", f"{{{name}_last:Array(UInt64)}}"
    keys = (
        f"arrayMap((s, d, p) -> cityHash64(s, d, p), {{{name}_sites:Array(String)}}, {{{name}_dates:Array(Date)}}, "
        f"{spools})"
    )
    key, keys = (_KEY_ALONE, spools) if of.alone else (_KEY, keys)
    return f"transform({key}, {keys}, {last}, toUInt64(0))"


def there(of: Batch) -> str:
    """SQL that holds for a raw row that was there when the run began."""
    return f"sequence <= {_last_place(of, 'there')}"


def new(of: Batch) -> str:
    """SQL that holds for a raw row that the visits do not have."""
    return f"sequence > {_last_place(of, 'known')}"


def _cuts(of: Batch) -> dict[Key, dict[int, int]]:
    """Of the days that are counted as of a quarter of an hour, by spool the place of the first row that was received
    after it: neither that row is seen nor any behind it."""
    found: dict[Key, dict[int, int]] = {}
    if of.quarter and of.stepping:
        stepping = Batch(of.store, of.stepping, of.run)
        for site, day, spool, first in of.store.rows(
            f"""SELECT site, day, {SPOOL} AS spool, min(sequence) FROM {of.source}
            WHERE {stepping.mine} AND received >= toDateTime({{quarter:UInt32}}, 'UTC') GROUP BY site, day, spool""",
            stepping.named | {"quarter": of.quarter.at},
        ):
            found.setdefault((site, day), {})[spool] = first
    return found


_PARTS = ("sites", "dates", "spools", "last")


def places(name: str, through: Mapping[Key, Mapping[int, int]]) -> dict[str, Any]:
    """What `there` or `new` is bound to. through: by site-day of the batch the last place of each spool."""
    flat = [(site, day, spool, last) for (site, day), spools in through.items() for spool, last in spools.items()]
    columns = zip(*flat, strict=True) if flat else ((), (), (), ())
    return {f"{name}_{part}": list(column) for part, column in zip(_PARTS, columns, strict=True)}


class Extent(Struct, frozen=True):
    """Which raw rows something is made of. through: of each spool the last place. mark: of their places, hashed, by
    exclusive or."""

    rows: int
    mark: int
    through: dict[int, int]


class Seen(Struct, frozen=True):
    """What a run sees of its batch. whole: site-days whose visits are all made anew. ids: whether rows have one;
    properties: whether rows have some."""

    extents: dict[Key, Extent]
    known: dict[Key, Extent]
    whole: frozenset[Key]
    ids: bool
    properties: bool

    @property
    def named(self) -> dict[str, Any]:
        """What `there` and `new` are bound to."""
        known = {key: extent.through for key, extent in self.known.items() if key not in self.whole}
        return places("there", {key: extent.through for key, extent in self.extents.items()}) | places("known", known)

    @property
    def rows(self) -> int:
        return sum(extent.rows for extent in self.extents.values())


def look(of: Batch, whole: bool) -> Seen:
    """See what is there. whole: whatever the visits have."""
    known = {} if whole else sessionized(of)
    cuts = _cuts(of)
    cut = _last_place(of, "cut")
    seen = f" AND ({cut} = 0 OR sequence < {cut})" if cuts else ""
    told_some = "notEmpty(props)" if of.has("kept_properties") else "false"
    rows = of.store.rows(
        f"""SELECT site, day, spool, max(sequence), count(), groupBitXor(hash), countIf(NOT new),
            groupBitXorIf(hash, NOT new), countIf(id != 0), countIf(told)
        FROM (SELECT site, day, {SPOOL} AS spool, sequence, id, {told_some} AS told,
                cityHash64(sequence) AS hash, {new(of)} AS new
            FROM {of.source} WHERE {of.mine}{seen})
        GROUP BY site, day, spool""",
        of.named | places("known", {key: extent.through for key, extent in known.items()}) | places("cut", cuts),
    )
    extents: dict[Key, Extent] = {}
    old: dict[Key, tuple[int, int]] = {}
    for site, day, spool, last, count, mark, old_count, old_mark, *_ in rows:
        before = extents.get((site, day), Extent(0, 0, {}))
        extents[site, day] = Extent(before.rows + count, before.mark ^ mark, before.through | {spool: last})
        old_rows, old_xor = old.get((site, day), (0, 0))
        old[site, day] = old_rows + old_count, old_xor ^ old_mark
    mine = [site_day.key for site_day in of.days]
    # A row that is gone may have been anybody's.
    unlike = {key for key in mine if key not in known or old.get(key, (0, 0)) != (known[key].rows, known[key].mark)}
    ids, properties = (any(row[place] for row in rows) for place in (-2, -1))
    return Seen(extents, known, frozenset(unlike), ids, properties)


def sessionized(of: Batch) -> dict[Key, Extent]:
    """Which raw rows the visits are made of."""
    rows = of.store.rows(
        f"""SELECT site, day, argMax((rows, mark, spools, last), version) FROM sessionized WHERE {of.mine}
        GROUP BY site, day""",
        of.named,
    )
    marks = _marks(of)
    return {
        (site, day): Extent(count, mark ^ marks[site, day], dict(zip(spools, last, strict=True)))
        for site, day, (count, mark, spools, last) in rows
    }


def _marks(of: Batch) -> dict[Key, int]:
    """What is kept of properties is part of what the visits are made of."""
    return {site_day.key: properties.mark(site_day.site) for site_day in of.days}


def note(of: Batch, seen: Seen, version: int) -> None:
    """Note which raw rows the visits are made of now."""
    store, marks = of.store, _marks(of)
    columns = ("site", "day", "version", "rows", "mark", "spools", "last")
    rows = [
        (
            site,
            day,
            version,
            extent.rows,
            extent.mark ^ marks[site, day],
            list(extent.through),
            list(extent.through.values()),
        )
        for (site, day), extent in seen.extents.items()
    ]
    if rows:
        store.insert("sessionized", columns, [list(column) for column in zip(*rows, strict=True)])
