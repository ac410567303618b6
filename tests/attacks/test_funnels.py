"""Whoever solves for who dropped out of a funnel, or did a step otherwise, pins no number of one to k - 1 people.

Steps, values of a dimension, goals, pages and events are all linear in how many people got how far and did what.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import combinations

import highspy
import numpy as np
import pytest
from msgspec import Struct, structs

from pipeline.rollup.rule import Rule
from pipeline.rollup.suppression.funnel_drops import Group, followed, of_funnel, of_values
from pipeline.settings import SiteRules
from schema.funnel import Funnel, Step
from schema.store import Store
from tests.attacks.solver import bounds_of
from tests.conftest import times
from tests.pipeline.weeks import Weeks

from .house import House

K = 5
STEPS = 4
VALUES = ("DE", "FR", "IT")
# Two of the steps are goals, of which is told by value how many reached them.
GOALS = frozenset({3, 4})
# Who is of which value, how far he got, and which steps he did at all.
Kind = tuple[str, int, int]
Crowd = Counter[Kind]
Which = Callable[[Kind], bool]


class Published(Struct):
    """least, most: of the whole site how many reached a step; by_value: the same of values, exactly. did: by value
    ("" for all) and step how many did it at all."""

    least: dict[int, int]
    most: dict[int, int]
    by_value: dict[tuple[str, int], int]
    did: dict[tuple[str, int], int]


def reached(step: int, value: str = "") -> Which:
    return lambda kind: kind[1] >= step and value in ("", kind[0])


def did(step: int, value: str = "") -> Which:
    return lambda kind: bool(kind[2] >> (step - 1) & 1) and value in ("", kind[0])


def both(one: Which, other: Which) -> Which:
    return lambda kind: one(kind) and other(kind)


def without(one: Which, other: Which) -> Which:
    return lambda kind: one(kind) and not other(kind)


def many(crowd: Crowd, which: Which) -> int:
    return sum(people for kind, people in crowd.items() if which(kind))


def secrets(crowd: Crowd) -> Iterator[Which]:
    """Of whom there are one to k - 1: who dropped out between two steps, and who did a step and did not reach one."""
    for value in ("", *VALUES):
        pairs = combinations(range(1, STEPS + 1), 2)
        differences = [without(reached(before, value), reached(step, value)) for before, step in pairs]
        differences += [
            without(did(done, value), reached(step, value))
            for step in range(1, STEPS + 1)
            for done in range(1, step + 1)
        ]
        yield from (which for which in differences if 0 < many(crowd, which) < K)


class Attacker:
    """He knows the rules, which values there are, and that everybody is of one."""

    def __init__(self, published: Published) -> None:
        self._kinds = [
            (value, far, met)
            for value in VALUES
            for far in range(STEPS + 1)
            for met in range(2**STEPS)
            if met & (2**far - 1) == 2**far - 1
        ]
        self._model = highspy.Highs()
        self._model.setOptionValue("output_flag", False)
        for _ in self._kinds:
            self._model.addVar(0, 10_000)
        for step, least in published.least.items():
            self._told(reached(step), least, published.most[step])
        for (value, step), people in published.by_value.items():
            self._told(reached(step, value), people, people)
        for (value, step), people in published.did.items():
            self._told(did(step, value), people, people)

    def _told(self, which: Which, least: int, most: int) -> None:
        places = np.array([place for place, kind in enumerate(self._kinds) if which(kind)], np.int32)
        self._model.addRow(least, most, len(places), places, np.ones(len(places)))

    def bounds(self, which: Which) -> tuple[float, float]:
        return bounds_of(self._model, (place for place, kind in enumerate(self._kinds) if which(kind)))


def pinned(crowd: Crowd, published: Published) -> tuple[int, int]:
    """How many of the secrets he pins, and of how many."""
    attacker, count, all_ = Attacker(published), 0, 0
    for which in secrets(crowd):
        least, most = attacker.bounds(which)
        assert least - 1e-6 <= many(crowd, which) <= most + 1e-6, "he understands what he reads"
        count, all_ = count + (most - least < 1 - 1e-6), all_ + 1
    return count, all_


def some_crowd(rng: random.Random) -> Crowd:
    """Of three countries, some small; on the way some drop out, and some do steps on their own."""
    crowd: Crowd = Counter()
    going = [rng.choice((0.5, 0.8, 0.9, 0.95, 1.0)) for _ in range(STEPS)]
    otherwise = rng.choice((0.0, 0.02, 0.1))
    for value in VALUES:
        for _ in range(rng.choice((3, 12, 30, 80))):
            far = next((step for step, share in enumerate(going) if rng.random() > share), STEPS)
            met = 2**far - 1
            # What comes next without what was before is no next step: it has to be behind another one.
            met |= sum(2**step for step in range(far, STEPS) if rng.random() < otherwise)
            crowd[value, far, met] += 1
    return crowd


def told(crowd: Crowd, rule_on: bool) -> Published:
    """What is shown of it. Without the rule each step is that k people reached."""
    groups: dict[str, list[Group]] = {value: [] for value in ("", *VALUES)}
    for number, ((value, far, met), people) in enumerate(crowd.items()):
        networks = frozenset(range(1000 * number, 1000 * number + people))
        for of in ("", value):
            groups[of].append(Group(far, met, people, networks))
    all_steps, rule = frozenset(range(1, STEPS + 1)), Rule(K, K)
    by_value: dict[tuple[str, int], int] = {}
    done = {("", step): many(crowd, did(step)) for step in all_steps}
    for step in GOALS:  # rule R3: beside a rare one the smallest of the others is hidden
        of_value = {value: people for value in VALUES if (people := many(crowd, did(step, value)))}
        enough = sorted((people, value) for value, people in of_value.items() if people >= K)
        hides = len(enough) < len(of_value)
        done |= {(value, step): people for people, value in enough[hides:]}
    done = {one: people for one, people in done.items() if people >= K}
    if not rule_on:
        every = [(value, step) for value in VALUES for step in all_steps if many(crowd, reached(step, value)) >= K]
        exact = [step for step in all_steps if many(crowd, reached(step)) >= K]
        by_value = {(value, step): many(crowd, reached(step, value)) for value, step in every}
        people = {step: many(crowd, reached(step)) for step in exact}
        return Published(people, people, by_value, done)
    everybody = groups.pop("")
    whole = of_funnel({"": {"": everybody}, "country": groups}, STEPS, {"": all_steps, "country": GOALS}, rule)
    known = followed(everybody, whole.exact, GOALS)
    shown, steps = of_values(groups, frozenset(VALUES), whole.exact, known, GOALS, rule)
    for value in shown:
        for step in steps:
            by_value[value, step] = many(crowd, reached(step, value))
    least = {step: many(crowd, reached(step)) for step in whole.exact}
    most = least | {step: people + K - 1 for step, people in whole.least.items()}
    return Published(least | whole.least, most, by_value, done)


@pytest.mark.slow
def test_no_drop_of_fewer_than_k_follows(report: Callable[[str, str], None]) -> None:
    rng = random.Random(38)
    crowds = [some_crowd(rng) for _ in range(max(10, times(60)))]
    on = [pinned(crowd, told(crowd, True)) for crowd in crowds]
    off = [pinned(crowd, told(crowd, False)) for crowd in crowds]
    all_ = sum(count for _, count in on)
    assert all_ > 5 * len(crowds), "there is somebody to find"
    shown = [told(crowd, True) for crowd in crowds]
    assert sum(len(one.by_value) for one in shown) > len(crowds), "values are shown, too"
    found, before = sum(count for count, _ in on), sum(count for count, _ in off)
    report("who solves for drops of funnels", f"of {all_} numbers below k {found} pinned; without the rule {before}")
    assert before > all_ / 5
    assert found == 0


DOING = {1: {"path": "/a"}, 2: {"path": "/b"}, 3: {"name": "signup"}, 4: {"name": "purchase"}}
DAYS = 3


@pytest.fixture(scope="module")
def product(store: Store) -> list[tuple[Crowd, Published]]:
    """Days of a site that were closed: who came, and what everybody can read."""
    rng, house = random.Random(5), Weeks(store, SiteRules(K, 30, "balanced", networks=K))
    steps = (Step(page="/a"), Step(page="/b"), Step(goal="Sign up"), Step(goal="Buy"))
    house.site = structs.replace(house.site, funnels=(Funnel("Shop", steps),))
    crowds = [some_crowd(rng) for _ in range(DAYS)]
    for day, crowd in enumerate(crowds):
        for visitor, (value, far, met) in enumerate(crowd.elements(), start=1):
            # What was done otherwise was done before.
            otherwise = [step for step in range(STEPS, far, -1) if met >> (step - 1) & 1]
            hits = [{"path": "/"}, *(DOING[step] for step in (*otherwise, *range(1, far + 1)))]
            for hit in hits:
                house.visit(day, visitor, **({"country": value} | hit))
    house.close(after=DAYS - 1)
    return [(crowd, read(house, day)) for day, crowd in enumerate(crowds)]


def read(house: Weeks, day: int) -> Published:
    given = {"site": house.site.key, "day": house.day(day)}
    where = "WHERE site = {site:String} AND day = {day:Date} AND grain = 'day'"
    least, most, by_value, done = {}, {}, {}, {}
    rows = house.store.rows(f"SELECT dimension, value, step, people, unsure FROM released_funnels {where}", given)
    for dimension, value, step, people, unsure in rows:
        if dimension == "country":
            assert not unsure
            by_value[value, step] = people
        elif not dimension:
            least[step], most[step] = people, people + unsure
    for goal, step in (("Sign up", 3), ("Buy", 4)):
        rows = house.store.rows(
            f"SELECT value, converters FROM released_conversions {where} AND goal = {{goal:String}} "
            "AND dimension IN ('', 'country') AND value != '(other)'",
            given | {"goal": goal},
        )
        done |= {(value, step): people for value, people in rows}
    rows = house.store.rows(f"SELECT value, visitors FROM released_cells {where} AND dimension = 'page'", given)
    done |= {("", {"/a": 1, "/b": 2}[page]): people for page, people in rows if page in ("/a", "/b")}
    return Published(least, most, by_value, done)


@pytest.mark.slow
@pytest.mark.clickhouse
def test_nor_does_any_from_what_the_product_releases(product: list[tuple[Crowd, Published]]) -> None:
    for crowd, published in product:
        assert published.least, "something is told"
        count, all_ = pinned(crowd, published)
        assert all_
        assert count == 0
    assert any(published.by_value for _, published in product)


@pytest.mark.slow
@pytest.mark.clickhouse
def test_what_the_product_calls_exact_is_and_bounds_hold(product: list[tuple[Crowd, Published]]) -> None:
    for crowd, published in product:
        for step, least in published.least.items():
            assert least <= many(crowd, reached(step)) <= published.most[step]
        for (value, step), people in published.by_value.items():
            assert people == many(crowd, reached(step, value))
        for (value, step), people in published.did.items():
            assert people == many(crowd, did(step, value))


def test_people_of_one_network_are_one() -> None:
    """Six drop out, of one network, so it is not told how many."""
    everybody = [Group(2, 3, 20, frozenset(range(20))), Group(1, 1, 6, frozenset([100]))]
    assert of_funnel({"": {"": everybody}}, 2, {"": frozenset({1, 2})}, Rule(K, K)).exact == [1]
    assert of_funnel({"": {"": everybody}}, 2, {"": frozenset({1, 2})}, Rule(K, 1)).exact == [1, 2]


@pytest.mark.slow
@pytest.mark.clickhouse
def test_each_step_of_an_open_day_goes_on_by_k_newcomers_of_its_own(store: Store) -> None:
    """Twenty begin, of whom ten go on; then ten and four; then twice ten and ten. He looks after each quarter."""
    house = House(store, K, funnels=(Funnel("Shop", (Step(page="/a"), Step(page="/b"))),))
    seen: list[dict[int, int]] = []
    visitor = 0
    for wave, (begin, further) in enumerate(((20, 10), (10, 4), (10, 10), (10, 10))):
        for place in range(begin):
            visitor += 1
            given = {"network_number": visitor, "at": 900 * wave + place}
            house.visit(visitor, "/a", **given)
            if place < further:
                house.visit(visitor, "/b", **given)
        house.wait(900 * (wave + 1) + 61)
        rows = house.store.rows(
            "SELECT step, people, unsure FROM open_funnels WHERE site = {s:String} AND dimension = ''",
            {"s": house.site.key},
        )
        seen.append({step: people for step, people, unsure in rows if not unsure})
    # What is shown is the snapshot before. The second step has none in the second quarter: four are too few.
    assert seen == [{}, {1: 20}, {1: 30, 2: 10}, {1: 40, 2: 24}]
