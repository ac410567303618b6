"""Who may declare funnels declares one for a day that is released, and subtracts what that day tells (rule N6)."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

import pipeline.adding.funnels
from dashboards.stats.report import Reports
from pipeline.adding.funnels import add_funnels
from pipeline.manifest import read_entries
from schema.funnel import Funnel, Step
from schema.site import Goal
from schema.store import Store
from tests.together import Test, together

from .house import NOON, House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

K = 5
# Of whom there are so many the pages that they see, one after the other; "" is half an hour and more between visits.
Ways = Sequence[tuple[int, Sequence[str]]]
PRICE, BUY = Step(page="/price"), Step(page="/buy")
KNOWN = Funnel("Known", (PRICE, BUY))


class Owner(House):
    """Visitors who go these ways; the day is over."""

    def __init__(
        self,
        store: Store,
        ways: Ways,
        goals: tuple[Goal, ...] = (),
        funnels: tuple[Funnel, ...] = (),
        countries: dict[int, str] | None = None,
    ) -> None:
        super().__init__(store, k=K)
        self.site = structs.replace(self.site, goals=goals, funnels=funnels, properties=())
        self.ways = [way for many, way in ways for _ in range(many)]
        hits: list[tuple[int, dict[str, Any]]] = []
        for visitor, way in enumerate(self.ways, start=1):
            at = visitor
            for path in way:
                at += 10 if path else 2000
                about = {"visitor": visitor, "path": path, "country": (countries or {}).get(visitor, "DE")}
                hits += [(at, about)] if path else []
        self.visits(sorted(hits, key=lambda hit: hit[0]))

    def declare(self, *funnels: Funnel, rule_on: bool = True) -> None:
        self.site = structs.replace(self.site, funnels=(*self.site.funnels, *funnels))
        self._reports = Reports(self.store, [self.site], clock=lambda: NOON + 200_000)
        with pytest.MonkeyPatch.context() as patch:
            if not rule_on:
                patch.setattr(pipeline.adding.funnels, "refused", lambda *_: frozenset())
            assert add_funnels(self.store, self.site, self.rules, NOON + 100_000, 60)

    def told(self, name: str, dimension: str = "", value: str = "") -> list[int]:
        """How many reached the steps of a funnel, of those that are told exactly; 0 of others."""
        found: dict[int, int] = {}
        for table in ("released", "late"):
            rows = self.store.rows(
                f"""SELECT step, people FROM {table}_funnels WHERE site = {{s:String}} AND funnel = {{f:String}}
                AND dimension = {{d:String}} AND value = {{v:String}} AND unsure = 0""",
                {"s": self.site.key, "f": name, "d": dimension, "v": value},
            )
            found |= dict(rows)
        return [found.get(step, 0) for step in range(1, max(found, default=0) + 1)]


with_the_rule_and_without = pytest.mark.parametrize("rule_on", [True, False], ids=["rule on", "rule off"])


@together
def test_what_tells_of_nobody_is_told(store: Store) -> Test:
    ways = [(12, ("/price", "/buy", "/thanks")), (8, ("/price", "/buy")), (10, ("/price",)), (10, ("/",))]
    owner = Owner(store, ways, (Goal("Buy", page="/buy"),), (KNOWN,))
    yield owner.releasing()
    owner.declare(Funnel("Later", (PRICE, BUY, Step(page="/thanks"))))
    assert owner.told("Later") == [30, 20, 12]
    assert read_entries(store, owner.site.key)[-1].rows > 3


@with_the_rule_and_without
@together
def test_who_did_it_in_two_visits(store: Store, rule_on: bool) -> Test:
    """The funnel of before is within a visit, the later one within the day."""
    ways = [(12, ("/price", "/buy")), (1, ("/price", "", "/buy")), (10, ("/price",)), (10, ("/",)), (7, ("/buy",))]
    owner = Owner(store, ways, (), (KNOWN,))
    yield owner.releasing()
    owner.declare(structs.replace(KNOWN, name="Later", within="day"), rule_on=rule_on)
    assert owner.told("Known") == [23, 12]
    assert owner.told("Later") == ([] if rule_on else [23, 13])


@with_the_rule_and_without
@pytest.mark.long
@together
def test_who_of_all_did_not(store: Store, rule_on: bool) -> Test:
    ways = [(15, ("/price", "/buy")), (14, ("/price",)), (1, ("/",))]
    owner = Owner(store, ways)
    yield owner.releasing()
    owner.declare(KNOWN, rule_on=rule_on)
    assert owner.told("Known") == ([] if rule_on else [29, 15])


@with_the_rule_and_without
@pytest.mark.long
@together
def test_a_goal_and_one_page_more(store: Store, rule_on: bool) -> Test:
    """A step that is a goal on one page more; the day tells how many have seen that page."""
    ways = [(12, ("/price", "/shop/a")), (1, ("/price", "/shop/b")), (10, ("/price",)), (10, ("/",))]
    owner = Owner(store, ways, (Goal("A", page="/shop/a"),))
    yield owner.releasing()
    owner.declare(Funnel("Later", (PRICE, Step(page="/shop/*"))), rule_on=rule_on)
    assert owner.told("Later") == ([] if rule_on else [23, 13])


@with_the_rule_and_without
@pytest.mark.long
@together
def test_which_country_one_of_many_is_from(store: Store, rule_on: bool) -> Test:
    """Within a day six more got there than within a visit; one of them is of a country of which both are told."""
    both = ("/price", "/buy")
    ways: Ways = [(20, both), (6, ("/price", "", "/buy")), (20, ("/price",)), (10, ("/",)), (10, ("/buy",))]
    french = {*range(1, 11), 26, *range(27, 37), *range(47, 52), *range(57, 62)}
    owner = Owner(store, ways, (), (KNOWN,), dict.fromkeys(french, "FR"))
    yield owner.releasing()
    owner.declare(structs.replace(KNOWN, name="Later", within="day"), rule_on=rule_on)
    assert (owner.told("Known"), owner.told("Later")) == ([46, 20], [46, 26])
    assert owner.told("Known", "country", "FR") == [21, 10]
    assert owner.told("Later", "country", "FR") == ([] if rule_on else [21, 11])


# -- many crowds -----------------------------------------------------------------------------------------------------


class Crowd(Owner):
    """Some see some of few pages in any order; goals and a funnel are there, and another funnel comes."""

    def __init__(self, store: Store, seed: int) -> None:
        chance = random.Random(seed)
        pages, ways = ("/price", "/buy", "/thanks", "/"), []
        usual = [chance.choices(pages, k=chance.randrange(1, 4)) for _ in range(3)]
        for _ in range(50):
            usual_one = chance.random() < chance.choice((0.7, 0.9, 0.97))
            ways.append((1, chance.choice(usual) if usual_one else chance.choices(pages, k=chance.randrange(1, 5))))
        goals = tuple(Goal(page, page=page) for page in chance.sample(pages[:3], chance.randrange(0, 3)))
        steps = [
            Funnel(name, tuple(Step(page=page) for page in chance.sample(pages, 2))) for name in ("Known", "Later")
        ]
        super().__init__(store, ways, goals, (steps[0],))
        self.later = steps[1]

    def reached(self, funnel: Funnel) -> list[set[int]]:
        """Who reached which step."""
        found: list[set[int]] = [set() for _ in funnel.steps]
        for visitor, way in enumerate(self.ways):
            rest = iter(way)
            for step, people in zip(funnel.steps, found, strict=True):
                if step.page not in rest:
                    break
                people.add(visitor)
        return found

    def leaks(self) -> list[tuple[int, int]]:
        """Of steps of the later one and what is known, how many are in one of both only, where a subtraction tells."""
        everybody = set(range(len(self.ways)))
        known = [
            everybody,
            *(
                people
                for people, told in zip(self.reached(self.site.funnels[0]), self.told("Known"), strict=False)
                if told
            ),
        ]
        known += [{one for one in everybody if goal.page in self.ways[one]} for goal in self.site.goals]
        later = [people for people, told in zip(self.reached(self.later), self.told("Later"), strict=False) if told]
        pairs = [(len(one - other), len(other - one)) for one in later for other in known]
        return [pair for pair in pairs if sum(pair) > 0 and all(many < K for many in pair)]


_MANY = [pytest.param(range(first, first + 6), marks=pytest.mark.long) for first in (2, 8, 14, 20)]


@pytest.mark.parametrize("seeds", [range(2), *_MANY], ids=str)
def test_no_step_is_what_is_told_but_for_few(store: Store, report: Any, seeds: range) -> None:
    told, leaking = Counter[bool](), Counter[bool]()
    crowds = [(rule_on, Crowd(store, seed)) for rule_on in (True, False) for seed in seeds]
    crowds[0][1].releasing().of(store, [crowd for _, crowd in crowds])
    for rule_on, crowd in crowds:
        crowd.declare(crowd.later, rule_on=rule_on)
        told[rule_on] += bool(crowd.told("Later"))
        leaking[rule_on] += bool(crowd.leaks())
    report(f"a later funnel, {len(seeds)} crowds: of which it is told, which leak", f"{dict(told)}, {dict(leaking)}")
    assert leaking[True] == 0
    if 0 in seeds:
        assert leaking[False]
