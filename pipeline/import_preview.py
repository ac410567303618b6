"""What an import would release, told instead of released.

In: the table of an import, days. Out: `Preview`. Promises: by the rules of a release, so nothing is told that a release
would hide; nothing is left behind.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence

from msgspec import Struct

from schema.site import Site
from schema.store import Store

from .release import sizes
from .rollup.batch import SiteDay, batches
from .rollup.stages import staged
from .settings import SiteRules

_MOST_PAGES = 10


class PreviewDay(Struct, frozen=True):
    """visitors, visits, pageviews: None where fewer than k people came, so that the day would be hidden."""

    day: str
    visitors: int | None = None
    visits: int | None = None
    pageviews: int | None = None


class Preview(Struct, frozen=True):
    """pages: page views by page, the most viewed ones, as far as they would be shown."""

    days: list[PreviewDay]
    pages: dict[str, int]


def preview(
    store: Store, table: str, days: Mapping[str, Sequence[dt.date]], sites: Mapping[str, tuple[Site, SiteRules]]
) -> Preview:
    """What releasing these days, by site, would show."""
    told: list[PreviewDay] = []
    pages: Counter[str] = Counter()
    for key, dates in days.items():
        site, rules = sites[key]
        of_days = [SiteDay(site, day, rules) for day in dates]
        for batch in batches(of_days, sizes(store, table, of_days)):
            with staged(store, table, batch) as (of, _):
                rows = store.rows(
                    f"""SELECT day, dimension, value, visitors, visits, pageviews FROM staging_cells
                    WHERE {of.mine} AND grain = 'day' AND by_dimension = '' AND dimension IN ('', 'page')""",
                    of.named,
                )
            totals = {row[0]: row[3:] for row in rows if not row[1]}
            told += [PreviewDay(one.day.isoformat(), *totals.get(one.day, (None, None, None))) for one in batch]
            for _, dimension, value, _, _, views in rows:
                if dimension and views:
                    pages[value] += views
    return Preview(told, dict(pages.most_common(_MOST_PAGES)))
