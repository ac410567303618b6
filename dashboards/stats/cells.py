"""The cells of a span: of each dimension the most visited values, of the whole site every day and hour.

In: a span of days. Out: `Cells`. Promises: what released days add up to is read once and remembered.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Mapping
from heapq import nsmallest
from itertools import islice
from operator import add

from msgspec.structs import astuple

from schema.dimensions import OTHER
from schema.measures import MEASURES, Measures
from schema.store import Store

from .released import Released
from .remembered import Remembered
from .source import SUMS, Grain, Span, open_rows, rows_of

# Open days of more rows are added up by the store: each row takes some microseconds here.
_MOST_OPEN = 5_000

# A cell's value; of the whole site, what tells one day or hour from another.
_KEY = (
    "if(dimension = '', concat(grain, ' ', toString(day), ' ', toString(toUnixTimestamp(period)), ' ', value), value)"
)


class Sums(Measures, gc=False):
    """What some days add up to. days: how many have a row."""

    days: int = 0


# By dimension the keys and what they add up to.
Cells = dict[str, dict[str, Sums]]


def cells_of(
    store: Store, remembered: Remembered, span: Span, mark: int, first: dt.date, rows: int = 0, hourly: bool = False
) -> Cells:
    """Of every dimension some more than the `rows` most visited values from the first day on; and of the whole site
    every day of the span, where `hourly` every hour, too. mark: which releases those of the span are."""
    # One that is not shown and one that comes last may be among the first.
    shown = rows + 2
    of = (first, bool(rows), hourly)
    return remembered.joined(
        "cells",
        span,
        (mark, *of),
        rows,
        read=lambda: _read_cells(store, span, *of, shown),
        closed=lambda closed: _by_visitors(_read_cells(store, closed, *of, most=0, of_all=remembered.most_of_one)),
        opened=lambda: _read_open(store, span, *of),
        join=lambda known, new: {
            name: _most_visited(name, known.get(name, {}), new.get(name, {}), shown) for name in known.keys() | new
        },
        values=_many,
    )


def _many(cells: Cells) -> int:
    return sum(map(len, cells.values()))


def _by_visitors(cells: Cells) -> Cells:
    return {name: dict(sorted(values.items(), key=_place)) for name, values in cells.items()}


def _place(cell: tuple[str, Sums]) -> tuple[bool, int, str]:
    # What is folded is always wanted, however little it is.
    return cell[0] != OTHER, -cell[1].visitors, cell[0]


def _most_visited(dimension: str, known: dict[str, Sums], new: dict[str, Sums], most: int) -> dict[str, Sums]:
    """The first of both together; of the whole site all. known: the most visited first."""
    if not dimension:
        return known | new  # of a day there is only one of them
    added = {value: known[value].visitors if value in known else 0 for value in new}
    places = [(value != OTHER, -more.visitors - added[value], value) for value, more in new.items()]
    # Of those that nothing is added to only the first can be among the first.
    places += islice((_place(item) for item in known.items() if item[0] not in new), most)
    first = [value for *_, value in nsmallest(most, places)]
    return {value: _plus(known.get(value), new.get(value)) for value in first}


def _plus(one: Sums | None, other: Sums | None) -> Sums:
    return Sums(*map(add, astuple(one), astuple(other))) if one and other else one or other or Sums()


def _read_cells(
    store: Store, span: Span, first: dt.date, values: bool, hourly: bool, most: int, of_all: int = 0
) -> Cells:
    """values: those of dimensions from the first day on, too. most: of each dimension so many of the most visited; 0:
    all, in any order. of_all: but not more than so many."""
    measures = ", ".join(MEASURES)
    condition = "dimension = '' OR day >= {shown:Date}" if values else "dimension = ''"
    grains: tuple[Grain, ...] = ("day", "hour") if hourly else ("day",)
    columns, of_months = (
        f"dimension, {key} AS key, {measures}, {days} AS days" for key, days in ((_KEY, "1"), ("value", "days"))
    )
    source = rows_of("cells", columns, condition, span, *grains, of_months=of_months)
    found: Cells = {}
    if not source:
        return found
    key, days = ("key", "sum(days)") if source.startswith("(") else (_KEY, "count()")
    sql = f"SELECT dimension, {key} AS k, {SUMS}, {days} FROM {source} GROUP BY dimension, k "
    if most:
        sql += f"ORDER BY k = '{OTHER}' DESC, sum(visitors) DESC, k "
        sql += "LIMIT {most:UInt32} BY dimension, if(dimension = '', k, '')"
    else:
        sql += "LIMIT {all:UInt32}"
    for dimension, value, *sums in store.rows(
        sql, span.parameters | {"shown": first, "most": most, "all": of_all}, **store.brief
    ):
        found.setdefault(dimension, {})[value] = Sums(*sums)
    return found


def _read_open(store: Store, span: Span, first: dt.date, values: bool, hourly: bool) -> Cells | None:
    """The same of the open days; None where there are too many rows."""
    columns = f"dimension, value, toUnixTimestamp(period), {', '.join(MEASURES)}"
    rows = open_rows(store, "cells", columns, span, _MOST_OPEN, "true" if values else "dimension = ''")
    if rows is None:
        return None
    found: Cells = {}
    for day, grain, dimension, value, start, *sums in rows:
        if dimension:
            key, wanted = value, day >= first
        else:
            key, wanted = f"{grain} {day} {start} {value}", True
        if wanted and (hourly or grain == "day"):
            of, measures = found.setdefault(dimension, {}), Sums(*(*sums, 1))
            of[key] = _plus(of.get(key), measures)
    return found


def whole_site(
    released: Released, cells: Mapping[str, Measures]
) -> tuple[dict[dt.date, Measures], dict[int, Measures], dict[dt.date, int]]:
    """What each day adds up to; each hour, by Unix second; and of each day how many people its folded hours hold."""
    days = {day: sums for month in released.months for day, sums in month.totals.items()}
    hours: dict[int, Measures] = {}
    folded: dict[dt.date, int] = {}
    for key, sums in cells.items():
        grain, day, start, value = key.split(" ", 3)
        if grain == "day":
            days[dt.date.fromisoformat(day)] = sums
        elif value == OTHER:
            folded[dt.date.fromisoformat(day)] = sums.visitors
        else:
            hours[int(start)] = sums
    return days, hours, folded


def summed(measures: Iterable[Measures]) -> Measures:
    """What they add up to; there is one at least."""
    return Measures(*map(sum, zip(*(astuple(one)[: len(MEASURES)] for one in measures), strict=True)))
