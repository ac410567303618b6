"""The period before another one and the one after it, of the same kind.

In: a `Period`, the site's own date of today. Out: a `Period`, or None where there is none. Promises: a calendar week,
month or year leads to a whole one; none begins after today, and one that has a name is asked for by it.
"""

from __future__ import annotations

import datetime as dt

from msgspec.structs import replace

from .period import PERIODS, Period, between, named

_DAY = dt.timedelta(days=1)
_MONTHS = {"month": 1, "last_month": 1, "12mo": 12, "year": 12}
# Those of a calendar, which may have the days of others: "last week" on a Monday is "last 7 days", too.
_OF_CALENDAR = ("week", "last_week", *_MONTHS)


def before(period: Period, today: dt.date) -> Period | None:
    return _beside(period, -1, today)


def after(period: Period, today: dt.date) -> Period | None:
    return _beside(period, 1, today)


def _beside(period: Period, steps: int, today: dt.date) -> Period | None:
    if period.name == "all":
        return None
    whole = _whole(period)
    try:
        if months := _MONTHS.get(period.name, whole.whole_months):
            found = whole.months_earlier(-steps * months)
        else:
            found = whole.days_earlier(-steps * whole.days)
    except ValueError:  # before the first day that can be asked for, or after the last one
        return None
    return _until(today, found, period)


def _whole(period: Period) -> Period:
    """A week, month or year that goes on, to its end."""
    first, last = period.first, period.last
    if period.name == "week":
        last = first + 6 * _DAY
    elif period.name in _MONTHS:
        last = (last.replace(day=28) + 4 * _DAY).replace(day=1) - _DAY
        last = last.replace(month=12, day=31) if period.name == "year" else last
    return replace(period, last=last)


def _until(today: dt.date, found: Period, period: Period) -> Period | None:
    """What is of days that have begun. So many full days end yesterday at the latest."""
    if found.first > today:
        return None
    calendar = bool(found.whole_months) or period.name in _OF_CALENDAR
    if calendar and found.last > today:
        return _by_name(replace(found, last=today), today, calendar)
    if found.last > today or (found.last == today and found.days > 1 and not calendar):
        found = found.days_earlier((found.last - today).days + 1)
        if found.first <= period.first:
            return None
    return _by_name(found, today, calendar)


def _by_name(found: Period, today: dt.date, calendar: bool) -> Period:
    for name in sorted(PERIODS, key=lambda name: (name in _OF_CALENDAR) != calendar):
        one = named(name, today)
        if name != "all" and (one.first, one.last) == (found.first, found.last):
            return one
    return replace(found, label=between(found.first, found.last))
