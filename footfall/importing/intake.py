"""Imports from the command's side: beacons of lines or synthetic ones → the collector's steps → the instance.

In: beacons with clients and times. Out: a summary. Promises: addresses and agents stay in this process's memory, keys
are destroyed at its end; a cut-off import is abandoned whole.
"""

from __future__ import annotations

import contextlib
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from msgspec import Struct, field, structs

from collector.enrich.geo import GeoDatabase
from collector.keys.key import EphemeralKeys
from collector.model import Beacon, Client, Draft, Rules
from collector.outcome import Reason
from collector.steps import MACHINES, CrawlerView, anonymize, crawler_view_of
from pipeline.imports import Batch
from schema.event import CrawlerViews, Event
from schema.host import site_name
from schema.site import LocalDay, local_day

from ..control.instance import Instance, ad_hoc_site
from ..databases import datacenters_of
from ..errors import CannotDo
from ..settings import Settings

_BATCH = 20_000

Sent = tuple[Beacon, Client, int]


class Summary(Struct):
    """What became of an import."""

    site: str
    lines: int = 0
    events: int = 0
    dropped: dict[str, int] = field(default_factory=dict)
    days_released: list[str] = field(default_factory=list)
    days_skipped: dict[str, str] = field(default_factory=dict)
    undeclared: bool = False
    # By file.
    formats: dict[str, str] = field(default_factory=dict)
    # What takes it back, "" where nothing was released.
    run: str = ""
    # What would have been released, of a dry run.
    preview: dict[str, Any] | None = None

    @property
    def changed_nothing(self) -> bool:
        return not self.days_released


def run(
    instance: Instance,
    rules: Rules,
    sent: Iterable[Sent | Reason],
    geo_database: GeoDatabase,
    origin: str,
    counted: Callable[[Client], object] = lambda _: None,
    dry: bool = False,
) -> Summary:
    """Anonymize and hand over everything, then release its days. counted: told the client of every event. dry: tell
    what would be released instead."""
    known = is_declared(instance, rules)
    summary, dropped, keys = Summary(rules.site.key), Counter[str](), EphemeralKeys()
    crawlers = Counter[CrawlerView]()
    datacenters = datacenters_of(instance.settings)
    name = instance.import_begin(rules.site.key)
    try:
        batch: list[list[Any]] = []
        day: LocalDay | None = None
        for item in sent:
            summary.lines += 1
            if isinstance(item, Reason):
                dropped[item] += 1
                continue
            beacon, client, moment = item
            if day is None or not day.start <= moment < day.end:
                day = local_day(rules.site.timezone, moment)
            draft = Draft(beacon, client, rules, moment, day, keys, geo_database, datacenters)
            outcome = anonymize(draft)
            if isinstance(outcome, Event):
                batch.append(list(structs.astuple(outcome)))
                summary.events += 1
                counted(client)
            else:
                dropped[outcome] += 1
                if outcome in MACHINES and (view := crawler_view_of(draft)):
                    crawlers[view] += 1
            if len(batch) >= _BATCH:
                instance.import_add(Batch(name, Event.__struct_fields__, batch))
                batch = []
        instance.import_add(Batch(name, Event.__struct_fields__, batch))
        instance.import_crawlers(name, [CrawlerViews(*view, views) for view, views in crawlers.items()])
        report = instance.import_preview(name) if dry else instance.import_finish(name, origin)
    except BaseException:
        # What failed while it was being released is gone already; that must not stand in the place of why.
        with contextlib.suppress(CannotDo):
            instance.import_abandon(name)
        raise
    finally:
        keys.destroy()
    summary.dropped = {str(reason): count for reason, count in dropped.most_common()}
    summary.undeclared = not known
    summary.days_skipped = dict(report["skipped"])
    if dry:
        summary.preview = {"days": report["days"], "pages": report["pages"]}
    else:
        summary.days_released = list(report["released"])
    if summary.days_released:
        summary.run = name
    return summary


def is_declared(instance: Instance, rules: Rules) -> bool:
    """Whether the instance's settings know the site."""
    return rules.site.key in {site.key for site in instance.settings.all_sites}


def rules_of(settings: Settings, name: str) -> Rules:
    """What holds for a site; one that the settings do not know gets every default."""
    known = settings.collector_rules()
    wanted = site_name(name)
    if wanted in known:
        return known[wanted]
    site = ad_hoc_site(name)
    return structs.replace(settings, sites=(site,)).collector_rules()[site.key]
