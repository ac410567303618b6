"""Who may declare sections declares one for a day that is released: another one, and what one person saw besides.

What he reads is what everybody may see who is signed in: the numbers of sections and goals, which he subtracts (rule
N6).
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import combinations, product
from typing import Any

import pytest
from msgspec import structs

from dashboards.stats.report import Reports
from pipeline.adding.goals import add_goals
from pipeline.adding.sections import add_sections
from pipeline.rollup.added import goal_differences as differences
from pipeline.rollup.added import page_sets
from pipeline.settings import SiteRules
from schema.funnel import Funnel, Step
from schema.site import Goal, Site
from schema.store import Store
from tests.pipeline.weeks import Weeks
from tests.together import Test, together

from .house import NOON, House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

# Parts of the site that few saw, so that what is hidden needs no company.
_RARE = {"/blog/a": range(3), "/help/a": range(3, 7)}
BASKET, LIST, SECRET = "/shop/basket", "/shop/list", "/shop/secret"


class Owner(House):
    """Thirty visitors of one page; the day is over. seen: which of them have seen what besides. sections, goals: those
    of the day."""

    def __init__(
        self,
        store: Store,
        seen: dict[str, Iterable[int]],
        sections: dict[str, str] | None = None,
        goals: tuple[Goal, ...] = (),
        funnels: tuple[Funnel, ...] = (),
    ) -> None:
        super().__init__(store, k=5)
        self.site = structs.replace(self.site, goals=goals, sections=sections or {}, funnels=funnels)
        hits: list[tuple[int, dict[str, Any]]] = [(n, {"visitor": n + 1, "path": "/"}) for n in range(30)]
        for place, (path, visitors) in enumerate(seen.items(), start=1):
            hits += [(100 * place + n, {"visitor": n + 1, "path": path}) for n in visitors]
        self.visits(hits)

        self._told: dict[str, dict[str, Any]] = {}

    def declare(self, rule_on: bool, sections: dict[str, str], *goals: Goal) -> None:
        """Declare these sections in place of others, and goals besides; what was told before is kept in mind."""
        self._look()
        self.site = structs.replace(self.site, sections=sections, goals=(*self.site.goals, *goals))
        with pytest.MonkeyPatch.context() as patch:
            if not rule_on:
                patch.setattr(page_sets, "tells_too_much", lambda *_, **__: False)
            assert add_sections(self.store, self.site, self.rules, NOON + 100_000, 60)
            assert add_goals(self.store, self.site, self.rules, NOON + 100_000, 60)
        self._look()

    def _look(self) -> None:
        self._reports = Reports(self.store, [self.site], clock=lambda: NOON + 200_000)
        for by in ("section", "goal"):
            self._told |= self.rows(by)

    def learnt(self, late: str, *than: str, number: str = "visitors") -> int | None:
        """What one has more than others together."""
        if not {late, *than} <= self._told.keys():
            return None
        more: int = self._told[late][number] - sum(self._told[one][number] for one in than)
        return more


with_the_rule_and_without = pytest.mark.parametrize("rule_on", [True, False], ids=["rule on", "rule off"])
# That he would win proves the attack, not the product: where another attack on the rule proves it, before a release.
with_the_rule = pytest.mark.parametrize(
    "rule_on", [True, pytest.param(False, marks=pytest.mark.long)], ids=["rule on", "rule off"]
)


@with_the_rule_and_without
@together
def test_a_section_one_page_wider_than_a_folder(store: Store, rule_on: bool) -> Test:
    owner = Owner(store, _RARE | {BASKET: range(10), "/secret/x": [20]})
    yield owner.releasing()
    owner.declare(rule_on, {"Wide": "/s*/**"})
    assert owner.learnt("Wide", "/shop/") == (None if rule_on else 1)


@pytest.mark.long
@with_the_rule_and_without
@together
def test_a_section_of_before_and_a_page_that_one_more_saw(store: Store, rule_on: bool) -> Test:
    """All pages are shown: of six who saw the secret five saw the basket, too."""
    owner = Owner(store, {BASKET: range(10), SECRET: [*range(5), 20]}, {"Basket": BASKET})
    yield owner.releasing()
    owner.declare(rule_on, {"All": "/shop/**"})
    assert owner.learnt("All", "Basket") == (None if rule_on else 1)


@pytest.mark.long
@with_the_rule_and_without
@together
def test_in_how_many_visits_one_saw_more(store: Store, rule_on: bool) -> Test:
    """As many people, five of whom saw the secret, too: one of them in another visit."""
    owner = Owner(store, {BASKET: range(10), SECRET: range(5)}, {"Basket": BASKET})
    owner.visit(1, SECRET, at=9000)
    yield owner.releasing()
    owner.declare(rule_on, {"All": "/shop/**"})
    assert owner.learnt("All", "Basket", number="visits") == (None if rule_on else 1)


@pytest.mark.long
@with_the_rule_and_without
@together
def test_a_section_of_before_and_a_hidden_page(store: Store, rule_on: bool) -> Test:
    """As many people; how often one of them saw what the day does not show."""
    owner = Owner(store, _RARE | {BASKET: range(10), SECRET: [3]}, {"Basket": BASKET})
    yield owner.releasing()
    owner.declare(rule_on, {"All": "/shop/**"})
    assert owner.learnt("All", "Basket", number="pageviews") == (None if rule_on else 1)


@with_the_rule
@together
def test_two_sections_whose_sum_is_a_folder_less_one(store: Store, rule_on: bool) -> Test:
    """Each of the two alone leaves many: of seventeen in the shop ten saw the basket, six the list, and one neither."""
    owner = Owner(store, {BASKET: range(10), LIST: range(10, 16), SECRET: [*range(5), 20]})
    yield owner.releasing()
    owner.declare(rule_on, {"Basket": BASKET})
    assert owner.learnt("/shop/", "Basket") == 7
    owner.declare(rule_on, {"Basket": BASKET, "List": LIST})
    assert owner.learnt("/shop/", "Basket", "List") == (None if rule_on else 1)


@pytest.mark.long
@with_the_rule_and_without
@together
def test_a_section_beside_a_goal_of_the_day(store: Store, rule_on: bool) -> Test:
    owner = Owner(store, {BASKET: range(10), SECRET: [*range(5), 20]}, goals=(Goal("Saw", page=BASKET),))
    yield owner.releasing()
    owner.declare(rule_on, {"All": "/shop/**"})
    assert owner.learnt("All", "Saw") == (None if rule_on else 1)


@with_the_rule
@together
def test_a_goal_beside_a_section_that_came_later(store: Store, rule_on: bool) -> Test:
    seen = {BASKET: range(10), LIST: range(10, 16), SECRET: [*range(5), 20]}
    owner = Owner(store, seen)
    yield owner.releasing()
    owner.declare(rule_on, {"Basket": BASKET})
    assert owner.learnt("Basket") == 10
    owner.declare(rule_on, {"Basket": BASKET}, Goal("Wider", page="/shop/*et"))
    assert owner.learnt("Wider", "Basket") == (None if rule_on else 1)


@pytest.mark.long
@with_the_rule_and_without
@together
def test_who_was_in_a_section_and_not_in_a_funnel(store: Store, rule_on: bool) -> Test:
    """How many came from the list to the basket or the bag is told, since nobody did so without the list. The section
    is one page wider, which one saw alone."""
    steps = (Step(page="/list"), Step(page="/b*"))
    seen = {"/list": range(15), "/basket": range(9), "/bag": range(4), "/cap": [*range(5), 20]}
    owner = Owner(store, seen, funnels=(Funnel("Shop", steps),))
    yield owner.releasing()
    owner.declare(rule_on, {"Bought": "/*a*"})
    [[reached]] = store.rows(
        "SELECT people FROM released_funnels WHERE site = {s:String} AND step = 2 AND dimension = ''",
        {"s": owner.site.key},
    )
    told = owner.learnt("Bought")
    assert (told and told - reached) == (None if rule_on else 1)


@pytest.mark.parametrize("told", [True, False], ids=["in a funnel", "in none"])
@together
def test_none_has_pages_of_a_step_that_is_a_goal(store: Store, told: bool) -> Test:
    """The same pages under another name, of whom nobody else is; the goal is of a section, and a step or none."""
    seen = {"/list": range(15), "/basket": range(9), "/bag": range(4)}
    funnels = (Funnel("Shop", (Step(page="/list"), Step(goal="Saw"))),) if told else ()
    owner = Owner(store, seen, {"B": "/b*"}, (Goal("Saw", section="B"),), funnels)
    yield owner.releasing()
    owner.declare(True, {"B": "/none", "The same": "/b*"})
    assert owner.learnt("The same") == (None if told else 9)


@pytest.mark.long
@with_the_rule_and_without
@together
def test_who_of_all_was_in_no_page_of_it(store: Store, rule_on: bool) -> Test:
    owner = Owner(store, {BASKET: range(29), LIST: range(10)})
    yield owner.releasing()
    owner.declare(rule_on, {"Basket": BASKET})
    told = owner.learnt("Basket")
    assert (told and 30 - told) == (None if rule_on else 1)


@together
def test_where_it_is_of_k_or_of_nobody_it_is_shown(store: Store) -> Test:
    owner = Owner(store, {BASKET: range(10), LIST: range(10, 16), "/blog/a": range(20, 26)})
    yield owner.releasing()
    owner.declare(True, {"The same": "/shop/**", "Blog": "/blog/**"})
    assert owner.learnt("The same", "/shop/") == 0
    assert owner.learnt("Blog", "/blog/", number="pageviews") == 0
    owner.declare(True, {"Basket": BASKET})
    assert owner.learnt("/shop/", "Basket") == 6


PATHS = ("/a/1", "/a/2", "/a/3", "/b/1", "/b/2", "/c/1")
ASKED = {"A1": "/a/1", "A": "/a/**", "Ones": "/*/1", "All": "/**", "B": "/b/**", "Twos": "/*/2"}


class Anybody(Owner):
    """Thirty visitors who see what they like. seen_by: how often who saw which page."""

    def __init__(self, store: Store, chance: random.Random) -> None:
        super().__init__(store, {})
        self.seen_by = {path: Counter[int]() for path in PATHS}
        for visitor in range(30):
            for step in range(chance.randrange(1, 4)):
                path = chance.choice(PATHS)
                self.seen_by[path][visitor] += 1
                self.visit(visitor + 1, path, at=100 + step)

    def told(self, name: str) -> Counter[int]:
        """How often who was in a section: a declared one alone, or a first folder."""
        alone = Site("x", sections={name: ASKED[name]} if name in ASKED else {})
        return sum((seen for path, seen in self.seen_by.items() if alone.section_of(path) == name), Counter[int]())

    def few(self, late: str, before: Sequence[str]) -> Iterator[tuple[str, ...]]:
        """Of sections that were told before, those of which one or two together leave few of a later one, or have few
        more than it."""
        mine = self.told(late)
        for many in (1, 2):
            for some in combinations(before, many):
                for signs in product((1, -1), repeat=many):
                    others = [(sign, self.told(one)) for sign, one in zip(signs, some, strict=True)]
                    for count in (bool, int):
                        left = {who: count(mine[who]) - sum(s * count(o[who]) for s, o in others) for who in range(30)}
                        if 0 < sum(map(bool, left.values())) < 5:
                            yield some


@pytest.mark.long
@with_the_rule_and_without
@together
def test_whatever_people_see_no_one_to_four_follow(store: Store, rule_on: bool, report: Any) -> Test:
    """Ten days of other traffic; each section is declared after the one before it has been looked at."""
    shown, found = 0, 0
    for seed in range(10):
        owner = Anybody(store, random.Random(seed))
        yield owner.releasing()
        before = [name for name in owner.rows("section") if name in ("/a/", "/b/", "/c/")]
        for name, pattern in ASKED.items():
            owner.declare(rule_on, {name: pattern})
            if owner.learnt(name) is not None:
                shown += 1
                found += any(owner.few(name, before))
                before.append(name)
    report("who declares sections later" + ("" if rule_on else ", without the rule"), f"{found} of {shown} tell of few")
    assert shown > 5
    assert bool(found) is not rule_on


@with_the_rule
@together
def test_a_goal_beside_a_section_of_the_day(store: Store, rule_on: bool) -> Test:
    """All pages are shown: of six who saw what is beside the shop five were in the shop, too."""
    owner = Owner(store, {BASKET: range(10), "/shopping": [*range(5), 20]})
    yield owner.releasing()
    owner.declare(rule_on, {}, Goal("Wider", page="/shop**"))
    assert owner.learnt("Wider", "/shop/") == (None if rule_on else 1)


@pytest.mark.parametrize("late", ["section", "goal"])
@with_the_rule_and_without
@together
def test_what_a_week_leaves_of_part_of_what_a_folder_hides(store: Store, rule_on: bool, late: str) -> Test:
    """Each day hides four pages of the folder, of which two are in what is declared later. The week releases one of
    these two; what is left of the later one's is of the other, which two have seen a day."""
    house = Weeks(store, SiteRules(5, 30, "balanced", networks=5, k_late=8, late_others=3))
    house.site = structs.replace(house.site, goals=())
    seen = {"/docs/x/b": 4, "/docs/x/c": 2, "/docs/a": 4, "/docs/z": 3}
    for day in range(2):
        house.crowd(day)
        for place, (path, people) in enumerate(seen.items()):
            for visitor in range(people):
                house.visit(day, 1000 * day + 100 * place + visitor, path, at=100 * place + visitor)
    yield house.closing(after=1)
    with pytest.MonkeyPatch.context() as patch:
        if not rule_on:
            patch.setattr(page_sets, "splits_hidden", lambda *_: False)
            patch.setattr(differences, "splits_hidden", lambda *_: False)
        given = {"sections": {"X": "/docs/x/**"}} if late == "section" else {"goals": (Goal("X", page="/docs/x/**"),)}
        house.site = structs.replace(house.site, **given)
        adding = add_sections if late == "section" else add_goals
        assert adding(store, house.site, house.rules, house.noon(3), 60)
    yield house.closing(after=6)
    assert house.late(columns="pageviews") == {"/docs/x/b": 8}
    rows = {row["value"]: row for row in house.stats(0, 6, late)["rows"]}
    told = rows["X"]["pageviews" if late == "section" else "conversions"] if "X" in rows else None
    assert (told and told - 8) == (None if rule_on else 4)
