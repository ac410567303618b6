"""An attacker who reads what is told of segments and of all visitors, and solves for what is not."""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping

import highspy
import pytest

from pipeline.rollup.rule import Rule, Who
from pipeline.rollup.segments.lines import Chain, Leaf, Path, Value

K = 5
# By path and mask the people.
Table = dict[tuple[Path, int], int]


def table_of(dice: random.Random, segments: int, depth: int) -> Table:
    """Visits by a value, or by one and one below it; of conditions some that hold for the same visits but for few."""
    found: Table = {}
    alike = [dice.choice((0.0, 0.0, 0.02, 0.1)) for _ in range(segments)]
    other = [dice.randrange(segments) for _ in range(segments)]
    turned = [dice.random() < 0.3 for _ in range(segments)]
    share = [dice.choice((0.1, 0.4, 0.6, 0.95)) for _ in range(segments)]
    for a, b in itertools.product(range(dice.randint(1, 4)), range(dice.randint(1, 3) if depth > 1 else 1)):
        path = (f"v{a}", f"w{b}" if dice.random() < 0.3 else f"v{a}w{b}")[:depth]
        for _ in range(int(dice.expovariate(1 / dice.choice((6, 25, 80)))) + K):
            mask = 0
            for bit in range(segments):
                like = alike[bit] > 0 and other[bit] < bit
                holds = bool(mask >> other[bit] & 1) != turned[bit] if like else dice.random() < share[bit]
                mask |= (holds != (like and dice.random() < alike[bit])) << bit
            found[path, mask] = found.get((path, mask), 0) + 1
    return found


class World:
    """What is told of one table. rule: that of the house, k 1 where it is off."""

    def __init__(
        self, table: Table, segments: int, depth: int, rule: Rule, known: Mapping[int, Collection[Value]] | None = None
    ) -> None:
        self.table, self.depth = table, depth
        self.values = {path[:level] for path, _ in table for level in range(depth + 1)}
        self.shown: dict[tuple[int, int, str], int] = {}
        told = [{path[level] for path in self.values if len(path) > level} for level in range(depth)]
        number = itertools.count(1)
        leaves: dict[Path, dict[int, list[Who]]] = defaultdict(dict)
        for (path, mask), people in table.items():
            mine = frozenset(itertools.islice(number, people))
            leaves[path][mask] = [Who(mine, mine)]
        chain = Chain([*map(str, range(depth))], [Leaf(*one) for one in leaves.items()], told, rule, known or {})
        self.segments: list[int] = []
        self.chain = chain
        for bit in range(segments):
            look = chain.looked_at(bit)
            if look is None or self.sum(0, "", bit) < rule.k:
                continue
            self.segments.append(bit)
            for dimension, values in chain.take(look).items():
                for value in values:
                    self.shown[bit, int(dimension) + 1, value] = self.sum(int(dimension) + 1, value, bit)

    def among(self, level: int, value: str, bit: int | None = None) -> list[tuple[Path, int]]:
        return [
            (path, mask)
            for path, mask in self.table
            if (not level or path[level - 1] == value) and (bit is None or mask >> bit & 1)
        ]

    def sum(self, level: int, value: str, bit: int | None = None) -> int:
        return sum(self.table[one] for one in self.among(level, value, bit))

    def numbers(self) -> Iterator[list[tuple[Path, int]]]:
        """Of each number that is told the atoms it is a sum of."""
        every = {(len(path), path[-1]) if path else (0, "") for path in self.values}
        yield from (self.among(*value) for value in every)
        yield from (self.among(0, "", bit) for bit in self.segments)
        yield from (self.among(level, value, bit) for (bit, level, value), many in self.shown.items() if many)

    def wanted(self) -> Iterator[list[tuple[Path, int]]]:
        """Groups of too few people, of whom somebody might want to know: of a value, who is in a segment and not in
        another, in neither, in both, or in one, and not in it."""
        places = {(level, path[level - 1]) for path, _ in self.table for level in range(1, self.depth + 1)} | {(0, "")}
        for level, value in places:
            among = self.among(level, value)
            for one, other in itertools.combinations_with_replacement(self.segments, 2):
                groups = defaultdict(list)
                for path, mask in among:
                    groups[mask >> one & 1, mask >> other & 1].append((path, mask))
                yield from (group for group in groups.values() if sum(self.table[each] for each in group) < K)
        yield from ([one] for one, people in self.table.items() if people < K)


def pinned(world: World) -> int:
    """Of how many groups of too few people he knows how many they are."""
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    variables = {one: model.addVariable(lb=0) for one in world.table}
    for among in world.numbers():
        model.addConstr(sum(variables[one] for one in among) == sum(world.table[one] for one in among))
    found = 0
    for group in {frozenset(group) for group in world.wanted()}:
        model.minimize(sum(variables[one] for one in group))
        least = model.getObjectiveValue()
        model.maximize(sum(variables[one] for one in group))
        found += model.getObjectiveValue() - least < 1e-6
    return found


def _of_all(rule: Rule, tables: int, segments: int, depth: int) -> tuple[int, int, int]:
    """How many groups are pinned that are not without segments, and how many numbers are told of how many."""
    won = shown = every = 0
    for seed in range(tables):
        dice = random.Random(1000 * segments + 100_000 * depth + seed)
        table = table_of(dice, segments, depth)
        world = World(table, segments, depth, rule)
        every += sum(
            1 for bit in range(segments) for value in world.values if value and world.sum(len(value), value[-1], bit)
        )
        shown += len([one for one in world.shown.values() if one])
        won += pinned(world) > 0
    return won, shown, every


@pytest.mark.parametrize(("segments", "depth"), [(1, 1), (2, 1), (4, 1), (2, 2), (4, 2)])
def test_nothing_follows(segments: int, depth: int) -> None:
    won, shown, every = _of_all(Rule(K, K), 40, segments, depth)
    print(segments, depth, won, shown, every)
    assert won == 0


@pytest.mark.parametrize(("segments", "depth"), [(1, 1), (4, 1), (4, 2)])
def test_it_does_without(segments: int, depth: int) -> None:
    won, shown, every = _of_all(Rule(1, 1), 40, segments, depth)
    print(segments, depth, won, shown, every)
    assert won > 5
