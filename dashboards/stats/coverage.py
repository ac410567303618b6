"""How much of its days and values a question is shown.

In: an `Answer`, and which days are released. Out: a `Coverage`, and whether totals may be more. Promises: where a day
or a value may be hidden, it says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from schema.dimensions import OTHER

from .execute import Answer
from .figures import Coverage
from .filter import Filter, is_of_one
from .query import Query
from .released import Released
from .segmented import coverage_of_segment
from .times import Times


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


def coverage_within(answer: Answer, query: Query, dimension: str, days: int) -> Coverage:
    """How a dimension is shown to a question. days: how many have data."""
    if not query.segment:
        return coverage_of(answer, dimension, days)
    group = answer.kept_values.get((dimension,))
    return coverage_of_segment(query.segment, answer.plan.released, days, group.by_key if group else ())


def is_hidden(released: Released, coverage: Coverage, filters: Sequence[Filter], kept: Times, late_days: int) -> bool:
    """Whether something of totals is not shown. coverage: of the dimension that is filtered. kept: what the filters
    keep. late_days: how many days of too few visitors are in a block."""
    if len(filters) == 1 and is_of_one(filters) and filters[0].value != OTHER:
        # As its row says.
        return coverage.not_shown(filters[0].value, len(kept.days) + kept.late_days) > 0
    # Of filtered values some may be hidden on any day.
    hidden = bool(filters) and (coverage.missing > 0 or coverage.folded or bool(coverage.counted))
    return len(released.suppressed) > late_days or hidden


def segment_is_hidden(query: Query, coverage: Coverage, kept: Times) -> bool:
    """Whether something of the totals of a segment is not shown: on days that have no row of it, or of values that are
    kept."""
    return len(kept.days) < coverage.days or (bool(query.kept_by) and coverage.folded)


def hidden_days(query: Query, released: Released, coverage: Coverage, kept: Times, site: Times) -> frozenset[dt.date]:
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
