"""Arranges web vitals for their page: by day, by element, and beside conversions.

In: vitals of days, and rates. Out: small values a template walks through. Promises: no number is computed here, only
worded and drawn.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence

from msgspec import Struct

from schema.annotations import Annotation
from schema.dimensions import page_and_element
from schema.experience import RATED
from schema.vitals import VITALS

from ..stats.experience import Rate
from ..stats.vitals import VitalCell, VitalDay
from . import format as names
from . import trend
from .trend import Trend
from .wording import FEW, RATING_SIGNS, between, told_as


class Band(Struct, frozen=True):
    """Who was in a band. bar, low and high are in percent of the picture's width. few: whether they are too few to go
    by."""

    rate: Rate
    sign: str
    bar: float
    low: float
    high: float
    text: str
    interval: str
    few: bool


class OfVital(Struct, frozen=True):
    """The bands of a vital."""

    label: str
    bands: tuple[Band, ...]


class OfElement(Struct, frozen=True):
    """An element of a page. share: of the page's measurements those that it was responsible for, in percent."""

    element: str
    cell: VitalCell
    share: float


class OfPage(Struct, frozen=True):
    """The elements of a page, those of most measurements first. more: how many more are told."""

    page: str
    elements: tuple[OfElement, ...]
    more: int


def elements(cells: Iterable[VitalCell], pages: Iterable[VitalCell], most: int) -> list[OfPage]:
    """Of these pages, in their order, those of which elements are told. cells: of elements, of one vital."""
    by_page: dict[str, list[OfElement]] = {}
    found = {page.value: page for page in pages}
    for cell in cells:
        page, element = page_and_element(cell.value)
        if page in found:
            share = min(100.0, 100 * cell.samples / found[page].samples)
            by_page.setdefault(page, []).append(OfElement(element, cell, share))
    told = (
        (page, sorted(by_page[page], key=lambda one: (-one.cell.samples, -one.cell.p75)))
        for page in found
        if page in by_page
    )
    return [OfPage(page, tuple(its[:most]), max(0, len(its) - most)) for page, its in told]


def by_day(
    vital: str, rows: Iterable[VitalDay], days: Sequence[dt.date], notes: Sequence[Annotation], limit: int
) -> Trend:
    """p75 of each day; limit: so many days have a sign of their own."""
    about = VITALS[vital]
    found = {row.cell.value: row.cell for row in rows if row.cell.vital == vital}
    told = []
    for day in days:
        cell = found.get(day.isoformat())
        if cell is None:
            told.append(trend.Day(day, None, "too few were measured"))
            continue
        sign = RATING_SIGNS[cell.rating]
        text = f"{sign} {names.vital(cell.p75, about.unit)} ({cell.rating})"
        told.append(trend.Day(day, cell.p75, text, sign if len(days) <= limit else ""))
    limits = (("good", about.good), ("fair", about.poor), ("poor", float("inf")))
    return trend.draw(about.label, told, lambda number: names.vital(number, about.unit), limits, notes)


def bands(rates: Sequence[Rate], goal: str) -> list[OfVital]:
    """What of those in each band reached the goal."""
    mine = [one for one in rates if one.goal == goal]
    # What few did may be anywhere: it does not squeeze the others.
    many = [one.high for one in mine if one.visitors >= FEW] or [one.high for one in mine]
    widest = max(many, default=0) or 1
    found = []
    for vital in RATED:
        its = tuple(_band(one, widest) for one in mine if one.value == vital)
        found += [OfVital(VITALS[vital].label, its)] if its else []
    return found


def _band(one: Rate, widest: float) -> Band:
    bar, low, high = (
        round(min(100.0, 100 * number / widest), 1) for number in (one.conversion_rate, one.low, one.high)
    )
    # Both numbers are of the same days.
    text = f"{names.percent(one.conversion_rate)} of {told_as(names.count(one.visitors), one.certainty)}"
    interval = between(one.low, one.high)
    return Band(one, RATING_SIGNS.get(one.band, "·"), bar, low, high, text, interval, one.visitors < FEW)
