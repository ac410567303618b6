"""Days, weeks and months as rows.

In: what each day adds up to, and on which nothing is shown. Out: a `Cell` for each day, week or month that has
something. Promises: a week begins on Monday, or where the period begins; what was released with a block is of no day,
so it is in no row; what may be more says so.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping

from msgspec.structs import replace

from schema.measures import Measures

from .certainty import Sureness
from .figures import Cell, Coverage, cell_of, summed
from .released import Released

GRAINS = ("day", "week", "month")


def begin_of(grain: str, day: dt.date, first: dt.date) -> dt.date:
    """The day by which its row is called. first: of the period."""
    if grain == "month":
        return day.replace(day=1)
    return max(first, day - dt.timedelta(days=day.weekday())) if grain == "week" else day


def grain_cells(
    grain: str, days: Mapping[dt.date, Measures], hidden: Collection[dt.date], first: dt.date, released: Released
) -> tuple[Cell, ...]:
    """hidden: days that have data, of which something is not shown."""
    sums: dict[dt.date, list[Measures]] = {}
    of: dict[dt.date, list[dt.date]] = {}
    for day in sorted({*days, *hidden}):
        of.setdefault(begin_of(grain, day, first), []).append(day)
    for day, measures in sorted(days.items()):
        sums.setdefault(begin_of(grain, day, first), []).append(measures)
    missing = Counter(begin_of(grain, day, first) for day in hidden)
    cells = []
    for begin, parts in sums.items():
        coverage = Coverage(len(of[begin]), 0, False, _sure(of[begin], released))
        cells.append(_unsure(cell_of(begin.isoformat(), summed(parts), 1, coverage), missing[begin], coverage.sure))
    return tuple(cells)


def _unsure(cell: Cell, missing: int, sure: Sureness) -> Cell:
    if not missing:
        return cell
    return replace(cell, certainty=sure.certainty(True), flags=sure.flags(True), not_shown_days=missing)


def _sure(days: Collection[dt.date], released: Released) -> Sureness:
    """What holds for any of the days."""
    each = [released.sure_of(day) for day in days]
    return Sureness(
        *(any(getattr(one, name) for one in each) for name in ("incomplete", "over_counted", "bounded", "imported"))
    )
