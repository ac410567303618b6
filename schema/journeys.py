"""Journeys: from where to where people go: from section to section, from page to page, and from the page on which a
visit begins to the one on which it ends.

In: nothing. Out: `JOURNEYS`, the kinds of them, and of how many pages a day tells. Promises: a move is of two page
views of a visit of which one follows the other, whatever events are between them.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from .column import TEXT, Column
from .family import Counting, Family
from .measures import Measure, declared

SECTION, PAGE, ENDS = "section", "page", "entry_exit"
KINDS = (SECTION, PAGE, ENDS)
# Of so many pages, and of so many sections, a day tells moves: those of most visitors. To find out what is hidden takes
# time by their square.
MOST_STOPS = 300


class Journeys(Struct):
    """From one to the other."""

    people: Annotated[int, Measure("Distinct visitors who went that way.", aggregate="distinct")] = 0
    times: Annotated[int, Measure("How often; of entry and exit how many visits.", visit="1")] = 0


# What a day tells of these is in pipeline/rollup/suppression/shown_moves.py (docs/decisions/0043-journeys.md).
JOURNEYS = Family(
    "journeys",
    (
        Column("kind", TEXT, "`section`, `page`, or `entry_exit` for the pages where visits began and ended."),
        Column("origin", "String", "From where."),
        Column("target", "String", "To where."),
    ),
    declared(Journeys),
    dimensions=("",),
    counting=Counting(
        rows="FROM {moves} WHERE step = 'move' AND (d, kind, origin, target) IN (SELECT * FROM {ways})",
        keys={name: name for name in ("kind", "origin", "target")},
        within=("kind",),
        crossed=True,
        setting="journeys",
    ),
    label="journeys",
)
