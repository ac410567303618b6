"""The time of a line, in whichever way a server writes it.

In: a text. Out: Unix seconds, None for what is no time of the days that can be asked about. Promises: never raises; a
time that names no zone is of the zone it is told.
"""

from __future__ import annotations

import datetime as dt
import re
from functools import lru_cache
from zoneinfo import ZoneInfo

from schema.site import EARLIEST, LATEST

# 17/May/2015:10:05:03 +0000, of Apache's %t and nginx's $time_local; HAProxy's has no zone. 60 is a leap second.
_COMMON = re.compile(
    r"(\d\d/[A-Z][a-z]{2}/\d{4}):([01]\d|2[0-3]):([0-5]\d):([0-5]\d|60)(?:\.\d+)?(?: ([+-])(\d\d):?([0-5]\d))?",
    re.ASCII,
)
_ISO = re.compile(
    r"(\d{4})[-/](\d\d)[-/](\d\d)[T ](\d\d):(\d\d):([0-5]\d|60)(?:[.,]\d+)? ?(Z|UTC|[+-]\d\d:?\d\d)?", re.ASCII
)
_EPOCH = re.compile(r"(\d{9,19})(?:\.\d+)?", re.ASCII)
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"), start=1
    )
}
# What `strftime` knows and `strptime` does not.
_SHORT = {"%T": "%H:%M:%S", "%R": "%H:%M", "%F": "%Y-%m-%d", "%D": "%m/%d/%y", "%e": "%d", "%h": "%b"}


def moment_of(text: str, zone: ZoneInfo) -> int | None:
    """Unix seconds of a time in the common format, in ISO 8601, or in seconds, milli-, micro- or nanoseconds."""
    common = _COMMON.fullmatch(text)
    if common is not None:
        return _of_common(common, zone)
    iso = _ISO.fullmatch(text)
    if iso is not None:
        return _of_iso(iso, zone)
    epoch = _EPOCH.fullmatch(text)
    return _of_epoch(epoch[1]) if epoch else None


def moment_like(text: str, pattern: str, zone: ZoneInfo) -> int | None:
    """Unix seconds of a time written by `strftime` with that pattern."""
    for short, whole in _SHORT.items():
        pattern = pattern.replace(short, whole)
    try:
        moment = dt.datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone follows
        _check(moment.date())
        return int((moment if moment.tzinfo else moment.replace(tzinfo=zone)).timestamp())
    except (ValueError, OverflowError):
        return None


def _of_common(match: re.Match[str], zone: ZoneInfo) -> int | None:
    day, hour, minute, second, sign, hours, minutes = match.groups()
    try:
        seconds = _midnight(day) + int(hour) * 3600 + int(minute) * 60 + int(second)
        if sign is None:
            return int(dt.datetime.fromtimestamp(seconds, dt.UTC).replace(tzinfo=zone).timestamp())
        return seconds - (int(hours) * 60 + int(minutes)) * (-60 if sign == "-" else 60)
    except (ValueError, KeyError, OverflowError):
        return None


@lru_cache(maxsize=64)
def _midnight(day: str) -> int:
    number, month, year = day.split("/")
    date = dt.date(int(year), _MONTHS[month], int(number))
    _check(date)
    return _first_second(date)


def _of_iso(match: re.Match[str], zone: ZoneInfo) -> int | None:
    year, month, day, hour, minute, second, offset = match.groups()
    try:
        date = dt.date(int(year), int(month), int(day))
        _check(date)
        time = dt.time(int(hour), int(minute), tzinfo=_zone(offset) if offset else zone)
        return int(dt.datetime.combine(date, time).timestamp()) + int(second)
    except (ValueError, OverflowError):
        return None


@lru_cache(maxsize=64)
def _zone(offset: str) -> dt.timezone:
    if offset in ("Z", "UTC"):
        return dt.UTC
    ahead = dt.timedelta(hours=int(offset[1:3]), minutes=int(offset[-2:]))
    return dt.timezone(-ahead if offset[0] == "-" else ahead)


def _of_epoch(digits: str) -> int | None:
    seconds = int(digits) // _unit(len(digits))
    return seconds if _first_second(EARLIEST) <= seconds < _first_second(LATEST) else None


def _check(date: dt.date) -> None:
    if not EARLIEST <= date <= LATEST:
        raise ValueError("of another age")


@lru_cache(maxsize=64)
def _first_second(date: dt.date) -> int:
    return int(dt.datetime(date.year, date.month, date.day, tzinfo=dt.UTC).timestamp())


def _unit(digits: int) -> int:
    """How many there are of these in a second: of the years since 2001, seconds have ten digits."""
    return 1 if digits <= 11 else 1000 if digits <= 14 else 1_000_000 if digits <= 17 else 1_000_000_000
