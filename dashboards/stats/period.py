"""The days that a page or a question is about.

In: query arguments and the site's own date of today. Out: a `Period` of whole local days.
Promises: what cannot be read is refused with its name, its value and what is allowed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from msgspec import Struct

from schema.site import EARLIEST, LATEST

# Ten years: longer than any store of Footfall is old, short enough that a question stays a question.
MAX_DAYS = 3660
_DAY = dt.timedelta(days=1)


class Period(Struct, frozen=True):
    """Whole days from first to last, both included. name is the argument that asks for it again."""

    first: dt.date
    last: dt.date
    label: str
    name: str = "custom"

    def __post_init__(self) -> None:
        if self.first > self.last:
            raise ValueError(f"from={self.first} is after to={self.last}: the first day must not be after the last")
        if self.first < EARLIEST or self.last > LATEST or self.days > MAX_DAYS:
            raise ValueError(
                f"from={self.first}, to={self.last}: allowed are at most {MAX_DAYS} days from {EARLIEST} to {LATEST}"
            )

    @property
    def dates(self) -> str:
        return between(self.first, self.last)

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def full_days(self, today: dt.date) -> Period | None:
        """The days of it that are over; None where none is."""
        last = min(self.last, today - _DAY)
        return Period(self.first, last, between(self.first, last)) if last >= self.first else None

    def previous(self, today: dt.date) -> Period:
        """What its full days are compared with; today, with an earlier day (docs/decisions/0022). Whole months with as
        many whole months; else as many days, a whole number of weeks before, so that a Sunday meets a Sunday."""
        full = self.full_days(today) or Period(self.first, self.first, "")
        if full.whole_months:
            return full.months_earlier(full.whole_months)
        return full.days_earlier(-(-full.days // 7) * 7)

    def of_last_year(self, today: dt.date) -> Period:
        """The same of the year before: of whole months the same months, else the same weekdays 52 weeks before."""
        full = self.full_days(today) or Period(self.first, self.first, "")
        return full.months_earlier(12) if full.whole_months else full.days_earlier(364)

    def days_earlier(self, days: int) -> Period:
        """As many days, so many days before."""
        first, last = self.first - days * _DAY, self.last - days * _DAY
        return Period(first, last, between(first, last))

    def months_earlier(self, months: int) -> Period:
        """As many months, so many months before. It has to begin with a month and to end with one."""
        first = _months_before(self.first, months)
        last = _months_before(self.last + _DAY, months) - _DAY
        return Period(first, last, between(first, last))

    @property
    def whole_months(self) -> int:
        """How many calendar months it is; 0 where it is not some of them, whole."""
        if self.first.day > 1 or (self.last + _DAY).day > 1:
            return 0
        return (self.last.year - self.first.year) * 12 + self.last.month - self.first.month + 1

    def arguments(self) -> dict[str, str]:
        """The query arguments that ask for this period again."""
        if self.name != "custom":
            return {"period": self.name}
        return {"period": "custom", "from": self.first.isoformat(), "to": self.last.isoformat()}


def parse(
    arguments: Mapping[str, str],
    today: dt.date,
    default: str = "30d",
    since: Callable[[], dt.date | None] = lambda: None,
) -> Period:
    """The period that the arguments ask for. `from` and `to` alone mean a custom one. since: the first day of the
    site that has data."""
    name = arguments.get("period") or ("custom" if arguments.get("from") or arguments.get("to") else default)
    if name == "custom":
        first, last = date_of(arguments, "from", today), date_of(arguments, "to", today)
        return Period(first, last, between(first, last))
    if name in PERIODS and (arguments.get("from") or arguments.get("to")):
        raise ValueError(f"period={name} has its own days: leave out from and to, or ask for period=custom")
    if name not in PERIODS:
        raise ValueError(f"period={name!r} is not known: allowed are {', '.join((*PERIODS, 'custom'))}")
    if name == "all":
        earliest = max(EARLIEST, today - (MAX_DAYS - 1) * _DAY)
        return Period(max(earliest, min(since() or today, today)), today, PERIODS[name][0], name)
    return named(name, today)


def named(name: str, today: dt.date) -> Period:
    """The period of that name, which is not `all`."""
    label, days = PERIODS[name]
    first, last = days(today)
    return Period(first, last, label, name)


def date_of(arguments: Mapping[str, str], name: str, default: dt.date) -> dt.date:
    """The date in an argument; the default where there is none."""
    text = arguments.get(name) or ""
    if not text:
        return default
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").date()  # noqa: DTZ007 - a calendar day has no zone
    except ValueError:
        raise ValueError(f"{name}={text!r} is not a date: write it as YYYY-MM-DD") from None


def between(first: dt.date, last: dt.date) -> str:
    """Days in words: `3 May 2025`, `3–9 May 2025`, `28 Dec 2024 – 3 Jan 2025`."""
    end = f"{last.day} {last:%b %Y}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day}–{end}"
    return f"{first.day} {first:%b}{'' if first.year == last.year else f' {first.year}'} – {end}"


def _full(days: int) -> Callable[[dt.date], tuple[dt.date, dt.date]]:
    """So many days without today: a day that is not over is no day to compare."""
    return lambda today: (today - days * _DAY, today - _DAY)


def _week(today: dt.date) -> tuple[dt.date, dt.date]:
    return today - today.weekday() * _DAY, today


def _last_week(today: dt.date) -> tuple[dt.date, dt.date]:
    monday = today - (today.weekday() + 7) * _DAY
    return monday, monday + 6 * _DAY


def _last_month(today: dt.date) -> tuple[dt.date, dt.date]:
    end = today.replace(day=1) - _DAY
    return end.replace(day=1), end


def _twelve_months(today: dt.date) -> tuple[dt.date, dt.date]:
    """This month and the eleven before it."""
    return _months_before(today.replace(day=1), 11), today


def _months_before(first: dt.date, months: int) -> dt.date:
    """The first day of the month so many months before."""
    number = first.year * 12 + first.month - 1 - months
    return dt.date(number // 12, number % 12 + 1, 1)


PERIODS: dict[str, tuple[str, Callable[[dt.date], tuple[dt.date, dt.date]]]] = {
    "today": ("Today", lambda today: (today, today)),
    "yesterday": ("Yesterday", lambda today: (today - _DAY, today - _DAY)),
    "7d": ("Last 7 days", _full(7)),
    "28d": ("Last 28 days", _full(28)),
    "30d": ("Last 30 days", _full(30)),
    "90d": ("Last 90 days", _full(90)),
    "week": ("This week", _week),
    "last_week": ("Last week", _last_week),
    "month": ("This month", lambda today: (today.replace(day=1), today)),
    "last_month": ("Last month", _last_month),
    "12mo": ("Last 12 months", _twelve_months),
    "year": ("This year", lambda today: (today.replace(month=1, day=1), today)),
    # From the first day that has data, which `parse` is told.
    "all": ("All days", lambda today: (today, today)),
}
