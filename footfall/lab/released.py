"""What the release rules cost and give: rows as they are released beside those of the same events with k = 1.

In: a store in which both are released. Out: a `Released`. Promises: every number is a sum of released rows; nothing is
counted here.
"""

from __future__ import annotations

import statistics
from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field

from pipeline.settings import SiteRules
from schema.dimensions import DIMENSIONS, OTHER
from schema.measures import MEASURES, OF_CELLS
from schema.metrics import METRICS, Metric
from schema.store import Store

from .trailing import Trail

# A value of fewer visitor-days may well be missing; of one that has them an owner expects to see about as many.
EXPECTED = 20


class Named(Struct, frozen=True):
    """Of a dimension, over all days. values, folded: values of days, and those that have no row of their day.
    visitor_days: of all values, each with its own. by_days: of these in rows of days; by_weeks, by_four_weeks: in rows
    of blocks. any_network: in rows of days if one network was enough. company: in values of k people or more that are
    folded with too few others, networks aside. expected, found: values of at least EXPECTED visitor-days, and those of
    them that are named; lacking: of the named ones, as a share, median_lacking, and how many visitor-days at most,
    worst_lacking."""

    values: int = 0
    folded: int = 0
    visitor_days: int = 0
    by_days: int = 0
    by_weeks: int = 0
    by_four_weeks: int = 0
    any_network: int = 0
    company: int = 0
    expected: int = 0
    found: int = 0
    median_lacking: float = 0.0
    worst_lacking: int = 0

    @property
    def named(self) -> int:
        return self.by_days + self.by_weeks + self.by_four_weeks


class TooFew(Struct, frozen=True):
    """Of a metric, in rows of pages on days: those in which it would be told, and of these those in which it is not,
    because fewer than k people contributed (rule N1)."""

    rows: int
    few: int


class Released(Struct, frozen=True):
    """One candidate at one k. named: by dimension, of those that have any value. few: by metric. days, shown_days: how
    many there are, and how many are not hidden whole. weeks, four_weeks: blocks that were released. pageviews, over:
    page views of the days shown, and how many of them are over release.bound; lowered_days: on which it lowers a figure
    by more than 5 %."""

    k: int
    networks: int
    k_late: int
    late_others: int
    days: int
    shown_days: int
    weeks: int
    four_weeks: int
    named: dict[str, Named]
    few: dict[str, TooFew]
    pageviews: int
    over: int
    lowered_days: int
    trail: Trail = field(default_factory=Trail)


class Rows(Struct, frozen=True):
    """Where the rows are. whole: the site that is released with k = 1. week, four_weeks: the grains of blocks. days:
    how many days there are."""

    store: Store
    whole: str
    week: str
    four_weeks: str
    days: int

    def of(self, sql: str, site: str, **given: Any) -> list[tuple[Any, ...]]:
        """Rows of a statement that names `{site}`, `{whole}`, `{week}` and `{four}`."""
        named = {"site": site, "whole": self.whole, "week": self.week, "four": self.four_weeks}
        return self.store.rows(sql, named | given)


_COLUMNS = f"day, dimension, value, {', '.join(MEASURES)}"
_DAYS = f"SELECT {_COLUMNS} FROM released_cells WHERE grain = 'day' AND by_dimension = '' AND value != '{OTHER}'"


def _of(site: str) -> str:
    return f"({_DAYS} AND site = {{{site}:String}})"


_NAMED = f"""
    SELECT t.dimension, count(), countIf(s.visitors = 0), sum(t.visitors), sum(s.visitors), sum(o.visitors),
        sumIf(t.visitors, t.visitors >= {{k:UInt32}} AND o.visitors = 0)
    FROM {_of("whole")} AS t
        LEFT JOIN {_of("site")} AS s ON t.day = s.day AND t.dimension = s.dimension AND t.value = s.value
        LEFT JOIN {_of("any")} AS o ON t.day = o.day AND t.dimension = o.dimension AND t.value = o.value
    WHERE t.dimension != ''
    GROUP BY t.dimension HAVING countIf(t.value != '') > 0"""
_LATE_ROWS = f"FROM late_cells WHERE site = {{site:String}} AND by_dimension = '' AND value != '{OTHER}'"
_LATE = f"""
    SELECT dimension, sumIf(visitors, grain = {{week:String}}), sumIf(visitors, grain = {{four:String}}) {_LATE_ROWS}
    GROUP BY dimension"""
# Of every value that is expected to be seen how many visitor-days it has, and how many its rows add up to.
_SIZES = f"""
    SELECT t.dimension, t.there, s.told
    FROM
    (
        SELECT dimension, value, sum(visitors) AS there FROM {_of("whole")} WHERE dimension != ''
        GROUP BY dimension, value HAVING there >= {EXPECTED}
    ) AS t
    LEFT JOIN
    (
        SELECT dimension, value, sum(visitors) AS told FROM
        (
            SELECT dimension, value, visitors FROM {_of("site")}
            UNION ALL SELECT dimension, value, visitors {_LATE_ROWS}
        )
        GROUP BY dimension, value
    ) AS s ON t.dimension = s.dimension AND t.value = s.value"""
_BLOCKS = """
    SELECT countIf(span = 7), countIf(span = 28), countIf(span = 1 AND notEmpty(bounded))
    FROM manifest WHERE site = {site:String}"""
_TOTALS = f"""
    SELECT count(), sum(t.pageviews), sum(t.pageviews) - sum(s.pageviews)
    FROM {_of("whole")} AS t INNER JOIN {_of("site")} AS s ON t.day = s.day
    WHERE t.dimension = '' AND s.dimension = ''"""


def released_of(rows: Rows, site: str, any_network: str, rules: SiteRules) -> Released:
    """What is told of a site. any_network: the one for which one network is enough. rules: the site's."""
    late = {dimension: sums for dimension, *sums in rows.of(_LATE, site)}
    sizes: dict[str, list[tuple[int, int]]] = defaultdict(list)
    for dimension, there, told in rows.of(_SIZES, site):
        sizes[dimension].append((there, told))
    named = {}
    for dimension, values, folded, visitor_days, by_days, any_, company in rows.of(
        _NAMED, site, any=any_network, k=rules.k
    ):
        by_weeks, by_four_weeks = late.get(dimension, (0, 0))
        named[dimension] = Named(
            *(values, folded, visitor_days, by_days, by_weeks, by_four_weeks, any_, company),
            *lacking_of(sizes[dimension]),
        )
    [[weeks, four_weeks, lowered]] = rows.of(_BLOCKS, site)
    [[shown, pageviews, over]] = rows.of(_TOTALS, site)
    return Released(
        *(rules.k, rules.least_networks, rules.k_late, rules.late_others),
        *(rows.days, shown, weeks, four_weeks),
        {dimension: named[dimension] for dimension in DIMENSIONS if dimension in named},
        _too_few(rows, site),
        *(pageviews, over, lowered),
    )


def lacking_of(sizes: Iterable[tuple[int, int]]) -> tuple[int, int, float, int]:
    """Of values that are expected to be seen (how many there are, how many are named, what share of its visitor-days a
    named one lacks by the median, how many at most). sizes: (visitor-days there are, visitor-days told)."""
    sizes = list(sizes)
    named = [(there, told) for there, told in sizes if told]
    shares = [(there - told) / there for there, told in named]
    worst = max((there - told for there, told in named), default=0)
    return len(sizes), len(named), statistics.median(shares) if shares else 0.0, worst


def _too_few(rows: Rows, site: str) -> dict[str, TooFew]:
    in_part = {one.name for one in OF_CELLS if one.contributor != "everybody"}
    conditions = {name: _condition(metric) for name, metric in METRICS.items() if metric.lower in in_part}
    conditions["events"] = ("t.events > t.pageviews", "s.events = s.pageviews")
    told = ", ".join(f"countIf({there}), countIf({there} AND {few})" for there, few in conditions.values())
    [counts] = rows.of(
        f"""SELECT {told} FROM {_of("whole")} AS t INNER JOIN {_of("site")} AS s ON t.day = s.day AND t.value = s.value
        WHERE t.dimension = 'page' AND s.dimension = 'page'""",
        site,
    )
    found = zip(conditions, zip(counts[::2], counts[1::2], strict=True), strict=True)
    return {name: TooFew(*both) for name, both in found if both[0]}


def _condition(metric: Metric) -> tuple[str, str]:
    """SQL for whether it is defined with k = 1, and for whether it is not as it is released."""
    there, told = (metric.sql({name: f"{of}.{name}" for name in MEASURES}) for of in "ts")
    return f"{there} >= 0", f"{told} < 0"
