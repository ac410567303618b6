"""Pairs: visits by two dimensions at once (schema/pair.py), by day.

In: the measures of cells. Out: `PAIRS`, `PAIR_GOALS`. Promises: a measure of a pair is that of a cell.
"""

from __future__ import annotations

from .column import TEXT, Column
from .family import Family
from .measures import OF_CELLS, OF_CONVERSIONS, OF_GROUPS
from .metrics import METRICS
from .pair import CROSSED

PAIRS = Family(
    "pairs",
    (),
    tuple(one for one in OF_CELLS if one.name in OF_GROUPS),
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
    name for name, one in METRICS.items() if one.upper in OF_GROUPS and one.lower in ("", "entries", *OF_GROUPS)
)
# A pair has so many values of each dimension, those of most visitors; the others are in none of its cells.
MOST_VALUES = 100
