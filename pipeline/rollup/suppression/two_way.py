"""Which cells of a table by two attributes are hidden, so that none of too few follows from its sums (rule R3 along
rows and columns; Q1).

In: cells, each with the row and the column it adds up to. Out: the cells that are hidden. Promises: of a line that
shows something no cell is hidden, or two or more, of at least k people from enough networks together. And where the
table has a way round at all, no hidden cell of too few follows from all the sums together, even for somebody who knows
which cells are of nobody.

The second is a theorem (D. Gusfield, A graph theoretic approach to statistical data security, 1988): let rows and
columns be nodes and hidden cells edges between them. What is on a circle may have one more, if the next one has one
less, and so on around: no sum tells. What is on none, a bridge, is told exactly.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from heapq import heappop, heappush
from itertools import count
from typing import Generic, TypeVar

from msgspec import Struct

Line = Hashable
Key = TypeVar("Key", bound=Hashable)
# What is reached by a circle: the other side of the cell that it is closed for.
_BEYOND: Line = "beyond"


class Crossed(Struct, frozen=True):
    """A cell. row, column: the narrowest sums that it is known to be part of; no row is called as a column is. people:
    distinct visitors, at least one. enough: whether they are k, from enough networks. barred: it is hidden whoever is
    in it, because its row or its column is. full: it may have one less or one more, not both: of those who reached a
    goal it has all that there are. So it is on a circle of others, and no other one is on a circle with it."""

    row: Line
    column: Line
    people: int
    enough: bool
    barred: bool = False
    full: bool = False

    @property
    def lines(self) -> tuple[Line, Line]:
        return self.row, self.column


def hidden(cells: Mapping[Key, Crossed], covered: Collection[Line] = ()) -> set[Key]:
    """The cells that are hidden: those of too few, and the smallest of the others that have to go along with them.

    covered: lines of which those of too few are enough people together, counted distinctly. One that goes along has
    enough people itself, so a line in which one does is of enough with it."""
    table = Circles(cells, covered)
    table.fill_lines(list(table.shown))
    while told := table.told():
        table.fill_lines([line for key in told for line in table.close_circle(key)])
    return table.hidden


def alone(cells: Mapping[Key, Crossed], gone: Collection[Key]) -> set[Key]:
    """Of those that are hidden the ones of too few that follow all the same. gone: what is hidden."""
    return {*Circles({key: one for key, one in cells.items() if key in gone}, (), whole=True).told()}


class Circles(Generic[Key]):
    """What is hidden of a table, and what is not. covered: as of `hidden`."""

    def __init__(self, cells: Mapping[Key, Crossed], covered: Collection[Line], whole: bool = False) -> None:
        """whole: all of it is hidden."""
        self._cells, self._enough = cells, {*covered}
        self._many: Counter[Line] = Counter()
        self._hopeless: set[Key] = set()
        self._full: dict[Key, None] = {}
        self.hidden: set[Key] = set()
        # By line the cells that are shown, and those that are hidden; in order, so that the same is hidden each time.
        self.shown: defaultdict[Line, dict[Key, None]] = defaultdict(dict)
        self._gone: defaultdict[Line, dict[Key, None]] = defaultdict(dict)
        # Of a line another one of its place, if it does not name this; by its name the lines of a place.
        self._above: dict[Line, Line] = {}
        self._lines: dict[Line, list[Line]] = {}
        # The fewest people first; of as many always the same.
        self._rank = {key: n for n, key in enumerate(sorted(cells, key=lambda key: (cells[key].people, repr(key))))}
        for key in self._rank:
            for line in cells[key].lines:
                self.shown[line][key] = None
                self._lines[line] = [line]
        for key, one in cells.items():
            if whole or one.barred or not one.enough:
                self.hide(key)

    def hide(self, key: Key) -> None:
        self.hidden.add(key)
        if self._cells[key].full:
            self._full[key] = None
        else:
            self._join(*self._cells[key].lines)
        for line in self._cells[key].lines:
            self.shown[line].pop(key)
            if not self._cells[key].full:
                self._gone[line][key] = None
            self._many[line] += 1
            if self._cells[key].enough:
                self._enough.add(line)

    # -- lines -----------------------------------------------------------------------------------------------------

    def fill_lines(self, lines: list[Line]) -> None:
        """Hide until of none of these, nor of those that are touched, too little is hidden."""
        while lines:
            line = lines.pop()
            if self._is_bad(line):
                gone = min(self.shown[line], key=self._price)
                self.hide(gone)
                lines += self._cells[gone].lines

    def _is_bad(self, line: Line) -> bool:
        """Whether something is shown of it, and what is hidden is too little."""
        many = self._many[line]
        return bool(self.shown[line]) and many > 0 and (many < 2 or line not in self._enough)

    def _price(self, key: Key) -> tuple[bool, int, int]:
        """Cheapest is what may be on circles and mends most lines, then what has the fewest people."""
        return self._cells[key].full, -sum(map(self._is_bad, self._cells[key].lines)), self._rank[key]

    # -- circles ---------------------------------------------------------------------------------------------------

    def told(self) -> list[Key]:
        """The hidden cells of too few that are on no circle, and may come to be on one."""
        few = (key for key in self.bridges() if not self._cells[key].enough)
        return sorted((key for key in few if key not in self._hopeless), key=self._rank.__getitem__)

    def close_circle(self, key: Key) -> tuple[Line, ...]:
        """Hide what is cheapest on a way from the cell's row to its column; the lines that are touched."""
        gone = self._way(key)
        if not gone:
            # What another one needed has closed this one's, too; or there is no way, whatever is hidden.
            return ()
        for one in gone:
            self.hide(one)
        return tuple(line for one in gone for line in self._cells[one].lines)

    def _way(self, key: Key) -> list[Key]:
        """The cheapest cells that close a circle with it and with what is hidden. Lines that hidden cells join are one
        place, because the way between them costs nothing."""
        side = self._side(key)
        if not side:
            return []
        # One that joins its lines itself leads from one side of a place to the other, one that is full to another one.
        within, beyond = map(self._group, self._ends(key, side))
        least: dict[Line, int] = {within: 0}
        came: dict[Line, tuple[Key, Line]] = {}
        # Of ways that cost the same the one that was found first: lines are of kinds that do not compare.
        turn = count()
        heap: list[tuple[int, int, Line]] = [(0, next(turn), within)]
        while heap:
            cost, _, place = heappop(heap)
            if cost > least[place]:
                continue
            if place is _BEYOND:
                break
            for line in side if place == within else self._lines[place]:
                for step in self.shown[line]:
                    one = self._cells[step]
                    if one.full:
                        continue
                    end = one.column if line == one.row else one.row
                    to = self._group(end)
                    to = _BEYOND if to == beyond and end not in side else to
                    dearer = cost + one.people
                    if dearer < least.get(to, dearer + 1):
                        least[to], came[to] = dearer, (step, place)
                        heappush(heap, (dearer, next(turn), to))
        if _BEYOND not in came:
            self._hopeless.add(key)
            return []
        way, place = list[Key](), _BEYOND
        while place != within:
            step, place = came[place]
            way.append(step)
        return way

    def _ends(self, key: Key, side: Collection[Line]) -> tuple[Line, Line]:
        """Its lines, that on this side first."""
        row, column = self._cells[key].lines
        return (row, column) if row in side else (column, row)

    def _side(self, key: Key) -> dict[Line, None]:
        """The lines that the cell joins to the rest, in order: of both of its sides the one that is found first; none
        if it is on a circle."""
        ends = self._cells[key].lines
        seen: tuple[dict[Line, None], ...] = tuple({end: None} for end in ends)
        rest = [[end] for end in ends]
        while True:
            for mine, other, lines in zip(seen, reversed(seen), rest, strict=True):
                if not lines:
                    return mine
                line = lines.pop()
                for step in self._gone[line]:
                    one = self._cells[step]
                    end = one.column if line == one.row else one.row
                    if step != key and end not in mine:
                        if end in other:
                            return {}
                        mine[end] = None
                        lines.append(end)

    def _group(self, line: Line) -> Line:
        """The name of the place that a line is in."""
        while line in self._above:
            line = self._above[line]
        return line

    def _join(self, row: Line, column: Line) -> None:
        few, many = self._group(row), self._group(column)
        if len(self._lines[few]) > len(self._lines[many]):
            few, many = many, few
        if few != many:
            self._above[few] = many
            self._lines[many] += self._lines.pop(few)

    def is_alone(self, key: Key) -> bool:
        """Whether a hidden cell is on no circle."""
        return bool(self._side(key))

    def bridges(self) -> Iterator[Key]:
        """All such."""
        yield from _bridges(self._gone, self._lines_of)
        yield from (key for key in self._full if len({*map(self._group, self._cells[key].lines)}) > 1)

    def _lines_of(self, key: Key) -> tuple[Line, Line]:
        return self._cells[key].lines


def bridges(lines: Mapping[Key, tuple[Line, Line]]) -> Iterator[Key]:
    """The cells that are on no circle of these. lines: by cell the two that it is of."""
    beside: defaultdict[Line, dict[Key, None]] = defaultdict(dict)
    for key, ends in lines.items():
        for line in ends:
            beside[line][key] = None
    return _bridges(beside, lines.__getitem__)


def _bridges(beside: Mapping[Line, Mapping[Key, None]], lines: Callable[[Key], tuple[Line, Line]]) -> Iterator[Key]:
    """The cells that are on no circle: those beneath which no line leads further up than to them. beside: by line its
    cells."""
    place: dict[Line, int] = {}
    low: dict[Line, int] = {}
    for root in [line for line, mine in beside.items() if mine]:
        if root in place:
            continue
        place[root] = low[root] = len(place)
        path: list[tuple[Line, Key | None, Iterator[Key]]] = [(root, None, iter(beside[root]))]
        while path:
            line, above, rest = path[-1]
            step = next((key for key in rest if key != above), None)
            if step is None:
                path.pop()
                if above is not None:
                    parent = path[-1][0]
                    low[parent] = min(low[parent], low[line])
                    if low[line] == place[line]:
                        yield above
                continue
            row, column = lines(step)
            end = column if line == row else row
            if end in place:
                low[line] = min(low[line], place[end])
            else:
                place[end] = low[end] = len(place)
                path.append((end, step, iter(beside[end])))
