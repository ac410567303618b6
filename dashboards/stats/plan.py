"""What has to be read for some questions about the same days of a site: which rows, of which days, from where.

In: `Query`s, and what is released. Out: a `Plan` of as few `Read`s as can be, because planning a statement takes the
store longer than reading the rows of some weeks. Promises: every day is read once: from the sums of its month, from its
released rows or from its open ones.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from functools import cached_property

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
    if queries[0].segment:
        released = with_goals_of(queries[0].segment, released)
    # Today is compared by its hours.
    hourly |= any(query.by == "hour" or (query.compare and query.period.days == 1) for query in queries)
    asked = _Asked(queries, released, hourly, back)
    days, values = asked.kept()
    return Plan(
        released,
        asked.known,
        asked.cells(),
        days,
        values,
        asked.inside(),
        asked.goals(),
        asked.vitals(),
        asked.declared(),
        crossing(queries, released, asked.within, asked.most),
    )


class _Asked(Struct, dict=True):
    """Queries about the same days. within: these days; monthly: the same, where whole months may be read in place of
    their days."""

    queries: Sequence[Query]
    released: Released
    hourly: bool
    back: bool

    @property
    def first(self) -> dt.date:
        return self.queries[0].first

    @cached_property
    def within(self) -> Span:
        return self.released.span.part(self.first, self.queries[0].last)

    @cached_property
    def months(self) -> list[Month]:
        return _whole_months(self.released, self.within)

    @cached_property
    def monthly(self) -> Span:
        return self.within.less(_days_of(self.months), self.versions)

    @property
    def versions(self) -> tuple[int, ...]:
        return tuple(month.version for month in self.months)

    @property
    def known(self) -> tuple[Month, ...]:
        """Of the whole site months tell every day, of values what all their days add up to, of hours nothing."""
        return () if self.hourly else self.released.months

    @property
    def most(self) -> int:
        """How many values are wanted. One may be left out of a table, and two come besides."""
        return 3 + max((_most(query) for query in self.queries if query.by in DIMENSIONS), default=0)

    @property
    def order(self) -> str:
        return next((query.order for query in self.queries if query.by in DIMENSIONS), "visitors")

    def cells(self) -> Read:
        """Days of the whole site, and values."""
        named = {name for query in self.queries if not query.segment for name in (query.dimension, query.kept_by)}
        dimensions = tuple(sorted(filter(None, named)))
        span, told = self.released.span, _days_of(self.known)
        if not self.hourly:
            spare = frozenset(day for day in told if day < self.first) | _days_of(self.months) if dimensions else told
            span = span.less(span.released & spare, self.versions if dimensions else ())
        return Read("cells", span, self.first, dimensions, "", self.hourly, most=self.most, order=self.order)

    def kept(self) -> tuple[Read | None, Read | None]:
        """Of what the filters keep the days, and the values."""
        kept = next((query for query in self.queries if query.filtered), None)
        if kept is None:
            return None, None
        before = (self.released.wide or self.released.span) if self.back else self.within
        # Goals, funnels and web vitals have rows of their own.
        of_cells = tuple(one for one in kept.filters if one.dimension in DIMENSIONS)
        if kept.segment:
            only = (Filter(BY_SEGMENT, "==", kept.segment), *of_cells)
            span = span_of(kept.segment, before, self.released)
            days = Read(SEGMENTS.name, span, self.first, times=kept.kept_by, filters=only)
            each = tuple(sorted({query.by for query in self.queries if query.by in DIMENSIONS}))
            values = replace(days, span=span_of(kept.segment, self.within, self.released), values=each, times=None)
            return days, replace(values, most=self.most, order=self.order) if each else None
        of_cells = _inside(kept, self.released) if kept.inside and kept.its_own else of_cells
        days = Read("cells", before, self.first, times=kept.kept_by, filters=of_cells)
        split = any(query.filtered and query.by == query.kept_by and not query.inside for query in self.queries)
        return days, self._values((kept.kept_by,), of_cells) if split else None

    def inside(self) -> Read | None:
        """The pages of the section that the filters keep."""
        query = next((query for query in self.queries if query.inside), None)
        if query is None:
            return None
        paths = tuple(sorted({query.by for query in self.queries if query.inside}))
        return self._values(paths, _inside(query, self.released))

    def _values(self, names: tuple[str, ...], filters: tuple[Filter, ...]) -> Read:
        return Read("cells", self.monthly, self.first, names, filters=filters, most=self.most, order=self.order)

    def declared(self) -> tuple[Read, ...]:
        """Of families that are counted by what their entry says there are no sums of months."""
        asked = {name: query for query in self.queries if (name := declared_of(query.by))}
        return tuple(
            Read(name, _rows_of(name, self.within), self.first, times=one.dimension, filters=one.filters)
            for name, one in asked.items()
        )

    def goals(self) -> Read | None:
        # Of cells of pairs the crossing tells them.
        asked = (query for query in self.queries if query.by in OF_GOALS or (query.goal and not query.crossed))
        query, within = next(asked, None), self.within
        if query is None:
            return None
        if query.segment:
            only = (Filter(BY_SEGMENT, "==", query.segment), *query.filters)
            former = (*within.former, *self.released.segment_goals_former)
            span = replace(span_of(query.segment, within, self.released), former=former)
            return Read(SEGMENT_GOALS.name, span, query.first, times="", filters=only)
        if query.by == "goal_day":  # what is released with a block is of none of its days
            alone = replace(within, blocks=())
            return Read("conversions", alone, query.first, times=query.dimension, daily=True, filters=query.filters)
        span = within if query.filters else within.less(within.released & _days_of(self.known))
        by_value = bool(query.goal)
        return Read("conversions", span, query.first, times=query.dimension, by_value=by_value, filters=query.filters)

    def vitals(self) -> Read | None:
        asked = [query for query in self.queries if query.by in OF_VITALS]
        if not asked:
            return None
        query, daily = asked[0], asked[0].by == "vital_day"
        if query.segment:
            only = (Filter(BY_SEGMENT, "==", query.segment), *query.filters)
            span = span_of(query.segment, self.within, self.released)
            return Read(SEGMENT_VITALS.name, span, query.first, times="", daily=daily, filters=only)
        if daily:  # sums of a month do not tell its days
            return Read("vitals", self.within, query.first, times=query.dimension, daily=True, filters=query.filters)
        return Read(
            "vitals",
            self.monthly,
            query.first,
            tuple(query.each for query in asked if query.each),
            next((query.dimension for query in asked if not query.each), None),
            filters=query.filters,
            most=max(query.rows.stop for query in asked),
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


def _whole_months(released: Released, within: Span) -> list[Month]:
    """Those within the days whose sums are read in place of them, where that is worth it."""
    months = [month for month in released.months if month.days <= within.released]
    return months if sum(month.rows for month in months) >= WORTH_ROWS else []


def _days_of(months: Iterable[Month]) -> frozenset[dt.date]:
    return frozenset(day for month in months for day in month.days)
