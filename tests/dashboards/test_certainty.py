"""Numbers that may be more say so, everywhere alike: values that some days hide, goals, revenue (rule N5)."""

from __future__ import annotations

import csv
import datetime as dt
import io
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboards.stats.conversions import decimal_of
from dashboards.stats.period import Period
from dashboards.stats.report import Reports
from footfall.cli.summaries import stats_table
from pipeline.months import sum_months

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]
Ago = Callable[[int], dt.date]


def week(rollups: Any, ago: Ago, release: bool = False) -> None:
    """Four days: / on all, /rare on one of two with a folded rest, and one day of fewer than k visitors."""
    for number in range(1, 4):
        rollups.cell(ago(number), visitors=1500, released=release)
        rollups.cell(ago(number), "page", "/", visitors=1000, released=release)
        rollups.cell(ago(number), "device", "mobile", visitors=900, released=release)
        if number < 3:
            rollups.cell(ago(number), "page", "(other)", visitors=7, released=release)
        if release:
            rollups.release(ago(number))
    rollups.cell(ago(1), "page", "/rare", visitors=600, released=release)


def table(client: TestClient, address: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(client.get(address).content.decode("utf-8-sig"))))


def test_a_value_that_some_days_do_not_show_is_at_least(client: TestClient, rollups: Any, ago: Ago) -> None:
    week(rollups, ago)
    base, days = f"sites/{rollups.site.key}", f"from={ago(3)}&to={ago(1)}"
    answer = client.get(f"/api/{base}/stats?{days}&by=page").json()
    told = [(row["value"], row["certainty"], row["not_shown_days"], row["of_days"]) for row in answer["rows"]]
    assert told == [("/", "exact", 0, 3), ("/rare", "at least", 2, 3), ("(other)", "exact", 0, 3)]
    overview = client.get(f"/api/{base}/overview?{days}").json()["tables"]
    assert [
        (cell["value"], cell["certainty"], cell["not_shown_days"], cell["of_days"]) for cell in overview["page"]
    ] == told
    # Of devices nothing is folded: who is not there did not come.
    assert [(cell["visitors"], cell["certainty"]) for cell in overview["device"]] == [(2700, "exact")]
    rows = table(client, f"/api/{base}/stats.csv?{days}&by=page")
    assert [(row["value"], row["certainty"], row["not_shown_days"]) for row in rows][1] == ("/rare", "at least", "2")
    page, details = client.get(f"/{base}?{days}").text, client.get(f"/{base}/by/page?{days}").text
    assert '≥ 600<span class="unseen">, not shown on 2 of 3 days: few or none</span>' in page
    assert ">≥ 600</td>" in details
    assert ">2 of 3</td>" in details
    assert "≥ 3,000" not in page + details


def test_a_day_of_fewer_than_k_makes_all_numbers_at_least(client: TestClient, rollups: Any, ago: Ago) -> None:
    week(rollups, ago, release=True)
    rollups.release(ago(4), rows=0)
    base, days = f"sites/{rollups.site.key}", f"from={ago(4)}&to={ago(1)}"
    answer = client.get(f"/api/{base}/stats?{days}&by=device").json()
    assert (answer["certainty"], answer["of_days"], answer["rows"][0]["not_shown_days"]) == ("at least", 4, 1)
    page = client.get(f"/{base}?{days}").text
    assert '<span aria-hidden="true">≥ 4,500</span><span class="unseen">at least 4,500</span>' in page
    assert "1 day had fewer than 5 visitors and is not shown" in page
    assert "Numbers about fewer than 5 people are never published" in page


def test_with_k_of_one_everything_is_exact(client: TestClient, rollups: Any, ago: Ago) -> None:
    """Nothing is folded, so a value that is not there is one that nobody had."""
    for number in (1, 2):
        rollups.cell(ago(number), visitors=20, released=True)
        rollups.cell(ago(number), "page", f"/{number}", visitors=20, released=True)
        rollups.release(ago(number), k=1)
    rollups.goal(ago(1), "Purchase", 3, 3)
    base, days = f"sites/{rollups.site.key}", f"from={ago(2)}&to={ago(1)}"
    assert "≥" not in client.get(f"/{base}?{days}").text
    rows = client.get(f"/api/{base}/stats?{days}&by=page").json()["rows"]
    assert {row["certainty"] for row in rows} == {"exact"}


@pytest.mark.parametrize(
    ("told", "certainty", "sign", "said"),
    [
        ({"complete": 0}, "at least", "≥", "Not all had arrived when these had to be closed"),
        ({"over_counted": 1}, "about", "≈", "a key was lost that day"),
        ({"origin": "import:0123456789abcdef"}, "exact", "", "1 day was imported"),
    ],
    ids=["incomplete", "over_counted", "imported"],
)
def test_what_is_to_be_known_of_a_day_is_told_of_every_number_it_is_in(
    client: TestClient, rollups: Any, ago: Ago, told: dict[str, object], certainty: str, sign: str, said: str
) -> None:
    for number, special in ((2, {}), (1, told)):
        rollups.cell(ago(number), visitors=20, released=True)
        rollups.cell(ago(number), "page", "/", visitors=20, released=True)
        rollups.goal(ago(number), "Purchase", 9, 9, released=True)
        rollups.release(ago(number), **special)
    base, days = f"sites/{rollups.site.key}", f"from={ago(2)}&to={ago(1)}"
    (flag,) = ({"complete": "incomplete", "over_counted": "over_counted", "origin": "imported"}[next(iter(told))],)
    sure = (certainty, [flag])
    pages = client.get(f"/api/{base}/stats?{days}&by=page").json()
    assert (pages["certainty"], pages["flags"]) == sure
    assert pages[f"{flag}_days"] == [str(ago(1))]
    goals = client.get(f"/api/{base}/stats?{days}&by=goal").json()["rows"]
    assert [(row["certainty"], row["flags"]) for row in (*pages["rows"], *goals)] == [sure, sure]
    of_days = client.get(f"/api/{base}/stats?{days}&by=day").json()["rows"]
    assert [(row["certainty"], row["flags"]) for row in of_days] == [("exact", []), sure]
    overview = client.get(f"/api/{base}/overview?{days}").json()
    assert (overview["certainty"], overview["flags"]) == sure
    assert [row["flags"] for row in table(client, f"/api/{base}/stats.csv?{days}&by=page")] == [flag]
    page = client.get(f"/{base}?{days}").text
    assert said in page
    assert f"{sign} 40".strip() in page
    # What is of the other day alone is what it is.
    assert client.get(f"/api/{base}/stats?from={ago(2)}&to={ago(2)}").json()["flags"] == []


def test_sums_of_months_know_the_days_too(
    rollups: Any, reports: Reports, ago: Ago, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = [dt.date(2031, 5, 1) + dt.timedelta(days=n) for n in range(31)]
    for number, day in enumerate(days):
        rollups.cell(day, visitors=100, released=True)
        rollups.cell(day, "page", "/", visitors=80, released=True)
        rollups.cell(day, "page", "(other)", visitors=8, released=True)
        if number % 3 == 0:
            rollups.cell(day, "page", "/third", visitors=9, released=True)
        rollups.release(day)
    period = Period(days[0], days[-1], "")
    by_day = reports.overview(rollups.site, period).tables["page"]
    sum_months(rollups.store, longest_s=60)
    monkeypatch.setattr("dashboards.stats.plan.WORTH_ROWS", 0)
    fresh = Reports(rollups.store, [rollups.site], clock=reports._clock)
    assert fresh.overview(rollups.site, period).tables["page"] == by_day
    assert [(cell.value, cell.not_shown_days) for cell in by_day] == [("/", 0), ("/third", 20), ("(other)", 0)]


@pytest.fixture
def shop(rollups: Any, ago: Ago) -> Any:
    """Three days of orders, a pound and a half each; on the second fewer than k people paid, so no sum is shown."""
    for number, orders, paid in ((3, 20, True), (2, 45, False), (1, 17, True)):
        rollups.cell(ago(number), visitors=1000)
        rollups.goal(ago(number), "Purchase", orders, orders)
        if paid:
            rollups.revenue(ago(number), "Purchase", "GBP", 150 * orders, orders)
    return rollups


def test_revenue_that_is_not_the_whole_says_of_how_many_orders_it_is(shop: Any, client: TestClient, ago: Ago) -> None:
    base, days = f"sites/{shop.site.key}", f"from={ago(3)}&to={ago(1)}"
    (goal,) = client.get(f"/api/{base}/stats?{days}&by=goal").json()["rows"]
    (revenue,) = goal["revenue"]
    assert revenue == {
        "currency": "GBP",
        "amount": 5550,
        "value": "55.50",
        "payers": 37,
        "of_payers": 82,
        "orders": 37,
        "of_orders": 82,
        "certainty": "at least",
    }
    (shown,) = client.get(f"/api/{base}/overview?{days}").json()["goals"]
    assert shown["revenue"] == [revenue]
    page = client.get(f"/{base}?{days}").text
    assert '<span class="money">≥ £55.50</span><small class="of">from 37 of 82 orders</small>' in page
    (row,) = table(client, f"/api/{base}/stats.csv?{days}&by=goal")
    assert {name: row[name] for name in ("currency", "revenue", "orders", "of_orders", "revenue_certainty")} == {
        "currency": "GBP",
        "revenue": "55.50",
        "orders": "37",
        "of_orders": "82",
        "revenue_certainty": "at least",
    }
    whole = client.get(f"/{base}?from={ago(1)}&to={ago(1)}").text
    assert '<span class="money">£25.50</span></td>' in whole


def test_each_currency_has_a_row_of_its_own_and_its_own_decimals(
    client: TestClient, reports: Reports, rollups: Any, ago: Ago
) -> None:
    rollups.cell(ago(1), visitors=1000)
    rollups.goal(ago(1), "Purchase", 30, 33)
    rollups.goal(ago(1), "Signup", 9, 9)
    for currency, amount, payers in (("EUR", 412_050, 12), ("JPY", 9000, 7), ("KWD", 1500, 6)):
        rollups.revenue(ago(1), "Purchase", currency, amount, payers)
    address = f"/api/sites/{rollups.site.key}/stats.csv?period=yesterday&by=goal"
    rows = table(client, address)
    assert [(row["value"], row["visitors"], row["currency"], row["revenue"], row["payers"]) for row in rows] == [
        ("Purchase", "30", "EUR", "4120.50", "12"),
        ("Purchase", "30", "JPY", "9000", "7"),
        ("Purchase", "30", "KWD", "1.500", "6"),
        ("Signup", "9", "", "", ""),
    ]
    # How many of the 33 orders were in which currency is not known, so of people.
    page = client.get(f"/sites/{rollups.site.key}?period=yesterday").text
    assert '≥ €4,120.50</span><small class="of">from 12 of 30 people</small>' in page
    answer = client.get(address.replace(".csv", "")).json()
    line = next(line for line in stats_table(answer).splitlines() if "EUR" in line)
    assert line.split()[0] == "Purchase"
    assert "4120.50" in line.split()


def test_minor_units_have_the_decimals_of_their_currency() -> None:
    assert [decimal_of(*one) for one in ((5, "GBP"), (-120, "USD"), (7, "JPY"), (1, "BHD"), (10**17, "EUR"))] == [
        "0.05",
        "-1.20",
        "7",
        "0.001",
        "1000000000000000.00",
    ]


def test_what_is_folded_is_last_and_never_cut(client: TestClient, rollups: Any, ago: Ago) -> None:
    rollups.cell(ago(1), visitors=90)
    for number in range(20):
        rollups.cell(ago(1), "page", f"/{number:02}", visitors=30 - number)
    rollups.cell(ago(1), "page", "(other)", visitors=6)
    base = f"sites/{rollups.site.key}"
    rows = client.get(f"/api/{base}/stats?period=yesterday&by=page&limit=3").json()["rows"]
    assert [row["value"] for row in rows] == ["/00", "/01", "/02", "(other)"]
    cells = client.get(f"/api/{base}/overview?period=yesterday").json()["tables"]["page"]
    assert [cell["value"] for cell in cells] == [f"/{n:02}" for n in range(9)] + ["(other)"]


@pytest.mark.parametrize(
    ("dimension", "values", "told"),
    [
        ("utm_campaign", ["(other)"], "No value of UTM campaign had 5 visitors on a day"),
        ("region", [""], "Regions need a place database"),
        ("language", [""], "No language is known of these visits"),
    ],
)
def test_a_table_that_would_tell_nothing_is_a_sentence(
    dimension: str, values: list[str], told: str, client: TestClient, rollups: Any, ago: Ago
) -> None:
    rollups.cell(ago(1), visitors=950)
    rollups.cell(ago(1), "country", "GB", visitors=950)
    rollups.cell(ago(1), "utm_source", "news", visitors=95)
    for value in values:
        rollups.cell(ago(1), dimension, value, visitors=950)
    for path in ("", f"/by/{dimension}"):
        page = client.get(f"/sites/{rollups.site.key}{path}?period=yesterday").text
        assert told in page
        assert "<span>Other</span>" not in page
        assert "(not set)" not in page.split("<thead>", 1)[-1] or dimension == "utm_campaign"
