"""The metrics of one cell or of several added up, as `schema.metrics` defines them.

In: `Measures`. Out: `Figures`, and a `Cell` of a table. Promises: no metric is defined here.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from msgspec import Struct, defstruct
from msgspec.structs import astuple

from schema.dimensions import OTHER
from schema.measures import Measures
from schema.metrics import METRICS

from .certainty import EXACT, Certainty, Flag, Sureness
from .goal_days import ALWAYS, Counted

if TYPE_CHECKING:

    class Figures(Struct, frozen=True):
        """By its name each metric of the registry; None where it is undefined."""

        def __getattr__(self, name: str) -> Any: ...

else:
    Figures = defstruct(
        "Figures",
        [
            (name, int, 0) if metric.is_count and not metric.known else (name, float | None, None)
            for name, metric in METRICS.items()
        ],
        frozen=True,
        gc=False,
    )


class Cell(Figures, frozen=True, gc=False):
    """One value of a dimension. by_value: in a row of two dimensions, that of the second one. not_shown_days: on how
    many days, of_days of which there is data, it is not shown, because few or none came, or because it was not
    counted. counted_since: the first day on which it was, where those before were not. exits_missing: whether on some
    days too few left there to tell how many."""

    value: str = ""
    by_value: str | None = None
    certainty: Certainty = "exact"
    flags: tuple[Flag, ...] = ()
    not_shown_days: int = 0
    of_days: int = 0
    counted_since: dt.date | None = None
    exits_missing: bool = False

    @property
    def exits_certainty(self) -> Certainty:
        """Of exits, and of the days that `exit_rate` is of."""
        return "at least" if self.exits_missing and self.certainty == "exact" else self.certainty

    def row(self, metrics: Sequence[str], sure: bool) -> dict[str, Any]:
        """As a row of `footfall stats`: these metrics, and how sure they are."""
        told: dict[str, Any] = {"value": self.value} | ({} if self.by_value is None else {"by_value": self.by_value})
        told |= {name: getattr(self, name) for name in metrics}
        if sure:
            told |= {
                "certainty": self.certainty,
                "flags": list(self.flags),
                "not_shown_days": self.not_shown_days,
                "of_days": self.of_days,
            }
            told |= {"exits_certainty": self.exits_certainty} if "exits" in metrics else {}
        return told


def percent(part: int, whole: int) -> float | None:
    """None of nothing."""
    return round(100 * part / whole, 1) if whole else None


class Coverage(Struct, frozen=True):
    """How a dimension is shown in a period. days: how many have data, also those of fewer than k people. missing: on
    how many of them nothing of the dimension is shown. folded: whether anything is on the others. sure: what
    else there is to know of each of its numbers. counted: of values that were not counted on all days, on how many, and
    since when."""

    days: int
    missing: int
    folded: bool
    sure: Sureness = EXACT
    counted: Mapping[str, Counted] = {}

    def not_shown(self, value: str, shown: int) -> int:
        """On how many days a value may have had somebody without being shown. shown: on how many it is."""
        if value == OTHER:
            return self.missing
        # Where nothing is folded, a value that is not there is one that nobody had.
        without = max(0, self.days - shown) if self.missing or self.folded else 0
        return max(without, self.counted.get(value, ALWAYS).not_on)


def figures_of(sums: Measures) -> Figures:
    return Figures(**_metrics(sums))


def cell_of(value: str, sums: Measures, shown: int = 0, coverage: Coverage | None = None) -> Cell:
    """shown: on how many days it is; coverage: of its dimension, if it has one."""
    exits_missing = sums.exit_views < sums.pageviews
    if coverage is None:
        return Cell(value=value, exits_missing=exits_missing, **_metrics(sums))
    missing = coverage.not_shown(value, shown)
    return Cell(
        value=value,
        certainty=coverage.sure.certainty(missing),
        flags=coverage.sure.flags(missing),
        not_shown_days=missing,
        of_days=coverage.days,
        exits_missing=exits_missing,
        counted_since=coverage.counted.get(value, ALWAYS).since,
        **_metrics(sums),
    )


def summed(measures: Iterable[Measures]) -> Measures:
    """What they add up to."""
    rows = [astuple(one) for one in measures]
    return Measures(*map(sum, zip(*rows, strict=True))) if rows else Measures()


def _metrics(sums: Measures) -> dict[str, Any]:
    return {name: metric.of(sums) for name, metric in METRICS.items()}
