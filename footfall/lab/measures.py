"""What a set of settings costs in privacy and in accuracy: the measures, as plain arithmetic.

In: sets and counts of one day. Out: figures, added up over days. Promises: nothing here knows an address or an agent:
people and rows are numbers, and what is stored of them is an opaque combination.
Definitions: El Emam, Guide to the De-Identification of Personal Health Information (2013), for the risks.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import TypeVar

from msgspec import Struct, field

# Whoever shares a combination with 49 others is hidden well enough to need no finer steps.
_STEPS = ((1, "1"), (4, "2–4"), (9, "5–9"), (49, "10–49"))
_MOST = "50 or more"

# What is stored of a visitor; the measures only ask whether two are the same.
Combination = TypeVar("Combination", bound=Hashable)


class Classes(Struct, frozen=True):
    """Equivalence classes: visitor-days of one day that are alike in everything stored about the visitor.

    smallest, p1, p5, median: class size, over visitor-days (5 % of them are in a class of at most p5).
    below: share of visitor-days in a class of fewer than k, by k. sizes: share by steps of size.
    prosecutor_worst, prosecutor_average: chance to name the row of somebody known to be there, whose combination is
    known: 1 / class size. marketer: share of all rows that are named rightly when everybody is tried: classes / rows.
    entropy_bits: of `possible_bits` that would tell every visitor-day of a day apart. expected_set: the size of the
    class that a visitor-day chosen at random is in.
    """

    visitor_days: int
    classes: int
    smallest: int
    p1: int
    p5: int
    median: int
    unique: float
    below: dict[int, float]
    sizes: dict[str, float]
    prosecutor_worst: float
    prosecutor_average: float
    marketer: float
    entropy_bits: float
    possible_bits: float
    expected_set: float


def classes_of(days: Sequence[Mapping[int, int]], ks: Iterable[int]) -> Classes:
    """The figures of classes given as {size: number of classes of that size} for each day."""
    total = Counter[int]()
    for day in days:
        total.update(day)
    rows = sum(size * number for size, number in total.items())
    classes = sum(total.values())
    if not rows:
        return Classes(0, 0, 0, 0, 0, 0, 0.0, dict.fromkeys(ks, 0.0), {}, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    sizes = dict.fromkeys([name for _, name in _STEPS] + [_MOST], 0.0)
    for size, number in total.items():
        sizes[next((name for most, name in _STEPS if size <= most), _MOST)] += size * number / rows
    smallest = min(total)
    # Every row is weighed alike, so a day counts for as much as it has visitors.
    entropy = sum(_entropy_sum(day) for day in days) / rows
    possible = sum(n * math.log2(n) for n in (_rows(day) for day in days) if n) / rows
    return Classes(
        visitor_days=rows,
        classes=classes,
        smallest=smallest,
        p1=_quantile(total, rows, 0.01),
        p5=_quantile(total, rows, 0.05),
        median=_quantile(total, rows, 0.5),
        unique=total.get(1, 0) / rows,
        below={k: sum(size * number for size, number in total.items() if size < k) / rows for k in ks},
        sizes=sizes,
        prosecutor_worst=1 / smallest,
        # Σ over rows of 1/size is 1 for each class: the average chance is the marketer's share, by arithmetic.
        prosecutor_average=classes / rows,
        marketer=classes / rows,
        entropy_bits=entropy,
        possible_bits=possible,
        expected_set=sum(size * size * number for size, number in total.items()) / rows,
    )


def _rows(day: Mapping[int, int]) -> int:
    return sum(size * number for size, number in day.items())


def _entropy_sum(day: Mapping[int, int]) -> float:
    """Shannon entropy of a day's classes in bits, times the day's rows."""
    rows = _rows(day)
    return sum(number * size * math.log2(rows / size) for size, number in day.items())


def _quantile(sizes: Mapping[int, int], rows: int, share: float) -> int:
    """The smallest class size that at least this share of the rows does not exceed."""
    reached = 0
    for size in sorted(sizes):
        reached += size * sizes[size]
        if reached >= share * rows:
            return size
    return max(sizes)


class Linking(Struct):
    """Following people from one day to the next by what is stored. Sums over `returning` visitor-days."""

    returning: int = 0
    linked: float = 0.0
    guessed: float = 0.0

    @property
    def success(self) -> float:
        return self.linked / self.returning if self.returning else 0.0

    @property
    def guess(self) -> float:
        return self.guessed / self.returning if self.returning else 0.0

    @property
    def advantage(self) -> float:
        return self.success - self.guess


def link(
    before: Mapping[int, Combination], after: Mapping[int, Combination], classes: Mapping[Combination, int]
) -> Linking:
    """One pair of days. before, after: people → their combination. classes: combination → rows of it on the later day.

    The attacker holds the row of somebody who came back and picks one of the next day's rows with the same combination;
    where there is none, any. Guessing picks any.
    """
    found, rows = Linking(), sum(classes.values())
    for person, combination in before.items():
        now = after.get(person)
        if now is None:
            continue
        found.returning += 1
        found.guessed += 1 / rows
        size = classes.get(combination, 0)
        if not size:
            found.linked += 1 / rows
        elif now == combination:
            found.linked += 1 / size
    return found


class Counting(Struct):
    """People (whole address and agent) against visitor numbers. Sums over days; errors: percent, day by day.

    merged: people who share a visitor number with another. lost: what the count lacks because of it, which is less: of
    two people merged, two are merged and one is lost. split: people who got more than one number.
    """

    people: int = 0
    visitors: int = 0
    merged: int = 0
    lost: int = 0
    split: int = 0
    errors: list[float] = field(default_factory=list)

    @property
    def error_percent(self) -> float:
        return _percent(self.visitors, self.people)

    @property
    def merge_rate(self) -> float:
        return self.merged / self.people if self.people else 0.0

    def add(self, day: Counting) -> None:
        self.people += day.people
        self.visitors += day.visitors
        self.merged += day.merged
        self.lost += day.lost
        self.split += day.split
        self.errors += day.errors


def count(pairs: Iterable[tuple[int, int]]) -> Counting:
    """One day, from the distinct (person, visitor number)."""
    numbers: dict[int, set[int]] = {}
    owners: dict[int, set[int]] = {}
    for person, visitor in pairs:
        numbers.setdefault(person, set()).add(visitor)
        owners.setdefault(visitor, set()).add(person)
    merged = {person for people in owners.values() if len(people) > 1 for person in people}
    return Counting(
        people=len(numbers),
        visitors=len(owners),
        merged=len(merged),
        lost=sum(len(people) - 1 for people in owners.values()),
        split=sum(len(mine) > 1 for mine in numbers.values()),
        errors=[_percent(len(owners), len(numbers))] if numbers else [],
    )


def _percent(counted: int, true: int) -> float:
    return 100 * (counted - true) / true if true else 0.0
