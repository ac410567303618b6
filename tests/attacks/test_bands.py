"""Who solves for the bands of scroll depth and of time that are hidden, over days and their week, pins none of fewer
than k people. He knows that everybody reports, so a page's visits are those of its bands together."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable

import pytest

from schema.engagement import BANDS
from schema.event import ENGAGEMENT
from schema.store import Store
from tests.attacks.solver import Published, Solver
from tests.pipeline.weeks import Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]
DAYS = 7
# How many are in a band on a day: one of these.
OFTEN = (0, 0, 1, 2, 4, 5, 6, 8, 12)
PAGES = ("/long", "/short")
# Of the second one two people are hidden, and the first one goes along with them.
RARE = {"/rare": 5, "/rarest": 2}
Truth = Counter[tuple[str, str, int, str]]


@pytest.fixture(scope="module")
def week(store: Store) -> tuple[Weeks, Truth]:
    """A week, and by page, report, day and band how many people there were. The days hide one page."""
    chance, house, truth = random.Random(3), Weeks(store), Truth()
    for day in range(DAYS):
        house.crowd(day, 30)
        whose = iter(range(1, 10_000))
        for page in (*PAGES, *RARE):
            for band in BANDS["scroll"] if page in PAGES else (50,):
                for visitor in [next(whose) for _ in range(RARE.get(page) or chance.choice(OFTEN))]:
                    seconds = chance.choice((*BANDS["time"], 10, 10))
                    report = {"scroll": min(100, band + chance.randrange(25)), "engaged_ms": 1000 * seconds + 1}
                    house.visit(day, visitor, page)
                    house.visit(day, visitor, page, at=1, name=ENGAGEMENT, **report)
                    truth[page, "scroll", day, str(band)] += 1
                    truth[page, "time", day, str(seconds)] += 1
    house.close(after=DAYS - 1)
    return house, truth


class Bands(Published):
    """What everybody can read of the bands of a page."""

    def __init__(self, house: Weeks, page: str, report: str) -> None:
        self.days, self.values, self.above, self.parent_of = range(DAYS), [*map(str, BANDS[report])], None, {}
        self.k, self.k_late = house.rules.k, house.rules.k_late
        given = {"site": house.site.key, "first": house.first, "page": page, "report": report}
        mine = "SELECT dateDiff('day', {first:Date}, day) AS of, %s FROM %s WHERE site = {site:String} AND %s"
        of_page = "page = {page:String} AND report = {report:String}"
        rows = mine % ("toString(band), visits", "released_engagement", of_page)
        self.shown = {(day, band): visits for day, band, visits in house.store.rows(rows, given)}
        rows = mine % ("toString(band), visits", "late_engagement", f"{of_page} AND grain = 'week'")
        self.late = {(7, day, band): visits for day, band, visits in house.store.rows(rows, given)}
        rows = mine % ("visits", "released_cells", "dimension = 'page' AND value = {page:String}")
        self.total = dict(house.store.rows(rows, given))


def test_nobody_pins_a_band_of_fewer_than_k_people(
    week: tuple[Weeks, Truth], report: Callable[[str, str], None]
) -> None:
    house, truth = week
    hidden = pinned = without = 0
    for page in PAGES:
        for what in BANDS:
            published = Bands(house, page, what)
            its = {(day, band): n for (of, one, day, band), n in truth.items() if (of, one) == (page, what)}
            assert published.shown
            assert all(its[cell] == n >= published.k for cell, n in published.shown.items())
            few = [cell for cell, n in its.items() if cell not in published.shown and n < published.k]
            # He knows of each day which bands nobody was in.
            nobody = {(d, band): (0, 0) for d in range(DAYS) for band in published.values if not its.get((d, band))}
            solver = Solver(published, nobody)
            bounds = [(its[cell], *solver.bounds(cell)) for cell in few]
            assert all(least <= n <= most for n, least, most in bounds), "he understands what he reads"
            beside = {cell: (n, n) for cell, n in its.items() if cell not in published.shown and n >= published.k}
            unprotected = Solver(published, nobody | beside)
            hidden += len(few)
            pinned += sum(least == most for _, least, most in bounds)
            without += sum(map(unprotected.is_pinned, few))
    report("a solver", f"of {hidden} hidden bands below k {pinned} pinned; {without} without companions")
    assert without >= 3
    assert not pinned


def test_a_page_that_the_days_hide_has_no_bands(week: tuple[Weeks, Truth]) -> None:
    """Its band of five people would tell of the page, and with that of the two who saw the other one."""
    house, truth = week
    assert truth["/rare", "scroll", 0, "50"] == house.rules.k
    shown = (
        "SELECT DISTINCT day, value FROM released_cells WHERE dimension = 'page' AND site = {s:String}",
        "SELECT DISTINCT day, page FROM released_engagement WHERE site = {s:String}",
    )
    pages, banded = ({*house.store.rows(each, {"s": house.site.key})} for each in shown)
    hidden = {(house.day(day), "/rare") for day in range(DAYS)} - pages
    assert len(hidden) >= 3, "on the others somebody else's page is hidden"
    assert banded
    assert banded <= pages
