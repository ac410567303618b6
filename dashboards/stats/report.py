"""Answers questions about sites from the rollups.

In: a `Query`, or a site and a `Period`. Out: plain dicts for `footfall stats`, an `Overview` for the page.
Promises: the same question over released days gets the same answer; a fixed small number of statements each.
"""

from __future__ import annotations

import datetime as dt
import gc
import threading
import time
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from schema.dimensions import DIMENSIONS, OTHER
from schema.measures import MEASURES, Measures
from schema.metrics import METRICS, TOTALS, metrics_of
from schema.site import Site
from schema.store import Store

from . import overview
from .conversions import goal_rows, goals_in, rated
from .figures import Coverage
from .months import LEAST_DAYS, months_of
from .period import Period
from .query import MAX_ROWS, BadQuery, Query
from .released import Released, released_days
from .remembered import MOST_VALUES, Remembered
from .source import SUMS, Grain, Span, rows_of
from .vitals import vitals_of

# What design.md gives the preset "balanced"; the composition root hands in what is set.
DEFAULT_K = 5
SUM_OF_DAYS = "Visitors of several days are the sum of each day's visitors: nobody is recognized on another day."
TOO_FEW = "A day of fewer than {} visitors shows nothing (release.k); today may still be one."
ROUNDED = (
    "Days that are still open are rounded down to multiples of {}; their revenue and web vitals come when they close."
)
SUM_OF_VALUES = "One visitor may be counted under several of these values, so the totals are sums over values."
TOO_FEW_BEHIND = "A rate or a time is left out where fewer than {} people contributed to it, and where it would follow."
AT_LEAST = "“At least”: on days on which a value is not shown few or none came (not_shown_days of of_days)."
_POOL = 4
_LONGEST_OPENING_S = 30
_SPLITS = {"day": "toString(day)", "hour": "toString(toUnixTimestamp(period))"}


class Reports:
    """The reports of all sites. release_k: the fold threshold of sites that set none. clock: Unix seconds.
    rounded: sites whose open days hold multiples of k only (docs/promises.md, rule H4). remembered: where what is
    read of released days is remembered; of a cluster nothing is."""

    def __init__(
        self,
        store: Store,
        sites: Sequence[Site],
        release_k: int = DEFAULT_K,
        clock: Callable[[], float] = time.time,
        rounded: Container[str] = (),
        remembered: Remembered | None = None,
    ) -> None:
        self._store = store
        # A replica may know of a release before it has its rows: an answer without them must not stay.
        self._remembered = remembered or Remembered(0 if store.cluster else MOST_VALUES)
        self._release_k = release_k
        self._clock = clock
        self._rounded = rounded
        # Long-lived, because the store keeps one client for each thread. A page waits for its slowest statement only.
        self._pool = ThreadPoolExecutor(_POOL, thread_name_prefix="report")
        self.sites = {site.key: site for site in sites}

    def follow(self, sites: Sequence[Site], rounded: Container[str]) -> None:
        """Answer about these sites from now on."""
        # Whoever asks in between is told less, not more.
        self._rounded = frozenset((*self.sites, *(site.key for site in sites)))
        if not self.sites.keys() <= {site.key for site in sites}:
            # A site that is gone may be removed, and come back with other days that have the same dates.
            self._remembered = Remembered(self._remembered.most)
        self.sites = {site.key: site for site in sites}
        self._rounded = rounded

    def warm_up(self) -> None:
        """Open the pool's clients now: each takes tens of milliseconds, for which the first page would wait."""
        together = threading.Barrier(_POOL)

        def open_client() -> None:
            together.wait(_LONGEST_OPENING_S)  # so that no thread takes another one's turn
            self._store.rows("SELECT 1")

        for opening in [self._pool.submit(open_client) for _ in range(_POOL)]:
            opening.result()
        # What is loaded now stays: no page need look through it for garbage.
        gc.collect()
        gc.freeze()

    def site(self, key: str) -> Site:
        """The site of that key."""
        if key not in self.sites:
            raise BadQuery(f"site {key!r} is not known: there are {', '.join(self.sites) or 'none'}")
        return self.sites[key]

    def now(self, site: Site) -> dt.datetime:
        """The site's local time."""
        return dt.datetime.fromtimestamp(self._clock(), ZoneInfo(site.timezone))

    def default_period(self, site: Site) -> str:
        """What is shown where nothing is asked for: today, until there are full days."""
        today = self.now(site).date()
        earlier = "SELECT 1 FROM {} WHERE site = {{site:String}} AND day < {{today:Date}} LIMIT 1"
        given = {"site": site.key, "today": today}
        known = any(self._store.rows(earlier.format(table), given) for table in ("manifest", "open_cells"))
        return "30d" if known else "today"

    def stats(self, query: Query) -> dict[str, Any]:
        """The answer to a question, ready for JSON."""
        site = self.site(query.site)
        released = self._released(site, query.first, query.last)
        # Without filters the totals are the site's own: a sum over values would count some people twice.
        totals = self._cells(query, released.span, "", TOTALS, query.dimension if query.filtered else "")[0]
        totals.pop("value")
        notes = []
        if query.first != query.last:
            notes.append(SUM_OF_DAYS)
        if query.filtered and DIMENSIONS[query.dimension].scope != "visit":
            notes.append(SUM_OF_VALUES)
        if not totals["visitors"] and not query.filtered and released.k > 1 and query.last >= self.now(site).date():
            notes.append(TOO_FEW.format(released.k))
        if site.key in self._rounded and (released.through is None or query.last > released.through):
            notes.append(ROUNDED.format(site.release_k or self._release_k))
        coverage = self._coverage(query, released)
        rows = self._rows(query, site, released.span, totals["visitors"], released.k, coverage)
        # Of filtered values some may be hidden on any day.
        at_least = bool(released.suppressed) or (query.filtered and bool(coverage.missing or coverage.folded))
        if at_least or any(row.get("certainty") == "at least" for row in rows):
            notes.append(AT_LEAST)
        if released.k > 1 and any(value is None for row in rows for value in row.values()):
            notes.append(TOO_FEW_BEHIND.format(released.k))
        return {
            "site": site.key,
            "from": query.first.isoformat(),
            "to": query.last.isoformat(),
            "totals": totals,
            "rows": rows,
            "by": query.by,
            "timezone": site.timezone,
            "k": released.k,
            "certainty": "at least" if at_least else "exact",
            "of_days": coverage.days,
            "suppressed_days": [day.isoformat() for day in released.suppressed],
            "notes": notes,
        }

    def overview(self, site: Site, period: Period, rows: int = 9) -> overview.Overview:
        """Everything the dashboard page shows. rows: at most that many in each table."""
        store, now = self._store, self.now(site)
        try:
            before = period.previous(now.date()).first
        except ValueError as error:
            raise BadQuery(f"there are no days to compare with: {error}") from None
        released = partial(self._with_months, site, period, before)
        step = (site.release_k or self._release_k) if site.key in self._rounded else 1
        return overview.read(store, self._remembered, self._pool, site, period, now, released, rows, step)

    def version(self, site: Site, period: Period) -> str:
        """Changes if and only if the totals of the period do."""
        released = self._with_months(site, period, period.first)
        return overview.version(self._store, self._remembered, released, period)

    def _with_months(self, site: Site, period: Period, before: dt.date) -> Released:
        """What is released of a period and of the days before it, with the sums of months where it is long."""
        given = (self._store, site.key, period.first, period.last, site.release_k or self._release_k, before)
        if period.days < LEAST_DAYS:
            return released_days(*given)
        # On a server sums of months may be dropped at any time, and made again under other numbers.
        remembered = self._remembered if self._store.embedded else Remembered(0)
        months = partial(months_of, self._store, remembered, site.key, before, period.last)
        return released_days(*given, months)

    def _released(self, site: Site, first: dt.date, last: dt.date) -> Released:
        return released_days(self._store, site.key, first, last, site.release_k or self._release_k)

    def _coverage(self, query: Query, released: Released) -> Coverage:
        """On how many days there is anything, and anything of the dimension that is asked for."""
        columns = "dimension, value"
        source = rows_of("cells", columns, "dimension IN ('', {dimension:String})", released.span)
        sql = f"SELECT dimension, max(n), max(value = '{OTHER}') FROM (SELECT {columns}, count() AS n FROM {source} "
        bound = released.span.parameters | {"dimension": query.dimension}
        found = {row[0]: row[1:] for row in self._store.rows(f"{sql} GROUP BY {columns}) GROUP BY dimension", bound)}
        small = len(released.suppressed)
        days = small + int(found.get("", (0, 0))[0])
        shown, folded = found.get(query.dimension, (0, 0))
        return Coverage(days, days - shown, bool(folded)) if released.k > 1 else Coverage(days, 0, False)

    def _rows(
        self, query: Query, site: Site, span: Span, visitors: int, k: int, coverage: Coverage
    ) -> list[dict[str, Any]]:
        condition, parameters = query.condition(query.by)
        parameters["dimension"] = query.dimension
        match query.by:
            case "":
                return []
            case "goal":
                found = goal_rows(self._store, span, f"dimension = {{dimension:String}} AND {condition}", parameters)
                goals = rated(goals_in(found, k, coverage.days, in_part=query.filtered), visitors)
                return [goal.row() for goal in goals[: query.limit]]
            case "vital":
                vitals = vitals_of(self._store, span, f"dimension = {{dimension:String}} AND {condition}", parameters)
                return [vital.row() for vital in vitals[: query.limit]]
            case "hour":
                rows = self._cells(query, span, "hour", _metrics_of(query), query.dimension)
                return [_at_local_hour(row, site) for row in rows]
            case _:
                return self._cells(query, span, query.by, _metrics_of(query), query.dimension, coverage)

    def _cells(
        self,
        query: Query,
        span: Span,
        by: str,
        metrics: Sequence[str],
        dimension: str,
        coverage: Coverage | None = None,
    ) -> list[dict[str, Any]]:
        """Rows of metrics, one for each value of `by`, what is folded last and besides; one row where by is ""."""
        condition, parameters = query.condition()
        columns = f"day, period, value, {', '.join(MEASURES)}"
        grain: Grain = "hour" if by == "hour" else "day"
        source = rows_of("cells", columns, f"dimension = {{dimension:String}} AND {condition}", span, grain)
        # Folded hours are one row of their day; it has no hour to show.
        key = f"if(value = '{OTHER}', value, {_SPLITS['hour']})" if by == "hour" else _SPLITS.get(by, "value")
        # However little it is, it is not cut.
        most_visited = f"key = '{OTHER}' DESC, sum(visitors) DESC, key"
        tail = "" if not by else "GROUP BY key ORDER BY " + ("key" if by in _SPLITS else most_visited)
        sql = f"SELECT {key if by else repr('')} AS key, {SUMS}, count() FROM {source} {tail} LIMIT {{limit:UInt32}}"
        parameters |= {"dimension": dimension, "limit": MAX_ROWS if by in _SPLITS else query.limit + 1}
        found = self._store.rows(sql, span.parameters | parameters)
        if by in DIMENSIONS:
            named = [row for row in found if row[0] != OTHER][: query.limit]
            found = [*named, *(row for row in found if row[0] == OTHER)]
        return [
            {"value": value, **{name: METRICS[name].of(Measures(*sums)) for name in metrics}}
            | (_certainty(coverage, value, days) if coverage and by in DIMENSIONS else {})
            for value, *sums, days in found
        ]


def _certainty(coverage: Coverage, value: str, days: int) -> dict[str, Any]:
    missing = coverage.not_shown(value, days)
    return {"certainty": coverage.certainty(missing), "not_shown_days": missing, "of_days": coverage.days}


def _metrics_of(query: Query) -> list[str]:
    """The metrics that mean something for the way the question splits, in the order of a table."""
    fitting = metrics_of(DIMENSIONS[query.by].scope if query.by in DIMENSIONS else "site")
    return [name for name in fitting if not query.metrics or name == "visitors" or name in query.metrics]


def _at_local_hour(row: dict[str, Any], site: Site) -> dict[str, Any]:
    if row["value"] == OTHER:
        return row
    moment = dt.datetime.fromtimestamp(int(row["value"]), ZoneInfo(site.timezone))
    return row | {"value": moment.isoformat(timespec="minutes")}
