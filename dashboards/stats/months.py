"""Months whose sums may stand for their days: they are of the very releases that the manifest holds now.

In: a site, days, and what the manifest says of each released day. Out: `Month`s.
Promises: sums of other releases are never taken.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import cache, reduce
from operator import xor
from typing import Any

from msgspec import Struct

from schema.measures import Measures
from schema.months import GOALS, TOTALS
from schema.store import Row, Store

from .lru_cache import LruCache

# A shorter period holds no month worth asking for.
LEAST_DAYS = 28
# One statement over months and days takes some milliseconds longer to plan, as long as reading so many rows.
WORTH_ROWS = 150_000
_COLUMNS = ", ".join((*(f"totals.{name}" for name in TOTALS), *(f"goals.{name}" for name in GOALS)))


class Month(Struct, frozen=True):
    """version: which rows of `months_cells` and `months_vitals` are this month's. days: the released ones. rows: how
    many those have in `released_*`. totals: the whole site, by day. goals: rows of day, goal, currency, converters,
    conversions, amount, payers."""

    version: int
    days: frozenset[dt.date]
    rows: int
    totals: dict[dt.date, Measures]
    goals: tuple[Row, ...]


def months_of(
    store: Store,
    lru: LruCache,
    site: str,
    first: dt.date,
    last: dt.date,
    releases: Iterable[tuple[dt.date, int, int]],
) -> tuple[Month, ...]:
    """Those months touched by these days that are sums of exactly the releases there are. releases: of every released
    day its date, how many rows it has, and its mark."""
    by_month: dict[tuple[int, int], list[tuple[dt.date, int, int]]] = {}
    begin = first.replace(day=1)
    for release in releases:
        day = release[0]
        if day >= begin:
            by_month.setdefault((day.year, day.month), []).append(release)
    touched = {month: some for key, some in by_month.items() if (month := dt.date(*key, 1)) <= last}

    @cache
    def stored() -> list[Row]:
        return _read(store, site, first, last)

    def known(month: dt.date) -> Month | None:
        mark = mark_of(touched[month])

        def read() -> Month | None:
            # A month that was made anew is there twice for a while.
            versions = [row for row in stored() if row[0] == month and row[2] == mark]
            return _month(versions[-1][1], touched[month], versions[-1][3:]) if versions else None

        return lru.get(("month", site, month, mark), read, lambda found: len(found.days) if found else 0)

    return tuple(found for month in sorted(touched) if (found := known(month)))


def mark_of(releases: Iterable[tuple[dt.date, int, int]]) -> int:
    """What tells these releases from others."""
    return reduce(xor, (mark for _, _, mark in releases), 0)


def _read(store: Store, site: str, first: dt.date, last: dt.date) -> list[Row]:
    """What is stored of the months that these days touch, whatever releases it is of."""
    return store.rows(
        f"SELECT month, made, releases, {_COLUMNS} FROM months "
        "WHERE site = {site:String} AND month BETWEEN {first:Date} AND {last:Date}",
        {"site": site, "first": first.replace(day=1), "last": last},
        **store.brief,
    )


def _month(version: int, releases: list[tuple[dt.date, int, int]], values: Sequence[Any]) -> Month:
    totals, goals = zip(*values[: len(TOTALS)], strict=True), zip(*values[len(TOTALS) :], strict=True)
    days, counts, _ = zip(*releases, strict=True)
    return Month(version, frozenset(days), sum(counts), {day: Measures(*sums) for day, *sums in totals}, tuple(goals))
