"""Everything the dashboard of one site shows about one period.

In: a site, a period and the site's local time. Out: an `Overview`.
Promises: seven statements at most (with the caller's one), however long the period.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Sequence
from concurrent.futures import Executor
from typing import Any, Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from schema.event import PAGEVIEW
from schema.metrics import DIMENSIONS, METRICS, OTHER, VITAL_DIMENSIONS
from schema.site import Site
from schema.store import Store

from .conversions import Goal, goals_of, rated
from .period import Period
from .released import Released
from .source import Span, rows_of
from .vitals import VitalCell, vitals_of

_METRICS_SQL = ", ".join(metric.sql for metric in METRICS.values())
_DAY = dt.timedelta(days=1)
_HOUR = dt.timedelta(hours=1)

# measured: a number. hidden: fewer than k people. uncounted: not yet, or before the site was counted.
State = Literal["measured", "hidden", "uncounted"]


class Figures(Struct, frozen=True):
    """The metrics of one cell, as `schema.metrics` defines them; None where undefined."""

    visitors: int = 0
    visits: int = 0
    pageviews: int = 0
    events: int = 0
    views_per_visit: float | None = None
    bounce_rate: float | None = None
    visit_duration: float | None = None
    time_on_page: float | None = None
    exit_rate: float | None = None


class Cell(Figures, frozen=True):
    """One value of a dimension."""

    value: str = ""


class Point(Struct, frozen=True):
    """One day or hour of the time series. at: local date, or local date and hour."""

    at: dt.datetime
    state: State
    visitors: int = 0
    visits: int = 0
    pageviews: int = 0


class Overview(Struct, frozen=True):
    """change: against the previous period, in percent; of a rate in percentage points; None where it has no base.
    count_only: page views counted without being recorded. folded_hours: visitors in hours too small to draw.
    step: what the counts of open days are multiples of.
    hidden_days: days of fewer than k people, the open ones too."""

    site: str
    period: Period
    compared: Period
    grain: Literal["day", "hour"]
    totals: Figures
    previous: Figures | None
    change: dict[str, float | None]
    series: tuple[Point, ...]
    previous_series: tuple[Point, ...]
    tables: dict[str, tuple[Cell, ...]]
    goals: tuple[Goal, ...]
    vitals: tuple[VitalCell, ...]
    count_only: int
    folded_hours: int
    hidden_days: int
    released: Released
    ongoing: bool
    empty: bool
    version: str
    step: int


def read(
    store: Store,
    pool: Executor,
    site: Site,
    period: Period,
    now: dt.datetime,
    released: Released,
    rows: int,
    step: int = 1,
) -> Overview:
    """Ask the store for all of it, several statements at once. rows: at most that many in each table. step: what
    the counts of open days are multiples of."""
    compared = period.previous()
    hourly = period.days == 1
    span = released.span.part(period.first, period.last)
    kept = ", ".join(f"'{name}'" for name in VITAL_DIMENSIONS)
    tables = pool.submit(_tables, store, span, rows)
    vitals = pool.submit(vitals_of, store, span, f"dimension IN ({kept})", {"rows": rows}, merged=False)
    goals = pool.submit(goals_of, store, span, "dimension = ''")
    count_only = pool.submit(_count_only, store, span)
    by_hour = pool.submit(_hours, store, released.span) if hourly else None
    totals, previous, by_day = _totals_and_days(store, released.span, period.first)
    hours, folded = by_hour.result() if by_hour else ({}, {})
    counted_since = min([*filter(None, [released.since]), *(day for day in by_day)], default=now.date())

    def state(day: dt.date) -> State:
        if day in by_day:
            return "measured"
        is_open = released.through is None or day > released.through
        too_few = counted_since <= day <= now.date() and (is_open or day in released.suppressed)
        return "hidden" if too_few else "uncounted"

    def series(days: Period) -> tuple[Point, ...]:
        if hourly:
            # An hour without a row is empty or folded; which of them is known only where nothing of the day is folded.
            absent: State = "hidden" if folded.get(days.first) else state(days.first)
            return tuple(_point(hour, hours.get(_unix(hour)), absent, now) for hour in _hours_of(days.first, site))
        return tuple(_point(_local(day, site), by_day.get(day), state(day), now) for day in _days_of(days))

    comparable = previous if counted_since <= compared.first else None
    return Overview(
        site=site.key,
        period=period,
        compared=compared,
        grain="hour" if hourly else "day",
        totals=totals or Figures(),
        previous=comparable,
        change=_changes(totals or Figures(), comparable),
        series=series(period),
        previous_series=series(compared),
        tables=tables.result(),
        goals=tuple(rated(goals.result(), totals.visitors if totals else 0)),
        vitals=tuple(vitals.result()),
        count_only=count_only.result() // step * step,
        folded_hours=folded.get(period.first, 0),
        hidden_days=sum(state(day) == "hidden" for day in _days_of(period)),
        released=released,
        ongoing=period.first <= now.date() <= period.last,
        empty=totals is None,
        version=_version_of(totals),
        step=step,
    )


def _totals_and_days(
    store: Store, span: Span, split: dt.date
) -> tuple[Figures | None, Figures | None, dict[dt.date, tuple[int, int, int]]]:
    """Totals of both periods and every day of both, in one pass. split: where the one ends and the other begins."""
    source = rows_of("cells", "day", "dimension = ''", span)
    found = store.rows(
        f"SELECT day >= {{split:Date}} AS current, grouping(day), day, {_METRICS_SQL} FROM {source} "
        "GROUP BY GROUPING SETS ((current, day), (current))",
        span.parameters | {"split": split},
    )
    totals: dict[bool, Figures] = {}
    days: dict[dt.date, tuple[int, int, int]] = {}
    for current, is_total, day, *metrics in found:
        figures = _figures(metrics)
        if is_total:
            totals[bool(current)] = figures
        else:
            days[day] = (figures.visitors, figures.visits, figures.pageviews)
    return totals.get(True), totals.get(False), days


def version(store: Store, span: Span) -> str:
    """Changes if and only if the totals of the period do: what a page asks to learn whether it is still right."""
    source = rows_of("cells", "day", "dimension = ''", span)
    found = store.rows(f"SELECT {_METRICS_SQL} FROM {source} HAVING count() > 0", span.parameters)
    return _version_of(_figures(found[0]) if found else None)


def _version_of(totals: Figures | None) -> str:
    return hashlib.blake2b(repr(totals).encode(), digest_size=8).hexdigest()


def _hours(store: Store, span: Span) -> tuple[dict[int, tuple[int, int, int]], dict[dt.date, int]]:
    """Hours of both days, and of each day how many people its folded hours hold."""
    source = rows_of("cells", "hour", "dimension = ''", span)
    found = store.rows(
        "SELECT day, value, toUnixTimestamp(period) AS start, sum(visitors), sum(visits), sum(pageviews) "
        f"FROM {source} GROUP BY day, value, start",
        span.parameters,
    )
    hours = {
        int(start): (visitors, visits, pageviews)
        for _, value, start, visitors, visits, pageviews in found
        if value != OTHER
    }
    return hours, {row[0]: int(row[3]) for row in found if row[1] == OTHER}


def _tables(store: Store, span: Span, rows: int) -> dict[str, tuple[Cell, ...]]:
    """The most visited values of every dimension in one statement. Pageviews are no custom event, and of campaigns
    only what has one is of interest."""
    shown = f"NOT (dimension = 'event' AND value = '{PAGEVIEW}') AND NOT (startsWith(dimension, 'utm_') AND value = '')"
    source = rows_of("cells", "day", "dimension != ''", span)
    found = store.rows(
        f"SELECT dimension, value, {_METRICS_SQL} FROM {source} GROUP BY dimension, value HAVING {shown} "
        f"ORDER BY dimension, value = '{OTHER}', sum(visitors) DESC, value LIMIT {{rows:UInt32}} BY dimension",
        span.parameters | {"rows": rows},
    )
    tables: dict[str, list[Cell]] = {name: [] for name in DIMENSIONS}
    for dimension, value, *metrics in found:
        if dimension in tables:
            tables[dimension].append(Cell(value=value, **dict(zip(METRICS, metrics, strict=True))))
    return {name: tuple(cells) for name, cells in tables.items()}


def _count_only(store: Store, span: Span) -> int:
    """Page views that were counted without being recorded: a privacy signal asked for that, or consent was missing."""
    found = store.rows(
        "SELECT sum(count) FROM ingest WHERE site = {site:String} AND reason = 'count_only' "
        "AND toDate(minute) BETWEEN {first:Date} AND {last:Date}",
        span.parameters,
    )
    return int(found[0][0])


def _figures(metrics: Sequence[Any]) -> Figures:
    return Figures(**dict(zip(METRICS, metrics, strict=True)))


def _changes(totals: Figures, previous: Figures | None) -> dict[str, float | None]:
    changes: dict[str, float | None] = {}
    for name, metric in METRICS.items():
        after = getattr(totals, name)
        before = getattr(previous, name) if previous else None
        if after is None or before is None:
            changes[name] = None
        elif metric.unit == "%":
            changes[name] = round(after - before, 1)
        else:
            changes[name] = round(100 * (after - before) / before, 1) if before else None
    return changes


def _point(at: dt.datetime, found: tuple[int, int, int] | None, absent: State, now: dt.datetime) -> Point:
    if found is not None:
        return Point(at, "measured", *found)
    return Point(at, "uncounted" if at > now else absent)


def _days_of(period: Period) -> list[dt.date]:
    return [period.first + n * _DAY for n in range(period.days)]


def _hours_of(day: dt.date, site: Site) -> list[dt.datetime]:
    """The hours of a local day: 23, 24 or 25."""
    zone = ZoneInfo(site.timezone)
    start, end = (_local(date, site).astimezone(dt.UTC) for date in (day, day + _DAY))
    return [(start + n * _HOUR).astimezone(zone) for n in range(round((end - start) / _HOUR))]


def _local(day: dt.date, site: Site) -> dt.datetime:
    return dt.datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(site.timezone))


def _unix(moment: dt.datetime) -> int:
    """What tells the two 02:00 of an autumn night apart; equality of local times does not."""
    return int(moment.timestamp())
