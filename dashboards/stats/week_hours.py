"""At which hours of which weekdays people come.

In: cells of hours. Out: visitors of each weekday and hour, a day. Promises: hours are those of the site's clocks; an
hour that is not shown counts for none, so each number is at least so large where hours are hidden.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Iterable
from zoneinfo import ZoneInfo

from schema.dimensions import OTHER

from .figures import Cell


def by_weekday(cells: Iterable[Cell], zone: ZoneInfo, whole: bool) -> dict[tuple[int, int], float]:
    """By weekday (0 is Monday) and hour, averages of the days that tell hours. whole: whether they tell each: one that
    is not there is one in which nobody came."""
    sums = Counter[tuple[int, int]]()
    days: dict[int, set[dt.date]] = {}
    for cell in cells:
        if cell.value == OTHER:
            continue
        at = dt.datetime.fromtimestamp(int(cell.value), zone)
        sums[at.weekday(), at.hour] += cell.visitors
        days.setdefault(at.weekday(), set()).add(at.date())
    for place in ((weekday, hour) for weekday in days for hour in range(24) if whole):
        sums[place] += 0
    return {place: round(visitors / len(days[place[0]]), 1) for place, visitors in sums.items()}
