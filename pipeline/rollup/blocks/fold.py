"""Which values of a block are released, of those that have enough (rules N2 and N3).

In: candidates with their people by day, and how many values wait of each day and each parent. Out: those that are
released. Promises: of each day, and of each parent on it, what stays hidden is nothing, or two values or more and
together k people or more; and where anything stays hidden of a dimension or of a parent, the smallest candidate stays
with it.

Who is behind several values nobody knows any more: two hidden values of k people may be one person. So the second holds
whatever the hidden ones add up to.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from msgspec import Struct

from schema.dimensions import OTHER

# Of which day and which parent values wait; no parent: of the dimension; no day: of the whole block.
Place = tuple[dt.date | None, str | None]


class Candidate(Struct, frozen=True):
    """A value that has enough. known: that it has somebody is no secret, such as the page views, or those of no
    campaign. people: by day. parents: by day the values of the parent's dimension that it belongs to."""

    value: str
    known: bool
    people: dict[dt.date, int]
    parents: dict[dt.date, tuple[str, ...]]

    @property
    def size(self) -> tuple[bool, int, str]:
        """The smallest comes first; what is known last."""
        return self.known, sum(self.people.values()), self.value

    def is_below(self, places: Collection[tuple[dt.date, str]]) -> bool:
        """Whether it belongs to one of these values of its parent's dimension on its day."""
        return any((day, parent) in places for day in self.people for parent in self.parents[day])

    def alone(self, day: dt.date) -> bool:
        """Whether it is the child of one parent."""
        return is_child(self.value, self.parents[day])


def is_child(value: str, parents: Sequence[str]) -> bool:
    """Whether a value is the child of one parent (rollup/suppression/parents.py)."""
    return value != "" and len(parents) == 1


class WaitingSum(Struct):
    """How many values wait in a place, and their visitors added up; of a parent only of its own children."""

    values: int = 0
    people: int = 0

    def add(self, values: int, people: int) -> None:
        self.values += values
        self.people += people


def fold(
    candidates: Sequence[Candidate],
    waiting: Mapping[tuple[dt.date, str | None], WaitingSum],
    k: int,
    pooled: Collection[tuple[dt.date, str]] = (),
    untold: Collection[dt.date] = (),
    always: bool = False,
) -> set[str]:
    """Of values that have enough those that are released. waiting: what waits of each day, and of each parent on it,
    candidates and all. pooled: the parents that stay hidden on a day themselves: they are one together, of which
    something stays hidden, but on the days that are untold, because the whole site is. always: as if more was hidden of
    each place, because not all that is waits."""
    state = _Fold(candidates, waiting, k, frozenset(pooled), frozenset(untold), always)
    while bad := state.bad():
        inside = {place for place in bad if place[1] is not None}
        smallest = state.smallest(inside)
        if smallest is None:
            smallest = state.smallest(bad - inside)
            # All that there is of a parent is told by it.
            if smallest and not state.has_company(smallest):
                return set()
        if smallest is None:
            break
        if smallest.known:  # with the known ones alone it would tell of those that are rare
            return set()
        state.hold_back(smallest)
    return set(state.released)


class _Fold:
    """What is released and what stays hidden, while one after another is held back."""

    def __init__(
        self,
        candidates: Sequence[Candidate],
        waiting: Mapping[tuple[dt.date, str | None], WaitingSum],
        k: int,
        pooled: frozenset[tuple[dt.date, str]],
        untold: frozenset[dt.date],
        always: bool,
    ) -> None:
        self.released = {one.value: one for one in sorted(candidates, key=lambda one: one.size)}
        self._k, self._pooled, self._untold, self._always = k, pooled, untold, always
        # How many values there are of each place, what of it stays hidden, and how many candidates were held back.
        self._every, self._values, self._people = Counter[Place](), Counter[Place](), Counter[Place]()
        self._held = Counter[Place]()
        for (day, parent), found in waiting.items():
            for place in self._at(day, parent):
                self._every[place] += found.values
                self._values[place] += found.values
                self._people[place] += found.people
        # Of each candidate where it could go along with others.
        self.places: dict[str, set[Place]] = {}
        for one in candidates:
            self._count(one, -1)
            self.places[one.value] = {place for day in one.people for place in self._at(day, None)} | {
                place for day in one.people if one.alone(day) for place in self._at(day, one.parents[day][0])
            }

    def _at(self, day: dt.date, parent: str | None) -> tuple[Place, Place]:
        """The places of a day and of the whole block."""
        label = OTHER if parent is not None and (day, parent) in self._pooled else parent
        return (day, label), (None, parent)

    def _count(self, one: Candidate, sign: int) -> None:
        for day, people in one.people.items():
            for place in self._at(day, None):
                self._values[place] += sign
                self._people[place] += sign * people
            for parent in one.parents[day]:
                for place in self._at(day, parent):
                    self._values[place] += sign
                    self._people[place] += sign * people * one.alone(day)

    def bad(self) -> set[Place]:
        """The places of which what stays hidden is too little."""
        return {place for place in self._every if self._is_bad(place)}

    def _is_bad(self, place: Place) -> bool:
        day, parent = place
        values, people = self._values[place], self._people[place]
        if day is None:
            return (values > 0 or self._always) and not self._held[place]
        hides = values > 0 or (parent == OTHER and day not in self._untold)
        return hides and (values < 2 or people < self._k)

    def smallest(self, bad: set[Place]) -> Candidate | None:
        """Of those that may go along with what is hidden there, one that has company, if there is one."""
        helping = [one for one in self.released.values() if not bad.isdisjoint(self.places[one.value])]
        return next(filter(self.has_company, helping), next(iter(helping), None))

    def has_company(self, one: Candidate) -> bool:
        """Whether more waits of its parent than this one: else the parent would tell it."""
        alone = [day for day in one.people if one.alone(day)]
        return not alone or any(self._every[self._at(day, one.parents[day][0])[0]] > 1 for day in alone)

    def hold_back(self, one: Candidate) -> None:
        del self.released[one.value]
        self._count(one, 1)
        for place in self.places[one.value]:
            self._held[place] += 1
