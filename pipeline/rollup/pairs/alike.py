"""Values of two dimensions that nearly the same people have: a campaign, and the source that alone sends it.

In: the cells of pairs, the scratch table `numbered`. Out: such values, and of a pair what its row of one is, once the
row of the other is told by another pair. Promises: who has only one of the two are k people or more, from enough
networks, or the two are alike; two of the same visits are told by both pairs where the first one tells them, others by
the first one alone. Values of which one belongs to the other are left to lines.py.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set

from msgspec import Struct

from schema.pair import Pair, above, paired

from ..batch import ENOUGH, Batch
from ..shape import count_networks
from .lines import Cell

# A dimension and a value.
Value = tuple[str, int]
CellsOf = Mapping[Pair, Set[Cell]]


class Alike(Struct, frozen=True):
    """exact: the same visits have both."""

    one: Value
    other: Value
    exact: bool


class Rows(Struct, frozen=True):
    """Of a pair what follows from others. barred: values of which it tells nothing of its own. known: their cells that
    are told. shown: those of them that are the same numbers."""

    barred: set[Value]
    known: set[Cell]
    shown: set[Cell]


def rows_of(pair: Pair, alike: Sequence[Alike], known: CellsOf, shown: CellsOf) -> Rows:
    """Of a pair the rows that others have told. known, shown: of pairs that are judged already what follows, and what
    is shown."""
    found = Rows(set(), set(), set())
    for one in alike:
        for mine, twin in ((one.one, one.other), (one.other, one.one)):
            by = pair.beside(mine[0])
            first = paired(twin[0], by)
            if mine[0] in (pair.one, pair.other) and by != twin[0] and first in known:
                found.barred.add(mine)
                found.known.update(_cells_of(pair, mine, first, twin, known[first]))
                if one.exact:
                    found.shown.update(_cells_of(pair, mine, first, twin, shown.get(first, set())))
    return found


def _cells_of(pair: Pair, mine: Value, first: Pair, twin: Value, cells: Set[Cell]) -> Iterator[Cell]:
    """The cells of a value that its twin has in another pair."""
    for one, other in cells:
        its, by = (one, other) if first.one == twin[0] else (other, one)
        if its == twin[1]:
            yield (mine[1], by) if pair.one == mine[0] else (by, mine[1])


def alike(
    of: Batch, pairs: Sequence[Pair], cells: Mapping[tuple[int, int], Mapping[Cell, int]]
) -> Mapping[int, list[Alike]]:
    """By site-day those that are. cells: by site-day and number of a pair those of enough people."""
    found: defaultdict[int, list[Alike]] = defaultdict(list)
    for number, pair in enumerate(pairs):
        if pair.one not in above(pair.other) and pair.other not in above(pair.one):
            maybe = {(d, *cell) for (d, its), mine in cells.items() if its == number for cell in _alone(mine)}
            for d, one, other, exact in _checked(of, pair, sorted(maybe)) if maybe else ():
                found[d].append(Alike((pair.one, one), (pair.other, other), exact))
    return found


def _alone(cells: Mapping[Cell, int]) -> list[Cell]:
    """Those that are the only one of their row and of their column."""
    ones, others = Counter(one for one, _ in cells), Counter(other for _, other in cells)
    return [(one, other) for one, other in cells if ones[one] == others[other] == 1]


def _checked(of: Batch, pair: Pair, maybe: Sequence[tuple[int, int, int]]) -> Iterator[tuple[int, int, int, bool]]:
    """Those of these cells whose values nearly the same people have."""
    given = {
        "ones": [_key(d, one) for d, one, _ in maybe],
        "others": [_key(d, other) for d, _, other in maybe],
        "places": [place for place, _ in enumerate(maybe, start=1)],
    }
    rows = of.store.rows(of.naming(_differing(pair)), of.named | given)
    differing = {place: bool(enough) for place, enough in rows}
    for place, cell in enumerate(maybe, start=1):
        if not differing.get(place, False):
            yield (*cell, place not in differing)


def _key(d: int, value: int) -> int:
    return d << 16 | value


def _differing(pair: Pair) -> str:
    """The statement that finds visits of one of two values only, and whether these are of enough people. Somebody may
    have another visit of the other one: so people are those who have one visit."""
    return f"""
        SELECT place, {ENOUGH} FROM
        (
            SELECT d, place, countIf(NOT again) AS people, {count_networks("NOT again")} AS networks
            FROM
            (
                SELECT d, visitor, network_number, again, {_place(pair.one, "ones")} AS first,
                    {_place(pair.other, "others")} AS second, arrayJoin([first, second]) AS place
                FROM {{numbered}} WHERE first != second
            )
            WHERE place != 0 GROUP BY d, place
        )"""


def _place(dimension: str, which: str) -> str:
    """SQL for the place of a value among those that are looked at, 0 if it is none."""
    key = f"bitOr(bitShiftLeft(toUInt32(d), 16), toUInt32({dimension}))"
    return f"transform({key}, {{{which}:Array(UInt32)}}, {{places:Array(UInt32)}}, toUInt32(0))"
