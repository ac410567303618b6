"""Families that are counted by what their entry says (`Counting` in schema/family.py): visitors distinctly, the rest
added up, by each key and dimension.

In: a family. Out: its scratch table, and SQL over the scratch table `visits` for what is counted of every value, and
for who is behind the rare ones. What is suppressed of them suppress.py tells.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping

from schema.families import CROSSED, DECLARED, OWN
from schema.family import Counting, Family
from schema.measures import Measure

from ..batch import ENOUGH, NETWORKS, Batch
from ..shape import Select, by_each, count_distinct
from ..suppression.complementary import Whole
from ..suppression.parents import name_and_currency


def named_by(family: str) -> Mapping[str, str]:
    """The keys of a family that may be values of a dimension, each with that dimension."""
    counting = DECLARED[family].counting if family in DECLARED else None
    return counting.named if counting else {}


# Those with such a key.
NAMED = {name for name in DECLARED if named_by(name)}


def summed(family: Family) -> tuple[Measure, ...]:
    """The measures that are added up."""
    return tuple(one for one in family.measures if one is not family.people)


def columns(family: Family) -> dict[str, str]:
    """Those of its scratch table beside the value: a row is of one key, not suppressed yet."""
    counted = ("people", "networks", *(one.name for one in summed(family)))
    return {column.name: column.type for column in family.keys} | dict.fromkeys(counted, "Int64")


def select(family: Family) -> Select:
    """What is counted, and of which rows."""
    rows = _rows(family, {one.name: one.visit for one in summed(family)})
    if dimensions := _dimensions(family):
        by, each = by_each({name: name for name in dimensions}, "d", *family.key_names, whole="" in family.dimensions)
    else:
        by, each = {"dimension": "''", "value": "''"}, ", ".join(("d", *family.key_names))
    counted = {name: name for name in family.key_names} | {"people": count_distinct(), "networks": NETWORKS}
    counted |= {one.name: f"sum({one.name})" for one in summed(family)}
    return {**by, **counted}, f"FROM ({rows}) GROUP BY {each}"


def touched(family: Family, near: Collection[str], compared: Callable[[str], str]) -> list[str]:
    """SQL for who has which key and which value that is compared: (d, visitor, network_number, name, currency,
    dimension, value). near: the dimensions; "" is the whole site. compared: SQL for such values of one."""
    dimensions = [dimension for dimension in family.dimensions if dimension in near]
    return [
        f"{rows} WHERE {dimension} IN {compared(dimension)}" if dimension else rows
        for dimension, rows in zip(dimensions, everybody(family, dimensions), strict=True)
    ]


def everybody(family: Family, dimensions: Iterable[str]) -> list[str]:
    """SQL for who has which key and which value, by dimension, "" for the whole site; the columns are those of
    `touched`."""
    name, currency = name_and_currency(family)
    return [
        f"SELECT d, visitor, network_number, {name} AS name, {currency} AS currency, "
        f"'{dimension}' AS dimension, {f'toString({dimension})' if dimension else repr('')} AS value "
        f"FROM ({_rows(family, {})})"
        for dimension in dimensions
    ]


def covered(of: Batch, there: Collection[str]) -> set[Whole]:
    """Of families with a key that may be the value of a dimension: where those that are hidden, because `counted` has
    not enough, are two or more, and of enough people together, so that nothing has to go along with them: what would
    may be told elsewhere. there: the families that have rows."""
    found: set[Whole] = set()
    for name in NAMED & {*there}:
        few = f"SELECT d, name, currency FROM {{counted}} WHERE family = '{name}' AND NOT enough"
        if not of.store.rows(of.naming(f"{few} LIMIT 1")):
            continue
        found |= {
            (name, d, "", of_name, "", "")
            for d, of_name in of.store.rows(of.naming(_enough_together(DECLARED[name], few)), of.named)
        }
    return found


def _enough_together(family: Family, few: str) -> str:
    """SQL for the names under which those that are hidden are several, and of enough people together. few: SQL for
    these, as (d, name, currency)."""
    name, currency = name_and_currency(family)
    keys, last = ", ".join(("d", *family.key_names)), family.key_names[-1]
    # Who is counted are very many: they are compared by what they are, not by how that is written, and most are told
    # from the others by the last of it.
    hidden = f"SELECT DISTINCT {keys} FROM {{{family.name}}} WHERE (d, {name}, {currency}) IN ({few})"
    return f"""
        SELECT d, name FROM
        (
            SELECT d, {name} AS name, uniqExact({currency}) AS many, uniqExact(visitor) AS people,
                {NETWORKS} AS networks
            FROM ({_rows(family, {})})
            WHERE {last} IN (SELECT {last} FROM ({hidden})) AND ({keys}) IN ({hidden})
            GROUP BY d, name
        )
        WHERE many > 1 AND {ENOUGH}"""


def _dimensions(family: Family) -> list[str]:
    return [name for name in family.dimensions if name]


def _rows(family: Family, added: dict[str, str]) -> str:
    """What is counted, one row each. added: SQL for what is added up."""
    counting = family.counting or Counting("", {})
    values = ", ".join(("d", "visitor", "network_number", *_dimensions(family)))
    named = ", ".join(f"{sql} AS {name}" for name, sql in {**counting.keys, **added}.items())
    return f"SELECT {values}, {named} {counting.rows}"


# By family what `aggregate` counts of each; of those that are crossed moves.py does, of those of their own they do.
SELECTS = tuple((name, *select(family)) for name, family in DECLARED.items() if name not in CROSSED | OWN)
