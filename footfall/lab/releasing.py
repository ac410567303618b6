"""Releases what was tried by the product's own pipeline: every candidate at every k, days and then blocks.

In: a store, candidates, events as the collector makes them. Out: a `Released` for each candidate and k, told by what is
released of it beside what is with k = 1. Promises: rows are rolled up, suppressed, added up to weeks and counted in
steps by the pipeline alone; what they are compared with are rows that it released, too.
"""

from __future__ import annotations

import datetime as dt
import secrets
import time
from collections.abc import Callable, Sequence

from msgspec import Struct, structs

from collector.anonymization import AnonymizationSettings
from pipeline.blocks import close_blocks
from pipeline.imports import Import
from pipeline.insert import insert
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.settings import ReleaseSettings, RetentionSettings, SiteRules
from pipeline.writer import COLUMNS
from schema.event import Event
from schema.manifest import FOUR_WEEKS, WEEK, grain_of, origin_of
from schema.site import Site, day_bounds, day_number
from schema.store import Store

from ..settings import Settings, SiteSettings
from .candidates import Candidate
from .released import Released, Rows, released_of
from .trailing import Trail, trails_of

_BATCH = 20_000
_EVERYTHING = SiteRules(1, 0, "")


def rules_at(candidate: Candidate, k: int, bound: float) -> SiteRules:
    """By which rules the candidate would be released at a k: as the settings say where it is set."""
    mine = candidate.anonymization
    release = ReleaseSettings(k, mine.networks_at(k), mine.k_late, mine.late_others, bound)
    settings = Settings(
        anonymization=AnonymizationSettings(preset=mine.preset),
        release=release,
        retention=RetentionSettings(raw_days=mine.raw_days),
    )
    return settings.rules_of(SiteSettings(mine.preset))


class _Site(Struct, frozen=True):
    """A site of the store: the events of one candidate by one set of rules."""

    site: Site
    rules: SiteRules


class Releasing:
    """One run. Its rows live until `finish`, or as long as its store."""

    def __init__(
        self, store: Store, site: Site, chosen: Sequence[Candidate], ks: Sequence[int], bound: float = 0.0
    ) -> None:
        """site: whose time zone and sections hold. bound: release.bound."""
        self._store, self._run = store, secrets.token_hex(4)
        # Whatever else it counts, goals and funnels among it, is not tried.
        self._chosen, self._bare = chosen, Site("x", timezone=site.timezone, sections=site.sections, properties=())
        self._whole = [self._site(f"{place}", _EVERYTHING) for place in range(len(chosen))]
        self._at_k = [
            {k: self._site(f"{place}-{k}", rules_at(candidate, k, bound)) for k in ks}
            for place, candidate in enumerate(chosen)
        ]
        self._import = Import(store)
        self._import.begin()
        self._rows: list[tuple[object, ...]] = []

    def _site(self, name: str, rules: SiteRules) -> _Site:
        return _Site(structs.replace(self._bare, key=f"{name}.{self._run}.invalid"), rules)

    def take(self, candidate: int, event: Event) -> None:
        """Keep an event of a candidate, by its place."""
        self._rows.append(structs.astuple(structs.replace(event, site=self._whole[candidate].site.key)))
        if len(self._rows) >= _BATCH:
            self._add()

    def _add(self) -> None:
        self._import.add(self._rows)
        self._rows = []

    def finish(self, progress: Callable[[str], object] = lambda _: None) -> list[dict[int, Released]]:
        """Release all of it; what is shown of each candidate, by k. progress: told what is done next."""
        try:
            self._add()
            shown = []
            for place, candidate in enumerate(self._chosen):
                progress(f"releasing the days of {candidate.name}")
                shown.append(self._release(place))
            progress("looking at open days every quarter of an hour")
            trails = self._trails()
            return [
                {k: structs.replace(one, trail=trails[place, k]) for k, one in by_k.items()}
                for place, by_k in enumerate(shown)
            ]
        finally:
            self._import.abandon()

    def _release(self, place: int) -> dict[int, Released]:
        """Release a candidate's days as they are, at every k, and where networks are asked for at that k without."""
        whole, at_k = self._whole[place], self._at_k[place]
        any_network = {
            k: self._site(f"{place}-{k}-1", structs.replace(one.rules, networks=1, k_late=0, late_others=0))
            if one.rules.least_networks > 1
            else one
            for k, one in at_k.items()
        }
        sites = {one.site.key: one for one in (whole, *at_k.values(), *any_network.values())}
        days = self._days(whole.site)
        for key in sites.keys() - {whole.site.key}:
            self._copy(whole.site.key, key)
        due = [SiteDay(one.site, day, one.rules) for one in sites.values() for day in days]
        if due:
            # A day that has begun is looked at as if it was over.
            now = max(time.time(), *(day_bounds(whole.site.timezone, day_number(day)).end for day in days))
            origin = origin_of("lab", self._import.run)
            release_together(self._store, self._import.table, due, now, origin, [Flaws()] * len(due))
            known = [(one.site, one.rules) for one in sites.values()]
            close_blocks(self._store, known, now, 0, origin)
        grains = {span: grain_of(origin_of("lab", self._import.run), span) for span in (WEEK, FOUR_WEEKS)}
        rows = Rows(self._store, whole.site.key, grains[WEEK], grains[FOUR_WEEKS], len(days))
        return {k: released_of(rows, one.site.key, any_network[k].site.key, one.rules) for k, one in at_k.items()}

    def _days(self, site: Site) -> list[dt.date]:
        rows = self._store.rows(
            f"SELECT DISTINCT day FROM {self._import.table} WHERE site = {{site:String}} ORDER BY day",
            {"site": site.key},
        )
        return [day for (day,) in rows]

    def _copy(self, of: str, to: str) -> None:
        columns = {name: name for name in COLUMNS} | {"site": "{to:String}"}
        inserted = insert(self._import.table, columns)
        self._store.command(f"{inserted} FROM {self._import.table} WHERE site = {{of:String}}", {"of": of, "to": to})

    def _trails(self) -> dict[tuple[int, int], Trail]:
        sites = {(place, k): one for place, by_k in enumerate(self._at_k) for k, one in by_k.items()}
        days = {
            name: [SiteDay(one.site, day, one.rules) for day in self._days(one.site)] for name, one in sites.items()
        }
        return trails_of(self._store, self._import.table, days)
