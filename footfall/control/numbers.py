"""What a command may ask of a site's numbers: statistics, digests, notes.

In: a question. Out: plain values. Promises: the answers that pages and interface give.
"""

from __future__ import annotations

import datetime as dt
import time
from typing import Any

import msgspec
from msgspec import structs

from dashboards.delivery.digest import digest_of, last_before
from dashboards.stats.query import Query
from dashboards.stats.refused import BadQuery
from dashboards.stats.report import Reports
from dashboards.stats.watched import Watched
from dashboards.stats_api.request import of as question_of
from dashboards.stats_api.respond import answer
from dashboards.web.nearest import Words, advice
from pipeline.annotations import annotate, take_back
from pipeline.settings import SiteRules
from schema.annotations import FIRST_DAY, LAST_DAY, notes_of
from schema.site import Site, local_day
from schema.store import Store

from ..delivery import in_words
from ..errors import CannotDo
from ..settings import Settings
from ..supervisor.listening import dashboards_url
from .instance import StatsRequest, iso_date
from .known import Known


class Numbers(Known):
    def __init__(self, settings: Settings, store: Store, live: bool = True) -> None:
        super().__init__(settings, store, live)
        self._watched = Watched()

    def stats(self, request: StatsRequest) -> dict[str, Any]:
        """The answer of `footfall stats`."""
        site, rules = self._known(request.site)
        first, last = iso_date(request.first), iso_date(request.last)
        reports = self._reports(site, rules)
        try:
            query = Query.of(
                site.key, first, last, request.by, request.filters, request.limit,
                request.metrics, request.order, request.compare, request.offset, request.segment,
            )  # fmt: skip
            return reports.stats(query)
        except BadQuery as problem:
            words = Words(request.by, request.filters, request.segment, request.metrics, request.order)
            instead = advice(reports, reports.site(site.key), words, (first, last), problem.code).in_words()
            raise CannotDo(f"{problem} ({problem.code}){instead}") from None

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
        return self._watched.sites()

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

    def note_add(self, site: str, day: str, text: str) -> dict[str, Any]:
        """Note something of a day; "" is today, where the site is. Raises CannotDo."""
        mine, _ = self._known(site)
        on = iso_date(day) if day else local_day(mine.timezone, time.time()).date
        if not FIRST_DAY <= on <= LAST_DAY:
            raise CannotDo(f"date {day!r}: notes are of days from {FIRST_DAY} to {LAST_DAY}, look at its year")
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

    def _reports(self, site: Site, rules: SiteRules) -> Reports:
        """As the dashboards have them, of one site."""
        self._watched.ask(site.key)
        mine = structs.replace(site, release_k=rules.k, release_networks=rules.least_networks)
        return Reports(self.store, [mine], rounded=(site.key,) if rules.strict and rules.k > 1 else ())
