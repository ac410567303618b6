"""How many page views were counted without being recorded, because the visitor's own signal asked for that or consent
was missing: as it is published, for four weeks at a time (rule N8).

In: a site and a period. Out: a `BareTotal`. Promises: only published numbers are read, of whole four weeks.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from msgspec import Struct

from schema.manifest import FOUR_WEEKS
from schema.store import Row, Store

from .period import Period, between

# From the first to the last of four weeks.
_BEHIND = dt.timedelta(days=FOUR_WEEKS - 1)


class BareTotal(Struct, frozen=True):
    """Page views of the days from first to last, four weeks or several times four: of each four weeks with a secret
    offset, rounded down to ten, so right on average. pageviews: 0 are fewer than ten in each four weeks. complete:
    False where what was counted of some of the days is lost."""

    first: dt.date
    last: dt.date
    pageviews: int
    complete: bool

    @property
    def dates(self) -> str:
        """The days in words."""
        return between(self.first, self.last)

    @property
    def four_weeks(self) -> int:
        """How many times four weeks the days span."""
        return ((self.last - self.first).days + 1) // FOUR_WEEKS


def bare_total(store: Store, site: str, period: Period) -> BareTotal | None:
    """What the four weeks that lie whole in the period add up to; where none does, the last ones that end with it or
    before. None where nothing of these is published."""
    # Plain rows: planning an aggregate takes longer.
    rows = store.rows(
        "SELECT day, pageviews, complete FROM bare_totals PREWHERE site = {site:String} AND day <= {last:Date}",
        {"site": site, "last": period.last - _BEHIND},
        **store.brief,
    )
    published = _by_day(rows)
    counted = [day for day in published if day >= period.first] or [*published][-1:]
    if not counted:
        return None
    pageviews, complete = zip(*(published[day] for day in counted), strict=True)
    return BareTotal(counted[0], counted[-1] + _BEHIND, sum(pageviews), all(complete))


def _by_day(rows: Sequence[Row]) -> dict[dt.date, tuple[int, bool]]:
    """What is published of each four weeks, in their order: twice where it was written twice."""
    found: dict[dt.date, tuple[int, bool]] = {}
    for day, pageviews, complete in sorted(rows):
        most, whole = found.get(day, (0, True))
        found[day] = max(most, int(pageviews)), whole and bool(complete)
    return found
