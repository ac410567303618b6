"""The menus of a chart: by what it is drawn, and what it is compared with.

In: an `Overview`. Out: `Looks` for the template. Promises: each choice is a link, and the chosen one says so.
"""

from __future__ import annotations

from msgspec import Struct

from ..stats.overview import Overview
from ..stats.view import AGAINST, OF_COMPARISON
from .choices import Choice
from .links import arguments_of, with_view

# What the menu is called while one of them is chosen.
_NOW = {
    "previous": "Compared with the days before",
    "year": "Compared with a year before",
    "custom": "Compared with dates",
    "none": "Compare",
}


class Looks(Struct, frozen=True):
    """against: empty where nothing can be compared. kept: what the form for other dates sends along. first, last: what
    it begins with."""

    grains: tuple[Choice, ...]
    against: tuple[Choice, ...]
    chosen: str
    kept: tuple[tuple[str, str], ...]
    first: str
    last: str


def looks(overview: Overview) -> Looks:
    """The menus of this page."""
    view, compared = overview.view, overview.comparison.period
    grains = tuple(
        Choice(grain.capitalize(), with_view(overview, grain=grain), grain == overview.grain)
        for grain in overview.grains
    )
    against = tuple(
        Choice(label, with_view(overview, against=kind, dates=None), kind == view.against, name=kind)
        for kind, label in AGAINST.items()
        if kind != "custom"
    )
    kept = [
        (name, one)
        for name, value in (arguments_of(overview) | view.arguments()).items()
        if name not in OF_COMPARISON
        for one in ([value] if isinstance(value, str) else value)
    ]
    first, last = (compared.first, compared.last) if compared else (overview.period.first, overview.period.last)
    return Looks(
        grains,
        against,
        _NOW[view.against],
        tuple(kept),
        first.isoformat(),
        last.isoformat(),
    )
