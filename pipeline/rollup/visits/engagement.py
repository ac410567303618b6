"""How far visits scrolled their pages, and how long they attended to them.

In: the scratch table `hits`. Out: `spent`, a row for each page that a visit viewed and each report that it has of it.
Of a big open day they stay as `reports` (warm.py), and of who has new rows alone they are made anew.
Promises: what is not reported is no row, not a 0; a day tells bands of `MOST_PAGES` pages at most.
"""

from __future__ import annotations

from schema.engagement import BANDS, MOST_PAGES, SCROLL, TIME
from schema.event import NO_SCROLL

from ...insert import insert
from ..batch import Batch
from .warm import may_stay

_COLUMNS = ("d", "visitor", "network_number", "page", "report", "band", "depth")


def _band(report: str, number: str) -> str:
    """SQL for where the band of a number begins."""
    return f"toUInt16(arrayLast(begins -> begins <= {number}, {[*BANDS[report]]}))"


_REPORTS = f"""[
    ('{SCROLL}', {_band(SCROLL, "deepest")}, deepest, is_scrolled),
    ('{TIME}', {_band(TIME, "attended / 1000")}, toUInt8(0), attended > 0)]"""
_MADE = {name: name for name in _COLUMNS[:4]} | {name: f"one.{i}" for i, name in enumerate(_COLUMNS[4:], 1)}
_ALL = f"""
    FROM
    (
        SELECT d, visitor, its_network AS network_number, page,
            arrayJoin(arrayFilter(each -> each.4, {_REPORTS})) AS one
        FROM
        (
            SELECT d, visitor, page, any(network_number) AS its_network, toUInt64(sum(engaged)) AS attended,
                least(maxIf(scroll, scroll != {NO_SCROLL}), 100) AS deepest,
                countIf(scroll != {NO_SCROLL}) > 0 AS is_scrolled
            FROM {{hits}} WHERE came AND seen AND (engaged > 0 OR scroll != {NO_SCROLL}) {{anew}}
            GROUP BY d, visitor, visit, page
        )
    )"""
_ANEW = "AND visitor IN (SELECT visitor FROM {changed})"
_CROWDED = f"SELECT d FROM {{all}} GROUP BY d HAVING uniqExact(page) > {MOST_PAGES} LIMIT 1"
_FIRST = f"""(d, page) IN
    (SELECT d, page FROM {{all}} GROUP BY d, page ORDER BY uniqExact(visitor) DESC, page LIMIT {MOST_PAGES} BY d)"""
_TELL = f"{insert('{spent}', {name: name for name in _COLUMNS})} FROM {{reports}}"


def fill_spent(of: Batch) -> None:
    """Fill `spent`, once `hits` is filled."""
    into = "{reports}" if (stays := may_stay(of)) else "{spent}"
    anew = _ANEW if stays and of.goes_on else ""
    of.store.command(of.naming(f"{insert(into, _MADE)} {_ALL.replace('{anew}', anew)}"), of.named)
    crowded = of.store.rows(of.naming(_CROWDED.replace("{all}", into)))
    first = _FIRST.replace("{all}", into)
    if stays:
        of.store.command(of.naming(f"{_TELL} WHERE {first}" if crowded else _TELL))
    elif crowded:
        of.store.command(of.naming(f"ALTER TABLE {{spent}} DELETE WHERE NOT ({first})"), mutations_sync=2)
