"""From where to where people went, as the overview shows it.

In: the ways of a period. Out: a table of each kind. Promises: names are those that are stored, as text.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from schema.journeys import ENDS, PAGE, SECTION

from ..stats.journeys import Way
from . import format as names
from .cards import ValueRow
from .wording import not_shown, told_as

_TITLES = {PAGE: "Pages", SECTION: "Sections", ENDS: "Entry and exit"}


class Ways(Struct, frozen=True):
    """The ways of one kind."""

    kind: str
    title: str
    lines: tuple[ValueRow, ...]


def ways_of(ways: Sequence[Way]) -> list[Ways]:
    """Those of each kind."""
    found = []
    for kind, title in _TITLES.items():
        mine = [way for way in ways if way.value == kind]
        found += [Ways(kind, title, tuple(_line(way, mine[0].people) for way in mine))] if mine else []
    return found


def _line(way: Way, largest: int) -> ValueRow:
    name = f"{way.origin} → {way.target}"
    numbers = (told_as(names.count(way.people), way.certainty), names.percent(way.share))
    least = not_shown(way.not_shown_days, way.of_days)
    return ValueRow(name, name, round(100 * way.people / (largest or 1), 1), numbers, folded=False, least=least)
