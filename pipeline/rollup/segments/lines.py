"""Of which values of a site-day a segment is shown (Q2), so that no count of too few people follows from what is.

In: visits by the values of a chain of dimensions (a channel has sources, these have referrers), by which conditions
hold for them, and who made them. Out: by segment the values that are shown. Promises: whatever is added and subtracted
of the numbers of a chain, those of a segment among it, is made of k people or more, also for somebody who knows which
values and conditions nobody has: of numbers of all values, of all segments, and of what else is told of the conditions
that these are made of (goals, pairs).

Segments are taken in the order in which they are declared. Each value is looked at by itself first (spans.py): a number
is shown there if no combination with those before it is of too few. What is not shown follows from the value above less
the others, so it has to be guarded: among what is hidden of a value above, somebody is in any combination of the
segment with those before it, and these are enough. If not, the smallest value of which that is so goes along; and if
there is none, the value above is hidden, too, and with the whole site the segment. A later segment is shown of a guard
only where enough are in any combination of its own there, so that the guard stays one. One that follows from those
before it is shown where these are.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import cached_property

from ..rule import Rule
from ..suppression.parity import Crowd, Masks
from ..suppression.spans import MOST_TRIED, Made, follows, made_of, relation

Path = tuple[str, ...]
# A value of a dimension: the level of that in its chain, from 1 on.
Value = tuple[int, str]


class Leaf:
    """The visits of one value at the end of a chain."""

    def __init__(self, path: Path, masks: Masks) -> None:
        self.path, self.crowd = path, Crowd(masks)
        # Whether it guards something, so that those that come have to leave it a guard; and by enough people.
        self.guards = self.guards_alone = False

    def has(self, bit: int) -> bool:
        """Whether it holds for any of the visits."""
        return self.crowd.row(bit) != 0

    @cached_property
    def size(self) -> int:
        """How many people they are, as far as is asked for."""
        return len(self.crowd.everybody.people)


class Chain:
    """What there is of one chain. told: of each level the values that have a row of their own, others have none. known:
    the conditions of which more is told elsewhere, each with the values of which it is told."""

    def __init__(
        self,
        dimensions: Sequence[str],
        leaves: Iterable[Leaf],
        told: Sequence[Collection[str]],
        rule: Rule,
        known: Mapping[int, Collection[Value]],
    ) -> None:
        self.dimensions, self.told, self.rule, self.known = dimensions, told, rule, known
        self.leaves = {leaf.path: leaf for leaf in leaves}
        self.below: defaultdict[Path, list[Path]] = defaultdict(list)
        self.paths_of: defaultdict[Value, list[Path]] = defaultdict(list)
        for path in sorted({leaf[:depth] for leaf in self.leaves for depth in range(1, len(dimensions) + 1)}):
            self.below[path[:-1]].append(path)
            self.paths_of[len(path), path[-1]].append(path)
        self._hidden: dict[int, Collection[Path]] = {}
        self._above: dict[Path, Crowd] = {}

    def looked_at(self, bit: int) -> Look | None:
        """What of a segment is hidden; None: it cannot be shown at all."""
        by = relation(self.crowd(()).masks, [*self.known, *self._hidden], bit)
        look = Look(self, bit, by)
        return look if by is not None or look.settle() else None

    def take(self, look: Look) -> dict[str, list[str]]:
        """Have it shown so; by dimension the values that are."""
        self._hidden[look.bit] = look.hidden
        for path, leaf in self.leaves.items():
            leaf.guards |= path in look.guards
            leaf.guards_alone |= path in look.guards_alone
        found: defaultdict[str, list[str]] = defaultdict(list)
        for (level, value), paths in self.paths_of.items():
            if value in self.told[level - 1] and look.hidden.isdisjoint(paths):
                found[self.dimensions[level - 1]].append(value)
        return found

    def is_hidden(self, bit: int, path: Path) -> bool:
        """Whether of a condition that is known, or was taken before, that path is not told, though it holds there."""
        if bit in self.known:
            return (len(path), path[-1]) not in self.known[bit] and any(self.leaves_of(path, bit))
        return path in self._hidden[bit]

    def every(self, leaf: Leaf) -> list[int]:
        """The conditions of which anything is told, whether it is there or not."""
        return [bit for bit in (*self.known, *self._hidden) if leaf.has(bit)]

    def shown(self, path: Path) -> list[int]:
        """Those of which it is told there: what is told of a value that belongs to several is of all of these."""
        alone = len(self.paths_of[len(path), path[-1]]) == 1
        known = [bit for bit in self.known if alone and (len(path), path[-1]) in self.known[bit]]
        return [*known, *(bit for bit, hidden in self._hidden.items() if path not in hidden)]

    def crowd(self, path: Path) -> Crowd:
        """The visits of a path; above the end of the chain it is not told who made them."""
        if path in self.leaves:
            return self.leaves[path].crowd
        if path not in self._above:
            every = (mask for below in self.below[path] for mask in self.crowd(below).masks)
            self._above[path] = Crowd(dict.fromkeys(every, ()))
        return self._above[path]

    def leaves_of(self, path: Path, bit: int) -> Iterator[Path]:
        """Those below a path for which it holds."""
        if path in self.leaves:
            if self.leaves[path].has(bit):
                yield path
            return
        for below in self.below[path]:
            yield from self.leaves_of(below, bit)


class Look:
    """Which paths of a chain are hidden of one segment. by: the conditions it follows from; None: from none."""

    def __init__(self, chain: Chain, bit: int, by: Sequence[int] | None) -> None:
        self.bit = bit
        self._chain, self._rule = chain, chain.rule
        self.hidden: set[Path] = set()
        self.guards: set[Path] = set()
        self.guards_alone: set[Path] = set()
        self._free: dict[Path, bool] = {}
        self._anchors: dict[Path, Made] = {}
        if by is not None:
            every = (path for paths in chain.paths_of.values() for path in paths)
            self.hidden = {path for path in every if any(chain.is_hidden(one, path) for one in by)}
            self._spread()
            return
        self.hidden = {
            path for path, leaf in chain.leaves.items() if leaf.has(bit) and not self._may_be_shown(path, leaf)
        }

    def settle(self) -> bool:
        """Hide what has to go along; whether there is anything left."""
        before = -1
        while len(self.hidden) != before:
            before = len(self.hidden)
            self._spread()
            self.guards.clear()
            self.guards_alone.clear()
            if not self._settle(()):
                return False
        return True

    def _may_be_shown(self, path: Path, leaf: Leaf) -> bool:
        chain = self._chain
        if not all(value in told for value, told in zip(path, chain.told, strict=True)):
            return False
        if self._follows(path):
            return True
        if (leaf.guards and self._anchor(path).follows) or (leaf.guards_alone and not self._is_anchored(path)):
            return False
        if not self._rule.are_enough([leaf.crowd.everybody]):
            return False
        near = dict.fromkeys((*(bit for bit in chain.known if leaf.has(bit)), *chain.shown(path)))
        made = made_of(leaf.crowd, [*near], self.bit, self._rule, MOST_TRIED)
        return self._rule.are_enough(made.who)

    def _follows(self, path: Path) -> bool:
        """Whether it is told there anyway: by what is told of the path, or of all below it."""
        if path not in self._free:
            chain = self._chain
            free = follows(chain.crowd(path), chain.shown(path) if path else [], self.bit)
            if not free and path not in chain.leaves:
                free = all(self._follows(below) for below in chain.below[path] if any(chain.leaves_of(below, self.bit)))
            self._free[path] = free
        return self._free[path]

    def _anchor(self, path: Path) -> Made:
        """Who is in any combination there, with what is hidden, too."""
        if path not in self._anchors:
            leaf = self._chain.leaves[path]
            self._anchors[path] = made_of(leaf.crowd, self._chain.every(leaf), self.bit, self._rule)
        return self._anchors[path]

    def _is_anchored(self, path: Path) -> bool:
        return self._rule.are_enough(self._anchor(path).who)

    def _spread(self) -> None:
        """What is below something hidden is hidden, and what is in several values above is so in all or none."""
        by_level = sorted(self._chain.paths_of.items(), key=lambda item: item[0][0])
        for _, paths in by_level:
            if any(path in self.hidden or path[:-1] in self.hidden for path in paths):
                self.hidden.update(paths)

    def _settle(self, above: Path) -> bool:
        """Whether the value of that path can be shown, as far as those below it say."""
        chain = self._chain
        for path in chain.below[above]:
            if path not in self.hidden and path not in chain.leaves and not self._settle(path):
                self._hide(path)
        hidden = [
            leaf for path in chain.below[above] if path in self.hidden for leaf in chain.leaves_of(path, self.bit)
        ]
        if self._guarded(hidden):
            return True
        shown = sorted((path for path in chain.below[above] if path not in self.hidden), key=self._size)
        new = [path for path in shown if not self._follows(path)]
        if self._follows(above) and not new:
            return True
        for along in self._along(shown):
            if self._guarded([*hidden, *(leaf for path in along for leaf in chain.leaves_of(path, self.bit))]):
                for path in along:
                    self._hide(path)
                return True
        for path in new if self._follows(above) else ():
            self._hide(path)
        return self._follows(above)

    def _along(self, shown: Sequence[Path]) -> Iterator[Sequence[Path]]:
        """What may go along: one that is a guard alone, or the smallest ones together."""
        for path in shown:
            if any(map(self._is_anchored, self._chain.leaves_of(path, self.bit))):
                yield [path]
                break
        for many in range(1, len(shown) + 1):
            yield shown[:many]

    def _guarded(self, hidden: Sequence[Path]) -> bool:
        """Whether nothing is told by what is hidden there, or enough are in any combination with it: guards then."""
        hidden = [path for path in hidden if not self._follows(path)]
        if not hidden:
            return True
        anchored = next(filter(self._is_anchored, hidden), None)
        if anchored is not None:
            self.guards_alone.add(anchored)
            return True
        always = [path for path in hidden if self._anchor(path).always]
        if self._rule.are_enough([who for path in always for who in self._anchor(path).who]):
            self.guards_alone.update(always)
            return True
        apart = self._apart(hidden)
        if len(apart) >= max(self._rule.k, self._rule.networks):
            self.guards.update(apart)
            return True
        return False

    def _apart(self, hidden: Sequence[Path]) -> list[Path]:
        """Values of which nobody is in two, nor any network: in each there is somebody of any combination."""
        found: list[Path] = []
        people, networks = set[int](), set[int]()
        for path in hidden:
            crowd = self._chain.leaves[path].crowd
            everybody = crowd.everybody
            apart = people.isdisjoint(everybody.people)
            apart = apart and (self._rule.networks == 1 or networks.isdisjoint(everybody.networks))
            if apart and not crowd.is_cut(self._rule) and not self._anchor(path).follows:
                found.append(path)
                people |= everybody.people
                networks |= everybody.networks
        return found

    def _hide(self, path: Path) -> None:
        self.hidden.add(path)
        self.hidden.update(self._chain.leaves_of(path, self.bit))

    def _size(self, path: Path) -> tuple[int, Path]:
        return sum(self._chain.leaves[leaf].size for leaf in self._chain.leaves_of(path, self.bit)), path
