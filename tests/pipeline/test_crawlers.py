"""What crawlers looked at: published once by day, by sections that people have."""

from __future__ import annotations

import pytest

from pipeline.crawlers import forget_imported, publish_crawlers, publish_imported, take_back
from schema.event import CrawlerViews
from schema.site import Site, day_number
from schema.store import Store
from tests.pipeline.weeks import Weeks

pytestmark = pytest.mark.clickhouse
_COLUMNS = CrawlerViews.__struct_fields__


def seen(house: Weeks, day: int, crawler: str, section: str, views: int, run: str = "") -> None:
    row = (house.site.key, day_number(house.day(day)), crawler, section, views, run)
    house.store.insert("crawler_views", _COLUMNS, [[value] for value in row])


def told(house: Weeks) -> list[tuple[object, ...]]:
    mine = "site = {s:String} ORDER BY ALL"
    return house.store.rows(
        f"SELECT day, run, crawler, section, views FROM crawlers WHERE {mine}", {"s": house.site.key}
    )


def left(house: Weeks) -> int:
    given = {"s": house.site.key}
    return int(house.store.rows("SELECT sum(views) FROM crawler_views WHERE site = {s:String}", given)[0][0])


@pytest.mark.slow
def test_days_that_are_over_are_published_once_by_sections_of_people(store: Store) -> None:
    house = Weeks(store)
    site = Site(house.site.key, sections={"Blog": "/blog/**"})
    house.crowd(0, path="/docs/a")
    house.arrived(house.noon(3))
    house.close(after=0)
    for section, views in (("/docs/", 17), ("/docs/", 4), ("Blog", 3), ("/reset-4711/", 5), ("/anna/", 1)):
        seen(house, 0, "GPTBot", section, views)
    seen(house, 0, "ChatGPT-User", "/docs/", 10)
    seen(house, 1, "GPTBot", "/docs/", 100)
    house.arrived(house.noon(1) - 1)
    publish_crawlers(store, [site], house.noon(1) - 1)
    assert told(house) == [], "it is still that day somewhere"
    house.arrived(house.noon(1))
    day = house.day(0)
    for _ in range(2):
        publish_crawlers(store, [site], house.noon(1))
        assert told(house) == [
            (day, "", "ChatGPT-User", "/docs/", 10),
            (day, "", "GPTBot", "(other)", 6),
            (day, "", "GPTBot", "/docs/", 21),
            (day, "", "GPTBot", "Blog", 3),
        ]
        assert left(house) == 100, "what is published is not kept by what was asked for"
    # A site that the settings have lost for an hour loses nothing.
    seen(house, 2, "GPTBot", "/docs/", 1)
    house.arrived(house.noon(3))
    publish_crawlers(store, [], house.noon(3))
    assert left(house) == 101
    # What comes late of a day that is published belongs to no number any more.
    seen(house, 0, "GPTBot", "/docs/", 50)
    publish_crawlers(store, [site], house.noon(1))
    assert (day, "", "GPTBot", "/docs/", 21) in told(house)
    assert left(house) == 101


def test_what_is_fetched_for_one_person_is_told_in_tens_with_a_secret_offset(store: Store) -> None:
    """Who sends nine requests on each of many days does not see on which of them somebody else sent a tenth."""
    house, days = Weeks(store), 200
    site = Site(house.site.key, sections={"Blog": "/blog/**"})
    rows = [(house.site.key, day_number(house.day(day)), "WhatsApp", "Blog", 9, "") for day in range(days)]
    house.store.insert("crawler_views", _COLUMNS, [list(column) for column in zip(*rows, strict=True)])
    house.arrived(house.noon(days + 2))
    publish_crawlers(store, [site], house.noon(days + 2))
    views = [row[-1] for row in told(house)]
    assert set(views) == {10}, "nothing below ten is told"
    # 180 on average, with a standard deviation of 4.2.
    assert 150 < len(views) < days


def test_of_an_import_those_of_its_days_are_published_and_go_with_it(store: Store) -> None:
    house = Weeks(store)
    site = Site(house.site.key, sections={"Blog": "/blog/**"})
    for day in (0, 1):
        seen(house, day, "GPTBot", "Blog", 7, "0123456789abcdef")
    seen(house, 0, "GPTBot", "Blog", 1, "another")
    publish_imported(store, site, "0123456789abcdef", [house.day(1)])
    forget_imported(store, "0123456789abcdef")
    assert told(house) == [(house.day(1), "0123456789abcdef", "GPTBot", "Blog", 7)]
    assert left(house) == 1
    house.arrived(house.noon(9))
    publish_crawlers(store, [site], house.noon(9))
    assert len(told(house)) == 1, "another import's are not what was collected live"
    take_back(store, site.key, "0123456789abcdef")
    assert told(house) == []
