"""How many page views were counted without being recorded, because the visitor's own signal asked for that or consent
was missing: as it is published, for four weeks at a time (rule N8).

In: a site and a period. Out: a `BareTotal`. Promises: only published numbers are read, of whole four weeks.
"""

from __future__ import annotations

import datetime as dt

from msgspec import Struct

from schema.manifest import FOUR_WEEKS
from schema.store import Store

from .period import Period, between

_DAY = dt.timedelta(days=1)


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
    rows = store.rows(
        "SELECT day, max(pageviews), min(complete) FROM bare_totals WHERE site = {site:String} "
        "AND day <= {last:Date} - {behind:UInt8} GROUP BY day ORDER BY day",
        {"site": site, "last": period.last, "behind": FOUR_WEEKS - 1},
        **store.brief,
    )
    counted = [row for row in rows if row[0] >= period.first] or rows[-1:]
    if not counted:
        return None
    last = counted[-1][0] + (FOUR_WEEKS - 1) * _DAY
    return BareTotal(counted[0][0], last, sum(int(row[1]) for row in counted), all(row[2] for row in counted))
