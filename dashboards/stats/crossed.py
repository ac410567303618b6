"""What is released of pairs (Q1): the values of one dimension where another one has those that filters keep.

In: `Query`s with a filter on one dimension of a visit, by another one. Out: their cells, and how sure they are.
Promises: days and blocks within them are added up, each cell of a day once; what no day counted is refused, with what
would count it; what some days did not says so.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from msgspec import Struct
from msgspec.structs import astuple

from schema.measures import MEASURES, Measures
from schema.metrics import METRICS
from schema.pair import Pair, paired
from schema.pairs import MOST_VALUES, PAIR_GOALS, PAIRS
from schema.site import Site
from schema.store import Row, Store

from .figures import Coverage
from .filter import Filter
from .goal_days import Counted
from .query import Query
from .refused import BadQuery, Code
from .released import Released
from .source import Span

Sums = tuple[Any, ...]


class Crossing(Struct, frozen=True):
    """along: the dimension that is filtered; across: those whose values are told. both: the rows are of both. most: so
    many of each, those that come first by `order`. added: rows that were added to days (rule N6), by day and grain.
    goal: of which it is asked who reached it; but: the days that did not count it."""

    span: Span
    along: str
    across: tuple[str, ...]
    filters: tuple[Filter, ...]
    both: bool
    most: int
    order: str
    added: tuple[tuple[dt.date, str], ...] = ()
    goal: str = ""
    but: tuple[dt.date, ...] = ()


def crossing(queries: Sequence[Query], released: Released, span: Span, most: int) -> Crossing | None:
    """What queries with the same filters ask of pairs. span: their days."""
    asked = [query for query in queries if query.crossed]
    if not asked:
        return None
    first = asked[0]
    along = first.dimension or first.beside
    across = {query.crossed.beside(along) for query in asked if query.crossed}
    filters = tuple(one for one in first.filters if one.dimension != "goal")
    of_pairs = tuple(sorted(across)), filters, bool(first.beside), most, first.order
    but = tuple(sorted(released.goals.not_counted.get(first.goal, ())))
    return Crossing(span, along, *of_pairs, released.pair_grains, first.goal, but if first.goal else ())


def cells_of(store: Store, of: Crossing) -> dict[str, dict[tuple[str, str], Sums]]:
    """By dimension, its value and that of the other one ("" unless the rows are of both) what cells have, and how many
    days; the first one first."""
    if not of.span.released:
        return {}
    condition, bound = _kept(of)
    bound |= {"most": of.most}
    if of.added:
        bound |= {"pair_dates": [day for day, _ in of.added], "pair_grains": [grain for _, grain in of.added]}
    pairs = ", ".join(f"('{pair.one}', '{pair.other}')" for pair in (paired(of.along, one) for one in of.across))
    sums = {name: f"sum({name})" for name in PAIRS.measure_names}
    order = METRICS[of.order].sql(_of_cells(sums, "0"))
    found: dict[str, dict[tuple[str, str], Sums]] = {}
    for across, value, kept, days, *numbers in store.rows(
        f"""SELECT across, told, {"its_value" if of.both else "''"} AS kept, {_DAYS}, {", ".join(sums.values())}
        FROM
        (
            SELECT *, {_TURNED} FROM ({_rows(of, pairs)})
        )
        WHERE {condition}
        GROUP BY across, told, kept ORDER BY {order} DESC, told, kept LIMIT {{most:UInt32}} BY across""",
        of.span.parameters | bound,
        **store.brief,
    ):
        of_pair = Measures(**_of_cells(dict(zip(sums, numbers, strict=True)), 0))
        found.setdefault(across, {})[value, kept] = (*astuple(of_pair), days)
    return found


def reached_in(store: Store, of: Crossing) -> list[Row]:
    """Of cells who reached the goal: day, goal, currency, value and the measures, as of values of one dimension."""
    if not (of.goal and of.span.released):
        return []
    kept, bound = _kept(of)
    bound |= {"goal": of.goal, "but": [*of.but], "across": [*of.across]}
    sums = ", ".join(f"sum({name})" for name in PAIR_GOALS.measure_names)
    return store.rows(
        f"""SELECT day, goal, currency, told, {sums}
        FROM
        (
            SELECT *, {_TURNED} FROM released_{PAIR_GOALS.name}
            WHERE site = {{site:String}} AND {of.span.condition("released")} AND grain = 'day'
                AND goal = {{goal:String}} AND NOT has({{but:Array(Date)}}, day)
                AND {{along:String}} IN (dimension, by_dimension)
        )
        WHERE has({{across:Array(String)}}, across) AND {kept} GROUP BY day, goal, currency, told""",
        of.span.parameters | bound,
        **store.brief,
    )


# Of a row the value that filters keep, and the one that is told.
_TURNED = """toString(dimension) = {along:String} AS first, if(first, value, by_value) AS its_value,
    toString(if(first, by_dimension, dimension)) AS across, if(first, by_value, value) AS told"""


def _kept(of: Crossing) -> tuple[str, dict[str, Any]]:
    """SQL for whether the filters keep a row, and what it is bound to."""
    bound: dict[str, Any] = {"along": of.along}
    conditions = []
    for number, one in enumerate(of.filters):
        sql, parameters = one.sql("its_value", f"filter_{number}")
        conditions.append(sql)
        bound |= parameters
    return " AND ".join(conditions) or "true", bound


# On how many days a value has rows, or is in the row of a block: of several rows of a block the one of most days.
_DAYS = "uniqExactIf(day, late = 0) + arraySum(mapValues(maxMap(map(concat(grain, toString(day)), toUInt64(late)))))"


def _rows(of: Crossing, pairs: str) -> str:
    """SQL for the rows of pairs; late: of how many days, of those of blocks. pairs: SQL for their two dimensions."""
    columns = ", ".join(("grain", "day", "dimension", "value", "by_dimension", "by_value", *PAIRS.measure_names))
    mine = f"site = {{site:String}} AND (dimension, by_dimension) IN ({pairs})"
    released = of.span.condition("released")
    among = {"days": f"0 AS late FROM released_pairs WHERE {mine} AND grain = 'day' AND {released}"}
    late = f"FROM late_pairs WHERE {mine} AND (grain, day) IN arrayZip"
    if of.added:
        among["added"] = f"0 AS late {late}({{pair_grains:Array(String)}}, {{pair_dates:Array(Date)}})"
    if of.span.blocks:
        among["blocks"] = f"days AS late {late}({{grains:Array(String)}}, {{begins:Array(Date)}})"
    return " UNION ALL ".join(f"SELECT {columns}, {rows}" for rows in among.values())


def _of_cells(sums: Mapping[str, Any], none: Any) -> dict[str, Any]:
    """The measures of a cell, of those of a pair: each visit begins there, and of events page views are known."""
    known = {**sums, "entries": sums["visits"], "events": sums["pageviews"]}
    return {name: known.get(name, none) for name in MEASURES}


def refuse_uncounted(query: Query, site: Site, released: Released) -> None:
    """Raise BadQuery where nobody has counted what is asked, nor will. released: of the days that are asked about."""
    pair = query.crossed
    if pair is None or pair in site.crossed or counted_days(pair, released):
        return
    kept = query.dimension or query.beside
    there = sorted({one.beside(kept) for one in site.crossed if kept in (one.one, one.other)})
    instead = f"with {kept} are counted {', '.join(there)}" if there else f"ask about {query.by} alone"
    listed = ", ".join(f'"{text}"' for text in (*site.pairs, pair.name))
    raise BadQuery(
        f"{pair.one} and {pair.other} are not crossed: nobody counted them together; {instead}. To have them from the "
        f"next day on that closes, write into the settings of {site.key}: pairs = [{listed}]",
        Code.NOT_CROSSED,
    )


def counted_days(pair: Pair, released: Released) -> list[dt.date]:
    """The days that counted a pair."""
    return sorted(day for day, names in released.pair_days.items() if pair.name in names)


def goal_of_pair(pair: Pair, released: Released, goal: Counted | None, days: int) -> Counted:
    """Since when it is counted who of its cells reached a goal, and on how many days that have data it is not. goal:
    the same of the goal."""
    counted = [day for day in counted_days(pair, released) if day in released.pair_goals_on]
    not_on = max(0, days - len(counted), goal.not_on if goal else 0)
    begins = [counted[0]] if counted and not_on else []
    begins += [goal.since] if goal and goal.since else []
    since = max(begins, default=None)
    return Counted(since, not_on)


def coverage_of_pair(pair: Pair, released: Released, days: int, cells: Collection[tuple[str, str]]) -> Coverage:
    """How a pair is shown. days: how many have data. cells: those that are told, by their values."""
    counted = counted_days(pair, released)
    not_on = max(0, days - len(counted))
    began = counted[0] if counted and not_on and released.pair_days and counted[0] > min(released.pair_days) else None
    hides = released.k > 1 or any(len({*values}) >= MOST_VALUES for values in zip(*cells, strict=True))
    return Coverage(days, not_on, hides, released.sure, {value: Counted(began, not_on) for value, _ in cells})
