"""The list of sites: each figure is that of the site's own page, and a hundred sites ask no more than two."""

from __future__ import annotations

import datetime as dt
import html
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import structs
from starlette.testclient import TestClient

from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.stats.period import parse
from dashboards.stats.report import Reports
from dashboards.stats.sites import SiteDays
from schema.site import Site
from schema.store import Store
from tests.dashboards.conftest import NOW, Rollups

pytestmark = pytest.mark.clickhouse
Ago = Callable[[int], dt.date]


def made(store: Store, key: str, ago: Ago, days: dict[int, int], today: int = 0, **more: Any) -> Rollups:
    """A site with so many visitors so many days ago; 0: a day of too few."""
    site = Rollups(store, Site(key, (f"www.{key}",), timezone="Europe/Berlin", **more))
    with site.together():
        for back, visitors in days.items():
            site.release(ago(back), rows=int(visitors > 0))
            if visitors:
                site.cell(ago(back), visitors=visitors, released=True)
        if today:
            site.cell(ago(0), visitors=today)
            site.snapshot(ago(0), NOW - dt.timedelta(minutes=10))
    return site


EVERY = {back: 100 + back for back in range(1, 57)}


def ago(days: int) -> dt.date:
    return NOW.date() - dt.timedelta(days=days)


@pytest.fixture(scope="module")
def some(store: Store) -> dict[str, Rollups]:
    """All days; one that is hidden; one without data; silent for days; nothing."""
    return {
        name: made(store, f"{name}.example", ago, days, today, group=group)
        for name, days, today, group in (
            ("whole", EVERY, 40, "Shops"),
            ("hidden", EVERY | {3: 0}, 0, "Shops"),
            ("missing", {back: 2 * n for back, n in EVERY.items() if back != 3}, 0, ""),
            ("silent", {back: n for back, n in EVERY.items() if back > 5}, 0, ""),
            ("new", {}, 0, ""),
        )
    }


@pytest.fixture
def asked(store: Store, some: dict[str, Rollups]) -> Reports:
    return Reports(store, [one.site for one in some.values()], clock=NOW.timestamp)


@pytest.fixture
def list_of_sites(asked: Reports, accounts: Accounts) -> Iterator[TestClient]:
    with TestClient(create_app(asked, accounts)) as client:
        client.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
        yield client


def test_figures_are_those_of_the_page_of_each_site(asked: Reports, some: dict[str, Rollups]) -> None:
    hidden = some["hidden"]
    found = asked.sites_days()
    for name, one in some.items():
        shown = asked.overview(one.site, parse({"period": "7d"}, NOW.date()))
        told = found[one.site.key]
        assert (told.visitors or 0) == shown.totals.visitors, name
        assert told.certainty == shown.certainty, name
        assert told.comparison.change["visitors"] == shown.comparison.change["visitors"], name
        assert told.comparison.usual.get("visitors") == shown.comparison.usual.get("visitors"), name
        assert told.comparison.is_even("visitors") == shown.comparison.is_even("visitors"), name
        assert (told.comparison.days, told.comparison.of) == (shown.comparison.days, shown.comparison.of), name
    assert "visitors" in found[some["whole"].site.key].comparison.usual
    week = sum(EVERY[back] for back in range(1, 8))
    assert found[hidden.site.key].visitors == week - EVERY[3]
    assert found[some["whole"].site.key].visitors == week
    assert [day.visitors for day in found[some["missing"].site.key].series[-4:]] == [208, None, 204, 202]
    assert [day.date for day in found[hidden.site.key].series] == [ago(back) for back in range(28, 0, -1)]


def test_a_week_that_shows_what_its_days_hide_is_in_it(store: Store) -> None:
    """On a Monday the last seven full days are a week."""
    monday = NOW - dt.timedelta(days=2)
    before = [monday.date() - dt.timedelta(days=back) for back in range(1, 8)]
    site = made(store, "week.example", lambda back: monday.date() - dt.timedelta(days=back), {1: 50, 2: 0, 3: 30, 9: 0})
    columns = ("site", "grain", "day", "period", "dimension", "value", "by_dimension", "by_value", "visitors", "days")
    for first, visitors in ((before[-1], 11), (before[-1] - dt.timedelta(days=7), 13)):
        row = (site.site.key, "week", first, 0, "", "", "", "", visitors, 1)
        store.insert("late_cells", columns, [[value] for value in row])
        site.release(first, span=7)
    reports = Reports(store, [site.site], clock=monday.timestamp)
    shown = reports.overview(site.site, parse({"period": "7d"}, monday.date()))
    told = reports.sites_days()[site.site.key]
    assert (told.visitors, told.certainty) == (91, "exact")
    assert (shown.totals.visitors, shown.certainty) == (91, "exact")


def test_each_card_says_what_is_known(list_of_sites: TestClient, some: dict[str, Rollups]) -> None:
    page = list_of_sites.get("/").text
    cards = {
        key: re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", " ", text)))
        for key, text in re.findall(
            r'<a class="card" href="/sites/(\w+)\.example\?period=7d">(.*?)</a>', page, re.DOTALL
        )
    }
    assert list(cards) == ["missing", "silent", "new", "whole", "hidden"], "sites without a group come first"
    assert "728 visitors in 7 days" in cards["whole"]
    assert "▼ 6.3%" in cards["whole"]
    assert "Events arriving: today as of 11:45" in cards["whole"]
    assert "≥ 625 visitors" in cards["hidden"]
    assert "data of 6 of 7 days" in cards["missing"]
    assert "▼ 6.3% (6 of 7 days)" in cards["missing"]
    assert "No data since 12 Jun 2031: run footfall check site silent.example" in cards["silent"]
    assert "– visitors" in cards["new"]
    assert "No data in 28 days: run footfall check site new.example" in cards["new"]
    assert 'aria-label="Visitors of 28 days: between 101 and 128 a day"' in page
    assert "between 202 and 256 a day, 1 day without a number" in page
    assert page.count("<path d=") == 1 + 2 + 2 + 1, "lines are broken where a day is not known"


def test_sums_say_that_they_are_sums(list_of_sites: TestClient) -> None:
    page = re.sub(r"\s+", " ", html.unescape(re.sub(r"<[^>]+>", "", list_of_sites.get("/").text)))
    assert "≥ 2,816 visitors of the last 7 full days: a sum of 4 sites, so whoever came to two" in page
    assert "Shops≥ 1,353 visitors, a sum of 2 sites" in page


def test_sites_are_found_by_key_domain_and_group(list_of_sites: TestClient) -> None:
    def shown(text: str) -> list[str]:
        return re.findall(r'<a class="card" href="/sites/(\w+)', list_of_sites.get(f"/?contains={text}").text)

    assert shown("SHOP") == ["whole", "hidden"]
    assert shown("www.new") == ["new"]
    assert "No site has “nowhere”" in list_of_sites.get("/?contains=nowhere").text
    assert list_of_sites.get("/?contain=x").status_code == 400


def test_many_sites_are_asked_about_at_once(store: Store, asked: Reports, monkeypatch: pytest.MonkeyPatch) -> None:
    more = [Site(f"one-of-many-{number}") for number in range(200)]
    many = Reports(store, [*asked.sites.values(), *more], clock=NOW.timestamp)
    statements: list[str] = []
    rows = Store.rows

    def counted(self: Store, sql: str, *given: Any, **settings: Any) -> Any:
        statements.append(sql)
        return rows(self, sql, *given, **settings)

    monkeypatch.setattr(Store, "rows", counted)
    few: dict[str, SiteDays] = asked.sites_days()
    asked_for_few = len(statements)
    found = many.sites_days()
    assert len(statements) == 2 * asked_for_few
    assert asked_for_few == 5
    assert {key: found[key] for key in few} == few
    assert structs.asdict(found["one-of-many-7"])["visitors"] is None
