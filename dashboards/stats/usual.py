"""How much a number usually varies: what the same weekdays of the eight weeks before lead to expect of it.

In: a `Timeline`, and days. Out: by metric the lowest and the highest value that is usual. Promises: a week that lacks
one of the days tells nothing; of fewer than four weeks nothing is said.

It is the prediction interval for one more observation of a normal variable, 95 % (G. J. Hahn and W. Q. Meeker,
Statistical Intervals, 1991, chapter 4): mean ± t · s · √(1 + 1/n), where n is how many of the eight weeks are known and
t the quantile of Student's distribution with n - 1 degrees of freedom. A part of a week, or a whole one, is one
observation: its days go together, for a week with a campaign is a good one on each of them. Weeks of a longer period do
not, so their variances are added up; that all are held against one mean is (Σ s)² / n.
"""

from __future__ import annotations

import datetime as dt
import math
import statistics
from collections import Counter
from collections.abc import Collection, Sequence

from msgspec import Struct

from schema.measures import Measures
from schema.metrics import METRICS, Metric

from .figures import summed
from .timeline import Timeline

WEEKS, FEWEST_WEEKS = 8, 4
# Eight weeks tell little of longer ones.
MOST_DAYS = 92
# Of Student's distribution, two-sided 95 %, by degrees of freedom.
_T = {3: 3.182, 4: 2.776, 5: 2.571, 6: 2.447, 7: 2.365}

# By metric the lowest and the highest.
Usual = dict[str, tuple[float, float]]


class DayVisitors(Struct, frozen=True):
    """visitors of a day, and between what they usually are. is_released: whether that number is the last. fewer_than:
    of a day that is not shown who would have to be, in words; visitors is one less than these then. has_data: whether
    there is anything of it."""

    visitors: int
    low: float
    high: float
    is_released: bool
    fewer_than: str = ""
    has_data: bool = True


def day_visitors(known: Timeline, day: dt.date) -> DayVisitors | None:
    """None where too few weeks are known."""
    usual = usual_of(known, [day], ("visitors",)).get("visitors")
    if usual and known.is_hidden(day):
        return DayVisitors(known.released.k - 1, *usual, True, known.released.enough)
    if usual is None:
        return None
    if day not in known.times.days:
        return DayVisitors(0, *usual, is_released=False, has_data=False)
    return DayVisitors(known.of(day).visitors, *usual, day in known.released.span.released)


def first_read(first: dt.date) -> dt.date:
    """The first of the days that tell what is usual of a period that begins then."""
    return first - dt.timedelta(7 * WEEKS)


def usual_of(known: Timeline, days: Sequence[dt.date], names: Collection[str]) -> Usual:
    """What is usual of these days together."""
    if not days or (days[-1] - days[0]).days >= MOST_DAYS:
        return {}
    first = days[0]
    weeks: dict[int, list[int]] = {}
    for day in days:
        weeks.setdefault((day - first).days // 7, []).append((day - first).days % 7)
    kinds = Counter(tuple(weekdays) for weekdays in weeks.values())
    seen = {weekdays: _seen(known, first, weekdays) for weekdays in kinds}
    if any(len(each) < FEWEST_WEEKS for each in seen.values()):
        return {}
    found = {name: _interval(METRICS[name], kinds, seen) for name in names}
    return {name: between for name, between in found.items() if between is not None}


def weeks_seen(known: Timeline, first: dt.date, weekdays: Sequence[int]) -> list[list[dt.date]]:
    """These days, counted from the first one, of each of the weeks before that has them all."""
    weeks = ([first + dt.timedelta(weekday - 7 * week) for weekday in weekdays] for week in range(1, WEEKS + 1))
    return [days for days in weeks if all(known.has(day) and not known.is_hidden(day) for day in days)]


def _seen(known: Timeline, first: dt.date, weekdays: Sequence[int]) -> list[Measures]:
    """What these days added up to in each week."""
    return [summed(map(known.of, days)) for days in weeks_seen(known, first, weekdays)]


def _interval(
    metric: Metric, kinds: Counter[tuple[int, ...]], seen: dict[tuple[int, ...], list[Measures]]
) -> tuple[float, float] | None:
    expected = variance = spread = 0.0
    fewest = WEEKS
    for weekdays, times in kinds.items():
        values = [value for sums in seen[weekdays] if (value := metric.of(sums)) is not None]
        if len(values) < FEWEST_WEEKS:
            return None
        deviation = statistics.stdev(values)
        expected += times * statistics.fmean(values)
        variance += times * deviation**2
        spread += times * deviation
        fewest = min(fewest, len(values))
    half = _T[fewest - 1] * math.sqrt(variance + spread**2 / fewest)
    if not metric.is_count:  # a rate of several weeks is their mean, and is rounded
        expected, half = expected / kinds.total(), half / kinds.total() + 0.5 / 10**metric.digits
    return max(0.0, expected - half), expected + half
