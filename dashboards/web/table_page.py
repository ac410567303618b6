"""What the page of a table in full shows: heads that sort, lines, the way to other rows, and what is chosen.

In: a `Details`. Out: small values a template walks through. Promises: no number is computed here, only worded; each
link is the address of a state.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from msgspec import Struct

from schema.dimensions import DIMENSIONS, EVERY

from ..stats.filter import Filter
from .choices import Chosen
from .columns import Column
from .details import Details, bar_of
from .links import besides, keeping
from .wording import in_words, told_as, worded


class Head(Struct, frozen=True):
    """A column. sort: its aria-sort, "" where the table is not sorted by it. link: the arguments of the page that is
    sorted by it, or the other way round."""

    column: Column
    sort: str
    link: str


class Cell(Struct, frozen=True):
    """A cell, in lines. trend: good, bad, or "" where it is neither."""

    lines: tuple[str, ...]
    numeric: bool
    trend: str = ""


class TableRow(Struct, frozen=True):
    """A row: what it is called, the length of its bar in percent, its other cells. keeps: the arguments of the site's
    page that keeps it alone; "" where nothing can."""

    name: str
    bar: float
    cells: tuple[Cell, ...]
    keeps: str = ""


class Place(Struct, frozen=True):
    """Which rows are shown, and the arguments of the pages before and after; "" where there is none."""

    text: str
    before: str
    after: str


class TableView(Struct, frozen=True):
    """other: what is folded; totals: cells of the last line; they are () where there are none."""

    heads: tuple[Head, ...]
    lines: tuple[TableRow, ...]
    other: TableRow | None
    totals: tuple[Cell, ...]
    chosen: tuple[Chosen, ...]
    place: Place
    hidden: tuple[tuple[str, str], ...]
    export: str


def view(told: Details) -> TableView:
    """Of a table."""
    asked, columns = told.asked, told.columns
    form = [("order", asked.order), ("direction", asked.direction), ("segment", asked.segment)]
    hidden = [*told.period.arguments().items(), *(("filter", text) for text in asked.filters), *form]
    if asked.limit != type(asked)().limit:
        hidden.append(("limit", str(asked.limit)))
    return TableView(
        tuple(_head(told, column) for column in columns),
        tuple(_line(told, row) for row in told.rows),
        _line(told, told.other) if told.other else None,
        tuple(_total(told, column) for column in columns[1:]) if told.totals else (),
        tuple(_chosen(told)),
        _place(told),
        tuple((name, value) for name, value in hidden if value),
        _link(told, asked.but(offset=asked.offset)),
    )


def _link(told: Details, arguments: list[tuple[str, str]]) -> str:
    return urlencode([*told.period.arguments().items(), *arguments])


def _head(told: Details, column: Column) -> Head:
    order, direction = told.order
    turned = {"asc": "desc", "desc": "asc"}[direction] if order == column.name else ""
    sort = {"asc": "ascending", "desc": "descending"}[direction] if order == column.name else ""
    if not order and told.about.name in DIMENSIONS and column.name == "visitors":
        sort, turned = "descending", "asc"
    return Head(column, sort, _link(told, told.asked.but(order=column.name, direction=turned)))


def _line(told: Details, row: Mapping[str, Any]) -> TableRow:
    first, *rest = told.columns
    bar = round(100 * (row.get(bar_of(told.columns)) or 0) / told.largest, 1)
    return TableRow(first.lines(row)[0], bar, tuple(_cell(told, column, row) for column in rest), _keeps(told, row))


def _cell(told: Details, column: Column, row: Mapping[str, Any]) -> Cell:
    change = told.changed.of.get(row["value"]) if column.kind == "change" and told.changed else None
    trend = "" if change is None or change.small else "good" if change.percent > 0 else "bad"
    return Cell(column.lines(row), not column.is_text, trend)


def _keeps(told: Details, row: Mapping[str, Any]) -> str:
    one = keeping(told.about.name, row["value"]) if told.about.name in DIMENSIONS else ""
    kept = besides([*map(Filter.parse, told.asked.filters)], one) if one else []
    given = {**told.period.arguments(), "filter": kept, "segment": told.asked.segment}
    return urlencode({name: value for name, value in given.items() if value}, doseq=True) if one else ""


def _total(told: Details, column: Column) -> Cell:
    value = told.totals.get(column.name)
    if value is None or column.is_text:
        return Cell(("",), not column.is_text)
    if column.kind == "money" or (column.sure != "certainty" and column.sure in told.totals):
        return Cell(column.lines(told.totals), numeric=True)  # these say themselves how sure they are
    text = worded(column.name, value) if column.kind == "metric" else column.lines(told.totals)[0]
    sure = told.totals.get("certainty", "exact") if column.sure else "exact"
    return Cell((told_as(text, sure),), numeric=True)


def _chosen(told: Details) -> list[Chosen]:
    asked = told.asked
    found = [Chosen(f"contains “{asked.contains}”", _link(told, asked.but(contains="")))] if asked.contains else []
    for text in asked.filters:
        others = tuple(one for one in asked.filters if one != text)
        found.append(Chosen(in_words(Filter.parse(text)), _link(told, asked.but(filters=others))))
    if asked.segment:
        found.append(Chosen(f"Segment {asked.segment}", _link(told, asked.but(segment=""))))
    return found


def _place(told: Details) -> Place:
    asked = told.asked
    last = asked.offset + len(told.rows)
    text = f"{asked.offset + 1:,}–{last:,} of {told.found:,}" if told.rows else f"0 of {told.found:,}"
    before = _link(told, asked.but(offset=max(0, asked.offset - asked.limit))) if asked.offset else ""
    after = _link(told, asked.but(offset=last)) if told.rows and last < told.found else ""
    return Place(text, before, after)


def dimensions_of(told: Details) -> list[tuple[str, str]]:
    """Of whose values the rows may be, each with its label."""
    return [(name, EVERY[name].label) for name in told.about.each]
