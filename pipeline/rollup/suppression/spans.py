"""What follows by adding and subtracting from numbers of overlapping groups of people (rule R3 for segments).

In: of one value of a dimension its visits by which conditions hold for them (a mask, a bit for each), and who made
them. Out: which groups a further number tells apart. Promises: of whoever knows some numbers of a value and of which
masks nobody is, it is told of which masks a combination of them with a further one is made at least.

Each number is a sum over masks: a vector of zeros and ones. What follows from several is what they span, and a
combination of masks of too few people alone is what must not be in it. Masks of enough people decide most of it: a
vector that is independent on these of all others is in no combination without one of them. Most of these are found by
parity (parity.py); the others by elimination modulo a large prime.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterable, Sequence

from msgspec import Struct

from ..rule import Rule, Who
from .parity import Crowd, Parity, row_of

# Larger than any determinant of zeros and ones of so many rows: what depends by fractions depends by this, too.
_PRIME = 2**61 - 1
_MOST_ROWS = 36
# So many combinations are looked at where a number is to be shown.
MOST_TRIED = 400

Vector = list[int]


class Made(Struct, frozen=True):
    """Who is in a combination; if it is of too few anywhere, one of these. always: they are in any. follows: nothing is
    told that is not known."""

    who: Sequence[Who]
    always: bool = False
    follows: bool = False


def follows(crowd: Crowd, known: Sequence[int], new: int) -> bool:
    """Whether the number of `new` is a combination of the value's own and those of the known conditions."""
    if len(known) + 2 > _MOST_ROWS:
        return False
    told = Parity(crowd.rows(known)).follows(crowd.row(new))
    if told is not None:
        return told
    only = sum(1 << bit for bit in (*known, new))
    columns = {mask & only for mask in crowd.masks}
    return not any(_less(_row(new, columns), _independent(_rows(known, columns))))


def made_of(crowd: Crowd, known: Sequence[int], new: int, rule: Rule, most: int = 1) -> Made:
    """What combinations of the number of `new` with these are made of: the value's own number, and those of the known
    conditions. most: so many are looked at; where there are more, it is not told what they are made of."""
    if len(known) + 2 > _MOST_ROWS:
        return Made([])
    alone = crowd.alone(rule)
    if Parity(crowd.rows(known, alone)).follows(crowd.row(new) & alone) is False:
        return Made(crowd.first(alone))
    columns, big = crowd.columns((*known, new), rule)
    small = [column for column in columns if column not in big]
    parity = Parity(crowd.rows(known))
    if parity.follows(crowd.row(new)) is False and _are_more(known, new, big, len(small), parity.rank, most):
        return Made([])
    every = [*big, *small]
    left, rest = _reduced(_row(new, every), _rows(known, every), len(big))
    if any(left[: len(big)]):
        return Made(columns[next(column for column, one in zip(big, left, strict=False) if one)])
    beyond = [row[len(big) :] for row in rest]
    return _least(left[len(big) :], beyond, [columns[column] for column in small], rule, most)


def _are_more(known: Sequence[int], new: int, big: Collection[int], small: int, rank: int, most: int) -> bool:
    """Whether, of rows of that rank, more combinations are none of big masks than are looked at."""
    parity = Parity([(1 << len(big)) - 1, *(row_of(bit, big) for bit in known)])
    if parity.rank == len(big) or parity.follows(row_of(new, big)):
        return math.comb(small, rank - parity.rank) > most
    pivots = _independent(_rows(known, big))
    return math.comb(small, rank - len(pivots)) > most and not any(_less(_row(new, big), pivots))


def relation(masks: Collection[int], known: Sequence[int], new: int) -> list[int] | None:
    """Of these conditions those by which alone it follows whether `new` holds, whatever the visits are; None: by none.

    Of several that follow from each other the first ones are taken."""
    columns = [*masks]
    known = known[: _MOST_ROWS - 2]
    crowd = Crowd(dict.fromkeys(masks, ()))
    if Parity(crowd.rows(known)).follows(crowd.row(new)) is False:
        return None
    # Behind each row stands of which rows it is made.
    none = [0] * (len(known) + 1)
    rows = [[1] * len(columns) + [1, *none[1:]]]
    rows += [[*_row(bit, columns), *none[: nth + 1], 1, *none[nth + 2 :]] for nth, bit in enumerate(known)]
    pivots: list[tuple[int, Vector]] = []
    for row in rows:
        left = _less(row, pivots)
        place = next((place for place in range(len(columns)) if left[place]), None)
        if place is not None:
            pivots.append((place, _scaled(left, place)))
    left = _less(_row(new, columns) + none, pivots)
    if any(left[: len(columns)]):
        return None
    return [bit for bit, factor in zip(known, left[len(columns) + 1 :], strict=True) if factor]


def _scaled(row: Vector, place: int) -> Vector:
    inverse = pow(row[place], -1, _PRIME)
    return [one * inverse % _PRIME for one in row]


def _row(bit: int, columns: Collection[int]) -> Vector:
    return [column >> bit & 1 for column in columns]


def _rows(known: Sequence[int], columns: Collection[int]) -> list[Vector]:
    every = [[1] * len(columns), *(_row(bit, columns) for bit in known)]
    return [row for row in every if any(row)]


def _reduced(new: Vector, rows: Sequence[Vector], first: int) -> tuple[Vector, list[Vector]]:
    """`new` less what the rows have of it in the first columns, and what of the rows is zero in all of these."""
    pivots: list[tuple[int, Vector]] = []
    rest: list[Vector] = []
    for row in rows:
        left = _less(row, pivots)
        place = next((place for place in range(first) if left[place]), None)
        if place is None:
            rest += [left] if any(left) else []
            continue
        pivots.append((place, _scaled(left, place)))
    return _less(new, pivots), rest


def _less(row: Vector, pivots: Iterable[tuple[int, Vector]]) -> Vector:
    for place, pivot in pivots:
        if factor := row[place]:
            row = [(one - factor * other) % _PRIME for one, other in zip(row, pivot, strict=True)]
    return row


def _least(new: Vector, rows: Sequence[Vector], who: Sequence[Sequence[Who]], rule: Rule, most: int) -> Made:
    """Of the combinations of `new` with the rows one of too few, if there is one."""
    pivots = _independent(rows)
    new, many = _less(new, pivots), len(pivots)
    if not any(new):
        return Made([], follows=True)
    if math.comb(len(new), many) > most:
        return Made([])
    found: list[Who] = []
    for zeros in itertools.combinations(range(len(new)), many):
        one = _zero_at(new, [row for _, row in pivots], zeros)
        if one is None:
            continue
        found = [each for place, some in enumerate(who) if one[place] for each in some]
        if not rule.are_enough(found):
            return Made(found, always=not many)
    return Made(found)


def _independent(rows: Sequence[Vector]) -> list[tuple[int, Vector]]:
    pivots: list[tuple[int, Vector]] = []
    for row in rows:
        left = _less(row, pivots)
        place = next((place for place, one in enumerate(left) if one), None)
        if place is not None:
            pivots.append((place, _scaled(left, place)))
    return pivots


def _zero_at(new: Vector, rows: Sequence[Vector], zeros: Sequence[int]) -> Vector | None:
    """`new` less what of the rows makes it zero there; None: that is not one vector."""
    used: list[tuple[int, Vector]] = []
    for row in rows:
        left = _less(row, used)
        place = next((place for place in zeros if left[place]), None)
        if place is None:
            return None
        used.append((place, _scaled(left, place)))
    return _less(new, used)
