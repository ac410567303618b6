"""Which sites the instance works for: those of the settings, those that were set up once, those that only have data.

In: settings and a store. Out: sites with their rules. Promises: no day of a site stays open for ever; a start says
which sites with data stand in no settings, and what to do.
"""

from __future__ import annotations

from typing import Any

import structlog

from pipeline.former import looked_up, with_former
from pipeline.settings import SiteRules
from pipeline.site_data import stored_sites
from schema.site import Site
from schema.store import Store
from schema.undeclared import Undeclared, undeclared

from ..settings import Settings, SiteSettings
from ..supervisor.paths import former_sites

log = structlog.get_logger("sites")

_NAMED = 5


def sites_with_data(settings: Settings, store: Store) -> list[tuple[Site, SiteRules]]:
    """Every site whose days the pipeline has to close. What is known of a site by its data alone goes by the rules of
    sites that set nothing, in UTC."""
    sites = with_former(former_sites(settings), settings.site_rules())
    declared = {site.key for site in settings.all_sites}
    others = undeclared(store, declared)
    if others:
        named = [one.site for one in others]
        log.warning(
            "sites_undeclared",
            count=len(named),
            sites=named[:_NAMED],
            remedy="`footfall site list` tells of each: add it to footfall.toml, or `footfall site remove` deletes it",
        )
    known = {site.key for site, _ in sites}
    alone = [SiteSettings(one.site) for one in others if one.site not in known]
    return [*sites, *((site, settings.rules_of(site)) for site in alone)]


def undeclared_shown(settings: Settings, store: Store) -> list[Undeclared]:
    """What pages tell of sites that are not in the settings: those of which a day is released, or an open one is shown.
    A site on which fewer than k people came is not among them."""
    return undeclared(store, {site.key for site in settings.all_sites}, raw=False)


def list_sites(settings: Settings, store: Store) -> list[dict[str, Any]]:
    """Every site of the settings, every one that was in them once, and every other one with data, by key: how many
    days, and which."""
    declared = {site.key for site in settings.all_sites}
    known = {site.key: site for site, _ in looked_up(former_sites(settings), settings.site_rules())}
    found = {one.site: one for one in undeclared(store, ())}
    return [
        {
            "site": key,
            "domains": list(known[key].domains) if key in known else [],
            "state": "in the settings" if key in declared else "in no settings",
            "released": found[key].released if key in found else 0,
            "open": found[key].open if key in found else 0,
            "first": found[key].first.isoformat() if key in found else "",
            "last": found[key].last.isoformat() if key in found else "",
        }
        for key in sorted({*known, *found, *stored_sites(store)})
    ]
