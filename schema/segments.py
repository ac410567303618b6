"""Segments: the visits for which declared conditions hold (schema/segment.py), of days that are over.

In: the measures of cells. Out: `SEGMENTS`. Promises: a measure of a segment is that of a cell.
"""

from __future__ import annotations

from .column import TEXT, Column
from .dimensions import DIMENSIONS
from .family import Family
from .measures import OF_CELLS

# Those that everybody contributes to who has a visit of the segment, so that who are enough to be shown are enough for
# each of them (rule N1).
_MEASURES = ("visitors", "visits", "pageviews", "bounces", "visit_seconds")

SEGMENTS = Family(
    "segments",
    (Column("segment", TEXT, "Name of the segment."),),
    tuple(one for one in OF_CELLS if one.name in _MEASURES),
    # A visit has one value of each, so that of a segment they add up.
    dimensions=("", *(name for name, one in DIMENSIONS.items() if one.scope == "visit")),
    label="segments",
    live=False,
)
