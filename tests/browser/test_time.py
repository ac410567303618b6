"""Periods, days and numbers are chosen by a click, a key, or without a script, in a real browser."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page

from schema.store import Store
from tests.browser.conftest import follow
from tests.browser.served import Served, served
from tests.dashboards.conftest import NOW

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(600)]
TODAY = NOW.date()
SITE = "/sites/timed.example"


@pytest.fixture(scope="module")
def house(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(store, tmp_path_factory.mktemp("served"), key="timed.example") as started:
        yield started


@pytest.fixture(params=[pytest.param(True, marks=pytest.mark.long), False], ids=["scripts", "without scripts"])
def page(browser: Browser, house: Served, request: pytest.FixtureRequest) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1280, "height": 900}, java_script_enabled=request.param)
    opened = context.new_page()
    opened.goto(house.link())
    yield opened
    context.close()


def asked(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.url).query).items()}


def box(page: Page, selector: str) -> dict[str, Any]:
    found = page.locator(selector).first.bounding_box()
    assert found
    return dict(found)


def test_a_click_chooses_period_number_grain_and_what_is_compared(page: Page, house: Served) -> None:
    page.goto(f"{house.base}{SITE}?period=28d")
    before = box(page, ".plot")
    follow(page, ".tiles a >> nth=1")
    assert asked(page) == {"period": "28d", "metric": "visits"}
    assert "Visits" in page.inner_text(".tiles > :has([aria-current])")
    assert box(page, ".plot") == before, "nothing has moved"
    follow(page, ".grains >> text=Week")
    page.click("[popovertarget=menu-compare]")
    follow(page, "#menu-compare >> text=Nothing")
    assert asked(page) == {"period": "28d", "metric": "visits", "grain": "week", "compare": "none"}
    assert page.locator("path.then").count() == 0
    follow(page, "a.step >> nth=0")
    first = TODAY - dt.timedelta(56)
    assert asked(page)["from"] == first.isoformat()
    assert "grain" not in asked(page)
    page.click("[popovertarget=menu-compare]")
    page.fill("[name=compare_from]", "2031-04-20")
    page.fill("[name=compare_to]", "2031-04-22")
    follow(page, "#menu-compare button")
    assert asked(page)["compare"] == "custom"
    assert "not compared: there is no data of earlier days" in page.inner_text("h1")


def test_a_day_is_opened_by_a_click_on_it_and_by_the_keyboard(page: Page, house: Served) -> None:
    day = TODAY - dt.timedelta(1)
    for number, opens in ((0, "click"), (-1, "Enter")):
        page.goto(f"{house.base}{SITE}?period=28d")
        marks = page.locator("a.mark")
        assert marks.count() == 28
        mark = marks.nth(number)
        width = box(page, "a.mark rect >> nth=1")["width"]
        assert width >= 24
        if opens == "click":
            place = mark.locator("rect").bounding_box()
            assert place
            page.mouse.click(place["x"] + place["width"] / 2, place["y"] + 60)
        else:
            mark.focus()
            assert mark.locator("text").evaluate("e => getComputedStyle(e).visibility") == "visible"
            page.keyboard.press("Enter")
        expected = (TODAY - dt.timedelta(28)) if opens == "click" else day
        page.wait_for_url(f"**from={expected}&to={expected}*")
        assert "Visitors by hour" in page.inner_text("figcaption")


def test_keys_choose_periods_and_step_and_writing_is_left_alone(browser: Browser, house: Served) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(house.link())
    page.goto(f"{house.base}{SITE}?period=28d&metric=visits")
    page.keyboard.press("3")
    page.wait_for_url("**?period=7d&metric=visits")
    page.keyboard.press("ArrowLeft")
    page.wait_for_url("**from=*")
    assert asked(page)["to"] == (TODAY - dt.timedelta(8)).isoformat()
    page.keyboard.press("ArrowRight")
    page.wait_for_url("**?period=7d&metric=visits")
    page.keyboard.press("x")
    page.wait_for_url("**compare=none*")
    page.keyboard.press("x")
    page.wait_for_url("**?period=7d&metric=visits")
    page.click(".opens.period")
    page.focus("#menu-periods [name=from]")
    page.keyboard.press("1")
    page.keyboard.press("Control+1")
    page.wait_for_timeout(200)
    assert asked(page)["period"] == "7d"
    context.close()


def test_on_a_telephone_the_table_leads_to_the_days(browser: Browser, house: Served) -> None:
    """Columns of a few pixels are no target for a finger."""
    context = browser.new_context(viewport={"width": 375, "height": 800})
    page = context.new_page()
    page.goto(house.link())
    page.goto(f"{house.base}{SITE}?period=28d")
    assert page.locator("a.mark >> nth=5").evaluate("e => getComputedStyle(e).visibility") == "hidden"
    page.click(".as-table summary")
    follow(page, ".as-table a >> nth=0")
    assert asked(page)["from"] == (TODAY - dt.timedelta(28)).isoformat()
    context.close()
