"""Who knows whom pages were slow for looks at conversion rates by bands of web vitals: did he buy?"""

from __future__ import annotations

import itertools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence

import highspy
import pytest

from pipeline.rollup.rule import Rule
from pipeline.rollup.suppression.conversion_by_speed import UNMEASURED, Group, Row, rows_of
from schema.experience import BANDS, TOGETHER
from schema.store import Store
from tests.attacks.solver import bounds_of
from tests.conftest import times
from tests.together import Test, together

from .house import House

pytestmark = pytest.mark.slow
K = 5
DEVICES, EVERY, GOALS = ("desktop", "mobile", "tablet"), (*BANDS, UNMEASURED), ("Buy", "Sign up")
# Somebody: his band, his device, and the goals that he reached.
Person = tuple[str, str, frozenset[str]]
# A number that he would like to know: of a goal, a device and a band how many reached it (True), or did not.
Unknown = tuple[str, str, str, bool]


def crowd(chance: random.Random) -> list[Person]:
    people = []
    shares = chance.random(), chance.random(), 0.3 * chance.random()
    rates = {goal: chance.choice((0.1, 0.2, 0.4, 0.6, 0.9)) for goal in GOALS}
    for band in EVERY:
        size = chance.choice((40, 150, 400) if band == "good" else (0, 0, 4, 30, 60, 100, 250)) + chance.randrange(4)
        by_band = chance.choice((0, 0.3, 0.7, 1, 1, 1))
        for device in chance.choices(DEVICES, weights=shares, k=size):
            goals = frozenset(goal for goal in GOALS if chance.random() < rates[goal] * by_band)
            people.append((band, device, goals))
    return people


def truth(people: Iterable[Person]) -> Counter[Unknown]:
    return Counter((goal, device, band, goal in goals) for band, device, goals in people for goal in GOALS)


def shown(people: Sequence[Person], rule: Rule) -> list[Row]:
    """By the rule, each person from a network of his own."""
    numbers = itertools.count()
    alike: defaultdict[Person, list[int]] = defaultdict(list)
    for person in people:
        alike[person].append(next(numbers))
    groups: dict[str, dict[str, list[Group]]] = {"": {"": []}, "device": {device: [] for device in DEVICES}}
    for (band, device, goals), its in alike.items():
        group = Group(band, goals, len(its), frozenset(its))
        groups[""][""].append(group)
        groups["device"][device].append(group)
    return rows_of("lcp", groups, GOALS, rule)


def shown_each_by_itself(of: Counter[Unknown]) -> list[Row]:
    """What a rule would show that looks at a band alone: k people in it, and k of them reached the goal."""
    found: list[Row] = []
    for goal, band, device in itertools.product(GOALS, BANDS, ("", *DEVICES)):
        reached, missed = (sum(of[goal, one, band, yes] for one in _devices(device)) for yes in (True, False))
        if reached >= K:
            found.append(("device" if device else "", device, "lcp", goal, band, reached + missed, reached))
    return found


def _devices(device: str) -> tuple[str, ...]:
    return (device,) if device else DEVICES


class Solver:
    """Linear programs over the rates, and over what is told of goals, vitals and visitors, of devices where it is of k
    people."""

    def __init__(self, of: Counter[Unknown], rows: Iterable[Row]) -> None:
        self._places = {key: n for n, key in enumerate(itertools.product(GOALS, DEVICES, EVERY, (True, False)))}
        self._model = highspy.Highs()
        self._model.setOptionValue("output_flag", False)
        for _ in self._places:
            self._model.addVar(0, 10_000)
        first, sides = GOALS[0], (True, False)
        for goal, device in itertools.product(GOALS, ("", *DEVICES)):
            for bands, which in ((EVERY, (True,)), (BANDS, sides), (EVERY, sides)):
                self._told(of, [*itertools.product((goal,), _devices(device), bands, which)], always=not device)
        # The people of a band are the same, whatever the goal.
        for goal, device, band in itertools.product(GOALS[1:], DEVICES, EVERY):
            self._sum([(goal, device, band, yes) for yes in sides], [(first, device, band, yes) for yes in sides])
        for _, value, _, goal, band, people, converters in rows:
            bands = band.split(TOGETHER)
            self._sum([*itertools.product((goal,), _devices(value), bands, (True,))], total=converters)
            self._sum([*itertools.product((goal,), _devices(value), bands, sides)], total=people)

    def _told(self, of: Counter[Unknown], keys: Sequence[Unknown], always: bool) -> None:
        total = sum(of[key] for key in keys)
        if always or total >= K:
            self._sum(keys, total=total)

    def _sum(self, keys: Sequence[Unknown], less: Sequence[Unknown] = (), total: int = 0) -> None:
        places = [self._places[key] for key in (*keys, *less)]
        signs = [1.0] * len(keys) + [-1.0] * len(less)
        self._model.addRow(total, total, len(places), places, signs)

    def is_pinned(self, keys: Sequence[Unknown], right: int) -> bool:
        """Whether their sum can be one number only."""
        lowest, highest = bounds_of(self._model, (self._places[key] for key in keys))
        least, most = math.ceil(lowest - 1e-6), math.floor(highest + 1e-6)
        assert least <= right <= most, "he understands what he reads"
        return least == most

    def learns(self, of: Counter[Unknown]) -> set[tuple[object, ...]]:
        """Of whom there are fewer than k, and he knows how many: of those in a band who reached the goal, of those who
        did not (also nobody, where others are in the band: then he knows it of all these), and of both together."""
        found = set()
        for goal, device, band, yes in itertools.product(
            GOALS, ("", *DEVICES), EVERY, ((True,), (False,), (True, False))
        ):
            keys = [*itertools.product((goal,), _devices(device), (band,), yes)]
            number, everybody = (
                sum(of[*key[:3], which] for key in keys[:: len(yes)] for which in those)
                for those in (yes, (True, False))
            )
            if number < K and everybody and self.is_pinned(keys, number):
                found.add((goal, device, band, yes))
        return found


def test_nobody_pins_fewer_than_k_who_converted_or_did_not(report: Callable[[str, str], None]) -> None:
    rows = pinned = without = told = 0
    for seed in range(max(40, times(80))):
        people = crowd(random.Random(seed))
        of = truth(people)
        its = shown(people, Rule(K, K))
        # What goals, vitals and visitors tell by themselves is no matter of these rates.
        anyway = Solver(of, ()).learns(of)
        pinned += len(Solver(of, its).learns(of) - anyway)
        without += len(Solver(of, shown_each_by_itself(of)).learns(of) - anyway)
        rows += len(its)
        told += bool(its)
    report("a solver", f"of {rows} rates of {told} crowds {pinned} numbers below k pinned, {without} band by band")
    assert rows > 50
    assert without > 50
    assert not pinned


def test_of_each_rate_k_people_of_k_networks_converted_and_did_not() -> None:
    """A padder from one network is one."""
    for seed, k in itertools.product(range(20), (1, 5, 9)):
        people = crowd(random.Random(seed))
        of = truth(people)
        for _, device, _, goal, band, visitors, converters in shown(people, Rule(k, k)):
            places = [*itertools.product((goal,), _devices(device), band.split(TOGETHER))]
            reached, missed = (sum(of[*place, yes] for place in places) for yes in (True, False))
            assert (visitors, converters) == (reached + missed, reached)
            assert k == 1 or min(reached, missed) >= k
    many = [*((band, "mobile", frozenset(goals)) for band in BANDS for goals in ((), GOALS) for _ in range(30))]
    assert shown(many, Rule(5, 30))
    assert not shown(many, Rule(5, 31))


def slow_and_fast(store: Store, k: int, slow: int, of_these: int) -> House:
    """Forty with fast pages, of whom eight sign up; and others with slow ones."""
    house = House(store, k)
    for visitor in range(40 + slow):
        is_slow = visitor >= 40
        house.visit(visitor, at=visitor)
        house.visit(visitor, at=visitor + 60, name="engagement", lcp=9000.0 if is_slow else 900.0)
        if visitor < 8 or 40 <= visitor < 40 + of_these:
            house.visit(visitor, at=visitor + 70, name="signup")
    return house


@pytest.mark.clickhouse
@together
def test_a_rate_of_all_of_a_band_is_not_told_and_does_not_follow(
    store: Store, report: Callable[[str, str], None]
) -> Test:
    """All six with slow pages have signed up: whoever knows one of them would know that of him."""
    house = slow_and_fast(store, k=5, slow=6, of_these=6)
    yield house.releasing()
    assert house.rows("goal")["Sign up"]["visitors"] == 14
    assert house.stats("experience")["rows"] == []
    report("who knows whom pages were slow for", "k = 5: no rate, also not of the others, who less all are these")


@pytest.mark.clickhouse
@together
def test_it_names_him_where_nothing_is_hidden(store: Store, report: Callable[[str, str], None]) -> Test:
    house = slow_and_fast(store, k=1, slow=6, of_these=6)
    yield house.releasing()
    (poor,) = house.stats("experience", "band==poor", "goal==Sign up", "vital==lcp")["rows"]
    assert (poor["visitors"], poor["converters"], poor["conversion_rate"]) == (6, 6, 100.0)
    report("who knows whom pages were slow for", "k = 1: he signed up, as all of them")


@pytest.mark.clickhouse
@together
def test_where_enough_did_and_did_not_rates_are_told(store: Store) -> Test:
    house = slow_and_fast(store, k=5, slow=12, of_these=6)
    yield house.releasing()
    rows = house.stats("experience", "vital==lcp")["rows"]
    columns = ("value", "goal", "band", "visitors", "converters", "conversion_rate")
    assert [tuple(row[name] for name in columns) for row in rows] == [
        ("lcp", "Sign up", "good", 40, 8, 20.0),
        ("lcp", "Sign up", "poor", 12, 6, 50.0),
    ]
