"""Who is behind the values of a day that are hidden, counted distinctly.

In: what is counted of every value, and the visits. Out: `values`, which values have enough; `touched`, who is behind
those that are hidden; where the rare ones have enough together; `others`, how many touched one that is hidden.

`(other)` cannot be added up: one person on six rare pages is not six people. But only few touch anything rare, so only
in dimensions that have such values is looked who did.
"""

from __future__ import annotations

from schema.dimensions import ELEMENT
from schema.families import APART, DECLARED
from schema.measures import KINDS

from ...insert import insert
from ...parallel import Statement, at_once
from ..batch import ENOUGH, Batch
from ..shape import count_networks
from . import declared
from .aggregate import families
from .value_visitors import TOUCHED, converted, measured, together, touched

_VALUES = {name: name for name in ("d", "dimension", "value", "people")}
# A day with fewer than k visitors has no total to be compared with: nothing of it is published.
PUBLISHED = "d IN (SELECT d FROM {values} WHERE dimension = '' AND enough)"


# An element has nobody but who was measured: of the vital of which most were.
_OWN_PEOPLE = ", ".join(f"if(dimension = '{ELEMENT.name}', max({name}), 0)" for name in ("people", "networks"))
_RARE = f"""
    {insert("{values}", _VALUES | {"enough": ENOUGH})}
    FROM
    (
        SELECT d, dimension, value, max(came) AS people, max(from_networks) AS networks
        FROM
        (
            SELECT d, dimension, value, sum(people) AS came, sum(networks) AS from_networks
            FROM {{cells}}
            GROUP BY d, dimension, value HAVING came > 0 OR sum({" + ".join(KINDS)}) > 0"""


def find_rare(of: Batch) -> None:
    """Fill `values`."""
    # Conversions, vitals and reports may be of values that nobody came to: a page that was left, but not seen.
    without = "".join(
        f""" UNION ALL SELECT d, dimension, value, {_OWN_PEOPLE} FROM {{{family}}}
            GROUP BY d, dimension, value HAVING sum(people) > 0"""
        for family in families(of)
        if family != "cells"
    )
    of.store.command(of.naming(f"{_RARE} {without} ) GROUP BY d, dimension, value)"), of.named)


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
    among = None if of.is_small else _near
    counted = families(of)
    selects = {"conversions": converted(near, among) if "conversions" in counted else []}
    selects |= {"vitals": measured(near, among) if "vitals" in counted else []}
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
    # No visit touches an element, only what it measured does.
    near = _dimensions(of, table, f"{which} AND {where}") - {ELEMENT.name}
    if near:
        among = f"(SELECT value FROM {{{table}}} WHERE {which} AND dimension = '%s')"
        rows = f"({touched(near, None if of.is_small else lambda dimension: among % dimension)})"
        if of.is_small:
            rows += f" WHERE (d, dimension, value) IN (SELECT d, dimension, value FROM {{{table}}} WHERE {which})"
        of.store.command(of.naming(f"{insert('{touched}', _TOUCHED)} FROM {rows}"), of.named)
    return bool(near)


def _dimensions(of: Batch, table: str, which: str = "true") -> frozenset[str]:
    """Those of rows of a scratch table, but for the whole site."""
    found = of.store.rows(of.naming(f"SELECT DISTINCT dimension FROM {{{table}}} WHERE {which}"))
    return frozenset(dimension for (dimension,) in found if dimension)


_TOUCHED = {name: name for name in TOUCHED}
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


def _near(dimension: str) -> str:
    """Those that are hidden."""
    return f"(SELECT value FROM {{folded}} WHERE dimension = '{dimension}')"
