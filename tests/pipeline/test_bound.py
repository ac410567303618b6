"""What one visitor adds to a figure of a day: where the bound lies, whom it cuts, and what is told of that."""

from __future__ import annotations

import random
import secrets
from collections import Counter, defaultdict
from typing import Any

import pytest
from msgspec import structs

from dashboards.stats.period import Period
from pipeline.manifest import read_entries
from pipeline.rollup.batch import Batch, SiteDay
from pipeline.rollup.scratch import scratch
from pipeline.rollup.stages import stage_again
from pipeline.rollup.visits.bound import bound
from pipeline.rollup.visits.limits import DAYS, FLOOR, Limit, limits_of
from pipeline.rollup.visits.sessionize import sessionize
from pipeline.rollup.visits.snapshot import look
from pipeline.verify import check_chain, check_rows
from schema.event import ENGAGEMENT, PAGEVIEW
from schema.store import Store
from tests.conftest import insert, make_event
from tests.pipeline.weeks import Weeks
from tests.together import Test, rolled_up, together

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


def test_it_is_the_quantile_of_the_days_before(store: Store) -> None:
    house = House(store, 0.9)
    house.views(TODAY - DAYS - 1, 1, 500)  # too long ago
    house.views(TODAY, 1, 600)  # the day itself
    for visitor in range(1, 20):
        house.views(TODAY - 1 - visitor % 3, visitor, 40 + 5 * visitor)
    views = sorted(40 + 5 * visitor for visitor in range(1, 20))
    assert house.limit(TODAY) == Limit(views[17], views[17], {})


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


@together
def test_revenue_is_bounded_where_many_have_paid(store: Store) -> Test:
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
        yield house.closing(after=TODAY)
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


@together
def test_a_figure_that_is_lowered_much_is_told_in_every_place_and_others_are_whole(store: Store) -> Test:
    house = House(store)
    house.crowd(TODAY)
    house.views(TODAY, 7, 300, path="/")
    yield rolled_up(SiteDay(house.site, house.day(TODAY), house.rules))
    opened = house.totals(TODAY)
    assert (opened["visitors"], opened["pageviews"], opened["events"]) == (21, 70, 70)
    yield house.closing(after=TODAY)
    assert house.totals(TODAY) == opened
    (entry,) = (one for one in read_entries(store, house.site.key) if one.span == 1)
    assert entry.bounded == ["events", "page views"]
    check_chain([entry])
    check_rows(store, house.site.key, [entry])
    told = house.reports().overview(house.site, Period(house.day(TODAY), house.day(TODAY), "")).released
    assert (told.bounded, told.lowered) == ((house.day(TODAY),), ("events", "page views"))


@together
def test_a_little_is_not_told(store: Store) -> Test:
    house = House(store)
    house.crowd(TODAY, people=200)
    house.crowd(TODAY, people=200, path="/b")
    house.crowd(TODAY, people=200, path="/c")
    house.views(TODAY, 7, 60)
    yield house.closing(after=TODAY)
    assert house.totals(TODAY)["pageviews"] == 650
    (entry,) = (one for one in read_entries(store, house.site.key) if one.span == 1)
    assert entry.bounded == []


@together
def test_with_0_there_is_none(store: Store) -> Test:
    house = House(store, 0.0)
    house.crowd(TODAY)
    house.views(TODAY, 7, 300)
    yield house.closing(after=TODAY)
    assert house.totals(TODAY)["pageviews"] == 320
    assert house.limit(TODAY) is None


def test_nobody_of_many_is_over_it_and_who_is_not_is_whole(store: Store) -> None:
    """Random visits of two sites in one run, held against what each visitor did."""
    chance, limits = random.Random(3), [Limit(6, 9, {"EUR": 700}), Limit(4, 5, {})]
    houses, did = [House(store), House(store)], defaultdict(list)
    for d, house in enumerate(houses):
        events = []
        for visitor in range(1, 40):
            for _ in range(chance.choice([1, 3, 12, 30])):
                name = chance.choice([PAGEVIEW, PAGEVIEW, "purchase", ENGAGEMENT])
                paid = {"currency": chance.choice(["EUR", "JPY"]), "amount": chance.randint(-90, 300)}
                hit = {"name": name, "path": f"/{chance.randint(0, 5)}"} | (paid if name == "purchase" else {})
                at = house.noon(0) + chance.choice([0, 4000, 9000]) + chance.randint(0, 900)
                events.append(make_event(house.site.key, at, house.day(0), visitor=visitor, **hit))
                did[d, visitor].append((name, hit["path"], hit.get("currency", ""), hit.get("amount", 0)))
        insert(store, events)
    of = Batch(store, tuple(SiteDay(house.site, house.day(0), house.rules) for house in houses), secrets.token_hex(8))
    with scratch(of):
        sessionize(of, look(of, whole=True))
        bound(of, limits)
        lists = ", ".join(f"hits.{name} AS {name}" for name in ("name", "path", "currency", "amount"))
        visits = of.scratch("visits")
        rows = store.rows(f"SELECT d, visitor, name, path, currency, amount FROM {visits} ARRAY JOIN {lists}")
        told = store.rows(f"SELECT d, visitor, sum(viewed), sum(acted) FROM {visits} GROUP BY d, visitor")
    kept = defaultdict(list)
    for d, visitor, *hit in rows:
        kept[d, visitor].append(tuple(hit))
    assert did.keys() == {(d, visitor) for d, visitor, _, _ in told}
    cut = 0
    for d, visitor, viewed, acted in told:
        hits, before, limit = kept[d, visitor], did[d, visitor], limits[d]
        assert viewed == sum(hit[0] == PAGEVIEW for hit in hits) <= limit.pageviews
        assert acted == sum(hit[0] != ENGAGEMENT for hit in hits) <= limit.events
        assert Counter(hit[:3] for hit in hits) <= Counter(hit[:3] for hit in before)
        for currency, most in limit.amounts.items():
            assert sum(abs(hit[3]) for hit in hits if hit[2] == currency) <= most
        views, acts = sum(hit[0] == PAGEVIEW for hit in before), sum(hit[0] != ENGAGEMENT for hit in before)
        paid = sum(abs(hit[3]) for hit in before if hit[2] == "EUR")
        if views <= limit.pageviews and acts <= limit.events and paid <= limit.amounts.get("EUR", paid):
            assert Counter(hits) == Counter(before)
        else:
            cut += 1
    assert 20 < cut < 70


@pytest.mark.parametrize(("then", "now", "times"), [(0.999, 0.0, FLOOR), (0.0, 0.999, 80)])
@together
def test_what_is_counted_of_a_day_later_is_bounded_as_the_day_was(
    store: Store, then: float, now: float, times: int
) -> Test:
    house = House(store, then)
    for n in range(1, 20):
        house.visit(0, n, name="read")
    insert(
        store, [make_event(house.site.key, house.noon(0) + n, house.day(0), visitor=20, name="read") for n in range(80)]
    )
    yield house.closing(after=0)
    told: list[int] = []

    def count(of: Batch) -> None:
        rows = store.rows(f"SELECT sum(acted) FROM {of.scratch('visits')} WHERE visitor = 20")
        told.extend(rows[0])

    stage_again(store, SiteDay(house.site, house.day(0), structs.replace(house.rules, bound=now)), count)
    assert told == [times]
