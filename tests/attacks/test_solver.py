"""Whoever solves for what is hidden, over days and blocks (rule N2): pins no number of one to k - 1 visitors."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from schema.manifest import WEEK
from schema.store import Store
from tests.conftest import insert, make_event
from tests.pipeline.weeks import Weeks

from .solver import Cell, Published, Solver

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAYS = 28


@pytest.fixture(
    scope="module",
    params=[(60, 6), pytest.param((40, 24), marks=pytest.mark.long), pytest.param((150, 81), marks=pytest.mark.long)],
    ids=lambda given: "{} visitors a day, {} pages".format(*given),
)
def site(store: Store, request: pytest.FixtureRequest) -> tuple[Published, Counter[Cell]]:
    """Four weeks of a small site: what is published of entry pages, and the truth."""
    visitors, pages = request.param
    values = [f"/{number}" for number in range(pages)]
    rng, house = random.Random(visitors), Weeks(store)
    truth: Counter[Cell] = Counter()
    events = []
    for day in range(DAYS):
        for visitor in range(rng.randint(visitors // 2, visitors * 3 // 2)):
            value = values[min(int(rng.paretovariate(0.6)) - 1, pages - 1)]
            truth[day, value] += 1
            given = {"visitor": visitor + 1, "network_number": visitor + 1, "path": value}
            events.append(make_event(house.site.key, house.noon(day), house.day(day), **given))
    insert(store, events)
    house.close(after=DAYS - 1)
    return Published(house, DAYS, "entry_page", values), truth


def few(published: Published, truth: Counter[Cell]) -> list[Cell]:
    """The hidden numbers that are somebody's."""
    return [cell for cell, visits in truth.items() if cell not in published.shown and visits < published.k]


def test_days_and_blocks_pin_nobody(site: tuple[Published, Counter[Cell]], report: Callable[[str, str], None]) -> None:
    published, truth = site
    assert any(span == WEEK for span, *_ in published.late), "blocks have something to tell"
    solver, cells = Solver(published), few(published, truth)
    assert len(cells) >= 50
    for cell in cells:
        least, most = solver.bounds(cell)
        assert least <= truth[cell] <= most, "he understands what he reads"
        assert least < most, f"{cell} is pinned at {truth[cell]}"
    report("a solver", f"of {len(cells)} hidden numbers below k, over days and blocks, 0 pinned")


def test_without_complementary_suppression_he_would_pin_some(
    site: tuple[Published, Counter[Cell]], report: Callable[[str, str], None]
) -> None:
    """Its rule switched off: the smallest value that is hidden beside a rare one is shown to him."""
    published, truth = site
    beside = {
        (day, value): (truth[day, value], truth[day, value])
        for day in published.days
        for value in published.values
        if (day, value) not in published.shown and truth[day, value] >= published.k
    }
    solver = Solver(published, beside)
    pinned = sum(solver.is_pinned(cell) for cell in few(published, truth))
    report("a solver", f"without complementary suppression {pinned} of {len(few(published, truth))} pinned")
    assert pinned or len(published.values) > 6, "with many values there is seldom one that is alone"
