"""Experience: how many of those whom pages were fast for reached a goal, and of those whom they were slow for.

In: the web vitals. Out: `EXPERIENCE`, and the bands. Promises: a visitor of a day is in one band of each vital: that of
his 75th percentile, which is the share that pages and sites are rated by. The worst would get worse with each page, and
who sees more pages reaches more goals.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from .column import TEXT, Column
from .family import Counting, Family
from .measures import Measure, declared

# The vitals that are rated so: those of loading, of answering and of staying put.
RATED = ("lcp", "inp", "cls")
GOOD, FAIR, POOR = BANDS = ("good", "needs improvement", "poor")
# What is told together, because fewer than k people are in one of them.
TOGETHER = " or "


class Experienced(Struct):
    """Of a band."""

    people: Annotated[
        int,
        Measure(
            "Distinct visitors whose measurements of the day are in the band.",
            aggregate="distinct",
            contributor="measured",
        ),
    ] = 0
    converters: Annotated[
        int, Measure("Of these those who reached the goal that day.", contributor="converter", visit="converted")
    ] = 0


# By section: the one in which the first visit of the day began, so that everybody is in one.
EXPERIENCE = Family(
    "experience",
    (
        Column("vital", TEXT, "Name of the web vital."),
        Column("goal", TEXT, "Name of the goal."),
        Column("band", TEXT, "`good`, `needs improvement`, `poor`; two of them with ` or ` are told together."),
    ),
    declared(Experienced),
    dimensions=("", "device", "section"),
    counting=Counting(
        rows="FROM {visits}",
        keys={name: name for name in ("vital", "goal", "band")},
        setting="goals",
        source="samples",
        own=True,
    ),
    label="conversion rates by web vitals",
    live=False,
)
