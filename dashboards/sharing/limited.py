"""What a link shows of an overview: its panels, and no number about fewer visitors than it may tell of.

In: an `Overview` of days that are over, a `Share`. Out: an `Overview`. Promises: nothing is in it that the site's own
page of these days does not show; no day, value, goal, payment or web vital of fewer than k visitors, and no other day
than the link's.

Why a plain threshold is enough: what is left out can be reckoned out of sums, but every value that a page shows, and
whatever follows from it, is of release.k people at least already (rules N1 to N4). The larger k keeps small groups out
of sight of those who were given a link; it is not what keeps anybody from being found.
"""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from schema.dimensions import CARDS

from ..stats.comparison import Comparison
from ..stats.conversions import Goal
from ..stats.figures import Cell, Figures
from ..stats.overview import Overview
from ..stats.timeline import Point
from .shares import FREE, OF_CARDS, Share

_NOT_COMPARED = "this link is of these days alone"


def limited(shown: Overview, share: Share, k: int) -> Overview:
    """k: of how many visitors each number has to be."""
    panels = frozenset(share.panels)
    enough, compares = shown.totals.visitors >= k, _may_compare(shown, share, k)
    dimensions = {name for panel in panels & OF_CARDS.keys() for name in CARDS[OF_CARDS[panel]]}
    return replace(
        shown,
        comparison=shown.comparison if compares else Comparison(None, why=_NOT_COMPARED),
        changed=None,
        # What is left out is said to be of fewer than the link tells of.
        released=replace(shown.released, k=k),
        totals=shown.totals if enough else Figures(),
        empty=shown.empty or not enough,
        series=tuple(_point(one, k) for one in shown.series) if "chart" in panels and enough else (),
        previous_series=tuple(_point(one, k) for one in shown.previous_series) if compares else (),
        tables={name: _cells(cells, k) for name, cells in shown.tables.items() if name in dimensions},
        goals=tuple(_goals(shown.goals, k)) if "goals" in panels else (),
        vitals=tuple(cell for cell in shown.vitals if cell.people >= k) if "vitals" in panels else (),
        funnels=(),
        journeys=(),
        properties=(),
        count_only=None,
        folded_hours=0,
        as_of=None,
        annotations=shown.annotations if "notes" in panels else (),
        effects={},
    )


def _may_compare(shown: Overview, share: Share, k: int) -> bool:
    """Whether earlier days may be told: only where whoever looks may choose them himself."""
    previous = shown.comparison.previous
    return share.period == FREE and "chart" in share.panels and previous is not None and previous.visitors >= k


def _point(one: Point, k: int) -> Point:
    if one.state != "measured" or one.visitors >= k or not (one.visitors or one.pageviews):
        return one
    return Point(one.at, "hidden", days=one.days, with_data=one.with_data)


def _cells(cells: Iterable[Cell], k: int) -> tuple[Cell, ...]:
    return tuple(cell for cell in cells if cell.visitors >= k)


def _goals(goals: Iterable[Goal], k: int) -> Iterable[Goal]:
    for goal in goals:
        if goal.converters >= k:
            paid = tuple(one for one in goal.revenue if one.payers >= k)
            yield replace(goal, revenue=paid)
