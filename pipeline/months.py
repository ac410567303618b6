"""Adds released days up by month, so that a question about years reads some rows of a month instead of all of a day.

In: the manifest and `released_*`. Out: rows in `months_cells` and `months_vitals`, then one in `months`.
Promises: sums of released rows and nothing else; a month counts only from the moment its row in `months` is written,
and for as long as the manifest holds the very releases it was made of; killed anywhere, the next run mends it.
"""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import Collection, Sequence
from typing import Any

from msgspec import Struct

from schema.families import FAMILIES
from schema.manifest import STANDING
from schema.months import GOALS, MARK, TABLES, TOTALS
from schema.store import Store, StoreDown

from .insert import insert


class Month(Struct, frozen=True):
    """The released days of one month. releases: all of their marks together."""

    site: str
    first: dt.date
    days: tuple[dt.date, ...]
    releases: int


def sum_months(store: Store, longest_s: float = 5) -> list[tuple[str, dt.date]]:
    """Make the sums of every month that has other releases than its sums are of; which (site, first day). longest_s:
    begin no other month after so long, because other work waits; the next run goes on."""
    until = time.monotonic() + longest_s
    found = store.rows(
        f"SELECT site, toStartOfMonth(day) AS month, groupArray(day), groupBitXor({MARK}) FROM {STANDING} "
        "GROUP BY site, month ORDER BY site, month"
    )
    months = [Month(site, first, tuple(days), releases) for site, first, days, releases in found]
    made = store.rows("SELECT site, month, made, releases FROM months ORDER BY made")
    newest = {(site, first): (number, releases) for site, first, number, releases in made}
    good = {number for number, _ in newest.values()}
    # Those that were made anew by an earlier run: a question that was under way then has ended.
    _forget(store, {number for _, _, number, _ in made} - good)
    # Of no released day any more: an import was taken back.
    there = {(month.site, month.first) for month in months}
    _forget(store, {number for key, (number, _) in newest.items() if key not in there})
    due = [month for month in months if newest.get((month.site, month.first), (0, None))[1] != month.releases]
    if due:
        _forget(store, _unfinished(store) - good)
    last = max(good, default=0)
    done = []
    for month in due:
        if time.monotonic() > until:
            break
        last = max(last + 1, time.time_ns())
        _make(store, month, last)
        done.append((month.site, month.first))
    return done


def _unfinished(store: Store) -> set[int]:
    """What a run left that was cut off, among all that is there."""
    return {made for table in TABLES[:-1] for (made,) in store.rows(f"SELECT DISTINCT made FROM {table}")}


def _forget(store: Store, made: Collection[int]) -> None:
    if made:
        for table in TABLES:
            store.command(
                f"ALTER TABLE {store.local(table)} DELETE WHERE made IN {{made:Array(UInt64)}}",
                {"made": sorted(made)},
                mutations_sync=2,
            )


def _make(store: Store, month: Month, made: int) -> None:
    given = {"site": month.site, "month": month.first, "days": list(month.days), "made": made}
    for statement in (_CELLS, _VITALS):
        store.command(statement, given, **store.foreground)
    # Over HTTP the client sends a statement again after a reset, and these carry no token.
    if not all(
        store.rows(f"SELECT count() = uniqExact({key}) {_MINE.format(table)}", given)[0][0] for table, key in _KEYS
    ):
        raise StoreDown(
            f"the sums of {month.site} {month.first:%Y-%m} were inserted twice; the next run makes them again"
        )
    totals = store.rows(_TOTALS, given)
    goals = store.rows(_GOALS, given)
    columns: dict[str, Any] = {"site": month.site, "month": month.first, "made": made, "releases": month.releases}
    columns |= _nested("totals", TOTALS, totals) | _nested("goals", GOALS, goals)
    store.insert("months", list(columns), [[value] for value in columns.values()])


def _nested(name: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> dict[str, list[Any]]:
    return {f"{name}.{column}": [row[place] for row in rows] for place, column in enumerate(columns)}


_MINE = "FROM {} WHERE site = {{site:String}} AND month = {{month:Date}} AND made = {{made:UInt64}}"
_KEYS = (("months_cells", "dimension, value"), ("months_vitals", "dimension, value, metric"))
_RELEASED = """
    WHERE site = {site:String} AND day IN {days:Array(Date)} AND grain = 'day' AND by_dimension = ''"""
_OF_MONTH = {"site": "{site:String}", "month": "{month:Date}", "made": "{made:UInt64}"}


def _sums(family: str) -> dict[str, str]:
    return {name: f"sum({name})" for name in FAMILIES[family].measure_names}


def _selected(columns: Sequence[str], sums: dict[str, str]) -> str:
    return ", ".join(sums.get(column, column) for column in columns)


_OF_VALUE = {"dimension": "dimension", "value": "value", "days": "count()"}
_CELLS = f"""
    {insert("months_cells", _OF_MONTH | _OF_VALUE | _sums("cells"))}
    FROM released_cells {_RELEASED} AND dimension != ''
    GROUP BY dimension, value"""

_HISTOGRAM = {name: name for name in ("dimension", "value", "metric")} | {
    "buckets": "histogram.1",
    "counts": "histogram.2",
    "samples": "n",
    "good": "g",
    "poor": "p",
    "people": "many",
}
_VITALS = f"""
    {insert("months_vitals", _OF_MONTH | _HISTOGRAM)}
    FROM
    (
        SELECT dimension, value, metric, arraySort(groupArrayIf((bucket, s), s > 0)) AS histogram,
            sum(s) AS n, sum(g) AS g, sum(p) AS p, sum(many) AS many
        FROM
        (
            SELECT dimension, value, metric, bucket,
                sum(samples) AS s, sum(good) AS g, sum(poor) AS p, sum(people) AS many
            FROM released_vitals {_RELEASED} GROUP BY dimension, value, metric, bucket
        )
        GROUP BY dimension, value, metric
    )"""

_TOTALS = f"""
    SELECT {_selected(TOTALS, _sums("cells"))}
    FROM released_cells {_RELEASED} AND dimension = '' GROUP BY day ORDER BY day"""
_GOALS = f"""
    SELECT {_selected(GOALS, _sums("conversions"))}
    FROM released_conversions {_RELEASED} AND dimension = ''
    GROUP BY day, goal, currency ORDER BY day, goal, currency"""
