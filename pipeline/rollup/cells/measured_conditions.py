"""The measurements of visits beside the conditions that hold for these, and who is behind what is told of them.

In: the scratch tables `marked` and `visits`, rows in `staging_vitals`. Out: `gauged`; of each site-day and vital who
was measured, by mask: together, by all their values, and in each band. Promises: whoever reported and nothing else has
no condition.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence

from schema.column import TEXT
from schema.dimensions import ON_PAGE, OTHER
from schema.visits import OF_FIRST_OF_ALL, VISIT
from schema.vitals import OF_ELEMENTS, VITALS

from ...insert import insert
from ..batch import Batch
from ..rule import Who
from ..shape import METRICS, band_of, number_of
from ..suppression.histograms import Bands, Cell, Values

COLUMNS = {
    "d": "UInt16",
    **{name: VISIT[name] for name in ("visitor", "network_number")},
    "mask": "UInt64",
    **dict.fromkeys(OF_FIRST_OF_ALL, TEXT),
    "page": "String",
    "vitals": "Array(Float32)",
    "elements": "Array(String)",
}
# Of so many values, those of most measurements; of days with more than so many measurements.
_MOST_CELLS, _FEWER_CELLS, _MANY = 150, 30, 5000
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


# How many measurements there are of each vital.
_TIMES = ", ".join(f"countIf(vitals[{place}] >= 0)" for place in range(1, len(VITALS) + 1))
# All that vitals are told by: a section is known by its pages, and the vitals of a page by its elements.
_BY = (*OF_FIRST_OF_ALL, "page", "elements")


def masks_of(of: Batch) -> dict[Of, dict[int, int]]:
    """How many measurements there are, by mask."""
    found: defaultdict[Of, dict[int, int]] = defaultdict(dict)
    for d, mask, every in of.store.rows(of.naming(f"SELECT d, mask, [{_TIMES}] FROM {{gauged}} GROUP BY d, mask")):
        for metric, many in zip(VITALS, every, strict=True):
            if many:
                found[d, metric][mask] = many
    return found


def cells_of(of: Batch, bits: Mapping[int, Collection[int]]) -> dict[Of, list[Cell]]:
    """Who was measured, of the values that most measurements are of, these first. bits: by site-day those that are
    asked for."""
    by = ", ".join(_BY)
    most = f"""
        SELECT d, cell FROM
        (
            SELECT d, cityHash64({by}) AS cell, sum(count()) OVER (PARTITION BY d) AS every,
                row_number() OVER (PARTITION BY d ORDER BY count() DESC, cell) AS place
            FROM {{gauged}} GROUP BY d, cell
        )
        WHERE place <= if(every > {_MANY}, {_FEWER_CELLS}, {_MOST_CELLS})"""
    rows = of.store.rows(
        of.naming(
            f"""SELECT d, {by}, bitAnd(mask, {{asked:Array(UInt64)}}[d + 1]) AS holding, [{_each_who(of)}], count()
            FROM {{gauged}} WHERE (d, cityHash64({by})) IN ({most}) GROUP BY d, {by}, holding"""
        ),
        of.named | {"asked": _asked(of, bits)},
    )
    found: defaultdict[Of, dict[Values, dict[int, list[Who]]]] = defaultdict(dict)
    sizes = Counter[tuple[int, str, Values]]()
    for d, *its, elements, holding, every, many in rows:
        for metric, (people, networks) in zip(VITALS, every, strict=True):
            if people:
                values = (*its, _element_of(metric, its[-1], elements))
                sizes[d, metric, values] -= many
                who = Who(frozenset(people), frozenset(networks))
                found[d, metric].setdefault(values, {}).setdefault(holding, []).append(who)
    first = sorted(sizes, key=lambda one: (sizes[one], one))
    cells: defaultdict[Of, list[Cell]] = defaultdict(list)
    for d, metric, values in first:
        cells[d, metric].append(Cell(values, found[d, metric][values]))
    return cells


def _element_of(metric: str, page: str, elements: Sequence[str]) -> str:
    """What measurements of a vital are told by, within a page."""
    element = elements[OF_ELEMENTS.index(metric)] if elements and metric in OF_ELEMENTS else ""
    return f"{page}{ON_PAGE}{element}"


def _each_who(of: Batch) -> str:
    """SQL for people and networks of each vital, as far as they are asked for."""
    return ", ".join(
        f"(groupUniqArrayIf({of.most.k})(visitor, vitals[{n}] >= 0), "
        f"groupUniqArrayIf({of.most.networks})(network_number, vitals[{n}] >= 0))"
        for n in range(1, len(VITALS) + 1)
    )


def _asked(of: Batch, bits: Mapping[int, Collection[int]]) -> list[int]:
    return [sum(1 << bit for bit in bits.get(d, ())) for d in range(len(of.days))]


def made_of_values(
    of: Batch, dimension: str, bits: Mapping[int, Collection[int]], released: bool
) -> set[tuple[int, str, int]]:
    """Segments of which the measurements are those of some values of a dimension, of which vitals are told. bits: by
    site-day those that are asked for. released: of a day that was released before."""
    told = of.store.rows(_told(of, dimension, released), of.named)
    rows = of.store.rows(
        of.naming(
            f"""SELECT d, toString({dimension}) AS value, bitAnd(mask, {{asked:Array(UInt64)}}[d + 1]) AS holding,
                [{_TIMES}] FROM {{gauged}} GROUP BY d, value, holding"""
        ),
        of.named | {"asked": _asked(of, bits)},
    )
    # Of each segment the values that have some of it, and those that have others, too.
    some, not_all = defaultdict[tuple[int, str, int], set[str]](set), set[tuple[int, str, int, str]]()
    for d, value, holding, every in rows:
        for bit, (metric, many) in itertools.product(bits.get(d, ()), zip(VITALS, every, strict=True)):
            if many and holding >> bit & 1:
                some[d, metric, bit].add(value)
            elif many:
                not_all.add((d, metric, bit, value))
    known = set(told)
    return {
        one for one, values in some.items() if all((*one[:2], v) in known and (*one, v) not in not_all for v in values)
    }


def _told(of: Batch, dimension: str, released: bool) -> str:
    """SQL for the values of which vitals are told: (d, metric, value). Of a day that was released before of the same
    measurements as are left."""
    mine = f"WHERE {of.mine} AND grain = 'day' AND dimension = '{dimension}' AND value != '{OTHER}'"
    sql = f"SELECT {of.which} AS d, metric, value FROM staging_vitals {mine}"
    if not released:
        return sql
    then = f"SELECT metric, value, sum(samples) FROM released_vitals {mine} GROUP BY metric, value"
    return f"{sql} AND (metric, value, samples) IN ({then})"


def bands_of(of: Batch) -> dict[Of, Bands]:
    """Who has a measurement in which band."""
    found: defaultdict[Of, defaultdict[str, dict[int, list[Who]]]] = defaultdict(lambda: defaultdict(dict))
    band = band_of("measured", number_of("good"), number_of("poor"))
    sql = f"""SELECT d, metric, {band} AS band, mask, groupUniqArray({of.most.k})(visitor),
            groupUniqArray({{networks}})(network_number)
        FROM {{gauged}} ARRAY JOIN [{METRICS}] AS metric, vitals AS measured WHERE measured >= 0
        GROUP BY d, metric, band, mask"""
    for d, metric, name, mask, people, networks in of.store.rows(of.naming(sql), of.named):
        found[d, metric][name][mask] = [Who(frozenset(people), frozenset(networks))]
    return {one: {**bands} for one, bands in found.items()}
