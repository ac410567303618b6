"""Engagement with pages: how far they were scrolled and how long they were attended to, in bands.

In: nothing. Out: `ENGAGED`, and the bands. Promises: a visit counts once for each page that it viewed, with the
farthest that it reached there, and with all of its time there.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Struct

from .column import TEXT, Column
from .family import Counting, Family
from .measures import Measure, declared

SCROLL, TIME = "scroll", "time"
# Where bands begin, each ends before the next: of scroll depth percent of the page, of engaged time seconds.
BANDS = {SCROLL: (0, 25, 50, 75, 100), TIME: (0, 10, 30, 60, 180, 600)}
# Of so many pages a day tells bands, those of most visitors.
MOST_PAGES = 1_000


class Engaged(Struct):
    """Of a band of a page. Who reported nothing is in none."""

    visitors: Annotated[
        int,
        Measure("Distinct visitors of whom a visit is in the band.", aggregate="distinct", contributor="reporter"),
    ] = 0
    visits: Annotated[
        int, Measure("Visits that viewed the page and are in the band.", contributor="reporter", visit="1")
    ] = 0
    depth: Annotated[
        int,
        Measure(
            "Percent to which these visits scrolled the page, added up; 0 in bands of time.",
            contributor="reporter",
            visit="depth",
        ),
    ] = 0


# Of the whole site and of sections there is none: less those of the pages that are shown they would be bands of pages
# that are hidden (docs/decisions/0042-engagement.md).
ENGAGED = Family(
    "engagement",
    (
        Column("page", "String", "Path of the page."),
        Column("report", TEXT, "What is banded: `scroll` or `time`."),
        Column("band", "UInt16", "Where the band begins: percent of the page, or seconds."),
    ),
    declared(Engaged),
    dimensions=("",),
    counting=Counting(
        rows="FROM {spent}",
        keys={name: name for name in ("page", "report", "band")},
        within=("page", "report"),
        named={"page": "page"},
        source="spent",
    ),
    label="engagement",
)
