"""A table in full: found, sorted, a page of it, with its totals.

In: a site, a period and what is `Asked`. Out: a `Details`, the same for the page, JSON and CSV. Promises: only rows are
looked through that are shown anyway, so a hidden value answers as one that nobody had; no number is changed.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from typing import Any

from msgspec import Struct

from schema.dimensions import DIMENSIONS, ELEMENT, EVERY, OTHER
from schema.families import FAMILIES
from schema.pair import CROSSED
from schema.site import Site

from ..stats.changes import Changes, changes
from ..stats.filter import ALTERNATIVES, Filter
from ..stats.nobody import nobody
from ..stats.period import Period
from ..stats.query import MAX_ROWS, Query
from ..stats.refused import BadQuery, Code
from ..stats.regex import literally
from ..stats.report import Reports
from ..stats.splits import OF_VITALS
from ..stats.view import OF_COMPARISON, view_of
from ..stats.vitals import NAMED_OF_ELEMENTS
from . import format as names
from .asked import Asked
from .columns import Column
from .split_tables import split
from .tables_in_full import About, about, columns_of

Row = dict[str, Any]
_SURE = "converters_certainty"
_RATE = (
    Column("converters", "Reached goal", "Who reached the goal that is chosen.", sure=_SURE),
    Column("conversion_rate", "Rate", "Share of the visitors of this value who reached it.", "%", sure=_SURE),
    Column("low", "From", "What chance alone may make of the rate: at least (95% interval).", "%"),
    Column("high", "To", "At most (95% interval); – where not all who reached it are told.", "%"),
    Column("revenue", "Revenue", "What was paid there, by currency; sorted by currency and amount.", "money"),
)
_CHANGE = (
    Column("visitors_before", "Before", "Visitors of the days it is compared with."),
    Column(
        "visitors_change",
        "Change",
        "Of visitors; where days are not as many, by averages a day. – where days hide some.",
        "change",
    ),
)
# What kinds of values are looked for by their names, too, and how the codes of these stand in a value, as a pattern.
_CODES = {
    "country": "^(?:{})$",
    "region": "^(?:{})-",
    "language": "^(?:{})(?:-|$)",
    "languages": "(?:^|→ )(?:{})(?:-| |$)",
    "device": "^(?:{})$",
    "screen": "^(?:{})$",
}


class Details(Struct, frozen=True):
    """rows: those of the page. found: how many there are in all. other: what is folded, None where nothing is. totals:
    of the whole site, or of what is kept; {} where numbers cannot be added up. largest: the longest bar."""

    about: About
    asked: Asked
    period: Period
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    found: int
    other: Row | None
    totals: Row
    answer: Mapping[str, Any]
    largest: int
    changed: Changes | None = None

    @property
    def shown(self) -> list[Row]:
        """The rows that are on the screen."""
        return [*self.rows, *([self.other] if self.other else [])]

    @property
    def order(self) -> tuple[str, str]:
        """By which column it is sorted, and in which direction."""
        return _order(self.asked, self.columns)

    def as_answer(self) -> Row:
        """What is on the screen as the interface tells it."""
        order, direction = self.order
        which = {"order": order, "direction": direction, "offset": self.asked.offset, "limit": self.asked.limit}
        return {**self.answer, "rows": self.shown, "of_rows": self.found, **which}


def details(reports: Reports, site: Site, period: Period, name: str, asked: Asked) -> Details:
    """Raises HTTPException for a table that there is not, BadQuery for what cannot be told of one."""
    table, is_dimension = about(name), name in DIMENSIONS
    query = _query(site, period, table, asked)
    each = asked.of if query.dimensions[1:] != (asked.of,) else ""
    answer = split(reports, query, each) if each else reports.stats(query)
    rows: list[Row] = answer["rows"]
    other = next((row for row in rows if is_dimension and row["value"] == OTHER), None)
    rows = [row for row in rows if row is not other]
    more, changed = _beside(reports, site, query, asked, answer, [*rows, *([other] if other else ())])
    columns = columns_of(table, rows, more)
    if asked.of:
        of = NAMED_OF_ELEMENTS if asked.of == ELEMENT.name else (asked.of,)
        columns = (*(Column(one, EVERY[one].label, "", "name", one) for one in of), *columns)
    if asked.contains and not is_dimension:
        rows = [row for row in rows if _has(asked.contains, columns, row)]
    rows = _sorted(rows, asked, columns)
    bar = bar_of(columns)
    largest = max((row[bar] or 0 for row in (*rows, *([other] if other else ()))), default=0) or 1
    page = tuple(rows[asked.offset : asked.offset + asked.limit])
    totals = {**answer["totals"], "certainty": answer["certainty"]} if is_dimension else _added(table, rows)
    if asked.goal and totals:
        totals |= _whole(reports, query, asked.goal)
    return Details(table, asked, period, columns, page, len(rows), other, totals, answer, largest, changed)


def bar_of(columns: Sequence[Column]) -> str:
    """The column that bars are drawn of."""
    return next(one.name for one in columns if one.kind in ("metric", "count"))


def goals_to_choose(site: Site, name: str, asked: Asked) -> list[str]:
    """The goals whose rate can be told of each value of a table."""
    kept = {Filter.parse(text).dimension for text in asked.filters} - {name}
    is_crossed = len(kept) == 1 and {name, *kept} <= {*CROSSED}
    if name not in FAMILIES["conversions"].dimensions or (kept and not is_crossed) or asked.segment:
        return []
    return [goal.name for goal in site.goals if ALTERNATIVES not in goal.name]


def _query(site: Site, period: Period, table: About, asked: Asked) -> Query:
    if asked.of and asked.of not in table.each:
        known = ", ".join(table.each) or "none"
        raise BadQuery(f"of={asked.of[:100]!r}: {table.label} are told of the values of {known}")
    is_dimension = table.name in DIMENSIONS
    found = [_found(table.name, asked.contains)] if asked.contains and is_dimension else []
    filters = tuple(map(Filter.parse, (*asked.filters, *found)))
    by = (table.name, asked.of) if asked.of and table.name in OF_VITALS else (table.name,)
    # Of more than can be told those are that come first by what is sorted by.
    is_metric = any(one.name == asked.order and one.kind == "metric" for one in table.columns)
    order = asked.order if is_dimension and is_metric and asked.direction != "asc" else "visitors"
    return Query((site.key,), period, by, filters, MAX_ROWS, order=order, segment=asked.segment)


def _found(dimension: str, text: str) -> str:
    """The filter that finds a text in values, and in the names that the page shows of them."""
    form = DIMENSIONS[dimension].format
    codes = names.codes_named(form, text) if form in _CODES else []
    if not codes:
        return f"{dimension}~{text}"
    among = _CODES[form].format("|".join(map(literally, codes)))
    return f"{dimension}=~{among}|(?i:{literally(text)})" if form != "country" else f"{dimension}=~{among}"


def _beside(
    reports: Reports, site: Site, query: Query, asked: Asked, answer: Mapping[str, Any], rows: Sequence[Row]
) -> tuple[list[Column], Changes | None]:
    """What is told beside the numbers of each value: it is put into the rows."""
    more: list[Column] = []
    changed = None
    if query.by not in DIMENSIONS:
        if asked.goal or asked.compare:
            what = "goal" if asked.goal else "compare"
            raise BadQuery(f"{what}: that is told of the values of a dimension only, leave it out", Code.NOT_KEPT)
        return more, changed
    if asked.goal:
        _put_rates(reports, query, asked.goal, rows)
        more += _RATE
    if asked.compare:
        today = reports.now(site).date()
        changed = changes(reports.stats, query, answer, today, _before(query.period, today, asked))
        for row in rows:
            one = changed.of.get(row["value"])
            row |= {"visitors_before": one and one.before, "visitors_change": one and one.percent}
        more += _CHANGE if changed.of else ()
    return more, changed


def _before(period: Period, today: dt.date, asked: Asked) -> Period | None:
    """What the table is compared with. Raises BadQuery."""
    view = view_of({name: getattr(asked, name) for name in OF_COMPARISON}, period, today)
    try:
        return view.earlier(period, today)
    except ValueError as error:
        raise BadQuery(f"there are no days to compare with: {error}", Code.BAD_PERIOD) from None


def _put_rates(reports: Reports, query: Query, goal: str, rows: Sequence[Row]) -> None:
    filters = (*query.filters, Filter("goal", "==", goal))
    asked = Query(query.sites, query.period, query.dimensions, filters, MAX_ROWS, segment=query.segment)
    reached = {row["value"]: row for row in reports.stats(asked)["rows"]}
    none = reports.nobody_reached(query, goal)
    for row in rows:
        one = reached.get(row["value"]) or (nobody("", row["visitors"]).row() if none else {})
        row |= _rate(one)


def _whole(reports: Reports, query: Query, goal: str) -> Row:
    """The same of all that the table keeps; {} where that is not told of a goal."""
    try:
        filters = (*query.filters, Filter("goal", "==", goal))
        found = reports.stats(Query(query.sites, query.period, ("goal",), filters, 1, segment=query.segment))["rows"]
    except BadQuery:
        return {}
    return _rate(found[0]) if found else {}


def _rate(one: Row) -> Row:
    return {
        "converters": one.get("visitors"),
        _SURE: one.get("certainty", "exact"),
        **{name: one.get(name) for name in ("conversion_rate", "low", "high")},
        "revenue": one.get("revenue", []),
    }


def _has(text: str, columns: Sequence[Column], row: Row) -> bool:
    words = (line for one in columns if one.is_text for line in (*one.lines(row), str(row.get(one.name) or "")))
    return any(text.casefold() in word.casefold() for word in words)


def _order(asked: Asked, columns: Sequence[Column]) -> tuple[str, str]:
    if not asked.order:
        return "", ""
    column = next((one for one in columns if one.name == asked.order), None)
    if column is None:
        known = ", ".join(one.name for one in columns)
        raise BadQuery(f"order={asked.order[:100]!r} is no column of this table: there are {known}")
    return asked.order, asked.direction or ("asc" if column.is_text else "desc")


def _sorted(rows: list[Row], asked: Asked, columns: Sequence[Column]) -> list[Row]:
    """By a column; what is not known last. Rows that are equal stay in the table's own order."""
    order, direction = _order(asked, columns)
    if not order:
        return rows
    column = next(one for one in columns if one.name == order)
    known = [row for row in rows if column.place(row) is not None]
    unknown = [row for row in rows if column.place(row) is None]
    # Sorted backwards equal rows stay in their order, too.
    return sorted(known, key=column.place, reverse=direction == "desc") + unknown


def _added(table: About, rows: Sequence[Row]) -> Row:
    return {name: sum(row[name] for row in rows) for name in table.added} if rows else {}
