"""Visits → what is released of segments (Q2): counted, suppressed, and staged.

In: the scratch tables `visits`, `kept` and `shown` of days that are over. Out: rows in `staging_segments`. Promises:
people and networks are counted distinctly; no row is of fewer than k people, and nothing of too few follows from it and
what else is told (segment_cells.py). Segments are looked up anew in every run, as goals are.
"""

from __future__ import annotations

from schema.measures import OF_CELLS
from schema.segments import SEGMENTS

from ..insert import insert
from .aggregate import EVERYBODY
from .among import marks
from .batch import DAY, ENOUGH, NETWORKS, SITE, START, Batch, K
from .scratch import OF_SEGMENTS, TABLES, scratch
from .segment_cells import choose
from .segment_marks import marks_of
from .shape import by_each

_DIMENSIONS = [name for name in SEGMENTS.dimensions if name]
_SUMMED = {one.name: f"sum({one.visit})" for one in SEGMENTS.measures if one.visit}
# Of visits what these are made of.
_OF_VISIT = tuple(one.visit for one in OF_CELLS if one.name in _SUMMED)
_NAMES = "{segments:Array(Array(String))}[d + 1]"


def count_segments(of: Batch) -> None:
    """Fill `staging_segments`."""
    if not of.has("segments"):
        return
    marked = [marks_of(of_day.site) for of_day in of.days]
    names = [[segment.name for segment in of_day.site.segments] for of_day in of.days]
    with scratch(of, OF_SEGMENTS):
        mask, named = marks([one.definitions for one in marked])
        columns = {name: name for name in TABLES["marked"]} | {"mask": mask}
        rows = f"{{visits}} WHERE came AND notEmpty({_NAMES})"
        of.store.command(
            of.naming(f"{insert('{marked}', columns)} FROM {rows}"), of.named | named | {"segments": names}
        )
        of.store.command(of.naming(_COUNT), of.named | {"segments": names})
        if of.hides:
            choose(of, marked)
        of.store.command(of.naming(_STAGE), of.named | {"segments": names})


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
