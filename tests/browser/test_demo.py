"""The main job in a real browser: a visit to the demo pages appears on the dashboard, without a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext

from tests.browser.conftest import Watched, follow
from tests.house import Running, eventually

pytestmark = pytest.mark.process
ROOT = Path(__file__).resolve().parents[2]


def _overview(signed_in: BrowserContext, house: Running, site: str) -> dict:
    address = f"{house.told['dashboards']}/api/sites/{site}/overview?period=today"
    return signed_in.request.get(address).json()


def test_a_demo_visit_comes_to_the_open_dashboard_page_by_itself(
    browser: Browser, signed_in: BrowserContext, house: Running, watched: Watched
) -> None:
    dashboard = watched.watch(signed_in.new_page(), house)
    dashboard.goto(f"{house.told['dashboards']}/sites/demo?period=today")
    before = _overview(signed_in, house, "demo")["totals"]["pageviews"]
    context = browser.new_context()
    visit = watched.watch(context.new_page(), house)
    visit.goto(house.told["demo"])
    # The page follows by itself: nobody reloads it. How long it takes is no matter of tests: 0.4 to 3 s.
    tile = dashboard.locator(".tiles div", has_text="Pageviews").locator("b")
    eventually(lambda: int(f"0{tile.inner_text()}".replace("–", "")) > before)
    context.close()


def test_sign_up_shows_as_a_conversion_and_the_page_s_speed_as_web_vitals(
    browser: Browser, signed_in: BrowserContext, house: Running, watched: Watched
) -> None:
    context = browser.new_context()
    visit = watched.watch(context.new_page(), house)
    visit.goto(house.told["demo"])
    with visit.expect_response(lambda answer: "signup" in (answer.request.post_data or "")):
        visit.click("#sign-up")
    visit.goto("about:blank")
    stats = eventually(lambda: _goal(house, "Sign up"))
    assert stats["conversions"] >= 1
    vitals = eventually(lambda: _vitals(house))
    assert {"lcp", "cls", "ttfb"} <= vitals
    page = watched.watch(signed_in.new_page(), house)
    page.goto(f"{house.told['dashboards']}/sites/demo?period=today")
    text = page.inner_text("main")
    assert "Sign up" in text
    assert "LCP" in text
    context.close()


def test_a_big_picture_is_told_as_the_element_that_was_painted_last(
    browser: Browser, signed_in: BrowserContext, house: Running, watched: Watched
) -> None:
    script = f"{house.told['collector']}/js/script.core.vitals.js"
    tag = f'<script defer data-domain="demo" data-automated data-local src="{script}"></script>'
    address = f"{house.told['collector']}/pictures"
    picture = '<main><figure class="hero"><img id="cover" src="/pictures/big.png" width="900"></figure></main>'
    context = browser.new_context()
    context.route(address, lambda route: route.fulfill(body=f"{tag}{picture}", content_type="text/html"))
    context.route(f"{address}/big.png", lambda route: route.fulfill(path=ROOT / "docs" / "dashboard.png"))
    visit = context.new_page()
    visit.goto(address)
    visit.wait_for_timeout(700)
    visit.goto("about:blank")
    page = watched.watch(signed_in.new_page(), house)

    def named() -> bool:
        page.goto(f"{house.told['dashboards']}/sites/demo/speed?period=today")
        return bool(page.locator("#card-elements code", has_text="img#cover").count())

    eventually(named)
    assert "/pictures" in page.inner_text("#card-elements")
    context.close()


def test_the_page_works_without_javascript(browser: Browser, signed_in: BrowserContext, house: Running) -> None:
    context = browser.new_context(java_script_enabled=False, storage_state=signed_in.storage_state())
    page = context.new_page()
    page.goto(f"{house.told['dashboards']}/sites/demo?period=today")
    assert page.locator("table").count() >= 3
    page.click(".opens.period")
    follow(page, "#menu-periods >> text=90 days")
    assert "period=90d" in page.url
    context.close()


def test_hostile_values_are_text_on_the_dashboard(signed_in: BrowserContext, house: Running, watched: Watched) -> None:
    hostile = "<img src=x onerror=alert(1)><script>alert(2)</script>"
    for body in (
        {"n": "pageview", "u": f"https://shop.example/{hostile}?utm_campaign={hostile}", "d": "shop.example"},
        {"n": hostile, "u": "https://shop.example/'\"-->{{7*7}}", "d": "shop.example"},
    ):
        assert house.post(body)[0] == 202
    page = watched.watch(signed_in.new_page(), house)

    def shown() -> bool:
        page.goto(f"{house.told['dashboards']}/sites/shop?period=today")
        return "onerror=alert(1)" in page.inner_text("main")

    eventually(shown)
    assert page.locator("main img").count() == 0
    assert page.locator("main script").count() == 0


def test_where_an_outbound_link_led_is_told_by_its_click(
    browser: Browser, signed_in: BrowserContext, house: Running, watched: Watched
) -> None:
    script = f"{house.told['collector']}/js/script.core.outbound-links.js"
    tag = f'<script defer data-domain="demo" data-automated data-local src="{script}"></script>'
    context = browser.new_context()
    link = '<a href="https://elsewhere.example/there?who=42#x" onclick="event.preventDefault()">away</a>'
    links = f"{house.told['collector']}/links"
    context.route(links, lambda route: route.fulfill(body=tag + link, content_type="text/html"))
    visit = context.new_page()
    visit.goto(links)
    visit.wait_for_timeout(700)
    visit.click("a")
    asked = ("--by", "properties", "--filter", "property==url")
    rows = eventually(lambda: house.stats("demo", *asked)["rows"])
    told = {(row["event"], row["property"], row["value"]): row["events"] for row in rows}
    assert told["Outbound Link: Click", "url", "https://elsewhere.example/there"] == 1
    page = watched.watch(signed_in.new_page(), house)
    page.goto(f"{house.told['dashboards']}/sites/demo?period=today")
    page.get_by_text("Properties", exact=True).click()
    follow(page, 'role=link[name="Details of Properties"]')
    assert "Outbound Link: Click\turl\t1" in page.inner_text("main")
    assert "https://elsewhere.example/there" in page.inner_text("main")
    context.close()


def _goal(house: Running, name: str) -> dict | None:
    answer = house.stats("demo", "--by", "goal")
    return next((row for row in answer["rows"] if row["value"] == name and row["conversions"]), None)


def _vitals(house: Running) -> set[str] | None:
    rows = house.stats("demo", "--by", "vital")["rows"]
    names = {str(row["value"]).lower() for row in rows if row.get("people") or row.get("samples")}
    return names if len(names) >= 3 else None
