"""Every page with axe-core and by hand: both themes, a desk and a telephone, by keyboard, and without JavaScript.

axe-core is a development package beside the tracker's (collector/tracker/package.json); no page ever loads it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, StorageState
from pyotp import TOTP
from starlette.routing import Route

from dashboards.accounts.policy import Role
from dashboards.sharing.shares import PANELS, Share
from dashboards.web.keys import KEYS
from schema.store import Store
from tests.browser.conftest import follow
from tests.browser.served import Served, served
from tests.conftest import times
from tests.dashboards.test_policy import LEAST

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(900)]
AXE = Path(__file__).parents[2] / "collector/tracker/node_modules/axe-core/axe.min.js"
SITE = "/sites/shop.example"
# Every page that people see: its route, what is opened, and with which status.
PAGES = (
    ("/", "/", 200),
    ("/sites/{key}", f"{SITE}?period=30d", 200),
    ("/sites/{key}", f"{SITE}?period=today", 200),
    ("/sites/{key}", f"{SITE}?period=28d&metric=bounce_rate&grain=week&compare=none", 200),
    ("/sites/{key}", f"{SITE}?from=2031-06-01&to=2031-06-08", 200),
    ("/sites/{key}", f"{SITE}?period=30d&filter=page==/&filter=page~/", 200),
    ("/sites/{key}", f"{SITE}?period=30d&filter=device==mobile", 200),
    ("/sites/{key}", f"{SITE}?period=30d&filter=device==mobile&filter=page==/", 200),
    ("/sites/{key}", "/sites/empty.example", 200),
    ("/sites/{key}", "/sites/nowhere", 404),
    ("/sites/{key}", f"{SITE}?period=fortnight", 400),
    ("/sites/{key}/by/{dimension}", f"{SITE}/by/page?contains=nothing", 200),
    ("/sites/{key}/by/{dimension}", f"{SITE}/by/page?period=7d&limit=2&goal=Signup&compare=previous&order=value", 200),
    ("/sites/{key}/by/{dimension}", f"{SITE}/by/vital?period=today&of=device", 200),
    ("/sites/{key}/by/{dimension}", f"{SITE}/by/colour", 404),
    ("/sites/{key}/properties", f"{SITE}/properties?period=30d", 200),
    ("/sites/{key}/quality", f"{SITE}/quality?period=30d", 200),
    ("/sites/{key}/acquisition", f"{SITE}/acquisition?period=30d&goal=Purchase", 200),
    ("/sites/{key}/pages", f"{SITE}/pages?period=30d", 200),
    ("/sites/{key}/goals", f"{SITE}/goals?period=30d&goal=Purchase&split=device", 200),
    ("/sites/{key}/goals", "/sites/empty.example/goals", 200),
    ("/sites/{key}/speed", f"{SITE}/speed?period=30d&vital=cls", 200),
    ("/sites/{key}/speed", f"{SITE}/speed?period=30d&filter=device==mobile", 200),
    ("/sites/{key}/localization", f"{SITE}/localization?period=30d", 200),
    ("/sites/{key}/live", f"{SITE}/live", 200),
    ("/sites/{key}/acquisition/link", f"{SITE}/acquisition/link?address=https://x.example/&source=Anna", 200),
    ("/sites/{key}/settings", f"{SITE}/settings", 200),
    ("/sites/{key}/privacy", f"{SITE}/privacy", 200),
    ("/sites/{key}/quality", "/sites/empty.example/quality", 200),
    ("/sign-in/{token}", "/sign-in/used", 410),
    ("/account", "/account", 200),
    ("/account/second", "/account/second", 200),
    ("/account/sessions", "/account/sessions", 200),
    ("/people", "/people", 200),
    ("/people/log", "/people/log", 200),
    ("/sites/{key}/people", f"{SITE}/people", 200),
    ("/sites/{key}/share", f"{SITE}/share", 200),
    ("/sites/{key}/edit/goals", f"{SITE}/edit/goals?change=Read+to+the+end", 200),
    ("/sites/{key}/edit/funnels", f"{SITE}/edit/funnels", 200),
    ("/sites/{key}/edit/sections", f"{SITE}/edit/sections", 200),
    ("/sites/{key}/edit/segments", f"{SITE}/edit/segments?filter=device==mobile", 200),
    ("/sites/{key}/edit/notes", f"{SITE}/edit/notes", 200),
    ("/sites/{key}/edit/versions", f"{SITE}/edit/versions", 200),
    ("/unsubscribe/{token}", "/unsubscribe/never", 404),
    ("/share/{token}", "/share/never", 404),
    ("/share/{token}/{key}", "/share/never/shop.example", 404),
    ("/sites/{key}/people/log", f"{SITE}/people/log", 200),
    ("/invitation/{token}", "/invitation/used", 410),
    ("/engineers/request", "/engineers/request", 200),
    ("/engineers/why", "/engineers/why", 200),
    ("/engineers/health", "/engineers/health", 200),
    ("", "/nothing", 404),
)
RULES = """async ({rules, ...only}) => (await axe.run(document, {
  rules: {"target-size": {enabled: true}, ...rules}, resultTypes: ["violations"], ...only
})).violations.map((found) => [found.id, found.nodes.length, found.nodes[0].html.slice(0, 200)])"""
# Whether the page follows a key; what it would open is not opened.
FOLLOWED = """(key) => {
  addEventListener("click", (event) => event.preventDefault(), { capture: true, once: true });
  document.activeElement.blur();
  return !document.body.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));
}"""
# Themes differ in colours alone: what has nothing to do with these is the same in both.
_COLOURS = ("color-contrast", "link-in-text-block")
OF_COLOURS = {"runOnly": _COLOURS}
WITHOUT_COLOURS = {"rules": {rule: {"enabled": False} for rule in _COLOURS}}
# Half of what axe costs. A telephone's are those of the desk but for a few rules of the style sheet, which these pages
# have; `make test-all` looks at them on every page.
COLOURED_ON_A_TELEPHONE = {
    *(f"{SITE}?period=30d", f"{SITE}/by/page?contains=nothing", f"{SITE}/edit/goals?change=Read+to+the+end"),
}


@pytest.fixture(scope="module")
def house(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(store, tmp_path_factory.mktemp("served")) as started:
        # Or the page to sign in at would have no form.
        first = started.accounts.redeem(started.accounts.create_sign_in_link_token())
        assert first
        started.accounts.set_password(first, "ada", "correct horse battery")
        ada, second = started.accounts.people.named("ada").id, started.accounts.second
        second.turn_on(ada, TOTP(second.propose(ada)).now())
        yield started


@pytest.fixture(scope="module")
def session(browser: Browser, house: Served) -> StorageState:
    context = browser.new_context()
    context.new_page().goto(house.link())
    state = context.storage_state()
    context.close()
    return state


def violations(page: Page, coloured: bool = False) -> list[Any]:
    """What axe finds on a desk, in both themes, and on a telephone, and whether the page is wider than a screen. The
    page is the same one, made narrow: to load it again would cost more than axe does."""
    found: list[Any] = []
    for width, colours in ((1280, True), (375, coloured or times(1) > 1)):
        page.set_viewport_size({"width": width, "height": 800})
        page.emulate_media(color_scheme="light")
        found += page.evaluate(RULES, {} if colours else WITHOUT_COLOURS)
        if colours:
            page.emulate_media(color_scheme="dark")
            found += page.evaluate(RULES, OF_COLOURS)
        wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        found += [[f"wider than {width} by", wide]] if wide > 0 else []
    page.set_viewport_size({"width": 1280, "height": 800})
    return found


def looked_at(browser: Browser, session: StorageState | None) -> BrowserContext:
    """axe is there from the first: as a tag of each page it would be read anew each time, a sixth of a second."""
    context = opened(browser, session, viewport={"width": 1280, "height": 800}, bypass_csp=True)
    context.add_init_script(path=AXE)
    return context


def opened(browser: Browser, session: StorageState | None, **more: Any) -> BrowserContext:
    context = browser.new_context(storage_state=session, **more)
    context.set_default_timeout(30_000)
    return context


def test_axe_finds_nothing_on_any_page(browser: Browser, house: Served, session: StorageState) -> None:
    context = looked_at(browser, session)
    page = context.new_page()
    found = {}
    for _, path, status in PAGES:
        answer = page.goto(house.base + path)
        assert answer is not None
        assert answer.status == status, path
        found[path] = violations(page, path in COLOURED_ON_A_TELEPHONE)
    for password in ("", "for the board only"):
        token, _ = house.shares.make(Share("For the board", ("shop.example",), panels=PANELS, k=5), password)
        page.goto(f"{house.base}/share/{token}")
        found[f"share {password}"] = violations(page)
    for path, button in ((f"{SITE}/share", "Make the link"), (f"{SITE}/people", "Make an invitation")):
        page.goto(house.base + path)
        follow(page, f"text={button}")
        found[button] = violations(page)
        # What is asked once more before it is taken back.
        sure = page.locator("main .others .sure").first
        assert sure.is_hidden()
        page.click("main .others .opens >> nth=0")
        assert sure.is_visible()
        found[f"{path}, taken back"] = violations(page)
    list_ = "weekly digest of shop.example"
    page.goto(f"{house.base}/unsubscribe/{house.outbox.token(list_, 'boss@example.com')}?list={list_}")
    found["/unsubscribe"] = violations(page)
    page.goto(house.base + SITE)
    # With the sheet of keys, a menu and a definition open, too.
    page.keyboard.press("?")
    found["keys"] = violations(page)
    page.goto(house.base + SITE)
    for menu in ("menu-periods", "menu-compare"):
        page.click(f"[popovertarget={menu}]")
        found[menu] = violations(page)
        page.keyboard.press("Escape")
    page.click(".tiles .defined >> nth=0")
    found["definition"] = violations(page)
    context.close()
    stranger = looked_at(browser, None)
    page = stranger.new_page()
    page.goto(f"{house.base}/sign-in")
    found["/sign-in"] = violations(page)
    page.fill("[name=name]", "ada")
    page.fill("[name=password]", "a wrong password")
    follow(page, "main button")
    assert "do not match" in page.inner_text("[role=alert]")
    found["/sign-in refused"] = violations(page)
    page.fill("[name=password]", "correct horse battery")
    follow(page, "main button")
    page.fill("[name=code]", "000000")
    follow(page, "main button")
    assert "does not hold" in page.inner_text("[role=alert]")
    found["/sign-in/code refused"] = violations(page)
    page.goto(f"{house.base}/invitation/{house.accounts.people.invite(Role.VIEWER, 'shop.example')}")
    found["/invitation"] = violations(page)
    stranger.close()
    assert {path: list_ for path, list_ in found.items() if list_} == {}


def test_every_page_is_walked(house: Served) -> None:
    assert {route.path for route in house.app.routes if isinstance(route, Route)} == LEAST.keys(), "this house has all"
    shown = {route.path for route in house.app.routes if isinstance(route, Route) and "GET" in (route.methods or ())}
    pages = {path for path in shown if not path.startswith("/api/") and not path.endswith(("/version", "/healthz"))}
    assert pages - {"/sign-in", "/sign-in/code"} == {route for route, _, _ in PAGES} - {""}
    assert {path for _, path, _ in PAGES} >= COLOURED_ON_A_TELEPHONE


def test_a_sheet_tells_the_keys_and_a_slash_goes_to_the_field(
    browser: Browser, house: Served, session: StorageState
) -> None:
    context = opened(browser, session, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{house.base}{SITE}/by/page?period=7d&contains=pri")
    page.focus(".opens.who")
    sheet = page.locator("#keys")
    assert sheet.is_hidden()
    page.keyboard.press("?")
    assert [*zip(sheet.locator("dt").all_inner_texts(), sheet.locator("dd").all_inner_texts(), strict=True)] == [
        (one.shown, one.does) for one in KEYS
    ]
    assert page.evaluate("document.activeElement.textContent") == "Close"
    page.keyboard.press("Escape")
    sheet.wait_for(state="hidden")
    assert page.evaluate("document.activeElement.className") == "opens who"
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "contains"
    # What is typed there is a text, and takes the place of what was looked for.
    page.keyboard.type("/?x1")
    assert page.input_value("#contains") == "/?x1"
    assert sheet.is_hidden()
    # Every key of the sheet is followed by one page or the other.
    followed = {key for one in KEYS for key in one.keys if page.evaluate(FOLLOWED, key)}
    page.goto(f"{house.base}{SITE}?period=yesterday")
    followed |= {key for one in KEYS for key in one.keys if page.evaluate(FOLLOWED, key)}
    assert followed == {key for one in KEYS for key in one.keys} - {"Escape"}
    context.close()
    context = opened(browser, session, java_script_enabled=False, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{house.base}/account")
    page.click(".opens.who")
    page.click("#menu-more >> text=Keys")
    page.locator("#keys").wait_for()
    page.click("#keys button")
    page.locator("#keys").wait_for(state="hidden")
    context.close()


@pytest.mark.parametrize("scripts", [True, False])
def test_menus_and_definitions_open_by_keyboard_and_close_by_escape_and_by_a_click_elsewhere(
    browser: Browser, house: Served, session: StorageState, scripts: bool
) -> None:
    context = opened(browser, session, java_script_enabled=scripts, viewport={"width": 375, "height": 800})
    page = context.new_page()
    page.goto(f"{house.base}{SITE}?period=today")
    for button, shown in (
        (".opens.site", "#menu-sites"),
        (".opens.who", "#menu-more"),
        (".site-nav .rest", "#menu-places"),
        (".opens.period", "#menu-periods"),
        (".tiles .defined >> nth=0", "#about-1"),
        (".vitals .defined >> nth=0", "#about-lcp"),
    ):
        assert page.locator(shown).is_hidden()
        page.focus(button)
        page.keyboard.press("Enter")
        page.locator(shown).wait_for()
        page.keyboard.press("Escape")
        page.locator(shown).wait_for(state="hidden")
        page.click(button)
        page.locator(shown).wait_for()
        page.mouse.click(3, 790)
        page.locator(shown).wait_for(state="hidden")
    page.click(".opens.who")
    follow(page, "#menu-more >> text=What is missing")
    assert page.url.endswith("/engineers/why")
    page.goto(f"{house.base}{SITE}?period=today")
    page.click(".opens.period")
    follow(page, "#menu-periods >> text=90 days")
    assert page.url.endswith("period=90d")
    context.close()


def test_a_table_is_sorted_and_paged_by_keyboard_without_scripts(
    browser: Browser, house: Served, session: StorageState
) -> None:
    context = opened(browser, session, java_script_enabled=False, viewport={"width": 1280, "height": 800})
    page = context.new_page()
    page.goto(f"{house.base}{SITE}/by/page?period=7d&limit=2")
    page.focus("thead a >> text=Page")
    page.keyboard.press("Enter")
    page.wait_for_url("**order=value**")
    assert page.url.endswith("#rows")
    assert page.get_attribute("thead th >> nth=0", "aria-sort") == "ascending"
    page.focus("text=Next rows")
    page.keyboard.press("Enter")
    page.wait_for_url("**offset=2**")
    assert "3–4 of 4" in page.inner_text(".pager")
    # The next key press goes on from the table, not from the top of the page.
    page.keyboard.press("Tab")
    assert page.locator(".sorted thead a >> nth=0").evaluate("(e) => e === document.activeElement")
    context.close()


def test_on_a_telephone_the_header_is_one_line_and_the_chosen_period_in_sight(
    browser: Browser, house: Served, session: StorageState
) -> None:
    context = opened(browser, session, viewport={"width": 375, "height": 800})
    page = context.new_page()
    for path in (f"{SITE}?period=12mo", f"{SITE}/by/event?period=12mo"):
        page.goto(house.base + path)
        header, chosen = page.locator(".top").bounding_box(), page.locator(".opens.period").bounding_box()
        assert header
        assert header["height"] <= 64
        assert chosen
        assert "Last 12 months" in page.inner_text(".opens.period")
        assert chosen["x"] >= 0
        assert chosen["x"] + chosen["width"] <= 375
        assert chosen["height"] >= 44
    # A row's name and its first two numbers are on the screen.
    for column in (1, 2):
        cell = page.locator(f".scroll tbody tr >> nth=0 >> td >> nth={column - 1}").bounding_box()
        assert cell
        assert cell["x"] + cell["width"] <= 375
    # The page that is shown is in sight, at the foot of the screen, with ways to the others.
    for path, label in ((f"{SITE}/goals", "Goals"), (f"{SITE}/localization", "Localization")):
        page.goto(house.base + path)
        here = page.locator(".site-nav > :is([aria-current], [data-chosen])")
        assert here.inner_text() == label
        box = here.bounding_box()
        assert box
        assert box["height"] >= 44
        assert box["y"] + box["height"] <= 800
        assert box["x"] + box["width"] <= 375
    page.click(".site-nav .rest")
    follow(page, "#menu-places >> text=Quality")
    assert page.url.endswith("/quality")
    context.close()


def test_on_a_desk_the_page_has_margins_and_the_header_is_one_line_from_edge_to_edge(
    browser: Browser, house: Served, session: StorageState
) -> None:
    context = opened(browser, session, viewport={"width": 1280, "height": 900})
    page = context.new_page()
    for path in (f"{SITE}?period=12mo", f"{SITE}/by/event?period=12mo", "/account"):
        page.goto(house.base + path)
        top, main = page.locator(".top").bounding_box(), page.locator("main").bounding_box()
        card = page.locator("main .card").first.bounding_box()
        assert top
        assert main
        assert card
        assert top["height"] <= 80
        assert card["x"] >= 24
        assert card["x"] + card["width"] <= 1280 - 24
        menu = page.locator(".who").bounding_box()
        assert menu
        assert menu["x"] + menu["width"] >= card["x"] + card["width"] - 60, "the account's menu is at the right"
        colour = "(e) => getComputedStyle(e).color"
        assert page.locator("h1").evaluate(colour) == page.locator("body").evaluate(colour)
    context.close()


def test_a_theme_is_chosen_without_scripts_whatever_the_system_has(
    browser: Browser, house: Served, session: StorageState
) -> None:
    paper = "(e) => getComputedStyle(e).backgroundColor"
    light, dark = "rgb(246, 245, 241)", "rgb(18, 20, 23)"
    context = opened(browser, session, java_script_enabled=False, color_scheme="dark")
    page = context.new_page()
    page.goto(f"{house.base}/account")
    assert page.locator("body").evaluate(paper) == dark
    for chosen, system, shown in (("Light", "dark", light), ("Dark", "light", dark), ("System", "light", light)):
        page.emulate_media(color_scheme=system)
        page.click(".opens.who")
        follow(page, f".theme >> text={chosen}")
        assert page.locator("body").evaluate(paper) == shown
        page.click(".opens.who")
        assert page.locator(".theme [aria-pressed=true]").inner_text() == chosen
        page.keyboard.press("Escape")
    page.emulate_media(color_scheme="dark")
    assert page.locator("body").evaluate(paper) == dark
    context.close()
