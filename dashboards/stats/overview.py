"""Everything the dashboard of one site shows about one period.

In: a site, a period and the site's local time. Out: an `Overview`.
Promises: eight statements at most (with the caller's ones), twelve where nothing is cached yet, however long the
period, and two more where the site has funnels, or journeys; each as plain as can be, because planning them is most of
the time that an overview takes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable
from functools import partial
from typing import TypeVar
from zoneinfo import ZoneInfo

from msgspec import Struct, structs

from schema.annotations import Annotation, notes_of
from schema.dimensions import DIMENSIONS
from schema.funnels import FUNNELS
from schema.journeys import JOURNEYS
from schema.properties import PROPERTIES
from schema.site import Site
from schema.store import Store

from .bare_totals import BareTotal
from .cells import cells_in, crossed_cells, values_of
from .certainty import Certainty, Flag
from .comparison import Comparison, compare
from .conversions import Goal
from .coverage import coverage_of, coverage_within, is_hidden, segment_is_hidden
from .effects import Effect, effects
from .execute import Answer, Executor
from .figures import Cell, Figures, figures_of
from .filter import Filter
from .funnels import StepCell
from .journeys import Way, first_of_each_kind
from .nobody import unreached
from .page_queries import page_queries
from .part import part_of, why_not_compared
from .period import Period
from .plan import plan
from .properties import Property
from .query import Query
from .released import Released
from .segmented import coverage_of_segment
from .series import points, points_before
from .snapshots import snapshot_time
from .table import table_of
from .timeline import Point, Timeline, days_of
from .times import Times, times_in, times_of
from .view import HOUR, Look, View, grains_of
from .vitals import VitalCell, vital_cells
from .what_changed import WhatChanged, what_changed

T = TypeVar("T")
_AS_USUAL = Look()


class Overview(Struct, frozen=True):
    """filters: of which visits everything is but the days there are, since and until; () is all. unanswered: what the
    rollups do not tell of these: dimensions, `vital`, `funnels`. certainty, flags: of the totals.

    full: the days of the period that are over, None where none is. since, until: the first and the last day of the
    site that has data, as far as is known. data_days: how many days of the period have data. hidden_days: how many have
    fewer than k people, the open ones too. count_only: page views counted without being recorded, of
    four closed weeks; None where none are published. folded_hours: visitors in hours too small to draw. as_of: when
    what is shown of open days was put in place, to the minute; None where nothing of them is shown. annotations: what
    the owner noted of its days, effects: by id what came with it. step: what the
    counts of open days are multiples of.

    changed: what moved its visitors, of up to a week that is over. view: how it was asked for. grain: of the series;
    grains: those that it may be drawn by."""

    site: str
    period: Period
    view: View
    filters: tuple[Filter, ...]
    segment: str
    unanswered: tuple[str, ...]
    certainty: Certainty
    flags: tuple[Flag, ...]
    changed: WhatChanged | None
    full: Period | None
    comparison: Comparison
    grain: str
    grains: tuple[str, ...]
    totals: Figures
    series: tuple[Point, ...]
    previous_series: tuple[Point, ...]
    tables: dict[str, tuple[Cell, ...]]
    goals: tuple[Goal, ...]
    vitals: tuple[VitalCell, ...]
    funnels: tuple[StepCell, ...]
    journeys: tuple[Way, ...]
    properties: tuple[Property, ...]
    count_only: BareTotal | None
    folded_hours: int
    hidden_days: int
    data_days: int
    since: dt.date | None
    until: dt.date | None
    released: Released
    as_of: dt.datetime | None
    annotations: tuple[Annotation, ...]
    effects: dict[str, Effect]
    ongoing: bool
    empty: bool
    version: str
    step: int


def read(
    store: Store,
    executor: Executor,
    site: Site,
    period: Period,
    now: dt.datetime,
    released: Released,
    counted: Callable[[], BareTotal | None],
    rows: int,
    step: int = 1,
    filters: tuple[Filter, ...] = (),
    segment: str = "",
    look: Look = _AS_USUAL,
) -> Overview:
    """Ask the store for what is not cached, several statements at once. counted: the bare total. rows: at most that
    many in each table. step: what the counts of open days are multiples of. Raises BadQuery where filters are of
    several dimensions."""
    queries = page_queries(site, period, rows, filters, released, segment)
    in_part = bool(filters or segment)
    zone = ZoneInfo(site.timezone)
    as_of = executor.beside(partial(snapshot_time, store, released.span.part(period.first, period.last), site))
    noted = executor.beside(partial(notes_of, store, site.key, period.first, period.last))
    today = now.date()
    hourly, metric, compared = look.grain == HOUR, look.view.metric, look.before
    answer = executor.answer(plan([*queries.values()], released, hourly, back=in_part))
    notes = noted()
    whole = Timeline(times_of(answer, released.span.first, period.last), released, now, zone)
    states = [whole.state(day) for day in days_of(period)]
    data_days = states.count("measured")
    small = len(released.suppressed)
    kept = queries["day"].kept_by
    part = times_in(answer.kept_days, kept, period.first, period.last)
    timeline = part_of(whole, part, filters, segment) if in_part else whole
    earlier = times_in(answer.kept_days, kept, released.span.first, period.last) if in_part else None
    known = part_of(whole, earlier, filters, segment) if earlier else whole
    totals = _added(timeline.times, period)
    folded = sum(sums.visitors for day, sums in timeline.times.folded.items() if period.first <= day <= period.last)
    coverage = coverage_of(answer, kept, data_days + small)
    not_shown = is_hidden(released, coverage, in_part, whole.times.late_days)
    if segment:
        coverage = coverage_of_segment(segment, released, data_days + small)
        not_shown = segment_is_hidden(queries["day"], coverage, part)
    why = why_not_compared(released, filters, coverage.folded or coverage.missing > 0) if filters else ""
    comparison = Comparison(compared, why=why) if compared and why else compare(known, period, compared)
    tables = {
        name: crossed_cells(queries[name], answer, data_days + small)
        if queries[name].crossed
        else cells_in(
            values_of(answer, queries[name]),
            queries[name],
            coverage_within(answer, queries[name], name, data_days + small),
            None if in_part else dimension.without,
        )
        for name, dimension in DIMENSIONS.items()
        if name in queries
    }
    return Overview(
        site=site.key,
        period=period,
        view=look.view,
        filters=filters,
        segment=segment,
        unanswered=tuple(
            name
            for name in (*DIMENSIONS, "goal", "vital", *([FUNNELS.name] if site.funnels else []))
            if name not in queries
        ),
        certainty=released.sure.certainty(not_shown),
        flags=released.sure.flags(not_shown),
        changed=what_changed(executor, known, days_of(period), {} if in_part else tables),
        full=period.full_days(today),
        comparison=comparison,
        grain=look.grain,
        grains=grains_of(period, in_part),
        totals=totals or Figures(),
        series=points(timeline, period, look.grain, metric),
        previous_series=points_before(known, period, compared, look.grain, metric) if compared and not why else (),
        tables=tables,
        goals=_goals(site, queries.get("goal"), answer, (totals or Figures()).visitors),
        # Of what the filters keep there is one number, whatever dimension they are of.
        vitals=tuple(
            structs.replace(cell, dimension="") if in_part else cell for cell in vital_cells(answer.vitals, released.k)
        ),
        funnels=_rows_of(StepCell, queries.get(FUNNELS.name), answer),
        properties=_first_of_each(queries.get(PROPERTIES.name), answer),
        journeys=first_of_each_kind(_rows_of(Way, queries.get(JOURNEYS.name), answer), rows),
        count_only=None if in_part else counted(),
        folded_hours=folded if hourly else 0,
        # Of a part it is not known: a value may be hidden beside a rare one.
        hidden_days=0 if in_part else max(0, states.count("hidden") - whole.times.late_days) + states.count("open"),
        data_days=data_days,
        since=whole.since,
        until=whole.until,
        released=answer.plan.released,
        as_of=as_of(),
        annotations=notes,
        effects=effects(known, notes, period),
        ongoing=period.first <= today <= period.last,
        empty=totals is None,
        version=_version_of(_added(whole.times, period)),
        step=step,
    )


def _rows_of(kind: type[T], query: Query | None, answer: Answer) -> tuple[T, ...]:
    return tuple(row for row in (table_of(query, answer).rows if query else ()) if isinstance(row, kind))


def _first_of_each(query: Query | None, answer: Answer) -> tuple[Property, ...]:
    """The values of the first property of each event, the first of the site's that it has; nothing where filters keep
    something."""
    rows = _rows_of(Property, query, answer)
    first = {row.event: row.property for row in sorted(rows, key=lambda row: -row.visitors)}
    return tuple(row for row in rows if row.property == first[row.event])


def _goals(site: Site, query: Query | None, answer: Answer, visitors: int) -> tuple[Goal, ...]:
    """Those that were reached, and those of which it is certain that nobody did."""
    reached = _rows_of(Goal, query, answer)
    if query is None:
        return ()
    names = (goal.name for goal in site.goals)
    return (*reached, *unreached(names, reached, visitors, answer.plan.released, query.period))


def _added(times: Times, period: Period) -> Figures | None:
    """The figures of a period; None where it has no rows."""
    days = [day for day in days_of(period) if day in times.days]
    if not days and not times.late.visitors:
        return None
    return figures_of(times.total(days))


def version(executor: Executor, site: Site, released: Released, period: Period) -> str:
    """Changes if and only if the totals of the period do: what a page asks to learn whether it is still right."""
    answer = executor.answer(plan([Query((site.key,), period)], released))
    return _version_of(_added(times_of(answer, period.first, period.last), period))


def _version_of(totals: Figures | None) -> str:
    return hashlib.blake2b(repr(totals).encode(), digest_size=8).hexdigest()
