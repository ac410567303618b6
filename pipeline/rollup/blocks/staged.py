"""What waits of the days of blocks is folded as if each block were one day (rule N2).

In: rows of `waiting_*`. Out: rows in `staging_*`, of each block's first day. Promises: of each value that
values.py lets through what waits of it is added up, and nothing else is; what is chosen of one block does not
depend on which others there are.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct

from schema.families import FAMILIES, OWN, WAITING
from schema.measures import KINDS
from schema.pairs import PAIRS
from schema.store import Store, StoreError

from ...insert import insert
from ..block import Block, Blocks, batch_of, remaining
from ..cells.declared import NAMED, named_by
from ..cells.waiting_rates import fill_of_block
from ..contributors import networks_of
from ..open_days.publish import clear_staged
from ..rule import Rule
from ..scratch import TABLES, scratch
from ..staging import stage
from ..suppression import entries_exits
from ..suppression.parents import name_and_currency
from .values import Value, Waiting, cell_of, released_values

# Where a day has networks, a block has the visitors who are of another one than most.
_OTHERS_OF = {networks_of(""): "others"} | {networks_of(kind): f"{kind}_others" for kind in KINDS}


# What is worked in beside the families' tables.
_CHOSEN = ("hidden", "shown", "kept", "others")
# A cell by its family: dimension, value, and two keys, "" where the family has fewer.
_Cell = tuple[str, str, str, str]


@contextlib.contextmanager
def staged_blocks(store: Store, blocks: Sequence[Block]) -> Iterator[Blocks]:
    """What blocks may release, in `staging_*`, for as long as the context lasts."""
    of = batch_of(store, blocks)
    folded = [family for family in of.waiting if family != PAIRS.name]
    clear_staged(of, folded)
    try:
        with scratch(of, (*_CHOSEN, *folded)):
            _choose(of, folded)
            stage(of, folded)
        yield of
    finally:
        with contextlib.suppress(StoreError):
            clear_staged(of, folded)


class _Choice(Struct, frozen=True):
    """What of a block is chosen. values: of the dimensions, those that are cells. waiting: those that wait as cells.
    shown: those of all families. told: rows of `shown`."""

    values: set[Value]
    waiting: set[Value]
    shown: set[Value]
    told: list[tuple[str, ...]]


def _choose(of: Blocks, folded: Collection[str]) -> None:
    """Fill the scratch tables with what may be released."""
    chosen = _cells(of) if "cells" in folded else {d: _Choice(set(), set(), set(), []) for d in range(len(of.each))}
    if not OWN.isdisjoint(folded):
        fill_of_block(of, [Rule(block.rules.k_late, block.rules.late_others) for block in of.each])
    of_days = {} if NAMED.isdisjoint(folded) else _shown_by_days(of)
    for family in [name for name in folded if name != "cells" and name not in OWN]:
        _choose_family(of, family, chosen, of_days)
    if any(one.values for one in chosen.values()):
        _choose_contributors(of, chosen)
    told = [(d, *row) for d, one in chosen.items() for row in sorted(one.told)]
    _insert(of, "shown", ("family", "dimension", "value", "name", "currency"), told)
    _insert(of, "kept", ("dimension", "value"), [(d, *row) for d, one in chosen.items() for row in sorted(one.shown)])


def _cells(of: Blocks) -> dict[int, _Choice]:
    cells = released_values(Waiting(of, "cells"))
    # Of a section that was changed what the days have does not add up; left out, it is beside what stays hidden.
    values = {
        d: {
            (group[0], value)
            for group, released in cells.get(d, {}).items()
            for value in released
            if group[0] != "section" or value not in block.changed_sections
        }
        for d, block in enumerate(of.each)
    }
    _fill(of, "cells", {d: [(*value, "", "") for value in sorted(its)] for d, its in values.items()})
    waiting = _waiting_cells(of) if len(of.waiting) > 1 else {}
    return {d: _Choice(its, waiting.get(d, set()), set(its), []) for d, its in values.items()}


def _waiting_cells(of: Blocks) -> dict[int, set[Value]]:
    """The values that wait as cells: of one that days show goals and web vitals may wait alone; one that stays hidden
    has none."""
    found: dict[int, set[Value]] = {}
    rows = f"SELECT DISTINCT d, dimension, value {remaining(of, 'cells')}"
    for d, dimension, value in of.store.rows(of.naming(rows), of.named):
        found.setdefault(d, set()).add((dimension, value))
    return found


def _choose_family(
    of: Blocks, family: str, chosen: Mapping[int, _Choice], of_days: Mapping[int, Collection[Value]]
) -> None:
    hidden, known = dict[int, set[Value]](), dict[int, set[Value]]()
    if family in NAMED:
        # A key that names a value which stays hidden would tell of it; one that is told goes along with nobody.
        hidden = {d: one.waiting - one.values for d, one in chosen.items()}
        known = {d: one.values.union(of_days.get(d, ())) for d, one in chosen.items()}
    rows: dict[int, list[_Cell]] = {}
    for d, released_of in released_values(Waiting(of, family), hidden=hidden, told=known).items():
        one = chosen[d]
        found = (cell_of(family, group, item) for group, released in released_of.items() for item in released)
        rows[d] = sorted(cell for cell in found if cell[:2] in one.values or cell[:2] not in one.waiting)
        one.shown.update((dimension, value) for dimension, value, *_ in rows[d])
        one.told.extend((family, *cell) for cell in rows[d])
    _fill(of, family, rows)


def _choose_contributors(of: Blocks, chosen: Mapping[int, _Choice]) -> None:
    for kind in KINDS:
        for d, released_of in released_values(Waiting(of, "cells", kind, f"{kind}_others"), always=True).items():
            chosen[d].told.extend(
                ("contributors", dimension, value, kind, "")
                for (dimension,), released in released_of.items()
                for value in released
                if (dimension, value) in chosen[d].values and not entries_exits.is_of_ends(kind, dimension)
            )
    for d, rows in entries_exits.told_of_blocks(of, {d: one.values for d, one in chosen.items()}).items():
        chosen[d].told.extend(rows)


def _shown_by_days(of: Blocks) -> dict[int, set[Value]]:
    """By block the values that its days show, of dimensions that keys may be values of."""
    dimensions = {dimension for family in NAMED for dimension in named_by(family).values()}
    found: dict[int, set[Value]] = {}
    for d, dimension, value in of.store.rows(
        f"""SELECT DISTINCT {of.which_waits} AS d, dimension, value FROM released_cells
        WHERE {of.waits} AND grain = 'day' AND dimension IN {{named:Array(String)}}""",
        of.named | {"named": sorted(dimensions)},
    ):
        found.setdefault(d, set()).add((dimension, value))
    return found


def _insert(of: Blocks, table: str, columns: Sequence[str], rows: Sequence[tuple[object, ...]]) -> None:
    if rows:
        of.store.insert(of.scratch(table), ("d", *columns), [*map(list, zip(*rows, strict=True))])


def _fill(of: Blocks, family: str, cells: Mapping[int, Sequence[_Cell]]) -> None:
    """Add up what waits of these, by block."""
    rows = [(d, family, *cell) for d, each in cells.items() for cell in each]
    if rows:
        _insert(of, "hidden", ("family", "dimension", "value", "name", "currency"), rows)
        of.store.command(of.naming(_loading(of, family)), of.named)


def _loading(of: Blocks, family: str) -> str:
    keys = ("dimension", "value", *FAMILIES[family].cell_keys)
    columns = {key: key for key in ("d", *keys)}
    waiting = {column.name for column in WAITING[family]}
    for name, kind in TABLES[family].items():
        if kind == "Int64" and name not in keys:
            columns[name] = f"sum({name if name in waiting else _OTHERS_OF[name]})"
    if family == "vitals":
        columns["histogram"] = "groupArrayArray(histogram)"
    named = ", ".join(("dimension", "value", *name_and_currency(FAMILIES[family])))
    chosen = f"SELECT d, dimension, value, name, currency FROM {{hidden}} WHERE family = '{family}'"
    return f"""{insert(f"{{{family}}}", columns)} {remaining(of, family)} AND (d, {named}) IN ({chosen})
        GROUP BY d, {", ".join(keys)}"""
