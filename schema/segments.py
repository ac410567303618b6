"""Segments: the visits for which declared conditions hold (schema/segment.py), of days that are over.

In: the measures of cells. Out: `SEGMENTS`, `SEGMENT_GOALS`, `SEGMENT_VITALS`. Promises: a measure of a segment is that
of a cell.
"""

from __future__ import annotations

from .column import TEXT, Column
from .dimensions import DIMENSIONS
from .family import Family
from .measures import OF_CELLS, OF_CONVERSIONS, OF_GROUPS, OF_VITALS

_SEGMENT = Column("segment", TEXT, "Name of the segment.")
SEGMENTS = Family(
    "segments",
    (_SEGMENT,),
    tuple(one for one in OF_CELLS if one.name in OF_GROUPS),
    # A visit has one value of each, so that of a segment they add up.
    dimensions=("", *(name for name, one in DIMENSIONS.items() if one.scope == "visit")),
    label="segments",
    live=False,
)
# Who of a segment reached a goal, and what they paid: of the whole site.
SEGMENT_GOALS = Family(
    "segment_goals",
    (
        _SEGMENT,
        Column("goal", TEXT, "Name of the goal."),
        Column("currency", TEXT, "ISO 4217 code of `amount`, empty where there is none."),
    ),
    OF_CONVERSIONS,
    dimensions=("",),
    label="goals of segments",
    live=False,
)
# How fast pages were for the visits of a segment: of the whole site, each histogram in full or not at all.
SEGMENT_VITALS = Family(
    "segment_vitals",
    (
        _SEGMENT,
        Column("metric", TEXT, "Name of the web vital."),
        Column("bucket", "Int16", "Bucket of the histogram, as in `vitals`."),
    ),
    OF_VITALS,
    histogram=True,
    dimensions=("",),
    label="web vitals of segments",
    live=False,
)
