"""The measurements of visits beside the conditions that hold for these, and who is behind what is told of them.

In: the scratch tables `marked` and `visits`, rows in `staging_vitals`. Out: `gauged`; of each site-day and vital who
was measured, by mask: together, by all their values, and in each band. Promises: whoever reported and nothing else has
no condition.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping
from typing import Any

from schema.column import TEXT
from schema.dimensions import OTHER
from schema.experience import FAIR, GOOD, POOR
from schema.visits import OF_FIRST_OF_ALL, VISIT
from schema.vitals import OF_ELEMENTS, VITALS

from ..insert import insert
from .batch import Batch
from .crowd import Who
from .segment_measured import Bands, Cell

COLUMNS = {
    "d": "UInt16",
    **{name: VISIT[name] for name in ("visitor", "network_number")},
    "mask": "UInt64",
    **dict.fromkeys(OF_FIRST_OF_ALL, TEXT),
    "page": "String",
    "vitals": "Array(Float32)",
    "elements": "Array(String)",
}
# Of so many values, those of most measurements.
_MOST_CELLS = 150
# A site-day and a vital.
Of = tuple[int, str]

_OF_VISITS = ("d", "visitor", "visit")


def fill_gauged(of: Batch) -> None:
    """Fill `gauged`."""
    values = {name: f"first_{name}" for name in OF_FIRST_OF_ALL}
    columns = {name: values.get(name, name) for name in COLUMNS}
    visits = ", ".join((*_OF_VISITS, "network_number", *values.values()))
    measured = "measured.path, measured.vitals, measured.elements"
    of.store.command(
        of.naming(
            f"""{insert("{gauged}", columns)}
            FROM
            (
                SELECT {visits}, mask, measured.path AS paths, measured.vitals AS every, measured.elements AS named
                FROM (SELECT {visits}, {measured} FROM {{visits}} WHERE notEmpty(measured.path)) AS v
                LEFT JOIN (SELECT {", ".join(_OF_VISITS)}, mask FROM {{marked}} WHERE mask != 0) AS m
                    USING ({", ".join(_OF_VISITS)})
            )
            ARRAY JOIN paths AS page, every AS vitals, named AS elements"""
        ),
        of.named,
    )


# A row for each measurement of a vital.
EACH = f"""
    SELECT *, one.1 AS metric, one.2 AS measured
    FROM (SELECT *, arrayJoin([{", ".join(f"('{name}', vitals[{n}])" for n, name in enumerate(VITALS, 1))}]) AS one
        FROM {{gauged}})
    WHERE measured >= 0"""
_ELEMENT_PLACE = f"indexOf({[*OF_ELEMENTS]}, metric)"
_ELEMENT = f"if(metric IN {[*OF_ELEMENTS]} AND notEmpty(elements), elements[{_ELEMENT_PLACE}], '')"
# All that vitals are told by: a section is known by its pages, and the vitals of a page by its elements.
_VALUES = ", ".join((*(f"toString({name})" for name in OF_FIRST_OF_ALL), "page", _ELEMENT))


def masks_of(of: Batch) -> dict[Of, dict[int, int]]:
    """How many measurements there are, by mask."""
    found: defaultdict[Of, dict[int, int]] = defaultdict(dict)
    sql = f"SELECT d, metric, mask, count() FROM ({EACH}) GROUP BY d, metric, mask"
    for d, metric, mask, many in of.store.rows(of.naming(sql), of.named):
        found[d, metric][mask] = many
    return found


def cells_of(of: Batch) -> dict[Of, list[Cell]]:
    """Who was measured, of the values that most measurements are of."""
    each = f"SELECT *, [{_VALUES}] AS its FROM ({EACH})"
    most = (
        f"SELECT d, metric, its FROM ({each}) GROUP BY ALL ORDER BY count() DESC, its LIMIT {_MOST_CELLS} BY d, metric"
    )
    sql = f"""SELECT d, metric, its, mask, {_who(of)} FROM ({each})
        WHERE (d, metric, its) IN ({most}) GROUP BY d, metric, its, mask ORDER BY ALL"""
    found: defaultdict[Of, dict[tuple[str, ...], dict[int, list[Who]]]] = defaultdict(dict)
    for d, metric, its, mask, people, networks in of.store.rows(of.naming(sql), of.named):
        found[d, metric].setdefault((*its,), {})[mask] = [Who(frozenset(people), frozenset(networks))]
    return {one: [Cell(*cell) for cell in cells.items()] for one, cells in found.items()}


def made_of_values(of: Batch, dimension: str, bits: Mapping[int, Collection[int]]) -> set[tuple[int, str, int]]:
    """Segments of which the measurements are those of some values of a dimension, of which vitals are told. bits: by
    site-day those that are asked for."""
    asked = [sum(1 << bit for bit in bits.get(d, ())) for d in range(len(of.days))]
    told = {
        (d, metric, value)
        for d, metric, value in of.store.rows(
            f"""SELECT {of.which}, metric, value FROM staging_vitals
            WHERE {of.mine} AND grain = 'day' AND dimension = '{dimension}' AND value != '{OTHER}'""",
            of.named,
        )
    }
    sql = f"""SELECT d, metric, toString({dimension}) AS value, bitAnd(mask, {{asked:Array(UInt64)}}[d + 1]) AS holding,
        count() FROM ({EACH}) GROUP BY d, metric, value, holding"""
    every, inside, of_value = Counter[tuple[int, str, int]](), Counter[tuple[int, str, str, int]](), Counter[Any]()
    for d, metric, value, holding, many in of.store.rows(of.naming(sql), of.named | {"asked": asked}):
        of_value[d, metric, value] += many
        for bit in bits.get(d, ()):
            if holding >> bit & 1:
                every[d, metric, bit] += many
                inside[d, metric, value, bit] += many
    whole = Counter[tuple[int, str, int]]()
    for (d, metric, value, bit), many in inside.items():
        if (d, metric, value) in told and many == of_value[d, metric, value]:
            whole[d, metric, bit] += many
    return {one for one, many in every.items() if whole[one] == many}


def bands_of(of: Batch) -> dict[Of, Bands]:
    """Who has a measurement in which band."""
    band = f"""multiIf(measured <= toFloat32({limit_of("good")}), '{GOOD}',
        measured > toFloat32({limit_of("poor")}), '{POOR}', '{FAIR}')"""
    found: defaultdict[Of, defaultdict[str, dict[int, list[Who]]]] = defaultdict(lambda: defaultdict(dict))
    sql = f"SELECT d, metric, {band} AS band, mask, {_who(of)} FROM ({EACH}) GROUP BY d, metric, band, mask"
    for d, metric, name, mask, people, networks in of.store.rows(of.naming(sql), of.named):
        found[d, metric][name][mask] = [Who(frozenset(people), frozenset(networks))]
    return {one: {**bands} for one, bands in found.items()}


def limit_of(name: str) -> str:
    """SQL for a number of the vital `metric`: where its bands end, or its scale."""
    return f"transform(metric, {[*VITALS]}, {[float(getattr(one, name)) for one in VITALS.values()]}, 0.)"


def _who(of: Batch) -> str:
    """SQL for people and networks, as far as they are asked for."""
    most, networks = (max(getattr(one.rules, name) for one in of.days) for name in ("k", "least_networks"))
    return f"groupUniqArray({most})(visitor), groupUniqArray({networks})(network_number)"
