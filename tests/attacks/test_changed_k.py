"""Who waits for the operator to change k: what days by different rules, their block, and what is shown before and after
the change tell together (rules N2 and N7)."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import pytest
from msgspec import structs

import pipeline.blocks
import pipeline.rolling
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.open_days.newcomers import QUARTER_S
from pipeline.rollup.open_days.shown import laxer
from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from schema.store import Store
from tests.conftest import insert, make_event
from tests.pipeline.weeks import Weeks

from .house import House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

K = 5
STRICT = SiteRules(K, 30, "balanced", networks=K, k_late=10, late_others=3)
LAX = structs.replace(STRICT, k=2, networks=2)
OPEN = SiteRules(1, 30, "balanced", networks=1)
# Of two countries one person comes on the first and the last day: by k = 2 they may be one row together, by k = 5 IS is
# folded with them. So are NO and CH on two others: of what a week may release the smallest stays hidden always.
RARE = {"MT": 1, "AT": 1, "IS": 8}, {"NO": 1, "CH": 7, "IS": 8}, {"CH": 7, "IS": 8}
COMING = [RARE[number] | {"DE": 30, "FR": 20} for number in (0, 1, 2, 2, 2, 1, 0)]


def week(store: Store, between: SiteRules) -> Weeks:
    """A week of which three days, amidst the others, close by rules of their own."""
    house = Weeks(store)
    events = []
    for day, coming in enumerate(COMING):
        people = [country for country, many in coming.items() for _ in range(many)]
        for n, country in enumerate(people):
            given = {"visitor": n + 1, "network_number": n + 1, "country": country}
            events.append(make_event(house.site.key, house.noon(day) + n, house.day(day), **given))
    insert(store, events)
    for last, rules in ((1, STRICT), (4, between), (6, STRICT)):
        house.rules = rules
        house.close(after=last)
    return house


def left(house: Weeks) -> int:
    """How many visitors of the first and the last day are not told apart: what is folded on them less what the week has
    released. Its row of IS is of just these, where all other days show IS."""
    shown = house.stats(2, 2, "country")["rows"]
    assert {row["value"] for row in shown} == {"DE", "FR", "IS", "CH"}, "the days amidst hide nothing"
    folded = 0
    for day in (0, 6):
        rows = {row["value"]: row["visits"] for row in house.stats(day, day, "country")["rows"]}
        assert "IS" not in rows
        folded += rows["(other)"]
    return int(folded) - int(house.late("country", columns="visits").get("IS", 0))


@pytest.mark.parametrize("between", [LAX, pytest.param(OPEN, marks=pytest.mark.long)])
def test_the_strictest_rule_of_its_days_holds_for_a_block(
    store: Store, between: SiteRules, report: Callable[[str, str], None]
) -> None:
    house = week(store, between)
    assert house.late("country") == {}
    report(
        f"who waits for k = {between.k} on some days of a week",
        f"fewest people left of those by k = {K}: {left(house)}",
    )


def test_else_what_a_block_leaves_of_stricter_days_is_fewer_than_k(
    store: Store, report: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.blocks, "strictest", lambda entries: LAX)
    few = left(week(store, LAX))
    assert few == 4
    report("who waits for k = 2 on some days of a week", f"by the laxest rule of its days: {few}")


# -- an open day -----------------------------------------------------------------------------------------------------


def steps(store: Store) -> list[tuple[int, int]]:
    """k is 5, then 2, then 5 again, and then one comes who is the last of the day: by how many visitors what is shown
    went on each time and to the release, and the smallest k by which it was shown."""
    house, coming = House(store, K), itertools.count(1)
    seen = [(0, K)]
    for quarter, (k, people) in enumerate(((K, 12), (2, 2), (2, 2), (K, 0), (K, 1))):
        house.follow(structs.replace(house.rules, k=k, networks=k))
        who = itertools.islice(coming, people)
        house.visits([(quarter * QUARTER_S, {"visitor": one, "network_number": one}) for one in who])
        house.wait((quarter + 1) * QUARTER_S + 60)
        visitors = house.stats()["totals"]["visitors"]
        if visitors not in (0, seen[-1][0]):
            seen.append((visitors, k))
    house.release()
    seen.append((house.stats()["totals"]["visitors"], K))
    return [(after - before, min(ks)) for (before, *ks), (after, k) in itertools.pairwise(seen) for ks in [(*ks, k)]]


def test_what_is_shown_before_and_after_a_change_differs_by_the_laxer_k(
    store: Store, report: Callable[[str, str], None]
) -> None:
    found = steps(store)
    assert [step for step, _ in found] == [12, 2, 3]
    assert all(step >= k for step, k in found)
    report("who looks on while k is 5, 2 and 5 again", "0 steps of fewer than the laxer k")


def test_were_it_shown_by_the_stricter_rules_at_once_the_last_one_would_be_alone(
    store: Store, report: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    def at_once(store: Store, days: Sequence[SiteDay]) -> None:
        for of in laxer(store, days):
            roll_up(store, of.site, of.day, of.rules)

    monkeypatch.setattr(pipeline.rolling, "begin_anew", at_once)
    found = steps(store)
    assert found[-1] == (1, K)
    report("who looks on while k is 5, 2 and 5 again", "shown by the stricter rules at once: the last visitor alone")
