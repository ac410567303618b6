"""Arranges hours of the week for a page.

In: visitors by weekday and hour. Out: a `Week` a template walks through. Promises: no number is computed here, only
worded.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from . import format as names

_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
# Cells are of so many shades, and one without.
SHADES = 4


class Week(Struct, frozen=True):
    """rows: of each weekday its name and, by hour, how dark the cell is and what is written in it. summary: in one
    sentence."""

    rows: tuple[tuple[str, tuple[tuple[int, str], ...]], ...]
    summary: str


def week_of(visitors: Mapping[tuple[int, int], float]) -> Week | None:
    """None where there are none."""
    largest = max(visitors.values(), default=0)
    if not largest:
        return None
    (day, hour), _ = max(visitors.items(), key=lambda one: one[1])
    rows = tuple(
        (_DAYS[weekday], tuple(_cell(visitors.get((weekday, at)), largest) for at in range(24))) for weekday in range(7)
    )
    return Week(
        rows, f"Most visitors come on {_DAYS[day]} from {hour}:00 to {hour + 1}:00, {_worded(largest)} an hour."
    )


def _worded(number: float) -> str:
    return names.count(number) if number >= 10 else f"{number:.1f}".removesuffix(".0")


def _cell(number: float | None, largest: float) -> tuple[int, str]:
    if number is None:
        return 0, "–"
    return shade(number, largest), _worded(number)


def shade(number: float, largest: float) -> int:
    """How dark a cell is, from 1 to SHADES; 0 where nobody is."""
    return min(SHADES, int(-(-SHADES * number // largest)))
