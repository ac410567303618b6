"""Who does very much in a day: is he seen in what is published? What one visitor adds to a figure is bounded."""

from __future__ import annotations

import itertools
from typing import Any

import pytest

from pipeline.rollup.visits.limits import FLOOR
from schema.store import Store

from .house import House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

K = 5
CROWD = 30
# What he does, in three visits.
VIEWS, CLICKS = 400, 90


def busy(store: Store, bound: float, he_comes: bool) -> House:
    """Others see a page and another, click and stay a while; he does it all the time."""
    house = House(store, K, bound=bound)
    hits: list[tuple[int, dict[str, Any]]] = []
    for visitor in range(1, CROWD + 1):
        mine = {"visitor": visitor, "network_number": visitor, "country": "DE"}
        hits += [(visitor, mine | {"path": "/news"}), (visitor + 9, mine | {"path": "/about"})]
        hits += [(visitor + 20, mine | {"name": "purchase", "path": "/about", "currency": "EUR", "amount": 500})]
        hits += [(visitor + 30, mine | {"name": "signup", "path": "/news"})]
    if he_comes:
        mine = {"visitor": 999, "network_number": 999, "country": "DE"}
        every = itertools.cycle((0, 4000, 8000))
        hits += [(next(every) + n, mine | {"path": "/news"}) for n in range(VIEWS)]
        hits += [(next(every) + n, mine | {"path": "/news", "name": "signup"}) for n in range(CLICKS)]
        hits += [(30, mine | {"path": "/about"})]
    house.visits(hits)
    return house


def added(store: Store, bound: float, closed: bool) -> dict[tuple[str, str, str], int]:
    """How much more each figure tells with him than without."""
    told = []
    for he_comes in (False, True):
        house = busy(store, bound, he_comes)
        house.release() if closed else house.settle()
        figures = {("", "", name): house.stats()["totals"][name] for name in ("pageviews", "events")}
        for by in ("page", "country", "event"):
            for value, row in house.rows(by).items():
                figures |= {(by, value, name): row[name] for name in ("pageviews", "events") if row.get(name)}
        told.append(figures)
    return {key: number - told[0].get(key, 0) for key, number in told[1].items()}


@pytest.mark.parametrize("closed", [False, True])
def test_one_visitor_adds_no_more_than_the_bound_to_any_figure(store: Store, closed: bool) -> None:
    more = added(store, 0.999, closed)
    assert max(more.values()) == FLOOR
    assert more["page", "/about", "pageviews"] == 1, "what he saw once is not lost"


def test_without_it_he_is_seen(store: Store) -> None:
    more = added(store, 0.0, closed=True)
    assert more["page", "/news", "pageviews"] == VIEWS
    assert more["country", "DE", "events"] == VIEWS + CLICKS + 1
