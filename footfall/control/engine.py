"""What a command may ask, of the process that holds the store.

In: settings and a store. Out: plain values. Promises: the same answers as from `Remote`, which asks another process.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

from msgspec import structs

from pipeline.adding.goals import counted_since
from pipeline.adding.release import days_left
from pipeline.enrolled import enrolled
from pipeline.enrolled import forget as forget_spools
from pipeline.former import last_declared, looked_up
from pipeline.open_days import received_by_spool
from schema.manifest import RELEASED_DAYS
from schema.store import Store

from ..backup.making import make, plain
from ..health.finding import Finding
from ..health.outcomes import outcomes
from ..health.stored import of_store
from ..plan import window
from ..settings import Settings
from ..supervisor.paths import former_sites
from . import editing
from .foreign_pages import foreign_pages
from .import_runs import ImportRuns
from .instance import iso_date, spools_of
from .numbers import Numbers
from .release_log import ReleaseLog
from .site_data import SiteData


class Engine(Numbers, ImportRuns, SiteData, ReleaseLog):
    """The instance, in the process that holds the store."""

    def __init__(self, settings: Settings, store: Store, live: bool = True) -> None:
        super().__init__(settings, store, live)
        # At which editors declare; the process that runs puts one here that has its parent follow.
        self.desk = editing.EditDesk(lambda: self._settings, self.days_left, closed=editing.closed(settings))

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

    def days_left(self, key: str) -> int:
        """On how many released days of a site visits are left."""
        return sum(1 for _ in days_left(self.store, key))

    def edits(self, site: str) -> dict[str, Any]:
        """What a site declares, and the versions of what editors did. Raises CannotDo."""
        return editing.told(self.desk, self._known(site)[0].key)

    def edit_back(self, site: str, number: int) -> dict[str, Any]:
        """Have an earlier version hold again. Raises CannotDo."""
        return editing.take_back(self.desk, self._known(site)[0].key, number)

    def plan_days(self, site: str, first: str) -> dict[str, Any]:
        """How many raw rows are left of each day of a site, and which days are open."""
        return window.days_of(self.store, site, iso_date(first))

    def plan_rows(self, site: str, named: str, table: str, day: str, nth: int, parts: int) -> bytes:
        """Rows of a day as text, of a site that is called otherwise in them. Raises CannotDo."""
        return window.text_of(self.store, site, named, table, iso_date(day), (nth, parts))
