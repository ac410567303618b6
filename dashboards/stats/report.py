"""Answers questions about sites from the rollups.

In: a `Query`, or a site and a `Period`. Out: plain dicts for `footfall stats`, an `Overview` for the page.
Promises: the same question over released days gets the same answer; a fixed small number of statements each.
"""

from __future__ import annotations

import datetime as dt
import gc
import time
from collections.abc import Callable, Container, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from functools import cache, partial
from typing import Any
from zoneinfo import ZoneInfo

from msgspec import structs, to_builtins

from schema.annotations import Annotation, notes_of
from schema.metrics import METRICS, TOTALS
from schema.pairs import TOLD
from schema.site import Site
from schema.store import Store

from . import overview
from .bare_counts import BARE, bare_counts
from .bare_totals import bare_total
from .comparison import compare
from .crossed import refuse_uncounted
from .entries import Entry, read_entries
from .execute import Answer, Executor
from .filter import Filter
from .goal_values import refuse_unknown_goal
from .leaks import leaks
from .lru_cache import MOST_VALUES, LruCache
from .months import LEAST_DAYS, months_of
from .nobody import is_certain
from .notes import notes_of_answer
from .period import Period
from .plain import at_local_hour, special_days
from .plan import plan
from .query import Query
from .refused import BadQuery, Code
from .released import Released
from .released_days import released_days
from .segmented import refuse_unknown_segment, side_by_side
from .sites import SiteDays, sites_days
from .snapshots import snapshot_time
from .splits import APART, BY_SEGMENT
from .table import Table, table_of
from .timeline import Timeline
from .times import times_of
from .usual import DayVisitors, day_visitors, first_read
from .view import Look, View, grain_of
from .watched import Watched

# What design.md gives the preset "balanced"; the composition root hands in what is set.
DEFAULT_K = 5
_AS_USUAL = View()
_POOL = 4


class Reports:
    """The reports of all sites. release_k: the fold threshold of sites that set none. clock: Unix seconds.
    rounded: sites whose open days hold multiples of k only (docs/promises.md, rule H4). cache: of what is read of
    released days; of a cluster nothing is cached. closed_only: nothing of open days is read."""

    def __init__(
        self,
        store: Store,
        sites: Sequence[Site],
        release_k: int = DEFAULT_K,
        clock: Callable[[], float] = time.time,
        rounded: Container[str] = (),
        cache: LruCache | None = None,
        closed_only: bool = False,
    ) -> None:
        self._closed_only = closed_only
        self._store = store
        # A replica may know of a release before it has its rows: an answer without them must not stay.
        self._cache = cache or LruCache(0 if store.cluster else MOST_VALUES)
        self._release_k = release_k
        self._clock = clock
        self._rounded = rounded
        # A page waits for its slowest statement only.
        self._pool = ThreadPoolExecutor(_POOL, thread_name_prefix="report")
        self.sites = {site.key: site for site in sites}
        self._watched = Watched()
        self._entries: Callable[[str], list[Entry]] = partial(read_entries, store)

    def at_one_moment(self) -> Reports:
        """The same, for one answer to several questions: what is released is read once. Else a day that is released
        between two of them is open in one, and released in the other; and a third of what a small one takes is that."""
        made = copy(self)
        made._entries = cache(self._entries)
        return made

    def watched(self) -> frozenset[str]:
        """The sites that somebody asked about in the last minute."""
        return self._watched.sites()

    def follow(self, sites: Sequence[Site], rounded: Container[str]) -> None:
        """Answer about these sites from now on."""
        # Whoever asks in between is told less, not more.
        self._rounded = frozenset((*self.sites, *(site.key for site in sites)))
        if not self.sites.keys() <= {site.key for site in sites}:
            # A site that is gone may be removed, and come back with other days that have the same dates.
            self._cache = LruCache(self._cache.most)
        self.sites = {site.key: site for site in sites}
        self._rounded = rounded

    def annotations(self, site: Site, period: Period) -> tuple[Annotation, ...]:
        """What the owner noted of the days."""
        return notes_of(self._store, site.key, period.first, period.last)

    def warm_up(self) -> None:
        """Open the pool's clients now: each takes tens of milliseconds, for which the first page would wait."""
        self._store.open_clients(_POOL)
        # What is loaded now stays: no page need look through it for garbage.
        gc.collect()
        gc.freeze()

    def site(self, key: str) -> Site:
        """The site of that key."""
        if key not in self.sites:
            known = ", ".join(self.sites) or "none"
            raise BadQuery(f"site {key!r} is not known: there are {known}", Code.UNKNOWN_SITE)
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

    def since(self, site: Site) -> dt.date | None:
        """The first day that has data; None where none has."""
        first = "SELECT count(), min(day) FROM {} WHERE site = {{site:String}}"
        found = [self._store.rows(first.format(table), {"site": site.key})[0] for table in ("manifest", "open_cells")]
        return min((day for many, day in found if many), default=None)

    def sites_days(self) -> dict[str, SiteDays]:
        """How each site does, by key, in their order."""
        return sites_days(self._store, list(self.sites.values()), self.now, self._release_k)

    def last_day(self, site: Site) -> dt.date | None:
        """The last day of four weeks that has data, as the list of sites tells it."""
        return sites_days(self._store, [site], self.now, self._release_k)[site.key].last

    def stats(self, query: Query) -> dict[str, Any]:
        """The answer to a question, ready for JSON."""
        site = self.site(query.site)
        self._watched.ask(site.key)
        before = self._before(site, query.period, View()) if query.compare else None
        begin = before.first if before else query.first
        back = first_read(query.first) if query.compare else None
        released = self._released(site, query.first, query.last, begin, back)
        refuse_uncounted(query, site, released)
        refuse_unknown_segment(query.segment, site)
        refuse_unknown_goal(query.goal, site)
        answer = Executor(self._store, self._cache).answer(plan([query], released))
        table = table_of(query, answer)
        as_of = snapshot_time(self._store, released.span.part(query.first, query.last), site)
        rows = self.apart(query, released) if query.by in APART else table.as_rows()
        if query.by == "hour":
            rows = [at_local_hour(row, site) for row in rows]
        return {
            "site": site.key,
            "from": query.first.isoformat(),
            "to": query.last.isoformat(),
            "totals": {name: METRICS[name].of(table.totals) for name in (TOLD if query.segment else TOTALS)},
            "rows": rows,
            "by": f"{query.by},{query.beside}" if query.beside else query.by,
            "timezone": site.timezone,
            "as_of": as_of.isoformat(timespec="minutes") if as_of else None,
            "k": released.k,
            "networks": released.networks,
            "certainty": table.certainty,
            "flags": list(table.flags),
            "cuts_blocks": released.cuts_blocks,
            "of_days": table.coverage.days,
            **{name: [day.isoformat() for day in days] for name, days in special_days(released).items()},
            "notes": notes_of_answer(table, rows, self.now(site).date(), released, self._step(site)),
            **({"comparison": self._comparison(query, before, answer, site)} if query.compare else {}),
        }

    def _comparison(self, query: Query, before: Period | None, answer: Answer, site: Site) -> dict[str, Any]:
        told = compare(self._timeline(answer, query.last, site), query.period, before)
        days = {"from": before.first.isoformat(), "to": before.last.isoformat()} if before else {}
        return {name: value for name, value in to_builtins(told).items() if name != "period"} | days

    def _before(self, site: Site, period: Period, view: View) -> Period | None:
        """What a period is compared with. Raises BadQuery where there are no such days."""
        try:
            return view.earlier(period, self.now(site).date())
        except ValueError as error:
            raise BadQuery(f"there are no days to compare with: {error}", Code.BAD_PERIOD) from None

    def day_visitors(self, site: Site, day: dt.date) -> DayVisitors | None:
        """How many visitors a day had, as far as it is shown, against what is usual; None where that is not known."""
        released = self._released(site, day, day, day, first_read(day))
        query = Query((site.key,), Period(day, day, ""), ("day",), compare=True)
        answer = Executor(self._store, self._cache).answer(plan([query], released))
        return day_visitors(self._timeline(answer, day, site), day)

    def _timeline(self, answer: Answer, last: dt.date, site: Site) -> Timeline:
        """What was read, up to a day."""
        times = times_of(answer, answer.plan.released.span.first, last)
        return Timeline(times, answer.plan.released, self.now(site), ZoneInfo(site.timezone))

    def overview(
        self,
        site: Site,
        period: Period,
        rows: int = 9,
        filters: tuple[Filter, ...] = (),
        segment: str = "",
        view: View = _AS_USUAL,
    ) -> overview.Overview:
        """Everything the dashboard page shows. rows: at most that many in each table. filters, segment: of which
        visits."""
        refuse_unknown_segment(segment, site)
        self._watched.ask(site.key)
        before = self._before(site, period, view)
        executor = Executor(self._store, self._cache, self._pool)
        # It needs no releases, so it is asked beside them.
        counted = executor.beside(partial(bare_total, self._store, site.key, period))
        begin = before.first if before else period.first
        released = self._released(site, period.first, period.last, begin, first_read(period.first))
        looked = Look(view, before, grain_of(view, period, bool(filters or segment)))
        asked = overview.Asked(site, period, self.now(site), rows, self._step(site), filters, segment, looked)
        return overview.read(self._store, executor, asked, released, counted)

    def tables(self, site: Site, period: Period, batches: Sequence[Sequence[Query]]) -> list[Table]:
        """The answers to several questions about the same days; those of a batch, which have the same filters, are read
        together."""
        released = self._released(site, period.first, period.last, period.first)
        executor = Executor(self._store, self._cache, self._pool)
        found = []
        for queries in batches:
            answer = executor.answer(plan(queries, released))
            found += [table_of(query, answer) for query in queries]
        return found

    def _step(self, site: Site) -> int:
        """What the counts of the site's open days are multiples of."""
        return (site.release_k or self._release_k) if site.key in self._rounded else 1

    def apart(self, query: Query, known: Released | None = None) -> list[dict[str, Any]]:
        """The rows of a question by one of APART. known: what is released of the days, where that is read already."""
        if query.by in BARE:
            return bare_counts(self._store, query.by, query.site, query.period, query.rows.stop)[query.offset :]
        released = known or self._released(self.site(query.site), query.first, query.last, query.first)
        executor = Executor(self._store, self._cache)

        def asked(one: Query) -> Table:
            return table_of(one, executor.answer(plan([one], released)))

        if query.by == BY_SEGMENT:
            return side_by_side(query, self.site(query.site), lambda one: asked(one).as_total())
        return leaks(query, lambda one: asked(one).as_rows())

    def nobody_reached(self, query: Query, goal: str) -> bool:
        """Whether a goal that has no row is one that nobody reached."""
        released = self._released(self.site(query.site), query.first, query.last, query.first)
        return is_certain(released, goal, query.period)

    def version(self, site: Site, period: Period) -> str:
        """Changes if and only if the totals of the period do."""
        self._watched.ask(site.key)
        released = self._released(site, period.first, period.last, period.first)
        return overview.version(Executor(self._store, self._cache), site, released, period)

    def _released(
        self, site: Site, first: dt.date, last: dt.date, before: dt.date, back: dt.date | None = None
    ) -> Released:
        """What is released of some days and of those before them, with the sums of months where they are many; without
        the open days, where these are not to be read. back: what is released from then on is wanted, too."""
        given = (self._entries(site.key), site, first, last, site.release_k or self._release_k, before, back)
        if (last - first).days + 1 < LEAST_DAYS:
            found = released_days(*given)
        else:
            # On a server sums of months may be dropped at any time, and made again under other numbers.
            cache = self._cache if self._store.embedded else LruCache(0)
            months = partial(months_of, self._store, cache, site.key, min(before, back or before), last)
            found = released_days(*given, months)
        return structs.replace(found, span=structs.replace(found.span, never_open=True)) if self._closed_only else found
