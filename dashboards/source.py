"""Where the numbers of a day come from: the released rows if the day is released, else the open ones.

In: a family of rollups, its columns, a condition and a span of days. Out: what to select from, every day once.
Promises: raw rows are never named here, and every read is bound to a site and to days.
"""

from __future__ import annotations

import datetime as dt
from typing import Any, Literal

from msgspec import Struct

from schema.metrics import MEASURES

Family = Literal["cells", "conversions", "vitals"]
Grain = Literal["day", "hour"]
SUMS = ", ".join(f"sum({name})" for name in MEASURES)


class Span(Struct, frozen=True):
    """Days of one site, both ends included, and which of them are released."""

    site: str
    first: dt.date
    last: dt.date
    released: frozenset[dt.date]

    def part(self, first: dt.date, last: dt.date) -> Span:
        """Some of the days."""
        return Span(self.site, first, last, frozenset(day for day in self.released if first <= day <= last))

    @property
    def parameters(self) -> dict[str, Any]:
        """What the statements over `rows_of` are bound to."""
        bound: dict[str, Any] = {"site": self.site, "first": self.first, "last": self.last}
        return bound | ({"released": sorted(self.released)} if self._mixed else {})

    @property
    def _mixed(self) -> bool:
        return 0 < len(self.released) <= (self.last - self.first).days


def rows_of(family: Family, columns: str, condition: str, span: Span, *grains: Grain) -> str:
    """What to write after FROM, up to GROUP BY, to read these columns of the rows that meet the condition. grains: days
    unless others are named. by_dimension: no crossed rows.

    A table that can hold nothing of the span is not named, and one alone is read without a subquery: planning a
    statement costs more than reading the rows of some weeks."""
    among = ", ".join(f"'{grain}'" for grain in grains or ("day",))
    where = (
        "WHERE site = {site:String} AND day BETWEEN {first:Date} AND {last:Date} "
        f"AND grain IN ({among}) AND by_dimension = '' AND ({condition})"
    )
    if not span.released:
        return f"open_{family} {where}"
    if not span._mixed:
        return f"released_{family} {where}"
    listed = "{released:Array(Date)}"
    return (
        f"(SELECT {columns} FROM released_{family} {where} AND day IN {listed} "
        f"UNION ALL SELECT {columns} FROM open_{family} {where} AND day NOT IN {listed})"
    )
