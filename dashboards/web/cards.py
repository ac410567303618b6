"""Arranges an `Overview` for the page: cards and their tabs.

In: an `Overview`. Out: small values a template walks through. Promises: no number is computed here, only worded.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import groupby

from msgspec import Struct

from schema.dimensions import CARDS, DIMENSIONS, OTHER, SHARE

from ..stats.figures import Cell
from ..stats.funnels import StepCell
from ..stats.inside import PATHS, SECTION, section_kept
from ..stats.overview import Overview
from ..stats.properties import Property
from ..stats.vitals import VitalCell
from . import format as names
from .links import with_value
from .wording import head, no_table, not_shown, not_told, told_as, worded

_ENDS = {
    "entry_page": "Of the visits that began in {}; where others that saw it began is not told.",
    "exit_page": "Of the visits that ended in {}; where others that saw it ended is not told.",
}
# The card that goals and events share.
GOALS = "Goals"


class ValueRow(Struct, frozen=True):
    """A row of a table: what it is called, the length of its bar in percent, its numbers. least: why they may be more;
    "" where they are exact. keeps: the arguments of the page that keeps it alone; "" where nothing can."""

    value: str
    name: str
    bar: float
    numbers: tuple[str, ...]
    folded: bool
    least: str = ""
    keeps: str = ""


class Tab(Struct, frozen=True):
    """A table of one dimension. instead: what is said where there is no table to show. since: which
    values are counted since when, where days of the period before did not. about: what else there is to know of the
    table."""

    dimension: str
    title: str
    head: str
    columns: tuple[str, ...]
    lines: tuple[ValueRow, ...]
    instead: str = ""
    since: tuple[tuple[str, dt.date], ...] = ()
    about: str = ""


class Card(Struct, frozen=True):
    """A card with one or more tables."""

    title: str
    slug: str
    tabs: tuple[Tab, ...]

    @property
    def opened(self) -> Tab:
        """The table that is seen first: what filters leave no answer to is not in front of what answers."""
        return next((tab for tab in self.tabs if tab.lines), self.tabs[0])


def cards(overview: Overview) -> list[Card]:
    """The cards, without those nothing can be said in."""
    without = {GOALS, *silent(overview)}
    made = [
        Card(title, title.lower(), tuple(tab(name, overview) for name in dimensions))
        for title, dimensions in CARDS.items()
        if title not in without
    ]
    if overview.filters or overview.segment:
        return made
    return [card for card in made if any(tab.lines for tab in card.tabs) or card.slug in ("sources", "pages")]


def silent(overview: Overview) -> list[str]:
    """The titles of the cards of which the filters leave no table that answers."""
    told = {title for title, names in CARDS.items() if not all(name in overview.unanswered for name in names)}
    return [title for title in CARDS if overview.filters and title not in (*told, GOALS)]


def tab(dimension: str, overview: Overview) -> Tab:
    """A table of one dimension; bars are relative to its largest value."""
    cells, visitors = overview.tables.get(dimension, ()), overview.totals.visitors
    about = DIMENSIONS[dimension]
    columns = about.table
    if dimension in overview.unanswered:
        instead = not_told(overview)
    elif overview.filters or overview.segment:
        instead = "" if cells else "Nothing to show of what the filters keep."
    else:
        instead = no_table(dimension, [cell.value for cell in cells], overview.released.k, overview.released.enough)
    largest = max([cell.visitors for cell in cells], default=0) or 1
    lines = tuple(
        ValueRow(
            cell.value,
            names.name_of(dimension, cell.value),
            round(100 * cell.visitors / largest, 1),
            tuple(_number(column, cell, visitors) for column in columns),
            cell.value == OTHER,
            not_shown(cell.not_shown_days, cell.of_days),
            with_value(overview, dimension, cell.value),
        )
        for cell in ([] if instead else cells)
    )
    heads = tuple(head(column) for column in columns)
    since = tuple(
        (names.name_of(dimension, cell.value), cell.counted_since)
        for cell in ([] if instead else cells)
        if cell.counted_since
    )
    return Tab(dimension, about.tab, about.label, heads, lines, instead, since, _about(dimension, overview))


def _about(dimension: str, overview: Overview) -> str:
    """Of visits that began or ended in a section those are told, and not of all who saw it."""
    inside = dimension in PATHS and section_kept(overview.filters)
    return _ENDS.get(dimension, "").format(names.name_of(SECTION, inside)) if inside else ""


class Values(Struct, frozen=True):
    """The values of a property of an event. since: when it is counted since, where days of the period before did
    not."""

    event: str
    property: str
    lines: tuple[ValueRow, ...]
    since: dt.date | None = None


def first_values(rows: Sequence[Property], most: int) -> list[Values]:
    """Of each event the values of one property, so many of them; the event of most visitors first."""
    found: dict[tuple[str, str], list[Property]] = {}
    for row in rows:
        found.setdefault((row.event, row.property), []).append(row)
    return [
        Values(*key, tuple(_line(row, each[0].visitors) for row in each[:most]), each[0].counted_since)
        for key, each in found.items()
    ]


def _line(row: Property, largest: int) -> ValueRow:
    numbers = (told_as(names.count(row.visitors), row.certainty), told_as(names.count(row.events), row.certainty))
    least = not_shown(row.not_shown_days, row.of_days)
    return ValueRow(
        row.value, row.value, round(100 * row.visitors / (largest or 1), 1), numbers, row.value == OTHER, least
    )


def vitals_by(cells: Sequence[VitalCell], dimension: str) -> list[tuple[str, dict[str, VitalCell]]]:
    """The vitals of each value of a dimension, the value with the most people first."""
    rows: dict[str, dict[str, VitalCell]] = {}
    for cell in cells:
        if cell.dimension == dimension:
            rows.setdefault(cell.value, {})[cell.vital] = cell
    most = sorted(rows.items(), key=lambda item: (-max(cell.people for cell in item[1].values()), item[0]))
    return [(names.name_of(dimension, value) if dimension else "", found) for value, found in most]


def funnels_of(overview: Overview) -> list[list[StepCell]]:
    """The steps of each funnel."""
    return [[*steps] for _, steps in groupby(overview.funnels, key=lambda step: step.funnel)]


def _number(column: str, cell: Cell, visitors: int) -> str:
    if column == SHARE:
        return names.percent(100 * cell.visitors / visitors if visitors else None)
    text = worded(column, getattr(cell, column))
    return told_as(text, cell.certainty) if isinstance(getattr(cell, column), int) else text
