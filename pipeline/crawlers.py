"""Publishes what crawlers looked at: bare numbers of page views by crawler, section and day.

In: counts in `crawler_views`, which are of crawlers that say their names. Out: rows in `crawlers`; fewer in
`crawler_views`. Promises: a day of a site is published once, when it is over and has arrived; a section is named only
where the settings name it, or where it was released as one of people (a crawler may ask for any address); of those who
fetch a page for one person, tens only, after a secret offset of 0 to 9 was added: right on average, and who sends nine
requests himself does not see whether there was a tenth. The secret is drawn anew each time and kept nowhere.
"""

from __future__ import annotations

import datetime as dt
import secrets
from collections.abc import Collection, Sequence

from schema.crawlers import CRAWLERS
from schema.dimensions import OTHER
from schema.event import COARSE
from schema.site import Site
from schema.store import Store

from .insert import insert
from .outcomes import counted_through

# When a date has ended in every time zone there is, after its end in UTC.
_LAST_ZONE_S = 43_200
_FOR_SOMEBODY = [one.name for one in CRAWLERS.values() if one.is_for_somebody]

_COLUMNS = {name: name for name in ("site", "day", "run", "crawler", "section")}
_OFFSET = f"sipHash64({{secret:String}}, site, day, crawler, section) % {COARSE}"
_COLUMNS |= {"views": f"if(crawler IN {{for_somebody:Array(String)}}, intDiv(n + {_OFFSET}, {COARSE}) * {COARSE}, n)"}
# The sections of people, of days and of blocks.
_RELEASED = " UNION DISTINCT ".join(
    f"SELECT site, value FROM {table} WHERE site IN {{sites:Array(String)}} AND dimension = 'section'"
    for table in ("released_cells", "late_cells")
)
_PUBLISHING = f"""
    {insert("crawlers", _COLUMNS)}
    FROM
    (
        SELECT site, day, run, crawler, sum(views) AS n, if((site, its_section) IN
            (
                {_RELEASED}
                UNION DISTINCT
                SELECT t.1, t.2 FROM (SELECT arrayJoin(arrayZip({{of:Array(String)}}, {{named:Array(String)}})) AS t)
            ), its_section, '{OTHER}') AS section
        FROM (SELECT site, day, run, crawler, section AS its_section, views FROM crawler_views WHERE {{which}})
        GROUP BY site, day, run, crawler, section
    )
    WHERE {_COLUMNS["views"]} > 0"""


def publish_crawlers(store: Store, sites: Sequence[Site], now: float) -> None:
    """Publish the days that are over, where they are not, and forget what was counted of them. now: Unix seconds."""
    through = counted_through(store, now) - _LAST_ZONE_S
    before = dt.datetime.fromtimestamp(through, dt.UTC).date()
    # Those of a site that the settings do not name wait for it to come back, until they die (0029_crawlers.sql).
    over = "run = '' AND day < {before:Date} AND site IN {sites:Array(String)}"
    given = {"before": before, "sites": [site.key for site in sites]}
    if not store.rows(f"SELECT 1 FROM crawler_views WHERE {over} LIMIT 1", given):
        return
    published = "SELECT site, day FROM crawlers WHERE run = ''"
    _publish(store, sites, f"{over} AND (site, day) NOT IN ({published})", {"before": before})
    store.command(f"ALTER TABLE {store.local('crawler_views')} DELETE WHERE {over}", given, mutations_sync=2)


def publish_imported(store: Store, site: Site, run: str, days: Collection[dt.date]) -> None:
    """Publish those days of an import."""
    if days:
        which = "run = {run:String} AND site IN {sites:Array(String)} AND day IN {days:Array(Date)}"
        _publish(store, [site], which, {"run": run, "days": sorted(days)})


def forget_imported(store: Store, run: str) -> None:
    """Delete what an import has brought and not published."""
    if store.rows("SELECT 1 FROM crawler_views WHERE run = {run:String} LIMIT 1", {"run": run}):
        mine = f"ALTER TABLE {store.local('crawler_views')} DELETE WHERE run = {{run:String}}"
        store.command(mine, {"run": run}, mutations_sync=2)


def take_back(store: Store, site: str, run: str) -> None:
    """Delete what an import has published."""
    given, mine = {"site": site, "run": run}, "site = {site:String} AND run = {run:String}"
    if store.rows(f"SELECT 1 FROM crawlers WHERE {mine} LIMIT 1", given):
        store.command(f"ALTER TABLE {store.local('crawlers')} DELETE WHERE {mine}", given, mutations_sync=2)


def _publish(store: Store, sites: Sequence[Site], which: str, given: dict[str, object]) -> None:
    named = [(site.key, name) for site in sites for name in site.sections]
    bound = {
        "sites": [site.key for site in sites],
        "of": [key for key, _ in named],
        "named": [name for _, name in named],
        "for_somebody": _FOR_SOMEBODY,
        "secret": secrets.token_hex(16),
    }
    store.command(_PUBLISHING.replace("{which}", which), bound | given, **store.foreground)
