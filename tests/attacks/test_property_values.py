"""Who solves for the values of a property that are hidden, over days and their week, pins none of fewer than k people.

He has the event's own numbers and all values that are shown; where a value is the path of a page, the pages, too.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest
from msgspec import structs

from schema.store import Store
from tests.attacks.solver import Published, Solver
from tests.pipeline.weeks import Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]
DAYS = 7
# By plan how many choose it on a day: one of these.
PLANS = {"pro": (9, 12, 14), "free": (5, 6, 8), "team": (5, 7), "solo": (0, 0, 3, 2), "edu": (0, 0, 4), "": (6, 9)}
# Pages that some did not find; on some days somebody else sees one of them.
PATHS = ("/old/a", "/old/b", "/old/c", "/gone/a", "/gone/b")
Truth = Counter[tuple[int, str]]


@pytest.fixture(scope="module")
def week(store: Store) -> tuple[Weeks, Truth, Truth]:
    """A week, and by day and value how many chose a plan, and how many did not find a page."""
    chance, house = random.Random(8), Weeks(store)
    house.site = structs.replace(house.site, properties=("plan", "path"))
    plans, paths = Truth(), Truth()
    for day in range(DAYS):
        house.crowd(day, 30)
        whose = iter(range(1, 1000))
        for plan, often in PLANS.items():
            for visitor in [next(whose) for _ in range(chance.choice(often))]:
                house.visit(day, visitor, name="choose", props={"plan": plan} if plan else {})
                plans[day, plan or "(none)"] += 1
        for path in PATHS:
            for visitor in [next(whose) for _ in range(chance.choice((0, 1, 2, 5, 6, 9)))]:
                house.visit(day, visitor, path)
                house.visit(day, visitor, path, at=1, name="404", props={"path": path})
                paths[day, path] += 1
    house.close(after=DAYS - 1)
    return house, plans, paths


class Values(Published):
    """What everybody can read of the values of an event."""

    def __init__(self, house: Weeks, event: str, values: tuple[str, ...]) -> None:
        self.days, self.values, self.above, self.parent_of = range(DAYS), values, None, {}
        self.k, self.k_late = house.rules.k, house.rules.k_late
        given = {"site": house.site.key, "first": house.first, "event": event}
        mine = "dateDiff('day', {first:Date}, day) AS of, {} FROM {} WHERE site = {site:String}".replace("{}", "%s")
        rows = mine % ("property_value, visitors", "released_properties") + " AND event = {event:String}"
        self.shown = {(day, value): n for day, value, n in house.store.rows(f"SELECT {rows}", given)}
        rows = mine % ("property_value, visitors", "late_properties") + " AND event = {event:String}"
        self.late = {
            (7, day, value): n for day, value, n in house.store.rows(f"SELECT {rows} AND grain = 'week'", given)
        }
        rows = mine % ("visitors", "released_cells") + " AND dimension = 'event' AND value = {event:String}"
        self.total = dict(house.store.rows(f"SELECT {rows}", given))


def test_nobody_pins_a_value_of_fewer_than_k_people(
    week: tuple[Weeks, Truth, Truth], report: Callable[[str, str], None]
) -> None:
    house, plans, _ = week
    published = Values(house, "choose", tuple(plan or "(none)" for plan in PLANS))
    assert len(published.total) == DAYS
    assert all(plans[cell] == n >= published.k for cell, n in published.shown.items())
    few = [cell for cell, n in plans.items() if cell not in published.shown and n < published.k]
    # He knows of each day which values nobody chose.
    nobody = {(day, value): (0, 0) for day in range(DAYS) for value in published.values if not plans[day, value]}
    solver = Solver(published, nobody)
    bounds = [(plans[cell], *solver.bounds(cell)) for cell in few]
    assert all(least <= n <= most for n, least, most in bounds), "he understands what he reads"
    beside = {cell: (n, n) for cell, n in plans.items() if cell not in published.shown and n >= published.k}
    unprotected = Solver(published, nobody | beside)
    pinned, without = sum(least == most for _, least, most in bounds), sum(map(unprotected.is_pinned, few))
    report(
        "a solver", f"of {len(few)} hidden values of a property below k {pinned} pinned; {without} without companions"
    )
    assert without >= 3
    assert not pinned


def test_pages_do_not_tell_which_of_them_few_did_not_find(week: tuple[Weeks, Truth, Truth]) -> None:
    """He takes from the event's number the values that are shown, and those that he knows from pages."""
    house, _, paths = week
    published = Values(house, "404", PATHS)
    pages = Weeks.stats(house, 0, DAYS - 1, "page")
    assert pages["rows"]
    told = 0
    for day in range(DAYS):
        shown_pages = {row["value"]: row["pageviews"] for row in house.stats(day, day, "page")["rows"]}
        hidden = {path: paths[day, path] for path in PATHS if paths[day, path] and (day, path) not in published.shown}
        if day not in published.total:
            assert not [cell for cell in published.shown if cell[0] == day]
            continue
        told += len([cell for cell in published.shown if cell[0] == day])
        # Everybody who saw one of these pages did not find it, so a page that is shown tells its value.
        unknown = {path: n for path, n in hidden.items() if path not in shown_pages}
        assert not unknown or (len(unknown) > 1 and sum(unknown.values()) >= published.k), (day, hidden, shown_pages)
        # And the other way round: no value is shown whose page is hidden.
        assert all(path in shown_pages for of, path in published.shown if of == day)
    assert told
