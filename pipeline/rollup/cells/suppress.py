"""What is counted of a day → which of its values keep their name, and which rows and measures of these are shown.

In: the scratch tables `cells`, `conversions`, `vitals`; which values are rare and who is behind them
(hidden_visitors.py). Out: `kept`, `folded` and `shown`, from which staging.py makes rows.
Promises: no cell below k visitors is written under its own name, and what is suppressed together is never one value nor
fewer than k people, counted distinctly (rule R3). Conversions, revenue and vitals follow the cells, and below k people
there is no row of them. A measure to which fewer than k people contributed is not among a cell's (rule N1).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import cache
from typing import Any

from schema.dimensions import ELEMENT, OTHER
from schema.event import PAGEVIEW
from schema.experience import EXPERIENCE
from schema.families import APART, DECLARED, FAMILIES

from ...insert import insert
from ...parallel import at_once
from ..batch import ENOUGH, Batch, K
from ..contributors import CONTRIBUTORS
from ..suppression import entries_exits
from ..suppression.complementary import Cell, Part, Whole, going
from ..suppression.conversion_by_speed import fill_experience
from ..suppression.funnel_drops import show_steps
from ..suppression.parents import ABOVE, CELL, CHILDREN, EXCLUSIVE, PARENTS, name_and_currency
from ..visits.elements import page_of
from . import declared
from .aggregate import families
from .declared import NAMED, named_by
from .hidden_visitors import PUBLISHED, find_covered
from .moves import show_ways
from .suppressed import KEPT, suppressed


def keep(of: Batch) -> None:
    """Fill `kept` and `folded`: the values of at least k people, less those that go along with others, and the rest."""
    if of.hides:
        _judge_values(of)
    at_once(of.store, [(of.naming(statement), of.named) for statement in (_FILL_KEPT, _FILL_FOLDED)])
    if of.has_rows("elements"):
        for statement in (_FILL_KEPT_ELEMENTS, _FILL_FOLDED_ELEMENTS):
            of.store.command(of.naming(statement), of.named)


def show(of: Batch) -> None:
    """Fill `kept` with the suppressed rows that are shown, and `shown`: what is shown of goals, revenue and web vitals,
    and which measures of cells."""
    of.store.command(of.naming(_KEEP_OTHER), of.named)
    if of.hides:
        _judge_rows(of)
        of.store.command(of.naming(_fill_shown(f"dimension != '{ELEMENT.name}'")), of.named)
        if of.has_rows("elements"):
            of.store.command(of.naming(_fill_shown(_ON_SHOWN_PAGE)), of.named)
        show_steps(of)
    show_ways(of)
    if EXPERIENCE.name in families(of):
        fill_experience(of)


# -- what is shown ---------------------------------------------------------------------------------------------------

# The last to go along with rare values: how many page views there were is known, and who has no campaign or came
# directly is no rare campaign or source.
_KNOWN = f"(value = '' OR dimension = 'event' AND value = '{PAGEVIEW}')"
_CELL = ", ".join(CELL)
_SMALLEST = "arraySlice(arraySort(groupArrayIf((known, toInt64(people), value, name, currency), goes)), 1, 2)"
_PARTS = f"""
    SELECT 'cells', d, dimension, '', '', '', parent, countIf(people > 0), countIf(few), {_SMALLEST}, countIf(few)
    FROM
    (
        SELECT *, {_KNOWN} AS known, '' AS name, '' AS currency, people > 0 AND NOT enough AS few,
            enough AND (alone OR dimension NOT IN {[*PARENTS]}) AS goes
        FROM {{values}} LEFT JOIN {{parents}} USING (d, dimension, value)
        WHERE dimension != '{ELEMENT.name}'
    )
    GROUP BY d, dimension, parent"""
_ABOVE = f"dimension IN {sorted(dimension for family, dimension in ABOVE if family == 'cells')}"
_ROWS_ABOVE = f"(family, dimension) IN {sorted(ABOVE)}"
_TOLD = "(d, dimension) NOT IN (SELECT d, dimension FROM {nothing})"
_OF_CELLS = f"{PUBLISHED} AND dimension != '{ELEMENT.name}'"
_HELD = "(d, dimension, value) IN (SELECT d, dimension, value FROM {held})"
_FILL_KEPT = f"""
    INSERT INTO {{kept}} (d, dimension, value)
    SELECT d, dimension, value FROM {{values}} WHERE enough AND NOT {_HELD} AND {_TOLD} AND {_OF_CELLS}"""


def _fill_folded(which: str) -> str:
    return f"""
    INSERT INTO {{folded}} (d, dimension, value, alone, parent)
    SELECT d, dimension, value, alone, parent
    FROM (SELECT d, dimension, value FROM {{values}} WHERE {which}) AS v
    LEFT JOIN (SELECT * FROM {{parents}} WHERE alone) AS p USING (d, dimension, value)"""


_FILL_FOLDED = _fill_folded(f"(NOT enough OR {_HELD}) AND {_TOLD} AND {_OF_CELLS}")
# An element is of its page: where that has no name, it has none.
_OF_ELEMENTS = f"{PUBLISHED} AND dimension = '{ELEMENT.name}'"
_FILL_KEPT_ELEMENTS = f"""
    INSERT INTO {{kept}} (d, dimension, value)
    SELECT d, dimension, value FROM {{values}}
    WHERE enough AND {_OF_ELEMENTS}
        AND (d, {page_of("value")}) IN (SELECT d, value FROM {{kept}} WHERE dimension = 'page')"""
_FILL_FOLDED_ELEMENTS = _fill_folded(f"{_OF_ELEMENTS} AND NOT {KEPT}")
_KEEP_OTHER = f"""
    INSERT INTO {{kept}} (d, dimension, value)
    SELECT d, dimension, '{OTHER}' FROM {{others}} WHERE family = 'cells' AND whole AND {ENOUGH}"""


def _parts(of: Batch, sql: str) -> dict[Whole, dict[str, Part]]:
    """What there is of each parent. sql: for what tells a whole, the parent, and the fields of a part."""
    found: dict[Whole, dict[str, Part]] = defaultdict(dict)
    for *whole, parent, many, few, smallest, of_whole in of.store.rows(of.naming(sql), of.named):
        part = Part(many, few, tuple(map(tuple, smallest)), of_whole=of_whole)
        found[tuple(whole)][parent] = part
    return found


def _judge_values(of: Batch) -> None:
    """Fill `held` and `nothing`."""
    parts = _parts(of, _PARTS)
    enough = of.store.rows(of.naming(f"SELECT d, dimension, value FROM {{values}} WHERE enough AND {_ABOVE}"))
    covered = set()
    for d, dimension, whole, alone, parent in find_covered(of):
        if whole:
            covered.add(("cells", d, dimension, "", "", ""))
        if whole == (dimension not in PARENTS) and (whole or alone):
            parts["cells", d, dimension, "", "", ""][parent].covered = True
    cells = [("cells", d, dimension, "", "", value) for d, dimension, value in enough]
    gone, nothing = going(parts, cells, lambda family, one: (family, one) in CHILDREN, covered.__contains__, bare=True)
    _insert(of, "held", [*CELL], gone)
    _insert(of, "nothing", ("family", "d", "dimension", "name", "currency"), {whole[:5] for whole in nothing})


def _insert(of: Batch, table: str, columns: Sequence[str], rows: Collection[tuple[Any, ...]]) -> None:
    if rows:
        of.store.insert(of.scratch(table), columns, [list(column) for column in zip(*sorted(rows), strict=True)])


# -- what is shown of values that are ---------------------------------------------------------------------------------

# By family what tells its rows apart within a value, and of which rows they are counted.
_WITHIN: dict[str, tuple[tuple[str, ...], str]] = {
    "contributors": (("kind",), CONTRIBUTORS),
    "conversions": (("goal", "currency"), ""),
    "vitals": (("metric",), ""),
    **{name: (family.key_names, "") for name, family in DECLARED.items()},
}
# Of a family whose keys exclude one another these add up to a value; of all others the values do, to the whole.
_OF_KEYS = f"family IN {EXCLUSIVE}" if EXCLUSIVE else "false"
_CHILD = f"(family, dimension) IN {[*CHILDREN]}"


# Rows of one key beside those that they exclude one another within, which may be a value of a dimension.
_KNOWN_ROW = " OR ".join(
    ["false"]
    + [
        f"family = '{name}' AND (d, currency) IN (SELECT d, value FROM {{kept}} WHERE dimension = '{dimension}')"
        for name in NAMED
        for key, dimension in named_by(name).items()
        if DECLARED[name].key_names[-1] == key
    ]
)
_PARTS_OF_ROWS = f"""
    SELECT family, d, dimension, name, if({_OF_KEYS}, '', currency), if({_OF_KEYS}, value, ''),
        if({_CHILD}, parent, '') AS its_parent,
        countIf(value != '{OTHER}'), countIf(NOT enough AND value != '{OTHER}'), {_SMALLEST}, countIf(NOT enough)
    FROM
    (
        SELECT *, {_KNOWN_ROW} AS known, enough AND (alone OR NOT ({_CHILD})) AS goes
        FROM {{counted}} LEFT JOIN {{parents}} USING (d, dimension, value)
    )
    GROUP BY 1, 2, 3, 4, 5, 6, its_parent"""


# What is shown of a page that is not would tell the least that it may be, and so the most of what its section hides.
_ON_SHOWN_PAGE = f"""dimension = '{ELEMENT.name}' AND (d, name, {page_of("value")}) IN
    (SELECT d, name, value FROM {{shown}} WHERE family = 'vitals' AND dimension = 'page')"""


def _fill_shown(which: str) -> str:
    return f"""
    INSERT INTO {{shown}} ({_CELL})
    SELECT {_CELL} FROM {{counted}}
    WHERE {which} AND enough AND NOT {entries_exits.UNTOLD} AND ({_CELL}) NOT IN (SELECT {_CELL} FROM {{held}})
        AND (family, d, dimension, name, currency) NOT IN
            (SELECT family, d, dimension, name, currency FROM {{nothing}} WHERE family != 'cells')"""


def _judge_rows(of: Batch) -> None:
    """Fill `counted`, and `held` and `nothing` with what is so of all families but cells."""
    at_once(of.store, [(of.naming(statement), of.named) for statement in _counting(of)])
    parts = _parts(of, _PARTS_OF_ROWS)
    rows = f"SELECT {_CELL} FROM {{counted}} WHERE enough AND {_ROWS_ABOVE}"
    above = [(*row,) for row in of.store.rows(of.naming(rows))]
    beside = f"SELECT family, d, dimension, name, currency, '', parent, {ENOUGH} FROM {{others}} WHERE NOT whole"
    for *whole, parent, enough in of.store.rows(of.naming(beside), of.named):
        # Where nobody is shown of a parent there is nothing to take away from it.
        part = parts.get(tuple(whole), {}).get(parent)
        if part is not None and tuple(whole[:3:2]) in CHILDREN:
            part.covered |= bool(enough)
            part.lacking |= not enough
    for one in declared.covered(of, families(of)) & parts.keys():
        parts[one][""].covered = True
    parts = {whole: part for whole, part in parts.items() if not entries_exits.apart(whole)}
    gone, nothing = going(parts, above, lambda family, one: (family, one) in CHILDREN)
    _insert(of, "held", [*CELL], gone | _told(of, parts) | entries_exits.untold_sections(of))
    _insert(of, "nothing", ("family", "d", "dimension", "name", "currency"), {whole[:5] for whole in nothing})


def _told(of: Batch, parts: Mapping[Whole, Mapping[str, Part]]) -> set[Cell]:
    """Where what would go along is told elsewhere: all that there is of that whole."""
    within = ((whole, part) for whole, each in parts.items() if whole[0] in NAMED for part in each.values())
    found = {whole for whole, one in within if one.of_whole and not one.covered and one.smallest and one.smallest[0][0]}
    if not found:
        return set()
    rows = of.store.rows(of.naming(f"SELECT {_CELL} FROM {{counted}} WHERE enough AND family IN {[*NAMED]}"))
    return {cell for cell in ((*row,) for row in rows) if (*cell[:4], "", "") in found}


def _counting(of: Batch) -> list[str]:
    """The statements that fill `counted`."""
    counted = {"contributors", *families(of)} - APART
    return [_counted(family) for family in _WITHIN if family in counted]


@cache
def _counted(family: str) -> str:
    keys, source = _WITHIN[family]
    name, currency = name_and_currency(FAMILIES[family]) if family in FAMILIES else ("toString(kind)", "''")
    columns = {"family": f"'{family}'", "name": name, "currency": currency}
    hidden = "(d, toString({})) IN (SELECT d, value FROM {{values}} WHERE dimension = '{}' AND {} NOT IN {})".format
    enough = "".join(
        f" AND NOT {hidden(key, dimension, '(d, dimension, value)', '(SELECT d, dimension, value FROM {kept})')}"
        for key, dimension in named_by(family).items()
    )
    columns |= {column: column for column in ("d", "dimension", "value", "people")} | {"enough": ENOUGH + enough}
    rows = suppressed(family, keys, ("people", "networks"), source=source)
    return f"{insert('{counted}', columns)} FROM ({rows}) WHERE {K} > 1"
