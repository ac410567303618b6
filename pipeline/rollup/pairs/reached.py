"""Of which cells of pairs it is told who of them reached a goal, on one site-day that hides some.

In: the cells of its pairs that are told, and who reached each goal, by the values of all dimensions of a pair. Out: by
pair and goal the cells that are told. Promises: those of `lines.py`, for the sums that goals tell by one
dimension: no hidden number of too few who reached a goal follows from these, nor from how many are in a cell.

Who reached a goal and who did not change places between hidden cells that are on a circle: then no sum of the goal
changes, and no number of visitors. A cell in which everybody reached it has nobody to give for that, so it is on no
circle but its own.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence

from msgspec import Struct, structs

from schema.pair import Pair, above

from ..rule import Rule
from ..suppression.two_way import Line, alone
from .lines import HIDDEN, Atom, Cell, Table, in_order

# A dimension and the place of a value.
Value = tuple[str, int]
# What tells atoms apart; a bit of a mask is a goal.
Where = tuple[int, tuple[int, ...], int, tuple[int, ...]]


class Reaching(Atom, frozen=True):
    """Those of an atom who reached a goal. lone: how many of them have one visit, and are in no other atom; networks:
    of these, as many as are asked for."""

    lone: int = 0
    networks: tuple[int, ...] = ()


class Goal(Struct, frozen=True):
    """values: of which it is told who reached it, with how many people; atoms, cells: by pair who reached it, and the
    cells of enough people."""

    bit: int
    values: Mapping[Value, int]
    atoms: Mapping[Pair, Sequence[Reaching]]
    cells: Mapping[Pair, Mapping[Cell, int]]


class Day(Struct, frozen=True):
    """shown: of its pairs the cells that are told. masks: of each atom which goals its visits reached. mute: pairs of
    which no goal is told."""

    rule: Rule
    shown: Mapping[Pair, Collection[Cell]]
    masks: Mapping[Pair, Mapping[Where, Collection[int]]]
    mute: Collection[Pair] = ()


Told = dict[Pair, dict[int, set[Cell]]]


def told_of(day: Day, goals: Sequence[Goal]) -> Told:
    """By pair and goal the cells that are."""
    told: Told = {}
    for goal in goals:
        repeated, its = repeats(goal, day.rule), dict[Pair, set[Cell]]()
        for pair in (pair for step in in_order(day.shown) for pair in step if pair not in day.mute):
            cells = _cells(pair, goal, day.shown[pair], repeated)
            if cells and (shown := _shown(day, pair, goal, cells, its)):
                its[pair] = shown
                told.setdefault(pair, {})[goal.bit] = shown
    return told


def _cells(pair: Pair, goal: Goal, shown: Collection[Cell], repeated: Collection[Value]) -> dict[Cell, int]:
    """Those that may be told. repeated: values of which nothing is."""
    return {
        cell: people
        for cell, people in goal.cells.get(pair, {}).items()
        if cell in shown and all(one in goal.values and one not in repeated for one in _values(pair, cell))
    }


def _shown(
    day: Day, pair: Pair, goal: Goal, cells: Mapping[Cell, int], before: Mapping[Pair, Collection[Cell]]
) -> set[Cell]:
    """Those of them that are told. before: of pairs with parents."""
    table = Table(pair, [_reaching(day, pair, atom, goal) for atom in goal.atoms.get(pair, ())], cells, before)
    shown = table.shown(_covered(table, day.rule))
    return shown if _hides(table) else set()


def _reaching(day: Day, pair: Pair, atom: Reaching, goal: Goal) -> Reaching:
    """An atom by what the goal tells of its values. full: of it everybody reached the goal."""
    full = all(mask >> goal.bit & 1 for mask in day.masks[pair][_where(atom)])
    one, *over = _told_by(goal, (pair.one, *above(pair.one)), (atom.one, *atom.above))
    other, *beyond = _told_by(goal, (pair.other, *above(pair.other)), (atom.other, *atom.beyond))
    return structs.replace(atom, one=one, above=(*over,), other=other, beyond=(*beyond,), full=full)


def _where(atom: Atom) -> Where:
    return atom.one, atom.above, atom.other, atom.beyond


def _values(pair: Pair, cell: Cell) -> tuple[Value, Value]:
    return (pair.one, cell[0]), (pair.other, cell[1])


def _told_by(goal: Goal, dimensions: Sequence[str], places: Sequence[int]) -> list[int]:
    """With those that the goal does not tell as what they are to its reader: hidden."""
    return [one[1] if one in goal.values else HIDDEN for one in zip(dimensions, places, strict=True)]


def _hides(table: Table) -> bool:
    """Whether no cell of few follows because of others that are full."""
    full = {key: edge for key, edge, _ in table.hidden_cells()}
    free = {key: structs.replace(edge, full=False) for key, edge in full.items()}
    return alone(full, full) <= alone(free, free)


def _covered(table: Table, rule: Rule) -> set[Line]:
    """The lines of which those of too few are enough people together: as far as these have one visit."""
    lone: Counter[Line] = Counter()
    networks: defaultdict[Line, set[int]] = defaultdict(set)
    for line, atom in table.of_few():
        assert isinstance(atom, Reaching)
        lone[line] += atom.lone
        networks[line].update(atom.networks)
    return {line for line, people in lone.items() if rule.enough(people, len(networks[line]))}


def repeats(goal: Goal, rule: Rule) -> set[Value]:
    """Of two values of different dimensions that nearly the same people have who reached it that of the later one: its
    row would be told twice."""
    return {
        (pair.other, cell[1])
        for pair, cells in goal.cells.items()
        if pair.one not in above(pair.other) and pair.other not in above(pair.one)
        for cell in _nearly(pair, cells, goal.values, rule)
    }


def _nearly(pair: Pair, cells: Mapping[Cell, int], values: Mapping[Value, int], rule: Rule) -> Iterator[Cell]:
    for cell, people in cells.items():
        if sum(values.get(one, people) for one in _values(pair, cell)) - 2 * people < rule.always_enough:
            yield cell
