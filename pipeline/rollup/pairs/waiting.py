"""What a day hides of pairs waits for its week and its four weeks, with what tells how it is hidden (rule N2).

In: the tables of days, once it is known what they show; the scratch tables `crossed` and `numbered`. Out: `bare` and,
of it, `withheld`: what is to be kept of each hidden cell. Promises: no numbers of visitors; cells and lines are called
by values, so that those of several days are known from one another; a value that is hidden is not among them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Hashable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from schema.dimensions import OTHER
from schema.pair import Pair, above, is_above
from schema.pairs import PAIRS

from ...insert import insert
from ..batch import Batch
from ..suppression.two_way import Crossed
from .lines import HIDDEN, Atom, Cell, Table

# The value of a dimension that has a place among the most frequent ones.
ValueOf = Callable[[str, int], str]
_COLUMNS = (
    *("d", "pair", "one", "other", "value", "by_value", "cell"),
    *("row_line", "column_line", "above", "few", "told", "people"),
)
Row = tuple[Any, ...]


class Silent(Struct, frozen=True):
    """A table of a day that hides some. pairs: those that the day counts, by their number; open_: whether a cell may be
    told at all."""

    d: int
    pair: Pair
    pairs: Sequence[Pair]
    table: Table
    open_: Callable[[Cell], bool]
    value_of: ValueOf

    def rows(self) -> Iterator[Row]:
        parents = [one for one in self.pairs if is_above(one, self.pair)]
        names = Names(self.pair, self.value_of)
        for key, edge, atoms in self.table.hidden_cells():
            yield self._row(names, key, edge, atoms, parents)

    def _row(self, names: Names, key: Any, edge: Crossed, atoms: Sequence[Atom], parents: Collection[Pair]) -> Row:
        is_part = key[0] == "part"
        cell = (HIDDEN, HIDDEN) if is_part else atoms[0].cell
        has_name = HIDDEN not in cell
        values = (self.value_of(*one) for one in zip((self.pair.one, self.pair.other), cell, strict=True))
        lines = (_text(names.line(line)) for line in edge.lines)
        over = sorted({_text(one) for atom in atoms for one in names.above(atom, parents)})
        named = "" if has_name else _text(names.key(key))
        told = int(has_name and self.open_(cell))
        where = self.d, self.pairs.index(self.pair), *(cell if has_name else (HIDDEN, HIDDEN))
        return (*where, *values, named, *lines, over, int(not edge.enough), told, edge.people)


class Names(Struct, frozen=True):
    """What cells and lines of a pair are called by: lists of values in place of the tuples of lines.py."""

    pair: Pair
    value_of: ValueOf

    def key(self, key: Any) -> list[Any]:
        if key[0] == "part":
            return ["part", *map(self.line, key[1:])]
        one, other = ((part,) if isinstance(part, int) else part for part in key)
        return [self._label(self.pair.one, one), self._label(self.pair.other, other)]

    def line(self, line: Any) -> list[Any]:
        kind, first, rest = line
        if kind == "parts":
            return [kind, first, *self.key(rest)]
        along, across = (self.pair.one, self.pair.other)[:: 1 if kind.startswith("row") else -1]
        narrowed = zip(above(across)[-len(rest) :] if rest else (), rest, strict=True)
        return [kind, self._label(along, first), [self.value_of(*one) for one in narrowed]]

    def _label(self, dimension: str, label: Sequence[int]) -> list[str]:
        if label[0] != HIDDEN:
            return [self.value_of(dimension, label[0])]
        return [OTHER, *map(self.value_of, above(dimension), label[1:])]

    def above(self, atom: Atom, parents: Collection[Pair]) -> Iterator[list[str]]:
        """The cells of parents that it is part of."""
        values = dict(zip((self.pair.one, *above(self.pair.one)), (atom.one, *atom.above), strict=True))
        values |= zip((self.pair.other, *above(self.pair.other)), (atom.other, *atom.beyond), strict=True)
        for one in parents:
            cell = values[one.one], values[one.other]
            if HIDDEN not in cell:
                yield [one.name, self.value_of(one.one, cell[0]), self.value_of(one.other, cell[1])]


def _text(named: Hashable | list[Any]) -> str:
    return msgspec.json.encode(named).decode()


def keep_hidden(of: Batch, pairs: Sequence[Pair], silent: Sequence[Silent]) -> None:
    """Fill `withheld`. pairs: by their number."""
    rows = [row for one in silent for row in one.rows()]
    if rows:
        of.store.insert(of.scratch("bare"), _COLUMNS, [*map(list, zip(*rows, strict=True))])
        named = {"ones": [pair.one for pair in pairs], "others": [pair.other for pair in pairs]}
        of.store.command(of.naming(_withheld(pairs)), of.named | named)


def _withheld(pairs: Sequence[Pair]) -> str:
    """The statement that puts numbers beside them."""
    columns = {
        "d": "b.d",
        "dimension": "{ones:Array(String)}[pair + 1]",
        "by_dimension": "{others:Array(String)}[pair + 1]",
    }
    columns |= {name: name for name in ("value", "by_value", "cell", "row_line", "column_line", "above", "few", "told")}
    columns |= {"people": "b.people", "others": "toInt64(o.others)"}
    columns |= {one.name: f"c.{one.name}" for one in PAIRS.measures if one.visit}
    return f"""
        {insert("{withheld}", columns)} FROM {{bare}} AS b
        LEFT JOIN (SELECT * FROM {{crossed}} WHERE one != {HIDDEN} AND other != {HIDDEN}) AS c
            USING (d, pair, one, other)
        LEFT JOIN ({_others(pairs)}) AS o USING (d, pair, one, other)"""


def _others(pairs: Sequence[Pair]) -> str:
    """SQL for how many visitors of a cell are beside its largest network."""
    each = " UNION ALL ".join(
        f"""SELECT d, toUInt16({number}) AS pair, {pair.one} AS one, {pair.other} AS other, network_number, visitor
        FROM {{numbered}} WHERE one != {HIDDEN} AND other != {HIDDEN}"""
        for number, pair in enumerate(pairs)
    )
    return f"""
        SELECT d, pair, one, other, sum(n) - max(n) AS others FROM
        (
            SELECT d, pair, one, other, network_number, uniqExact(visitor) AS n FROM ({each})
            WHERE (d, pair, one, other) IN (SELECT d, pair, one, other FROM {{bare}} WHERE told)
            GROUP BY d, pair, one, other, network_number
        )
        GROUP BY d, pair, one, other"""
