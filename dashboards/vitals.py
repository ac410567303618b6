"""How fast and steady the pages were for the people who read them.

In: a condition over the vitals rollup. Out: one `VitalCell` for each vital and value.
Promises: a percentile is within 2 % of the true one (the histogram's error), whatever the number of days.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from schema.metrics import VITALS, value_of
from schema.store import Store

from .source import Span, rows_of

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
    # row that counts people has no samples, so it weighs nothing. A month has a whole histogram in one row.
    day, rest = "bucket, samples", "samples, good, poor, people"
    quantile = "quantileExactWeighted"
    if span.made:
        day, quantile = "[bucket] AS buckets, [samples] AS counts", "quantileExactWeightedArray"
    histogram = "buckets, counts" if span.made else day
    columns = "metric, dimension, value"
    source = rows_of(
        "vitals", f"{columns}, {day}, {rest}", condition, span, of_months=f"{columns}, {histogram}, {rest}"
    )
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
