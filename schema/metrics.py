"""Every number that is told of a cell, and its formula over the cell's measures.

In: the measures. Out: `METRICS`. Promises: no metric is calculated elsewhere; docs/metrics.md is held against this list
by a test.
"""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from .dimensions import Scope
from .measures import OF_CELLS, Measures

_ALL: tuple[Scope, ...] = ("site", "visit", "page", "hostname", "event")


class Metric(Struct, frozen=True):
    """A number of a cell: a measure, or a ratio of two.

    upper, lower: the measures that are divided; without lower it is upper itself. times, per: what each is multiplied
    with before. digits: what the ratio is rounded to. measured: undefined where upper is 0, too. unit: "", "%", "s".
    scopes: of which dimensions it means something, "site" the whole. less_is_better: a rise is bad news. tile: whether
    it is one of the big numbers of a page. head: the heading of a column where the label is too long. known: the
    measure without which it is undefined.
    """

    name: str
    label: str
    definition: str
    upper: str
    lower: str = ""
    times: int = 1
    per: int = 1
    digits: int = 1
    measured: bool = False
    unit: str = ""
    scopes: tuple[Scope, ...] = _ALL
    less_is_better: bool = False
    tile: bool = False
    head: str = ""
    known: str = ""

    @property
    def is_count(self) -> bool:
        """Whether it can be added up."""
        return not self.lower

    def exactly(self, sums: Measures) -> int | float | None:
        """Its value where the measures add up to these, not rounded; None where it is undefined."""
        upper: int = getattr(sums, self.upper)
        if not self.lower:
            return upper if not self.known or getattr(sums, self.known) else None
        lower: int = self.per * getattr(sums, self.lower)
        return self.times * upper / lower if lower and (upper or not self.measured) else None

    def of(self, sums: Measures) -> int | float | None:
        """Its value where the measures add up to these; None where it is undefined."""
        value = self.exactly(sums)
        if value is None or not self.lower:
            return value
        # As ClickHouse rounds, which did this before: answers that were given once do not change.
        shift: int = 10**self.digits
        return round(value * shift) / shift

    def sql(self, sums: Mapping[str, str]) -> str:
        """The same as `exactly`, of SQL by measure; -1 where it is undefined."""
        upper = sums[self.upper]
        if not self.lower:
            # Beside -1 an unsigned number would be of a type that the store does not sort by.
            return f"if({sums[self.known]} = 0, -1, toInt64({upper}))" if self.known else upper
        lower = sums[self.lower]
        undefined = f"{lower} = 0 OR {upper} = 0" if self.measured else f"{lower} = 0"
        return f"if({undefined}, -1, {self.times} * {upper} / ({self.per} * {lower}))"


_COUNTS = (
    Metric(
        one.name,
        one.label,
        one.definition,
        one.name,
        scopes=("page",) if one.known else _ALL,
        tile=one.tile,
        head=one.head,
        known=one.known,
    )
    for one in OF_CELLS
    if one.label
)
_RATIOS = (
    Metric(
        "views_per_visit",
        "Views per visit",
        "Pageviews divided by visits.",
        "pageviews",
        "visits",
        digits=2,
        scopes=("site", "visit", "hostname"),
        tile=True,
        head="Views/visit",
    ),
    Metric(
        "bounce_rate",
        "Bounce rate",
        "Share of visits with one pageview and no other interactive event; of a page: of the visits that enter there.",
        "bounces",
        "entries",
        times=100,
        unit="%",
        scopes=("site", "visit", "page", "hostname"),
        less_is_better=True,
        tile=True,
        head="Bounce",
    ),
    Metric(
        "visit_duration",
        "Visit duration",
        "Last minus first event of a visit, averaged; of a page: over the visits that enter there.",
        "visit_seconds",
        "entries",
        unit="s",
        scopes=("site", "visit", "page", "hostname"),
        tile=True,
        head="Duration",
    ),
    Metric(
        "time_on_page",
        "Time on page",
        "Engaged (visible and focused) time divided by the visits of that page; undefined where none was reported.",
        "engaged_ms",
        "timed_visits",
        per=1000,
        measured=True,
        unit="s",
        scopes=("page",),
        head="Time",
    ),
    Metric(
        "exit_rate",
        "Exit rate",
        "Exits divided by pageviews.",
        "exits",
        "exit_views",
        times=100,
        unit="%",
        scopes=("page",),
    ),
)
METRICS: dict[str, Metric] = {metric.name: metric for metric in (*_COUNTS, *_RATIOS)}


def metrics_of(scope: Scope) -> list[str]:
    """Those that mean something there, in the order of a table."""
    return [name for name, metric in METRICS.items() if scope in metric.scopes]


# The totals of an answer are promised in this order.
_FIRST = ("visitors", "visits", "pageviews", "bounce_rate", "visit_duration")
TOTALS = (*_FIRST, *(name for name in metrics_of("site") if name not in _FIRST))
