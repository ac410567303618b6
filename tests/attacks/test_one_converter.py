"""Who knows that few have signed up: does a goal tell that it was one, and of which country he is?"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from schema.store import Store
from tests.together import Test, together

from .house import House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]


def signed_up(store: Store, k: int, people: int) -> House:
    """A day of fourteen, of whom so many sign up; the last of them is from France."""
    house = House(store, k)
    for visitor in range(14):
        country = "FR" if visitor >= 8 else "DE"
        house.visit(visitor, at=visitor, country=country)
        if 8 - people < visitor <= 8:
            house.visit(visitor, at=visitor + 60, name="signup", country=country)
    return house


@pytest.mark.parametrize("closed", [False, True])
@together
def test_a_goal_of_fewer_than_k_is_nowhere(store: Store, closed: bool, report: Callable[[str, str], None]) -> Test:
    house = signed_up(store, k=5, people=1)
    yield house.releasing() if closed else house.settling()
    assert house.stats()["totals"]["visitors"] == 14
    assert house.rows("goal") == {}
    assert not house.overview()["goals"]
    for filter_ in ("country==FR", "country==DE", "page==/", "event==signup", "event==(other)"):
        assert house.rows("goal", filter_) == {}, filter_
    report("who looks for a goal's only converter", "k = 5: nowhere, whatever the filter")


@together
def test_the_same_goal_names_him_where_nothing_is_hidden(store: Store, report: Callable[[str, str], None]) -> Test:
    house = signed_up(store, k=1, people=1)
    yield house.settling()
    assert house.rows("goal", "country==FR")["Sign up"]["visitors"] == 1
    report("who looks for a goal's only converter", "k = 1: he is from France")


@together
def test_nor_does_the_whole_less_the_other_countries(store: Store) -> Test:
    """Six have signed up: that is shown. Five of them are Germans; were that shown, too, one is from France."""
    house = signed_up(store, k=5, people=6)
    yield house.settling()
    assert house.rows("goal")["Sign up"]["visitors"] == 6
    assert house.rows("goal", "country==DE") == house.rows("goal", "country==FR") == {}


@pytest.mark.parametrize("closed", [False, True])
@together
def test_nor_do_those_who_paid(store: Store, closed: bool) -> Test:
    """Six Germans and three French have signed up; to hide the French the Germans are hidden with them. All of the
    Germans have paid: shown, their number would be at least that of the hidden row."""
    house = House(store, k=5)
    for visitor in range(20):
        country = "DE" if visitor < 10 else "FR"
        house.visit(visitor, at=visitor, country=country)
        if visitor < 6:
            house.visit(visitor, at=visitor + 60, name="signup", country=country, currency="EUR", amount=100)
        elif visitor >= 17:
            house.visit(visitor, at=visitor + 60, name="signup", country=country)
    yield house.releasing() if closed else house.settling()
    assert house.rows("goal")["Sign up"]["visitors"] == 9
    for filter_ in ("country==DE", "country==FR"):
        assert house.rows("goal", filter_) == {}, filter_
    table = f"{'released' if closed else 'open'}_conversions"
    rows = f"SELECT count(), countIf(dimension = 'country') FROM {table} WHERE site = {{s:String}} AND currency != ''"
    [(all_rows, of_countries)] = store.rows(rows, {"s": house.site.key})
    assert (all_rows > 0, of_countries) == (True, 0)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize("buyers", [0, 14])
@together
def test_nor_does_a_folded_row_that_has_more_events_than_page_views(store: Store, buyers: int, closed: bool) -> Test:
    """How many page views there were is known, so they are no company for a single sign-up."""
    house = signed_up(store, k=5, people=1)
    for visitor in range(buyers):
        house.visit(visitor, at=90 + visitor, name="purchase")
        house.visit(visitor, at=120 + visitor, name="purchase")
    yield house.releasing() if closed else house.settling()
    rows, whole = house.rows("event"), house.stats()["totals"]
    if buyers:
        assert {name: (row["events"], row["pageviews"]) for name, row in rows.items()} == {
            "pageview": (14, 14),
            "(other)": (29, 0),
        }
    else:
        assert [(row["visitors"], row["events"], row["pageviews"]) for row in rows.values()] == [(14, 14, 14)]
    assert whole["events"] == (43 if buyers else 14)
