"""Which pages have counted in the last 24 hours and may not send: told when Footfall, or a site's `hosts`, has changed.

In: a store and the settings. Out: hosts of pages with numbers of events. Promises: a host that fewer than k visitors
have been on is not named.
"""

from __future__ import annotations

from collections import Counter

from msgspec import Struct

from collector.enrich.page import NO_HOST
from schema.store import Store

from ..settings import Settings

_MOST = 1000


class ForeignPages(Struct, frozen=True):
    """host: "" for all that are not named."""

    site: str
    host: str
    events: int


def foreign_pages(store: Store, settings: Settings) -> list[ForeignPages]:
    """Those of every site, the most frequent first."""
    rules = settings.collector_rules()
    of_site = {site.key: settings.anonymity_of(site).k for site in settings.all_sites}
    rows = store.rows(
        """SELECT site, hostname, count() AS events, uniqExact(visitor) FROM events
        WHERE received >= now() - INTERVAL 1 DAY AND site IN {sites:Array(String)} AND hostname != {none:String}
        GROUP BY site, hostname ORDER BY events DESC, site, hostname LIMIT {most:UInt32}""",
        {"sites": list(of_site), "none": NO_HOST, "most": _MOST},
    )
    found = Counter[tuple[str, str]]()
    for site, host, events, visitors in rows:
        if not rules[site].site_filter.admits_origin(f"https://{host}"):
            found[site, host if visitors >= of_site[site] else ""] += events
    return [ForeignPages(site, host, events) for (site, host), events in found.most_common()]
