"""The line of a chart: a point for each hour, day, week or month of a period, and for the earlier days beside it.

In: a `Timeline`, a period and a grain. Out: `Point`s. Promises: a week or month is the sum of its days that are shown,
and says of how many; what stands beside it is of as many earlier days as it is.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from schema.measures import Measures
from schema.metrics import METRICS, Metric

from .figures import summed
from .grains import begin_of
from .period import Period
from .timeline import Point, State, Timeline, days_of, start_of
from .view import HOUR

# What is said of several days none of which is measured: the first of these that is true of one.
_STATES: tuple[State, ...] = ("hidden", "open", "absent", "before", "future")


def points(known: Timeline, period: Period, grain: str, metric: str) -> tuple[Point, ...]:
    """Those of a period."""
    return _of_parts(known, parts_of(period, grain), grain, METRICS[metric])


def points_before(known: Timeline, period: Period, before: Period, grain: str, metric: str) -> tuple[Point, ...]:
    """Those of the earlier days, each beside the one of the period that it is compared with."""
    if grain == "month" and period.whole_months and before.whole_months:
        parts = parts_of(before, grain)
    else:
        days, at = days_of(before), 0
        parts = []
        for part in parts_of(period, grain):
            parts.append(days[at : at + len(part)])
            at += len(part)
    return _of_parts(known, [part for part in parts if part], grain, METRICS[metric])


def parts_of(period: Period, grain: str) -> list[Sequence[dt.date]]:
    """Its days by the point that they are drawn in; each alone where the points are of hours."""
    if grain in (HOUR, "day"):
        return [(day,) for day in days_of(period)]
    parts: dict[dt.date, list[dt.date]] = {}
    for day in days_of(period):
        parts.setdefault(begin_of(grain, day, period.first), []).append(day)
    return [*parts.values()]


def _of_parts(known: Timeline, parts: Iterable[Sequence[dt.date]], grain: str, metric: Metric) -> tuple[Point, ...]:
    if grain == HOUR:
        return tuple(
            replace(point, value=metric.of(sums)) if sums else point
            for part in parts
            for point, sums in known.hours(part[0])
        )
    return tuple(_of_days(known, part, metric) for part in parts)


def _of_days(known: Timeline, days: Sequence[dt.date], metric: Metric) -> Point:
    at, told = start_of(days[0], known.zone), known.times.days
    found = [told[day] for day in days if day in told]
    if not found:
        states = {known.state(day) for day in days}
        return Point(at, next(state for state in _STATES if state in states), days=len(days), with_data=0)
    sums: Measures = found[0] if len(found) == 1 else summed(found)
    return Point(at, "measured", sums.visitors, sums.visits, sums.pageviews, metric.of(sums), len(days), len(found))
