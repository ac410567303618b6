"""Pairs: visits by two dimensions at once (schema/pair.py), by day.

In: the measures of cells. Out: `PAIRS`, `PAIR_GOALS`. Promises: a measure of a pair is that of a cell.
"""

from __future__ import annotations

from .column import TEXT, Column
from .family import Family
from .measures import OF_CELLS, OF_CONVERSIONS
from .metrics import METRICS
from .pair import CROSSED

# Those that everybody contributes to who has a visit of the cell, so that who are enough to be shown are enough for
# each of them (rule N1). What is divided by visits that began there is divided by all: each is in one cell.
_MEASURES = ("visitors", "visits", "pageviews", "bounces", "visit_seconds")

PAIRS = Family(
    "pairs",
    (),
    tuple(one for one in OF_CELLS if one.name in _MEASURES),
    dimensions=CROSSED,
    label="pairs",
    live=False,
)
# Who of a cell reached a goal, and what they paid.
PAIR_GOALS = Family(
    "pair_goals",
    (
        Column("goal", TEXT, "Name of the goal."),
        Column("currency", TEXT, "ISO 4217 code of `amount`, empty where there is none."),
    ),
    OF_CONVERSIONS,
    dimensions=CROSSED,
    label="goals of pairs",
    live=False,
)
# The metrics that these are enough for.
TOLD = tuple(
    name for name, one in METRICS.items() if one.upper in _MEASURES and one.lower in ("", "entries", *_MEASURES)
)
# A pair has so many values of each dimension, those of most visitors; the others are in none of its cells.
MOST_VALUES = 100
