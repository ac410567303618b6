"""The demo page tells its visitor what became of his own last request, in a real browser."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.conftest import Watched
from tests.browser.test_accessible import AXE, violations
from tests.house import Running

pytestmark = pytest.mark.process

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def visit(browser: Browser, house: Running, watched: Watched) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 375, "height": 800}, locale="de-AT")
    yield watched.watch(context.new_page(), house)
    context.close()


def asked(page: Page) -> dict[str, list[str]]:
    """The rows after the click, by name: what it carried, what is stored, what becomes of the rest."""
    with page.expect_response("**/demo/what"):
        page.click("#what")
    page.locator("#became table").wait_for()
    rows = page.locator("#became tbody tr").all()
    return {str(row.get_attribute("data-row")): row.locator("td").all_inner_texts() for row in rows}


def test_the_last_request_is_told_field_by_field_as_text(visit: Page, house: Running) -> None:
    with visit.expect_response("**/api/event"):
        visit.goto(f"{house.told['demo']}?utm_source={HOSTILE}&secret=s3cr3t")
    rows = asked(visit)
    carried, stored, why = rows["url"]
    assert "s3cr3t" in carried
    assert "utm_source = <img" in stored
    assert "s3cr3t" not in stored
    assert why
    assert rows["address"][0].startswith("127.0.0.0 is left of it")
    assert "127.0.0.1" not in visit.inner_text("#became").replace(carried, "").replace(stored, "")
    assert "Chrome" in rows["agent"][0]
    assert rows["language"][1] == "language = de"
    assert visit.locator("#became img").count() == visit.locator("#became script").count() == 0
    # What people do last is what is told of.
    with visit.expect_response("**/api/event"):
        visit.click("#sign-up")
    assert "name = signup" in asked(visit)["event"][1]
    page = visit.request.get(house.told["demo"])
    assert "unsafe" not in page.headers["content-security-policy"]


def test_the_answer_is_read_by_everybody_on_any_screen(visit: Page, house: Running) -> None:
    """No watched page: axe is a script that this page's policy forbids."""
    context = visit.context.browser.new_context(bypass_csp=True, viewport={"width": 375, "height": 800})  # type: ignore[union-attr]
    context.add_init_script(path=AXE)
    page = context.new_page()
    page.goto(house.told["demo"])
    asked(page)
    assert violations(page) == []
    context.close()


def test_who_has_turned_counting_off_or_sends_a_signal_sees_what_that_does(browser: Browser, house: Running) -> None:
    for headers, off, says in (
        ({"Sec-GPC": "1"}, False, "bare total"),
        ({"DNT": "1"}, False, "asks not to be counted"),
        ({}, True, "asks not to be counted"),
    ):
        context = browser.new_context(extra_http_headers=headers)
        page = context.new_page()
        if off:
            page.add_init_script("localStorage.setItem('footfall_ignore', 'true')")
        page.goto(house.told["demo"])
        rows = asked(page)
        assert says in page.locator("#became p").first.inner_text()
        assert {stored for _, stored, _ in rows.values()} == {"nothing"}
        assert rows["address"][0] == "not read"
        context.close()


def test_a_page_of_another_address_learns_nothing(browser: Browser, house: Running) -> None:
    """The same machine under another name, as another site's page would be; no policy of the page is in the way."""
    context = browser.new_context(bypass_csp=True)
    page = context.new_page()
    page.goto(house.told["demo"])
    ask = "([address, mode]) => fetch(address, {method: 'POST', mode, body: '{}'}).then(() => 'came', () => 'nothing')"
    here = f"{house.told['collector']}/demo/what"
    there = here.replace("localhost", "stats.lan")
    assert page.evaluate(ask, [here, "cors"]) == "came"
    # It can be sent there, but no answer can be read.
    assert page.evaluate(ask, [there.replace("/demo/what", "/api/event"), "cors"]) == "came"
    assert page.evaluate(ask, [there, "cors"]) == "nothing"
    context.close()
