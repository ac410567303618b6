"""What waits of pairs for a block → rows of the cells that are released with it (rule N2).

In: rows of `waiting_pairs`, and of `late_pairs` what weeks within the block have told. Out: rows of `late_pairs`.
Promises: which cells, and of which days, late.py tells; of pairs beside which something was added to a day of the
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
from schema.manifest import ADDED, span_of
from schema.pair import Pair, is_above
from schema.pairs import PAIRS

from ..block import Block, Blocks
from ..suppression.two_way import Line
from .late import Key, Least, Waiting, told_of

# By cell the weeks that have told it, and of how many days.
Weeks = Mapping[tuple[dt.date, Key], int]
_SUMS = tuple("people" if one is PAIRS.people else one.name for one in PAIRS.measures)


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


def release_pairs(of: Blocks) -> None:
    """Put what blocks tell of pairs into `late_pairs`."""
    columns = ("site", "grain", "day", "period", "dimension", "value", "by_dimension", "by_value", "days")
    waiting, weeks = _waiting(of, _touched(of)), _weeks(of) if of.have_weeks else {}
    rows = [row for d, its in waiting.items() for row in _released(of, d, its, weeks.get(d, {}))]
    if rows:
        of.store.insert(f"late_{PAIRS.name}", (*columns, *PAIRS.measure_names), [*map(list, zip(*rows, strict=True))])


def _released(
    of: Blocks, d: int, waiting: Mapping[tuple[dt.date, Key], _Row], weeks: Weeks
) -> Iterator[tuple[Any, ...]]:
    """The rows of one block."""
    block = of.each[d]
    least = Least(block.rules.k_late, block.rules.late_others)
    days: defaultdict[dt.date, dict[Key, Waiting]] = defaultdict(dict)
    for (day, key), row in waiting.items():
        days[day][key] = row.waiting()
    if block.weeks:
        _put_weeks(days, weeks, block, least)
    period = dt.datetime.fromtimestamp(of.named["starts"][d], dt.UTC)
    for key, told in told_of(days, least).items():
        rows = [waiting[day, key] for day in told]
        one, sums = rows[0], [sum(each) for each in zip(*(row.sums for row in rows), strict=True)]
        where = block.site.key, block.grain, block.first, period
        yield (*where, one.dimension, one.value, one.by_dimension, one.by_value, len(told), *sums)


def _waiting(of: Blocks, touched: Collection[tuple[int, Pair]]) -> dict[int, dict[tuple[dt.date, Key], _Row]]:
    """touched: by block pairs of which nothing is told."""
    columns = [name for name in _Row.__struct_fields__ if name != "sums"]
    listed = ", ".join((*columns, *_SUMS))
    names = {(d, pair.name) for d, pair in touched}
    found: dict[int, dict[tuple[dt.date, Key], _Row]] = defaultdict(dict)
    for d, *fields in of.store.rows(
        f"SELECT {of.which_waits} AS d, {listed} FROM waiting_pairs WHERE {of.waits} ORDER BY ALL", of.named
    ):
        row = _Row(**dict(zip(columns, fields, strict=False)), sums=tuple(fields[len(columns) :]))
        found[d][row.day, row.key] = structs.replace(row, told=0) if (d, row.pair) in names else row
    return found


def _touched(of: Blocks) -> set[tuple[int, Pair]]:
    """By block the pairs of whose parents, or of whose children, some were added to a day."""
    sql = f"SELECT DISTINCT {of.which_waits}, grain, dimension, by_dimension FROM late_pairs WHERE {of.waits}"
    added = [(d, Pair(*names)) for d, grain, *names in of.store.rows(sql, of.named) if span_of(grain) == ADDED]
    if not added:
        return set()
    counted = f"SELECT DISTINCT {of.which_waits}, dimension, by_dimension FROM waiting_pairs WHERE {of.waits}"
    there = [(d, Pair(*names)) for d, *names in of.store.rows(counted, of.named)]
    return {
        (d, pair)
        for d, pair in there
        for its, one in added
        if its == d and (is_above(pair, one) or is_above(one, pair))
    }


def _weeks(of: Blocks) -> dict[int, dict[tuple[dt.date, Key], int]]:
    rows = of.store.rows(
        f"""SELECT {of.which_week}, day, dimension, by_dimension, value, by_value, days FROM late_pairs
        WHERE {of.of_weeks}""",
        of.named,
    )
    found: dict[int, dict[tuple[dt.date, Key], int]] = defaultdict(dict)
    for d, day, one, other, *values, days in rows:
        found[d][day, (Pair(one, other).name, tuple(values))] = days
    return found


def _put_weeks(days: Mapping[dt.date, dict[Key, Waiting]], weeks: Weeks, block: Block, least: Least) -> None:
    """Say of each cell which week has told it; of which days its sum is nobody has noted, so it is found out again.
    Should something else come of that, each may be told or not: it is in no sum that another one is known to be in."""
    for week in {block.week_of(day) for day in days}:
        mine = {day: cells for day, cells in days.items() if block.week_of(day) == week}
        told = {key: many for (its, key), many in weeks.items() if its == week}
        found = told_of(mine, least) if told else {}
        same = {key: len(its) for key, its in found.items()} == told
        for day, cells in mine.items():
            for key in [key for key in told if key in cells and cells[key].open]:
                before = (week if day in found[key] else None) if same else day
                cells[key] = structs.replace(cells[key], before=before, open=False)


def _key_of(text: str) -> Key:
    name, *values = msgspec.json.decode(text, type=list[str])
    return name, tuple(values)
