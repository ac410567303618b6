"""Arranges an `Overview` for the page: tiles, cards and their tabs.

In: an `Overview`. Out: small values a template walks through. Promises: no number is computed here, only worded.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from itertools import groupby
from urllib.parse import urlencode

from msgspec import Struct

from schema.dimensions import CARDS, DIMENSIONS, OTHER, SHARE
from schema.metrics import METRICS
from schema.site import Site
from schema.vitals import VITALS

from ..stats.conversions import Revenue
from ..stats.figures import Cell
from ..stats.funnels import StepCell
from ..stats.overview import Overview
from ..stats.properties import Property
from ..stats.query import ALTERNATIVES, Filter, Operator
from ..stats.vitals import VitalCell
from . import format as names
from .links import asked, elsewhere, of_segment, with_view

# The card that goals and events share.
GOALS = "Goals"
_OPERATORS: dict[Operator, str] = {
    "==": "is",
    "!=": "is not",
    "~": "contains",
    "!~": "lacks",
    "=~": "is like",
    "=!~": "is not like",
}
_ARROWS = "▼▲"
# Not ▲, which says that a number has risen.
RATING_SIGNS = {"good": "●", "needs improvement": "◆", "poor": "■"}


class Tile(Struct, frozen=True):
    """A big number. spelled: the number in words, where the sign before it needs some, else "". trend: good, bad, or
    even where it is neither; change is worded, "" where there is nothing to compare with. usual: what is said of a
    number that is no other than usual. link: the arguments of the page that draws it; chosen: whether this one does."""

    label: str
    definition: str
    value: str
    spelled: str
    change: str
    trend: str
    spoken: str
    usual: str
    link: str
    chosen: bool


class Line(Struct, frozen=True):
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
    values are counted since when, where days of the period before did not."""

    dimension: str
    title: str
    head: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]
    instead: str = ""
    since: tuple[tuple[str, dt.date], ...] = ()


class Kept(Struct, frozen=True):
    """A filter in words, and the arguments of the page without it."""

    text: str
    without: str


class Choice(Struct, frozen=True):
    """A segment, "" for all visits, the arguments of the page with it, and whether it is the one that is shown."""

    name: str
    arguments: str
    chosen: bool


class Card(Struct, frozen=True):
    """A card with one or more tables."""

    title: str
    slug: str
    tabs: tuple[Tab, ...]


def tiles(overview: Overview) -> list[Tile]:
    """The big numbers, each with its change."""
    return [_tile(name, overview) for name, metric in METRICS.items() if metric.tile]


def cards(overview: Overview) -> list[Card]:
    """The cards, without those nothing can be said in."""
    made = [
        Card(title, title.lower(), tuple(tab(name, overview) for name in dimensions))
        for title, dimensions in CARDS.items()
        if title != GOALS
    ]
    if overview.filters or overview.segment:
        return made
    return [card for card in made if any(tab.lines for tab in card.tabs) or card.slug in ("sources", "pages")]


def segments(overview: Overview, site: Site) -> list[Choice]:
    """All visits, and the segments of the site; [] where there are none."""
    names = ["", *site.segment_definitions] if site.segments else []
    days, view = overview.period.arguments(), elsewhere(overview.view).arguments()
    return [
        Choice(name, urlencode(days | ({"segment": name} if name else {}) | view), name == overview.segment)
        for name in names
    ]


def kept(overview: Overview) -> list[Kept]:
    """The filters of a page."""
    given = asked(overview) | elsewhere(overview.view).arguments()
    return [
        Kept(
            in_words(one),
            urlencode(given | {"filter": [each.text for each in overview.filters if each is not one]}, doseq=True),
        )
        for one in overview.filters
    ]


def in_words(one: Filter) -> str:
    """A filter, as a page says it."""
    label = DIMENSIONS[one.dimension].label if one.dimension in DIMENSIONS else one.dimension
    return f"{label} {_OPERATORS[one.operator]} {_values(one)}"


def _values(one: Filter) -> str:
    if one.operator not in ("==", "!="):
        return f"“{one.value}”"
    return " or ".join(names.name_of(one.dimension, value) for value in one.value.split(ALTERNATIVES))


def not_told(overview: Overview) -> str:
    """Why something is not shown of what the filters keep, or of a segment."""
    if overview.segment:
        return "Not counted of segments: these have visits by the dimensions of a visit."
    label = DIMENSIONS[overview.filters[0].dimension].label.lower()
    return f"Not counted together with {label}: what is kept of visits is crossed in pairs only, that are declared."


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
        Line(
            cell.value,
            names.name_of(dimension, cell.value),
            round(100 * cell.visitors / largest, 1),
            tuple(_number(column, cell, visitors) for column in columns),
            cell.value == OTHER,
            not_shown(cell.not_shown_days, cell.of_days),
            _keeping(dimension, cell.value, overview),
        )
        for cell in ([] if instead else cells)
    )
    heads = tuple(head(column) for column in columns)
    since = tuple(
        (names.name_of(dimension, cell.value), cell.counted_since)
        for cell in ([] if instead else cells)
        if cell.counted_since
    )
    return Tab(dimension, about.tab, about.label, heads, lines, instead, since)


def _keeping(dimension: str, value: str, overview: Overview) -> str:
    """The arguments of the page that keeps one value."""
    if value == OTHER or ALTERNATIVES in value:
        return ""
    one = Filter(dimension, "==", value).text
    view = elsewhere(overview.view).arguments()
    return urlencode({**overview.period.arguments(), "filter": one} | of_segment(overview) | view)


class Values(Struct, frozen=True):
    """The values of a property of an event. since: when it is counted since, where days of the period before did
    not."""

    event: str
    property: str
    lines: tuple[Line, ...]
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


def _line(row: Property, largest: int) -> Line:
    numbers = (told_as(names.count(row.visitors), row.certainty), told_as(names.count(row.events), row.certainty))
    least = not_shown(row.not_shown_days, row.of_days)
    return Line(row.value, row.value, round(100 * row.visitors / (largest or 1), 1), numbers, row.value == OTHER, least)


def no_table(dimension: str, values: Sequence[str], k: int, enough: str) -> str:
    """Why there is no table of these values of a dimension; "" where it tells something."""
    about = DIMENSIONS[dimension]
    few = f", or on each day fewer than {enough}" if k > 1 else ""
    if not values:
        return f"Nobody with a {about.label} came{few}."
    if all(value == OTHER for value in values):
        return f"No value of {about.label} had {enough} on a day, so none is shown by its name."
    # “Direct” says something, “(not set)” does not.
    if about.empty == "(not set)" and not any(value for value in values if value != OTHER):
        return f"No {about.label.lower()} is known of these visits{few}. {about.empty_because}".strip()
    return ""


def head(column: str) -> str:
    """A metric's name, short enough for a column."""
    return "Share" if column == SHARE else METRICS[column].head or METRICS[column].label


def worded(metric: str, value: float | None) -> str:
    """A metric's value as a page shows it."""
    match METRICS[metric].unit:
        case "%":
            return names.percent(value)
        case "s":
            return names.duration(value)
        case _:
            return names.count(value) if METRICS[metric].is_count else names.decimal(value)


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


def thresholds(name: str) -> str:
    """What counts as good and as poor for a vital."""
    vital = VITALS[name]
    good, poor = names.vital(vital.good, vital.unit), names.vital(vital.poor, vital.unit)
    return f"{vital.definition} Good up to {good}, poor above {poor}."


def _tile(name: str, overview: Overview) -> Tile:
    metric, comparison = METRICS[name], overview.comparison
    value, spelled = _told(name, overview)
    change = comparison.change[name]
    text, trend, spoken = "", "even", "nothing to compare with"
    if change is not None:
        amount = names.change(abs(change))[1:]
        unit, spoken_unit = (" pts", "points") if metric.unit == "%" else ("%", "percent")
        if amount == "0":
            text = spoken = "no change"
        else:
            rises = change > 0
            text = f"{_ARROWS[rises]} {amount}{unit}"
            if not comparison.is_even(name):
                trend = "good" if rises != metric.less_is_better else "bad"
            spoken = f"{'up' if rises else 'down'} {amount} {spoken_unit}"
        if comparison.a_day:
            text += " a day"
    return Tile(
        label=metric.label,
        definition=metric.definition,
        value=value,
        spelled=spelled,
        change=text,
        trend=trend,
        spoken=spoken,
        usual="within the usual" if text.startswith(tuple(_ARROWS)) and comparison.within_usual(name) else "",
        link=with_view(overview, metric=name),
        chosen=name == overview.view.metric,
    )


def _told(name: str, overview: Overview) -> tuple[str, str]:
    """The number, and how it is said where there is a sign before it."""
    k, number = overview.released.k, getattr(overview.totals, name)
    is_count = isinstance(number, int)
    if not overview.empty:
        # Of days that are too small to tell some more came.
        shown = worded(name, number)
        sign = _SIGNS.get(overview.certainty, "") if is_count else ""
        return (f"{sign} {shown}", f"{overview.certainty} {shown}") if sign else (shown, "")
    # Zero would be a claim: some may have come on days that are too small to tell.
    if overview.hidden_days and k > 1:
        if overview.released.networks > 1:  # of one network there may have been any number
            return "–", ""
        most = k * overview.hidden_days - overview.hidden_days + 1
        return (f"< {most}", f"fewer than {most}") if name == "visitors" else ("–", "")
    return ("0" if is_count and overview.hidden_days else "–"), ""


def not_shown(days: int, of: int) -> str:
    """On how many days a value or a goal is not shown; "" where on all."""
    return f"not shown on {days} of {names.counted(of, 'day')}: few or none" if days else ""


# Before a number that is not all, or may be too many.
_SIGNS = {"at least": "≥", "about": "≈"}


def told_as(text: str, certainty: str) -> str:
    """A number with its sign."""
    return f"{_SIGNS[certainty]} {text}" if certainty in _SIGNS and text != "–" else text


def of_orders(revenue: Revenue) -> str:
    """What a sum that may not be the whole is from; "" where it is the whole."""
    if revenue.certainty == "exact":
        return ""
    if revenue.orders is not None:
        return f"from {revenue.orders:,} of {names.counted(revenue.of_orders, 'order')}"
    return f"from {revenue.payers:,} of {names.counted(revenue.of_payers, 'buyer')}"


def _number(column: str, cell: Cell, visitors: int) -> str:
    if column == SHARE:
        return names.percent(100 * cell.visitors / visitors if visitors else None)
    text = worded(column, getattr(cell, column))
    return told_as(text, cell.certainty) if isinstance(getattr(cell, column), int) else text
