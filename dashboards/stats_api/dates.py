"""Which days a `date_range` is, and what its hours, days, weeks and months are called.

In: a `date_range`, the site's local time, the first day that has data. Out: a `Period`, buckets, labels. Promises: what
is not whole local days is refused, because nothing else is kept.
"""

from __future__ import annotations

import datetime as dt
import re
from zoneinfo import ZoneInfo

from msgspec import Struct

from ..stats.grains import begin_of
from ..stats.period import MAX_DAYS, Period, between
from ..stats.refused import BadQuery, Code
from ..stats.timeline import start_of

_DAY = dt.timedelta(days=1)
_SPAN = re.compile(r"([1-9][0-9]{0,3})(d|mo)")
# What a range may be called, and what is none because nothing is told of less than a day that goes on.
RANGES = {
    "day": "Today.",
    "7d": "The 7 full days before today.",
    "28d": "The 28 full days before today.",
    "30d": "The 30 full days before today.",
    "91d": "The 91 full days before today. Any other number is answered, too.",
    "month": "This month up to today.",
    "6mo": "The 6 full months before this one.",
    "12mo": "The 12 full months before this one. Any other number is answered, too.",
    "year": "This year up to today.",
    "all": "From the first day that has data.",
}
NO_RANGES = dict.fromkeys(
    ("realtime", "30m", "24h"),
    "minutes are not kept, and days are told whole: ask day, with time:hour for its hours",
)
_ALLOWED = "day, 7d, 28d, 30d … , month, 6mo, 12mo … , year, all, or two days such as ['2026-11-01', '2026-11-30']"


def period_of(asked: str | list[str], now: dt.datetime, since: dt.date | None) -> Period:
    """Raises BadQuery. now: the site's local time."""
    today = now.date()
    try:
        if isinstance(asked, str):
            first, last = _named(asked, today, since or today)
        else:
            zone = now.tzinfo
            assert isinstance(zone, ZoneInfo)
            first, last = _end(asked[0], zone, dt.time(0)), _end(asked[1], zone, dt.time(23, 59))
        return Period(first, last, between(first, last))
    except ValueError as error:
        raise BadQuery(f"date_range {str(asked)[:100]}: {error}", Code.BAD_PERIOD) from None


def _named(name: str, today: dt.date, since: dt.date) -> tuple[dt.date, dt.date]:
    begun = {
        "day": today,
        "month": today.replace(day=1),
        "year": today.replace(month=1, day=1),
        "all": max(min(since, today), today - (MAX_DAYS - 1) * _DAY),
    }
    if name in begun:
        return begun[name], today
    match = _SPAN.fullmatch(name)
    if name in NO_RANGES:
        raise ValueError(NO_RANGES[name])
    if match is None:
        raise ValueError(f"is not known; allowed are {_ALLOWED}")
    count = int(match[1])
    if count > MAX_DAYS:
        raise ValueError(f"at most {MAX_DAYS} days are answered")
    if match[2] == "d":
        return today - count * _DAY, today - _DAY
    this = today.replace(day=1)
    return _months_before(this, count), this - _DAY


def _months_before(first: dt.date, months: int) -> dt.date:
    number = first.year * 12 + first.month - 1 - months
    if number < 12:
        raise ValueError("is longer ago than there is a calendar")
    return dt.date(number // 12, number % 12 + 1, 1)


def _end(text: str, zone: ZoneInfo, at: dt.time) -> dt.date:
    """The day of a date, or of a moment at which the site's day begins or ends."""
    try:
        if len(text) == len("2026-11-01"):
            return dt.date.fromisoformat(text)
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(f"{text[:40]!r} is no day and no moment; allowed are {_ALLOWED}") from None
    local = moment.astimezone(zone) if moment.tzinfo else moment
    if local.time().replace(second=0, microsecond=0) != at:
        raise ValueError(
            f"{text[:40]} is within a day of the site ({zone.key}); days are answered whole: give {local.date()}, and "
            "ask time:hour for its hours"
        )
    return local.date()


class Bucket(Struct, frozen=True):
    """One day, week or month of a period, or as much of it as the period has. goal: what it is of, too; "" is all."""

    label: str
    period: Period
    goal: str = ""


def grain_of(asked: str, period: Period) -> str:
    """The grain; asked: "" is the one that suits the days."""
    if asked:
        return asked
    return next((grain for grain, most in (("hour", 2), ("day", 41), ("week", 371)) if period.days <= most), "month")


def buckets(grain: str, period: Period) -> list[Bucket]:
    """In their order."""
    found: dict[dt.date, list[dt.date]] = {}
    for number in range(period.days):
        day = period.first + number * _DAY
        found.setdefault(begin_of(grain, day, period.first), []).append(day)
    return [
        Bucket(begin.isoformat(), Period(days[0], days[-1], between(days[0], days[-1])))
        for begin, days in found.items()
    ]


def hour_label(moment: dt.datetime) -> str:
    return moment.strftime("%Y-%m-%d %H:%M:%S")


def labels(grain: str, period: Period, zone: ZoneInfo) -> list[str]:
    """What each bucket is called."""
    if grain != "hour":
        return [bucket.label for bucket in buckets(grain, period)]
    begin, end = (start_of(day, zone).astimezone(dt.UTC) for day in (period.first, period.last + _DAY))
    hours = range(round((end - begin) / dt.timedelta(hours=1)))
    told = (hour_label((begin + dt.timedelta(hours=n)).astimezone(zone)) for n in hours)
    return list(dict.fromkeys(told))


def ends_of(period: Period, zone: ZoneInfo) -> list[str]:
    """The first and the last second, as Plausible tells them."""
    last = start_of(period.last + _DAY, zone).astimezone(dt.UTC) - dt.timedelta(seconds=1)
    return [start_of(period.first, zone).isoformat(), last.astimezone(zone).isoformat()]
