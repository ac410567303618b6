"""An attacker who reads who of a segment reached a goal, with all that is told of segments, of the goal and of all
visitors, and solves for what is not."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from pipeline.rollup.rule import Rule
from pipeline.rollup.segments.goals import Judge
from tests.attacks.test_segments import K, Path, Table, World, pinned, table_of
from tests.conftest import times


class Reached(World):
    """The same with goals: the last bits. Their wholes are told, and of each segment who reached it."""

    def __init__(self, table: Table, segments: int, goals: int, depth: int, judged: bool) -> None:
        rule, bits = Rule(K, K), range(segments, segments + goals)
        super().__init__(table, segments, depth, rule, dict.fromkeys(bits, ()))
        self.goals = [bit for bit in bits if self._is_enough(self.among(0, "", bit))]
        judge = Judge([self.chain], self.segments, self.goals, rule)
        self.both = [
            (segment, goal)
            for segment in self.segments
            for goal in self.goals
            if self._is_enough(self.of(segment, goal)) and (not judged or judge.takes(segment, goal))
        ]
        self.segments_alone, self.segments = self.segments, [*self.segments, *self.goals]

    def of(self, segment: int, goal: int) -> list[tuple[Path, int]]:
        return [(path, mask) for path, mask in self.among(0, "", segment) if mask >> goal & 1]

    def numbers(self) -> Iterator[list[tuple[Path, int]]]:
        yield from super().numbers()
        yield from (self.of(*one) for one in self.both)

    def _is_enough(self, among: list[tuple[Path, int]]) -> bool:
        return sum(self.table[one] for one in among) >= K


def attacked(tables: int, segments: int, goals: int, depth: int, judged: bool) -> tuple[int, int]:
    """In how many tables something follows that does not without these numbers; and how many these are."""
    won = told = 0
    for seed in range(tables):
        dice = random.Random(7000 + seed)
        world = Reached(table_of(dice, segments + goals, depth), segments, goals, depth, judged)
        told += len(world.both)
        if world.both:
            after = pinned(world)
            world.both = []
            won += after > pinned(world)
    return won, told


@pytest.mark.parametrize(("segments", "goals", "depth"), [(1, 1, 1), (2, 2, 1), (2, 1, 2)])
def test_nothing_follows(segments: int, goals: int, depth: int, record_property: Any) -> None:
    won, told = attacked(max(60, times(120)), segments, goals, depth, judged=True)
    record_property("attack", f"goals of segments: of {told} numbers {won} tables give somebody away")
    assert won == 0
    assert told > 15


@pytest.mark.parametrize(("segments", "goals", "depth"), [(1, 1, 1), (2, 2, 1)])
def test_it_does_without(segments: int, goals: int, depth: int, record_property: Any) -> None:
    won, told = attacked(40, segments, goals, depth, judged=False)
    record_property("attack", f"goals of segments, not judged: of {told} numbers {won} tables give somebody away")
    assert won > 4
