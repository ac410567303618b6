"""Who is behind the rare values of a day: the people of `(other)`, counted distinctly.

In: what is counted of every value, and the visits. Out: `values`, which values are rare; `others`, how many touched
one.

`(other)` cannot be added up: one person on six rare pages is not six people. But only few touch anything rare, so only
in dimensions that have such values is looked who did.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from schema.event import ENGAGEMENT, PAGEVIEW
from schema.visits import HOUR, OF_VISITS

from ..insert import insert
from ..parallel import Statement, at_once
from .aggregate import families
from .batch import Batch, K
from .contributors import HITS, KINDS_OF_HIT, KINDS_OF_VISIT
from .shape import METRICS, VIEWED

# The last to be suppressed with rare values: how many page views there were is known, and who has no campaign or came
# directly is no rare campaign or source.
_KNOWN = f"(value = '' OR dimension = 'event' AND value = '{PAGEVIEW}')"
_VALUES = {name: name for name in ("d", "dimension", "value", "people")} | {
    "state": f"multiIf(people < {K}, 'rare', place = 1, 'smallest', 'enough')"
}


def find_rare(of: Batch) -> None:
    """Fill `values`."""
    # Conversions, vitals and reports may be of values that nobody came to: a page that was left, but not seen.
    without = " UNION ALL ".join(
        f"SELECT d, dimension, value, 0 FROM {of.scratch(family)} GROUP BY d, dimension, value HAVING sum(people) > 0"
        for family in (*families(of), "contributors")
        if family != "cells"
    )
    of.store.command(
        f"""{insert(of.scratch("values"), _VALUES)}
        FROM
        (
            SELECT d, dimension, value, max(came) AS people,
                row_number() OVER
                    (PARTITION BY d, dimension, people >= {K} ORDER BY {_KNOWN}, people, value) AS place
            FROM
            (
                SELECT d, dimension, value, sum(people) AS came FROM {of.scratch("cells")}
                GROUP BY d, dimension, value HAVING came > 0
                UNION ALL {without}
            )
            GROUP BY d, dimension, value
        )""",
        of.named,
    )


def find_others(of: Batch) -> None:
    """Fill `others`."""
    rows = of.store.rows(
        f"SELECT DISTINCT dimension FROM {of.scratch('values')} WHERE state = 'rare' AND dimension != ''"
    )
    near = frozenset(dimension for (dimension,) in rows)
    if not near:
        return
    touching = [("cells", _touched), ("contributors", _contributed), ("vitals", _measured)]
    if of.has_goals:
        touching.insert(0, ("conversions", _converted))
    at_once(of.store, [_counting(of, family, touch(near)) for family, touch in touching])


def _counting(of: Batch, family: str, each: str) -> Statement:
    """The statement that adds one family's rows to `others`. each: who touched what, as SQL: (d, visitor, visit,
    dimension, value, name, currency), the visit of cells only."""
    for name in ("visits", "reached", "values"):
        each = each.replace(f"{{{name}}}", of.scratch(name))
    # Where the smallest other value of a dimension is suppressed with the rare ones, those who touched both are one
    # person each.
    return (
        f"""{insert(of.scratch("others"), {"family": f"'{family}'"} | _BEHIND)}
        FROM
        (
            SELECT d, dimension, name, currency, visitor, max(v.rare) AS rare, max(v.smallest) AS smallest,
                countIf(v.rare) AS visits, countIf(v.rare AND NOT v.smallest) AS beside
            FROM
            (
                SELECT d, dimension, name, currency, visitor, visit,
                    max(state = 'rare') AS rare, max(state = 'smallest') AS smallest
                FROM ({each}) AS touched
                INNER JOIN
                    (SELECT d, dimension, value, state FROM {of.scratch("values")} WHERE state != 'enough') AS compared
                USING (d, dimension, value)
                GROUP BY d, dimension, name, currency, visitor, visit
            ) AS v
            GROUP BY d, dimension, name, currency, visitor
        )
        GROUP BY d, dimension, name, currency HAVING countIf(rare) > 0
        SETTINGS max_threads = 1""",
        of.named,
    )


_BEHIND = {name: name for name in ("d", "dimension", "name", "currency")} | {
    "people": "countIf(rare)",
    "visits": "sum(visits)",
    "people_beside": "countIf(rare AND NOT smallest)",
    "visits_beside": "sum(beside)",
}


def _near(dimension: str) -> str:
    """SQL for the values of a dimension that are compared."""
    return f"(SELECT value FROM {{values}} WHERE state != 'enough' AND dimension = '{dimension}')"


def _of_visits(near: Collection[str], columns: str, rows: str) -> list[str]:
    """By dimension of a visit SQL for who has a value that is compared: only those rows are made into texts. columns,
    rows: what else is selected, and of which rows, from FROM to WHERE …"""
    selects = []
    for dimension in OF_VISITS:
        if dimension in near:
            value = "toString(hour)" if dimension == HOUR else dimension
            selects.append(
                f"SELECT d, visitor, {columns}, '{dimension}' AS dimension, toString({value}) AS value "
                f"{rows} AND {value} IN {_near(dimension)}"
            )
    return selects


def _pairs(values: Mapping[str, str], near: Collection[str]) -> str:
    """(dimension, value) of those that are wanted. values: SQL, by dimension."""
    wanted = (f"('{dimension}', toString({value}))" for dimension, value in values.items() if dimension in near)
    return f"CAST([{', '.join(wanted)}], 'Array(Tuple(String, String))')"


def _together(selects: Collection[str]) -> str:
    """SQL for all of them; for none, no row."""
    nobody = (
        "SELECT toUInt16(0) AS d, toUInt64(0) AS visitor, toUInt32(0) AS visit, '' AS name, '' AS currency, "
        "'' AS dimension, '' AS value WHERE false"
    )
    columns = "d, visitor, visit, toString(name) AS name, toString(currency) AS currency, dimension, value"
    return " UNION ALL ".join(f"SELECT {columns} FROM ({select})" for select in selects or (nobody,))


def _touched(near: Collection[str]) -> str:
    """Every visit that counts as one touched each of its values once."""
    acted = f"arrayFilter(name -> name != '{ENGAGEMENT}', hits.name)"
    hits = {"page": VIEWED, "hostname": "arrayDistinct(hits.hostname)", "event": f"arrayDistinct({acted})"}
    several = [
        f"SELECT d, visitor, visit, '' AS name, '' AS currency, '{dimension}' AS dimension, toString(one) AS value "
        f"FROM {{visits}} ARRAY JOIN {values} AS one WHERE came AND one IN {_near(dimension)}"
        for dimension, values in hits.items()
        if dimension in near
    ]
    return _together([*_of_visits(near, "visit, '' AS name, '' AS currency", "FROM {visits} WHERE came"), *several])


def _converted(near: Collection[str]) -> str:
    """Who reached which goal by which value, and who paid in which currency."""
    money = "arrayJoin(if(currency = '', [''], ['', toString(currency)])) AS money"
    hit = _pairs({"page": "path", "hostname": "hostname", "event": "name"}, near)
    return _together(
        [
            *(
                f"SELECT * EXCEPT money, money AS currency FROM ({select})"
                for select in _of_visits(
                    near, f"toUInt32(0) AS visit, goal AS name, {money}", "FROM {reached} WHERE came"
                )
            ),
            "SELECT d, visitor, toUInt32(0) AS visit, goal AS name, paid AS currency, one.1 AS dimension, "
            f"one.2 AS value FROM (SELECT d, visitor, goal, arrayJoin({hit}) AS one, "
            f"arrayJoin(if(currency = '', [''], ['', toString(currency)])) AS paid FROM {{reached}})",
        ]
    )


def _measured(near: Collection[str]) -> str:
    """Who measured what."""
    pairs = _pairs({"page": "path", "device": "first_device", "country": "first_country"}, near)
    return _together(
        [
            f"""SELECT d, visitor, toUInt32(0) AS visit, metric AS name, '' AS currency, one.1 AS dimension,
                one.2 AS value
            FROM
            (
                SELECT d, visitor, metric, arrayJoin({pairs}) AS one
                FROM (SELECT d, visitor, path, vitals, first_device, first_country
                    FROM {{visits}} ARRAY JOIN measured.path AS path, measured.vitals AS vitals)
                ARRAY JOIN arrayFilter((name, v) -> v >= 0, [{METRICS}], vitals) AS metric
            )"""
        ]
    )


def _contributed(near: Collection[str]) -> str:
    """Who contributed to what."""
    ends = (("page", "entry_page", "entrant"), ("hostname", "entry_host", "entrant"),
            ("page", "exit_page", "leaver"), ("hostname", "exit_host", "leaver"))  # fmt: skip
    of_ends = [
        f"SELECT d, visitor, toUInt32(0) AS visit, '{kind}' AS name, '' AS currency, '{dimension}' AS dimension, "
        f"toString({end}) AS value FROM {{visits}} WHERE viewed > 0 AND {end} IN {_near(dimension)}"
        for dimension, end, kind in ends
        if dimension in near
    ]
    of_hit = _pairs({"page": "path", "hostname": "hostname"}, near)
    return _together(
        [
            *_of_visits(
                near,
                "toUInt32(0) AS visit, kind AS name, '' AS currency",
                f"FROM {{visits}} ARRAY JOIN {KINDS_OF_VISIT} AS kind WHERE came",
            ),
            *of_ends,
            f"""SELECT d, visitor, toUInt32(0) AS visit, kind AS name, '' AS currency, one.1 AS dimension,
                one.2 AS value
            FROM
            (
                SELECT d, visitor, came, seen, arrayJoin({KINDS_OF_HIT}) AS kind, arrayJoin({of_hit}) AS one
                FROM {{visits}} ARRAY JOIN {HITS}
            )
            WHERE if(one.1 = 'page', seen OR NOT came, came)""",
        ]
    )
