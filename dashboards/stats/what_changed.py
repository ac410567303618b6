"""What moved the visitors of a day, or of up to a week, away from the usual: the values that brought more, or less.

In: a `Timeline`, days that are over, and what is shown of them. Out: a `WhatChanged`. Promises: nothing but shown sums
is told; one statement, and none where the number is usual; a value that some of the earlier days do not show says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

from msgspec import Struct
from msgspec.structs import replace

from schema.dimensions import OTHER

from .execute import Executor
from .figures import Cell
from .plan import Read
from .released import Released
from .source import Span
from .timeline import Timeline
from .usual import usual_of, weeks_seen

DIMENSIONS = ("source", "page", "country")
MOST_DAYS = 7
# Of each dimension; who brought less than that share of the difference is not worth a word.
_MOST, _LEAST_SHARE = 2, 0.2
# So many values of the earlier days are looked through.
_VALUES = 1_000


class Contributor(Struct, frozen=True):
    """A value that had so many visitors, and usually so many, in the mean of the weeks. shown: on how many of the `of`
    earlier days it is shown; on others few or none came, so it may usually have had a little more."""

    dimension: str
    value: str
    visitors: int
    usually: float
    shown: int
    of: int


class WhatChanged(Struct, frozen=True):
    """usually: the mean of as many weeks. low, high: what is usual. by: the values behind a number that is not, those
    of the dimension that tells most first."""

    visitors: int
    usually: float
    low: float
    high: float
    weeks: int
    by: tuple[Contributor, ...] = ()

    @property
    def is_usual(self) -> bool:
        return self.low <= self.visitors <= self.high


def what_changed(
    executor: Executor,
    known: Timeline,
    days: Sequence[dt.date],
    tables: Mapping[str, Sequence[Cell]],
) -> WhatChanged | None:
    """None where nothing can be said: a day has no data or goes on, or too few weeks are known. tables: {} where it is
    of what filters keep, of which no values are told."""
    over = bool(days) and days[-1] < known.now.date() and len(days) <= MOST_DAYS
    if not over or any(day not in known.times.days for day in days):
        return None
    usual = usual_of(known, days, ("visitors",)).get("visitors")
    if usual is None:
        return None
    weeks = weeks_seen(known, days[0], range(len(days)))
    visitors = sum(known.of(day).visitors for day in days)
    earlier = [day for week in weeks for day in week]
    mean = sum(known.of(day).visitors for day in earlier) / len(weeks)
    found = WhatChanged(visitors, mean, *usual, len(weeks))
    if found.is_usual or not tables:
        return found
    if not {*days, *earlier} <= known.released.span.released:
        return found  # of a day that is open not all values are there
    before = _before(executor, known.released, earlier)
    return replace(found, by=_contributors(found, before, tables, len(earlier)))


def _before(executor: Executor, released: Released, days: Sequence[dt.date]) -> dict[str, dict[str, tuple[int, int]]]:
    """By dimension and value the visitors of these days, and on how many they are shown."""
    span = Span(released.span.site, min(days), max(days), frozenset(days), include_open=False)
    groups = executor.sums(Read("cells", span, min(days), DIMENSIONS, most=_VALUES), released.mark)
    return {name[0]: {value: (sums[0], sums[-1]) for value, sums in one.by_key.items()} for name, one in groups.items()}


def _contributors(
    found: WhatChanged,
    before: Mapping[str, Mapping[str, tuple[int, int]]],
    tables: Mapping[str, Sequence[Cell]],
    days: int,
) -> tuple[Contributor, ...]:
    """Those among what is shown now that went the way of the whole, of each dimension the first few."""
    whole = found.visitors - found.usually
    told: list[list[Contributor]] = []
    for name in DIMENSIONS:
        now = {cell.value: cell.visitors for cell in tables.get(name, ())}
        each = [
            Contributor(name, value, visitors, had / found.weeks, shown, days)
            for value, visitors in now.items()
            for had, shown in [before.get(name, {}).get(value, (0, 0))]
            if value != OTHER
        ]
        some = [one for one in each if _share(one, whole) >= _LEAST_SHARE]
        told.append(sorted(some, key=lambda one: (-_share(one, whole), one.value))[:_MOST])
    told.sort(key=lambda some: -sum(_share(one, whole) for one in some))
    return tuple(one for some in told for one in some)


def _share(one: Contributor, whole: float) -> float:
    """Of the difference of the whole, how much is its own."""
    return (one.visitors - one.usually) / whole
