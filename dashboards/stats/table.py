"""What is answered to one question: a table, and how sure it is.

In: a `Query`, and what the reads of its plan add up to. Out: a `Table`. Promises: no metric is calculated here; what
may be more says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable
from itertools import islice
from typing import Any

from msgspec import Struct, field
from msgspec.structs import astuple, replace

from schema.dimensions import DIMENSIONS, OTHER
from schema.engagement import ENGAGED
from schema.experience import EXPERIENCE
from schema.families import DECLARED
from schema.funnels import FUNNELS
from schema.journeys import JOURNEYS
from schema.measures import MEASURES, Measures
from schema.metrics import metrics_of
from schema.pairs import TOLD
from schema.properties import PROPERTIES

from .certainty import Certainty, Flag
from .conversions import Goal, GoalDay, days_in, goals_in, rated
from .crossed import coverage_of_pair, goal_of_pair
from .declared import KeyCell, key_cells
from .engagement import Band, bands_in
from .execute import Answer, Group, Groups
from .experience import Rate, rates_in
from .figures import Cell, Coverage, cell_of, summed
from .filter import is_of_one
from .funnels import StepCell, StepDay, of_funnels, step_cells, step_days
from .goal_values import goal_values
from .grains import GRAINS, grain_cells
from .journeys import Way, ways_in
from .properties import Property, properties_in
from .query import Query
from .released import Released
from .segmented import coverage_of_segment, row_of
from .shapes import MOVED
from .splits import APART, FUNNEL_DAY
from .vitals import VitalCell, VitalDay, named_by, vital_cells, vital_days


class Times(Struct):
    """What some days add up to, and their hours, by Unix second; folded: of a day the people of its folded hours. late:
    what was released with blocks of them, late_days: in the place of how many days; other: what is folded, moved: what
    of this was released with blocks, too."""

    days: dict[dt.date, Measures]
    hours: dict[int, Measures]
    folded: dict[dt.date, Measures]
    late: Measures = field(default_factory=Measures)
    late_days: int = 0
    other: Measures = field(default_factory=Measures)
    moved: Measures = field(default_factory=Measures)

    def total(self, days: Iterable[dt.date] | None = None) -> Measures:
        """Everything together; days: of these, and of what was released with blocks."""
        of_days = self.days.values() if days is None else (self.days[day] for day in days if day in self.days)
        rest = less(self.other, self.moved)
        return less(summed((*of_days, self.late, rest)), self.other)


class Table(Struct, frozen=True):
    """totals: of the whole site, or of what the filters keep. certainty, flags: of the totals. coverage: of the
    dimension."""

    query: Query
    totals: Measures
    rows: (
        tuple[Cell, ...]
        | tuple[Goal, ...]
        | tuple[GoalDay, ...]
        | tuple[VitalCell, ...]
        | tuple[VitalDay, ...]
        | tuple[StepDay, ...]
        | tuple[KeyCell, ...]
        | tuple[StepCell, ...]
        | tuple[Property, ...]
        | tuple[Band, ...]
        | tuple[Way, ...]
        | tuple[Rate, ...]
    )
    coverage: Coverage
    certainty: Certainty
    flags: tuple[Flag, ...]

    def as_rows(self) -> list[dict[str, Any]]:
        """The rows as they are written: the metrics that mean something, or that were chosen among them."""
        by = DIMENSIONS.get(self.query.by)
        fitting = metrics_of(by.scope if by else "site")
        asked = self.query.metrics
        metrics = [name for name in fitting if not asked or name == "visitors" or name in asked]
        if self.query.crossed or self.query.segment:
            metrics = [name for name in metrics if name in TOLD]
        sure = by is not None or self.query.by in GRAINS
        rows = [row.row(metrics, sure) if isinstance(row, Cell) else row.row() for row in self.rows]
        if self.query.each:
            its = (row.value for row in self.rows if isinstance(row, VitalCell))
            rows = [row | named_by(self.query.each, value) for row, value in zip(rows, its, strict=True)]
        since_of_values = self.query.crossed or (self.query.segment and by)
        if not self.query.goal and (self.query.by == "section" or since_of_values):
            since = (row.counted_since for row in self.rows if isinstance(row, Cell))
            rows = [row | {"counted_since": day and day.isoformat()} for row, day in zip(rows, since, strict=True)]
        return rows

    def as_total(self) -> dict[str, Any]:
        """The totals of a segment by day as a row of segments."""
        shown = sum(row.of_days - row.not_shown_days for row in self.rows if isinstance(row, Cell))
        return row_of(self.totals, self.coverage, shown, self.certainty, self.flags)


def table_of(query: Query, answer: Answer) -> Table:
    """The answer to one of the questions of the plan."""
    released, first, last = answer.plan.released, query.first, query.last
    site = times_of(answer, first, last)
    kept = times_in(answer.kept_days, query.kept_by, first, last) if query.filtered else site
    totals = kept.total()
    days = len(released.suppressed) + len(site.days)
    coverage = coverage_of(answer, query.kept_by, days)
    not_shown = is_hidden(released, coverage, query.filtered, site.late_days)
    if query.inside:
        coverage = coverage_of(answer, query.by, days)
    if query.segment:
        coverage = coverage_within(answer, query, query.by, coverage.days)
        not_shown = segment_is_hidden(query, coverage, kept)
    rows: tuple[Any, ...] = ()
    match query.by:
        case "":
            pass
        case "goal":
            counted = released.goals.within(first, last)
            goals = goals_in(answer.goals, released.k, coverage.days, bool(query.kept_by), released.sure, counted)
            rows = tuple(rated(goals, totals.visitors)[query.rows])
        case "goal_day":
            visitors = {day: sums.visitors for day, sums in kept.days.items()}
            rows = tuple(days_in(answer.goals, visitors, released.sure_of))
        case "vital":
            rows = tuple(vital_cells(answer.vitals, released.k)[query.rows])
        case "vital_day":
            rows = tuple(vital_days(answer.vitals, released.k))
        case by if by in APART:
            pass  # bare_counts.py, leaks.py
        case FUNNELS.name:
            rows = tuple(step_cells(*of_funnels(query, answer), released.k, coverage, query.filtered)[query.rows])
        case by if by == FUNNEL_DAY:
            rows = tuple(step_days(*of_funnels(query, answer), released.k, released.sure_of, query.filtered))
        case PROPERTIES.name as by:
            counted = released.properties.within(first, last)
            rows = tuple(properties_in(answer.declared[by], released.k, coverage, counted)[query.rows])
        case ENGAGED.name as by:
            rows = tuple(bands_in(answer.declared[by], released.k, coverage)[query.rows])
        case JOURNEYS.name as by:
            rows = tuple(ways_in(answer.declared[by], released.k, coverage)[query.rows])
        case EXPERIENCE.name as by:
            rates = rates_in(answer.declared[by], released.k, coverage, in_part=query.filtered)
            rows = tuple(rates[query.rows])
        case by if by in DECLARED:
            cells = key_cells(by, answer.declared[by], released.k, coverage, in_part=query.filtered)
            rows = tuple(cells[query.rows])
        case grain if grain in GRAINS:
            hidden = _hidden_days(query, released, coverage, kept, site)
            rows = grain_cells(grain, kept.days, hidden, first, released)
        case "hour":
            rows = (
                *(cell_of(OTHER, sums) for sums in [summed(kept.folded.values())] if kept.folded),
                *(cell_of(str(hour), sums) for hour, sums in sorted(kept.hours.items())),
            )
        case _ if query.goal and query.crossed:
            rows = reached_cells(query, answer, coverage.days)
        case _ if query.goal:
            counted_goal = released.goals.within(first, last).get(query.goal)
            group = (answer.kept_values if query.filtered else answer.cells).get((query.by,))
            people = {value: _measures(sums).visitors for value, sums in group.by_key.items()} if group else {}
            rows = tuple(goal_values(answer.goals, released.k, coverage, counted_goal, people)[query.rows])
        case _ if query.crossed:
            rows = crossed_cells(query, answer, coverage.days)
        case _:
            rows = cells_in(values_of(answer, query), query, coverage)
    return Table(query, totals, rows, coverage, released.sure.certainty(not_shown), released.sure.flags(not_shown))


def values_of(answer: Answer, query: Query) -> Groups:
    """Where the values are that a question is of."""
    return answer.inside if query.inside else answer.kept_values if query.filtered else answer.cells


def coverage_within(answer: Answer, query: Query, dimension: str, days: int) -> Coverage:
    """How a dimension is shown to a question. days: how many have data."""
    if not query.segment:
        return coverage_of(answer, dimension, days)
    group = answer.kept_values.get((dimension,))
    return coverage_of_segment(query.segment, answer.plan.released, days, group.by_key if group else ())


def segment_is_hidden(query: Query, coverage: Coverage, kept: Times) -> bool:
    """Whether something of the totals of a segment is not shown: on days that have no row of it, or of values that are
    kept."""
    return len(kept.days) < coverage.days or (bool(query.kept_by) and coverage.folded)


def _hidden_days(query: Query, released: Released, coverage: Coverage, kept: Times, site: Times) -> frozenset[dt.date]:
    """Days that have data, of which something that is asked for is not shown."""
    if released.k == 1:
        return frozenset()
    small = frozenset(released.suppressed)
    if not query.filtered:
        return small
    if query.segment and not query.kept_by:
        return small | (site.days.keys() - kept.days.keys())
    # Of others than one value some may be folded on any day.
    if not is_of_one(query.filters) and (coverage.missing or coverage.folded):
        return small | site.days.keys()
    return small | (site.days.keys() - kept.days.keys() if coverage.missing or coverage.folded else frozenset())


def is_hidden(released: Released, coverage: Coverage, filtered: bool, late_days: int = 0) -> bool:
    """Whether something of totals is not shown. coverage: of the dimension that is filtered. late_days: how many days
    of too few visitors are in a block."""
    # Of filtered values some may be hidden on any day.
    hidden = filtered and (coverage.missing > 0 or coverage.folded or bool(coverage.counted))
    return len(released.suppressed) > late_days or hidden


def cells_in(groups: Groups, query: Query, coverage: Coverage, without: str | None = None) -> tuple[Cell, ...]:
    """The values of a dimension, what is folded last and besides. without: a value that is left out."""
    group = groups.get((query.by,))
    if group is None:
        return ()
    found = group.by_key
    named = [value for value in found if value not in (without, OTHER, MOVED)][query.rows]
    cells = [cell_of(value, _measures(found[value]), found[value][-1], coverage) for value in named]
    if OTHER in found:
        folded = _measures(found[OTHER])
        other = cell_of(OTHER, folded, found[OTHER][-1], coverage)
        if MOVED in found:
            # One person may be behind several of the values that have a row of their own now.
            rest = less(folded, _measures(found[MOVED]))
            sure = coverage.sure
            other = cell_of(OTHER, rest, found[OTHER][-1], coverage)
            other = replace(other, certainty=sure.certainty(True), flags=sure.flags(True))
        cells += [other] if other.visitors else []
    return tuple(cells)


def crossed_cells(query: Query, answer: Answer, days: int) -> tuple[Cell, ...]:
    """The values of a dimension, of what the filters keep of another one; or of two. days: how many have data."""
    of = answer.plan.crossed
    if of is None or query.crossed is None:
        return ()
    group = answer.crossed.get((query.crossed.beside(of.along),), Group({}))
    coverage = coverage_of_pair(query.crossed, answer.plan.released, days, group.by_key.keys())
    flipped = of.along == query.by
    return tuple(
        replace(
            cell_of(told, _measures(sums), sums[-1], coverage),
            value=kept if flipped else told,
            by_value=(told if flipped else kept) if query.beside else None,
        )
        for (told, kept), sums in islice(group.by_key.items(), query.rows.start, query.rows.stop)
    )


def reached_cells(query: Query, answer: Answer, days: int) -> tuple[Goal, ...]:
    """Who reached a goal, by the values of a dimension, of what the filters keep of another one."""
    of, released = answer.plan.crossed, answer.plan.released
    if of is None or query.crossed is None:
        return ()
    group = answer.crossed.get((query.crossed.beside(of.along),), Group({}))
    people = {told: _measures(sums).visitors for (told, _), sums in group.by_key.items()}
    its = released.goals.within(query.first, query.last).get(query.goal)
    coverage = coverage_of_pair(query.crossed, released, days, group.by_key.keys())
    counted = goal_of_pair(query.crossed, released, its, days)
    return tuple(goal_values(answer.goals, released.k, coverage, counted, people)[query.rows])


def coverage_of(answer: Answer, dimension: str, days: int) -> Coverage:
    """How a dimension is shown. days: how many have data, also too little to show."""
    released, query = answer.plan.released, answer.plan.cells
    group = answer.cells.get((dimension,)) if dimension else None
    counted = released.sections.within(query.first, query.span.last) if dimension == "section" else {}
    if released.k == 1 or not dimension:
        return Coverage(days, 0, False, released.sure, counted)
    # A value that is there on every day tells that something of the dimension is.
    if group is None:
        return Coverage(days, days, False, released.sure, counted)
    return Coverage(days, days - group.days, OTHER in group.by_key, released.sure, counted)


def times_of(answer: Answer, first: dt.date, last: dt.date) -> Times:
    """The whole site from first to last."""
    read = times_in(answer.cells, "", first, last)
    for month in answer.plan.known:
        read.days.update((day, sums) for day, sums in month.totals.items() if first <= day <= last)
    return read


def times_in(groups: Groups, dimension: str, first: dt.date, last: dt.date) -> Times:
    """Days and hours of a dimension, its values together."""
    times = Times({}, {}, {})
    group = groups.get((dimension,))
    for key, sums in group.by_key.items() if group else ():
        grain, date, start, value = key.split(" ", 3)
        day = dt.date.fromisoformat(date)
        if not first <= day <= last:
            continue
        if grain == "late" and value == MOVED:
            times.moved = summed((times.moved, _measures(sums)))
        elif grain == "late":
            times.late = summed((times.late, _measures(sums)))
            times.late_days += sums[-1]
        elif grain == "day":
            times.days[day] = summed((times.days.get(day, Measures()), _measures(sums)))
            times.other = summed((times.other, _measures(sums))) if value == OTHER else times.other
        elif value == OTHER:
            times.folded[day] = _measures(sums)
        else:
            times.hours[int(start)] = _measures(sums)
    return times


def less(one: Measures, other: Measures) -> Measures:
    """What is left of one, nowhere less than nothing."""
    return Measures(*(max(0, a - b) for a, b in zip(astuple(one), astuple(other), strict=True)))


def _measures(sums: tuple[Any, ...]) -> Measures:
    return Measures(*sums[: len(MEASURES)])
