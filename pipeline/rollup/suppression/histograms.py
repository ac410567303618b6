"""Of which segments the web vitals are told, so that no histogram of too few people follows from what is.

In: of one vital and site-day the people who were measured, by their values of all that vitals are told by, and by which
conditions hold for their visits. Out: whether a segment's histogram is told. Promises: whatever is added and subtracted
of that histogram, those of all who were measured and of any values, of segments that were taken before, and of who
reached a goal, is made of k people or more: also of values that are hidden that day, which a week may tell.

A histogram is told as a whole or not at all. Measurements that are alike in all values and conditions (an atom) are in
each number together, so a combination has all of them or none. Where a segment is independent of all else on some
atoms, any combination with it has one of these. So the atoms of enough people alone will do; or these and several lots
of others who share nobody, because then there is somebody of each lot. What is independent is asked by parity alone
(parity.py); what this leaves open is not told.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from msgspec import Struct

from ..rule import Rule, Who
from .parity import Masks, Parity, grouped

# What measurements are told by: of each dimension the value.
Values = tuple[str, ...]
# So many cells are looked at first.
_FIRST = 20
# Of a band of a vital, by mask who has a measurement in it.
Bands = Mapping[str, Masks]


class Cell(Struct, frozen=True):
    """Measurements of the same values, by mask who made them."""

    values: Values
    masks: Mapping[int, Sequence[Who]]


class Judge:
    """What is told of a site-day and a vital. masks: of all measurements. cells: those of most. goals: the bits of
    those that tell how many of their people were measured, and of segments that are told already. known: those of
    segments that other numbers add up to."""

    def __init__(
        self,
        masks: Collection[int],
        cells: Sequence[Cell],
        goals: Collection[int],
        bands: Bands,
        rule: Rule,
        known: Collection[int] = (),
    ) -> None:
        self._masks, self._cells, self._bands, self._rule = masks, cells, bands, rule
        self._goals, self._known, self._taken = [*goals], known, list[int]()

    def takes(self, bit: int, did: bool) -> bool:
        """Whether the histogram of a segment is told, beside those that were taken before. did: whether the segment
        asks for what people did; then no band tells that all of it did, or nobody, as with rates of goals
        (experience.py)."""
        if bit not in self._known and not self._follows(bit) and not self._is_apart(bit):
            return False
        if did and not all(self._is_mixed(masks, bit) for masks in self._bands.values()):
            return False
        self._taken.append(bit)
        return True

    def _follows(self, bit: int) -> bool:
        """Whether it is the histogram of all who were measured, of a segment that was taken, or of all but that one."""
        holds = [mask >> bit & 1 for mask in self._masks]
        known = [[mask >> one & 1 for mask in self._masks] for one in self._taken]
        return all(holds) or holds in known or [1 - one for one in holds] in known

    def _is_apart(self, bit: int) -> bool:
        """Whether enough people are in any combination of that histogram with all that is told."""
        bits = [*dict.fromkeys((*self._goals, *self._taken))]
        if any(self._are_same(bit, goal) for goal in self._goals):
            return False
        # Mostly the first cells will do.
        for cells in (self._cells[:_FIRST], self._cells):
            atoms = [*_atoms(cells, (*bits, bit))]
            big = [atom for atom in atoms if self._rule.are_enough(atom.who)]
            if _are_apart(big, bits, bit):
                return True
        small = [
            atom for atom in atoms if not self._rule.are_enough(atom.who) and not any(map(self._rule.cuts, atom.who))
        ]
        return _are_apart([*big, *small], bits, bit) and self._has_lots(big, small, bits, bit)

    def _are_same(self, bit: int, other: int) -> bool:
        return all(mask >> bit & 1 == mask >> other & 1 for mask in self._masks)

    def _has_lots(self, big: Sequence[_Atom], small: Sequence[_Atom], bits: Sequence[int], bit: int) -> bool:
        """Whether enough people are in lots of small atoms, of each as many as are in its smallest one."""
        left = sorted(small, key=lambda atom: (-len(atom.people), atom.values, atom.mask))
        people = networks = 0
        while people < self._rule.k or networks < self._rule.networks:
            lot = _lot(big, left, bits, bit)
            if not lot:
                return False
            people += min(len(atom.people) for atom in lot)
            networks += min(len(atom.networks) for atom in lot)
            left = [atom for atom in left if not any(map(atom.shares, lot))]
        return True

    def _is_mixed(self, masks: Masks, bit: int) -> bool:
        parts = grouped(masks, 1 << bit)
        return not parts or (len(parts) == 2 and all(map(self._rule.are_enough, parts.values())))


class _Atom:
    """Measurements of the same values and conditions."""

    def __init__(self, values: Values, mask: int, who: Sequence[Who]) -> None:
        self.values, self.mask, self.who = values, mask, who

    @cached_property
    def people(self) -> frozenset[int]:
        return frozenset().union(*(one.people for one in self.who))

    @cached_property
    def networks(self) -> frozenset[int]:
        return frozenset().union(*(one.networks for one in self.who))

    def shares(self, other: _Atom) -> bool:
        """Whether somebody, or a network, is in both."""
        return not (self.people.isdisjoint(other.people) and self.networks.isdisjoint(other.networks))


def _atoms(cells: Iterable[Cell], bits: Iterable[int]) -> Iterator[_Atom]:
    """By these conditions alone: who differs in something else is among the same people."""
    only = sum(1 << one for one in bits)
    for cell in cells:
        for mask, who in grouped(cell.masks, only).items():
            yield _Atom(cell.values, mask, who)


def _lot(big: Sequence[_Atom], small: Sequence[_Atom], bits: Sequence[int], bit: int) -> Sequence[_Atom]:
    """The first of the small atoms that will do together with the big ones; none where all of them will not."""
    if not _are_apart([*big, *small], bits, bit):
        return ()
    few, many = 0, len(small)
    # What is independent on some atoms is so on more.
    while many - few > 1:
        half = (few + many) // 2
        few, many = (few, half) if _are_apart([*big, *small[:half]], bits, bit) else (half, many)
    return small[:many]


def _are_apart(atoms: Sequence[_Atom], bits: Sequence[int], bit: int) -> bool:
    """Whether a segment is independent of values and conditions on these."""
    if not atoms:
        return False
    told = [(1 << len(atoms)) - 1, *_of_values([atom.values for atom in atoms])]
    told += [_row(atom.mask >> one & 1 for atom in atoms) for one in bits]
    new = _row(atom.mask >> bit & 1 for atom in atoms)
    return Parity(dict.fromkeys(row for row in told if row)).follows(new) is False


def _of_values(each: Sequence[Values]) -> list[int]:
    """The rows of all values of each dimension."""
    return [
        _row(value == one for one in column) for column in zip(*each, strict=True) for value in dict.fromkeys(column)
    ]


def _row(holds: Iterable[int]) -> int:
    return sum(1 << place for place, one in enumerate(holds) if one)
