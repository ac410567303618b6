"""Engagement with pages: how far visits scrolled them and how long they attended to them, in bands.

In: sums by day, page, report and band. Out: a `Band` for each, the pages of most visits first, bands in their order.
Promises: shares are of what is told; what may be more says so.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from msgspec import Struct, to_builtins

from schema.engagement import SCROLL

from .certainty import Certainty, Flag
from .execute import Groups
from .figures import Coverage


class Band(Struct, frozen=True):
    """A band of a page. value: the page. band: where it begins, percent or seconds. share: percent of the page's visits
    that are told, of_visits. reached: percent of these that are in the band or in a later one. depth: percent to which
    the page's visits scrolled on the average; None of time. not_shown_days: on how many days, of_days of which there is
    data, few or none were in it."""

    value: str
    report: str
    band: int
    visitors: int
    visits: int
    of_visits: int
    share: float
    reached: float
    depth: float | None
    certainty: Certainty
    flags: tuple[Flag, ...]
    not_shown_days: int
    of_days: int

    def row(self) -> dict[str, Any]:
        """The band as a row of `footfall stats`."""
        row: dict[str, Any] = to_builtins(self)
        return row


class _Sums(Struct):
    """shown: on how many days."""

    visitors: int = 0
    visits: int = 0
    depth: int = 0
    shown: int = 0


def bands_in(groups: Groups, k: int, coverage: Coverage) -> list[Band]:
    """coverage: of the whole site."""
    found: dict[tuple[str, str], dict[int, _Sums]] = {}
    seen: Counter[str] = Counter()
    for group in groups.values():
        for (_, of_block, page, report, band), (visitors, visits, depth) in group.by_key.items():
            sums = found.setdefault((page, report), {}).setdefault(band, _Sums())
            sums.visitors += visitors
            sums.visits += visits
            sums.depth += depth
            sums.shown += of_block or 1
            seen[page] += visits
    order = sorted(found, key=lambda key: (-seen[key[0]], key))
    return [row for key in order for row in _bands(*key, found[key], k, coverage)]


def _bands(page: str, report: str, bands: dict[int, _Sums], k: int, coverage: Coverage) -> list[Band]:
    every = sum(sums.visits for sums in bands.values())
    depth = round(sum(sums.depth for sums in bands.values()) / (every or 1), 1) if report == SCROLL else None
    rows, before = [], 0
    for band, sums in sorted(bands.items()):
        # Where everything is shown, a day without the band is one on which nobody was in it.
        missing = max(0, coverage.days - sums.shown) if k > 1 else 0
        sure = coverage.sure.certainty(missing), coverage.sure.flags(missing)
        share, reached = (round(100 * part / (every or 1), 1) for part in (sums.visits, every - before))
        told = (sums.visitors, sums.visits, every, share, reached, depth)
        rows.append(Band(page, report, band, *told, *sure, missing, coverage.days))
        before += sums.visits
    return rows
