"""Which sites are known, and what holds for each.

In: settings, a store. Out: sites with their rules. Promises: who asks of an unknown site is told which there are.
"""

from __future__ import annotations

from msgspec import structs

from pipeline.former import once_set_up
from pipeline.settings import SiteRules
from schema.host import site_name
from schema.site import Site
from schema.store import Store

from ..errors import CannotDo
from ..settings import Settings
from ..supervisor.paths import former_sites
from .instance import ad_hoc_site


class Known:
    """live: its settings are those by which open days are folded."""

    def __init__(self, settings: Settings, store: Store, live: bool = True) -> None:
        self._settings = settings
        self.store = store
        self._live = live

    @property
    def settings(self) -> Settings:
        return self._settings

    def follow(self, settings: Settings) -> None:
        """Go by other settings from now on."""
        self._settings = settings

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

    def _site(self, name: str) -> tuple[Site, SiteRules]:
        rules = self._settings.site_rules()
        for site, mine in rules:
            if site_name(name) in site.names:
                return site, mine
        # Removed, or given as a flag to another start: what is stored of it can still be read and added to.
        alone = ad_hoc_site(name)
        return once_set_up(former_sites(self._settings), alone.key) or (alone, self._settings.rules_of(alone))
