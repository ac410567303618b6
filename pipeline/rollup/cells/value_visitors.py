"""Who touched which value: SQL for who is behind values that are looked at, because they are hidden or wait.

In: the scratch tables `visits`, `hits`, `reached` and `samples`. Out: SQL over them, a row for each time.

Of many visits only those that have such a value are laid out, by a SELECT for each dimension. Of few
(`Batch.is_small`) to plan these takes longer than to lay out all there is, by a SELECT for each table.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from msgspec import Struct

from schema.column import TEXT
from schema.dimensions import ELEMENT
from schema.measures import KINDS
from schema.visits import HOUR, OF_VISITS, VISIT

from ..contributors import OF_HIT, OF_VISIT
from ..shape import ENDS, METRICS
from ..suppression import entries_exits
from ..visits.goals_reached import OF_REACHED
from ..visits.hits import OF_HITS
from ..visits.measurements import OF_SAMPLES

# By name the columns of the scratch table `touched`.
TOUCHED = {
    "d": "UInt16",
    **{name: VISIT[name] for name in ("visitor", "network_number", "visit")},
    "dimension": TEXT,
    "value": "String",
    "bits": "UInt8",
}
# SQL for the values of a dimension that are looked at; None: all there are.
Among = Callable[[str], str] | None


class _Part(Struct, frozen=True):
    """A value that a row has. dimension: "" is the whole site; value: SQL; which: SQL for of which rows; bits: SQL for
    as what, the lowest one for everybody who is counted there, the next ones for KINDS."""

    dimension: str
    value: str
    which: str = "true"
    bits: str = "0"


def _each(rows: str, parts: Sequence[_Part], near: Collection[str], among: Among, columns: str) -> list[str]:
    """SQL for who has which value of these dimensions: (d, visitor, network_number, columns, dimension, value, bits).
    rows: of whom, from FROM to WHERE …"""
    parts = [part for part in parts if part.dimension in near]
    select = f"SELECT d, visitor, network_number, {columns}"
    if among:
        tests = (f"AND {one.value} IN {among(one.dimension)}" if one.dimension else "" for one in parts)
        return [
            f"{select}, {one.bits} AS bits, '{one.dimension}' AS dimension, toString({one.value}) AS value "
            f"{rows} AND {one.which} {test}"
            for one, test in zip(parts, tests, strict=True)
        ]
    if not parts:
        return []
    # What many of them have alike is planned once.
    alike = {
        sql: f"alike_{place}"
        for place, sql in enumerate(dict.fromkeys(sql for one in parts for sql in (one.bits, one.which)))
    }
    laid = ", ".join(
        f"('{one.dimension}', toString({one.value}), {alike[one.bits]}, {alike[one.which]})" for one in parts
    )
    said = ", ".join(f"toUInt8({sql}) AS {name}" for sql, name in alike.items())
    named = "laid.1 AS dimension, laid.2 AS value, laid.3 AS bits"
    return [f"SELECT * EXCEPT laid, {named} FROM ({select}, {said}, arrayJoin([{laid}]) AS laid {rows}) WHERE laid.4"]


def _of_visits(bits: str = "0") -> list[_Part]:
    values = {dimension: dimension for dimension in OF_VISITS} | {HOUR: "toString(hour)"}
    return [_Part(dimension, value, "came", bits) for dimension, value in values.items()]


def _bits(kinds: Mapping[str, str]) -> str:
    """SQL for the bits of contributors of whom these hold. The lowest bit is whether the visit counts as one there."""
    return " + ".join(f"{2 ** (1 + KINDS.index(kind))} * ({is_one})" for kind, is_one in kinds.items())


_VISITS = (*_of_visits(f"1 + {_bits(OF_VISIT)}"), _Part("", "''", bits=f"toUInt8(came) + {_bits(OF_VISIT)}"))
# Every visit that counts as one touched each of its values once. Of an event are all who did it.
_HITS = tuple(
    _Part(dimension, column, which, f"first_{dimension} + {_bits(OF_HIT) if dimension != 'event' else 0}")
    for dimension, (column, which) in OF_HITS.items()
)
_ENDS = tuple(
    (kind, _Part(dimension, end, "viewed > 0", _bits({kind: "true"})))
    for end, dimension in ENDS.items()
    for kind in ("entrant" if end.startswith("entry") else "leaver",)
)


def touched(near: Collection[str], among: Among) -> str:
    """SQL for what visits touched of what is looked at, as TOUCHED. near: the dimensions; "" is the whole site. Who
    entered or left pages and sections suppression/entries_exits.py tells."""
    at_ends = (part for kind, part in _ENDS if not entries_exits.is_of_ends(kind, part.dimension))
    selects = [
        select
        for table, parts in (("visits", (*_VISITS, *at_ends)), ("hits", _HITS))
        for select in _each(f"FROM {{{table}}} WHERE true", parts, near, among, "visit")
    ]
    columns = "d, visitor, network_number, visit, dimension, value, toUInt8(bits) AS bits"
    return " UNION ALL ".join(f"SELECT {columns} FROM ({select})" for select in selects)


def together(selects: Sequence[str]) -> str:
    """All of them, as (d, visitor, its_network, name, currency, dimension, value)."""
    columns = "d, visitor, network_number AS its_network, toString(name) AS name, toString(currency) AS currency"
    return " UNION ALL ".join(f"SELECT {columns}, dimension, value FROM ({select})" for select in selects)


_REACHED = (
    *_of_visits(),
    *(_Part(dimension, column) for dimension, column in OF_REACHED.items()),
    _Part("", "''"),
)


def converted(near: Collection[str], among: Among) -> list[str]:
    """Who reached which goal by which value, and who paid in which currency."""
    columns = "goal, amount, arrayJoin(if(currency = '', [''], ['', toString(currency)])) AS paid"
    selects = _each("FROM {reached} WHERE true", _REACHED, near, among, columns)
    # Each column is named: to look through all that `reached` has took half of the statement's planning.
    named = "d, visitor, network_number, goal AS name, paid AS currency, amount, dimension, value"
    return [f"SELECT {named} FROM ({select})" for select in selects]


_SAMPLES = (*(_Part(name, name) for name in OF_SAMPLES), _Part("", "''"))


def measured(near: Collection[str], among: Among) -> list[str]:
    """Who measured what."""
    columns = f"arrayJoin(arrayFilter((one, v) -> v >= 0, [{METRICS}], vitals)) AS name, '' AS currency"
    selects = _each("FROM {samples} WHERE true", _SAMPLES, near, among, columns)
    if ELEMENT.name in near:
        which = f" WHERE value IN {among(ELEMENT.name)}" if among else ""
        columns = (
            f"d, visitor, network_number, metric AS name, '' AS currency, 0 AS bits, '{ELEMENT.name}' AS dimension"
        )
        selects.append(f"SELECT {columns}, value FROM {{elements}}{which}")
    return selects
