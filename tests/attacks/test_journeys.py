"""An attacker who reads all that a day tells of pages, sections and the ways between them, and solves for the moves
that are hidden. What he finds without the ways is no matter of theirs."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import highspy
import pytest

from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import staged
from pipeline.rollup.suppression import shown_moves as ways
from pipeline.settings import SiteRules
from schema.event import PAGEVIEW, Event
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event, times
from tests.pipeline.test_whole_day import section_of, visits_of

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

K = 3
DAY = dt.date(2046, 5, 7)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
RULES = SiteRules(K, 30, "balanced", networks=1)
_NUMBER = itertools.count(1)
# A number: of what, from where and to where. A move is of `page`; `section` is a sum of these.
Cell = tuple[str, str, str]
# What is told: so many are these numbers together, each times a factor.
Sum = tuple[int, list[tuple[int, Cell]]]


def traffic(site: Site, dice: random.Random) -> list[Event]:
    """People who mostly go the same ways, and some who do not."""
    pages = dice.sample(["/", "/a/1", "/a/2", "/a/3", "/b/1", "/b/2", "/c/1"], dice.randint(3, 7))
    follows = {page: dice.choices(pages, k=3) for page in pages}
    events = []
    for visitor in range(1, dice.randint(10, 60)):
        page, at = dice.choice(pages[:3]), NOON
        for _ in range(dice.choice((1, 2, 2, 3, 4, 6))):
            at += dice.choice((5, 5, 5, 5, 4000))
            events.append(make_event(site.key, at, DAY, visitor=visitor, path=page))
            if dice.random() < 0.05:
                events.append(make_event(site.key, at, DAY, visitor=visitor, path=page, name="go"))
            page = dice.choice(follows[page] if dice.random() < 0.8 else pages)
    return events


class Truth:
    """people: of each number that there is."""

    def __init__(self, events: list[Event]) -> None:
        who: defaultdict[Cell, set[int]] = defaultdict(set)
        for visit in visits_of(sorted(events, key=lambda event: event.received)):
            path = [event.path for event in visit if event.name == PAGEVIEW]
            found = [("page", a, b) for a, b in itertools.pairwise(path)]
            found += [("section", section_of(a), section_of(b)) for _, a, b in found]
            found += [("entry", "", path[0]), ("exit", path[-1], "")]
            found.append(
                ("entry_exit" if len(path) > 1 else "bounce" if len(visit) == 1 else "single", path[0], path[-1])
            )
            for cell in found:
                who[cell].add(visit[0].visitor)
        self.people = {cell: len(people) for cell, people in who.items()}
        self.pages = sorted({event.path for event in events})

    def cells(self) -> list[Cell]:
        """All numbers that he does not know, whether there are any or not: he knows the pages."""
        pairs = [*itertools.product(self.pages, repeat=2)]
        ends = [("entry", "", page) for page in self.pages] + [("exit", page, "") for page in self.pages]
        same = [(kind, page, page) for kind in ("bounce", "single") for page in self.pages]
        return [*((kind, a, b) for kind in ("page", "entry_exit") for a, b in pairs), *ends, *same]

    def made_of(self, cell: Cell) -> list[Cell]:
        kind, *ends = cell
        if kind != "section":
            return [cell]
        return [
            ("page", a, b) for a, b in itertools.product(self.pages, repeat=2) if [section_of(a), section_of(b)] == ends
        ]


_PART: dict[str, Callable[[str], str]] = {"page": lambda page: page, "section": section_of, "": lambda _: ""}


def told_of_pages(store: Store, site: Site, truth: Truth) -> list[Sum]:
    every = truth.cells()

    def of(dimension: str, value: str, *kinds: tuple[str, int]) -> list[tuple[int, Cell]]:
        return [
            (1, one) for one in every for kind, end in kinds if one[0] == kind and _PART[dimension](one[end]) == value
        ]

    sums: list[Sum] = []
    for dimension, value, visits, views, entries, exits, exit_views, bounces in store.rows(
        "SELECT dimension, value, visits, pageviews, entries, exits, exit_views, bounces FROM staging_cells "
        "WHERE site = {site:String} AND grain = 'day' AND value != '(other)'",
        {"site": site.key},
    ):
        if dimension in _PART:
            sums += [(views, of(dimension, value, ("page", 2), ("entry", 2)))]
            sums += [(views, of(dimension, value, ("page", 1), ("exit", 1)))]
            # Where none are told, nobody knows whether there were any.
            entered = [(entries, of(dimension, value, ("entry", 2))), (bounces, of(dimension, value, ("bounce", 1)))]
            sums += entered if entries else []
            sums += [(exits, of(dimension, value, ("exit", 1)))] if exit_views else []
        if dimension in ("entry_page", "exit_page"):
            sums += [(visits, of("page", value, ("entry", 2) if dimension == "entry_page" else ("exit", 1)))]
            sums += [(bounces, of("page", value, ("bounce", 1)))] if dimension == "entry_page" else []
    for page in truth.pages:
        for end, place in ((("entry", "", page), 1), (("exit", page, ""), 2)):
            kinds = ("entry_exit", "bounce", "single")
            sums.append((0, [(-1, end), *((1, one) for one in every if one[0] in kinds and one[place] == page)]))
    return sums


def told_of_ways(store: Store, site: Site, truth: Truth) -> list[Sum]:
    rows = store.rows(
        "SELECT kind, origin, target, times FROM staging_journeys WHERE site = {site:String}", {"site": site.key}
    )
    return [(often, [(1, one) for one in truth.made_of((kind, a, b))]) for kind, a, b, often in rows]


def pinned(truth: Truth, sums: list[Sum]) -> set[Cell]:
    """The numbers of fewer than K people that follow."""
    model = highspy.Highs()
    model.setOptionValue("output_flag", False)
    variables: dict[Cell, Any] = {cell: model.addVariable(lb=0) for cell in truth.cells()}
    for total, cells in sums:
        if cells:
            model.addConstr(sum(factor * variables[cell] for factor, cell in cells) == total)
    found = set()
    for cell, people in truth.people.items():
        if people < K:
            number = sum(variables[one] for one in truth.made_of(cell))
            model.minimize(number)
            least = model.getObjectiveValue()
            model.maximize(number)
            if model.getModelStatus() == highspy.HighsModelStatus.kOptimal and model.getObjectiveValue() - least < 1e-6:
                found.add(cell)
    return found


def attack(store: Store, days: int) -> tuple[Counter[str], int]:
    """By kind how many numbers of too few follow from the ways that would not without them; how many ways are shown."""
    sites = [Site(f"ways-{next(_NUMBER)}", journeys=True) for _ in range(days)]
    dice = random.Random(43)
    events = {site.key: traffic(site, dice) for site in sites}
    insert(store, [event for mine in events.values() for event in mine])
    won, many = Counter[str](), 0
    with staged(store, "events", [SiteDay(site, DAY, RULES) for site in sites]):
        for site in sites:
            truth = Truth(events[site.key])
            of_pages, of_ways = told_of_pages(store, site, truth), told_of_ways(store, site, truth)
            found = pinned(truth, [*of_pages, *of_ways]) - pinned(truth, of_pages)
            won.update(kind for kind, *_ in found)
            many += len(of_ways)
    return won, many


def test_no_way_of_too_few_follows(store: Store, record_property: Callable[[str, object], None]) -> None:
    days = max(15, times(30))
    won, many = attack(store, days)
    record_property("attack", f"ways between pages: {won.total()} of too few pinned on {days} days, {many} ways shown")
    assert won == {}
    assert many > 2 * days


def test_it_does_where_nothing_goes_along(
    store: Store, monkeypatch: pytest.MonkeyPatch, record_property: Callable[[str, object], None]
) -> None:
    monkeypatch.setattr(
        ways, "hidden", lambda cells, _: {move for move, one in cells.items() if one.barred or not one.enough}
    )
    monkeypatch.setattr(ways, "alone", lambda *_: set())
    won, many = attack(store, 8)
    record_property("attack", f"ways between pages, nothing along: {won.total()} pinned on 8 days, {many} ways shown")
    assert {"page", "entry_exit"} <= won.keys()
