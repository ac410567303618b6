"""An open page follows its numbers, and nothing that its reader does is lost by it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from schema.store import Store
from tests.browser.conftest import follow
from tests.browser.served import Served, served
from tests.dashboards.conftest import NOW
from tests.house import eventually

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(600)]
TODAY = NOW.date()
STATE = """() => ({
  focus: document.activeElement.id,
  scroll: scrollY,
  tab: document.getElementById("sources-channel").checked,
  table: document.querySelector(".as-table").open,
  dates: document.querySelector("#menu-periods").matches(":popover-open"),
  typed: document.querySelector("#menu-periods [name=from]").value,
  same: window.kept === document.getElementById("card-sources"),
  moved: window.moved,
  selected: String(getSelection()),
})"""


@pytest.fixture(scope="module")
def house(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(store, tmp_path_factory.mktemp("served"), key="refreshed.example") as started:
        yield started


@pytest.fixture
def page(browser: Browser, house: Served) -> Iterator[Page]:
    """Today's page of somebody who has just signed in."""
    context = browser.new_context(viewport={"width": 1280, "height": 700})
    opened = context.new_page()
    opened.goto(house.link())
    opened.goto(f"{house.base}/sites/refreshed.example?period=today")
    opened.evaluate("window.kept = document.getElementById('card-sources'); window.moved = 'never'")
    yield opened
    context.close()


def visitors(page: Page) -> str:
    return page.locator(".tiles b >> nth=0").inner_text()


def more(house: Served, page: Page) -> None:
    """Numbers change, and the page follows."""
    before = visitors(page)
    house.rollups.cell(TODAY, visitors=700)
    eventually(lambda: visitors(page) != before)


def test_only_what_changed_is_swapped_and_what_the_reader_did_stays(page: Page, house: Served) -> None:
    page.click("label[for=sources-channel]")
    page.click(".as-table summary")
    page.click(".opens.period")
    page.fill("#menu-periods [name=from]", "2031-02-03")
    page.evaluate("scrollTo(0, 300)")
    page.focus("#sources-channel", timeout=5000)
    before = page.evaluate(STATE)
    assert (before["tab"], before["table"], before["dates"], before["typed"]) == (True, True, True, "2031-02-03")
    more(house, page)
    assert page.evaluate(STATE) == before
    assert (before["same"], before["moved"], before["focus"]) == (True, "never", "sources-channel")
    assert "The numbers were updated" in (page.locator("#news").text_content() or "")
    # A line more in a card, and a card that was not there.
    house.rollups.cell(TODAY, "source", "Brand new", visitors=2000)
    house.rollups.cell(TODAY, "utm_term", "boots", visitors=50)
    more(house, page)
    page.locator("#card-sources", has_text="Brand new").wait_for(state="attached")
    assert page.evaluate(STATE) == before


def test_a_card_whose_text_is_selected_waits_until_it_is_let_go(page: Page, house: Served) -> None:
    page.evaluate("getSelection().selectAllChildren(document.querySelector('#card-pages tbody'))")
    selected = page.evaluate("String(getSelection())")
    house.rollups.cell(TODAY, "page", "/just-now", visitors=5000)
    more(house, page)
    assert page.evaluate("String(getSelection())") == selected
    assert "/just-now" not in page.inner_text("#card-pages")
    page.evaluate("getSelection().removeAllRanges()")
    page.locator("#card-pages", has_text="/just-now").wait_for()


def test_nothing_is_asked_while_the_page_is_out_of_sight(page: Page, house: Served) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    see = "(hidden) => { Object.defineProperty(document, 'hidden', {value: hidden, configurable: true});"
    page.evaluate(see + "document.dispatchEvent(new Event('visibilitychange')); }", True)
    page.wait_for_timeout(1500)
    asked.clear()
    page.wait_for_timeout(3000)
    assert asked == []
    with page.expect_request("**/version*", timeout=5000):
        page.evaluate(see + "document.dispatchEvent(new Event('visibilitychange')); }", False)


def test_a_house_that_is_away_is_told_with_the_time_of_the_numbers(page: Page, house: Served) -> None:
    page.route("**/version*", lambda route: route.abort())
    page.locator(".state", has_text="The server does not answer. Numbers as of ").wait_for()
    assert visitors(page)
    page.unroute("**/version*")
    page.locator(".state:empty").wait_for(state="attached", timeout=60_000)
    more(house, page)


def test_who_has_been_signed_out_is_told_and_comes_back_to_the_same_page(page: Page, house: Served) -> None:
    shown = visitors(page)
    cookie = next(one["value"] for one in page.context.cookies() if one["name"] == "footfall_session")
    house.accounts.sign_out(cookie)
    page.locator(".state", has_text="You have been signed out.").wait_for()
    assert visitors(page) == shown
    follow(page, ".state a")
    assert page.url == f"{house.base}/sign-in?next=%2Fsites%2Frefreshed.example%3Fperiod%3Dtoday"
