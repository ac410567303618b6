"""An attacker who knows which elements each page has, and reads all that days and their week tell of LCP: of the site,
its sections, its pages and their elements. He takes the parts that are shown from what they are parts of, and solves.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from typing import Any

import highspy
import numpy as np
import pytest

from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.cells import suppress
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT
from schema.store import Store
from tests.arriving import arrived_of
from tests.pipeline.test_whole_day import section_of
from tests.pipeline.weeks import Weeks, _close

from .solver import bounds_of

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

K = 3
SITES, SEED = 40, 8
WEEKS = 8
RULES = SiteRules(K, 30, "balanced", networks=1, k_late=5, late_others=1)
PAGES = ("/", "/a/1", "/a/2", "/a/3", "/b/1", "/b/2", "/c/1")
ELEMENTS = ("main>img#cover", "h1", "p.intro", "")
# A day, a page and an element of it, and how many measured it: each of them once.
One = tuple[int, str, str]
Truth = Counter[One]
# What is told: of which days together, the dimension, the value, how many measurements.
Told = list[tuple[tuple[int, ...], str, str, int]]


def of_site(house: Weeks, dice: random.Random, days: int, most: int) -> Truth:
    """Most people see what most people see, and some do not."""
    truth = Truth()
    pages = dice.sample(PAGES, dice.randint(2, 7))
    of_page = {page: dice.sample(ELEMENTS, dice.randint(1, 4)) for page in pages}
    for day in range(days):
        for visitor in range(1, dice.randint(10, most)):
            page = pages[min(int(dice.paretovariate(0.8)), len(pages)) - 1]
            element = of_page[page][min(int(dice.paretovariate(1.1)), len(of_page[page])) - 1]
            truth[day, page, element] += 1
            house.visit(day, visitor, page)
            named = {"lcp": element} if element else {}
            house.visit(day, visitor, page, 5, name=ENGAGEMENT, lcp=900.0, elements=named)
    return truth


class Solver:
    """What is told adds up; what a page has is known, how often it was is not."""

    def __init__(self, truth: Truth, told: Told) -> None:
        self.hidden = [*truth]
        self.model = highspy.Highs()
        self.model.setOptionValue("output_flag", False)
        for _ in self.hidden:
            self.model.addVar(0, 10_000)
        for days, dimension, value, samples in told:
            of_it = [place for place, one in enumerate(self.hidden) if one[0] in days and is_of(one, dimension, value)]
            self.model.addRow(samples, samples, len(of_it), np.array(of_it, np.int32), np.ones(len(of_it)))

    def pinned(self, rare: set[One]) -> Iterator[One]:
        for place, one in enumerate(self.hidden):
            if one in rare:
                least, most = bounds_of(self.model, [place])
                if most - least < 1e-6:
                    yield one


def is_of(one: One, dimension: str, value: str) -> bool:
    _, page, element = one
    parts = {"": "", "page": page, "section": section_of(page), "element": f"{page} → {element or '(unknown)'}"}
    return parts[dimension] == value


def read(store: Store, house: Weeks, days: int) -> Told:
    """All that is published of a site: of days, and of the week the days on which a value has no row of its own."""

    def sums(table: str, day: str) -> list[tuple[Any, ...]]:
        return store.rows(
            f"""SELECT {day} AS d, dimension, value, sum(samples) FROM {table}
            WHERE metric = 'lcp' AND value != '(other)' AND dimension IN ('', 'page', 'section', 'element')
                AND site = {{site:String}} GROUP BY ALL""",
            {"site": house.site.key},
        )

    told: Told = [(((day - house.first).days,), *rest) for day, *rest in sums("released_vitals", "day")]
    own = {(day, dimension, value) for (day,), dimension, value, _ in told}
    for _, dimension, value, samples in sums("late_vitals", "0"):
        lacking = tuple(day for day in range(days) if (day, dimension, value) not in own)
        told.append((lacking, dimension, value, samples))
    return told


def attack(store: Store, sites: int = SITES, days: int = 1, most: int = 70, seed: int = SEED) -> tuple[int, int, int]:
    """(elements that are told, of days or of their week, hidden ones of 1 to K - 1 people, those of them he pins)."""
    dice, houses = random.Random(seed), [Weeks(store, RULES) for _ in range(sites)]
    truths = [of_site(house, dice, days, most) for house in houses]
    arrived_of(houses)
    if days > 1:
        _close(store, houses, houses[0].noon(days - 1))
    else:
        released = [SiteDay(house.site, house.first, RULES) for house in houses]
        release_together(store, "events", released, houses[0].noon(1), "live", [Flaws()] * sites)
    shown = few = found = 0
    for house, truth in zip(houses, truths, strict=True):
        told = read(store, house, days)
        shown += sum(dimension == "element" for _, dimension, *_ in told)
        rare = {one for one, people in truth.items() if people < K}
        few += len(rare)
        found += sum(1 for _ in Solver(truth, told).pinned(rare))
    return shown, few, found


def test_pages_less_their_elements_pin_nobody(store: Store) -> None:
    shown, few, found = attack(store)
    print(f"{shown} elements shown, {few} of fewer than {K} people hidden, pinned: {found}")
    assert shown > SITES
    assert few > SITES
    assert found == 0


@pytest.mark.long
def test_nor_with_what_their_weeks_tell(store: Store) -> None:
    shown, few, found = attack(store, WEEKS, 7, 25)
    print(f"{shown} elements shown, {few} of fewer than {K} people hidden, pinned: {found}")
    assert store.rows("SELECT count() FROM late_vitals WHERE dimension = 'element'")[0][0]
    assert found == 0


def test_where_elements_are_hidden_by_themselves_they_pin_some(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    child = "('vitals', 'element')"
    assert child in suppress._PARTS_OF_ROWS
    monkeypatch.setattr(suppress, "_PARTS_OF_ROWS", suppress._PARTS_OF_ROWS.replace(child, "('', '')"))
    monkeypatch.setattr(suppress, "CHILDREN", suppress.CHILDREN - {("vitals", "element")})
    assert attack(store, SITES // 3)[2] > 0


def test_where_elements_of_hidden_pages_are_shown_they_pin_some(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppress, "_ON_SHOWN_PAGE", "dimension = 'element'")
    page = suppress._FILL_KEPT_ELEMENTS.index("AND (d, array")
    monkeypatch.setattr(suppress, "_FILL_KEPT_ELEMENTS", suppress._FILL_KEPT_ELEMENTS[:page])
    assert attack(store)[2] > 0
