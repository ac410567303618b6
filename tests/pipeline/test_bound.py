"""What one visitor adds to a figure of a day: where the bound lies, whom it cuts, and what is told of that."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import structs

from dashboards.stats.period import Period
from footfall.lab.bounding import Bounding
from pipeline.manifest import read_entries
from pipeline.rollup.batch import Batch, SiteDay
from pipeline.rollup.limits import DAYS, FLOOR, Limit, limits_of
from pipeline.rollup.stages import roll_up
from pipeline.verify import check_chain, check_rows
from schema.store import Store
from tests.conftest import insert, make_event
from tests.pipeline.weeks import Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

TODAY = DAYS + 2


class House(Weeks):
    def __init__(self, store: Store, bound: float = 0.999) -> None:
        super().__init__(store)
        self.rules = structs.replace(self.rules, bound=bound)

    def views(self, day: int, visitor: int, times: int, **given: Any) -> None:
        """So many page views of one visitor, a second apart."""
        mine = {"visitor": visitor, "network_number": 10_000 + visitor} | given
        start, date = self.noon(day), self.day(day)
        insert(self.store, [make_event(self.site.key, start + n, date, **mine) for n in range(times)])

    def limit(self, day: int) -> Limit | None:
        of = Batch(self.store, (SiteDay(self.site, self.day(day), self.rules),), "0")
        return limits_of(of)[0]

    def totals(self, day: int) -> dict[str, Any]:
        totals: dict[str, Any] = self.stats(day, day)["totals"]
        return totals


def test_it_is_the_quantile_of_the_days_before_and_the_lab_says_the_same(store: Store) -> None:
    house, bounding = House(store, 0.9), Bounding()
    house.views(TODAY - DAYS - 1, 1, 500)  # too long ago
    house.views(TODAY, 1, 600)  # the day itself
    for visitor in range(1, 20):
        house.views(TODAY - 1 - visitor % 3, visitor, 40 + 5 * visitor)
    views = sorted(40 + 5 * visitor for visitor in range(1, 20))
    assert house.limit(TODAY) == Limit(views[17], views[17], {})
    bounding.add([60] * 2 + [70] * 998)
    bounding.add([69, 71, 100])
    assert bounding.over == (10 * 2 + 20 * 998) + (1 + 30)


def test_it_stays_what_it_was_when_the_day_began(store: Store) -> None:
    house = House(store)
    house.views(TODAY - 1, 1, 200)
    before = house.limit(TODAY)
    assert before == Limit(200, 200, {})
    house.views(TODAY - 1, 2, 900)
    given = {"s": house.site.key}
    assert house.limit(TODAY) == before
    store.command("ALTER TABLE events DELETE WHERE site = {s:String}", given, mutations_sync=2)
    assert house.limit(TODAY) == before
    assert house.limit(TODAY - 1) == Limit(FLOOR, FLOOR, {})


def test_revenue_is_bounded_where_many_have_paid(store: Store) -> None:
    few, many = House(store), House(store)
    for house, payers in ((few, 400), (many, 1200)):
        noon, date = house.noon(TODAY - 1), house.day(TODAY - 1)
        paid = {"name": "purchase", "currency": "EUR"}
        insert(
            store,
            [make_event(house.site.key, noon, date, visitor=n, amount=1000 + n, **paid) for n in range(1, payers + 1)],
        )
        house.crowd(TODAY)
        for n in range(1, 7):
            for at, amount in ((1, 9_000 if n == 1 else 500), (2, 100)):
                house.visit(TODAY, n, at=at, amount=amount, **paid)
        house.close(after=TODAY)
    assert few.limit(TODAY) == Limit(FLOOR, FLOOR, {})
    limit = 1000 + 1 + int(0.999 * 1200)
    assert many.limit(TODAY) == Limit(FLOOR, FLOOR, {"EUR": limit})

    def revenue(house: House) -> int:
        [buy] = [row for row in house.stats(TODAY, TODAY, "goal")["rows"] if row["value"] == "Buy"]
        return int(buy["revenue"][0]["amount"])

    assert revenue(few) == 9_100 + 5 * 600
    assert limit - 2 <= revenue(many) - 5 * 600 <= limit
    assert few.stats(TODAY, TODAY)["bounded_days"] == []
    assert many.stats(TODAY, TODAY)["bounded_days"] == [many.day(TODAY).isoformat()]
    assert any("revenue in EUR" in note for note in many.stats(TODAY, TODAY)["notes"])


def test_a_figure_that_is_lowered_much_is_told_in_every_place_and_others_are_whole(store: Store) -> None:
    house = House(store)
    house.crowd(TODAY)
    house.views(TODAY, 7, 300, path="/")
    roll_up(store, house.site, house.day(TODAY), house.rules)
    opened = house.totals(TODAY)
    assert (opened["visitors"], opened["pageviews"], opened["events"]) == (21, 70, 70)
    house.close(after=TODAY)
    assert house.totals(TODAY) == opened
    (entry,) = (one for one in read_entries(store, house.site.key) if one.span == 1)
    assert entry.bounded == ["events", "page views"]
    check_chain([entry])
    check_rows(store, house.site.key, [entry])
    told = house.reports().overview(house.site, Period(house.day(TODAY), house.day(TODAY), "")).released
    assert (told.bounded, told.lowered) == ((house.day(TODAY),), ("events", "page views"))


def test_a_little_is_not_told(store: Store) -> None:
    house = House(store)
    house.crowd(TODAY, people=200)
    house.crowd(TODAY, people=200, path="/b")
    house.crowd(TODAY, people=200, path="/c")
    house.views(TODAY, 7, 60)
    house.close(after=TODAY)
    assert house.totals(TODAY)["pageviews"] == 650
    (entry,) = (one for one in read_entries(store, house.site.key) if one.span == 1)
    assert entry.bounded == []


def test_with_0_there_is_none(store: Store) -> None:
    house = House(store, 0.0)
    house.crowd(TODAY)
    house.views(TODAY, 7, 300)
    house.close(after=TODAY)
    assert house.totals(TODAY)["pageviews"] == 320
    assert house.limit(TODAY) is None
