"""Who is behind the rare values of a day: the people of `(other)`, counted distinctly.

In: what is counted of every value, and the visits. Out: `values`, which values are rare; `others`, how many touched
one.

`(other)` cannot be added up: one person on six rare pages is not six people. But only few touch anything rare, so only
in dimensions that have such values is looked who did.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

from schema.event import PAGEVIEW
from schema.families import DECLARED
from schema.measures import KINDS
from schema.visits import HOUR, OF_VISITS

from ..insert import insert
from ..parallel import Statement, at_once
from . import declared
from .aggregate import families
from .batch import ENOUGH, Batch
from .contributors import OF_HIT, OF_VISIT
from .hits import OF_HITS
from .shape import METRICS, count_networks

# The last to be suppressed with rare values: how many page views there were is known, and who has no campaign or came
# directly is no rare campaign or source.
_KNOWN = f"(value = '' OR dimension = 'event' AND value = '{PAGEVIEW}')"
_VALUES = {name: name for name in ("d", "dimension", "value", "people")}
_STATE = f"multiIf(NOT {ENOUGH}, 'rare', place = 1, 'smallest', 'enough')"


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
        f"""{insert(of.scratch("values"), _VALUES | {"state": _STATE})}
        FROM
        (
            SELECT d, dimension, value, max(came) AS people, max(from_networks) AS networks,
                row_number() OVER
                    (PARTITION BY d, dimension, {ENOUGH} ORDER BY {_KNOWN}, people, value) AS place
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


def find_others(of: Batch) -> None:
    """Fill `others`."""
    rows = of.store.rows(
        f"SELECT DISTINCT dimension FROM {of.scratch('values')} WHERE state = 'rare' AND dimension != ''"
    )
    near = frozenset(dimension for (dimension,) in rows)
    if not near:
        return
    selects = {"conversions": converted(near, _near) if of.has_goals else [], "vitals": measured(near, _near)}
    selects |= {name: declared.touched(family, near, _near) for name, family in DECLARED.items()}
    counting = [_counting(of, family, together(each)) for family, each in selects.items() if each]
    at_once(of.store, [_people_of(of, near), *counting])


_OTHERS = {name: name for name in ("family", "d", "dimension", "name", "currency")}
_OTHERS |= {name: name for name in ("people", "networks", "visits")}
# Of those beside the smallest other value, and of both together: two people are not one, but may be of one network.
_OTHERS |= {name: name for name in ("people_beside", "networks_together", "visits_beside")}
_COMPARED = """
    INNER JOIN (SELECT d, dimension, value, state FROM {values} WHERE state != 'enough') AS compared
    USING (d, dimension, value)"""


def _people_of(of: Batch, near: Collection[str]) -> Statement:
    """The statement that counts people, visits and contributors. A row of who touched what has a bit for each of these:
    where the smallest other value of a dimension is suppressed with the rare ones, who touched both is one person."""
    counted = ", ".join(
        f"('{'contributors' if name else 'cells'}', '{name}', "
        f"{_counted(f'bitTest(rare, {bit})', f'bitTest(smallest, {bit})', visits, beside)})"
        for bit, (name, visits, beside) in enumerate(
            (("", "sum(visits)", "sum(beside)"), *((kind, "toUInt64(0)", "toUInt64(0)") for kind in KINDS))
        )
    )
    columns = ("family", "name", "people", "networks", "visits", "people_beside", "networks_together", "visits_beside")
    selected = _OTHERS | {"currency": "''"} | {name: f"one.{place}" for place, name in enumerate(columns, start=1)}
    return (
        of.naming(
            f"""{insert(of.scratch("others"), selected)}
            FROM
            (
                SELECT d, dimension, arrayJoin([{counted}]) AS one
                FROM
                (
                    SELECT d, dimension, visitor, any(its_network) AS network_number,
                        groupBitOr(v.rare) AS rare, groupBitOr(v.smallest) AS smallest,
                        countIf(bitTest(v.rare, 0)) AS visits,
                        countIf(bitTest(v.rare, 0) AND NOT bitTest(v.smallest, 0)) AS beside
                    FROM
                    (
                        SELECT d, dimension, visitor, visit, any(network_number) AS its_network,
                            groupBitOr(if(state = 'rare', bits, 0)) AS rare,
                            groupBitOr(if(state = 'smallest', bits, 0)) AS smallest
                        FROM ({touched(near, _near)}) AS touched {_COMPARED}
                        GROUP BY d, dimension, visitor, visit
                    ) AS v
                    GROUP BY d, dimension, visitor
                )
                GROUP BY d, dimension
            )
            WHERE one.3 > 0 SETTINGS max_threads = 1""",
        ),
        of.named,
    )


def _counted(rare: str, smallest: str, visits: str, beside: str) -> str:
    """SQL for what is counted of those for whom that holds, in the order of the columns."""
    both = count_networks(f"{rare} OR {smallest}")
    return f"countIf({rare}), {count_networks(rare)}, {visits}, countIf({rare} AND NOT {smallest}), {both}, {beside}"


def _counting(of: Batch, family: str, each: str) -> Statement:
    """The statement that counts one family's people. each: SQL for who touched what: (d, visitor, its_network,
    dimension, value, name, currency)."""
    selected = _OTHERS | {"family": f"'{family}'", "visits": "0", "visits_beside": "0"}
    selected |= {"people": "countIf(rare)", "networks": count_networks("rare")}
    selected |= {"people_beside": "countIf(rare AND NOT smallest)"}
    selected |= {"networks_together": count_networks("rare OR smallest")}
    return (
        of.naming(
            f"""{insert(of.scratch("others"), selected)}
            FROM
            (
                SELECT d, dimension, name, currency, visitor, any(its_network) AS network_number,
                    max(state = 'rare') AS rare, max(state = 'smallest') AS smallest
                FROM ({each}) AS touched {_COMPARED}
                GROUP BY d, dimension, name, currency, visitor
            )
            GROUP BY d, dimension, name, currency HAVING countIf(rare) > 0
            SETTINGS max_threads = 1""",
        ),
        of.named,
    )


# SQL for the values of a dimension that are looked at.
Among = Callable[[str], str]


def _near(dimension: str) -> str:
    """Those that are compared."""
    return f"(SELECT value FROM {{values}} WHERE state != 'enough' AND dimension = '{dimension}')"


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
    of KINDS."""
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
    ends = (("page", "entry_page", "entrant"), ("hostname", "entry_host", "entrant"),
            ("page", "exit_page", "leaver"), ("hostname", "exit_host", "leaver"))  # fmt: skip
    selects += [
        f"SELECT d, visitor, network_number, visit, {_bits({kind: 'true'})} AS bits, '{dimension}' AS dimension, "
        f"toString({end}) AS value FROM {{visits}} WHERE viewed > 0 AND {end} IN {among(dimension)}"
        for dimension, end, kind in ends
        if dimension in near
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
    of_hits = {"page": "path", "hostname": "hostname", "event": "event"}
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
    rows = """FROM (SELECT d, visitor, network_number, path, vitals, first_device, first_country
        FROM {visits} ARRAY JOIN measured.path AS path, measured.vitals AS vitals) WHERE true"""
    values = {"page": "path", "device": "first_device", "country": "first_country"}
    selects = _with_near(values, near, among, columns, rows)
    if "" in near:
        selects += [f"SELECT d, visitor, network_number, {columns}, '' AS dimension, '' AS value {rows}"]
    return selects
