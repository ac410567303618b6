"""Of the tables of one site-day by two dimensions: which cells are hidden (Q1; R3 along rows, columns and parents).

In: atoms: visits by both values and by all values above these (a source has its channel above it), counted. Out: the
cells that are shown. Promises: those of `suppression/two_way.py`, for the sums that a reader has of each cell: the
narrowest that are shown, a pair with a parent in place of its child among them. Values that have no row of their own in
the day's table by one dimension are in no cell that is shown, and what is hidden of a parent is one value.

A source that is of two channels is divided between them, and how, may follow where both channels are shown beside it:
so its parts are hidden cells, each of its channel's sum, and what they add up to is the cell.

What a pair with a parent hides because it is of too few is a sum of cells of this one, and a circle between these alone
leaves it what it is. So it is a hidden cell here, too, between a line of what adds up to it and the next wider one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Hashable, Iterable, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from schema.pair import Pair, above, paired

from ..suppression.parents import depth
from ..suppression.two_way import Crossed, Line, hidden

# Values are numbers, 0 what is hidden, or not among the most frequent.
HIDDEN = 0
Cell = tuple[int, int]
Shown = Mapping[Pair, Collection[Cell]]


class Atom(Struct, frozen=True):
    """Visits with the same values. above, beyond: of the dimensions above the first and the second one, the nearest
    first. people: distinct visitors. enough: of k people and more, from enough networks. full: there is nobody beside
    these who might be one of them."""

    one: int
    above: tuple[int, ...]
    other: int
    beyond: tuple[int, ...]
    people: int
    enough: bool
    full: bool = False

    @property
    def cell(self) -> Cell:
        return self.one, self.other


def in_order(pairs: Iterable[Pair]) -> list[list[Pair]]:
    """Pairs with parents before those with their children, in steps."""
    steps: defaultdict[int, list[Pair]] = defaultdict(list)
    for pair in pairs:
        steps[depth(pair.one) + depth(pair.other)].append(pair)
    return [sorted(steps[step]) for step in sorted(steps)]


class Table:
    """The cells of one pair. cells: of whom are enough, by both values, exactly counted: how many people. before: what
    is told of the pairs with parents; and of this one elsewhere."""

    def __init__(self, pair: Pair, atoms: Iterable[Atom], cells: Mapping[Cell, int], before: Shown) -> None:
        self._pair, self._before = pair, before
        self._edges: dict[Hashable, Crossed] = {}
        self._of_edge: dict[Hashable, list[Atom]] = {}
        self._divided: set[Line] = set()
        self.gone: set[Hashable] = set()
        # By the line of its cells a sum of too few: its atoms.
        self._sums: dict[Line, list[Atom]] = {}
        each: defaultdict[tuple[Line, Line], list[Atom]] = defaultdict(list)
        for atom in atoms:
            each[_label(atom.one, atom.above), _label(atom.other, atom.beyond)].append(atom)
        self._sums = self._sums_of_few(each, cells)
        for labels, mine in each.items():
            enough = cells.get(mine[0].cell, 0)
            self._add(mine[0].cell if enough else labels, mine, enough)
        for line, mine in self._sums.items():
            self._add_edge(self._key_of(line), *self._ends(line), mine)

    def of_few(self) -> Iterator[tuple[Line, Atom]]:
        """Of each line the atoms of too few."""
        for key, edge in self._edges.items():
            if not edge.enough:
                for line in edge.lines:
                    # In its own line a sum is of the atoms that are there already.
                    if self._sums.get(line) is not self._of_edge[key]:
                        yield from ((line, atom) for atom in self._of_edge[key])

    def shown(self, covered: Collection[Line]) -> set[Cell]:
        """The cells that are. covered: lines of which those of too few are enough together."""
        for line in self._sums.keys() & covered:
            key = self._key_of(line)
            self._edges[key] = structs.replace(self._edges[key], enough=True)
        self.gone = hidden(self._edges, self._divided.union(covered))
        return {self._of_edge[key][0].cell for key in self._edges.keys() - self.gone}

    def hidden_cells(self) -> Iterator[tuple[Hashable, Crossed, list[Atom]]]:
        """What is not, and parts of it, once that is known: each with what it is called by and its atoms."""
        return ((key, self._edges[key], self._of_edge[key]) for key in self._edges if key in self.gone)

    def _add(self, cell: Hashable, atoms: list[Atom], enough: int) -> None:
        """A cell, with its parts where it is of several sums: it is what these add up to. enough: how many people it is
        of, 0 where they are too few, or one of its values is hidden."""
        rows, columns = {self._row_of(atom) for atom in atoms}, {self._column_of(atom) for atom in atoms}
        known = atoms[0].cell in self._before.get(self._pair, ())
        row = self._line("row", cell, rows, bool(enough) or known)
        column = self._line("column", cell, columns, bool(enough) or known)
        if len(rows) > 1:
            self._add_parts(atoms, self._row_of, lambda _: row)
        if len(columns) > 1:
            self._add_parts(atoms, lambda _: column, self._column_of)
        # What is known is no cell: the sums that it is of are told without it.
        if not known:
            self._add_edge(cell, row, column, atoms, enough)

    def _line(self, of: str, cell: Hashable, lines: set[Line], enough: bool) -> Line:
        """The line that a cell is of, or that of its parts."""
        if len(lines) == 1:
            return next(iter(lines))
        line = "parts", of, cell
        if enough:
            self._divided.add(line)
        return line

    def _add_parts(
        self, atoms: Iterable[Atom], row_of: Callable[[Atom], Line], column_of: Callable[[Atom], Line]
    ) -> None:
        alike: defaultdict[tuple[Line, Line], list[Atom]] = defaultdict(list)
        for atom in atoms:
            alike[row_of(atom), column_of(atom)].append(atom)
        for (row, column), mine in alike.items():
            self._add_edge(("part", row, column), row, column, mine)

    def _add_edge(self, key: Hashable, row: Line, column: Line, atoms: list[Atom], enough: int = 0) -> None:
        """enough: how many people it is of; 0: it is hidden, and how many these are is at least known."""
        people, are_enough = max(atom.people for atom in atoms), any(atom.enough for atom in atoms)
        is_full = all(atom.full for atom in atoms)
        self._edges[key] = Crossed(row, column, enough or people, bool(enough) or are_enough, not enough, is_full)
        self._of_edge[key] = atoms

    # -- what pairs with parents hide --------------------------------------------------------------------------------

    def _sums_of_few(
        self, cells: Mapping[tuple[Line, Line], list[Atom]], enough: Mapping[Cell, int]
    ) -> dict[Line, list[Atom]]:
        """The sums of several cells of which none is of enough, by the line of these."""
        found: defaultdict[Line, list[Atom]] = defaultdict(list)
        parts: defaultdict[Line, set[tuple[Line, Line]]] = defaultdict(set)
        many: set[Line] = set()
        known = self._before.get(self._pair, ())
        for labels, mine in cells.items():
            for atom in mine if mine[0].cell not in known else ():
                for line in (*self._rows_of(atom)[:-1], *self._columns_of(atom)[:-1]):
                    found[line].append(atom)
                    parts[line].add(labels)
                    if atom.enough or mine[0].cell in enough:
                        many.add(line)
        return {line: mine for line, mine in found.items() if line not in many and len(parts[line]) > 1}

    def _key_of(self, line: Line) -> Hashable:
        return "part", *self._ends(line)

    def _ends(self, line: Line) -> tuple[Line, Line]:
        """Between which lines a sum is: its own, and the next wider one."""
        atom = self._sums[line][0]
        rows, columns = self._rows_of(atom), self._columns_of(atom)
        if line in rows:
            return self._first(rows[rows.index(line) + 1 :]), line
        return line, self._first(columns[columns.index(line) + 1 :])

    def _first(self, lines: Sequence[Line]) -> Line:
        return next((line for line in lines if line in self._sums), lines[-1])

    # -- the sums that an atom is part of ----------------------------------------------------------------------------

    def _row_of(self, atom: Atom) -> Line:
        return self._first(self._rows_of(atom))

    def _column_of(self, atom: Atom) -> Line:
        return self._first(self._columns_of(atom))

    def _rows_of(self, atom: Atom) -> list[Line]:
        """Those that nobody is told, the narrowest first, and at last the one that is."""
        return self._lines_of("row", self._pair.one, atom.one, atom.above, self._pair.other, atom.beyond)

    def _columns_of(self, atom: Atom) -> list[Line]:
        return self._lines_of("column", self._pair.other, atom.other, atom.beyond, self._pair.one, atom.above)

    def _lines_of(
        self, kind: str, along: str, value: int, over: tuple[int, ...], across: str, values: tuple[int, ...]
    ) -> list[Line]:
        label, found = _label(value, over), list[Line]()
        for place, (dimension, one) in enumerate(zip(above(across), values, strict=True)):
            if dimension == along:
                break
            pair = paired(along, dimension)
            if ((value, one) if pair.one == along else (one, value)) in self._before.get(pair, ()):
                return [*found, (kind, label, values[place:])]
            found.append((f"{kind} untold", label, values[place:]))
        return [*found, (kind, label, ())]


def _label(value: int, values: tuple[int, ...]) -> tuple[int, ...]:
    """What tells a row from others: a value, or of those that are hidden the nearest one above that is not."""
    return (value,) if value != HIDDEN else (HIDDEN, *values)
