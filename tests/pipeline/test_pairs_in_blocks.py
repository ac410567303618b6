"""What days hide of pairs, released with weeks and four weeks: every cell against plain sums of who came."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from msgspec import structs

from pipeline.copying import readable
from pipeline.manifest import read_entries
from pipeline.settings import SiteRules
from pipeline.verify import chain_faults, row_faults, unreadable_rows
from schema.store import Store
from tests.pipeline.weeks import Weeks
from tests.together import Test, together

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

# Of each day who came from where by which way.
Counts = dict[tuple[str, str], int]
# Days of weeks each of which has too few.
_LATER = (7, 8, 14, 15, 21, 22)
_COLUMNS = "grain, by_value, value, days, visitors, visits, pageviews"


class Paired(Weeks):
    def __init__(self, store: Store, rules: SiteRules | None = None) -> None:
        super().__init__(store, rules)
        self.site = structs.replace(self.site, goals=(), pairs=("country x channel",))
        self.sums: Counter[tuple[str, str]] = Counter()

    def come(self, day: int, counts: Counts) -> None:
        """The first of each cell sees a second page."""
        who = 1000 * day
        for (country, channel), people in counts.items():
            for nth in range(people):
                who += 1
                for at in (0, 60)[: 1 + (nth == 0)]:
                    self.visit(day, who, at=at, country=country, channel=channel)
            self.sums[country, channel] += people

    def pairs(self) -> list[tuple[Any, ...]]:
        """What is told with blocks."""
        return self.store.rows(
            f"SELECT {_COLUMNS} FROM late_pairs WHERE site = {{s:String}} ORDER BY ALL", {"s": self.site.key}
        )


def day(few: int) -> Counts:
    """Four cells on one circle, two of few: all are hidden."""
    return {("DE", "Search"): 30, ("DE", "Mail"): few, ("FR", "Search"): few + 1, ("FR", "Mail"): 20}


@together
def test_a_week_and_four_weeks_tell_all_that_their_days_hide(store: Store) -> Test:
    house = Paired(store)
    for number in (*range(4), *_LATER):
        house.come(number, day(2 if number in _LATER else 3))
    yield house.closing(after=27)
    weekly = [row[1:] for row in house.pairs() if row[0] == "week"]
    # Of the others a week has too few beside what it would tell.
    assert weekly == [
        *(("DE", "Mail", 4, 12, 12, 16), ("DE", "Search", 4, 120, 120, 124)),
        *(("FR", "Mail", 4, 80, 80, 84), ("FR", "Search", 4, 16, 16, 20)),
    ]
    assert [row[1:5] for row in house.pairs() if row[0] == "four_weeks"] == [
        *(("DE", "Mail", 6, 12), ("DE", "Search", 6, 180), ("FR", "Mail", 6, 120), ("FR", "Search", 6, 18))
    ]
    for country in ("DE", "FR"):
        rows = house.stats(0, 27, "channel", f"country=={country}")["rows"]
        found = {(country, row["value"]): (row["visitors"], row["not_shown_days"]) for row in rows}
        assert found == {key: (people, 0) for key, people in house.sums.items() if key[0] == country}
    # A block that the period cuts is not in it.
    assert house.stats(0, 2, "channel", "country==DE")["rows"] == []
    assert house.waiting() == 0
    entries = read_entries(house.store, house.site.key)
    assert not [
        *chain_faults(entries),
        *row_faults(house.store, house.site.key, readable(entries)),
        *unreadable_rows(house.store, house.site.key),
    ]


@pytest.mark.long
@together
def test_one_network_is_not_enough_and_with_k_1_nothing_waits(store: Store) -> Test:
    house = Paired(store)
    alike = Paired(store, SiteRules(1, 30, "accurate", networks=1, k_late=5))
    for number in range(4):
        house.come(number, {key: people for key, people in day(3).items() if key != ("DE", "Mail")})
        for nth in range(3):
            house.visit(number, 1000 * number + 900 + nth, country="DE", channel="Mail", network_number=77)
        alike.come(number, day(1))
    yield house.closing(after=27)
    assert house.pairs() == []
    yield alike.closing(after=27)
    assert alike.pairs() == []
    rows = alike.stats(0, 3, "channel", "country==DE")["rows"]
    assert {("DE", row["value"]): row["visitors"] for row in rows} == {
        key: people for key, people in alike.sums.items() if key[0] == "DE"
    }
