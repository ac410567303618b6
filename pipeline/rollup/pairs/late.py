"""Which cells of pairs are released with a block, of those that its days hide, and of which days they tell (rule N2).

In: of each day the cells that it hides, with their lines. Out: by cell the days that its sum is of. Promises: no cell
of few of a day follows from days and block together, nor does what a block hides of few visitor-days, even for somebody
who knows which cells are of nobody and which days a sum is of. What a line has more than is told of it is nothing, or
of two cells or more and of as many visitor-days as a released value has.

Two things hide a cell. *A circle of hidden cells of which nothing is told* hides it as suppression/two_way.py hides
cells of a day. *A circle that two days hide* does so whatever is told of sums: what one day has more around it the
other one has less, so that each sum is the same. For that each of its cells has to be in the same sums on both days.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Mapping

from msgspec import Struct

from ..suppression.two_way import Circles, Crossed, Line, bridges

# Of a day: a pair, and what tells its cells apart.
Pair = Hashable
Key = tuple[Pair, Hashable]
# A block that tells a cell: a week within the one that is asked about; "" is that one.
Sum = dt.date | str
_NOW = ""
# At least so many days: what waits on one only would be released as that day's.
_LEAST_DAYS = 2
# How far days are from one another that are looked at together: those of a week.
_NEAR = dt.timedelta(6)


class Waiting(Struct, frozen=True):
    """A cell that a day hides. row, column: the narrowest sums that the day tells of it. sums: the wider ones, that of
    its value in each dimension among them, by which a block is held against its days. people: at least one; others:
    beside the largest network. few: they are not enough to be shown. open: it may be told: both values are shown that
    day. above: the cells of pairs with parents that it is part of. before: the week that has told it."""

    row: Line
    column: Line
    sums: tuple[Line, ...]
    people: int
    others: int
    few: bool
    open: bool
    above: tuple[Key, ...] = ()
    before: dt.date | None = None


class Least(Struct, frozen=True):
    """How many visitor-days a sum is of; others: one network taken away from each day."""

    people: int
    others: int


Days = Mapping[dt.date, Mapping[Key, Waiting]]
Told = dict[Key, list[dt.date]]


def told_of(days: Days, least: Least) -> Told:
    """The cells that are told."""
    state = _Block(days, least)
    # What one rule holds back another one may need.
    while state.hold_rare() or state.close_days() or state.fill_lines() or state.close_block():
        pass
    return state.told()


class _Block:
    """What is told and what is held back, while more and more is."""

    def __init__(self, days: Days, least: Least) -> None:
        self._days, self._least = days, least
        self._tables: defaultdict[tuple[dt.date, Pair], dict[Key, Waiting]] = defaultdict(dict)
        # By cell its days, but those of which a week has told it.
        self._left: defaultdict[Key, dict[dt.date, Waiting]] = defaultdict(dict)
        for day in sorted(days):
            for key, one in sorted(days[day].items(), key=repr):
                self._tables[day, key[0]][key] = one
                if one.before is None:
                    self._left[key][day] = one
        self._held = {(day, key) for key, mine in self._left.items() for day, one in mine.items() if not one.open}
        # Of each pair how much is held back, how much that was when it was looked at, and the pairs that it is part of.
        self._many = Counter(key[0] for _, key in self._held)
        self._seen: dict[Pair, int] = {}
        self._family: defaultdict[Pair, set[Pair]] = defaultdict(set)
        for _, pair in self._tables:
            self._family[pair].add(pair)
        for mine in self._tables.values():
            for key, one in mine.items():
                self._family[key[0]].update(of[0] for of in one.above)
        # Those of too few that no circle can hide: of their days nothing is told.
        self._hopeless: set[tuple[dt.date, Key]] = set()

    def told(self) -> Told:
        found = {key: self._told_on(key) for key in self._left}
        return {key: mine for key, mine in found.items() if mine}

    def _told_on(self, key: Key) -> list[dt.date]:
        return [day for day in self._left[key] if (day, key) not in self._held]

    def _held_on(self, key: Key) -> list[dt.date]:
        return [day for day in self._left[key] if (day, key) in self._held]

    def _hold(self, gone: Collection[tuple[dt.date, Key]]) -> bool:
        """Tell nothing of these, nor of what they are part of. Whether that was told."""
        its = {(day, one) for day, key in gone for one in (key, *self._days[day][key].above)}
        new = {(day, one) for day, one in its - self._held if day in self._left.get(one, ())}
        self._held |= new
        self._many.update(key[0] for _, key in new)
        return bool(new)

    # -- cells ---------------------------------------------------------------------------------------------------------

    def hold_rare(self) -> bool:
        """Hold back the cells that are too few."""
        return self._hold([(day, key) for key in self._left for day in self._told_on(key) if self._is_rare(key)])

    def _is_rare(self, key: Key) -> bool:
        each = [self._left[key][day] for day in self._told_on(key)]
        people, others = sum(one.people for one in each), sum(one.others for one in each)
        return len(each) < _LEAST_DAYS or people < self._least.people or others < self._least.others

    # -- circles of a day ----------------------------------------------------------------------------------------------

    def close_days(self) -> bool:
        """Hold back what closes a circle for each cell of too few that has none."""
        found = False
        for pair in dict.fromkeys(pair for _, pair in self._tables):
            # Nothing has changed since they were looked at.
            if (many := self._size(pair)) != self._seen.get(pair):
                self._seen[pair] = many
                found |= self._close_pair(pair)
        return found

    def _size(self, pair: Pair) -> int:
        """How much is held back of a pair, and of those with its parents."""
        return sum(self._many[one] for one in self._family[pair])

    def _close_pair(self, pair: Pair) -> bool:
        hidden = self._on_two_days(pair)
        found = False
        for day in [day for day, its in self._tables if its == pair]:
            bare = {key for key in self._few(day, pair) if (day, key) not in hidden}
            if bare:
                found |= self._close(day, pair, bare)
        return found

    def _few(self, day: dt.date, pair: Pair) -> Iterator[Key]:
        of_few = (key for key, one in self._tables[day, pair].items() if one.few)
        return (key for key in of_few if (day, key) not in self._hopeless)

    def _close(self, day: dt.date, pair: Pair, bare: set[Key]) -> bool:
        """bare: those that are asked for."""
        circles = self._circles(day, pair)
        able = [key for key in bare if not self._is_fixed(day, key)]
        for key in sorted(able, key=lambda key: (self._tables[day, pair][key].people, repr(key))):
            if key not in circles.hidden:
                circles.hide(key)
            circles.close_circle(key)
        gone = bare | circles.hidden
        if without := bare - (circles.hidden - {*circles.bridges()}):
            self._hopeless |= {(day, key) for key in without}
            gone |= self._tables[day, pair].keys()
        return self._hold([(day, key) for key in gone])

    def _circles(self, day: dt.date, pair: Pair) -> Circles[Key]:
        """What is held back of a day's table, as if it was hidden, and the rest was shown."""
        return Circles(
            {
                key: Crossed(one.row, one.column, one.people, enough=True, barred=self._is_silent(day, key))
                for key, one in self._tables[day, pair].items()
                if not self._is_fixed(day, key)
            },
            (),
        )

    def _is_fixed(self, day: dt.date, key: Key) -> bool:
        """Whether a week has told it, or what it is part of."""
        return any(self._days[day][of].before is not None for of in self._its(day, key))

    def _its(self, day: dt.date, key: Key) -> list[Key]:
        """It and what it is part of, as far as the day hides it."""
        return [one for one in (key, *self._days[day][key].above) if one in self._days[day]]

    def _is_silent(self, day: dt.date, key: Key) -> bool:
        """Whether no sum tells of it, nor of what it is part of."""
        return all((day, one) in self._held for one in self._its(day, key))

    # -- circles of two days -------------------------------------------------------------------------------------------

    def _on_two_days(self, pair: Pair) -> set[tuple[dt.date, Key]]:
        """The cells that such a circle hides; it is looked for until those of too few have one, on days that are near
        one another."""
        hidden: set[tuple[dt.date, Key]] = set()
        days = [day for day, its in self._tables if its == pair]
        bare = {day: set(self._few(day, pair)) for day in days}
        for day, other in ((day, other) for day in days for other in days if day < other <= day + _NEAR):
            if bare[day] or bare[other]:
                both = self._shared(day, other, pair)
                on = both.keys() - {*bridges(both)}
                hidden |= {(one, key) for key in on for one in (day, other)}
                bare[day] -= on
                bare[other] -= on
        return hidden

    def _shared(self, day: dt.date, other: dt.date, pair: Pair) -> dict[Key, tuple[Line, Line]]:
        """The cells that both days hide, each with its lines of both, if they are in the same sums."""
        mine, its = self._tables[day, pair], self._tables[other, pair]
        return {
            key: ((one.row, its[key].row, "row"), (one.column, its[key].column, "column"))
            for key, one in mine.items()
            if key in its and all(self._is_alike(day, other, of) for of in (key, *one.above))
        }

    def _is_alike(self, day: dt.date, other: dt.date, key: Key) -> bool:
        """Whether the same sums tell of it; what a day shows stays as it is."""
        mine, its = self._days[day].get(key), self._days[other].get(key)
        return mine is None or its is None or self._sum(day, key, mine) == self._sum(other, key, its)

    def _sum(self, day: dt.date, key: Key, one: Waiting) -> Sum | None:
        return None if (day, key) in self._held else one.before or _NOW

    # -- lines of the block --------------------------------------------------------------------------------------------

    def fill_lines(self) -> bool:
        """Of lines of which too little is held back hold back the smallest cell, too. Days on which nothing of a line
        is told do not count: what it has on these nobody has to take from a sum."""
        spoken = self._spoken()
        people: defaultdict[Line, int] = defaultdict(int)
        held: defaultdict[Line, set[Key]] = defaultdict(set)
        for day, key in self._held:
            for line in self._left[key][day].sums:
                if (day, line) in spoken:
                    people[line] += self._left[key][day].people
                    held[line].add(key)
        bad = {line for line, its in held.items() if len(its) < 2 or people[line] < self._least.people}
        return self._hold([(day, key) for key in self._smallest(bad) for day in self._told_on(key)])

    def _spoken(self) -> set[tuple[dt.date, Line]]:
        """The lines of which something is told, by day."""
        each = ((day, self._left[key][day]) for key in self._left for day in self._told_on(key))
        return {(day, line) for day, one in each for line in one.sums}

    def _smallest(self, lines: Collection[Line]) -> set[Key]:
        """Of each of these the smallest cell that is told, if there is one."""
        smallest: dict[Line, tuple[int, str, Key]] = {}
        for key in self._left:
            told = [self._left[key][day] for day in self._told_on(key)]
            size = sum(one.people for one in told), repr(key), key
            for line in {line for one in told for line in one.sums if line in lines}:
                smallest[line] = min(smallest.get(line, size), size, key=lambda one: one[:2])
        return {key for _, _, key in smallest.values()}

    # -- what the block holds back -------------------------------------------------------------------------------------

    def close_block(self) -> bool:
        """Close a circle for what is held back of few visitor-days, on one of its days."""
        spoken = self._spoken()
        held = {key: [day for day in self._held_on(key) if self._counts(day, key, spoken)] for key in self._left}
        few = {key: days for key, days in held.items() if self._is_few(key, days)}
        hidden = {key for table in {(day, key[0]) for key in few for day in few[key]} for key in self._on(table)}
        done = [self._close_one(key, few[key]) for key in few if key not in hidden]
        return any(done)

    def _counts(self, day: dt.date, key: Key, spoken: Collection[tuple[dt.date, Line]]) -> bool:
        return any((day, line) in spoken for line in self._left[key][day].sums)

    def _is_few(self, key: Key, days: Collection[dt.date]) -> bool:
        return 0 < sum(self._left[key][day].people for day in days) < self._least.people

    def _on(self, table: tuple[dt.date, Pair]) -> set[Key]:
        """The cells that are on a circle of what is held back."""
        circles = self._circles(*table)
        return circles.hidden - {*circles.bridges()}

    def _close_one(self, key: Key, days: Collection[dt.date]) -> bool:
        ways = [way for day in days if (way := self._way(day, key)) is not None]
        best = min(ways, key=lambda way: sum(self._days[day][one].people for day, one in way), default=[])
        return self._hold(best)

    def _way(self, day: dt.date, key: Key) -> list[tuple[dt.date, Key]] | None:
        """What would have to be held back for it on that day; None: nothing helps."""
        circles = self._circles(day, key[0])
        if self._is_fixed(day, key):
            return None
        before = {*circles.hidden}
        if key not in before:
            circles.hide(key)
        circles.close_circle(key)
        return None if circles.is_alone(key) else [(day, one) for one in circles.hidden - before]
