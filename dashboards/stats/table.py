"""What is answered to one question: a table, and how sure it is.

In: a `Query`, and what the reads of its plan add up to. Out: a `Table`. Promises: no metric is calculated here; what
may be more says so.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct

from schema.dimensions import DIMENSIONS
from schema.engagement import ENGAGED
from schema.experience import EXPERIENCE
from schema.families import DECLARED
from schema.funnels import FUNNELS
from schema.journeys import JOURNEYS
from schema.measures import Measures
from schema.metrics import metrics_of
from schema.pairs import TOLD
from schema.properties import PROPERTIES

from .cells import cells_in, crossed_cells, goal_cells, hour_cells, reached_cells, values_of
from .certainty import Certainty, Flag
from .conversions import Goal, GoalDay, days_in, goals_in, rated
from .coverage import coverage_of, coverage_within, hidden_days, is_hidden, segment_is_hidden
from .declared import KeyCell, key_cells
from .engagement import Band, bands_in
from .execute import Answer
from .experience import Rate, rates_in
from .figures import Cell, Coverage
from .funnels import StepCell, StepDay, of_funnels, step_cells, step_days
from .grains import GRAINS, grain_cells
from .journeys import Way, ways_in
from .properties import Property, properties_in
from .query import Query
from .segmented import row_of
from .splits import APART, FUNNEL_DAY
from .times import Times, times_in, times_of
from .vitals import VitalCell, VitalDay, named_by, vital_cells, vital_days


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
    days = len(released.suppressed) + len(site.days)
    coverage = coverage_of(answer, query.kept_by, days)
    not_shown = is_hidden(released, coverage, query.on_dimensions, kept, site.late_days)
    if query.inside:
        coverage = coverage_of(answer, query.by, days)
    if query.segment:
        coverage = coverage_within(answer, query, query.by, coverage.days)
        not_shown = segment_is_hidden(query, coverage, kept)
    sure, rows = released.sure, tuple(_rows(query, answer, coverage, kept, site))
    return Table(query, kept.total(), rows, coverage, sure.certainty(not_shown), sure.flags(not_shown))


def _rows(query: Query, answer: Answer, coverage: Coverage, kept: Times, site: Times) -> Sequence[Any]:
    """By what kind of rows is asked for. coverage: of their dimension. kept: what the filters keep of the site."""
    released, first, last = answer.plan.released, query.first, query.last
    match query.by:
        case "":
            return ()
        case by if by in APART:
            return ()  # bare_counts.py, leaks.py
        case "goal":
            counted = released.goals.within(first, last)
            goals = goals_in(answer.goals, released.k, coverage.days, bool(query.kept_by), released.sure, counted)
            return rated(goals, kept.total().visitors)[query.rows]
        case "goal_day":
            visitors = {day: sums.visitors for day, sums in kept.days.items()}
            return days_in(answer.goals, visitors, released.sure_of)
        case "vital":
            return vital_cells(answer.vitals, released.k)[query.rows]
        case "vital_day":
            return vital_days(answer.vitals, released.k)
        case FUNNELS.name:
            return step_cells(*of_funnels(query, answer), released.k, coverage, query.filtered)[query.rows]
        case by if by == FUNNEL_DAY:
            return step_days(*of_funnels(query, answer), released.k, released.sure_of, query.filtered)
        case PROPERTIES.name as by:
            counted = released.properties.within(first, last)
            return properties_in(answer.declared[by], released.k, coverage, counted)[query.rows]
        case ENGAGED.name as by:
            return bands_in(answer.declared[by], released.k, coverage)[query.rows]
        case JOURNEYS.name as by:
            return ways_in(answer.declared[by], released.k, coverage)[query.rows]
        case EXPERIENCE.name as by:
            return rates_in(answer.declared[by], released.k, coverage, in_part=query.filtered)[query.rows]
        case by if by in DECLARED:
            return key_cells(by, answer.declared[by], released.k, coverage, in_part=query.filtered)[query.rows]
        case grain if grain in GRAINS:
            hidden = hidden_days(query, released, coverage, kept, site)
            return grain_cells(grain, kept.days, hidden, first, released)
        case "hour":
            return hour_cells(kept)
        case _ if query.goal and query.crossed:
            return reached_cells(query, answer, coverage.days)
        case _ if query.goal:
            return goal_cells(query, answer, coverage)
        case _ if query.crossed:
            return crossed_cells(query, answer, coverage.days)
        case _:
            return cells_in(values_of(answer, query), query, coverage)
