"""Visits → what is released of segments (Q2): counted, suppressed, and staged.

In: the scratch tables `visits`, `kept` and `shown` of days that are over. Out: rows in `staging_segments`. Promises:
people and networks are counted distinctly; no row is of fewer than k people, and nothing of too few follows from it and
what else is told (cells.py). Segments are looked up anew in every run, as goals are.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from schema.dimensions import OTHER
from schema.measures import OF_CELLS
from schema.segment import Is
from schema.segments import SEGMENTS

from ...insert import insert
from ..batch import DAY, ENOUGH, NETWORKS, SITE, START, Batch, K
from ..cells.aggregate import EVERYBODY
from ..cells.twins import twins
from ..scratch import OF_SEGMENTS, TABLES, scratch
from ..shape import by_each
from . import goals, vitals
from .cells import choose
from .known import Beside, beside_of
from .lines import Chain
from .marks import Marks
from .membership import marks

_DIMENSIONS = [name for name in SEGMENTS.dimensions if name]
_SUMMED = {one.name: f"sum({one.visit})" for one in SEGMENTS.measures if one.visit}
# Of visits what these are made of.
_OF_VISIT = tuple(one.visit for one in OF_CELLS if one.name in _SUMMED)
_NAMES = "{segments:Array(Array(String))}[d + 1]"


def count_segments(of: Batch) -> None:
    """Fill `staging_segments`."""
    if of.has("segments"):
        names = [[segment.name for segment in of_day.site.segments] for of_day in of.days]
        count(of, names, beside_of(of), _count_within)


# What else is counted of segments: given their marks, their names and their chains.
Also = Callable[[Batch, Sequence[Marks], Sequence[Sequence[str]], Mapping[int, Sequence[Chain]]], None]


def count(of: Batch, names: Sequence[Sequence[str]], beside: Beside, also: Also | None = None) -> None:
    """The same of segments by their names, of each site-day. beside: what else is told."""
    chains: Mapping[int, Sequence[Chain]] = {}
    marked = [beside.marks(d, ()) for d in range(len(of.days))]
    with scratch(of, OF_SEGMENTS):
        _mark(of, marked, names)
        if of.hides and (twins := _twins(of, marked, beside)):
            marked = [beside.marks(d, twins.get(d, ())) for d in range(len(of.days))]
            of.store.command(of.naming("TRUNCATE TABLE {marked}"))
            _mark(of, marked, names)
        of.store.command(of.naming(_COUNT), of.named | {"segments": names})
        if of.hides:
            chains = choose(of, marked, beside)
        of.store.command(of.naming(_STAGE), of.named | {"segments": names})
        if also:
            also(of, marked, names, chains)


def _count_within(
    of: Batch, marked: Sequence[Marks], names: Sequence[Sequence[str]], chains: Mapping[int, Sequence[Chain]]
) -> None:
    """Fill `staging_segment_vitals` and `staging_segment_goals`."""
    chosen = chosen_of(of)
    vitals.count_vitals(of, marked, names, chosen)
    if of.has_goals:
        count_goals(of, marked, names, chains, chosen, goals.then_of(of))


def chosen_of(of: Batch) -> dict[int, list[int]]:
    """By site-day the segments that are told of the whole."""
    chosen: dict[int, list[int]] = {}
    for d, bit in of.store.rows(of.naming("SELECT d, segment FROM {chosen} WHERE dimension = ''")):
        chosen.setdefault(d, []).append(bit)
    return chosen


def count_goals(
    of: Batch,
    marked: Sequence[Marks],
    names: Sequence[Sequence[str]],
    chains: Mapping[int, Sequence[Chain]],
    chosen: Mapping[int, Sequence[int]],
    then: goals.Then,
) -> None:
    """Fill `staging_segment_goals`. then: what is told beside."""
    each = goals.candidates(of, marked, names, chains, chosen, then)
    for part in goals.parts(each):
        of.store.command(of.naming("TRUNCATE TABLE {marked}"))
        its = [Marks([one.definition for one in mine], len(mine)) for mine in part]
        _mark(of, its, [[one.goal for one in mine] for mine in part])
        goals.stage(of, part, then)


def _mark(of: Batch, marked: Sequence[Marks], names: Sequence[Sequence[str]]) -> None:
    """Fill `marked`."""
    mask, named = marks([one.definitions for one in marked])
    columns = {name: name for name in TABLES["marked"]} | {"mask": mask}
    rows = f"{{visits}} WHERE came AND notEmpty({_NAMES})"
    of.store.command(of.naming(f"{insert('{marked}', columns)} FROM {rows}"), of.named | named | {"segments": names})


def _twins(of: Batch, marked: Sequence[Marks], beside: Beside) -> dict[int, set[Is]]:
    """By site-day the values that are twins of its segments and of what these ask for, of dimensions of which more is
    told."""
    dimensions = sorted({name for d, one in enumerate(marked) if one.segments for name in beside.crossed[d]})
    kept = {(d, *value) for d, *value in of.store.rows(of.naming(_KEPT), {"dimensions": dimensions})}
    found: dict[int, set[Is]] = {}
    bits = [2**one.own - 1 if dimensions and one.segments else 0 for one in marked]
    columns = {name: f"toString({name})" for name in dimensions}
    for twin in twins(of, bits, "{marked}", columns, _MASKS, {}):
        assert isinstance(twin.value, str)
        is_told = (twin.d, twin.dimension, twin.value) in kept and twin.dimension in beside.crossed[twin.d]
        if is_told:
            found.setdefault(twin.d, set()).add(Is(twin.dimension, twin.value))
    return found


_KEPT = (
    f"SELECT d, dimension, value FROM {{kept}} WHERE dimension IN {{dimensions:Array(String)}} AND value != '{OTHER}'"
)
_MASKS = "SELECT d, visitor, groupBitOr(mask) AS mask FROM {marked} GROUP BY d, visitor"
_BY, _EACH = by_each({name: name for name in _DIMENSIONS}, "d", "segment", whole=True)
_COUNT = f"""
    {insert("{segmented}", _BY | {"d": "d", "segment": "segment", "people": EVERYBODY, "networks": NETWORKS} | _SUMMED)}
    FROM
    (
        SELECT d, visitor, network_number, again, {", ".join(_OF_VISIT)}, {", ".join(_DIMENSIONS)},
            arrayJoin(arrayFilter(bit -> bitTest(mask, bit), range(length({_NAMES})))) AS segment
        FROM {{marked}}
    )
    GROUP BY {_EACH}"""

_ROW = {
    "site": SITE,
    "grain": "'day'",
    "day": DAY,
    "period": f"toDateTime({START}, 'UTC')",
    "dimension": "dimension",
    "value": "value",
    "by_dimension": "''",
    "by_value": "''",
    "segment": f"{_NAMES}[segment + 1]",
    "visitors": "people",
} | {name: name for name in _SUMMED}
_STAGE = f"""
    {insert("staging_segments", _ROW)} FROM {{segmented}}
    WHERE {ENOUGH}
        AND ({K} = 1 OR (d, dimension, value, segment) IN (SELECT d, dimension, value, segment FROM {{chosen}}))
    SETTINGS max_partitions_per_insert_block = 0"""
