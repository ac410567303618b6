"""The visits of one value of a dimension by which conditions hold for them, and what of these is decided by parity.

In: by mask who made them. Out: of each condition a row of bits, one for each mask that somebody has. Promises: rows
that are said to be apart are so for whoever adds and subtracts, by fractions, too; the other way round it is not said.

Most of what is asked of a value is answered so: to add rows modulo two is one operation on numbers of many bits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cached_property

from ..rule import Rule, Who

# By mask.
Masks = Mapping[int, Sequence[Who]]


def grouped(masks: Masks, only: int) -> dict[int, list[Who]]:
    """The same by these bits only."""
    found: dict[int, list[Who]] = {}
    for mask, who in masks.items():
        found.setdefault(mask & only, []).extend(who)
    return found


class Crowd:
    """The visits of one value."""

    def __init__(self, masks: Masks) -> None:
        self.masks = masks
        self._rows: dict[int, int] = {}
        self._alone: dict[Rule, int] = {}
        self._cut: dict[Rule, bool] = {}

    @cached_property
    def whole(self) -> int:
        """The row of all of them."""
        return (1 << len(self.masks)) - 1

    def row(self, bit: int) -> int:
        """That of a condition."""
        if bit not in self._rows:
            self._rows[bit] = row_of(bit, self.masks)
        return self._rows[bit]

    def rows(self, bits: Iterable[int], places: int = -1) -> Collection[int]:
        """Those of all of them and of these conditions, as far as they are at these places, each once."""
        every = [self.whole & places, *(self.row(bit) & places for bit in bits)]
        return dict.fromkeys(row for row in every if row)

    def alone(self, rule: Rule) -> int:
        """Those masks that are of enough people without others."""
        if rule not in self._alone:
            enough = (1 << place for place, who in enumerate(self.masks.values()) if rule.are_enough(who))
            self._alone[rule] = sum(enough)
        return self._alone[rule]

    def columns(self, bits: Iterable[int], rule: Rule) -> tuple[Masks, Collection[int]]:
        """Who made them by some of the conditions only, and of which of these they are enough."""
        only = sum(1 << bit for bit in bits)
        if len({mask & only for mask in self.masks}) == len(self.masks):
            alone = self.alone(rule)
            return self.masks, {mask: 0 for place, mask in enumerate(self.masks) if alone >> place & 1}
        found = grouped(self.masks, only)
        return found, {mask: 0 for mask, who in found.items() if rule.are_enough(who)}

    @cached_property
    def everybody(self) -> Who:
        """All of them, as far as is asked for."""
        each = [who for some in self.masks.values() for who in some]
        people, networks = (who.people for who in each), (who.networks for who in each)
        return Who(frozenset().union(*people), frozenset().union(*networks))

    def is_cut(self, rule: Rule) -> bool:
        """Whether of any mask there may be more than are asked for."""
        if rule not in self._cut:
            self._cut[rule] = any(rule.cuts(who) for some in self.masks.values() for who in some)
        return self._cut[rule]

    def first(self, places: int) -> Sequence[Who]:
        """Who is in the first of these."""
        return [*self.masks.values()][(places & -places).bit_length() - 1]


def row_of(bit: int, masks: Iterable[int]) -> int:
    """By place of a mask whether the condition holds."""
    return sum(1 << place for place, mask in enumerate(masks) if mask >> bit & 1)


class Parity:
    """What rows add up to modulo two, as far as that says what they do with fractions.

    What is independent modulo two is so with fractions. Of rows that add up to zero modulo two one follows from the
    others for certain if the largest is as large as the others together: then these share no place."""

    def __init__(self, rows: Iterable[int]) -> None:
        self._pivots: list[tuple[int, int, int]] = []
        self._kept: list[int] = []
        self._certain = True
        for row in rows:
            self.add(row)

    @property
    def rank(self) -> int:
        """How many are independent, at least; so many where `follows` says anything."""
        return len(self._kept)

    def follows(self, row: int) -> bool | None:
        """Whether that is a combination of them; None: this does not say it."""
        left, made = self._less(row)
        if left:
            return False if self._certain else None
        return self._is_sum(row, made) or None

    def add(self, row: int) -> None:
        """One more."""
        left, made = self._less(row)
        if left:
            self._pivots.append((left & -left, left, made ^ 1 << len(self._kept)))
            self._kept.append(row)
        elif not self._is_sum(row, made):
            self._certain = False

    def _less(self, row: int) -> tuple[int, int]:
        """What is left of it, and of which rows what was taken is made."""
        made = 0
        for place, pivot, of in self._pivots:
            if row & place:
                row ^= pivot
                made ^= of
        return row, made

    def _is_sum(self, row: int, made: int) -> bool:
        sizes = [row.bit_count(), *(one.bit_count() for nth, one in enumerate(self._kept) if made >> nth & 1)]
        return 2 * max(sizes) == sum(sizes)
