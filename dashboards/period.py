"""The days that a page or a question is about.

In: query arguments and the site's own date of today. Out: a `Period` of whole local days.
Promises: what cannot be read is refused with its name, its value and what is allowed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping

from msgspec import Struct

# Ten years: longer than any store of this house is old, short enough that a question stays a question.
MAX_DAYS = 3660
_EARLIEST = dt.date(2000, 1, 1)
_LATEST = dt.date(2099, 12, 31)
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
        if self.first < _EARLIEST or self.last > _LATEST or self.days > MAX_DAYS:
            raise ValueError(
                f"from={self.first}, to={self.last}: allowed are at most {MAX_DAYS} days from {_EARLIEST} to {_LATEST}"
            )

    @property
    def days(self) -> int:
        return (self.last - self.first).days + 1

    def previous(self) -> Period:
        """As many days, right before."""
        first = self.first - self.days * _DAY
        last = self.first - _DAY
        return Period(first, last, between(first, last))

    def arguments(self) -> dict[str, str]:
        """The query arguments that ask for this period again."""
        if self.name != "custom":
            return {"period": self.name}
        return {"period": "custom", "from": self.first.isoformat(), "to": self.last.isoformat()}


def parse(arguments: Mapping[str, str], today: dt.date, default: str = "30d") -> Period:
    """The period that the arguments ask for. `from` and `to` alone mean a custom one."""
    name = arguments.get("period") or ("custom" if arguments.get("from") or arguments.get("to") else default)
    if name == "custom":
        first, last = date_of(arguments, "from", today), date_of(arguments, "to", today)
        return Period(first, last, between(first, last))
    if name not in PERIODS:
        raise ValueError(f"period={name!r} is not known: allowed are {', '.join((*PERIODS, 'custom'))}")
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


def _back(days: int) -> Callable[[dt.date], tuple[dt.date, dt.date]]:
    return lambda today: (today - (days - 1) * _DAY, today)


def _last_month(today: dt.date) -> tuple[dt.date, dt.date]:
    end = today.replace(day=1) - _DAY
    return end.replace(day=1), end


def _twelve_months(today: dt.date) -> tuple[dt.date, dt.date]:
    """This month and the eleven before it."""
    months = today.year * 12 + today.month - 1 - 11
    return dt.date(months // 12, months % 12 + 1, 1), today


PERIODS: dict[str, tuple[str, Callable[[dt.date], tuple[dt.date, dt.date]]]] = {
    "today": ("Today", _back(1)),
    "yesterday": ("Yesterday", lambda today: (today - _DAY, today - _DAY)),
    "7d": ("Last 7 days", _back(7)),
    "30d": ("Last 30 days", _back(30)),
    "90d": ("Last 90 days", _back(90)),
    "month": ("This month", lambda today: (today.replace(day=1), today)),
    "last_month": ("Last month", _last_month),
    "12mo": ("Last 12 months", _twelve_months),
}
