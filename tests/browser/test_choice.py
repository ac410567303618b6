"""A visitor's choice in a real browser: the opt-out button of a site's page, the opt-out page, consent."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, Request

from tests.browser.conftest import Watched
from tests.house import Running, eventually, running

pytestmark = pytest.mark.process

BUTTON = "[data-footfall-opt-out]"


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A house of these tests' own: an objection erases the rows of its visitor's number for some seconds more, and
    every headless browser here is that visitor."""
    with running(tmp_path_factory.mktemp("choice") / "data", "--set", "release.k=1", sites=()) as started:
        yield started


@pytest.fixture
def visit(browser: Browser, house: Running, watched: Watched) -> Iterator[Page]:
    """A browser of its own, with the beacons it sends."""
    context = browser.new_context()
    page = watched.watch(context.new_page(), house)
    yield page
    context.close()


def beacons(page: Page) -> list[dict[str, Any]]:
    """What the page sends from now on."""
    sent: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if request.url.endswith("/api/event"):
            body = request.post_data_json
            sent.extend(body if isinstance(body, list) else [body])  # what happens in one moment goes together

    page.on("request", note)
    return sent


def arrived(page: Page, sent: list[dict[str, Any]], number: int) -> bool:
    """Whether so many were sent. The page is asked something, because Playwright tells of requests only then."""
    page.wait_for_timeout(50)
    return len(sent) >= number


def flag(page: Page) -> str | None:
    found: str | None = page.evaluate("localStorage.getItem('footfall_ignore')")
    return found


def test_the_button_withdraws_stops_counting_and_says_what_it_does_next(visit: Page, house: Running) -> None:
    sent = beacons(visit)
    visit.goto(house.told["demo"])
    button = visit.locator(BUTTON)
    first = button.inner_text()
    button.click()
    assert flag(visit) == "true"
    eventually(lambda: arrived(visit, sent, 2))
    assert [(beacon["n"], beacon.get("consent")) for beacon in sent] == [("pageview", None), ("consent", "withdrawn")]
    assert button.inner_text() != first
    visit.reload()
    visit.click("#sign-up")
    visit.wait_for_timeout(300)
    assert len(sent) == 2
    assert button.inner_text() != first
    button.click()
    assert flag(visit) is None
    assert button.inner_text() == first
    visit.click("#sign-up")
    eventually(lambda: arrived(visit, sent, 3))
    assert sent[2]["n"] == "signup"


def test_the_opt_out_page_keeps_the_choice_for_its_own_address(visit: Page, house: Running) -> None:
    page = f"{house.told['collector']}/opt-out"
    visit.goto(page)
    state, button = visit.locator("#state"), visit.locator("#choice")
    assert state.inner_text() == "This browser is counted on this address."
    button.click()
    assert flag(visit) == "true"
    assert state.inner_text() == "This browser is not counted on this address."
    # The demo is on the same address, as a site is that proxies the collector under its own name.
    sent = beacons(visit)
    visit.goto(house.told["demo"])
    visit.wait_for_timeout(300)
    assert sent == []
    visit.goto(page)
    button.click()
    assert flag(visit) is None


def test_the_opt_out_page_deletes_on_a_site_with_hosts_and_says_when_it_could_not(
    browser: Browser, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """It said that it had, and its wish was dropped for the page it came from."""
    data = tmp_path_factory.mktemp("hosts") / "data"
    sites = 'sites=[{key="shop.example", hosts=["shop.example"], count_automated=true}]'
    with running(data, "--set", sites, "--set", "release.k=1", "--set", "demo=false", sites=()) as house:
        # Without windows the browser sends no languages of its own.
        context = browser.new_context(locale="en-GB")
        page = context.new_page()
        page.goto(f"{house.told['collector']}/opt-out")
        agent, languages = page.evaluate("[navigator.userAgent, navigator.languages.join()]")
        beacon = {"n": "pageview", "u": "https://shop.example/", "d": "shop.example"}
        mine = {"User-Agent": agent, "Accept-Language": languages}
        assert house.post(beacon, mine)[0] == 202
        assert house.post(beacon, {"Accept-Language": "fr"})[0] == 202
        eventually(lambda: house.stats("shop.example")["totals"]["visitors"] == 2)
        with page.expect_response("**/privacy/object*") as told:
            page.click("#choice")
        assert told.value.status == 202
        eventually(lambda: house.stats("shop.example")["totals"]["visitors"] == 1, 90)
        assert page.inner_text("#state") == "This browser is not counted on this address."
        page.route("**/privacy/object*", lambda route: route.fulfill(status=429, body="{}"))
        page.click("#choice")
        page.click("#choice")
        eventually(lambda: page.wait_for_timeout(50) or "could not be deleted" in page.inner_text("#state"))
        context.close()
        # No other page's script gets that far.
        foreign = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"} | mine
        assert house.post(b"", foreign, "/privacy/object")[0] == 403


def test_consent_is_told_with_every_beacon_and_kept_by_the_page_alone(visit: Page, house: Running) -> None:
    sent = beacons(visit)
    visit.goto(house.told["demo"])
    eventually(lambda: arrived(visit, sent, 1))
    visit.evaluate("footfall.consent('granted')")
    visit.click("#sign-up")
    eventually(lambda: arrived(visit, sent, 2))
    assert [beacon.get("consent") for beacon in sent] == [None, "granted"]
    visit.evaluate("footfall.consent('withdrawn')")
    visit.click("#sign-up")
    visit.evaluate("footfall.consent('no such word')")
    visit.wait_for_timeout(300)
    assert [(beacon["n"], beacon.get("consent")) for beacon in sent[2:]] == [("consent", "withdrawn")]
    assert visit.evaluate("[localStorage.length, sessionStorage.length, document.cookie]") == [0, 0, ""]
    visit.reload()
    eventually(lambda: arrived(visit, sent, 4))
    assert sent[3].get("consent") is None


def test_where_consent_is_required_the_view_is_sent_again_once_it_is_granted(
    browser: Browser, house: Running, watched: Watched
) -> None:
    context = browser.new_context()
    page = watched.watch(context.new_page(), house)

    def ask(route: Any) -> None:
        answer = route.fetch()
        route.fulfill(response=answer, body=answer.text().replace("data-local", "data-local data-consent"))

    page.route("**/demo/", ask)
    sent = beacons(page)
    page.goto(house.told["demo"])
    eventually(lambda: arrived(page, sent, 1))
    page.evaluate("footfall.consent('granted')")
    eventually(lambda: arrived(page, sent, 2))
    assert [(beacon["n"], beacon.get("consent")) for beacon in sent] == [("pageview", None), ("pageview", "granted")]
    page.evaluate("footfall.consent('denied')")
    page.click("#sign-up")
    page.wait_for_timeout(300)
    assert len(sent) == 2
    context.close()
