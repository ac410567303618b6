"""What has to be read for some questions about the same days of a site: which rows, of which days, from where.

In: `Query`s, and what is released. Out: a `Plan` of as few `Read`s as can be, because planning a statement takes the
store longer than reading the rows of some weeks. Promises: every day is read once: from the sums of its month, from its
released rows or from its open ones.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from schema.dimensions import DIMENSIONS
from schema.families import DECLARED
from schema.segments import SEGMENT_GOALS, SEGMENT_VITALS, SEGMENTS

from .crossed import Crossing, crossing
from .filter import Filter
from .inside import pages_inside
from .months import WORTH_ROWS, Month
from .query import MAX_ROWS, Query
from .released import Released
from .segmented import span_of, with_goals_of
from .source import Span
from .splits import BY_SEGMENT, OF_GOALS, OF_VITALS, declared_of


class Read(Struct, frozen=True):
    """Rows of one family, added up.

    values: the dimensions whose values are told apart, from the first day on. times: the dimension whose days (hourly:
    and hours) are told apart over the whole span; "" is the whole site, None nothing. daily: of web vitals, whose days
    are added up otherwise, and of goals, without what is of no day. by_value: of goals, whose values are told apart on
    each day. filters: which values and goals are read. most: how many values are wanted, at least: those that come
    first by the metric `order`.
    """

    family: str
    span: Span
    first: dt.date
    values: tuple[str, ...] = ()
    times: str | None = None
    hourly: bool = False
    daily: bool = False
    by_value: bool = False
    filters: tuple[Filter, ...] = ()
    most: int = 1
    order: str = "visitors"

    @property
    def question(self) -> tuple[object, ...]:
        """What tells it from other reads of the same span, however many values are wanted."""
        return self.first, self.values, self.times, self.hourly, self.daily, self.by_value, self.filters, self.order


class Plan(Struct, frozen=True):
    """cells: days of the whole site, and values of the dimensions that are asked for. kept_days, kept_values: the same
    of what the filters keep, inside: the pages of the section that they keep. known: the months that tell the days of
    the whole site, which are not read then."""

    released: Released
    known: tuple[Month, ...]
    cells: Read
    kept_days: Read | None = None
    kept_values: Read | None = None
    inside: Read | None = None
    goals: Read | None = None
    vitals: Read | None = None
    declared: tuple[Read, ...] = ()
    crossed: Crossing | None = None


def plan(queries: Sequence[Query], released: Released, hourly: bool = False, back: bool = False) -> Plan:
    """How to answer queries about the same days of the same site, all of them with the same filters. hourly: by hours,
    too. back: of what the filters keep the days before, too."""
    first, last = queries[0].first, queries[0].last
    if queries[0].segment:
        released = with_goals_of(queries[0].segment, released)
    within = released.span.part(first, last)
    before = (released.wide or released.span) if back else within
    # Today is compared by its hours.
    hourly |= any(query.by == "hour" or (query.compare and query.period.days == 1) for query in queries)
    named = {name for query in queries if not query.segment for name in (query.dimension, query.kept_by)}
    dimensions = tuple(sorted(filter(None, named)))
    whole = _whole_months(released, within)
    summed, versions = _days_of(whole), tuple(month.version for month in whole)
    # Of the whole site months tell every day, of values what all their days add up to, of hours nothing.
    known = () if hourly else released.months
    told = _days_of(known)
    spare = frozenset(day for day in told if day < first) | summed if dimensions else told
    span = released.span.less(released.span.released & spare, versions if dimensions else ())
    # One may be left out of a table, and two come besides.
    most = 3 + max((_most(query) for query in queries if query.by in DIMENSIONS), default=0)
    order = next((query.order for query in queries if query.by in DIMENSIONS), "visitors")
    monthly = within.less(summed, versions)
    kept = next((query for query in queries if query.filtered), None)
    # Goals, funnels and web vitals have rows of their own.
    of_cells = tuple(one for one in kept.filters if one.dimension in DIMENSIONS) if kept else ()
    # Of families that are counted by what their entry says there are no sums of months.
    asked = {name: query for query in queries if (name := declared_of(query.by))}
    split = any(query.filtered and query.by == query.kept_by and not query.inside for query in queries)
    days = values = None
    if kept and kept.segment:
        only = (Filter(BY_SEGMENT, "==", kept.segment), *of_cells)
        span_of_it = span_of(kept.segment, before, released)
        days = Read(SEGMENTS.name, span_of_it, first, times=kept.kept_by, filters=only)
        each = tuple(sorted({query.by for query in queries if query.by in DIMENSIONS}))
        its_values = replace(days, span=span_of(kept.segment, within, released), values=each, times=None)
        values = replace(its_values, most=most, order=order) if each else None
    elif kept:
        of_cells = _inside(kept, released) if kept.inside and kept.its_own else of_cells
        days = Read("cells", before, first, times=kept.kept_by, filters=of_cells)
        its = (kept.kept_by,)
        values = Read("cells", monthly, first, its, filters=of_cells, most=most, order=order) if split else None
    paths = tuple(sorted({query.by for query in queries if query.inside}))
    of_paths = _inside(next(query for query in queries if query.inside), released) if paths else ()
    return Plan(
        released,
        known,
        Read("cells", released.span if hourly else span, first, dimensions, "", hourly, most=most, order=order),
        days,
        values,
        Read("cells", monthly, first, paths, filters=of_paths, most=most, order=order) if paths else None,
        _goals(queries, within, told, released),
        _vitals(queries, within, monthly, released),
        tuple(
            Read(name, _rows_of(name, within), first, times=one.dimension, filters=one.filters)
            for name, one in asked.items()
        ),
        crossing(queries, released, within, most),
    )


def _inside(query: Query, released: Released) -> tuple[Filter, ...]:
    """What keeps the pages that a query is of."""
    return (*pages_inside(query.inside, released.section_patterns, query.by), *query.its_own)


def _most(query: Query) -> int:
    """How many values are wanted at least. Of a goal those come first whose people reached it."""
    return MAX_ROWS if query.goal else query.rows.stop


def _rows_of(family: str, span: Span) -> Span:
    """The days of which a family has rows."""
    return span if DECLARED[family].live else span.closed()


def _goals(queries: Sequence[Query], within: Span, told: frozenset[dt.date], released: Released) -> Read | None:
    # Of cells of pairs the crossing tells them.
    asked = (query for query in queries if query.by in OF_GOALS or (query.goal and not query.crossed))
    query = next(asked, None)
    if query is None:
        return None
    if query.segment:
        only = (Filter(BY_SEGMENT, "==", query.segment), *query.filters)
        span = replace(span_of(query.segment, within, released), former=within.former)
        return Read(SEGMENT_GOALS.name, span, query.first, times="", filters=only)
    if query.by == "goal_day":  # what is released with a block is of none of its days
        alone = replace(within, blocks=())
        return Read("conversions", alone, query.first, times=query.dimension, daily=True, filters=query.filters)
    span = within if query.filters else within.less(within.released & told)
    by_value = bool(query.goal)
    return Read("conversions", span, query.first, times=query.dimension, by_value=by_value, filters=query.filters)


def _vitals(queries: Sequence[Query], within: Span, monthly: Span, released: Released) -> Read | None:
    asked = [query for query in queries if query.by in OF_VITALS]
    if not asked:
        return None
    if asked[0].segment:
        only = (Filter(BY_SEGMENT, "==", asked[0].segment), *asked[0].filters)
        span, daily = span_of(asked[0].segment, within, released), asked[0].by == "vital_day"
        return Read(SEGMENT_VITALS.name, span, asked[0].first, times="", daily=daily, filters=only)
    if asked[0].by == "vital_day":  # sums of a month do not tell its days
        return Read("vitals", within, asked[0].first, times=asked[0].dimension, daily=True, filters=asked[0].filters)
    values = tuple(query.each for query in asked if query.each)
    times = next((query.dimension for query in asked if not query.each), None)
    return Read(
        "vitals",
        monthly,
        asked[0].first,
        values,
        times,
        filters=asked[0].filters,
        most=max(query.rows.stop for query in asked),
    )


def _whole_months(released: Released, within: Span) -> list[Month]:
    """Those within the days whose sums are read in place of them, where that is worth it."""
    months = [month for month in released.months if month.days <= within.released]
    return months if sum(month.rows for month in months) >= WORTH_ROWS else []


def _days_of(months: Iterable[Month]) -> frozenset[dt.date]:
    return frozenset(day for month in months for day in month.days)
