"""Imports from the command's side: what the collector's steps made of beacons → the instance.

In: rows and counts, or beacons with clients and times. Out: a summary. Promises: addresses and agents stay in this
process's memory, keys are destroyed at its end; a cut-off import is abandoned whole.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator
from typing import Any

from msgspec import Struct, field, structs

from collector.enrich.geo import GeoDatabase
from collector.keys.key import EphemeralKeys
from collector.model import Rules
from collector.outcome import Reason
from pipeline.imports import Batch
from schema.event import CrawlerViews, Event
from schema.host import site_name

from ..control.instance import Instance, ad_hoc_site
from ..databases import datacenters_of
from ..errors import CannotDo
from ..settings import Settings
from .anonymize import Anonymized, Anonymizer, CrawlerKey, Row, Sent

# Rows that are handed to the instance at once.
_BATCH = 10_000


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
) -> Summary:
    """Anonymize and hand over everything, then release its days."""
    keys = EphemeralKeys()
    anonymizer = Anonymizer(rules, keys, geo_database, datacenters_of(instance.settings))
    try:
        return hand_over(instance, rules, map(anonymizer.take, _some(sent)), origin)
    finally:
        keys.destroy()


def hand_over(instance: Instance, rules: Rules, taken: Iterator[Anonymized], origin: str, dry: bool = False) -> Summary:
    """Hand everything over, then release its days. dry: tell what would be released instead."""
    summary, dropped, crawlers = Summary(rules.site.key), Counter[Reason](), Counter[CrawlerKey]()
    name = instance.import_begin(rules.site.key)
    try:
        batch: list[Row] = []
        for some in taken:
            summary.lines += some.tried
            summary.events += len(some.rows)
            dropped.update(some.dropped)
            crawlers.update(dict(some.crawlers))
            batch += some.rows
            if len(batch) >= _BATCH:
                instance.import_add(Batch(name, Event.__struct_fields__, batch))
                batch = []
        instance.import_add(Batch(name, Event.__struct_fields__, batch))
        del batch
        instance.import_crawlers(name, [CrawlerViews(*view, views) for view, views in crawlers.items()])
        report = instance.import_preview(name) if dry else instance.import_finish(name, origin)
    except BaseException:
        # What failed while it was being released is gone already; that must not stand in the place of why.
        with contextlib.suppress(CannotDo):
            instance.import_abandon(name)
        raise
    summary.dropped = {str(reason): count for reason, count in dropped.most_common()}
    summary.undeclared = not is_declared(instance, rules)
    _tell_days(summary, name, report, dry)
    return summary


def _tell_days(summary: Summary, name: str, report: dict[str, Any], dry: bool) -> None:
    summary.days_skipped = dict(report["skipped"])
    if dry:
        summary.preview = {"days": report["days"], "pages": report["pages"]}
    else:
        summary.days_released = list(report["released"])
    if summary.days_released:
        summary.run = name


def _some(sent: Iterable[Sent | Reason]) -> Iterator[list[Sent | Reason]]:
    """The same, as many at a time as are handed over."""
    rest = iter(sent)
    while some := list(itertools.islice(rest, _BATCH)):
        yield some


def is_declared(instance: Instance, rules: Rules) -> bool:
    """Whether the instance's settings know the site."""
    return rules.site.key in {site.key for site in instance.settings.all_sites}


def rules_of(settings: Settings, name: str) -> Rules:
    """What holds for a site; one that the settings do not know gets every default."""
    knowing, key = with_site(settings, name)
    return knowing.collector_rules()[key]


def with_site(settings: Settings, name: str) -> tuple[Settings, str]:
    """Settings that know the site, and by which of its names."""
    wanted = site_name(name)
    if wanted in settings.collector_rules():
        return settings, wanted
    site = ad_hoc_site(name)
    return structs.replace(settings, sites=(site,)), site.key
