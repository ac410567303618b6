"""Arranges an `Overview` for the page: tiles, cards and their tabs.

In: an `Overview`. Out: small values a template walks through. Promises: no number is computed here, only worded.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from schema.metrics import DIMENSIONS, METRICS, OTHER, VITALS

from . import names
from .overview import Cell, Overview
from .vitals import VitalCell

# Where less is better, a rise is drawn as bad news.
_LESS_IS_BETTER = frozenset({"bounce_rate"})
_TILES = ("visitors", "visits", "pageviews", "views_per_visit", "bounce_rate", "visit_duration")
_CARDS = (
    ("Sources", ("source", "channel", "referrer")),
    ("Pages", ("page", "entry_page", "exit_page", "hostname")),
    ("Places", ("country", "region", "language")),
    ("Campaigns", ("utm_campaign", "utm_source", "utm_medium", "utm_term", "utm_content")),
    ("Devices", ("device", "browser", "os", "screen")),
)
_TABS = {
    "page": "Pages",
    "entry_page": "Entry",
    "exit_page": "Exit",
    "hostname": "Hosts",
    "source": "Sources",
    "channel": "Channels",
    "referrer": "Referrers",
    "utm_campaign": "Campaign",
    "utm_source": "Source",
    "utm_medium": "Medium",
    "utm_term": "Term",
    "utm_content": "Content",
    "country": "Countries",
    "region": "Regions",
    "language": "Languages",
    "device": "Devices",
    "browser": "Browsers",
    "os": "Systems",
    "screen": "Screens",
    "event": "Events",
}
_SHARE = "share"
_COLUMNS: dict[str, tuple[str, ...]] = {
    "page": ("visitors", "pageviews", "bounce_rate", "time_on_page"),
    "entry_page": ("visitors", "visits", "bounce_rate", "visit_duration"),
    "exit_page": ("visitors", "visits"),
    "hostname": ("visitors", "pageviews"),
    "source": ("visitors", "bounce_rate", "visit_duration"),
    "channel": ("visitors", "bounce_rate", "visit_duration"),
    "referrer": ("visitors", "bounce_rate", "visit_duration"),
    "utm_campaign": ("visitors", "bounce_rate", "visit_duration"),
    "event": ("visitors", "events"),
}
_HEADS = {
    "pageviews": "Views",
    "bounce_rate": "Bounce",
    "visit_duration": "Duration",
    "time_on_page": "Time",
    "views_per_visit": "Views/visit",
    "exit_rate": "Exit rate",
    _SHARE: "Share",
}
RATING_SIGNS = {"good": "●", "needs improvement": "▲", "poor": "■"}


class Tile(Struct, frozen=True):
    """A big number. trend: good, bad or even; change is worded, "" where there is nothing to compare with."""

    label: str
    definition: str
    value: str
    exact: str
    change: str
    trend: str
    spoken: str


class Line(Struct, frozen=True):
    """A row of a table: what it is called, the length of its bar in percent, its numbers."""

    value: str
    name: str
    bar: float
    numbers: tuple[str, ...]
    folded: bool


class Tab(Struct, frozen=True):
    """A table of one dimension."""

    dimension: str
    title: str
    head: str
    columns: tuple[str, ...]
    lines: tuple[Line, ...]


class Card(Struct, frozen=True):
    """A card with one or more tables."""

    title: str
    slug: str
    tabs: tuple[Tab, ...]


def tiles(overview: Overview) -> list[Tile]:
    """The big numbers, each with its change."""
    made = [_tile(name, getattr(overview.totals, name), overview.change[name]) for name in _TILES]
    if overview.empty and overview.hidden_days:
        # Zero would be a claim: some may have come on days that are too small to tell.
        fewer = f"< {overview.released.k * overview.hidden_days}"
        spoken = fewer.replace("<", "fewer than")
        made = [
            replace(tile, value=fewer if n == 0 else "–", exact=spoken if n == 0 else "") for n, tile in enumerate(made)
        ]
    return made


def cards(overview: Overview) -> list[Card]:
    """The cards, without those nothing can be said in."""
    visitors = overview.totals.visitors
    made = [
        Card(title, title.lower(), tuple(tab(name, overview.tables[name], visitors) for name in dimensions))
        for title, dimensions in _CARDS
    ]
    return [card for card in made if any(tab.lines for tab in card.tabs) or card.slug in ("sources", "pages")]


def tab(dimension: str, cells: Sequence[Cell], visitors: int) -> Tab:
    """A table of one dimension; bars are relative to its largest value."""
    columns = _COLUMNS.get(dimension, ("visitors", _SHARE))
    largest = max([cell.visitors for cell in cells], default=0) or 1
    lines = tuple(
        Line(
            cell.value,
            names.name_of(dimension, cell.value),
            round(100 * cell.visitors / largest, 1),
            tuple(_number(column, cell, visitors) for column in columns),
            cell.value == OTHER,
        )
        for cell in cells
    )
    return Tab(dimension, _TABS[dimension], DIMENSIONS[dimension].label, tuple(head(c) for c in columns), lines)


def head(column: str) -> str:
    """A metric's name, short enough for a column."""
    return _HEADS.get(column) or METRICS[column].label


def worded(metric: str, value: float | None) -> str:
    """A metric's value as a page shows it."""
    match METRICS[metric].unit:
        case "%":
            return names.percent(value)
        case "s":
            return names.duration(value)
        case _:
            return names.decimal(value) if metric == "views_per_visit" else names.count(value)


def vitals_by(cells: Sequence[VitalCell], dimension: str) -> list[tuple[str, dict[str, VitalCell]]]:
    """The vitals of each value of a dimension, the value with the most people first."""
    rows: dict[str, dict[str, VitalCell]] = {}
    for cell in cells:
        if cell.dimension == dimension:
            rows.setdefault(cell.value, {})[cell.vital] = cell
    most = sorted(rows.items(), key=lambda item: (-max(cell.people for cell in item[1].values()), item[0]))
    return [(names.name_of(dimension, value) if dimension else "", found) for value, found in most]


def thresholds(name: str) -> str:
    """What counts as good and as poor for a vital."""
    vital = VITALS[name]
    good, poor = names.vital(vital.good, vital.unit), names.vital(vital.poor, vital.unit)
    return f"{vital.definition} Good up to {good}, poor above {poor}."


def _tile(name: str, value: float | None, change: float | None) -> Tile:
    metric = METRICS[name]
    shown = worded(name, value)
    text, trend, spoken = "", "even", "nothing to compare with"
    if change is not None:
        amount = f"{abs(change):,.0f}" if abs(change) >= 10 else f"{abs(change):.1f}".removesuffix(".0")
        unit = " pts" if metric.unit == "%" else "%"
        if amount == "0":
            text, spoken = "no change", "no change"
        else:
            rises = change > 0
            text = f"{'▲' if rises else '▼'} {amount}{unit}"
            trend = "good" if rises != (name in _LESS_IS_BETTER) else "bad"
            spoken = f"{'up' if rises else 'down'} {amount} {'points' if unit == ' pts' else 'percent'}"
    is_count = not metric.unit and name != "views_per_visit"
    tile_value = names.short(value) if is_count and value is not None else shown
    return Tile(metric.label, metric.definition, tile_value, shown, text, trend, spoken)


def _number(column: str, cell: Any, visitors: int) -> str:
    if column == _SHARE:
        return names.percent(100 * cell.visitors / visitors if visitors else None)
    return worded(column, getattr(cell, column))
