"""How far visits scrolled their pages, and how long they attended to them.

In: the scratch table `hits`. Out: `spent`, a row for each page that a visit viewed and each report that it has of it.
Promises: what is not reported is no row, not a 0; a day tells bands of `MOST_PAGES` pages at most.
"""

from __future__ import annotations

from schema.engagement import BANDS, MOST_PAGES, SCROLL, TIME
from schema.event import NO_SCROLL

from ..insert import insert
from .batch import Batch

_COLUMNS = ("d", "visitor", "network_number", "page", "report", "band", "depth")


def _band(report: str, number: str) -> str:
    """SQL for where the band of a number begins."""
    return f"toUInt16(arrayLast(begins -> begins <= {number}, {[*BANDS[report]]}))"


_REPORTS = f"""[
    ('{SCROLL}', {_band(SCROLL, "deepest")}, deepest, is_scrolled),
    ('{TIME}', {_band(TIME, "attended / 1000")}, toUInt8(0), attended > 0)]"""
_FILL = f"""
    {insert("{spent}", {name: name for name in _COLUMNS[:4]} | {n: f"one.{i}" for i, n in enumerate(_COLUMNS[4:], 1)})}
    FROM
    (
        SELECT d, visitor, its_network AS network_number, page,
            arrayJoin(arrayFilter(each -> each.4, {_REPORTS})) AS one
        FROM
        (
            SELECT d, visitor, page, any(network_number) AS its_network, toUInt64(sum(engaged)) AS attended,
                least(maxIf(scroll, scroll != {NO_SCROLL}), 100) AS deepest,
                countIf(scroll != {NO_SCROLL}) > 0 AS is_scrolled
            FROM {{hits}} WHERE came AND seen AND (engaged > 0 OR scroll != {NO_SCROLL})
            GROUP BY d, visitor, visit, page
        )
    )"""
_CROWDED = f"SELECT d FROM {{spent}} GROUP BY d HAVING uniqExact(page) > {MOST_PAGES}"
_FIRST = f"""
    SELECT d, page FROM {{spent}} GROUP BY d, page ORDER BY uniqExact(visitor) DESC, page LIMIT {MOST_PAGES} BY d"""


def fill_spent(of: Batch) -> None:
    """Fill `spent`, once `hits` is filled."""
    of.store.command(of.naming(_FILL), of.named)
    if of.has_rows("spent") and of.store.rows(of.naming(f"{_CROWDED} LIMIT 1")):
        of.store.command(of.naming(f"ALTER TABLE {{spent}} DELETE WHERE (d, page) NOT IN ({_FIRST})"), mutations_sync=2)
