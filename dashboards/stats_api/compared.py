"""Each row beside what it was before: `include.comparisons` of Plausible's Stats API v2.

In: an answer, its plan, and who answers the same question about earlier days. Out: the answer with the earlier numbers.
Promises: a row is held against the one of the same values, a bucket of time against the one in its place; a change is
told of two known numbers only.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Iterable, Sequence
from typing import Any
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from schema.metrics import METRICS

from ..stats.period import Period
from ..stats.refused import BadQuery, Code
from .answer import Earlier, QueryAnswer, Result, Sure
from .dates import ends_of, labels, period_of
from .numbers import Revenue
from .request import Asked, Comparisons
from .translated import Translated

# Of these the change is in points.
_RATES = ("percentage", "scroll_depth", "conversion_rate", "group_conversion_rate")
_WEEK = 7
_Key = tuple[str | int, ...]


def compared(
    told: QueryAnswer, plan: Translated, now: dt.datetime, answer: Callable[[Asked], QueryAnswer]
) -> QueryAnswer:
    """Raises BadQuery where there are no such days, or where nothing is answered of them."""
    comparisons = plan.asked.includes.comparisons
    if comparisons is None:
        return told
    before = _before(plan.period, comparisons, now)
    earlier = answer(_about(plan, before))
    zone = ZoneInfo(plan.site.timezone)
    times = [labels(plan.grain, period, zone) if plan.grain else [] for period in (plan.period, before)]
    found = _by_key(plan, earlier, times[1])
    rows = [_beside(row, found.get(_key(plan, row, times[0])), plan.asked.metrics) for row in told.results]
    meta = replace(told.meta, comparison_time_labels=times[1]) if plan.asked.includes.time_labels else told.meta
    return replace(
        told, results=rows, meta=meta, query=replace(told.query, comparison_date_range=ends_of(before, zone))
    )


def _before(period: Period, asked: Comparisons, now: dt.datetime) -> Period:
    """The days that it is held against. Raises BadQuery."""
    if (asked.mode == "custom") != (asked.date_range is not None):
        raise BadQuery("include.comparisons: custom needs a date_range of two days, and the others have their own")
    if asked.date_range is not None:
        return period_of(asked.date_range, now, None)
    try:
        if asked.mode == "year_over_year":
            return period.days_earlier(52 * _WEEK) if asked.match_day_of_week else _year_before(period)
        return period.days_earlier(-(-period.days // _WEEK) * _WEEK if asked.match_day_of_week else period.days)
    except (ValueError, OverflowError) as error:
        raise BadQuery(f"include.comparisons: there are no such days: {error}", Code.BAD_PERIOD) from None


def _year_before(period: Period) -> Period:
    first, last = (_in_year_before(day) for day in (period.first, period.last))
    return Period(first, last, "")


def _in_year_before(day: dt.date) -> dt.date:
    """Of 29 February the day before."""
    is_leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if is_leap_day else day.day)


def _about(plan: Translated, before: Period) -> Asked:
    """The same question about the days before, every row of it."""
    days = [before.first.isoformat(), before.last.isoformat()]
    return replace(
        plan.asked, date_range=days, dimensions=list(plan.names), order_by=None, include=None, pagination=None
    )


def _by_key(plan: Translated, earlier: QueryAnswer, times: Sequence[str]) -> dict[_Key, tuple[Result, Sure]]:
    return {
        _key(plan, row, times): (row, sure)
        for row, sure in zip(earlier.results, earlier.meta.footfall.rows, strict=True)
    }


def _key(plan: Translated, row: Result, times: Sequence[str]) -> _Key:
    """By which a row is found again: of time its place."""
    named: Iterable[tuple[str, str]] = zip(plan.names, row.dimensions, strict=True)
    return tuple(times.index(value) if name.startswith("time:") else value for name, value in named)


def _beside(row: Result, before: tuple[Result, Sure] | None, metrics: Sequence[str]) -> Result:
    if before is None:
        nothing = [None] * len(metrics)
        return replace(row, comparison=Earlier(row.dimensions, nothing, [*nothing], None))
    its, sure = before
    changes = [_change(*each) for each in zip(metrics, row.metrics, its.metrics, strict=True)]
    return replace(row, comparison=Earlier(its.dimensions, its.metrics, changes, sure))


def _change(metric: str, now: Any, before: Any) -> float | None:
    if isinstance(now, Revenue) and isinstance(before, Revenue):
        now, before = (now.value, before.value) if now.currency == before.currency else (None, None)
    if now is None or before is None:
        return None
    gone: float = now - before
    if metric in _RATES or (metric in METRICS and METRICS[metric].unit == "%"):
        return round(gone, 1)
    return round(100 * gone / before, 1) if before else None
