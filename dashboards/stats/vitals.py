"""How fast and steady the pages were for the people who read them.

In: a condition over the vitals rollup. Out: one `VitalCell` for each vital and value.
Promises: a percentile is within 2 % of the true one (the histogram's error), whatever the number of days.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from heapq import nsmallest
from itertools import accumulate
from operator import add, itemgetter
from typing import Any, Literal

from msgspec import Struct
from msgspec.structs import astuple

from schema.store import Store
from schema.vitals import VITALS, value_of

from .source import Span, open_rows, rows_of

# Open days of more histograms are added up by the store.
_MOST_OPEN = 2_500
_KEY = "metric, dimension, value"
_COUNTS = "samples, good, poor, people"
_WHOLE = f"{_KEY}, buckets, counts, {_COUNTS}"

Rating = Literal["good", "needs improvement", "poor"]


class VitalCell(Struct, frozen=True):
    """p75 in the vital's unit; good, needs_improvement, poor: shares of samples in percent; people: sum of days."""

    vital: str
    dimension: str
    value: str
    p75: float
    rating: Rating
    good: float
    needs_improvement: float
    poor: float
    samples: int
    people: int

    def row(self) -> dict[str, Any]:
        """The cell as a row of `footfall stats`."""
        return {
            "value": self.vital,
            "visitors": self.people,
            "p75": self.p75,
            "unit": VITALS[self.vital].unit,
            "rating": self.rating,
            "good": self.good,
            "needs_improvement": self.needs_improvement,
            "poor": self.poor,
            "samples": self.samples,
        }


def vitals_of(
    store: Store, span: Span, condition: str, parameters: dict[str, Any], merged: bool = True
) -> list[VitalCell]:
    """The vitals of the rows that meet the condition: merged over values, or the most seen values of each dimension
    (then parameters hold `rows`). In the order of the registry."""
    keys = "''" if merged else "dimension, value"
    key_columns = "'', ''" if merged else keys
    # A quantile of bucket numbers is the bucket of the quantile, because buckets are in order of their values. The
    # row that counts people has no samples, so it weighs nothing.
    histogram, quantile = "bucket, samples", "quantileExactWeighted"
    if span.made or span.has_open:
        histogram, quantile = "buckets, counts", "quantileExactWeightedArray"
    source = _rows_of(span, condition)
    sql = (
        f"SELECT metric, {key_columns}, {quantile}(0.75)({histogram}), "
        f"sum(samples) AS n, sum(good), sum(poor), sum(people) "
        f"FROM {source} GROUP BY metric, {keys} HAVING n > 0 ORDER BY n DESC, metric, {keys} "
        + ("" if merged else "LIMIT {rows:UInt32} BY metric, dimension")
    )
    rows = store.rows(sql, span.parameters | parameters, **store.brief)
    cells = [_cell(*row) for row in rows if row[0] in VITALS]
    order = list(VITALS)
    return sorted(cells, key=lambda cell: order.index(cell.vital))


class Histogram(Struct, frozen=True, gc=False):
    """The samples of one vital and value: how many fell into which bucket (in any order, also of a bucket in parts),
    were good and poor, and of how many people (a sum of days)."""

    buckets: list[int]
    counts: list[int]
    samples: int
    good: int
    poor: int
    people: int


# By vital, dimension and value.
Histograms = dict[tuple[str, str, str], Histogram]


def histograms_of(store: Store, span: Span, most: int) -> Histograms:
    """The whole histogram of every vital and value, not more than so many of them."""
    source = _rows_of(span)
    histogram = "buckets, counts" if span.made else "[bucket], [samples]"
    sql = (
        f"SELECT {_KEY}, sumMap({histogram}), sum(samples), sum(good), sum(poor), sum(people) "
        f"FROM {source} GROUP BY {_KEY} LIMIT {{most:UInt32}}"
    )
    return {
        (metric, dimension, value): Histogram(*histogram, *counts)
        for metric, dimension, value, histogram, *counts in store.rows(
            sql, span.parameters | {"most": most}, **store.brief
        )
    }


def open_histograms(store: Store, span: Span) -> Histograms | None:
    """The same of the open days; None where there are too many."""
    rows = open_rows(store, "vitals", _WHOLE, span, _MOST_OPEN)
    if rows is None:
        return None
    found: Histograms = {}
    for _, grain, metric, dimension, value, *counts in rows:
        if grain == "day":
            key, one = (metric, dimension, value), Histogram(*counts)
            found[key] = _added(found[key], one) if key in found else one
    return found


def _rows_of(span: Span, condition: str = "true") -> str:
    """What to read vitals from: whole histograms where the span has open days or months, else rows of a bucket."""
    buckets = f"{_KEY}, [bucket] AS buckets, [samples] AS counts, {_COUNTS}"
    return rows_of("vitals", buckets, condition, span, of_open=_WHOLE, of_months=_WHOLE)


def most_seen(known: Histograms, new: Histograms, rows: int) -> list[VitalCell]:
    """What `vitals_of` tells of both together, not merged over values."""
    seen: dict[tuple[str, str], list[tuple[int, str]]] = {}
    for key in known.keys() | new:
        metric, dimension, value = key
        samples = sum(of[key].samples for of in (known, new) if key in of)
        if samples:
            seen.setdefault((metric, dimension), []).append((-samples, value))
    cells = []
    for (metric, dimension), values in seen.items():
        for _, value in nsmallest(rows, values):
            both = [of[metric, dimension, value] for of in (known, new) if (metric, dimension, value) in of]
            one = both[0] if len(both) == 1 else _added(*both)
            sums = (one.samples, one.good, one.poor, one.people)
            cells.append(_cell(metric, dimension, value, _quantile(one), *sums))
    order = list(VITALS)
    return sorted(cells, key=lambda cell: (order.index(cell.vital), -cell.samples, cell.dimension, cell.value))


def _added(one: Histogram, other: Histogram) -> Histogram:
    return Histogram(*map(add, astuple(one), astuple(other)))


def _quantile(histogram: Histogram) -> int:
    """The bucket of the 75th percentile, as `quantileExactWeighted` finds it."""
    parts = sorted(zip(histogram.buckets, histogram.counts, strict=True))
    up_to = list(accumulate(map(itemgetter(1), parts)))
    return parts[bisect_left(up_to, math.ceil(histogram.samples * 0.75))][0]


def _cell(
    metric: str, dimension: str, value: str, bucket: int, samples: int, good: int, poor: int, people: int
) -> VitalCell:
    vital = VITALS[metric]
    p75 = value_of(vital, bucket)
    rating: Rating = "good" if p75 <= vital.good else "poor" if p75 > vital.poor else "needs improvement"
    good_share, poor_share = round(100 * good / samples, 1), round(100 * poor / samples, 1)
    return VitalCell(
        vital=metric,
        dimension=dimension,
        value=value,
        p75=round(p75, 3 if vital.scale > 1 else 0),
        rating=rating,
        good=good_share,
        needs_improvement=round(max(0.0, 100 - good_share - poor_share), 1),
        poor=poor_share,
        samples=samples,
        people=people,
    )
