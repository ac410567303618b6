"""What waits of pairs for a block → rows of the cells that are released with it (rule N2).

In: rows of `waiting_pairs`, and of `late_pairs` what weeks within the block have told. Out: rows of `late_pairs`.
Promises: which cells, and of which days, pair_late.py tells; of pairs beside which something was added to a day of the
block (rule N6) there are none, because nobody has looked what follows from these together.
"""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from typing import Any

import msgspec
from msgspec import Struct, structs

from schema.dimensions import OTHER
from schema.manifest import ADDED, FOUR_WEEKS, WEEK, span_of
from schema.pair import Pair, is_above
from schema.pairs import PAIRS

from .block import Block
from .crossing import Line
from .pair_late import Key, Least, Waiting, told_of

# By cell the weeks that have told it, and of how many days.
Weeks = Mapping[tuple[dt.date, Key], int]
_SUMS = tuple("people" if one is PAIRS.people else one.name for one in PAIRS.measures)
_MINE = "site = {sites:Array(String)}[1] AND day IN {waits:Array(Date)}"


class _Row(Struct, frozen=True):
    """A row of `waiting_pairs`."""

    day: dt.date
    dimension: str
    value: str
    by_dimension: str
    by_value: str
    cell: str
    row_line: str
    column_line: str
    above: list[str]
    few: int
    told: int
    people: int
    others: int
    sums: tuple[int, ...]

    @property
    def pair(self) -> str:
        return Pair(self.dimension, self.by_dimension).name

    @property
    def key(self) -> Key:
        return self.pair, self.cell or (self.value, self.by_value)

    def waiting(self) -> Waiting:
        over = tuple(_key_of(text) for text in self.above)
        of_values = ((self.dimension, self.value), (self.by_dimension, self.by_value))
        values: list[Line] = [(self.pair, *one) for one in of_values if one[1] != OTHER]
        narrowed: list[Line] = [(self.pair, *one) for one in over]
        lines, counts = (self.row_line, self.column_line), (self.people, self.others)
        return Waiting(*lines, (*values, *narrowed), *counts, bool(self.few), bool(self.told), over)


def release_pairs(of: Block, grain: str) -> None:
    """Put what the block tells of pairs into `late_pairs`. grain: of its rows."""
    columns = ("site", "grain", "day", "period", "dimension", "value", "by_dimension", "by_value", "days")
    rows = [*_released(of, grain)]
    if rows:
        of.store.insert(f"late_{PAIRS.name}", (*columns, *PAIRS.measure_names), [*map(list, zip(*rows, strict=True))])


def _released(of: Block, grain: str) -> Iterator[tuple[Any, ...]]:
    waiting, least = _waiting(of, _touched(of)), Least(of.late.k_late, of.late.late_others)
    days: defaultdict[dt.date, dict[Key, Waiting]] = defaultdict(dict)
    for (day, key), row in waiting.items():
        days[day][key] = row.waiting()
    if grain != of.week:
        _put_weeks(days, _weeks(of), of.days[0].day, least)
    start = of.named["starts"][0]
    for key, told in told_of(days, least).items():
        rows = [waiting[day, key] for day in told]
        one, sums = rows[0], [sum(each) for each in zip(*(row.sums for row in rows), strict=True)]
        where = of.days[0].site.key, grain, of.days[0].day, dt.datetime.fromtimestamp(start, dt.UTC)
        yield (*where, one.dimension, one.value, one.by_dimension, one.by_value, len(told), *sums)


def _waiting(of: Block, touched: Collection[Pair]) -> dict[tuple[dt.date, Key], _Row]:
    """touched: pairs of which nothing is told."""
    columns = [name for name in _Row.__struct_fields__ if name != "sums"]
    found = of.store.rows(
        f"SELECT {', '.join((*columns, *_SUMS))} FROM waiting_pairs WHERE {_MINE} ORDER BY ALL", of.named
    )
    rows = (_Row(**dict(zip(columns, row, strict=False)), sums=row[len(columns) :]) for row in found)
    names = {one.name for one in touched}
    silent = (structs.replace(row, told=0) if row.pair in names else row for row in rows)
    return {(row.day, row.key): row for row in silent}


def _touched(of: Block) -> set[Pair]:
    """The pairs of whose parents, or of whose children, some were added to a day."""
    rows = of.store.rows(f"SELECT DISTINCT grain, dimension, by_dimension FROM late_pairs WHERE {_MINE}", of.named)
    added = [Pair(*names) for grain, *names in rows if span_of(grain) == ADDED]
    there = {Pair(*row) for row in of.store.rows(_COUNTED, of.named)}
    return {pair for pair in there for one in added if is_above(pair, one) or is_above(one, pair)}


_COUNTED = f"SELECT DISTINCT dimension, by_dimension FROM waiting_pairs WHERE {_MINE}"


def _weeks(of: Block) -> dict[tuple[dt.date, Key], int]:
    rows = of.store.rows(
        f"""SELECT day, dimension, by_dimension, value, by_value, days FROM late_pairs
        WHERE site = {{sites:Array(String)}}[1] AND grain = {{week:String}}
            AND day BETWEEN {{dates:Array(Date)}}[1] AND {{dates:Array(Date)}}[1] + {FOUR_WEEKS - 1}""",
        of.named,
    )
    return {(day, (Pair(one, other).name, tuple(values))): days for day, one, other, *values, days in rows}


def _put_weeks(days: Mapping[dt.date, dict[Key, Waiting]], weeks: Weeks, first: dt.date, least: Least) -> None:
    """Say of each cell which week has told it; of which days its sum is nobody has noted, so it is found out again.
    Should something else come of that, each may be told or not: it is in no sum that another one is known to be in."""
    for week in {_week_of(day, first) for day in days}:
        mine = {day: cells for day, cells in days.items() if _week_of(day, first) == week}
        told = {key: many for (its, key), many in weeks.items() if its == week}
        found = told_of(mine, least) if told else {}
        same = {key: len(its) for key, its in found.items()} == told
        for day, cells in mine.items():
            for key in [key for key in told if key in cells and cells[key].open]:
                before = (week if day in found[key] else None) if same else day
                cells[key] = structs.replace(cells[key], before=before, open=False)


def _week_of(day: dt.date, first: dt.date) -> dt.date:
    return first + (day - first).days // WEEK * dt.timedelta(WEEK)


def _key_of(text: str) -> Key:
    name, *values = msgspec.json.decode(text, type=list[str])
    return name, tuple(values)
