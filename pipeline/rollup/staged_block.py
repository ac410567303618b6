"""What waits of the days of a block is folded as if they were one day (rule N2).

In: rows of `waiting_*`. Out: rows in `staging_*`, of the block's first day. Promises: of each value that
block_values.py lets through what waits of it is added up, and nothing else is.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import secrets
from collections.abc import Iterator, Sequence

from msgspec import structs

from schema.families import FAMILIES, OWN, WAITING
from schema.measures import KINDS
from schema.pairs import PAIRS
from schema.site import Site
from schema.store import Store, StoreError

from ..insert import insert
from ..settings import SiteRules
from . import ends
from .batch import SiteDay
from .block import Block, remaining
from .block_values import Value, Waiting, cell_of, released_values
from .contributors import networks_of
from .declared import NAMED, named_by
from .parents import name_and_currency
from .publish import clear_staging
from .rule import Rule
from .scratch import TABLES, scratch
from .staging import stage
from .untold import fill_of_block

# Where a day has networks, a block has the visitors who are of another one than most.
_OTHERS_OF = {networks_of(""): "others"} | {networks_of(kind): f"{kind}_others" for kind in KINDS}


@contextlib.contextmanager
def staged_block(
    store: Store,
    site: Site,
    dates: Sequence[dt.date],
    first: dt.date,
    week: str,
    rules: SiteRules,
    changed: Sequence[str] = (),
    changed_sections: frozenset[str] = frozenset(),
) -> Iterator[Block]:
    """What a block may release, in `staging_*`, for as long as the context lasts. dates: its days that wait. week: the
    grain of weeks within it. rules: the strictest of its days. changed,
    changed_sections: goals and sections that were not the same on all of them."""
    of = Block(
        store,
        (SiteDay(site, first, structs.replace(rules, k=2, networks=1)),),
        secrets.token_hex(8),
        dates=tuple(dates),
        week=week,
        late=rules,
        changed=tuple(changed),
        changed_sections=changed_sections,
    )
    clear_staging(of)
    try:
        with scratch(of):
            _choose(of)
            stage(of)
        yield of
    finally:
        with contextlib.suppress(StoreError):
            clear_staging(of)


def _choose(of: Block) -> None:
    """Fill the scratch tables with what may be released."""
    cells = released_values(Waiting(of, "cells"))
    # Of a section that was changed what the days have does not add up; left out, it is beside what stays hidden.
    values = {
        (group[0], value)
        for group, released in cells.items()
        for value in released
        if group[0] != "section" or value not in of.changed_sections
    }
    _fill(of, "cells", [(dimension, value, "", "") for dimension, value in sorted(values)])
    # Of a value that days show as a cell goals and web vitals may wait alone; one that stays hidden has none.
    waiting = set(of.store.rows(of.naming(f"SELECT DISTINCT dimension, value {remaining('cells')}"), of.named))
    shown, told = set(values), list[tuple[str, ...]]()
    of_days = set() if NAMED.isdisjoint(of.waiting) else _shown_by_days(of)
    if not OWN.isdisjoint(of.waiting):
        fill_of_block(of, Rule(of.late.k_late, of.late.late_others))
    for family in [name for name in of.waiting if name not in ("cells", PAIRS.name, *OWN)]:
        # A key that names a value which stays hidden would tell of it; one that is told goes along with nobody.
        hidden, known = (waiting - values, values | of_days) if family in NAMED else (set(), set())
        released_of = released_values(Waiting(of, family), hidden=hidden, told=known)
        found = (cell_of(family, group, item) for group, released in released_of.items() for item in released)
        rows = [cell for cell in found if cell[:2] in values or cell[:2] not in waiting]
        shown |= {(dimension, value) for dimension, value, *_ in rows}
        told += [(family, dimension, value, *keys) for dimension, value, *keys in rows]
        _fill(of, family, sorted(rows))
    told += [
        ("contributors", dimension, value, kind, "")
        for kind in KINDS
        for (dimension,), released in released_values(Waiting(of, "cells", kind, f"{kind}_others"), always=True).items()
        for value in released
        if (dimension, value) in values and not ends.is_of_ends(kind, dimension)
    ]
    told += ends.told_of_block(of, values)
    _insert(of, "shown", ("family", "dimension", "value", "name", "currency"), sorted(told))
    _insert(of, "kept", ("dimension", "value"), sorted(shown))


def _shown_by_days(of: Block) -> set[Value]:
    """The values that days of the block show, of dimensions that keys may be values of."""
    dimensions = {dimension for family in NAMED for dimension in named_by(family).values()}
    return set(
        of.store.rows(
            """SELECT DISTINCT dimension, value FROM released_cells
            WHERE site = {sites:Array(String)}[1] AND day IN {waits:Array(Date)} AND grain = 'day'
                AND dimension IN {named:Array(String)}""",
            of.named | {"named": sorted(dimensions)},
        )
    )


def _insert(of: Block, table: str, columns: Sequence[str], rows: Sequence[tuple[str, ...]]) -> None:
    if rows:
        of.store.insert(of.scratch(table), ("d", *columns), [[0] * len(rows), *map(list, zip(*rows, strict=True))])


def _fill(of: Block, family: str, rows: Sequence[tuple[str, ...]]) -> None:
    """Add up what waits of these: dimension, value, and two keys, "" where the family has fewer."""
    if not rows:
        return
    columns = ("dimension", "value", "name", "currency")
    families = [[family] * len(rows), *map(list, zip(*rows, strict=True))]
    of.store.insert(of.scratch("hidden"), ("family", *columns), families)
    of.store.command(of.naming(_loading(family)), of.named)


def _loading(family: str) -> str:
    keys = ("dimension", "value", *FAMILIES[family].cell_keys)
    columns = {"d": "0"} | {key: key for key in keys}
    waiting = {column.name for column in WAITING[family]}
    for name, kind in TABLES[family].items():
        if kind == "Int64" and name not in keys:
            columns[name] = f"sum({name if name in waiting else _OTHERS_OF[name]})"
    if family == "vitals":
        columns["histogram"] = "groupArrayArray(histogram)"
    named = ", ".join(("dimension", "value", *name_and_currency(FAMILIES[family])))
    chosen = f"SELECT dimension, value, name, currency FROM {{hidden}} WHERE family = '{family}'"
    return f"""{insert(f"{{{family}}}", columns)} {remaining(family)} AND ({named}) IN ({chosen})
        GROUP BY {", ".join(keys)}"""
