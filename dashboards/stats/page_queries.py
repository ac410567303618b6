"""What the dashboard of one site asks about its days.

In: a site, a period, and which visits. Out: `Query`s by name. Promises: what the rollups cannot answer is left out, and
nothing else is.
"""

from __future__ import annotations

from schema.dimensions import DIMENSIONS
from schema.funnels import FUNNELS
from schema.journeys import JOURNEYS
from schema.properties import PROPERTIES
from schema.site import Site

from .crossed import counted_days
from .filter import Filter
from .period import Period
from .query import MAX_ROWS, Query
from .refused import BadQuery, Code
from .released import Released
from .splits import VITALS_BY


def page_queries(
    site: Site, period: Period, rows: int, filters: tuple[Filter, ...], released: Released, segment: str = ""
) -> dict[str, Query]:
    """What a page asks, by name, without what the filters leave no answer to. rows: at most that many in each table.
    Raises BadQuery where that is all."""
    splits: dict[str, tuple[str, ...]] = {"day": ("day",), "goal": ("goal",), "vital": ("vital",)}
    families = [FUNNELS.name] * bool(site.funnels) + [PROPERTIES.name] * bool(site.properties)
    families += [JOURNEYS.name] * site.journeys
    splits |= {name: (name,) for name in (*DIMENSIONS, *families)}
    splits |= {f"vital {name}": ("vital", name) for name in VITALS_BY}
    limits = dict.fromkeys(("goal", PROPERTIES.name, FUNNELS.name, JOURNEYS.name), MAX_ROWS)
    asked = {}
    for name, by in splits.items():
        if (filters or segment) and len(by) > 1:  # the values are those that are kept
            continue
        try:
            compared = name == "day" and not filters and not segment
            most = limits.get(name, rows)
            query = Query((site.key,), period, by, filters, most, compare=compared, segment=segment)
            if query.crossed is None or counted_days(query.crossed, released):
                asked[name] = query
        except BadQuery as refused:
            if name == "day" or refused.code not in (Code.NOT_CROSSED, Code.NOT_KEPT):
                raise
    return asked
