"""The overview of two years with a filter: what a click on a value, or on a segment, takes.

In: a plan. Out: milliseconds of the server, and what a day's pairs and segments take on disk. The rows are made up as
those of bench/dashboards.py are: of each of the default pairs the cells that enough people share, and of ten segments
one-way tables. The value that is filtered is there on each day.
"""

from __future__ import annotations

import datetime as dt
import tempfile
from collections.abc import Iterator
from functools import partial

from msgspec import structs

from dashboards.stats.filter import Filter
from dashboards.stats.report import Reports
from schema.dimensions import DIMENSIONS
from schema.family import KEY
from schema.pair import pairs_of
from schema.pairs import MOST_VALUES, PAIRS
from schema.segments import SEGMENTS as OF_SEGMENTS
from schema.store import Store

from .closing import SEGMENTS
from .dashboards import EACH_DAY, SHARES, SITE, TODAY, filled, released_days, timed, until, value_of
from .disk import merge, rows_and_bytes
from .figures import Figure
from .machine import tell
from .plan import Plan

PART = "filtered"
P95_MS = 100
# Of a pair so many cells a day: pairs of values whose places multiply to no more.
_CELLS_SHARE = 20
_SITE = structs.replace(SITE, segments=SEGMENTS)
_TABLES = ("released_pairs", "released_segments")
_DAY = dt.timedelta(days=1)
_ASKED: dict[str, tuple[tuple[str, ...], str]] = {
    "a country": (("country==/country/top",), ""),
    "a source": (("source==/source/top",), ""),
    "an entry page": (("entry_page==/entry_page/top",), ""),
    "a segment": ((), SEGMENTS[0].name),
    "a segment and a country": (("country==/country/top",), SEGMENTS[0].name),
}


def measure(plan: Plan) -> list[Figure]:
    """By the longest period that the plan has, and by 30 days."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as directory:
        store = filled(directory, plan, _SITE)
        _fill(store, plan)
        merge(store, _TABLES)
        reports = Reports(store, [_SITE])
        reports.warm_up()  # as the house does at its start
        figures = [_timed(reports, plan, days, what) for days in dict.fromkeys((30, plan.days)) for what in _ASKED]
        rows, size = rows_and_bytes(store, _TABLES)
        store.close()
    days = released_days(plan)
    note = f"{rows / days:,.0f} rows a day"
    return [*figures, Figure(PART, "a day of pairs and segments", size / days / 1e6, "MB", note=note)]


def _timed(reports: Reports, plan: Plan, days: int, what: str) -> Figure:
    texts, segment = _ASKED[what]
    filters = tuple(map(Filter.parse, texts))
    ask = partial(reports.overview, _SITE, until(TODAY - _DAY, days), filters=filters, segment=segment)
    return timed(ask, plan, Figure(PART, f"{days} days, {what}", None, "ms", f"<= {P95_MS}"))


def _fill(store: Store, plan: Plan) -> None:
    """Days of pairs and segments beside those of the whole site, and a value of each dimension that every day has."""
    days = released_days(plan)
    given = {"site": SITE.key, "first": TODAY - days * _DAY, "days": days}
    for family, own, selects in (
        ("cells", ", ".join(OF_SEGMENTS.measure_names), _tops()),
        ("pairs", ", ".join(PAIRS.measure_names), _pairs(plan)),
        ("segments", ", ".join((*OF_SEGMENTS.key_names, *OF_SEGMENTS.measure_names)), _segments(plan)),
    ):
        tell(f"{family} of {days} days")
        for select in selects:
            columns = f"{', '.join(KEY)}, {own}"
            # One thread, so that a month is one part.
            statement = f"INSERT INTO released_{family} ({columns}) {select}"
            store.command(statement, given, max_threads=1, max_insert_threads=1, max_partitions_per_insert_block=0)


_PART_KEY = "{site:String}, 'day', day, toDateTime(day, 'UTC')"
# Behind the visitors.
_REST = "visitors + intDiv(visitors, 5) AS visits, visits * 3, intDiv(visits, 2), visits * 95"


def _many(plan: Plan, dimension: str) -> int:
    return min(MOST_VALUES, max(2, plan.cells * SHARES.get(dimension, 1) // 100))


def _named(dimension: str, place: str, many: int) -> str:
    """SQL for the value in that place, of which the first is the same on each day."""
    return f"if({place} = 1, '/{dimension}/top', {value_of(repr(dimension), place, many)})"


def _tops() -> Iterator[str]:
    crossed = {name for pair in pairs_of(_SITE.pairs) for name in (pair.one, pair.other)}
    for name in sorted(crossed):
        yield f"SELECT {_PART_KEY}, '{name}', '/{name}/top', '', '', 1000 AS visitors, {_REST} FROM {EACH_DAY}"


def _pairs(plan: Plan) -> Iterator[str]:
    cells = max(4, plan.cells // _CELLS_SHARE)
    for pair in pairs_of(_SITE.pairs):
        one, other = _many(plan, pair.one), _many(plan, pair.other)
        values = f"'{pair.one}', {_named(pair.one, 'i', one)}, '{pair.other}', {_named(pair.other, 'j', other)}"
        yield f"""
        SELECT {_PART_KEY}, {values},
            5 + intDiv(1000, i * j) AS visitors, {_REST}
        FROM {EACH_DAY} ARRAY JOIN range(1, {one + 1}) AS i ARRAY JOIN range(1, {other + 1}) AS j
        WHERE i * j <= {cells}"""


def _segments(plan: Plan) -> Iterator[str]:
    names = ", ".join(f"'{one.name}'" for one in SEGMENTS)
    for dimension in OF_SEGMENTS.dimensions:
        many = max(1, _many(plan, dimension) // 2) if dimension in DIMENSIONS else 1
        value = _named(dimension, "i", many) if dimension else "''"
        yield f"""
        SELECT {_PART_KEY}, '{dimension}', {value}, '', '', segment, 5 + intDiv(400, i) AS visitors, {_REST}
        FROM {EACH_DAY} ARRAY JOIN [{names}] AS segment ARRAY JOIN range(1, {many + 1}) AS i"""
