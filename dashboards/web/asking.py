"""What pages of one site ask beside their overview.

In: filters of the page. Out: queries, where these leave them an answer. Promises: what is not kept together is left
out, and nothing else is.
"""

from __future__ import annotations

from collections.abc import Sequence

from schema.site import Site

from ..stats.period import Period
from ..stats.query import Filter, Query
from ..stats.refused import BadQuery, Code


def query(
    site: Site, period: Period, by: tuple[str, ...], filters: Sequence[Filter], limit: int = 100, segment: str = ""
) -> Query | None:
    """None where the rollups do not tell this of what the filters keep."""
    try:
        return Query((site.key,), period, by, tuple(filters), limit, segment=segment)
    except BadQuery as refused:
        if refused.code not in (Code.NOT_CROSSED, Code.NOT_KEPT):
            raise
        return None
