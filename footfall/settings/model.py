"""What can be set: the parts' own frozen settings in one, the sites, and what follows of them for each part.

In: values. Out: `Settings`. Promises: values that do not fit together are refused.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from msgspec import Meta, Struct, field, structs

from collector.anonymization import Anonymization, AnonymizationSettings, resolve
from collector.enrich.site_filter import site_filter_of
from collector.settings import CollectorSettings, KeySettings, ShadowSettings
from dashboards.delivery.settings import AlertSettings, MailSettings, refuse_unreachable
from dashboards.settings import DashboardSettings
from pipeline.settings import (
    LEAST_RAW_DAYS,
    MOST_NETWORKS,
    ReleaseSettings,
    RetentionSettings,
    RollupSettings,
    SiteRules,
    SpoolSettings,
)
from schema.dsn import checked
from schema.host import site_name
from schema.site import Site, turned

from .edits import SiteEdits
from .site_settings import DEMO_SITE, SiteSettings

if TYPE_CHECKING:
    from collector.model import Rules


class StoreSettings(Struct, frozen=True, forbid_unknown_fields=True):
    """Which ClickHouse."""

    dsn: Annotated[
        str,
        Meta(description="chdb:///directory or http(s)://user:password@host:8123/database; empty: DATA/clickhouse."),
    ] = ""
    cluster: Annotated[str, Meta(description="Name of the ClickHouse cluster, if it is one.")] = ""
    memory_share: Annotated[
        float,
        Meta(
            ge=0.1,
            le=1,
            description="Share of the machine's or container's memory that the built-in ClickHouse may take; a "
            "question that needs more fails, in place of the process.",
        ),
    ] = 0.9

    def __post_init__(self) -> None:
        structs.force_setattr(self, "dsn", turned("dsn", self.dsn, checked))
        if not re.fullmatch(r"[A-Za-z0-9_.-]{0,100}", self.cluster):
            raise ValueError("is no name of a cluster: letters, digits, '.', '_' and '-' - at `$.cluster`")


_NO_PATH = frozenset("?#")


class Settings(Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set."""

    data: Annotated[str, Meta(description="Directory of the spool, the embedded store and the accounts.")] = (
        "footfall-data"
    )
    demo: Annotated[bool, Meta(description="Serve the demo pages and their site `demo`.")] = True
    sites: Annotated[tuple[SiteSettings, ...], Meta(description="The websites, one [[sites]] table each.")] = ()
    store: StoreSettings = StoreSettings()
    collector: CollectorSettings = CollectorSettings()
    keys: KeySettings = KeySettings()
    anonymization: AnonymizationSettings = AnonymizationSettings()
    shadow: ShadowSettings = ShadowSettings()
    spool: SpoolSettings = SpoolSettings()
    rollup: RollupSettings = RollupSettings()
    release: ReleaseSettings = ReleaseSettings()
    retention: RetentionSettings = RetentionSettings()
    dashboards: DashboardSettings = DashboardSettings()
    mail: MailSettings = MailSettings()
    alerts: AlertSettings = AlertSettings()
    # Neither can be set.
    origins: dict[str, str] = field(default_factory=dict)
    edits: tuple[SiteEdits, ...] = ()

    def __post_init__(self) -> None:
        if not self.data.strip():
            raise ValueError("names no directory; write one such as '/var/lib/footfall' - at `$.data`")
        if not self.store.dsn and not _NO_PATH.isdisjoint(str(self.directory)):
            # What follows would be no part of the store's path: two directories would have one store.
            raise ValueError(
                f"{str(self.directory)!r} has a '?' or '#' in it, which end the path of the built-in store: name "
                "another directory - at `$.data`"
            )
        for where, to in self.receivers:
            refuse_unreachable(self.mail, self.alerts, where, to)
        names: dict[str, str] = {}
        for index, site in enumerate(self.sites):
            for name in sorted(site.names):
                if name in names:
                    # The path is what msgspec would add, and what `explain` finds the line by.
                    raise ValueError(f"{name!r} names both {names[name]!r} and {site.key!r} - at `$.sites[{index}]`")
                names[name] = site.key
            if site.exclude.countries and self.anonymity_of(site).place == "none":
                raise ValueError(
                    "no country is known with anonymization.place = 'none'; remove the countries, or set place = "
                    f"'country' for this site - at `$.sites[{index}].exclude`"
                )

    @property
    def receivers(self) -> list[tuple[str, tuple[str, ...]]]:
        """Everybody whom something may be sent to, by the setting that names them."""
        named = [("alerts.trouble", self.alerts.trouble)]
        for index, site in enumerate(self.sites):
            named += [(f"sites[{index}].digests[{place}].to", one.to) for place, one in enumerate(site.digests)]
            named += [(f"sites[{index}].alerts[{place}].to", one.to) for place, one in enumerate(site.alerts)]
        return named

    @property
    def has_file(self) -> bool:
        """Whether a settings file was read."""
        return any(re.search(r":\d+$", origin) for origin in self.origins.values())

    @property
    def directory(self) -> Path:
        return Path(self.data).absolute()

    @property
    def dsn(self) -> str:
        return self.store.dsn or f"chdb://{self.directory / 'clickhouse'}"

    @property
    def all_sites(self) -> tuple[SiteSettings, ...]:
        """The sites, and the demo if it is served."""
        demo = self.demo and all(site.key != DEMO_SITE.key for site in self.sites)
        return (*self.sites, DEMO_SITE) if demo else self.sites

    @property
    def anonymity(self) -> Anonymization:
        """What holds for sites that set nothing of their own."""
        return resolve(self.anonymization)

    def anonymity_of(self, site: SiteSettings) -> Anonymization:
        """What holds for one site; k, networks and raw_days included."""
        mine = resolve(self.anonymization, site.anonymization)
        # A site with a preset of its own takes that preset's k and retention, not those of the other sites.
        k = _first(site.release_k, None if site.has_preset else self.release.k, mine.k)
        networks = _first(
            site.release_networks,
            None if site.has_preset else self.release.networks,
            mine.networks_at(k),
        )
        days = _first(site.retention_days, None if site.has_preset else self.retention.raw_days, mine.raw_days)
        k_late = _first(None if site.has_preset else self.release.k_late, mine.k_late)
        # Where nothing is hidden nothing waits, nor where raw rows are gone before a week can close.
        k_late = max(k_late, k) if k_late and k > 1 and days >= LEAST_RAW_DAYS else 0
        others = _first(None if site.has_preset else self.release.late_others, mine.late_others)
        networks = min(networks, k, MOST_NETWORKS)
        others = min(others, k_late)
        return structs.replace(mine, k=k, raw_days=days, networks=networks, k_late=k_late, late_others=others)

    def site_called(self, name: str) -> SiteSettings | None:
        """The site that a beacon of that name would count for."""
        wanted = site_name(name)
        return next((site for site in self.all_sites if wanted in site.names), None)

    def site_rules(self) -> tuple[tuple[Site, SiteRules], ...]:
        """What the pipeline needs to know of each site."""
        return tuple((site, self.rules_of(site)) for site in self.all_sites)

    def rules_of(self, site: SiteSettings) -> SiteRules:
        """What the pipeline needs to know of one site, also of one that is not among these."""
        mine = self.anonymity_of(site)
        strict = mine.preset == "strict"
        late, bound = (mine.k_late, mine.late_others), self.release.bound if mine.k > 1 else 0.0
        return SiteRules(mine.k, mine.raw_days, mine.preset, strict, mine.networks, *late, bound)

    def reported_sites(self) -> tuple[Site, ...]:
        """The sites as the dashboards need them: each with the k and the networks that hold for it."""
        return tuple(
            structs.replace(site, release_k=rules.k, release_networks=rules.least_networks)
            for site, rules in self.site_rules()
        )

    def rounded_sites(self) -> frozenset[str]:
        """The sites whose open days hold multiples of k only."""
        return frozenset(site.key for site, rules in self.site_rules() if rules.strict and rules.k > 1)

    def collector_rules(self) -> dict[str, Rules]:
        """What the collector needs to know of each site, by every name a beacon may use."""
        # Imported here: with it comes what reads agents and places, and most commands need neither.
        from collector.model import Rules

        by_name = {}
        for site in self.all_sites:
            mine = self.anonymity_of(site)
            keep = frozenset(mine.query_parameters)
            consent = site.consent == "required"
            spam = frozenset(self.collector.referrer_spam)
            site_filter = site_filter_of(site.hosts, site.exclude, site.own_hosts)
            if site is DEMO_SITE:
                # Its pages are on the collector's own address, whatever that is called.
                site_filter = site_filter.for_any_host()
            rules = Rules(
                site, mine, mine.raw_days, keep, site.own_hosts | site_filter.names, consent, spam, site_filter
            )
            by_name.update(dict.fromkeys(site.names, rules))
        return by_name


def _first(*values: int | None) -> int:
    """The first that is set; the last one is."""
    return next(value for value in values if value is not None)
