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
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from schema.dimensions import DIMENSIONS
from schema.families import FAMILIES
from schema.measures import Measures
from schema.site import Site
from schema.store import Row, Store

from .comparison import Comparison, compare
from .conversions import Goal
from .execute import Executor
from .figures import Cell, Figures, figures_of
from .period import Period
from .plan import plan
from .query import MAX_ROWS, Query
from .released import Released
from .snapshots import snapshot_time
from .table import cells_in, coverage_of, summed, table_of, times_of
from .timeline import Point, Timeline, days_of
from .vitals import VitalCell, vital_cells

_DAY = dt.timedelta(days=1)


class Overview(Struct, frozen=True):
    """full: the days of the period that are over, None where none is. since, until: the first and the last day of the
    site that has data, as far as is known. data_days: how many days of the period have data. hidden_days: how many have
    fewer than k people, the open ones too. count_only: page views counted without being recorded, of closed days.
    folded_hours: visitors in hours too small to draw. as_of: when what is shown of open days was put in place, to the
    minute; None where nothing of them is shown. step: what the counts of open days are multiples of."""

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
    as_of: dt.datetime | None
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
    zone = ZoneInfo(site.timezone)
    as_of = pool.submit(snapshot_time, store, released.span.part(period.first, period.last), zone)
    today = now.date()
    hourly = period.days == 1
    queries = _queries(site, period, rows)
    answer = executor.answer(plan([*queries.values()], released))
    timeline = Timeline(times_of(answer, released.span.first, period.last), released, now, zone, hourly)
    totals = _added(timeline.times.days, period)
    states = [timeline.state(day) for day in days_of(period)]
    data_days = states.count("measured")
    small = len(released.suppressed)
    folded = timeline.times.folded.get(period.first, Measures())
    compared = period.previous(today)
    tables = {
        name: cells_in(answer.cells, queries[name], coverage_of(answer, name, data_days + small), dimension.without)
        for name, dimension in DIMENSIONS.items()
    }
    return Overview(
        site=site.key,
        period=period,
        full=period.full_days(today),
        comparison=compare(timeline, period, coarse=step > 1),
        grain="hour" if hourly else "day",
        totals=totals or Figures(),
        series=timeline.points(period),
        previous_series=timeline.points(compared),
        tables=tables,
        goals=tuple(row for row in table_of(queries["goal"], answer).rows if isinstance(row, Goal)),
        vitals=tuple(vital_cells(answer.vitals)),
        count_only=_closed_alone(count_only.result(), released, today) // step * step,
        folded_hours=folded.visitors if hourly else 0,
        hidden_days=states.count("hidden") + states.count("open"),
        data_days=data_days,
        since=timeline.since,
        until=timeline.until,
        released=released,
        as_of=as_of.result(),
        ongoing=period.first <= today <= period.last,
        empty=totals is None,
        version=_version_of(totals),
        step=step,
    )


def _queries(site: Site, period: Period, rows: int) -> dict[str, Query]:
    """What a page asks, by name. rows: at most that many in each table."""
    splits: dict[str, tuple[str, ...]] = {"day": ("day",), "goal": ("goal",)}
    splits |= {name: (name,) for name in DIMENSIONS}
    splits |= {f"vital {name}": ("vital", name) if name else ("vital",) for name in FAMILIES["vitals"].dimensions}
    limits = {"goal": MAX_ROWS}
    return {
        name: Query((site.key,), period, by, limit=limits.get(name, rows), compare=name == "day")
        for name, by in splits.items()
    }


def _added(by_day: Mapping[dt.date, Measures], period: Period) -> Figures | None:
    """The figures of a period; None where it has no rows."""
    found = [by_day[day] for day in days_of(period) if day in by_day]
    if not found:
        return None
    return figures_of(summed(found))


def version(executor: Executor, site: Site, released: Released, period: Period) -> str:
    """Changes if and only if the totals of the period do: what a page asks to learn whether it is still right."""
    answer = executor.answer(plan([Query((site.key,), period)], released))
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
