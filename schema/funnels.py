"""Funnels: how many people got how far through declared steps (schema/funnel.py), by day.

In: nothing. Out: `FUNNELS`.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from .column import TEXT, Column
from .family import Counting, Family
from .measures import Measure, declared


class Reached(Struct):
    """Of a step."""

    people: Annotated[
        int,
        Measure(
            "Distinct visitors who reached the step, after all steps before it; where `unsure` is above 0, at least so "
            "many.",
            aggregate="distinct",
        ),
    ] = 0
    unsure: Annotated[int, Measure("So many more they may be.", visit="0")] = 0


FUNNELS = Family(
    "funnels",
    (Column("funnel", TEXT, "Name of the funnel."), Column("step", "UInt8", "Its step, from 1 on.")),
    declared(Reached),
    dimensions=("", "channel", "device", "country"),
    counting=Counting(
        rows="FROM {passed} ARRAY JOIN range(1, reached + 1) AS nth",
        keys={"funnel": "funnel", "step": "toUInt8(nth)"},
        exclusive=False,
        nested=True,
        setting="funnels",
    ),
    label="funnels",
)
