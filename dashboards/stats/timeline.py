"""A site's days and hours: which are known, and what each has.

In: what the days and hours of a span add up to, and what is released of them. Out: `Point`s, and what a comparison
asks.
Promises: a day without data is never taken for zero.
"""

from __future__ import annotations

import datetime as dt
from functools import cached_property, lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from schema.measures import Measures

from .period import Period
from .released import Released
from .times import Times

_DAY = dt.timedelta(days=1)
_HOUR = dt.timedelta(hours=1)

# measured: a number. hidden: fewer than k people. open: the day is not closed, and shows nothing yet: nobody, or fewer
# than k. absent: closed, and nothing is there: nobody came, or nothing was collected. before: of the site's first day.
# future: yet to come.
State = Literal["measured", "hidden", "open", "absent", "before", "future"]


class Point(Struct, frozen=True, gc=False):
    """One hour, day, week or month of the time series. at: local date, or local date and hour. value: of the metric
    that is drawn; None where it is not told. days: how many days it is of, with_data: how many of these have data."""

    at: dt.datetime
    state: State
    visitors: int = 0
    visits: int = 0
    pageviews: int = 0
    value: float | None = None
    days: int = 1
    with_data: int = 1


class Timeline(Struct, frozen=True, dict=True):
    """now: the site's local time. in_part: whether it is of some values only."""

    times: Times
    released: Released
    now: dt.datetime
    zone: ZoneInfo
    in_part: bool = False

    @property
    def may_hide_many(self) -> bool:
        """Whether there may have been any number on a hidden day: visitors of one network, or of a value that keeps a
        rare one company."""
        return self.released.networks > 1 or (self.in_part and self.released.k > 1)

    @cached_property
    def since(self) -> dt.date | None:
        """The first day that has data, as far as is known."""
        return min([*filter(None, [self.released.since]), *self.times.days], default=None)

    @property
    def until(self) -> dt.date | None:
        """The last one."""
        return max([*filter(None, [self.released.through]), *self.times.days], default=None)

    def has(self, day: dt.date) -> bool:
        """Whether a day can be compared: it has data, if only of fewer than k people, all of it and nothing twice."""
        released = self.released
        return (day in self.times.days or day in released.small) and day not in released.odd

    def is_hidden(self, day: dt.date) -> bool:
        """Whether it has data, but of fewer than k people."""
        return day in self.released.small and day not in self.times.days

    def of(self, day: dt.date) -> Measures:
        return self.times.days.get(day, Measures())

    def state(self, day: dt.date) -> State:
        """What is known of a day."""
        released, today = self.released, self.now.date()
        if day in self.times.days:
            return "measured"
        if day > today:
            return "future"
        if released.through is None or day > released.through:
            return "open" if day >= (self.since or today) else "before"
        if day in released.small:
            return "hidden"
        return "before" if self.since is None or day < self.since else "absent"

    def hours(self, day: dt.date) -> list[tuple[Point, Measures | None]]:
        """Each hour, and what it adds up to; None where that is not known."""
        # An hour without a row is empty or folded; which of them is known only where nothing of the day is folded.
        folded = day in self.times.folded and bool(self.times.folded[day].visitors)
        absent: State = "hidden" if folded else self.state(day)
        if absent == "measured" and self.of(day).visitors and not self._has_hours(day):
            absent = "hidden"  # its hours are not kept
        told = []
        for at in _hours_of(day, self.zone):
            sums = self.times.hours.get(_unix(at))
            point = self._point(at, sums, absent)
            told.append((point, (sums or Measures()) if point.state == "measured" else None))
        return told

    def _point(self, at: dt.datetime, found: Measures | None, absent: State) -> Point:
        if found is not None:
            return Point(at, "measured", found.visitors, found.visits, found.pageviews)
        return Point(at, "future" if at > self.now else absent)

    def _has_hours(self, day: dt.date) -> bool:
        return day in self.times.folded or any(_unix(at) in self.times.hours for at in _hours_of(day, self.zone))


@lru_cache(maxsize=64)
def days_of(period: Period) -> tuple[dt.date, ...]:
    """Each of its days."""
    return tuple(period.first + n * _DAY for n in range(period.days))


@lru_cache(maxsize=4096)
def start_of(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    """When a local day begins."""
    return dt.datetime(day.year, day.month, day.day, tzinfo=zone)


def _hours_of(day: dt.date, zone: ZoneInfo) -> list[dt.datetime]:
    """The hours of a local day: 23, 24 or 25."""
    start, end = (start_of(date, zone).astimezone(dt.UTC) for date in (day, day + _DAY))
    return [(start + n * _HOUR).astimezone(zone) for n in range(round((end - start) / _HOUR))]


def _unix(moment: dt.datetime) -> int:
    """What tells the two 02:00 of an autumn night apart; equality of local times does not."""
    return int(moment.timestamp())
