"""Who divides and subtracts: does a row of many people tell what one of them did?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from schema.event import ENGAGEMENT
from schema.store import Store
from tests.together import Test, together

from .house import House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

PAGE = "/clinic/hiv"
VICTIM = 99


def visited(store: Store, k: int) -> House:
    """Twelve enter at "/", eight of them look at the page on their way, and all leave from "/bye". The victim enters at
    the page, reads it for 7 s, buys there and leaves from it."""
    house = House(store, k)
    for visitor in range(12):
        house.visit(visitor, at=visitor)
        if visitor < 8:
            house.visit(visitor, PAGE, at=60 + visitor)
        house.visit(visitor, "/bye", at=120 + visitor)
    house.visit(VICTIM, PAGE, at=200)
    house.visit(VICTIM, PAGE, at=203, name="purchase")
    house.visit(VICTIM, PAGE, at=207, name=ENGAGEMENT, engaged_ms=7000)
    return house


def told(house: House) -> list[dict[str, Any]]:
    """Everything that is said of the page in a row of its own."""
    overview = house.overview()
    cells = [cell for cell in overview["tables"]["page"] if cell["value"] == PAGE]
    return [house.rows("page")[PAGE], *cells]


@pytest.mark.parametrize("closed", [False, True])
@together
def test_n1_a_row_of_many_tells_nothing_to_which_one_contributed(
    store: Store, closed: bool, report: Callable[[str, str], None]
) -> Test:
    house = visited(store, k=5)
    yield house.releasing() if closed else house.settling()
    for row in told(house):
        assert (row["visitors"], row["pageviews"]) == (9, 9)
        assert [row[name] for name in ("bounce_rate", "visit_duration", "exit_rate", "time_on_page")] == [None] * 4
        assert row["events"] == row["pageviews"], "nor that somebody did something else there"
    report("who divides", "k = 5: no time, bounce, exit or event of one contributor in a row of nine")


@together
def test_the_same_row_tells_it_all_where_nothing_is_hidden(store: Store, report: Callable[[str, str], None]) -> Test:
    house = visited(store, k=1)
    yield house.settling()
    for row in told(house):
        assert row["visit_duration"] == 7
        assert round(row["exit_rate"] * row["pageviews"] / 100) == 1
        assert row["time_on_page"] == round(7 / 9, 1)
        assert row["events"] - row["pageviews"] == 1
    report("who divides", "k = 1: the seconds, the exit and the event of one")


@pytest.mark.parametrize("by", ["page", "hostname", "country", "entry_page", "hour"])
@together
def test_n1_nor_does_the_whole_less_the_other_rows(store: Store, by: str) -> Test:
    """Of every measure either all rows add up to the whole, or at least two do not have it."""
    house = visited(store, k=5)
    for visitor in range(12):
        house.visit(visitor, "/", at=3 + visitor, name=ENGAGEMENT, engaged_ms=1000)
        house.visit(visitor, "/", at=4 + visitor, name="signup", country="DE")
    yield house.settling()
    ((all_, *_),) = [measures(house, "", "day")]
    rows = measures(house, "" if by == "hour" else by, "hour" if by == "hour" else "day")
    for name, whole in all_.items():
        without = [row for row in rows if not row[name]]
        assert sum(row[name] for row in rows) == whole or not rows or len(without) != 1, name


def measures(house: House, dimension: str, grain: str) -> list[dict[str, int]]:
    """What is in the rows that may be read, also where no page shows it: sums, not rates."""
    names = ("entries", "exits", "bounces", "visit_seconds", "engaged_ms")
    found = house.store.rows(
        f"SELECT {', '.join(names)} FROM open_cells WHERE site = {{s:String}} AND dimension = {{d:String}} "
        "AND grain = {g:String}",
        {"s": house.site.key, "d": dimension, "g": grain},
    )
    return [dict(zip(names, row, strict=True)) for row in found]


@together
def test_n1_days_do_not_tell_it_either(store: Store) -> Test:
    """A day that is not enough is not in the sums of several days: those less the others would tell it."""
    house = visited(store, k=5)
    yield house.releasing()
    (row,) = house.store.rows(
        "SELECT entries, bounces, visit_seconds, exits, exit_views, engaged_ms, timed_visits FROM released_cells "
        "WHERE site = {s:String} AND dimension = 'page' AND value = {p:String}",
        {"s": house.site.key, "p": PAGE},
    )
    assert row == (0,) * 7
