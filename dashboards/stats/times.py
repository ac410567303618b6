"""What was read of some days: their sums, their hours', and what was released with blocks of them.

In: the groups of an `Answer`. Out: `Times`. Promises: each row that was read is in one place of it; what is folded is
added once.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import astuple

from schema.dimensions import OTHER
from schema.measures import MEASURES, Measures

from .execute import Answer, Groups
from .figures import summed
from .shapes import MOVED


class Times(Struct):
    """What some days add up to, and their hours, by Unix second; folded: of a day the people of its folded hours. late:
    what was released with blocks of them, late_days: in the place of how many days; other: what is folded, moved: what
    of this was released with blocks, too."""

    days: dict[dt.date, Measures]
    hours: dict[int, Measures]
    folded: dict[dt.date, Measures]
    late: Measures = field(default_factory=Measures)
    late_days: int = 0
    other: Measures = field(default_factory=Measures)
    moved: Measures = field(default_factory=Measures)

    def total(self, days: Iterable[dt.date] | None = None) -> Measures:
        """Everything together; days: of these, and of what was released with blocks."""
        of_days = self.days.values() if days is None else (self.days[day] for day in days if day in self.days)
        rest = less(self.other, self.moved)
        return less(summed((*of_days, self.late, rest)), self.other)


def times_of(answer: Answer, first: dt.date, last: dt.date) -> Times:
    """The whole site from first to last."""
    read = times_in(answer.cells, "", first, last)
    for month in answer.plan.known:
        read.days.update((day, sums) for day, sums in month.totals.items() if first <= day <= last)
    return read


def times_in(groups: Groups, dimension: str, first: dt.date, last: dt.date) -> Times:
    """Days and hours of a dimension, its values together."""
    times = Times({}, {}, {})
    group = groups.get((dimension,))
    for key, sums in group.by_key.items() if group else ():
        grain, date, start, value = key.split(" ", 3)
        day = dt.date.fromisoformat(date)
        if not first <= day <= last:
            continue
        if grain == "late" and value == MOVED:
            times.moved = summed((times.moved, measures_of(sums)))
        elif grain == "late":
            times.late = summed((times.late, measures_of(sums)))
            times.late_days += sums[-1]
        elif grain == "day":
            times.days[day] = summed((times.days.get(day, Measures()), measures_of(sums)))
            times.other = summed((times.other, measures_of(sums))) if value == OTHER else times.other
        elif value == OTHER:
            times.folded[day] = measures_of(sums)
        else:
            times.hours[int(start)] = measures_of(sums)
    return times


def less(one: Measures, other: Measures) -> Measures:
    """What is left of one, nowhere less than nothing."""
    return Measures(*(max(0, a - b) for a, b in zip(astuple(one), astuple(other), strict=True)))


def measures_of(sums: tuple[Any, ...]) -> Measures:
    """Those of a row of sums, which has more behind them."""
    return Measures(*sums[: len(MEASURES)])
