"""Which cells of tables by two attributes are hidden, so that none of too few follows from their sums (rule R3 along
rows and columns; Q1).

In: cells, each with the lines it stands in, and of which lines what has too few is of enough people together. Out: the
cells that are hidden. Promises: of a line, whose sum may be known, no cell is hidden, or two or more, of at least k
people from enough networks together, or all.

A line is whatever the cells are known to add up to: a row, a column, within a row those of one parent. Hiding along
rows alone is not enough: by the columns each of the hidden ones is told (tests/attacks/test_crossing.py).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Mapping
from typing import Generic, TypeVar

from msgspec import Struct

Line = Hashable
Key = TypeVar("Key", bound=Hashable)


class Crossed(Struct, frozen=True):
    """A cell. lines: those it stands in. people: distinct visitors. enough: whether they are k, from enough networks.
    barred: it is hidden whoever is in it, because its row or its column is."""

    lines: tuple[Line, ...]
    people: int
    enough: bool
    barred: bool = False


def hidden(cells: Mapping[Key, Crossed], covered: Collection[Line] = ()) -> set[Key]:
    """The cells that are hidden: those of too few, and the smallest of the others that have to go along with them.

    covered: lines of which those of too few are enough people together, counted distinctly. One that goes along has
    enough people itself, so a line in which one does is of enough with it."""
    table = _Table(cells, covered)
    waiting = sorted(filter(table.is_bad, table.shown), key=repr)
    while waiting:
        line = waiting.pop()
        if table.is_bad(line):
            gone = min(table.shown[line], key=table.price)
            table.hide(gone)
            # What it takes along may be too little in its other lines, and in this one still.
            waiting += cells[gone].lines
    return table.hidden


class _Table(Generic[Key]):
    def __init__(self, cells: Mapping[Key, Crossed], covered: Collection[Line]) -> None:
        self._cells, self._enough = cells, {*covered}
        self.hidden: set[Key] = set()
        self._many: Counter[Line] = Counter()
        self.shown: defaultdict[Line, set[Key]] = defaultdict(set)
        for key, one in cells.items():
            for line in one.lines:
                self.shown[line].add(key)
        for key, one in cells.items():
            if one.barred or not one.enough:
                self.hide(key)

    def hide(self, key: Key) -> None:
        self.hidden.add(key)
        for line in self._cells[key].lines:
            self.shown[line].discard(key)
            self._many[line] += 1
            if self._cells[key].enough:
                self._enough.add(line)

    def is_bad(self, line: Line) -> bool:
        """Whether something is shown of it, and what is hidden is too little."""
        many = self._many[line]
        return bool(self.shown[line]) and many > 0 and (many < 2 or line not in self._enough)

    def price(self, key: Key) -> tuple[int, int, str]:
        """Cheapest is what mends most lines, then what has the fewest people."""
        one = self._cells[key]
        return -sum(map(self.is_bad, one.lines)), one.people, repr(key)
