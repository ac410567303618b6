"""Who is behind the values of a day that are hidden, counted distinctly.

In: what is counted of every value, and the visits. Out: `values`, which values have enough; `touched`, who is behind
those that are hidden; where the rare ones have enough together; `others`, how many touched one that is hidden.

`(other)` cannot be added up: one person on six rare pages is not six people. But only few touch anything rare, so only
in dimensions that have such values is looked who did.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from schema.column import TEXT
from schema.families import APART, DECLARED
from schema.measures import KINDS
from schema.visits import HOUR, OF_VISITS, VISIT

from ..insert import insert
from ..parallel import Statement, at_once
from . import declared, ends
from .aggregate import families
from .batch import ENOUGH, Batch
from .contributors import OF_HIT, OF_VISIT
from .hits import OF_HITS
from .reached import OF_REACHED
from .samples import OF_SAMPLES
from .shape import ENDS, METRICS, count_networks

_VALUES = {name: name for name in ("d", "dimension", "value", "people")}
# A day with fewer than k visitors has no total to be compared with: nothing of it is published.
PUBLISHED = "d IN (SELECT d FROM {values} WHERE dimension = '' AND enough)"


def find_rare(of: Batch) -> None:
    """Fill `values`."""
    # Conversions, vitals and reports may be of values that nobody came to: a page that was left, but not seen.
    without = " UNION ALL ".join(
        f"""SELECT d, dimension, value, 0, 0 FROM {of.scratch(family)}
            GROUP BY d, dimension, value HAVING sum(people) > 0"""
        for family in families(of)
        if family != "cells"
    )
    of.store.command(
        f"""{insert(of.scratch("values"), _VALUES | {"enough": ENOUGH})}
        FROM
        (
            SELECT d, dimension, value, max(came) AS people, max(from_networks) AS networks
            FROM
            (
                SELECT d, dimension, value, sum(people) AS came, sum(networks) AS from_networks
                FROM {of.scratch("cells")}
                GROUP BY d, dimension, value HAVING came > 0 OR sum({" + ".join(KINDS)}) > 0
                UNION ALL {without}
            )
            GROUP BY d, dimension, value
        )""",
        of.named,
    )


def find_covered(of: Batch) -> list[tuple[int, str, bool, bool, str]]:
    """Where rare values are several and of enough people together: (d, dimension, whole, alone, parent); whole: of the
    dimension; else of the children of a parent, or of the values that are no child of one."""
    if not _fill_touched(of, "values", "NOT enough", PUBLISHED):
        return []
    rare = "SELECT d, dimension, value FROM {values} WHERE NOT enough"
    rows = of.store.rows(
        of.naming(
            f"""SELECT d, dimension, whole, alone, parent FROM
            (
                SELECT d, dimension, grouping(parent) = 0 AS of_parent, NOT of_parent AS whole, alone, parent,
                    uniqExact(value) AS many, uniqExact(visitor) AS people, {count_networks("true")} AS networks
                FROM (SELECT * FROM {{touched}} WHERE bitTest(bits, 0) AND (d, dimension, value) IN ({rare})) AS t
                LEFT JOIN (SELECT * FROM {{parents}} WHERE alone) AS p USING (d, dimension, value)
                GROUP BY GROUPING SETS ((d, dimension), (d, dimension, alone, parent))
            )
            WHERE many > 1 AND {ENOUGH}"""
        ),
        of.named,
    )
    return [(d, dimension, bool(whole), bool(alone), parent) for d, dimension, whole, alone, parent in rows]


def find_others(of: Batch) -> None:
    """Fill `others`."""
    near = _dimensions(of, "folded")
    if not near:
        return
    # Who is behind what has too few is known already, where that was asked.
    _fill_touched(of, "held" if of.hides else "folded")
    selects = {"conversions": converted(near, _near) if of.has_goals else [], "vitals": measured(near, _near)}
    counted = families(of)
    selects |= {
        name: declared.touched(family, near, _near)
        for name, family in DECLARED.items()
        if name in counted and name not in APART
    }
    counting = [_counting(of, family, together(each)) for family, each in selects.items() if each]
    at_once(of.store, [_people_of(of), *counting])


def _fill_touched(of: Batch, table: str, which: str = "true", where: str = "true") -> bool:
    """Add to `touched` who is behind values of a scratch table, of the dimensions that have some; whether there are
    any. which: of these; where: of those that tell the dimensions, too."""
    near = _dimensions(of, table, f"{which} AND {where}")
    if near:
        among = f"(SELECT value FROM {{{table}}} WHERE {which} AND dimension = '%s')"
        rows = touched(near, lambda dimension: among % dimension)
        of.store.command(of.naming(f"{insert('{touched}', _TOUCHED)} FROM ({rows})"), of.named)
    return bool(near)


def _dimensions(of: Batch, table: str, which: str = "true") -> frozenset[str]:
    """Those of rows of a scratch table, but for the whole site."""
    found = of.store.rows(of.naming(f"SELECT DISTINCT dimension FROM {{{table}}} WHERE {which}"))
    return frozenset(dimension for (dimension,) in found if dimension)


_OTHERS = {name: name for name in ("family", "d", "dimension", "name", "currency", "whole", "parent")}
_OTHERS |= {name: name for name in ("people", "networks", "visits")}


def _folded(rows: str) -> str:
    """SQL for those of rows that have a hidden value, each in its dimension (whole), and in its parent, if it is the
    child of one."""
    within = "arrayJoin(if(alone, [(true, ''), (false, its_parent)], [(true, '')]))"
    folded = "SELECT d, dimension, value, alone, parent AS its_parent FROM {folded}"
    return f"""
        SELECT *, within.1 AS whole, within.2 AS parent FROM
        (
            SELECT touched.*, {within} AS within
            FROM ({rows}) AS touched INNER JOIN ({folded}) AS folded USING (d, dimension, value)
        )"""


def _people_of(of: Batch) -> Statement:
    """The statement that counts people, visits and contributors. A row of who touched what has a bit for each."""
    kinds = (("cells", "", "sum(visits)"), *(("contributors", kind, "toUInt64(0)") for kind in KINDS))
    counted = ", ".join(
        f"('{family}', '{name}', countIf(bitTest(bits, {bit})), {count_networks(f'bitTest(bits, {bit})')}, {visits})"
        for bit, (family, name, visits) in enumerate(kinds)
    )
    columns = ("family", "name", "people", "networks", "visits")
    selected = _OTHERS | {"currency": "''"} | {name: f"one.{place}" for place, name in enumerate(columns, start=1)}
    return (
        of.naming(
            f"""{insert(of.scratch("others"), selected)}
            FROM
            (
                SELECT d, dimension, whole, parent, arrayJoin([{counted}]) AS one
                FROM
                (
                    SELECT d, dimension, whole, parent, visitor, any(its_network) AS network_number,
                        groupBitOr(v.every) AS bits, countIf(bitTest(v.every, 0)) AS visits
                    FROM
                    (
                        SELECT d, dimension, whole, parent, visitor, visit, any(network_number) AS its_network,
                            groupBitOr(bits) AS every
                        FROM ({_folded("SELECT * FROM {touched}")})
                        GROUP BY d, dimension, whole, parent, visitor, visit
                    ) AS v
                    GROUP BY d, dimension, whole, parent, visitor
                )
                GROUP BY d, dimension, whole, parent
            )
            WHERE one.3 > 0 SETTINGS max_threads = 1""",
        ),
        of.named,
    )


def _counting(of: Batch, family: str, each: str) -> Statement:
    """The statement that counts one family's people. each: SQL for who touched what: (d, visitor, its_network,
    dimension, value, name, currency)."""
    selected = _OTHERS | {"family": f"'{family}'", "visits": "0"}
    selected |= {"people": "count()", "networks": count_networks("true")}
    return (
        of.naming(
            f"""{insert(of.scratch("others"), selected)}
            FROM
            (
                SELECT d, dimension, whole, parent, name, currency, visitor, any(its_network) AS network_number
                FROM ({_folded(each)})
                GROUP BY d, dimension, whole, parent, name, currency, visitor
            )
            GROUP BY d, dimension, whole, parent, name, currency
            SETTINGS max_threads = 1""",
        ),
        of.named,
    )


# By name the columns of the scratch table `touched`.
TOUCHED = {
    "d": "UInt16",
    **{name: VISIT[name] for name in ("visitor", "network_number", "visit")},
    "dimension": TEXT,
    "value": "String",
    "bits": "UInt8",
}
_TOUCHED = {name: name for name in TOUCHED}
# SQL for the values of a dimension that are looked at.
Among = Callable[[str], str]


def _near(dimension: str) -> str:
    """Those that are hidden."""
    return f"(SELECT value FROM {{folded}} WHERE dimension = '{dimension}')"


def _with_near(values: Mapping[str, str], near: Collection[str], among: Among, columns: str, rows: str) -> list[str]:
    """By dimension SQL for who has a value that is looked at: only those rows are made into texts. values: by dimension
    the column; columns, rows: what else is selected, and of which rows, from FROM to WHERE …"""
    return [
        f"SELECT d, visitor, network_number, {columns}, '{dimension}' AS dimension, toString({value}) AS value "
        f"{rows} AND {value} IN {among(dimension)}"
        for dimension, value in values.items()
        if dimension in near
    ]


_VALUES_OF_VISITS = {dimension: dimension for dimension in OF_VISITS} | {HOUR: "toString(hour)"}


def _bits(kinds: Mapping[str, str]) -> str:
    """SQL for the bits of contributors of whom these hold. The lowest bit is whether the visit counts as one there."""
    return " + ".join(f"{2 ** (1 + KINDS.index(kind))} * ({is_one})" for kind, is_one in kinds.items())


def touched(near: Collection[str], among: Among) -> str:
    """SQL for what visits touched of what is looked at: (d, visitor, network_number, visit, dimension, value, bits).
    near: the dimensions; "" is the whole site. bits: the lowest one is of everybody who is counted there, the next ones
    of KINDS; of pages and sections ends.py tells who entered or left there."""
    rows = "FROM {visits} WHERE came"
    selects = _with_near(_VALUES_OF_VISITS, near, among, f"visit, 1 + {_bits(OF_VISIT)} AS bits", rows)
    if "" in near:
        bits = f"toUInt8(came) + {_bits(OF_VISIT)} AS bits"
        selects += [f"SELECT d, visitor, network_number, visit, {bits}, '' AS dimension, '' AS value FROM {{visits}}"]
    # Every visit that counts as one touched each of its values once. Of an event are all who did it.
    selects += [
        "SELECT d, visitor, network_number, visit, "
        f"first_{dimension} + {_bits(OF_HIT) if dimension != 'event' else 0} AS bits, "
        f"'{dimension}' AS dimension, toString({column}) AS value "
        f"FROM {{hits}} WHERE {which} AND {column} IN {among(dimension)}"
        for dimension, (column, which) in OF_HITS.items()
        if dimension in near
    ]
    at_ends = [(dimension, end, "entrant" if end.startswith("entry") else "leaver") for end, dimension in ENDS.items()]
    selects += [
        f"SELECT d, visitor, network_number, visit, {_bits({kind: 'true'})} AS bits, '{dimension}' AS dimension, "
        f"toString({end}) AS value FROM {{visits}} WHERE viewed > 0 AND {end} IN {among(dimension)}"
        for dimension, end, kind in at_ends
        if dimension in near and not ends.is_of_ends(kind, dimension)
    ]
    columns = "d, visitor, network_number, visit, dimension, value, toUInt8(bits) AS bits"
    return " UNION ALL ".join(f"SELECT {columns} FROM ({select})" for select in selects)


def together(selects: Sequence[str]) -> str:
    """All of them, as (d, visitor, its_network, name, currency, dimension, value)."""
    columns = "d, visitor, network_number AS its_network, toString(name) AS name, toString(currency) AS currency"
    return " UNION ALL ".join(f"SELECT {columns}, dimension, value FROM ({select})" for select in selects)


def converted(near: Collection[str], among: Among) -> list[str]:
    """Who reached which goal by which value, and who paid in which currency."""
    columns = "goal AS name, amount, arrayJoin(if(currency = '', [''], ['', toString(currency)])) AS paid"
    of_hits = OF_REACHED | {"event": "event"}  # the name is the goal's
    selects = [
        *_with_near(_VALUES_OF_VISITS, near, among, columns, "FROM {reached} WHERE came"),
        *_with_near(
            of_hits, near, among, columns, "FROM (SELECT * EXCEPT name, name AS event FROM {reached}) WHERE true"
        ),
    ]
    if "" in near:
        selects += [f"SELECT d, visitor, network_number, {columns}, '' AS dimension, '' AS value FROM {{reached}}"]
    return [f"SELECT * EXCEPT paid, paid AS currency FROM ({select})" for select in selects]


def measured(near: Collection[str], among: Among) -> list[str]:
    """Who measured what."""
    columns = f"arrayJoin(arrayFilter((one, v) -> v >= 0, [{METRICS}], vitals)) AS name, '' AS currency"
    rows = "FROM {samples} WHERE true"
    selects = _with_near({name: name for name in OF_SAMPLES}, near, among, columns, rows)
    if "" in near:
        selects += [f"SELECT d, visitor, network_number, {columns}, '' AS dimension, '' AS value {rows}"]
    return selects
