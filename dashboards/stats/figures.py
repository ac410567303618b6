"""The metrics of one cell or of several added up, as `schema.metrics` defines them.

In: `Measures`. Out: `Figures`, and a `Cell` of a table. Promises: no metric is defined here.
"""

from __future__ import annotations

from typing import Any, Literal

from msgspec import Struct

from schema.dimensions import OTHER
from schema.measures import Measures
from schema.metrics import METRICS


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


# What a number of several days is: all of it, or what is shown of it.
Certainty = Literal["exact", "at least"]


class Cell(Figures, frozen=True, gc=False):
    """One value of a dimension. not_shown_days: on how many days, of_days of which there is data, it is not shown,
    because few or none came."""

    value: str = ""
    certainty: Certainty = "exact"
    not_shown_days: int = 0
    of_days: int = 0


class Coverage(Struct, frozen=True):
    """How a dimension is shown in a period. days: how many have data, also those of fewer than k people. missing: on
    how many of them nothing of the dimension is shown. folded: whether anything is on the others."""

    days: int
    missing: int
    folded: bool

    def not_shown(self, value: str, shown: int) -> int:
        """On how many days a value may have had somebody without being shown. shown: on how many it is."""
        if value == OTHER:
            return self.missing
        # Where nothing is folded, a value that is not there is one that nobody had.
        return max(0, self.days - shown) if self.missing or self.folded else 0

    @staticmethod
    def certainty(not_shown: int) -> Certainty:
        return "at least" if not_shown else "exact"


def figures_of(sums: Measures) -> Figures:
    return Figures(**_metrics(sums))


def cell_of(value: str, sums: Measures, shown: int, coverage: Coverage) -> Cell:
    """shown: on how many days it is."""
    missing = coverage.not_shown(value, shown)
    return Cell(
        value=value,
        certainty=coverage.certainty(missing),
        not_shown_days=missing,
        of_days=coverage.days,
        **_metrics(sums),
    )


def _metrics(sums: Measures) -> dict[str, Any]:
    return {name: metric.of(sums) for name, metric in METRICS.items()}
