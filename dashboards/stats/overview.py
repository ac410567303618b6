"""Everything the dashboard of one site shows about one period.

In: a site, a period and the site's local time. Out: an `Overview`.
Promises: eight statements at most (with the caller's ones), twelve where nothing is cached yet, however long the
period, and two more where the site has funnels, or journeys; each as plain as can be, because planning them is most of
the time that an overview takes.
"""

from __future__ import annotations

import datetime as dt
import hashlib
from collections.abc import Callable, Mapping
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
from .figures import Cell, Coverage, Figures, figures_of
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


class Asked(Struct, frozen=True):
    """What a page is of. now: the site's local time. rows: at most that many in each table. step: what the counts of
    open days are multiples of. filters, segment: of which visits."""

    site: Site
    period: Period
    now: dt.datetime
    rows: int
    step: int
    filters: tuple[Filter, ...]
    segment: str
    look: Look

    @property
    def in_part(self) -> bool:
        """Whether it is of some visits only."""
        return bool(self.filters or self.segment)


class _Days(Struct, frozen=True):
    """The days of a page: of the whole site; of what is kept in the period, part, as far as they are known, shown; and
    of that with the days before, known."""

    whole: Timeline
    part: Times
    shown: Timeline
    known: Timeline


def read(
    store: Store, executor: Executor, asked: Asked, released: Released, counted: Callable[[], BareTotal | None]
) -> Overview:
    """Ask the store for what is not cached, several statements at once. counted: the bare total. Raises BadQuery where
    filters are of several dimensions."""
    site, period, look, in_part = asked.site, asked.period, asked.look, asked.in_part
    queries = page_queries(site, period, asked.rows, asked.filters, released, asked.segment)
    as_of = executor.beside(partial(snapshot_time, store, released.span.part(period.first, period.last), site))
    noted = executor.beside(partial(notes_of, store, site.key, period.first, period.last))
    hourly = look.grain == HOUR
    answer = executor.answer(plan([*queries.values()], released, hourly, back=in_part))
    notes = noted()
    days = _days_of(asked, queries["day"].kept_by, answer)
    whole, shown, known = days.whole, days.shown, days.known
    states = [whole.state(day) for day in days_of(period)]
    data_days = states.count("measured")
    with_data = data_days + len(released.suppressed)
    coverage, not_shown = _sureness(asked, queries["day"], answer, days, with_data)
    why = why_not_compared(released, asked.filters, coverage.folded or coverage.missing > 0) if asked.filters else ""
    comparison = Comparison(look.before, why=why) if look.before and why else compare(known, period, look.before)
    before = look.before if not why else None
    totals = _added(shown.times, period)
    tables = _tables(asked, queries, answer, with_data)
    return Overview(
        site=site.key,
        period=period,
        view=look.view,
        filters=asked.filters,
        segment=asked.segment,
        unanswered=_unanswered(site, queries),
        certainty=released.sure.certainty(not_shown),
        flags=released.sure.flags(not_shown),
        changed=what_changed(executor, known, days_of(period), {} if in_part else tables),
        full=period.full_days(asked.now.date()),
        comparison=comparison,
        grain=look.grain,
        grains=grains_of(period, in_part),
        totals=totals or Figures(),
        series=points(shown, period, look.grain, look.view.metric),
        previous_series=points_before(known, period, before, look.grain, look.view.metric) if before else (),
        tables=tables,
        goals=_goals(site, queries.get("goal"), answer, (totals or Figures()).visitors),
        vitals=_vitals(answer, in_part),
        funnels=_rows_of(StepCell, queries.get(FUNNELS.name), answer),
        properties=_first_of_each(queries.get(PROPERTIES.name), answer),
        journeys=first_of_each_kind(_rows_of(Way, queries.get(JOURNEYS.name), answer), asked.rows),
        count_only=None if in_part else counted(),
        folded_hours=_folded(shown.times, period) if hourly else 0,
        # Of a part it is not known: a value may be hidden beside a rare one.
        hidden_days=0 if in_part else max(0, states.count("hidden") - whole.times.late_days) + states.count("open"),
        data_days=data_days,
        since=whole.since,
        until=whole.until,
        released=answer.plan.released,
        as_of=as_of(),
        annotations=notes,
        effects=effects(known, notes, period),
        ongoing=period.first <= asked.now.date() <= period.last,
        empty=totals is None,
        version=_version_of(_added(whole.times, period)),
        step=asked.step,
    )


def _days_of(asked: Asked, kept: str, answer: Answer) -> _Days:
    """kept: the dimension of which the filters keep something."""
    released, period = answer.plan.released, asked.period
    first, last = released.span.first, period.last
    whole = Timeline(times_of(answer, first, last), released, asked.now, ZoneInfo(asked.site.timezone))
    part = times_in(answer.kept_days, kept, period.first, last)
    if not asked.in_part:
        return _Days(whole, part, whole, whole)
    shown = part_of(whole, part, asked.filters, asked.segment)
    known = part_of(whole, times_in(answer.kept_days, kept, first, last), asked.filters, asked.segment)
    return _Days(whole, part, shown, known)


def _sureness(asked: Asked, query: Query, answer: Answer, days: _Days, with_data: int) -> tuple[Coverage, bool]:
    """How what is kept is shown, and whether something of the totals is not. query: by day. with_data: how many days
    have any."""
    released = answer.plan.released
    if asked.segment:
        coverage = coverage_of_segment(asked.segment, released, with_data)
        return coverage, segment_is_hidden(query, coverage, days.part)
    coverage = coverage_of(answer, query.kept_by, with_data)
    return coverage, is_hidden(released, coverage, query.on_dimensions, days.part, days.whole.times.late_days)


def _tables(asked: Asked, queries: Mapping[str, Query], answer: Answer, with_data: int) -> dict[str, tuple[Cell, ...]]:
    """The values of each dimension that is answered. with_data: how many days have any."""
    found = {}
    for name, dimension in DIMENSIONS.items():
        query = queries.get(name)
        if query and query.crossed:
            found[name] = crossed_cells(query, answer, with_data)
        elif query:
            coverage = coverage_within(answer, query, name, with_data)
            without = None if asked.in_part else dimension.without
            found[name] = cells_in(values_of(answer, query), query, coverage, without)
    return found


def _unanswered(site: Site, queries: Mapping[str, Query]) -> tuple[str, ...]:
    names = (*DIMENSIONS, "goal", "vital", *([FUNNELS.name] if site.funnels else []))
    return tuple(name for name in names if name not in queries)


def _vitals(answer: Answer, in_part: bool) -> tuple[VitalCell, ...]:
    """Of what filters keep there is one number, whatever dimension they are of."""
    found = vital_cells(answer.vitals, answer.plan.released.k)
    return tuple(structs.replace(cell, dimension="") if in_part else cell for cell in found)


def _folded(times: Times, period: Period) -> int:
    """The visitors of folded hours."""
    return sum(sums.visitors for day, sums in times.folded.items() if period.first <= day <= period.last)


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
