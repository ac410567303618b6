"""Twins against everybody's own story in plain Python."""

from __future__ import annotations

import random
from collections import defaultdict
from typing import Any

from msgspec import Struct

from pipeline.rollup.cells import twins
from pipeline.rollup.rule import Rule
from tests.conftest import times

RULE = Rule(3, 2)
BITS = 3


class Person(Struct):
    values: list[str]
    mask: int
    network: int


def crowd(dice: random.Random, many: bool, alike: float = 0.93, most: int = 40) -> list[Person]:
    """Of some who mostly do what belongs to their value. many: some have several visits."""
    habits = {value: dice.randrange(2**BITS) for value in "abc"[: dice.randint(2, 3)]}
    people = []
    for _ in range(dice.randint(3, most)):
        values = dice.choices([*habits], k=dice.choice((1, 1, 2)) if many else 1)
        mask = habits[values[0]] if dice.random() < alike else dice.randrange(2**BITS)
        people.append(Person(values, mask, dice.randint(1, 12)))
    return people


def rows_of(people: list[Person]) -> list[tuple[Any, ...]]:
    """As the store counts them."""
    groups: defaultdict[tuple[str, int, bool], list[Person]] = defaultdict(list)
    for one in people:
        for value in {*one.values}:
            groups[value, one.mask, len(one.values) > 1].append(one)
    return [(*key, len(mine), {one.network for one in mine}) for key, mine in groups.items()]


def enough(people: list[Person]) -> bool:
    return RULE.enough(len(people), len({one.network for one in people}))


def is_part(people: list[Person], value: str) -> bool:
    """Whether enough have it, and enough another one."""
    others = [one for one in people if {*one.values} - {value}]
    return enough([one for one in people if value in one.values]) and enough(others)


def are_twins(people: list[Person], value: str, bit: int) -> bool:
    same = [one for one in people if (value in one.values) == bool(one.mask >> bit & 1)]
    return not (enough(same) and enough([one for one in people if one not in same]))


def found(people: list[Person], bit: int) -> set[object]:
    values = twins.Values(bit)
    for row in rows_of(people):
        values.add(*row)
    return {*values.twins(RULE)}


def test_those_are_twins_in_which_few_differ() -> None:
    dice = random.Random(56)
    seen = 0
    for number in range(times(300)):
        people = crowd(dice, many=bool(number % 2))
        told = {value for value in "abc" if is_part(people, value)}
        for bit in range(BITS):
            expected = {value for value in told if are_twins(people, value, bit)}
            seen += len(expected)
            if number % 2:
                assert found(people, bit) >= expected
            else:
                assert found(people, bit) == expected
    assert seen > 50


def test_none_is_missed_where_not_all_is_looked_at() -> None:
    dice = random.Random(57)
    closed = 0
    for _ in range(times(300)):
        people = crowd(dice, many=True, alike=dice.choice((0.2, 0.9)), most=200)
        alone = [(0, "page", *row) for row in rows_of(people) if not row[2] and RULE.enough(row[3], len(row[4]))]
        left = twins._open([2**BITS - 1], ["page"], alone)[0, "page"]
        for bit in range(BITS):
            if not left >> bit & 1:
                closed += 1
                assert not any(are_twins(people, value, bit) for value in "abc")
    assert closed > 50
