"""What a measurement is called, what it came to, and the table of all of them.

In: figures. Out: aligned text, or plain values for JSON.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

from msgspec import Struct


class Figure(Struct, frozen=True):
    """One measured number. value: None where it was not measured; the note says why.
    goal: what it should be, such as "<= 25" or ">= 3"; "" = whatever it is."""

    part: str
    name: str
    value: float | None
    unit: str = ""
    goal: str = ""
    note: str = ""

    @property
    def met(self) -> bool | None:
        """Whether it is as it should be; None where nothing can be said."""
        if self.value is None or not self.goal:
            return None
        sign, _, bound = self.goal.partition(" ")
        return self.value <= float(bound) if sign == "<=" else self.value >= float(bound)


def median_of(part: str, name: str, values: Sequence[float], unit: str, goal: str = "") -> Figure:
    """The median of several runs, with the lowest and the highest beside it: the first thing to look at on a machine
    that others use."""
    note = f"{_number(min(values))} to {_number(max(values))} in {len(values)} runs" if len(values) > 1 else ""
    return Figure(part, name, statistics.median(values), unit, goal, note)


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest of the values that at least that share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def table(figures: Sequence[Figure]) -> str:
    """One line each."""
    rows = [("", "figure", "value", "unit", "goal", "", "note")]
    for before, figure in zip([None, *figures], figures, strict=False):
        part = figure.part if before is None or before.part != figure.part else ""
        met = {None: "", True: "met", False: "missed"}[figure.met]
        value = "-" if figure.value is None else _number(figure.value)
        rows.append((part, figure.name, value, figure.unit, figure.goal, met, figure.note))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = []
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        cells[2] = row[2].rjust(widths[2])
        lines.append("  ".join(cells).rstrip())
    return "\n".join(lines)


def _number(value: float) -> str:
    """Three digits that mean something."""
    digits = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    return f"{value:,.{digits}f}"
