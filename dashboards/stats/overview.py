"""Everything the dashboard of one site shows about one period.

In: a site, a period and the site's local time. Out: an `Overview`.
Promises: six statements at most (with the caller's ones), nine where nothing is remembered yet, however long the
period; each as plain as can be, because planning them is most of the time that an overview takes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor as Pool
from functools import lru_cache
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from schema.dimensions import DIMENSIONS
from schema.families import FAMILIES
from schema.measures import Measures
from schema.site import Site
from schema.store import Row, Store

from .comparison import Comparison, Hour, Known, compare_days, compare_hours, nothing_compared
from .conversions import Goal
from .execute import Executor
from .figures import Cell, Figures, figures_of
from .period import Period
from .plan import plan
from .query import MAX_ROWS, Query
from .released import Released
from .table import cells_in, coverage_of, summed, table_of, times_of
from .vitals import VitalCell, vital_cells

_DAY = dt.timedelta(days=1)
_HOUR = dt.timedelta(hours=1)

# measured: a number. hidden: fewer than k people. open: the day is not closed, and shows nothing yet: nobody, or fewer
# than k. absent: closed, and nothing is there: nobody came, or nothing was collected. before: of the site's first day.
# future: yet to come.
State = Literal["measured", "hidden", "open", "absent", "before", "future"]


class Point(Struct, frozen=True, gc=False):
    """One day or hour of the time series. at: local date, or local date and hour."""

    at: dt.datetime
    state: State
    visitors: int = 0
    visits: int = 0
    pageviews: int = 0


class Overview(Struct, frozen=True):
    """full: the days of the period that are over, None where none is. since, until: the first and the last day of the
    site that has data, as far as is known. data_days: how many days of the period have data. hidden_days: how many have
    fewer than k people, the open ones too. count_only: page views counted without being recorded, of closed days.
    folded_hours: visitors in hours too small to draw. step: what the counts of open days are multiples of."""

    site: str
    period: Period
    full: Period | None
    comparison: Comparison
    grain: Literal["day", "hour"]
    totals: Figures
    series: tuple[Point, ...]
    previous_series: tuple[Point, ...]
    tables: dict[str, tuple[Cell, ...]]
    goals: tuple[Goal, ...]
    vitals: tuple[VitalCell, ...]
    count_only: int
    folded_hours: int
    hidden_days: int
    data_days: int
    since: dt.date | None
    until: dt.date | None
    released: Released
    ongoing: bool
    empty: bool
    version: str
    step: int


def read(
    store: Store,
    executor: Executor,
    pool: Pool,
    site: Site,
    period: Period,
    now: dt.datetime,
    find_released: Callable[[], Released],
    rows: int,
    step: int = 1,
) -> Overview:
    """Ask the store for what is not remembered, several statements at once. rows: at most that many in each table.
    step: what the counts of open days are multiples of."""
    # It needs no releases, so it is asked beside them.
    count_only = pool.submit(_count_only, store, site.key, period)
    released = find_released()
    today = now.date()
    full, compared = period.full_days(today), period.previous(today)
    hourly = period.days == 1
    zone = ZoneInfo(site.timezone)
    queries = _queries(site, period, rows)
    answer = executor.answer(plan([*queries.values()], released))
    times = times_of(answer, released.span.first, period.last)
    by_day, by_hour = times.days, times.hours
    folded = {day: sums.visitors for day, sums in times.folded.items()}
    totals = _added(by_day, period)
    since = min([*filter(None, [released.since]), *by_day], default=None)
    known = Known(by_day, released.small, released.odd, since, released.k)

    def state(day: dt.date) -> State:
        if day in by_day:
            return "measured"
        if day > today:
            return "future"
        if released.through is None or day > released.through:
            return "open" if day >= (since or today) else "before"
        if day in released.small:
            return "hidden"
        return "before" if since is None or day < since else "absent"

    def hours(day: dt.date) -> list[Point]:
        # An hour without a row is empty or folded; which of them is known only where nothing of the day is folded.
        absent: State = "hidden" if folded.get(day) else state(day)
        return [_point(hour, by_hour.get(_unix(hour)), absent, now) for hour in _hours_of(day, site)]

    def series(days: Period) -> tuple[Point, ...]:
        if hourly:
            return tuple(hours(days.first))
        return tuple(
            _point(at, found, "measured" if found else state(day), now)
            for day, at, found in ((day, at, by_day.get(day)) for day, at in _starts_of(days, zone))
        )

    def known_hours(day: dt.date) -> list[Hour]:
        points = ((point, by_hour.get(_unix(point.at), Measures())) for point in hours(day))
        return [(point.at.hour, sums if point.state == "measured" else None) for point, sums in points]

    if full:
        comparison = compare_days(full, compared, known)
    elif period.first > today:
        comparison = nothing_compared(compared, "these days are yet to come")
    elif not known.has(compared.first):
        comparison = nothing_compared(compared, f"there is no data of {compared.label}")
    else:
        both = known_hours(today), known_hours(compared.first)
        comparison = compare_hours(compared, now, *both, step > 1, released.k)
    states = [state(day) for day in _days_of(period)]
    data_days = states.count("measured")
    small = len(released.suppressed)
    tables = {
        name: cells_in(answer.cells, queries[name], coverage_of(answer, name, data_days + small), dimension.without)
        for name, dimension in DIMENSIONS.items()
    }
    return Overview(
        site=site.key,
        period=period,
        full=full,
        comparison=comparison,
        grain="hour" if hourly else "day",
        totals=totals or Figures(),
        series=series(period),
        previous_series=series(compared),
        tables=tables,
        goals=tuple(row for row in table_of(queries["goal"], answer).rows if isinstance(row, Goal)),
        vitals=tuple(vital_cells(answer.vitals)),
        count_only=_closed_alone(count_only.result(), released, today) // step * step,
        folded_hours=folded.get(period.first, 0) if hourly else 0,
        hidden_days=states.count("hidden") + states.count("open"),
        data_days=data_days,
        since=since,
        until=max([*filter(None, [released.through]), *by_day], default=None),
        released=released,
        ongoing=period.first <= today <= period.last,
        empty=totals is None,
        version=_version_of(totals),
        step=step,
    )


def _queries(site: Site, period: Period, rows: int) -> dict[str, Query]:
    """What a page asks, by name. rows: at most that many in each table."""
    splits: dict[str, tuple[str, ...]] = {"hour" if period.days == 1 else "day": (), "goal": ("goal",)}
    splits |= {name: (name,) for name in DIMENSIONS}
    splits |= {f"vital {name}": ("vital", name) if name else ("vital",) for name in FAMILIES["vitals"].dimensions}
    limits = {"goal": MAX_ROWS}
    return {
        name: Query(site.key, period.first, period.last, by or (name,), limit=limits.get(name, rows))
        for name, by in splits.items()
    }


def _added(by_day: Mapping[dt.date, Measures], period: Period) -> Figures | None:
    """The figures of a period; None where it has no rows."""
    found = [by_day[day] for day in _days_of(period) if day in by_day]
    if not found:
        return None
    return figures_of(summed(found))


def version(executor: Executor, site: Site, released: Released, period: Period) -> str:
    """Changes if and only if the totals of the period do: what a page asks to learn whether it is still right."""
    answer = executor.answer(plan([Query(site.key, period.first, period.last)], released))
    return _version_of(_added(times_of(answer, period.first, period.last).days, period))


def _version_of(totals: Figures | None) -> str:
    return hashlib.blake2b(repr(totals).encode(), digest_size=8).hexdigest()


def _count_only(store: Store, site: str, period: Period) -> list[Row]:
    """By day the page views that were counted without being recorded: a privacy signal asked for that, or consent was
    missing."""
    return store.rows(
        "SELECT toDate(minute) AS day, sum(count) FROM ingest WHERE site = {site:String} AND reason = 'count_only' "
        "AND toDate(minute) BETWEEN {first:Date} AND {last:Date} GROUP BY day",
        {"site": site, "first": period.first, "last": period.last},
        **store.brief,
    )


def _closed_alone(counts: Iterable[Row], released: Released, today: dt.date) -> int:
    """What such counts of closed days add up to: one that still grows would tell the second of each page view of the
    one who asked not to be recorded. A day of nobody else is never released; it is closed once the next one is over."""
    closed = released.span.released
    return sum(int(count) for day, count in counts if day in closed or day < today - _DAY)


def _point(at: dt.datetime, found: Measures | None, absent: State, now: dt.datetime) -> Point:
    if found is not None:
        return Point(at, "measured", found.visitors, found.visits, found.pageviews)
    return Point(at, "future" if at > now else absent)


@lru_cache(maxsize=64)
def _days_of(period: Period) -> tuple[dt.date, ...]:
    return tuple(period.first + n * _DAY for n in range(period.days))


@lru_cache(maxsize=64)
def _starts_of(period: Period, zone: ZoneInfo) -> tuple[tuple[dt.date, dt.datetime], ...]:
    """Each day and when it begins."""
    return tuple((day, _local(day, zone)) for day in _days_of(period))


def _hours_of(day: dt.date, site: Site) -> list[dt.datetime]:
    """The hours of a local day: 23, 24 or 25."""
    zone = ZoneInfo(site.timezone)
    start, end = (_local(date, zone).astimezone(dt.UTC) for date in (day, day + _DAY))
    return [(start + n * _HOUR).astimezone(zone) for n in range(round((end - start) / _HOUR))]


def _local(day: dt.date, zone: ZoneInfo) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=zone)


def _unix(moment: dt.datetime) -> int:
    """What tells the two 02:00 of an autumn night apart; equality of local times does not."""
    return int(moment.timestamp())
