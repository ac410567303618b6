"""Which value of its parent each value belongs to: a region to its country, a host to its source (rule N3).

In: the dimensions, and the scratch tables of visits. Out: `parents`. Promises: a value of which visits belong to
several of the parent's, and the empty one, is told with each of them, and as no child of one (`alone`): who knows the
parents' numbers and those of their children does not know how it is spread over them.
"""

from __future__ import annotations

from schema.column import TEXT
from schema.dimensions import DIMENSIONS, ELEMENT, EVERY
from schema.families import FAMILIES
from schema.family import Family
from schema.visits import OF_VISITS

from ...insert import insert
from ..batch import Batch
from ..visits.elements import page_of

# By dimension that of its parent.
PARENTS = {one.name: one.parent for one in EVERY.values() if one.parent}


def depth(dimension: str) -> int:
    """How many dimensions are above it."""
    return 1 + depth(PARENTS[dimension]) if dimension in PARENTS else 0


_DIMENSIONS = {name: family.dimensions for name, family in FAMILIES.items()} | {"contributors": (*DIMENSIONS,)}
# Of which families, and of contributors, which dimensions have a parent that is kept, too.
CHILDREN = frozenset(
    (family, child)
    for family, kept in _DIMENSIONS.items()
    for child, parent in PARENTS.items()
    if child in kept and parent in kept
)
# Of which families, and of contributors, which dimensions have children.
ABOVE = frozenset((family, PARENTS[child]) for family, child in CHILDREN)
# What tells the rows of all families apart: name and currency are the keys of a family (name_and_currency).
CELL = {"family": TEXT, "d": "UInt16", "dimension": TEXT, "name": TEXT, "currency": TEXT, "value": "String"}
# Those whose keys exclude one another: rows of the same name add up. Of all others the values of a dimension do.
EXCLUSIVE = [name for name, family in FAMILIES.items() if family.counting and family.counting.exclusive]


def name_and_currency(family: Family) -> tuple[str, str]:
    """SQL for what CELL calls so, of a row with the keys of a family: the first one and the others; where keys exclude
    one another, what they do so within and these."""
    keys, counting = family.cell_keys, family.counting
    first = keys[:1]
    if counting and counting.exclusive:
        first = tuple(key for key in keys if key in counting.within)
    return _text(first), _text(tuple(key for key in keys if key not in first))


def _text(keys: tuple[str, ...]) -> str:
    if not keys:
        return "''"
    return f"toString({keys[0]})" if len(keys) == 1 else f"toString(({', '.join(keys)}))"


def fill_parents(of: Batch) -> None:
    """Fill `parents`: a row for each value and each value of its parent's dimension."""
    if not of.hides:
        return
    selected = {name: name for name in ("d", "dimension", "value", "parent")}
    selected |= {"alone": "value != '' AND count() OVER (PARTITION BY d, dimension, value) = 1"}
    each = " UNION ALL ".join(
        f"SELECT d, '{name}' AS dimension, toString({name}) AS value, toString({parent}) AS parent "
        f"FROM {{visits}} WHERE came GROUP BY d, {name}, {parent}"
        for name, parent in PARENTS.items()
        if name in OF_VISITS
    )
    # A page has one section, whoever looks at it.
    each += f" UNION ALL SELECT d, dimension, value, {of.section_of('value')} FROM {{values}} WHERE dimension = 'page'"
    if of.has_rows("elements"):
        page = page_of("value")
        each += f" UNION ALL SELECT d, dimension, value, {page} FROM {{values}} WHERE dimension = '{ELEMENT.name}'"
    of.store.command(of.naming(f"{insert('{parents}', selected)} FROM ({each})"), of.named)
