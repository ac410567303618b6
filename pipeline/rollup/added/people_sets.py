"""Sets of people that are new, held against sets of people that are told already (rule N6).

In: two scratch tables, of who is in which set. Out: which new sets have few people who are in no known one, or the
other way round. Promises: networks are counted as rule N4 asks for.

Of a set that is near the new one few may be in neither of both alone. Of others it counts what a subtraction tells:
where one is within the other, or both are nearly the same.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from schema.dimensions import OTHER
from schema.visits import HOUR, OF_VISITS

from ...insert import insert
from ..batch import Batch
from ..visits.hits import OF_HITS
from .small_differences import few

DIMENSIONS = tuple(name for name in OF_VISITS if name != HOUR)
_OF_DAY = "grain = 'day' AND by_dimension = ''"

_SET = {"part": "String", "layer": "String", "name": "String", "visitor": "UInt64"}
# part: of what a new set is; sets of "" are held against all, others against those of the same part. layer: of what
# both are: of payers their currency, of a value of a dimension this.
_TABLES = {"asked": _SET, "known": _SET | {"near": "UInt8"}, "persons": {"visitor": "UInt64", "network": "UInt64"}}
_PERSONS = {"visitor": "visitor", "network": "any(network_number)"}
_SIZES = """(
    SELECT part, layer, name, network, count() AS people,
        sum(people) OVER (PARTITION BY part, layer, name) AS all_people,
        count() OVER (PARTITION BY part, layer, name) AS all_networks
    FROM {table} INNER JOIN {persons} USING (visitor) GROUP BY part, layer, name, network
)"""
_BOTH = """(
    SELECT a.part AS part, a.layer AS layer, a.name AS new, k.part AS of, k.name AS old, p.network AS network,
        max(k.near) AS is_near, count() AS people
    FROM {asked} AS a
    INNER JOIN {known} AS k ON a.layer = k.layer AND a.visitor = k.visitor
    INNER JOIN {persons} AS p ON a.visitor = p.visitor
    WHERE k.part IN ('', a.part)
    GROUP BY part, layer, new, of, old, network
)"""
# Of a network that has as many in both as in one nobody is in that one alone.
_ALONE = f"""
    SELECT b.part AS part, b.layer AS layer, b.new AS new, b.of AS of, b.old AS old, max(b.is_near) AS near,
        any(n.all_people) - sum(b.people) AS new_people,
        any(n.all_networks) - countIf(b.people = n.people) AS new_networks,
        any(o.all_people) - sum(b.people) AS old_people,
        any(o.all_networks) - countIf(b.people = o.people) AS old_networks
    FROM {_BOTH} AS b
    INNER JOIN {_SIZES.replace("{table}", "{asked}")} AS n
        ON b.part = n.part AND b.layer = n.layer AND b.new = n.name AND b.network = n.network
    INNER JOIN {_SIZES.replace("{table}", "{known}")} AS o
        ON b.of = o.part AND b.layer = o.layer AND b.old = o.name AND b.network = o.network
    GROUP BY part, layer, new, of, old"""
_FEW_NEW, _FEW_OLD = few("new_people", "new_networks"), few("old_people", "old_networks")
_FOUND = f"""
    SELECT DISTINCT part, layer FROM ({_ALONE})
    WHERE if(near, {_FEW_NEW} OR {_FEW_OLD}, new_people + old_people > 0
        AND (new_people = 0 OR {_FEW_NEW}) AND (old_people = 0 OR {_FEW_OLD}))"""


@contextlib.contextmanager
def sets(of: Batch) -> Iterator[None]:
    """The tables, and the network of each visitor, for as long as the context lasts."""
    try:
        for name, columns in _TABLES.items():
            kinds = ", ".join(f"{column} {kind}" for column, kind in columns.items())
            of.create(name, kinds)
        of.store.command(of.naming(f"{insert('{persons}', _PERSONS)} FROM {{visits}} GROUP BY visitor"))
        yield
    finally:
        for name in _TABLES:
            of.store.command(f"DROP TABLE IF EXISTS {of.scratch(name)} SYNC")


def few_between(of: Batch) -> frozenset[tuple[str, str]]:
    """The parts, and their layers, of which a new set and one that is known tell of few."""
    return frozenset((part, layer) for part, layer in of.store.rows(of.naming(_FOUND), of.named))


# -- what is in them -----------------------------------------------------------------------------------------------


def into(table: str, **columns: str) -> str:
    """The beginning of a statement that adds people to sets, up to FROM."""
    same = {"part": "''", "layer": "''"}
    return insert(f"{{{table}}}", {**same, **columns, "visitor": "visitor"}).replace("SELECT", "SELECT DISTINCT", 1)


def values_of() -> list[str]:
    """The beginnings of the statements that add who is of which value of a dimension, `one`, to those that are known,
    up to a condition."""
    started = into("known", name="concat(one.1, '=', one.2)", near="0")
    visits = ", ".join(f"('{name}', toString({name}))" for name in DIMENSIONS)
    hits = ", ".join(f"('{name}', toString({column}))" for name, (column, _) in OF_HITS.items())
    tables = (("visits", visits), ("hits", hits))
    return [f"{started} FROM {{{table}}} ARRAY JOIN [{each}] AS one WHERE came" for table, each in tables]


def shown_values(of: Batch) -> str:
    """SQL for the values of dimensions that the day shows."""
    return f"(SELECT dimension, value FROM released_cells WHERE {of.mine} AND {_OF_DAY} AND value != '{OTHER}')"


def told_before(of: Batch) -> str:
    """SQL for what is told of properties that were counted before: (property, event, currency, value). It is bound to
    their names, `old`, and to the grains of those that were added, `old_grains`."""
    columns = "toString(property), toString(event), toString(in_currency), property_value"
    return f"""(
        SELECT {columns} FROM released_properties
        WHERE {of.mine} AND {_OF_DAY} AND has({{old:Array(String)}}, property)
        UNION ALL
        SELECT {columns} FROM late_properties WHERE {of.mine} AND grain IN {{old_grains:Array(String)}}
    )"""
