"""What numbers of overlapping groups tell, against all groups that there are, by fractions."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterable, Sequence
from fractions import Fraction

from pipeline.rollup.rule import Rule, Who
from pipeline.rollup.suppression.parity import Crowd
from pipeline.rollup.suppression.spans import follows, made_of

RULE = Rule(3, 1)


def rank(rows: Iterable[Sequence[int]]) -> int:
    left = [[*map(Fraction, row)] for row in rows]
    found = 0
    while left and left[0]:
        place = next((row for row in left if row[0]), None)
        if place is not None:
            left.remove(place)
            left = [[a - row[0] / place[0] * b for a, b in zip(row, place, strict=True)] for row in left]
            found += 1
        left = [row[1:] for row in left]
    return found


def is_told(known: Sequence[Sequence[int]], new: Sequence[int], places: Iterable[int]) -> bool:
    """Whether there is a combination with `new` that is zero at these places."""
    kept = [*places]
    rows = [[row[place] for place in kept] for row in (*known, new)]
    return rank(rows) == rank(rows[:-1])


def test_a_number_is_of_too_few_where_any_group_of_too_few_follows() -> None:
    dice = random.Random(5)
    said = set()
    for _ in range(250):
        bits = dice.randint(2, 5)
        masks = dice.sample(range(2**bits), min(2**bits, dice.randint(2, 7)))
        many = {mask: dice.choice((1, 1, 2, 3)) for mask in masks}
        who = {mask: [Who(frozenset(range(10 * mask, 10 * mask + many[mask])), frozenset((1,)))] for mask in masks}
        new, *known = dice.sample(range(bits), dice.randint(1, bits))
        row, *rows = ([mask >> bit & 1 for mask in masks] for bit in (new, *known))
        rows.append([1] * len(masks))
        none = is_told(rows, row, range(len(masks)))
        few = any(
            is_told(rows, row, [place for place in range(len(masks)) if place not in group])
            for size in range(len(masks))
            for group in itertools.combinations(range(len(masks)), size)
            if sum(many[masks[place]] for place in group) < RULE.k
        )
        made = made_of(Crowd(who), known, new, RULE, 10_000)
        assert follows(Crowd(who), known, new) == made.follows == none
        assert RULE.are_enough(made.who) == (not few and not none)
        said.add((none, few))
    assert said == {(False, False), (False, True), (True, True)}
