"""Of a family the numbers of a day with what is not kept under `(other)`, and whether a row is shown: what suppress.py
decides, and staging.py writes."""

from __future__ import annotations

from schema.column import TEXT
from schema.dimensions import OTHER
from schema.families import FAMILIES

from ..batch import K
from ..suppression.parents import EXCLUSIVE

# Of a value as it came whether it keeps its name; of a suppressed one whether it is shown, because `(other)` is there.
KEPT = "(d, dimension, value) IN (SELECT d, dimension, value FROM {kept})"


def suppressed(family: str, keys: tuple[str, ...], numbers: tuple[str, ...], list_: str = "", source: str = "") -> str:
    """SQL for a family's numbers with what is not kept under `(other)`. keys: the first is the name in `others`. list_:
    a column that is joined, not added up. source: of what, if not of the family's scratch table."""
    distinct = ("people", "networks", "visits") if family == "cells" else ("people", "networks")
    own = (f"if(is_kept, s.{name}, 0)" if name in distinct else f"s.{name}" for name in numbers)
    other = (name if name in distinct else "0" for name in numbers)
    listed = "".join(f", {key}" for key in keys)
    named = "".join(f", {name}" for name in _keys_of_others(family, keys))
    joined, own_list, no_list = (f", groupArrayArray({list_}) AS {list_}", f", {list_}", ", []") if list_ else ("",) * 3
    added = ", ".join(f"{_adding(name)}(f.{name}) AS {name}" for name in numbers)
    return f"""
    SELECT d, dimension, named AS value{listed}, {added}{joined}
    FROM
    (
        SELECT d, dimension, if(is_kept, value, '{OTHER}') AS named{listed},
            {", ".join(f"{sql} AS {name}" for sql, name in zip(own, numbers, strict=True))}{own_list}
        FROM (SELECT *, {KEPT} AS is_kept FROM {source or f"{{{family}}}"}) AS s
        UNION ALL
        SELECT d, dimension, '{OTHER}'{named}, {", ".join(other)}{no_list} FROM {{others}}
        WHERE family = '{family}' AND whole
    ) AS f
    GROUP BY d, dimension, named{listed} HAVING people > 0"""


def _keys_of_others(family: str, keys: tuple[str, ...]) -> list[str]:
    """SQL for the keys of a family, of a row of `others`. Of a family whose keys exclude one another there is none, as
    it is of the whole site only: any will do."""
    kinds = {one.name: one.type for one in FAMILIES[family].keys} if family in FAMILIES else {}
    columns = ("''",) * len(keys) if family in EXCLUSIVE else ("name", "currency")
    plain = (TEXT, "String")
    return [
        column if kinds.get(key, TEXT) in plain else f"accurateCastOrDefault({column}, '{kinds[key]}')"
        for key, column in zip(keys, columns, strict=False)
    ]


def _adding(name: str) -> str:
    # Of a value the networks are in one row; of the suppressed one those of all together, which are the most.
    return "max" if name == "networks" else "sum"


def is_shown(family: str, *keys: str) -> str:
    """SQL for whether a row of a family is shown that has these keys, or a measure of a cell."""
    named = ", ".join(("d", "dimension", "value", *("name", "currency")[: len(keys)]))
    rows = f"SELECT {named} FROM {{shown}} WHERE family = '{family}'"
    return f"({K} = 1 OR (d, dimension, value, {', '.join(keys)}) IN ({rows}))"
