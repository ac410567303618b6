"""What a command may ask, of the process that holds the store.

In: settings and a store. Out: plain values. Promises: the same answers as from `Remote`, which asks another process.
"""

from __future__ import annotations

import datetime as dt
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
from msgspec import structs

from dashboards.delivery.digest import digest_of, last_before
from dashboards.stats.query import Query
from dashboards.stats.refused import BadQuery
from dashboards.stats.report import WATCHED_S, Reports
from dashboards.stats_api.request import of as question_of
from dashboards.stats_api.respond import answer
from pipeline.added_goals import counted_since
from pipeline.adding import days_left
from pipeline.annotations import annotate, take_back
from pipeline.copying import ROWS_STAY
from pipeline.enrolled import enrolled
from pipeline.enrolled import forget as forget_spools
from pipeline.former import last_declared, looked_up, once_set_up
from pipeline.imports import Batch, Import
from pipeline.release import received_by_spool
from pipeline.settings import SiteRules
from pipeline.site_data import Removed, released_months, remove_site, rows_of_month, what_there_is
from pipeline.undo import runs, undo
from schema.annotations import notes_of
from schema.event import CrawlerViews
from schema.host import site_name
from schema.manifest import RELEASED_DAYS
from schema.site import Site, local_day
from schema.store import Store

from ..backup.making import make, plain
from ..delivery import in_words
from ..errors import CannotDo
from ..health.finding import Finding
from ..health.outcomes import outcomes
from ..health.stored import of_store
from ..plan import window
from ..settings import DEMO_SITE, Settings
from ..supervisor.listening import dashboards_url
from ..supervisor.paths import former_sites
from . import editing, releases
from .foreign_pages import foreign_pages
from .instance import StatsRequest, ad_hoc_site, iso_date, spools_of
from .sites import list_sites

if TYPE_CHECKING:
    from pipeline.schedule import Pipeline


class Engine:
    """The instance, in the process that holds the store. live: its settings are those by which open days are folded."""

    def __init__(self, settings: Settings, store: Store, live: bool = True) -> None:
        self._settings = settings
        self.store = store
        self._live = live
        # When each site was asked about last.
        self._asked: dict[str, float] = {}
        self._imports: dict[str, tuple[Import, str]] = {}
        # At which editors declare; the process that runs puts one here that has its parent follow.
        self.desk = editing.EditDesk(lambda: self._settings, self.days_left, closed=editing.closed(settings))
        # The one that works in this process.
        self.pipeline: Pipeline | None = None

    @property
    def settings(self) -> Settings:
        return self._settings

    def follow(self, settings: Settings) -> None:
        """Go by other settings from now on."""
        self._settings = settings

    def stats(self, request: StatsRequest) -> dict[str, Any]:
        """The answer of `footfall stats`."""
        site, rules = self._known(request.site)
        first, last = iso_date(request.first), iso_date(request.last)
        try:
            query = Query.of(
                site.key, first, last, request.by, request.filters, request.limit,
                request.metrics, request.order, request.compare, request.offset, request.segment,
            )  # fmt: skip
            return self._reports(site, rules).stats(query)
        except BadQuery as problem:
            raise CannotDo(f"{problem} ({problem.code})") from None

    def stats_query(self, question: dict[str, Any]) -> dict[str, Any]:
        """The answer to a question of the Stats API v2, or why there is none. Raises CannotDo for an unknown site."""
        try:
            asked = question_of(question)
        except BadQuery as problem:
            return {"error": str(problem), "code": problem.code}
        site, rules = self._known(asked.site_id)
        reports = self._reports(site, rules)
        told: dict[str, Any] = msgspec.to_builtins(answer(reports, reports.site(site.key), asked))
        return told

    def watched(self) -> frozenset[str]:
        """The sites that somebody asked about in the last minute."""
        since = time.monotonic() - WATCHED_S
        return frozenset(key for key, at in tuple(self._asked.items()) if at > since)

    def _reports(self, site: Site, rules: SiteRules) -> Reports:
        """As the dashboards have them, of one site."""
        self._asked[site.key] = time.monotonic()
        mine = structs.replace(site, release_k=rules.k, release_networks=rules.least_networks)
        return Reports(self.store, [mine], rounded=(site.key,) if rules.strict and rules.k > 1 else ())

    def import_begin(self, site: str) -> str:
        """Make room for an import; its name."""
        run = Import(self.store)
        run.begin()
        self._imports[run.run] = (run, site)
        return run.run

    def import_add(self, batch: Batch) -> None:
        """Store some events of an import. Raises LayoutUnknown."""
        self._run(batch.run)[0].add(batch.in_order())

    def import_crawlers(self, run: str, views: list[CrawlerViews]) -> None:
        """Store what crawlers looked at, of an import."""
        self._run(run)[0].add_crawlers(views)

    def import_finish(self, run: str, origin: str) -> dict[str, Any]:
        """Release what can be released, and forget the rest."""
        imported, site = self._run(run)
        del self._imports[run]
        return structs.asdict(imported.finish([self._site(site)], time.time(), origin))

    def import_preview(self, run: str) -> dict[str, Any]:
        """What `import_finish` would release; forget all of it."""
        imported, site = self._run(run)
        del self._imports[run]
        told, skipped = imported.preview([self._site(site)], time.time())
        answer: dict[str, Any] = msgspec.to_builtins(told)
        return answer | {"skipped": skipped}

    def import_runs(self) -> list[dict[str, Any]]:
        """Every import that has released days."""
        return [msgspec.to_builtins(run) for run in runs(self.store)]

    def import_undo(self, run: str) -> dict[str, Any]:
        """Take an import back. Raises CannotDo where there is none of that name."""
        undone = undo(self.store, run, time.time())
        if undone is None:
            raise CannotDo(f"import {run!r} is not known; `footfall import list` tells the names")
        answer: dict[str, Any] = msgspec.to_builtins(undone)
        return answer

    def import_abandon(self, run: str) -> None:
        imported, _ = self._run(run)
        del self._imports[run]
        imported.abandon()

    def backup(self, path: str) -> dict[str, Any]:
        """Write a backup into a new file, by its whole path."""
        return plain(make(self._settings, self.store, Path(path)), Path(path))

    def status(self) -> dict[str, Any]:
        """What `footfall check` reports of the store."""
        last = self.store.rows("SELECT site, toString(max(received)), count() FROM events GROUP BY site ORDER BY site")
        released = self.store.rows(
            f"SELECT site, count(), toString(max(day)) FROM {RELEASED_DAYS} GROUP BY site ORDER BY site"
        )
        marks = received_by_spool(self.store)
        return {
            "store": self.store.name,
            "version": self.store.rows("SELECT version()")[0][0],
            "raw": [{"site": s, "last_event": last_event, "rows": rows} for s, last_event, rows in last],
            "released": [{"site": s, "days": days, "last": day} for s, days, day in released],
            "spools": [{"spool": spool, "received_through": second} for spool, second in marks.items()],
            "last_24_hours": [{"site": s, "reason": reason, "count": n} for s, reason, n in outcomes(self.store)],
            "goals": [
                {"site": s, "goal": goal, "definition": definition, "since": day.isoformat()}
                for s, goal, definition, day in counted_since(self.store)
            ],
            "sections": [
                {"site": s, "section": name, "definition": definition, "since": day.isoformat()}
                for s, name, definition, day in counted_since(self.store, "sections")
            ],
            "properties": [
                {"site": s, "property": name, "since": day.isoformat()}
                for s, name, _, day in counted_since(self.store, "properties")
            ],
            "funnels": [
                {"site": s, "funnel": name, "definition": as_, "since": day.isoformat()}
                for s, name, as_, day in counted_since(self.store, "funnels")
            ],
            "foreign_pages": [structs.asdict(one) for one in foreign_pages(self.store, self._settings)],
        }

    def health(self) -> list[Finding]:
        """What the store tells of the instance."""
        sites = list(self._settings.site_rules())
        if not (self._live or self._settings.has_file):
            # Flags named them, and are gone with the instance that had them.
            known = {site.key for site, _ in sites}
            sites += [self._site(key) for key in sorted(last_declared(former_sites(self._settings)) - known)]
        return of_store(self.store, sites, self._site, self._settings.rollup.grace_s, time.time())

    def spools(self) -> list[dict[str, Any]]:
        """Every spool that days wait for."""
        sites = [site for site, _ in looked_up(former_sites(self._settings), self._settings.site_rules())]
        return [structs.asdict(one) for one in enrolled(self.store, sites, time.time())]

    def spools_of(self, host: str) -> list[dict[str, Any]]:
        """Those that may be forgotten with a host. Raises CannotDo."""
        return spools_of(self.spools(), host)

    def spools_forget(self, spools: list[str]) -> None:
        """Wait for these no longer."""
        forget_spools(self.store, spools)

    def sites(self) -> list[dict[str, Any]]:
        """Every site of the settings, and every other one with data."""
        return list_sites(self._settings, self.store)

    def site_data(self, key: str) -> dict[str, Any]:
        """What a removal would delete. Raises CannotDo where the settings name the site, or there is nothing of it."""
        if key in {site.key for site in self._settings.all_sites}:
            how = "set demo = false" if key == DEMO_SITE.key else "take it out of the settings"
            raise CannotDo(f"site {key!r}: is in the settings; {how}, have Footfall read them again, then remove it")
        if key not in {one["site"] for one in self.sites()}:
            raise CannotDo(f"site {key!r}: there is nothing of it; `footfall site list` lists those there are")
        return structs.asdict(what_there_is(self.store, key))

    def site_remove(self, key: str) -> dict[str, Any]:
        """Delete all of a site that the settings do not name. Raises CannotDo."""
        self.site_data(key)

        def work() -> Removed:
            return remove_site(self.store, key, time.time())

        with ROWS_STAY:
            return structs.asdict(self.pipeline.leave(key, work) if self.pipeline else work())

    def site_months(self, key: str) -> list[str]:
        """The months with released days, as ISO dates. Raises CannotDo where there are none."""
        months = [month.isoformat() for month in released_months(self.store, key)]
        if not months:
            raise CannotDo(f"site {key!r}: no day of it is released; `footfall site list` lists those there are")
        return months

    def site_rows(self, key: str, family: str, late: bool, month: str) -> list[dict[str, Any]]:
        """The released rows of a month in one family; late: of its blocks."""
        rows: list[dict[str, Any]] = msgspec.to_builtins(rows_of_month(self.store, key, family, late, iso_date(month)))
        return rows

    def note_add(self, site: str, day: str, text: str) -> dict[str, Any]:
        """Note something of a day; "" is today, where the site is. Raises CannotDo."""
        mine, _ = self._known(site)
        on = iso_date(day) if day else local_day(mine.timezone, time.time()).date
        try:
            made: dict[str, Any] = msgspec.to_builtins(annotate(self.store, mine.key, on, text))
        except ValueError as problem:
            raise CannotDo(str(problem)) from None
        return made

    def notes(self, site: str, first: str, last: str) -> list[dict[str, Any]]:
        """The notes of some days; of a year up to today, where none are said. Raises CannotDo."""
        mine, _ = self._known(site)
        end = iso_date(last) if last else local_day(mine.timezone, time.time()).date
        begin = iso_date(first) if first else end - dt.timedelta(days=365)
        found: list[dict[str, Any]] = msgspec.to_builtins(list(notes_of(self.store, mine.key, begin, end)))
        return found

    def note_remove(self, site: str, id_: str) -> bool:
        """Take a note back; whether there was one. Raises CannotDo."""
        return take_back(self.store, self._known(site)[0].key, id_)

    def days_left(self, key: str) -> int:
        """On how many released days of a site visits are left."""
        return sum(1 for _ in days_left(self.store, key))

    def edits(self, site: str) -> dict[str, Any]:
        """What a site declares, and the versions of what editors did. Raises CannotDo."""
        return editing.told(self.desk, self._known(site)[0].key)

    def edit_back(self, site: str, number: int) -> dict[str, Any]:
        """Have an earlier version hold again. Raises CannotDo."""
        return editing.take_back(self.desk, self._known(site)[0].key, number)

    def digest(self, site: str, every: str, day: str) -> dict[str, str]:
        """The digest of the last whole week or month before a day, "" is today. Raises CannotDo where it is not all
        released."""
        mine, rules = self._known(site)
        reports = self._reports(mine, rules)
        known = reports.site(mine.key)
        period = last_before(in_words(every), iso_date(day) if day else reports.now(known).date())
        made = digest_of(reports, known, in_words(every), period, dashboards_url(self._settings))
        if made is None:
            raise CannotDo(
                f"{every} of {period.dates}: not all of its days are released, or there is no data of them; "
                f"`footfall release log {mine.key}` tells which"
            )
        return {"subject": made.subject, "text": made.text, "html": made.html}

    def release_log(self, site: str, first: str, last: str) -> dict[str, Any]:
        """The manifest's entries of days from first to last, and what is not closed. Raises CannotDo."""
        days = iso_date(first), iso_date(last)
        return releases.log_of(self.store, *self._known(site), *days, time.time(), self._settings.rollup.grace_s)

    def release_sites(self) -> list[str]:
        """The sites that have entries in the manifest, or released rows."""
        return releases.released_sites(self.store)

    def release_chain(self, key: str) -> dict[str, Any]:
        """What a site's chain is, and what of it does not hold."""
        return releases.chain_of(self.store, key)

    def release_faults(self, key: str, month: str) -> list[dict[str, Any]]:
        """What rows of a month are not those that were released."""
        return releases.faults_of_month(self.store, key, iso_date(month))

    def release_day(self, site: str, day: str) -> dict[str, Any]:
        """What is released of a day, or what it waits for. Raises CannotDo."""
        asked = iso_date(day)
        return releases.day_of(self.store, *self._known(site), asked, time.time(), self._settings.rollup.grace_s)

    def release_block(self, site: str, day: str, span: int) -> dict[str, Any]:
        """The same of the block of so many days that the day is in. Raises CannotDo."""
        asked = iso_date(day), span
        return releases.block_of(self.store, *self._known(site), *asked, time.time(), self._settings.rollup.grace_s)

    def plan_days(self, site: str, first: str) -> dict[str, Any]:
        """How many raw rows are left of each day of a site, and which days are open."""
        return window.days_of(self.store, site, iso_date(first))

    def plan_rows(self, site: str, named: str, table: str, day: str, nth: int, parts: int) -> bytes:
        """Rows of a day as text, of a site that is called otherwise in them. Raises CannotDo."""
        return window.text_of(self.store, site, named, table, iso_date(day), (nth, parts))

    def _known(self, name: str) -> tuple[Site, SiteRules]:
        """A site and what holds for it. Raises CannotDo where there is nothing of it."""
        site, rules = self._site(name)
        self._refuse_unknown(site)
        if not self._live:
            rules = structs.replace(rules, k=self._last_k(site) or rules.k)
        return site, rules

    def _refuse_unknown(self, site: Site) -> None:
        declared = [known.key for known in self._settings.all_sites]
        if site.key in declared:
            return
        stored = self.store.rows("SELECT site FROM manifest UNION DISTINCT SELECT site FROM events ORDER BY site")
        known = list(dict.fromkeys([*declared, *(key for (key,) in stored)]))
        if site.key not in known:
            raise CannotDo(f"site {site.key!r} is not known: there are {', '.join(known) or 'none'}")

    def _last_k(self, site: Site) -> int:
        """The k of the site's last release; 0 before its first."""
        rows = self.store.rows(
            "SELECT argMax(k, number) FROM manifest WHERE site = {s:String} AND span = 1", {"s": site.key}
        )
        return int(rows[0][0])

    def _run(self, run: str) -> tuple[Import, str]:
        if run not in self._imports:
            raise CannotDo(f"import {run!r} is not under way; start it again")
        return self._imports[run]

    def _site(self, name: str) -> tuple[Site, SiteRules]:
        rules = self._settings.site_rules()
        for site, mine in rules:
            if site_name(name) in site.names:
                return site, mine
        # Removed, or given as a flag to another start: what is stored of it can still be read and added to.
        alone = ad_hoc_site(name)
        return once_set_up(former_sites(self._settings), alone.key) or (alone, self._settings.rules_of(alone))
