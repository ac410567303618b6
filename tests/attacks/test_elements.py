"""An attacker who knows which elements each page has, and reads all that a day tells of LCP: of the site, its sections,
its pages and their elements. He takes the parts that are shown from what they are parts of, and solves for the rest.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter
from collections.abc import Iterator

import highspy
import numpy as np
import pytest

from pipeline.release import Flaws, release_together
from pipeline.rollup import suppress
from pipeline.rollup.batch import SiteDay
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT, Event
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event, times
from tests.pipeline.test_whole_day import section_of

from .solver import bounds_of

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

K = 3
DAY = dt.date(2046, 6, 9)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
RULES = SiteRules(K, 30, "balanced", networks=1)
PAGES = ("/", "/a/1", "/a/2", "/a/3", "/b/1", "/b/2", "/c/1")
ELEMENTS = ("main>img#cover", "h1", "p.intro", "")
_NUMBER = itertools.count(1)
# A page and an element of it, and how many measured it: each of them once.
Truth = Counter[tuple[str, str]]


def site_of(dice: random.Random) -> tuple[Site, Truth, list[Event]]:
    """Most people see what most people see, and some do not."""
    site, truth, events = Site(f"elements-{next(_NUMBER)}"), Truth(), list[Event]()
    pages = dice.sample(PAGES, dice.randint(2, 7))
    of_page = {page: dice.sample(ELEMENTS, dice.randint(1, 4)) for page in pages}
    for visitor in range(1, dice.randint(10, 70)):
        page = pages[min(int(dice.paretovariate(0.8)), len(pages)) - 1]
        element = of_page[page][min(int(dice.paretovariate(1.1)), len(of_page[page])) - 1]
        truth[page, element] += 1
        given = {"path": page, "visitor": visitor, "network_number": visitor}
        events.append(make_event(site.key, NOON, DAY, **given))
        measured = {"name": ENGAGEMENT, "lcp": 900.0, "elements": {"lcp": element} if element else {}}
        events.append(make_event(site.key, NOON + 5, DAY, **given | measured))
    return site, truth, events


class Solver:
    """What is told adds up; what a page has is known, how often it was is not."""

    def __init__(self, truth: Truth, told: dict[tuple[str, str], int]) -> None:
        self.hidden = [*truth]
        self.model = highspy.Highs()
        self.model.setOptionValue("output_flag", False)
        for _ in self.hidden:
            self.model.addVar(0, 10_000)
        for (dimension, value), samples in told.items():
            places = [place for place, one in enumerate(self.hidden) if self._is_of(one, dimension, value)]
            self.model.addRow(samples, samples, len(places), np.array(places, np.int32), np.ones(len(places)))

    @staticmethod
    def _is_of(one: tuple[str, str], dimension: str, value: str) -> bool:
        page, element = one
        parts = {"": "", "page": page, "section": section_of(page), "element": f"{page} → {element or '(unknown)'}"}
        return parts[dimension] == value

    def pinned(self) -> Iterator[tuple[str, str]]:
        for place, one in enumerate(self.hidden):
            least, most = bounds_of(self.model, [place])
            if most - least < 1e-6:
                yield one


def attack(store: Store, seed: int) -> tuple[int, int, int]:
    """(elements that are shown, hidden ones of 1 to K - 1 people, those of them that he pins)."""
    dice = random.Random(seed)
    sites = [site_of(dice) for _ in range(times(60))]
    insert(store, [event for *_, events in sites for event in events])
    days = [SiteDay(site, DAY, RULES) for site, *_ in sites]
    release_together(store, "events", days, NOON + 86_400, "live", [Flaws()] * len(days))
    told: dict[str, dict[tuple[str, str], int]] = {site.key: {} for site, *_ in sites}
    for key, dimension, value, samples in store.rows(
        "SELECT site, dimension, value, sum(samples) FROM released_vitals WHERE metric = 'lcp' AND value != '(other)' "
        "AND dimension IN ('', 'page', 'section', 'element') AND site IN {sites:Array(String)} GROUP BY ALL",
        {"sites": [*told]},
    ):
        told[key][dimension, value] = samples
    shown = sum(dimension == "element" for its in told.values() for dimension, _ in its)
    few = found = 0
    for site, truth, _ in sites:
        rare = {one for one, people in truth.items() if people < K}
        few += len(rare)
        found += len(rare.intersection(Solver(truth, told[site.key]).pinned()))
    return shown, few, found


def test_pages_less_their_elements_pin_nobody(store: Store) -> None:
    shown, few, found = attack(store, 1)
    print(f"{shown} elements shown, {few} of fewer than {K} people hidden, pinned: {found}")
    assert shown > times(60) // 2
    assert few > times(60)
    assert found == 0


def test_where_elements_are_hidden_by_themselves_they_pin_some(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    child = "('vitals', 'element')"
    assert child in suppress._PARTS_OF_ROWS
    monkeypatch.setattr(suppress, "_PARTS_OF_ROWS", suppress._PARTS_OF_ROWS.replace(child, "('', '')"))
    monkeypatch.setattr(suppress, "CHILDREN", suppress.CHILDREN - {("vitals", "element")})
    assert attack(store, 1)[2] > 0


def test_where_elements_of_hidden_pages_are_shown_they_pin_some(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suppress, "_ON_SHOWN_PAGE", "dimension = 'element'")
    page = suppress._FILL_KEPT_ELEMENTS.index("AND (d, array")
    monkeypatch.setattr(suppress, "_FILL_KEPT_ELEMENTS", suppress._FILL_KEPT_ELEMENTS[:page])
    assert attack(store, 1)[2] > 0
