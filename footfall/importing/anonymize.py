"""Beacons of an import through the collector's steps.

In: beacons with clients and times, or why a line is none. Out: rows of the table `events`, and counts. Promises: no
address and no agent string is in what comes out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct, field, structs

from collector.ended import crawler_view_of
from collector.enrich.asn import Datacenters
from collector.enrich.geo import GeoDatabase
from collector.enrich.page import BadUrl, Page
from collector.model import Beacon, Client, Draft, KeySource, Rules
from collector.outcome import Reason
from collector.steps import MACHINES, anonymize, page_of
from schema.event import Event
from schema.site import LocalDay, local_day

Sent = tuple[Beacon, Client, int]
Row = list[Any]
# Site, day, crawler and section of what crawlers looked at (collector/ended.py, CrawlerView).
CrawlerKey = tuple[str, int, str, str]
# Pages that are remembered by their URLs.
_PAGES = 8192


class Anonymized(Struct):
    """What became of some of an import. tried: how many there were."""

    tried: int = 0
    rows: list[Row] = field(default_factory=list)
    dropped: dict[Reason, int] = field(default_factory=dict)
    crawlers: list[tuple[CrawlerKey, int]] = field(default_factory=list)


class Anonymizer:
    """The steps, for one site. counted: told the client of every event."""

    def __init__(self, rules: Rules, keys: KeySource, geo_database: GeoDatabase, datacenters: Datacenters) -> None:
        self._rules, self._keys = rules, keys
        self._geo_database, self._datacenters = geo_database, datacenters
        self._day: LocalDay | None = None
        self._pages: dict[str, Page] = {}

    def take(self, sent: Iterable[Sent | Reason], counted: Callable[[Client], object] = lambda _: None) -> Anonymized:
        """Take these through the steps."""
        taken, dropped, crawlers = Anonymized(), Counter[Reason](), Counter[CrawlerKey]()
        for item in sent:
            taken.tried += 1
            if isinstance(item, Reason):
                dropped[item] += 1
                continue
            draft = self._draft(*item)
            outcome = anonymize(draft)
            if isinstance(outcome, Event):
                taken.rows.append(list(structs.astuple(outcome)))
                counted(item[1])
            else:
                dropped[outcome] += 1
                if outcome in MACHINES and (view := crawler_view_of(draft)):
                    crawlers[view] += 1
        taken.dropped, taken.crawlers = dict(dropped), list(crawlers.items())
        return taken

    def _draft(self, beacon: Beacon, client: Client, moment: int) -> Draft:
        day = self._day
        if day is None or not day.start <= moment < day.end:
            day = self._day = local_day(self._rules.site.timezone, moment)
        draft = Draft(beacon, client, self._rules, moment, day, self._keys, self._geo_database, self._datacenters)
        draft.page = self._pages.get(beacon.url) or self._remembered(beacon)
        return draft

    def _remembered(self, beacon: Beacon) -> Page | None:
        """The page that it names, None where it names none: a step says so."""
        try:
            page = page_of(beacon, self._rules)
        except BadUrl:
            return None
        # The collector, which runs for months, does not keep URLs that lose anything; an import is over soon.
        if not beacon.hash_mode:
            if len(self._pages) >= _PAGES:
                self._pages.clear()
            self._pages[beacon.url] = page
        return page
