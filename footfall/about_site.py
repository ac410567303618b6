"""What a site's pages tell of its settings, and of what is kept of its visitors.

In: the settings in force, the store as pages ask it. Out: `AboutSite` of the dashboards. Promises: both follow the
settings; neither holds a secret.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import get_args

from collector.enrich.geo import GeoDatabase
from collector.model import Beacon, Client
from dashboards.web.about_site import AboutSite, Group, Kept, Privacy
from dashboards.web.campaign_link import Tagged
from pipeline.adding.goals import What, counted_since
from schema.event import PAGEVIEW
from schema.store import Store

from .kept import Holds, kept_of, never_of, people_of, times_of
from .preview import reduced
from .promised import promises_of
from .settings import Settings, SiteSettings
from .settings.of_site import Since, groups_of


def teller(in_force: Callable[[], Settings], store: Store, geo_database: GeoDatabase) -> AboutSite:
    """What the pages show. in_force: the settings, whose sites may change."""

    def settings(key: str) -> tuple[Group, ...]:
        return groups_of(in_force(), key, since_of(store, key))

    def try_out(key: str, link: str) -> Tagged:
        return tagged(in_force(), geo_database, key, link)

    return AboutSite(settings, lambda key: privacy_of(in_force(), key), try_out)


def tagged(settings: Settings, geo_database: GeoDatabase, key: str, link: str) -> Tagged:
    """What the collector's steps leave of the tags of a link, for somebody who is nobody."""
    beacon, nobody = (
        Beacon(PAGEVIEW, link, ()),
        Client("192.0.2.1", "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Firefox/142.0"),
    )
    _, found = reduced(settings, geo_database, beacon, nobody, key)
    if not found.stored:
        return Tagged(found.outcome, {}, "", "")
    kept = {name: str(found.stored[name]) for name in found.stored if name.startswith("utm_")}
    return Tagged("", kept, found.stored["source"], found.stored["channel"])


def since_of(store: Store, key: str) -> Since:
    """The first released day that counted each thing that the site ever declared."""
    return {
        (what, name, "" if definition == name else definition): day
        for what in get_args(What)
        for _, name, definition, day in counted_since(store, what, key)
    }


def privacy_of(settings: Settings, key: str) -> Privacy:
    """What is kept of the site's visitors."""
    site = next(site for site in settings.all_sites if site.key == key)
    mine = settings.anonymity_of(site)
    holds = Holds(mine, site.timezone, settings.keys.keep_keys_on_disk_where_they_can_be_recovered)
    collector = settings.collector.public_url.rstrip("/")
    return Privacy(
        mine.preset,
        mine.k,
        mine.networks,
        tuple(kept_of(holds)),
        tuple(times_of(holds)),
        tuple(never_of(holds)),
        tuple(_rights(site, mine.gpc, collector)),
        promises_of(holds),
        tuple(_notice(site, holds, collector)),
    )


def _rights(site: SiteSettings, gpc: str, collector: str) -> Iterator[Kept]:
    counted = "counted without being recorded"
    at = collector or "of the collector: "
    yield Kept("Look", f"{at}/privacy/me?site={site.key} tells what a request would be reduced to")
    yield Kept("Object", f"{at}/opt-out: today's rows are deleted, and nothing is counted any more")
    yield Kept("Do Not Track", "nothing is counted")
    yield Kept("Global Privacy Control", "nothing is counted" if gpc == "drop" else counted)
    consent = f"until the page says that it is given, page views are {counted}" if site.consent == "required" else ""
    yield Kept("Consent", consent or "not asked for by this site's settings; taken back or denied, nothing is counted")


def _notice(site: SiteSettings, holds: Holds, collector: str) -> Iterator[str]:
    """Paragraphs for those who visit the site."""
    mine = holds.anonymization
    yield (
        "This website counts its visits with Footfall. It sets no cookies, and stores nothing on your device unless "
        "you say that you do not want to be counted."
    )
    yield (
        f"Of a page view it keeps for {mine.raw_days} days which page was opened, where you came from, "
        f"{'' if mine.place == 'none' else f'the {mine.place}, '}browser, system, kind of device and language. Your "
        "network address and your browser's description of itself are used in memory for the moment of the request and "
        f"never stored{'; the network that the address is in is' if mine.store_network else ''}."
    )
    yield (
        "So that the pages of one visit belong together, both are turned into a number by a secret key, which is "
        "destroyed every midnight"
        + (
            "; it is on a disk, from which it may be recovered for some time."
            if holds.keys_on_disk
            else ". From then on nobody, we included, can tell whose the number was; you cannot be recognized on "
            "another day or on another website."
        )
    )
    yield f"What is published of visits are sums about {people_of(mine)}."
    where = f"at {collector}/opt-out" if collector else "by the opt-out page"
    yield (
        f"If you do not want to be counted, say so {where}: what was counted of you today is deleted. If your browser "
        "sends Do Not Track"
        + (" or Global Privacy Control, nothing is counted." if mine.gpc == "drop" else ", nothing is counted; ")
        + (
            ""
            if mine.gpc == "drop"
            else "with Global Privacy Control the page view is one of a number and nothing more."
        )
    )
