"""What is released with a week adds to its days, once (rule N2)."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec import to_builtins

from dashboards.stats.period import Period
from schema.store import Store
from tests.pipeline.weeks import Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]


@pytest.fixture(scope="module")
def house(store: Store) -> Weeks:
    """Two weeks. Each has a page of five visitors a day and three that every day hides, where people buy and measure.
    The first Sunday has too few visitors altogether: their page is too rare in that week, so the smallest stays with
    it; and because that one would be alone on all other days, the next one, too."""
    made = Weeks(store)
    for day in range(14):
        if day == 6:
            for visitor in range(3):
                made.visit(day, visitor, "/")
            continue
        made.crowd(day)
        for path, people in (("/five", 5), ("/four", 4), ("/three", 3), ("/two", 2)):
            for n in range(people):
                visitor = 1000 * day + 100 * people + n
                made.visit(day, visitor, path, at=n)
                made.visit(day, visitor, path, at=n + 60, name="purchase", currency="EUR", amount=250)
                made.visit(day, visitor, path, at=n + 70, name="engagement", engaged_ms=9000, lcp=900.0)
    assert [span for *_, span in made.close(after=13)] == [7, 7]
    return made


def rows(answer: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["value"]: row for row in answer["rows"]}


def test_a_period_is_the_sum_of_its_days_and_of_the_blocks_within_it(house: Weeks) -> None:
    shown = rows(house.stats(0, 13, "page"))
    visitors = {page: row["visitors"] for page, row in shown.items()}
    assert visitors == {"/": 260, "/five": 65, "/four": 52, "/three": 21, "/two": 14, "(other)": 30}
    assert shown["/four"]["pageviews"] == 52
    sure = {page: (row["certainty"], row["not_shown_days"]) for page, row in shown.items()}
    assert sure["/four"] == ("exact", 0)
    assert sure["/two"] == ("at least", 7)
    assert "(other)" not in rows(house.stats(7, 13, "page")), "everybody is told apart"


def test_a_day_of_too_few_visitors_is_in_the_total_of_its_week(house: Weeks) -> None:
    of_week = house.stats(0, 6)
    assert (of_week["totals"]["visitors"], of_week["certainty"]) == (6 * 34, "at least"), "three are not ten"


@pytest.mark.parametrize(("first", "last", "four"), [(1, 13, 28), (0, 12, 24), (1, 12, None), (7, 13, 28)])
def test_a_period_that_cuts_a_block_has_nothing_of_it(house: Weeks, first: int, last: int, four: int | None) -> None:
    answer = house.stats(first, last, "page")
    shown = rows(answer)
    assert answer["cuts_blocks"] is ((first, last) != (7, 13))
    assert any("only in part" in note for note in answer["notes"]) is answer["cuts_blocks"]
    assert (shown["/four"]["visitors"] if "/four" in shown else None) == four
    if (first, last) != (7, 13):
        assert "(other)" in shown


def test_a_filter_counts_blocks_too(house: Weeks) -> None:
    assert house.stats(0, 13, "", "page==/four")["totals"]["visitors"] == 52
    # Nobody is lost, and nobody is counted twice: five, four, three and two of 13 days each.
    assert house.stats(0, 13, "", "page!=/")["totals"]["visitors"] == 13 * 14
    assert rows(house.stats(0, 13, "page", "page==/two"))["/two"]["visitors"] == 14
    assert house.stats(1, 12, "", "page==/four")["totals"]["visitors"] == 0


def test_goals_revenue_and_vitals_of_a_hidden_page_come_with_its_week(house: Weeks) -> None:
    (goal,) = house.stats(0, 13, "goal", "page==/four")["rows"]
    assert (goal["visitors"], goal["conversions"]) == (52, 52)
    assert [(one["amount"], one["payers"]) for one in goal["revenue"]] == [(52 * 250, 52)]
    (vital,) = house.stats(0, 13, "vital", "page==/four")["rows"]
    assert (vital["samples"], vital["visitors"], vital["rating"]) == (52, 52, "good")
    # Which of its days they are of is not told.
    assert house.stats(0, 13, "vital_day", "page==/four")["rows"] == []
    assert len(house.stats(0, 13, "vital_day", "page==/five", "vital==lcp")["rows"]) == 13
    assert house.stats(0, 13, "goal_day", "page==/four")["rows"] == []
    assert len(house.stats(0, 13, "goal_day", "page==/five")["rows"]) == 13


def test_the_page_shows_the_same(house: Weeks) -> None:
    site = house.reports().sites[house.site.key]
    period = Period(house.day(0), house.day(13), "")
    shown: dict[str, Any] = to_builtins(house.reports().overview(site, period))
    assert {cell["value"]: cell["visitors"] for cell in shown["tables"]["page"]}["/four"] == 52
    assert shown["totals"]["visitors"] == house.stats(0, 13)["totals"]["visitors"]


def test_the_order_is_that_of_the_whole(house: Weeks) -> None:
    """Also where few values are asked for."""
    query = house.stats(0, 13, "page")
    assert [row["value"] for row in query["rows"]][:3] == ["/", "/five", "/four"]


def test_a_shop_with_three_orders_a_day_sees_its_revenue_with_the_week(store: Store) -> None:
    shop = Weeks(store)
    for day in range(7):
        shop.crowd(day)
        for n in range(3):
            shop.visit(day, 1000 * day + n, "/", at=n)
            shop.visit(day, 1000 * day + n, "/", at=n + 30, name="purchase", currency="EUR", amount=1250)
    shop.close(after=6)
    (goal,) = shop.stats(0, 6, "goal")["rows"]
    assert (goal["value"], goal["visitors"], goal["conversions"]) == ("Buy", 21, 21)
    assert [(one["currency"], one["amount"], one["payers"]) for one in goal["revenue"]] == [("EUR", 21 * 1250, 21)]
    assert shop.stats(0, 5, "goal")["rows"] == []
