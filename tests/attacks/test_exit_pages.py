"""Exits are told of pages and sections, and visits by the page where they ended (`exit_page`); entries likewise.

Both tables count the same visits, and each would hide a companion of its own beside one of too few. Where these are two
values, whoever reads both subtracts: he loses where pages and sections tell what the other table covers, and wins where
they go by rules of their own.
"""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

import highspy
import pytest

from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import staged
from pipeline.rollup.suppression import entries_exits as ends
from pipeline.settings import SiteRules
from schema.event import PAGEVIEW, Event
from schema.site import Site
from schema.store import Store
from tests.conftest import insert, make_event, times
from tests.pipeline.test_whole_day import section_of, visits_of
from tests.pipeline.weeks import Weeks

from .house import DAY, NOON, House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

# Ways through the site, and how many went them.
WAYS = ((("/a/1",), 3), (("/a/1", "/a/2"), 10), (("/b/1",), 6), (("/b/1", "/b/2"), 20))
# Of each page how many see it on a day, and how many of them leave there.
RARE = {"/rare": (4, 4), "/rarer": (4, 3), "/rarest": (4, 3)}
# Who began where, and how many of them saw one page and left; the others went on to pages that many see.
BEGAN = (("/a/1", 3, 0), ("/a/2", 10, 0), ("/b/1", 7, 3), ("/b/2", 20, 0))
K = 5
_NUMBER = itertools.count(1)


@pytest.fixture(params=[True, False], ids=["rule on", "rule off"])
def rule_on(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    is_on: bool = request.param
    if not is_on:
        switch_off(monkeypatch)
    return is_on


def switch_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """Entrants and leavers of pages and sections are told as all contributors are."""
    monkeypatch.setattr(ends, "is_of_ends", lambda *_: False)
    monkeypatch.setattr(ends, "UNTOLD", "false")
    monkeypatch.setattr(ends, "untold_sections", lambda _: set())


def house_of(store: Store, ways: Sequence[Sequence[str]]) -> House:
    """A day on which each of these was somebody's way."""
    house = House(store, K, networks=1)
    house.visits(
        [
            (place * 1000 + number, {"visitor": number, "network_number": number, "path": path})
            for number, way in enumerate(ways, start=1)
            for place, path in enumerate(way)
        ]
    )
    return house


def test_how_many_left_on_a_page_and_came_to_one(store: Store, rule_on: bool) -> None:
    left = house_of(store, [way for way, many in WAYS for _ in range(many)])
    came = house_of(
        store,
        [(page,) if n < bounced else (page, "/a/1", "/b/1") for page, many, bounced in BEGAN for n in range(many)],
    )
    work = left.releasing()
    work.of(store, [left, came])
    look_who_left(left, rule_on)
    look_who_came(came, rule_on)


def look_who_left(house: House, rule_on: bool) -> None:
    of_ends, pages, sections = house.rows("exit_page"), house.rows("page"), house.rows("section")
    assert "/a/1" not in of_ends
    told = {page: row["visits"] for page, row in of_ends.items() if page in pages}
    told |= {page: row["exits"] for page, row in pages.items() if row["exits"] is not None}
    # Each table hides another page beside it; with the rule both are hidden.
    assert house.stats()["totals"]["visits"] - sum(told.values()) == (9 if rule_on else 3)
    # What a section has more than its pages would tell it, too.
    assert sections["/a/"]["exits"] == (None if rule_on else of_ends["/a/2"]["visits"] + 3)


def look_who_came(house: House, rule_on: bool) -> None:
    """Of entries only rates are told; of few people a rate tells how many they are."""
    entries, pages = house.rows("entry_page"), house.rows("page")
    assert {"/a/1", "/b/1"}.isdisjoint(entries)
    hidden, rate = entries["(other)"]["visits"], pages["/b/1"]["bounce_rate"]
    fitting = [n for n in range(1, hidden) if any(round(100 * part / n, 1) == rate for part in range(n + 1))]
    assert [hidden - n for n in fitting] == ([] if rule_on else [3])


@pytest.mark.long
def test_how_many_left_on_one_day_of_a_week(store: Store, rule_on: bool) -> None:
    """A page is told on one day, but not that two left there; on the others it waits, with four who left."""
    house = Weeks(store, SiteRules(K, 30, "balanced", networks=1, k_late=10, late_others=3))
    for day in range(7):
        house.crowd(day)
        for page, (many, leaving) in (RARE | {"/rare": (8, 2) if day == 3 else (4, 4)}).items():
            for visitor in range(100 * len(page), 100 * len(page) + many):
                leaves = visitor % 100 < leaving
                house.visit(day, visitor, "/" if leaves else page, at=visitor)
                house.visit(day, visitor, page if leaves else "/", at=visitor + 100)
    house.close(6)
    (left, known), ended = house.late("page", columns="exits, exit_views")["/rare"], house.late("exit_page")["/rare"]
    assert (known > 0, ended - left) == ((False, 26) if rule_on else (True, 2))


# -- at random -------------------------------------------------------------------------------------------------------

PAGES = ("/", "/a/1", "/a/2", "/a/3", "/b/1", "/b/2", "/b/3", "/c/1", "/c/2")
# By dimension which number of its rows are visits that ended there, or began.
OF_END = {"exit": ("exit_page", "exits", -1), "entry": ("entry_page", "entries", 0)}


def traffic(site: Site, dice: random.Random) -> list[Event]:
    """Pages of some sections, at most of which few begin and end; some people send an event and view none."""
    pages = dice.sample(PAGES, dice.randint(4, 8))
    often = [dice.choice((1, 1, 2, 5, 10)) for _ in pages]
    events = []
    for visitor in range(1, dice.randint(30, 90)):
        for at, path in enumerate(dice.choices(pages, often, k=dice.choice((1, 2, 3)))):
            name = "go" if visitor % 20 == 0 else PAGEVIEW
            events.append(make_event(site.key, NOON + at, DAY, visitor=visitor, path=path, name=name))
    return events


def truth(events: Sequence[Event], place: int) -> Counter[str]:
    """How many visits ended (began) on each page, "" for none."""
    found = Counter[str]()
    for visit in visits_of(events):
        views = [event.path for event in visit if event.name == PAGEVIEW]
        found[views[place] if views else ""] += 1
    return found


def told(store: Store, site: Site, end: str) -> Iterator[tuple[int, str, str]]:
    """What a day tells of them: how many, of which dimension and value."""
    dimension, number, _ = OF_END[end]
    for by, value, visits, here in store.rows(
        f"""SELECT dimension, value, visits, {number} FROM staging_cells
        WHERE site = {{site:String}} AND grain = 'day' AND value != '(other)'
            AND dimension IN ('', 'page', 'section', '{dimension}')""",
        {"site": site.key},
    ):
        if here or by in ("", dimension):
            yield visits if by in ("", dimension) else here, by, value


def part_of(page: str) -> str:
    """Its section; of no page there is none."""
    return section_of(page) if page else ""


def pinned(many: Counter[str], sums: Iterable[tuple[int, str, str]]) -> int:
    """How many numbers of too few follow, for somebody who knows the pages."""
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    ending = {page: model.addVariable(lb=0) for page in sorted(many)}
    for total, by, value in sums:
        mine = [
            one for page, one in ending.items() if by == "" or value == (part_of(page) if by == "section" else page)
        ]
        model.addConstr(sum(one for one in mine) == total)
    return sum(people < 3 and _follows(model, ending[page]) for page, people in many.items())


def _follows(model: highspy.Highs, number: Any) -> bool:
    model.minimize(number)
    least = model.getObjectiveValue()
    model.maximize(number)
    known = model.getModelStatus() == highspy.HighsModelStatus.kOptimal
    return bool(known and model.getObjectiveValue() - least < 1e-6)


def attack(store: Store, days: int) -> tuple[Counter[str], int]:
    """How many entries and exits of too few follow; how many rows of sections tell theirs."""
    sites = [Site(f"ends-{next(_NUMBER)}") for _ in range(days)]
    dice, rules = random.Random(55), SiteRules(3, 30, "balanced", networks=1)
    events = {site.key: traffic(site, dice) for site in sites}
    insert(store, [event for mine in events.values() for event in mine])
    won, of_sections = Counter[str](), 0
    with staged(store, "events", [SiteDay(site, DAY, rules) for site in sites]):
        for site in sites:
            for end, (*_, place) in OF_END.items():
                sums = [*told(store, site, end)]
                of_sections += sum(by == "section" for _, by, _ in sums)
                won[end] += pinned(truth(events[site.key], place), sums)
    return won, of_sections


def test_nothing_follows_from_pages_and_sections_together(
    store: Store, rule_on: bool, record_property: Callable[[str, object], None]
) -> None:
    days = max(30, times(60))
    won, of_sections = attack(store, days)
    name = f"entries and exits of {days} days, rule {'on' if rule_on else 'off'}"
    record_property("attack", f"{name}: {won.total()} of too few pinned, {of_sections} rows of sections told")
    assert of_sections > days / 2
    if rule_on:
        assert won == {"exit": 0, "entry": 0}
    else:
        assert min(won.values()) > 0
