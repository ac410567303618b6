"""Who may declare properties declares one for a day that is released, and subtracts what that day tells (rule N6).

What he reads is what everybody may see who is signed in: the numbers of both.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Sequence
from itertools import chain, combinations
from typing import Any

import pytest
from msgspec import structs

import pipeline.adding.properties
from dashboards.stats.report import Reports
from pipeline.adding.properties import add_properties
from pipeline.manifest import read_entries
from schema.funnel import Funnel, Step
from schema.properties import NONE
from schema.site import Goal
from schema.store import Store
from tests.together import Test, together

from .house import NOON, House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

K = 5
# What an event is, but for who sends it and when.
Sent = dict[str, Any]


class Owner(House):
    """So many visitors who see a page each; the day is over. sent: what they do besides, by visitor."""

    def __init__(
        self,
        store: Store,
        sent: Iterable[tuple[int, Sent]],
        properties: tuple[str, ...] = ("url", "path"),
        goals: tuple[Goal, ...] = (),
        funnels: tuple[Funnel, ...] = (),
        people: int = 30,
    ) -> None:
        super().__init__(store, k=K)
        self.site = structs.replace(self.site, goals=goals, funnels=funnels, properties=properties)
        hits: list[tuple[int, dict[str, Any]]] = [(visitor, {"visitor": visitor}) for visitor in range(1, people + 1)]
        hits += [
            (100 + at, {"visitor": visitor, "name": "signup", **about}) for at, (visitor, about) in enumerate(sent)
        ]
        self.visits(hits)

    def declare(self, *properties: str, rule_on: bool = True) -> None:
        self.site = structs.replace(self.site, properties=(*self.site.properties, *properties))
        self._reports = Reports(self.store, [self.site], clock=lambda: NOON + 200_000)
        with pytest.MonkeyPatch.context() as patch:
            if not rule_on:
                patch.setattr(pipeline.adding.properties, "refused", lambda *_: frozenset())
            assert add_properties(self.store, self.site, self.rules, NOON + 100_000, 60)

    def told(self, name: str, number: str = "visitors", event: str = "signup") -> dict[str, int]:
        """A property's values."""
        rows = self.stats("properties")["rows"]
        return {row["value"]: row[number] for row in rows if (row["event"], row["property"]) == (event, name)}


with_the_rule_and_without = pytest.mark.parametrize("rule_on", [True, False], ids=["rule on", "rule off"])
# That he would win proves the attack, not the product: where another attack on the rule proves it, before a release.
with_the_rule = pytest.mark.parametrize(
    "rule_on", [True, pytest.param(False, marks=pytest.mark.long)], ids=["rule on", "rule off"]
)


def plans(pro: int, free: int, **more: Any) -> list[tuple[int, Sent]]:
    return [
        (visitor, {"props": {"plan": "pro" if visitor <= pro else "free"}, **more})
        for visitor in range(1, pro + free + 1)
    ]


@together
def test_what_tells_of_nobody_is_told(store: Store) -> Test:
    """A property that goes its own way beside another one, a goal on its event, and one on pages."""
    sent = plans(10, 12)
    for visitor, about in sent:
        about["props"] |= {"size": ("small", "large")[visitor % 2]}
    owner = Owner(store, sent, ("size",), (Goal("Sign up", event="signup"), Goal("Home", page="/")))
    yield owner.releasing()
    owner.declare("plan")
    assert owner.told("plan") == {"pro": 10, "free": 12}


@with_the_rule_and_without
@together
def test_another_property_that_is_the_same_but_for_one(store: Store, rule_on: bool) -> Test:
    sent = plans(10, 12)
    for visitor, about in sent:
        about["props"] |= {"tariff": "p" if visitor <= 11 else "f"}
    owner = Owner(store, sent, ("tariff",))
    yield owner.releasing()
    owner.declare("plan", rule_on=rule_on)
    before, later = owner.told("tariff"), owner.told("plan")
    assert before == {"p": 11, "f": 11}
    assert later == ({} if rule_on else {"pro": 10, "free": 12}), "he who is of p and not of pro"
    [entry] = [one for one in read_entries(store, owner.site.key) if one.properties == ["plan"]]
    assert bool(entry.rows) is not rule_on


@with_the_rule_and_without
@pytest.mark.long
@together
def test_the_same_property_by_another_name_hides_another_value(store: Store, rule_on: bool) -> Test:
    """Of `tariff` b goes along with a; of `plan` a is part of what is shown."""
    values = ["a"] * 2 + ["b"] * 6 + ["c"] * 9 + ["d"] * 9
    sent = [
        (visitor, {"props": {"tariff": one, "plan": {"a": "x", "b": "y", "c": "x", "d": "z"}[one]}})
        for visitor, one in enumerate(values, start=1)
    ]
    owner = Owner(store, sent, ("tariff",))
    yield owner.releasing()
    owner.declare("plan", rule_on=rule_on)
    assert owner.told("tariff") == {"c": 9, "d": 9}
    # x less c is a: two people.
    assert owner.told("plan").get("x") == (None if rule_on else 11)


@with_the_rule
@pytest.mark.parametrize(
    "goal",
    [
        Goal("Yearly", event="signup", properties={"yearly": "yes"}),
        pytest.param(Goal("Paid", revenue=True), marks=pytest.mark.long),
    ],
    ids=lambda goal: goal.name,
)
@together
def test_a_goal_that_one_of_them_did_not_reach(store: Store, goal: Goal, rule_on: bool) -> Test:
    """Of those of the plan all but one have the goal; nobody else has."""
    sent = plans(11, 12)
    for visitor, about in sent:
        if visitor <= 10:
            about["props"] |= {"yearly": "yes"}
            about |= {"currency": "EUR", "amount": 100}
    owner = Owner(store, sent, goals=(goal,))
    yield owner.releasing()
    owner.declare("plan", rule_on=rule_on)
    assert owner.rows("goal")[goal.name]["visitors"] == 10
    assert owner.told("plan") == ({} if rule_on else {"pro": 11, "free": 12})


@with_the_rule
@together
def test_a_page_and_one_view_more(store: Store, rule_on: bool) -> Test:
    """All articles of Ann's are the page /a, and one person saw another one, which is hidden."""
    about = [(visitor, "/a", "Ann") for visitor in range(1, 13)] + [(20, "/rare", "Ann")]
    about += [(visitor, "/b", "Bob") for visitor in range(12, 24)]
    about += [(visitor, "/hidden", "Bob") for visitor in (24, 25, 26, 27)]
    sent = [(one, {"name": "pageview", "path": path, "props": {"author": name}}) for one, path, name in about]
    owner = Owner(store, sent)
    yield owner.releasing()
    assert owner.rows("page")["/a"]["visitors"] == 12
    owner.declare("author", rule_on=rule_on)
    assert owner.told("author", event="pageview").get("Ann") == (None if rule_on else 13)


@with_the_rule_and_without
@pytest.mark.long
@together
def test_how_often_one_person_did(store: Store, rule_on: bool) -> Test:
    """As many people; that one of them sent another plan besides tells of events."""
    sent = plans(10, 12)
    for visitor, about in sent:
        about["props"] |= {"tariff": "p" if visitor <= 10 else "f"}
    sent.append((3, {"props": {"plan": "pro", "tariff": "f"}}))
    owner = Owner(store, sent, ("tariff",))
    yield owner.releasing()
    owner.declare("plan", rule_on=rule_on)
    assert owner.told("tariff", "events") == {"p": 10, "f": 13}
    assert owner.told("plan", "events") == ({} if rule_on else {"pro": 11, "free": 12})


@with_the_rule_and_without
@pytest.mark.long
@together
def test_who_reached_a_step(store: Store, rule_on: bool) -> Test:
    """A funnel tells how many saw the price and signed up then; of one plan all but one did."""
    way = Funnel("Way", (Step(page="/price"), Step(event="signup")))
    sent: list[tuple[int, Sent]] = [(one, {"name": "pageview", "path": "/price"}) for one in range(1, 21) if one != 11]
    sent += [(one, {"props": {"plan": "pro" if one <= 11 else "free"}}) for one in (*range(1, 12), *range(21, 30))]
    owner = Owner(store, sent, funnels=(way,))
    yield owner.releasing()
    owner.declare("plan", rule_on=rule_on)
    people = [row["people"] for row in owner.stats("funnels")["rows"]]
    assert people == [19, 10]
    assert owner.told("plan") == ({} if rule_on else {"pro": 11, "free": 9})


@with_the_rule_and_without
@pytest.mark.long
@together
def test_two_later_ones_are_held_against_each_other(store: Store, rule_on: bool) -> Test:
    sent = plans(10, 12)
    for visitor, about in sent:
        about["props"] |= {"tariff": "p" if visitor <= 11 else "f"}
    owner = Owner(store, sent)
    yield owner.releasing()
    owner.declare("tariff", rule_on=rule_on)
    owner.declare("plan", rule_on=rule_on)
    assert owner.told("tariff") == {"p": 11, "f": 11}
    assert bool(owner.told("plan")) is not rule_on


# -- many crowds -----------------------------------------------------------------------------------------------------


class Crowd(Owner):
    """Some sign up, some of them twice; of whom two properties are the same, or nearly."""

    def __init__(self, store: Store, seed: int) -> None:
        chance = random.Random(seed)
        same, values = chance.choice((0.5, 0.9, 0.97, 1.0)), chance.choice((2, 3, 6))
        self.events: list[tuple[int, dict[str, str]]] = []
        for visitor in range(1, 41):
            for _ in range(chance.choice((1, 1, 1, 2))):
                one = chance.randrange(values)
                other = one if chance.random() < same else chance.randrange(values)
                self.events.append(
                    (visitor, {"tariff": f"t{one}", "plan": f"p{other // 2 * 2 if seed % 2 else other}"})
                )
        super().__init__(store, [(visitor, {"props": props}) for visitor, props in self.events], ("tariff",), people=60)

    def leaks(self) -> list[tuple[Any, Any]]:
        """Sums of values of the later one that differ from sums of the other one by few people."""
        shown = {name: {*self.told(name)} for name in ("tariff", "plan")}
        if not shown["plan"]:
            return []
        classes = [
            (visitor, *(props[name] if props[name] in shown[name] else NONE for name in ("plan", "tariff")))
            for visitor, props in self.events
        ]
        found = []
        for plan in _some({plan for _, plan, _ in classes}):
            for tariff in _some({tariff for *_, tariff in classes}):
                differ = {visitor for visitor, mine, other in classes if (mine in plan) != (other in tariff)}
                if 0 < len(differ) < K:
                    found.append((plan, tariff))
        return found


def _some(values: set[str]) -> Iterable[Sequence[str]]:
    each = sorted(values)
    return chain.from_iterable(combinations(each, many) for many in range(1, len(each) + 1))


_MANY = [pytest.param(range(first, first + 6), marks=pytest.mark.long) for first in (2, 8, 14, 20)]


@pytest.mark.parametrize("seeds", [range(2), *_MANY], ids=str)
def test_no_sum_of_values_is_another_sum_but_for_few(store: Store, report: Any, seeds: range) -> None:
    told: dict[bool, int] = defaultdict(int)
    leaking: dict[bool, int] = defaultdict(int)
    crowds = [(rule_on, Crowd(store, seed)) for rule_on in (True, False) for seed in seeds]
    crowds[0][1].releasing().of(store, [crowd for _, crowd in crowds])
    for rule_on, crowd in crowds:
        crowd.declare("plan", rule_on=rule_on)
        told[rule_on] += bool(crowd.told("plan"))
        leaking[rule_on] += bool(crowd.leaks())
    report(f"a later property, {len(seeds)} crowds: of which it is told, which leak", f"{dict(told)}, {dict(leaking)}")
    assert leaking[True] == 0
    if 0 in seeds:
        assert leaking[False]
