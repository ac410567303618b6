"""How many of those whom pages were fast for reached a goal, and of those whom they were slow for.

In: sums by day, vital, goal and band. Out: a `Rate` for each vital, goal and band. Promises: an interval says how far
the rate may be from that of very many people like these; what may be more says so.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import Struct, to_builtins

from schema.experience import BANDS, RATED, TOGETHER

from .certainty import Certainty, Flag
from .execute import Groups
from .figures import Coverage
from .interval import wilson


class Rate(Struct, frozen=True):
    """Of a band. value: the vital. visitors: who was in the band; converters: who of them reached the goal; both are
    visitor-days. conversion_rate: in percent; low, high: its 95 % interval. not_shown_days: on how many days, of_days
    of which there is data, the band is not told, or is told with another."""

    value: str
    goal: str
    band: str
    visitors: int
    converters: int
    conversion_rate: float
    low: float
    high: float
    certainty: Certainty
    flags: tuple[Flag, ...]
    not_shown_days: int
    of_days: int

    def row(self) -> dict[str, Any]:
        """The rate as a row of `footfall stats`."""
        row: dict[str, Any] = to_builtins(self)
        return row


def rates_in(groups: Groups, k: int, coverage: Coverage, in_part: bool) -> list[Rate]:
    """Vitals and bands in their order, of each vital the goals of most converters first. coverage: of the dimension
    that is filtered. in_part: rows of values, some of which may be hidden on every day."""
    found: dict[tuple[str, str, str], list[tuple[int, int]]] = {}
    shown: Counter[tuple[str, str, str]] = Counter()
    for group in groups.values():
        for (_, of_block, vital, goal, band), (people, converters) in group.by_key.items():
            found.setdefault((vital, goal, band), []).append((people, converters))
            shown[vital, goal, band] += of_block or 1
    size: dict[str, int] = {}
    for (_, goal, _), days in found.items():
        size[goal] = size.get(goal, 0) + sum(converters for _, converters in days)
    rates = []
    for (vital, goal, band), days in found.items():
        people, converters = map(sum, zip(*days, strict=True))
        # Where everything is shown, a day without the band is one on which nobody was in it.
        missing = max(0, coverage.days - shown[vital, goal, band]) if k > 1 else 0
        not_shown = missing or (in_part and k > 1)
        sure = coverage.sure.certainty(not_shown), coverage.sure.flags(not_shown)
        low, high = wilson(converters, people)
        rate = round(100 * converters / people, 2), round(low, 2), round(high, 2)
        rates.append(Rate(vital, goal, band, people, converters, *rate, *sure, missing, coverage.days))
    return sorted(rates, key=lambda one: (RATED.index(one.value), -size[one.goal], one.goal, _place(one.band)))


def _place(band: str) -> tuple[int, int]:
    """Single bands in their order, then those that are told together."""
    parts = band.split(TOGETHER)
    return len(parts), BANDS.index(parts[0])
