"""What release.bound would leave out of a day's page views.

In: page views by visitor, day by day. Out: how many there are, and how many are over the bound. Promises: the bound is
that of pipeline/rollup/limits.py; of the past there are only counts of counts.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection

from msgspec import Struct, field

from pipeline.rollup.limits import DAYS, FLOOR
from pipeline.settings import ReleaseSettings

_QUANTILE = ReleaseSettings().bound


class Bounding(Struct):
    """before: of each day before how many visitors had so many page views."""

    pageviews: int = 0
    over: int = 0
    before: deque[Counter[int]] = field(default_factory=lambda: deque(maxlen=DAYS))

    def add(self, views: Collection[int]) -> None:
        """One more day: the page views of each visitor."""
        limit = max(FLOOR, _quantile(sum(self.before, Counter())))
        self.pageviews += sum(views)
        self.over += sum(max(0, one - limit) for one in views)
        self.before.append(Counter(views))

    @property
    def share(self) -> float:
        return self.over / self.pageviews if self.pageviews else 0.0


def _quantile(times: Counter[int]) -> int:
    """As quantileExact of ClickHouse has it; 0 of nothing."""
    place = int(_QUANTILE * times.total())
    for value in sorted(times):
        place -= times[value]
        if place < 0:
            return value
    return 0
