"""Compares a period with an earlier one, like with like (docs/decisions/0022-comparisons.md).

In: what each day, and of today each hour, adds up to, which days are known, and the earlier days. Out: a `Comparison`.
Promises: a day without data is never taken for zero; where there is no fair base there is no change, and the reason.
"""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable

from msgspec import Struct, field, structs

from schema.measures import Measures
from schema.metrics import METRICS

from .figures import Figures, figures_of, summed
from .period import Period
from .timeline import Timeline, days_of
from .usual import Usual, usual_of
from .view import DRAWN

# Days of fewer than k visitors count as none. They may be so much of what is compared, at most.
_MOST_HIDDEN = 0.02
# What is neither good nor bad: a smaller change in percent, or in percentage points.
SMALL_PERCENT, SMALL_POINTS = 5.0, 2.0


class Comparison(Struct, frozen=True):
    """period: the earlier days; None where none are wanted. of: how many days could be compared; days, previous_days:
    how many are, here and there. until: of today, the local hour up to which both days are compared. current, previous:
    the figures of just those days or hours; None where nothing is compared. change: from previous to current in
    percent, of a rate in percentage points; where a_day, of the averages a day. None where it has no base. small: which
    changes are too small to be good or bad. usual: between what each number of `current` lies usually, where that is
    known. why: why fewer days or nothing is compared."""

    period: Period | None
    of: int = 0
    days: int = 0
    previous_days: int = 0
    until: str = ""
    current: Figures | None = None
    previous: Figures | None = None
    change: dict[str, float | None] = field(default_factory=lambda: dict.fromkeys(METRICS))
    small: tuple[str, ...] = ()
    usual: Usual = {}
    a_day: bool = False
    why: str = ""

    def within_usual(self, name: str) -> bool:
        """Whether a number is no other than is usual."""
        if self.current is None or name not in self.usual:
            return False
        least, most = self.usual[name]
        return least <= (getattr(self.current, name) or 0) <= most

    def is_even(self, name: str) -> bool:
        """Whether its change is neither good nor bad: too small, or not to where it is unusual."""
        if name in self.small or self.within_usual(name):
            return True
        if self.current is None or name not in self.usual:
            return False
        above = (getattr(self.current, name) or 0) > self.usual[name][1]
        return above != ((self.change[name] or 0) > 0)


def compare(timeline: Timeline, period: Period, before: Period | None) -> Comparison:
    """A period with earlier days."""
    today = timeline.now.date()
    full = period.full_days(today)
    if before is None:
        return Comparison(None, why="there is nothing to compare with")
    if full:
        return _compare_days(full, before, timeline)
    if period.first > today:
        return Comparison(before, why="these days are yet to come")
    if before.days > 1:
        return Comparison(before, why="today is compared with one day by its hours, not with several")
    if timeline.in_part:
        return Comparison(before, why="hours, by which today is compared, are kept of the whole site only")
    if not timeline.has(before.first):
        return Comparison(before, why=f"there is no data of {before.label}")
    return _compare_hours(before, timeline)


def _compare_days(full: Period, before: Period, known: Timeline) -> Comparison:
    """Full days: whole months, and days that are not as many, by averages of those that have data; else day by day,
    both of a pair having data."""
    days, earlier = [*days_of(full)], [*days_of(before)]
    averaged = full.days != before.days or bool(full.whole_months and before.whole_months)
    asked = len(days), len(earlier)

    def is_comparable(day: dt.date) -> bool:
        return known.has(day) and not (known.may_hide_many and known.is_hidden(day))

    if averaged:
        of = max(len(days), len(earlier))
        days, earlier = [day for day in days if is_comparable(day)], [day for day in earlier if is_comparable(day)]
    else:
        of = len(days)
        pairs = [pair for pair in zip(days, earlier, strict=True) if all(map(is_comparable, pair))]
        days, earlier = [day for day, _ in pairs], [day for _, day in pairs]
    base = Comparison(before, of, len(days), len(earlier), a_day=averaged and full.days != before.days)
    if known.since is None or before.last < known.since:
        return _without(base, "there is no data of earlier days")
    if 2 * len(days) < asked[0] or 2 * len(earlier) < asked[1]:
        few, of_them = min(zip((len(days), len(earlier)), asked, strict=True), key=lambda pair: pair[0] / pair[1])
        where = "one of the periods" if averaged else "both periods"
        return _without(base, f"only {few} of {of_them} days have data in {where}")
    lacking = ", or too few to show" if known.may_hide_many else ""
    why = "" if averaged or len(days) == of else f"the other days have no data{lacking}"
    if averaged and (len(days), len(earlier)) != asked:
        why = "days without data are left out of the averages"
    done = _compared(base, _sum(known, days), _sum(known, earlier), why, [*days, *earlier], known)
    return structs.replace(done, usual=usual_of(known, days, DRAWN)) if done.current else done


def _compare_hours(before: Period, known: Timeline) -> Comparison:
    """Today until the last full hour, with the same hours of an earlier day."""
    now = known.now
    base = Comparison(before, of=1, until=f"{now.hour:02}:00")
    hours, earlier = known.hours(now.date()), known.hours(before.first)
    both = [[sums for point, sums in some if point.at.hour < now.hour] for some in (hours, earlier)]
    if known.released.k > 1:  # each hour by its last step (rule N7)
        return _without(base, "the hours of a day that goes on are behind, until it is closed")
    if not now.hour:
        return _without(base, "the day has just begun")
    for told, which in zip(both, ("today", "that day"), strict=True):
        if any(sums is None for sums in told):
            return _without(base, f"{which} has hours without visitors before {base.until}")
    current, previous = (summed(sums for sums in told if sums) for told in both)
    done = Comparison(before, 1, 1, 1, base.until)
    return _changed(done, current, previous, "")


def _compared(
    base: Comparison, current: Measures, previous: Measures, why: str, days: Iterable[dt.date], known: Timeline
) -> Comparison:
    hidden, k = sum(map(known.is_hidden, days)), known.released.k
    if hidden * (k - 1) > _MOST_HIDDEN * min(current.visitors, previous.visitors):
        many = "a day" if hidden == 1 else f"{hidden} days"
        return _without(base, f"{many} of fewer than {known.released.enough} would weigh too much")
    return _changed(base, current, previous, why)


def _changed(base: Comparison, sums: Measures, sums_before: Measures, why: str) -> Comparison:
    current, previous = figures_of(sums), figures_of(sums_before)
    weight = base.days / base.previous_days
    change = {name: _change(name, current, previous, weight) for name in METRICS}
    return Comparison(
        base.period,
        base.of,
        base.days,
        base.previous_days,
        base.until,
        current,
        previous,
        change,
        tuple(name for name, number in change.items() if _is_small(name, number, current, previous)),
        a_day=base.a_day or base.days != base.previous_days,
        why=why,
    )


def _without(base: Comparison, why: str) -> Comparison:
    return Comparison(base.period, base.of, base.days, base.previous_days, base.until, a_day=base.a_day, why=why)


def _change(name: str, current: Figures, previous: Figures, weight: float) -> float | None:
    after: float | None = getattr(current, name)
    before: float | None = getattr(previous, name)
    if after is None or before is None:
        return None
    if METRICS[name].unit == "%":
        return round(after - before, 1)
    if not before:
        return None
    # Averages a day are compared, which is the same where the days are as many.
    return round(100 * (after / (before * weight if METRICS[name].is_count else before) - 1), 1)


def _is_small(name: str, change: float | None, current: Figures, previous: Figures) -> bool:
    """Below a stated bound, or what chance alone brings about in one of twenty cases (two standard errors, each visitor
    and each visit coming or bouncing by himself)."""
    if change is None:
        return False
    if METRICS[name].unit == "%":
        a, b = getattr(current, name) / 100, getattr(previous, name) / 100
        variance = a * (1 - a) / max(current.visits, 1) + b * (1 - b) / max(previous.visits, 1)
        # Damaged rows may have more bounces than visits.
        return abs(change) < max(SMALL_POINTS, 200 * math.sqrt(max(variance, 0)))
    a, b = (current.visitors, previous.visitors) if METRICS[name].is_count else (current.visits, previous.visits)
    by_chance = 200 * math.sqrt(1 / a + 1 / b) if a and b else math.inf
    return abs(change) < max(SMALL_PERCENT, by_chance)


def _sum(known: Timeline, days: Iterable[dt.date]) -> Measures:
    return summed(map(known.of, days))
