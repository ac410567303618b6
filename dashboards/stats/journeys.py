"""Journeys: from where to where people went.

In: sums by day, kind, origin and target. Out: a `Way` for each, those of most people first. Promises: shares are of
what is told; what may be more says so.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, to_builtins

from schema.journeys import KINDS

from .certainty import Certainty, Flag
from .execute import Groups
from .figures import Coverage


class Way(Struct, frozen=True):
    """From one to the other. value: the kind. people: visitors of each day, added up. share: percent of all times that
    are told from the same origin, of_times. not_shown_days: on how many days, of_days of which there is data, few or
    none went that way, or nothing is told."""

    value: str
    origin: str
    target: str
    people: int
    times: int
    of_times: int
    share: float
    certainty: Certainty
    flags: tuple[Flag, ...]
    not_shown_days: int
    of_days: int

    def row(self) -> dict[str, Any]:
        """The way as a row of `footfall stats`."""
        row: dict[str, Any] = to_builtins(self)
        return row


class _Sums(Struct):
    """shown: on how many days."""

    people: int = 0
    times: int = 0
    shown: int = 0


def ways_in(groups: Groups, k: int, coverage: Coverage) -> list[Way]:
    """coverage: of the whole site."""
    found: dict[tuple[str, str, str], _Sums] = {}
    leaving: Counter[tuple[str, str]] = Counter()
    days = set()
    for group in groups.values():
        for (day, _, kind, origin, target), (people, times) in group.by_key.items():
            sums = found.setdefault((kind, origin, target), _Sums())
            sums.people += people
            sums.times += times
            sums.shown += 1
            leaving[kind, origin] += times
            days.add(day)
    ways = []
    for (kind, origin, target), sums in found.items():
        # Where everything is shown, a day that tells of others is one on which nobody went that way.
        missing = max(0, coverage.days - (sums.shown if k > 1 else len(days)))
        of = leaving[kind, origin]
        told = (sums.people, sums.times, of, round(100 * sums.times / of, 1))
        sure = coverage.sure.certainty(missing), coverage.sure.flags(missing)
        ways.append(Way(kind, origin, target, *told, *sure, missing, coverage.days))
    return sorted(ways, key=lambda way: (-way.people, way.value, way.origin, way.target))


def first_of_each_kind(ways: Iterable[Way], most: int) -> tuple[Way, ...]:
    """So many of each, in their order."""
    ways = [*ways]
    return tuple(way for kind in KINDS for way in [one for one in ways if one.value == kind][:most])
