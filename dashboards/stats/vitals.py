"""How fast and steady the pages were for the people who read them.

In: histograms. Out: one `VitalCell` for each vital and value.
Promises: a percentile is within 2 % of the true one (the histogram's error), whatever the number of days.
"""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from operator import itemgetter
from typing import Any, Literal

from msgspec import Struct

from schema.dimensions import ELEMENT, page_and_element
from schema.vitals import PERCENTILES, VITALS, value_of

from .execute import Groups

NAMED_OF_ELEMENTS = ("page", ELEMENT.name)
Rating = Literal["good", "needs improvement", "poor"]


class VitalCell(Struct, frozen=True):
    """p50, p75, p90, p99: percentiles in the vital's unit, None where fewer than k people are beyond (p75: where
    fewer were measured); good, needs_improvement, poor: shares of samples in percent; people: sum of days."""

    vital: str
    dimension: str
    value: str
    p50: float | None
    p75: float
    p90: float | None
    p99: float | None
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
            **{name: getattr(self, name) for name in PERCENTILES},
            "unit": VITALS[self.vital].unit,
            "rating": self.rating,
            "good": self.good,
            "needs_improvement": self.needs_improvement,
            "poor": self.poor,
            "samples": self.samples,
        }


class VitalDay(Struct, frozen=True):
    """The vital of one day, the value of its cell."""

    cell: VitalCell

    def row(self) -> dict[str, Any]:
        """The day as a row of `footfall stats`."""
        return {"value": self.cell.value, "vital": self.cell.vital} | {
            name: told for name, told in self.cell.row().items() if name != "value"
        }


def named_by(dimension: str, value: str) -> dict[str, str]:
    """By name the values that the rows of a dimension's values are told apart by."""
    if dimension != ELEMENT.name:
        return {dimension: value}
    return dict(zip(NAMED_OF_ELEMENTS, page_and_element(value), strict=True))


def vital_days(groups: Groups, k: int) -> list[VitalDay]:
    """Each vital's days in their order, of sums by day. What was released with a block is of no day, and not here."""
    cells = [cell for cell in vital_cells(groups, k) if cell.value]
    order = list(VITALS)
    return [VitalDay(cell) for cell in sorted(cells, key=lambda cell: (order.index(cell.vital), cell.value))]


def vital_cells(groups: Groups, k: int) -> list[VitalCell]:
    """The vitals of such sums, in the order of the registry, of each the most seen values first. k: the strictest of
    the days."""
    cells = [
        _cell(metric, dimension, value, _quantiles(*sums[:3]), k, *sums[2:])
        for (dimension, metric), group in groups.items()
        for value, sums in group.by_key.items()
        if metric in VITALS and sums[2]
    ]
    order = list(VITALS)
    return sorted(cells, key=lambda cell: (order.index(cell.vital), -cell.samples, cell.dimension, cell.value))


def _quantiles(buckets: Sequence[int], counts: Sequence[int], samples: int) -> dict[str, int]:
    """The bucket of each percentile, as ClickHouse's `quantileExactWeighted` finds it: buckets are in order of their
    values. They come in any order, also one in parts."""
    parts = sorted(zip(buckets, counts, strict=True))
    up_to = list(accumulate(map(itemgetter(1), parts)))
    return {name: parts[bisect_left(up_to, math.ceil(samples * share))][0] for name, share in PERCENTILES.items()}


def _has_enough(share: float, people: int, k: int) -> bool:
    """Whether so many are measured that k people are beyond a percentile on either side, where each is as often. Of
    whom the samples are is not stored."""
    return k == 1 or share == 0.75 or people * min(share, 1 - share) >= k


def _cell(
    metric: str,
    dimension: str,
    value: str,
    buckets: dict[str, int],
    k: int,
    samples: int,
    good: int,
    poor: int,
    people: int,
) -> VitalCell:
    vital = VITALS[metric]
    p75 = value_of(vital, buckets["p75"])
    decimals = 3 if vital.scale > 1 else 0
    told = {
        name: round(value_of(vital, buckets[name]), decimals) if _has_enough(share, people, k) else None
        for name, share in PERCENTILES.items()
    }
    rating: Rating = "good" if p75 <= vital.good else "poor" if p75 > vital.poor else "needs improvement"
    good_share, poor_share = round(100 * good / samples, 1), round(100 * poor / samples, 1)
    return VitalCell(
        vital=metric,
        dimension=dimension,
        value=value,
        p50=told["p50"],
        p75=round(p75, decimals),
        p90=told["p90"],
        p99=told["p99"],
        rating=rating,
        good=good_share,
        needs_improvement=round(max(0.0, 100 - good_share - poor_share), 1),
        poor=poor_share,
        samples=samples,
        people=people,
    )
