"""The metrics of one cell or of several added up, as `schema.metrics` defines them.

In: `Measures`. Out: `Figures`, and a `Cell` of a table. Promises: no metric is defined here.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from schema.metrics import METRICS, Measures


class Figures(Struct, frozen=True, gc=False):
    """None where a metric is undefined."""

    visitors: int = 0
    visits: int = 0
    pageviews: int = 0
    events: int = 0
    views_per_visit: float | None = None
    bounce_rate: float | None = None
    visit_duration: float | None = None
    time_on_page: float | None = None
    exit_rate: float | None = None


class Cell(Figures, frozen=True, gc=False):
    """One value of a dimension."""

    value: str = ""


def figures_of(sums: Measures) -> Figures:
    return Figures(**_metrics(sums))


def cell_of(value: str, sums: Measures) -> Cell:
    return Cell(value=value, **_metrics(sums))


def _metrics(sums: Measures) -> dict[str, Any]:
    return {name: metric.of(sums) for name, metric in METRICS.items()}
