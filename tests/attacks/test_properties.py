"""Who adds up the values of a property knows how many events of its name there were, also where these stay hidden; and
where a value is a page, how many saw that."""

from __future__ import annotations

import pytest
from msgspec import structs

from schema.dimensions import OTHER
from schema.store import Store
from tests.pipeline.weeks import Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]
DAYS = 4


@pytest.fixture(scope="module")
def weeks(store: Store) -> dict[int, Weeks]:
    """Sites on whose days four people chose a plan, and some did something rare: by how many these were. Twelve
    missed one page, four a second one, and some a third one. On the last site no choice of the first day named a plan.
    """
    sites = {rare: Weeks(store) for rare in (1, 3, 4)}
    for rare, house in sites.items():
        house.site = structs.replace(house.site, properties=("plan", "path"))
        for day in range(DAYS):
            house.crowd(day)
            for visitor in range(1, 5):
                house.visit(day, visitor, name="choose", props={"plan": "pro"} if day or rare < 4 else {})
            for visitor in range(5, 5 + rare):
                house.visit(day, visitor, name="rare")
            for page, missed in (("/a", range(12)), ("/b", range(12, 16)), ("/c", range(16, 16 + rare))):
                for n in missed:
                    house.visit(day, 100 + n, page)
                    house.visit(day, 100 + n, page, at=1, name="404", props={"path": page})
    sites[1].closing(after=8).of(store, [*sites.values()])
    return sites


def late(house: Weeks) -> dict[tuple[str, str], int]:
    rows = house.store.rows(
        "SELECT event, property_value, sum(events) FROM late_properties WHERE site = {s:String} GROUP BY ALL",
        {"s": house.site.key},
    )
    return {(event, value): events for event, value, events in rows}


def test_what_one_did_on_each_day_does_not_follow_from_a_week(weeks: dict[int, Weeks]) -> None:
    house = weeks[1]
    assert house.late("event") == {}, "the event goes along with the rare one"
    folded = house.store.rows(
        "SELECT sum(events) FROM released_cells WHERE site = {s:String} AND dimension = 'event' AND value = {v:String}",
        {"s": house.site.key, "v": OTHER},
    )
    assert folded == [(5 * DAYS,)], "everybody knows of both together"
    # Of pages not found the second one would be told by the page, so none goes along with the third one.
    assert late(house) == {}


def test_where_a_week_tells_of_the_event_it_tells_of_its_values(weeks: dict[int, Weeks]) -> None:
    assert weeks[3].late("event", columns="events") == {"choose": 4 * DAYS, "rare": 3 * DAYS}
    assert late(weeks[3]) == {("choose", "pro"): 4 * DAYS, ("404", "/b"): 4 * DAYS, ("404", "/c"): 3 * DAYS}
    days = {
        value
        for (value,) in weeks[3].store.rows(
            "SELECT property_value FROM released_properties WHERE site = {s:String}", {"s": weeks[3].site.key}
        )
    }
    assert days == {"/a"}


def test_what_was_done_on_days_without_the_property_does_not_follow(weeks: dict[int, Weeks]) -> None:
    """Of the week it would be known how many chose, and how many of these on days on which somebody named a plan."""
    assert weeks[4].late("event", columns="events")["choose"] == 4 * DAYS
    assert late(weeks[4]) == {("404", "/b"): 4 * DAYS, ("404", "/c"): 4 * DAYS}
