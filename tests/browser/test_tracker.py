"""The tracker in a real Chromium, and what is stored of it.

One journey through all features on one house: each feature drives the browser until its `yield`; then the house is
stopped, `events` is read once, and each feature looks at its own rows, told apart by the first folder of their paths.
"""

from __future__ import annotations

import contextlib
import json
import re
import time
from collections.abc import Callable, Generator, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, Request

from tests.browser.conftest import whole
from tests.browser.pages import Website, website
from tests.browser.pipe import Tabs, tabs
from tests.house import Running, eventually, rows, running

pytestmark = pytest.mark.process

TRACKER = Path(__file__).resolve().parents[2] / "collector" / "tracker"
COLUMNS = (
    *("site", "name", "hostname", "path", "query", "referrer", "utm_source", "props", "currency", "amount"),
    *("interactive", "engaged_ms", "scroll", "lcp", "inp", "cls", "fcp", "ttfb", "screen", "page_language"),
    "elements",
)
VITALS = ("lcp", "inp", "cls", "fcp", "ttfb")
# What came is read, not what is counted: to count it each second takes a seventh of what the journey does.
CONFIG = """
[rollup]
every_s = 60
[[sites]]
key = "lab"
count_automated = true
[[sites]]
key = "asks"
count_automated = true
consent = "required"
[[sites]]
key = "quits"
count_automated = true
[[sites]]
key = "here"
domains = ["localhost"]
count_automated = true
"""
# Longer than the tracker gathers what happens, and than it waits for a route to settle.
PAUSE_MS = 450

Row = dict[str, Any]


class Stored:
    """The rows of a feature, by the first folder of their paths, in the order of their arrival."""

    def __init__(self, found: list[Row]) -> None:
        self._found = found

    def __call__(self, folder: str, *names: str, site: str = "lab") -> list[Row]:
        return [
            row
            for row in self._found
            if row["site"] == site
            and re.match(rf"/{re.escape(folder)}(/|#|$)", row["path"])
            and (not names or row["name"] in names)
        ]

    def views(self, folder: str, site: str = "lab") -> list[str]:
        return [row["path"] for row in self(folder, "pageview", site=site)]

    def names(self, folder: str, site: str = "lab") -> list[str]:
        return [row["name"] for row in self(folder, site=site) if row["name"] != "engagement"]


class Lab:
    """The browsers, the house and the website of the journey."""

    def __init__(self, browser: Browser, tabs: Tabs, house: Running, web: Website) -> None:
        self.browser = browser
        self.tabs = tabs
        self.house = house
        self.web = web
        self.problems: list[str] = []

    def tag(self, script: str = "script", site: str = "lab", more: str = "", wanted: str = "data-local data-automated"):
        return f'<script defer data-domain="{site}" {wanted} {more} src="{self.source(script)}"></script>'

    def source(self, script: str) -> str:
        return f"{self.house.told['collector']}/js/{script}.js"

    @contextlib.contextmanager
    def visitor(self, windows: bool = False) -> Iterator[BrowserContext]:
        """A browser of its own, in which no error of any page is passed over. windows: one of them has the focus."""
        browser = whole(self.browser) if windows else self.browser
        context = browser.new_context()
        context.on("weberror", lambda error: self.problems.append(str(error.error)))
        yield context
        context.close()
        if windows:
            browser.close()

    @contextlib.contextmanager
    def page(self, path: str, script: str | None = None, **page: Any) -> Iterator[Page]:
        """A visit to a page of one's own that is left at its end."""
        address = self.web.page(path, script or self.tag(), **page)
        with self.visitor() as context:
            tab = context.new_page()
            tab.goto(address)
            tab.wait_for_timeout(PAUSE_MS)
            yield tab
            self.leave(tab)

    def leave(self, page: Page) -> None:
        page.goto("about:blank")
        page.wait_for_timeout(200)


def beacons(page: Page) -> list[Any]:
    """The requests to the collector from now on, each as its JSON."""
    sent: list[Any] = []

    def note(request: Request) -> None:
        if request.url.endswith("/api/event"):
            sent.append(json.loads(request.post_data or "null"))

    page.on("request", note)
    return sent


def arrived(page: Page, sent: list[Any]) -> None:
    """Wait until something was sent. The page is asked, because Playwright tells of requests only then."""

    def looked() -> bool:
        page.wait_for_timeout(50)
        return bool(sent)

    eventually(looked)


Feature = Callable[[Lab], Generator[None, Stored, None]]
# What became of each feature, the rows, and the errors that reached a page.
Journey = tuple[dict[str, Generator[None, Stored, None] | Exception], Stored, list[str]]
FEATURES: dict[str, Feature] = {}


def feature(drive: Feature) -> Feature:
    FEATURES[drive.__name__] = drive
    return drive


# -- the core ------------------------------------------------------------------------------------------------------


@feature
def a_page_is_counted_with_where_it_was_come_from(lab: Lab) -> Generator[None, Stored, None]:
    address = lab.web.page("/first/page", lab.tag("script.core"))
    with lab.visitor() as context:
        page = context.new_page()
        page.goto(f"{address}?utm_source=letter&secret=1#part", referer="https://news.example/story?q=1")
        page.wait_for_timeout(PAUSE_MS)
        page.evaluate("footfall('read', { props: { depth: 3, whole: true }, interactive: false })")
        lab.leave(page)
    stored = yield
    view, event = stored("first")
    assert (view["name"], view["path"], view["hostname"]) == ("pageview", "/first/page", "localhost")
    assert (view["query"], view["utm_source"], view["referrer"]) == ("utm_source=letter", "letter", "news.example")
    assert view["screen"]
    assert (view["page_language"], event["page_language"]) == ("en", "en")
    assert (event["name"], event["props"], event["interactive"]) == ("read", {"depth": "3", "whole": "true"}, False)


def _routes(lab: Lab, folder: str, script: str, before: str = "") -> None:
    address = lab.web.page(f"/{folder}/1", lab.tag(script))
    with lab.visitor() as context:
        if before:
            context.add_init_script(before)
        page = context.new_page()
        page.goto(address)
        page.wait_for_timeout(PAUSE_MS)
        page.evaluate(f"history.pushState(null, '', '/{folder}/2')")
        page.evaluate(f"history.replaceState(null, '', '/{folder}/3')")
        page.evaluate("history.replaceState({ scroll: 1 }, '')")
        page.evaluate("location.hash = 'part'")
        page.evaluate("history.go(-2)")
        page.wait_for_timeout(PAUSE_MS)
        lab.leave(page)


@feature
def routes_of_a_single_page_application_are_views(lab: Lab) -> Generator[None, Stored, None]:
    _routes(lab, "routes", "script.core")
    stored = yield
    assert stored.views("routes") == ["/routes/1", "/routes/2", "/routes/1"]


@feature
def so_they_are_where_the_browser_has_no_navigation_api(lab: Lab) -> Generator[None, Stored, None]:
    _routes(lab, "older", "script", "Object.defineProperty(window, 'navigation', { value: undefined })")
    stored = yield
    assert stored.views("older") == ["/older/1", "/older/2", "/older/1"]


@feature
def the_fragment_is_the_route_where_the_page_says_so(lab: Lab) -> Generator[None, Stored, None]:
    for folder, script in (("by-name", lab.tag("script.hash.core")), ("by-tag", lab.tag(more="data-hash"))):
        with lab.page(f"/{folder}", script) as page:
            page.evaluate("location.hash = '/cart'")
            page.evaluate("location.hash = '/pay?card=1'")
            page.wait_for_timeout(PAUSE_MS)
    stored = yield
    assert stored.views("by-name") == ["/by-name", "/by-name#/cart", "/by-name#/pay"]
    assert stored.views("by-tag") == ["/by-tag", "/by-tag#/cart", "/by-tag#/pay"]


@feature
def what_is_called_before_the_script_is_there_waits_in_a_queue(lab: Lab) -> Generator[None, Stored, None]:
    stub = (
        "<script>window.footfall = window.footfall || function () "
        "{ (footfall.q = footfall.q || []).push(arguments) };"
        "footfall('early', { props: { plan: 'pro' } });</script>"
    )
    with lab.page("/queue", lab.tag("script.core"), head=stub):
        pass
    stored = yield
    assert stored.names("queue") == ["pageview", "early"]
    assert stored("queue", "early")[0]["props"] == {"plan": "pro"}


@feature
def a_page_says_itself_when_it_is_viewed_where_it_wants_to(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/manual", lab.tag("script.manual.core.engagement")) as page:
        page.evaluate("footfall('early')")
        page.evaluate("history.pushState(null, '', '/manual/unseen')")
        page.evaluate("footfall('pageview', { url: location.origin + '/manual/said', props: { shelf: 'a' } })")
        page.wait_for_timeout(1200)
    stored = yield
    assert stored.names("manual") == ["early", "pageview"]
    assert stored("manual", "pageview")[0]["props"] == {"shelf": "a"}
    assert [row["path"] for row in stored("manual", "engagement")] == ["/manual/said"]


@feature
def what_happens_together_is_one_request(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/batch") as page:
        sent = beacons(page)
        page.evaluate("footfall('alone')")
        page.wait_for_timeout(100)
        page.evaluate("for (const name of ['one', 'two', 'three']) footfall(name)")
        page.wait_for_timeout(100)
        page.evaluate("for (let i = 0; i < 120; i++) footfall('many')")
        page.wait_for_timeout(200)
        page.evaluate("footfall('large', { props: { text: '\\u20ac'.repeat(600) } }); footfall('last')")
        # More than browsers let outlive a page with anything else in flight.
        page.evaluate(
            "const text = 'x'.repeat(1900); const keys = [...Array(28).keys()];"
            "footfall('huge', { props: Object.fromEntries(keys.map((key) => ['key' + key, text])) }); footfall('small')"
        )
        page.evaluate("history.pushState(null, '', '/batch/next')")
        page.wait_for_timeout(1100)
        # What is sent while a page is left is not told of any more: the page notes it itself.
        page.evaluate(
            "const real = fetch; const notes = sessionStorage;"
            "fetch = (to, how) => { notes.sent = (notes.sent || '') + how.body + '\\n'; return real(to, how) };"
            "onpagehide = () => footfall('leaving'); location.href = '/elsewhere'"
        )
        page.wait_for_timeout(300)
        leaving = [json.loads(line) for line in page.evaluate("sessionStorage.sent").splitlines()]
    assert sent[0]["n"] == "alone"
    assert [beacon["n"] for beacon in sent[1]] == ["one", "two", "three"]
    assert all(len(beacon) < 50 for beacon in sent if isinstance(beacon, list))
    assert len(sent) < 20
    assert len(leaving) == 1
    # The last view's attention, and the speed of the page load that is another view's by now.
    assert [beacon["n"] for beacon in leaving[0]] == ["leaving", "engagement", "engagement"]
    stored = yield
    names = stored.names("batch")
    assert {name: names.count(name) for name in names} == {
        "pageview": 2,
        "alone": 1,
        "one": 1,
        "two": 1,
        "three": 1,
        "many": 120,
        "large": 1,
        "last": 1,
        "huge": 1,
        "small": 1,
        "leaving": 1,
    }


@feature
def the_page_hears_how_sending_went(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/callback") as page:
        outcome = (
            "new Promise((done) => footfall('asked', { callback: (said) => done(said ? said.status || 'lost' : 0) }))"
        )
        assert page.evaluate(outcome) == 202
        page.evaluate("localStorage.footfall_ignore = 'true'")
        assert page.evaluate(outcome) == 0
        page.evaluate("localStorage.clear()")
        page.route("**/api/event", lambda route: route.abort())
        assert page.evaluate(outcome) == "lost"
    stored = yield
    assert stored.names("callback") == ["pageview", "asked"]


@feature
def local_pages_and_driven_browsers_are_not_counted(lab: Lab) -> Generator[None, Stored, None]:
    for wanted in ("", "data-local", "data-automated"):
        with lab.page(f"/machine/{wanted}", lab.tag(wanted=wanted)) as page:
            page.evaluate("footfall('event')")
    stored = yield
    assert stored("machine") == []


@feature
def a_page_with_the_script_twice_is_counted_once(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/twice", lab.tag() + lab.tag("script.core")):
        pass
    stored = yield
    assert stored.names("twice") == ["pageview"]


# -- leaving and coming back ---------------------------------------------------------------------------------------


@feature
def a_page_that_comes_back_by_the_back_button_counts_again(lab: Lab) -> Generator[None, Stored, None]:
    first = lab.web.page(
        "/back/a", lab.tag(), "<script>onpageshow = (event) => { window.kept = event.persisted }</script>"
    )
    second = lab.web.page("/back/b", lab.tag())
    tab = lab.tabs.open(first)
    time.sleep(1)
    lab.tabs.ask(tab, f"location.href = {second!r}")
    time.sleep(1)
    lab.tabs.ask(tab, "history.back()")
    time.sleep(2)
    # It was restored, not loaded anew.
    assert lab.tabs.ask(tab, "window.kept") is True
    lab.tabs.close(tab)
    time.sleep(0.3)
    stored = yield
    assert stored.views("back") == ["/back/a", "/back/b", "/back/a"]
    measured = [row for row in stored("back", "engagement") if row["path"] == "/back/a" and row["lcp"] >= 0]
    assert len(measured) == 2
    # A page that comes back is there at once.
    assert measured[1]["lcp"] < 1000
    assert measured[1]["engaged_ms"] >= 1000


@feature
def only_the_time_in_which_a_tab_is_seen_is_engagement(lab: Lab) -> Generator[None, Stored, None]:
    first = lab.web.page("/tabs/first", lab.tag())
    second = lab.web.page("/tabs/second", lab.tag())
    one = lab.tabs.open(first)
    time.sleep(1.5)
    two = lab.tabs.open(second)
    time.sleep(2.5)
    assert lab.tabs.ask(one, "document.visibilityState") == "hidden"
    lab.tabs.show(one)
    time.sleep(1.5)
    assert lab.tabs.ask(two, "document.visibilityState") == "hidden"
    lab.tabs.close(one)
    lab.tabs.close(two)
    time.sleep(0.3)
    stored = yield
    assert sorted(stored.views("tabs")) == ["/tabs/first", "/tabs/second"]
    engaged = dict.fromkeys(stored.views("tabs"), 0)
    for row in stored("tabs", "engagement"):
        engaged[row["path"]] += row["engaged_ms"]
    assert 2000 <= engaged["/tabs/first"] <= 4500
    assert 1500 <= engaged["/tabs/second"] <= 3500


@feature
def a_page_that_is_seen_without_being_in_focus_is_not_engagement(lab: Lab) -> Generator[None, Stored, None]:
    address = lab.web.page("/aside", lab.tag())
    with lab.visitor(windows=True) as context:
        page, other = context.new_page(), context.new_page()
        page.bring_to_front()
        page.goto(address)
        page.wait_for_timeout(1500)
        for tab in (page, other):
            context.new_cdp_session(tab).send("Emulation.setFocusEmulationEnabled", {"enabled": False})
        other.bring_to_front()
        page.wait_for_timeout(2500)
        assert page.evaluate("[document.visibilityState, document.hasFocus()]") == ["visible", False]
        lab.leave(page)
    stored = yield
    assert 1000 <= sum(row["engaged_ms"] for row in stored("aside", "engagement")) <= 2400


@feature
def a_tab_in_the_background_counts_when_it_is_first_seen(lab: Lab) -> Generator[None, Stored, None]:
    front = lab.tabs.open(lab.web.page("/behind/front", lab.tag()))
    time.sleep(0.5)
    seen = lab.tabs.open(lab.web.page("/behind/seen", lab.tag()), background=True)
    never = lab.tabs.open(lab.web.page("/behind/never", lab.tag()), background=True)
    time.sleep(0.7)
    lab.tabs.ask(front, "footfall('still in front')")
    time.sleep(0.3)
    lab.tabs.show(seen)
    time.sleep(0.5)
    for tab in (never, seen, front):
        lab.tabs.close(tab)
    time.sleep(0.3)
    stored = yield
    assert [(row["name"], row["path"]) for row in stored("behind") if row["name"] != "engagement"] == [
        ("pageview", "/behind/front"),
        ("still in front", "/behind/front"),
        ("pageview", "/behind/seen"),
    ]


@feature
def a_prerendered_page_counts_when_it_is_seen(lab: Lab) -> Generator[None, Stored, None]:
    # Nothing is attached to this tab, because the browser prerenders nothing for a tab under inspection.
    ahead = "<script>window.ahead = document.prerendering</script>"
    told = (
        "<script>addEventListener('load', () => setTimeout(() => { "
        "footfall('told', { props: { ahead: String(ahead) } }) }, 50))</script>"
    )
    for name in ("seen", "unseen"):
        lab.web.page(f"/ahead/{name}", ahead + lab.tag() + told)
    rules = json.dumps({"prerender": [{"urls": ["/ahead/seen", "/ahead/unseen"], "eagerness": "immediate"}]})
    host = lab.web.page(
        "/ahead/host",
        f'<script type="speculationrules">{rules}</script>{lab.tag()}',
        '<a href="/ahead/seen">on</a><script>setTimeout(() => document.querySelector("a").click(), 2500)</script>',
    )
    tab = lab.tabs.open(host)
    time.sleep(4)
    lab.tabs.close(tab)
    time.sleep(0.3)
    stored = yield
    assert stored.views("ahead") == ["/ahead/host", "/ahead/seen"]
    assert [row["props"] for row in stored("ahead", "told")] == [{"ahead": "true"}]


@feature
def nothing_is_lost_when_a_page_is_closed_at_once(lab: Lab) -> Generator[None, Stored, None]:
    link = '<a href="/elsewhere">on</a>'
    for path, last in (
        ("/closed/page", "footfall('last word')"),
        ("/closed/follow", "footfall('before the link'); document.querySelector('a').click()"),
    ):
        tab = lab.tabs.open(lab.web.page(path, lab.tag(), link))
        time.sleep(1)
        lab.tabs.ask(tab, last)
        lab.tabs.close(tab)
        time.sleep(0.5)
    stored = yield
    assert stored.names("closed") == ["pageview", "last word", "pageview", "before the link"]
    # What the page's speed was is told, too.
    assert [row["path"] for row in stored("closed", "engagement")] == ["/closed/page", "/closed/follow"]


@feature
def a_slow_network_loses_nothing_either(lab: Lab) -> Generator[None, Stored, None]:
    address = lab.web.page("/slow", lab.tag())
    with lab.visitor() as context:
        page = context.new_page()
        page.goto(address)
        page.wait_for_timeout(PAUSE_MS)
        network = context.new_cdp_session(page)
        slow = {"offline": False, "latency": 1500, "downloadThroughput": 20_000, "uploadThroughput": 20_000}
        network.send("Network.enable")
        network.send("Network.emulateNetworkConditions", slow)
        page.evaluate("for (let i = 0; i < 30; i++) footfall('slow', { props: { text: 'x'.repeat(300), i } })")
        page.evaluate("location.href = 'about:blank'")
        page.wait_for_timeout(6000)
    stored = yield
    assert len(stored("slow", "slow")) == 30
    assert len(stored("slow", "engagement")) == 1


# -- what a page is like -------------------------------------------------------------------------------------------


@feature
def scroll_depth_and_attention_are_measured(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/reading", lab.tag("script.engagement.core"), body='<div style="height:6000px">long</div>') as page:
        page.mouse.wheel(0, 2000)
        page.wait_for_timeout(1500)
    with lab.page("/short"):
        pass
    stored = yield
    (row,) = stored("reading", "engagement")
    expected = page_depth(720 + 2000, 6000)
    assert expected - 3 <= row["scroll"] <= expected + 3
    assert 1500 <= row["engaged_ms"] <= 4000
    assert row["lcp"] == -1
    assert [row["scroll"] for row in stored("short", "engagement")] == [100]


def page_depth(seen: int, height: int) -> int:
    return round(seen / height * 100)


@feature
def vitals_are_those_that_the_library_prints(lab: Lab) -> Generator[None, Stored, None]:
    lab.web.add("/web-vitals.js", (TRACKER / "node_modules/web-vitals/dist/web-vitals.iife.js").read_text())
    library = (
        '<script src="/web-vitals.js"></script><script>window.printed = {};'
        "for (const name of ['LCP', 'INP', 'CLS', 'FCP', 'TTFB'])"
        "webVitals['on' + name](({ value }) => { printed[name.toLowerCase()] = value; console.log(name, value); });"
        "</script>"
    )
    body = (
        '<main class="wide order-4711"><p class="large" style="font-size:80px">Largest</p><p id="moved">Moved</p>'
        '<button style="position:fixed;top:0;left:0">Busy</button></main><script>'
        # Nothing has moved that was not drawn before.
        "requestAnimationFrame(() => requestAnimationFrame(() => setTimeout("
        "() => { document.querySelector('h1').style.paddingTop = '150px' }, 300)));"
        "document.querySelector('button').onclick = () => {"
        " const end = performance.now() + 90; while (performance.now() < end); };</script>"
    )
    tab = lab.tabs.open(lab.web.page("/speed", library + lab.tag(), body))
    time.sleep(1.2)
    session = lab.tabs.send("Target.attachToTarget", targetId=tab, flatten=True)["sessionId"]
    for kind in ("mousePressed", "mouseReleased"):
        lab.tabs.send(
            *("Input.dispatchMouseEvent", session), type=kind, x=20, y=10, button="left", buttons=1, clickCount=1
        )
    # The library looks at interactions when the page is idle, within a second.
    time.sleep(1.8)
    other = lab.tabs.open("about:blank")
    time.sleep(0.5)
    printed = lab.tabs.ask(tab, "window.printed")
    for each in (tab, other):
        lab.tabs.close(each)
    time.sleep(0.3)
    assert set(printed) == set(VITALS)
    assert printed["inp"] >= 90
    assert printed["cls"] > 0
    stored = yield
    (row,) = (row for row in stored("speed", "engagement") if row["lcp"] >= 0)
    # Stored as Float32, sent with four decimals.
    assert {name: row[name] for name in VITALS} == pytest.approx(printed, rel=1e-5, abs=1e-3)
    # By their places; a number of an order by nothing.
    assert row["elements"] == {"lcp": "main.wide>p.large", "inp": "main.wide>button", "cls": "main.wide"}


@feature
def vitals_belong_to_the_page_that_was_loaded_and_are_told_once(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/landing/1", lab.tag("script.vitals.engagement.core")) as page:
        page.evaluate("history.pushState(null, '', '/landing/2')")
        page.wait_for_timeout(PAUSE_MS)
    with lab.page("/fast", lab.tag("script.vitals.core")):
        pass
    stored = yield
    assert [row["path"] for row in stored("landing", "engagement") if row["ttfb"] >= 0] == ["/landing/1"]
    (row,) = stored("fast", "engagement")
    assert min(row["lcp"], row["fcp"], row["ttfb"], row["cls"]) >= 0
    assert (row["scroll"], row["engaged_ms"]) == (255, 0)


# -- what people do ------------------------------------------------------------------------------------------------

LINKS = (
    '<a id="out" href="https://user.example/path?email=a@b.example#x" onclick="event.preventDefault()"><b>out</b></a>'
    '<a id="in" href="/elsewhere" onclick="event.preventDefault()">in</a>'
    '<a id="file" href="/files/price%20list.PDF?token=1" onclick="event.preventDefault()">file</a>'
    '<a id="other" href="/files/model.blend" onclick="event.preventDefault()">other</a>'
    '<a id="mail" href="mailto:a@b.example" onclick="event.preventDefault()">mail</a>'
)


def _click_all(page: Page) -> None:
    for name in ("out", "in", "file", "other", "mail"):
        page.click(f"#{name}")
    page.click("#out", button="right")


@feature
def links_to_other_hosts_and_files_are_events(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/links/on", lab.tag("script.core.outbound-links.file-downloads"), body=LINKS) as page:
        _click_all(page)
    with lab.page("/links/off", body=LINKS) as page:
        _click_all(page)
    more = 'data-outbound-links data-file-downloads data-add-file-types="blend, stl"'
    with lab.page("/links/tag", lab.tag(more=more), body=LINKS) as page:
        _click_all(page)
    only = lab.tag("script.core.file-downloads", more='file-types="blend"')
    with lab.page("/links/only", only, body=LINKS) as page:
        _click_all(page)
    stored = yield
    origin = lab.web.origin
    out = ("Outbound Link: Click", {"url": "https://user.example/path"})
    file = ("File Download", {"url": f"{origin}/files/price%20list.PDF"})
    model = ("File Download", {"url": f"{origin}/files/model.blend"})
    found: dict[str, list[Any]] = {path: [] for path in ("/links/on", "/links/off", "/links/tag", "/links/only")}
    for row in stored("links", "Outbound Link: Click", "File Download"):
        found[row["path"]].append((row["name"], row["props"]))
    assert found == {
        "/links/on": [out, file],
        "/links/off": [],
        "/links/tag": [out, file, model],
        "/links/only": [model],
    }


@feature
def the_middle_button_opens_links_too(lab: Lab) -> Generator[None, Stored, None]:
    link = '<a id="out" href="http://127.0.0.1:9/x">out</a>'
    with lab.page("/middle", lab.tag("script.core.outbound-links"), body=link) as page:
        page.click("#out", button="middle")
        page.wait_for_timeout(300)
    stored = yield
    assert stored.names("middle") == ["pageview", "Outbound Link: Click"]


@feature
def a_sent_form_is_an_event_without_what_was_filled_in(lab: Lab) -> Generator[None, Stored, None]:
    form = (
        '<form action="/sent?secret=1" onsubmit="event.preventDefault()"><input name="action" value="shadow">'
        '<input name="email" required><button>Send</button></form>'
    )
    with lab.page("/form", lab.tag("script.form-submissions.core"), body=form) as page:
        page.click("button")
        page.fill("[name=email]", "a@b.example")
        page.click("button")
    stored = yield
    assert [(row["name"], row["props"]) for row in stored("form", "Form: Submission")] == [
        ("Form: Submission", {"path": "/sent"})
    ]


@feature
def tagged_elements_are_events_with_properties_and_revenue(lab: Lab) -> Generator[None, Stored, None]:
    body = (
        '<button id="a" data-footfall-event="choose plan" data-footfall-prop-plan="pro"><b>Choose</b></button>'
        '<span class="card plausible-event-name=Read+More plausible-event-place--foot" id="b">More</span>'
        '<button id="c" data-footfall-event="order" data-footfall-revenue-amount="49.90"'
        ' data-footfall-revenue-currency="EUR">Order</button>'
        '<button id="d" class="plausible-event-name=Buy plausible-revenue-amount=12'
        ' plausible-revenue-currency=JPY">Buy</button>'
        '<form id="f" data-footfall-event="subscribe" onsubmit="event.preventDefault()">'
        '<button id="e">Go</button></form>'
    )
    with lab.page("/tags", body=body) as page:
        for name in "abcde":
            page.click(f"#{name}")
        page.click("#a", button="middle")
        page.evaluate("footfall('paid', { revenue: { currency: 'EUR', amount: 1.5 }, id: 7 })")
        page.evaluate("footfall('paid', { revenue: { currency: 'EUR', amount: 1.5 }, id: 7 })")
    stored = yield
    found = [
        (row["name"], row["props"], row["currency"], row["amount"])
        for row in stored("tags")
        if row["name"] not in ("pageview", "engagement")
    ]
    assert found == [
        ("choose plan", {"plan": "pro"}, "", 0),
        ("Read More", {"place": "foot"}, "", 0),
        ("order", {}, "EUR", 4990),
        ("Buy", {}, "JPY", 12),
        ("subscribe", {}, "", 0),
        ("paid", {}, "EUR", 150),
        ("paid", {}, "EUR", 150),
    ]


@feature
def a_page_s_own_properties_go_with_all_it_sends(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/props", lab.tag(more='data-prop-author="Ann" event-section="news"')) as page:
        page.evaluate("footfall('read', { props: { author: 'Bob', n: 1 } })")
    stored = yield
    assert [row["props"] for row in stored("props")] == [
        {"author": "Ann", "section": "news"},
        {"author": "Bob", "section": "news", "n": "1"},
        {"author": "Ann", "section": "news"},
    ]


@feature
def a_page_that_was_not_found_is_an_event(lab: Lab) -> Generator[None, Stored, None]:
    for folder, status, script in (
        ("missing/status", 404, lab.tag("script.404.core")),
        ("missing/there", 200, lab.tag("script.404.core")),
        ("missing/says-so", 200, lab.tag(more='data-404="page"')),
        ("missing/unasked", 404, lab.tag()),
        ("missing/own", 404, lab.tag()),
    ):
        with lab.page(f"/{folder}", script, status=status) as page:
            page.evaluate("history.pushState(null, '', '#next')")
            if folder.endswith("own"):
                page.evaluate("footfall('404', { props: { path: location.pathname } })")
    stored = yield
    assert [(row["path"], row["props"]) for row in stored("missing", "404")] == [
        (path, {"path": path}) for path in ("/missing/status", "/missing/says-so", "/missing/own")
    ]


@feature
def excluded_pages_send_nothing(lab: Lab) -> Generator[None, Stored, None]:
    exclude = lab.tag(more='data-exclude="/no/admin/**, /no/x/*, /no/exact"')
    for path in ("admin", "admin/a/b", "x/a", "x/a/b", "exact", "exact/more", "other"):
        with lab.page(f"/no/{path}", exclude) as page:
            page.evaluate("footfall('event')")
    include = lab.tag("script.exclusions.core", more='data-include="/only/shop/**" data-exclude="/only/shop/cart"')
    for path in ("shop/a", "shop/cart", "blog"):
        with lab.page(f"/only/{path}", include):
            pass
    stored = yield
    assert {row["path"] for row in stored("no")} == {"/no/admin", "/no/x/a/b", "/no/exact/more", "/no/other"}
    assert stored.views("only") == ["/only/shop/a"]


# -- the visitor's word --------------------------------------------------------------------------------------------


@feature
def do_not_track_and_the_opt_out_flags_are_heeded(lab: Lab) -> Generator[None, Stored, None]:
    address = lab.web.page("/refused", lab.tag("script.core"))
    for before in (
        "Object.defineProperty(navigator, 'doNotTrack', { value: '1' })",
        "if (origin !== 'null') localStorage.footfall_ignore = 'true'",
        "if (origin !== 'null') localStorage.plausible_ignore = 'true'",
    ):
        with lab.visitor() as context:
            context.add_init_script(before)
            page = context.new_page()
            page.goto(address)
            page.wait_for_timeout(PAUSE_MS)
            page.evaluate("footfall('event')")
            lab.leave(page)
    stored = yield
    assert stored("refused") == []


@feature
def an_opt_out_ends_counting_and_an_opt_in_begins_it_again(lab: Lab) -> Generator[None, Stored, None]:
    button = '<button data-footfall-opt-out="Count me">Do not count me</button>'
    with lab.page("/out", lab.tag(site="quits"), body=button) as page:
        page.click("button")
        assert page.inner_text("button") == "Count me"
        assert page.evaluate("({ ...localStorage })") == {"footfall_ignore": "true"}
        page.evaluate("footfall('while out')")
        page.reload()
        page.wait_for_timeout(PAUSE_MS)
        page.evaluate("footfall('still out')")
        assert page.inner_text("button") == "Count me"
        page.evaluate("footfall.optIn()")
        assert page.evaluate("localStorage.length") == 0
    blocked = "Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked') } })"
    with lab.visitor() as context:
        context.add_init_script(blocked)
        page = context.new_page()
        page.goto(lab.web.page("/out/blocked", lab.tag(site="quits"), button))
        page.wait_for_timeout(PAUSE_MS)
        page.evaluate("footfall.optOut(); footfall('after blocked')")
        lab.leave(page)
    stored = yield
    # Views before the word may be gone already: that is what it asks for.
    assert set(stored.names("out", "quits")) <= {"pageview"}


@feature
def what_comes_before_consent_is_a_total_and_what_follows_is_recorded(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/asked/yes", lab.tag(site="asks", more="data-consent")) as page:
        page.evaluate("footfall('before')")
        page.evaluate("footfall.consent('granted')")
        page.evaluate("footfall('after')")
    with lab.page("/asked/no", lab.tag(site="asks", more='data-consent="required"')) as page:
        page.evaluate("footfall.consent('denied')")
        page.evaluate("footfall('denied')")
    with lab.page("/asked/known", lab.tag(site="asks", more='data-consent="granted"')):
        pass
    stored = yield
    found = [(row["path"], row["name"]) for row in stored("asked", site="asks") if row["name"] != "engagement"]
    assert found == [("/asked/yes", "pageview"), ("/asked/yes", "after"), ("/asked/known", "pageview")]


@feature
def a_page_can_hold_everything_back_until_it_is_answered(lab: Lab) -> Generator[None, Stored, None]:
    queue = lab.tag("script.consent.engagement.core", site="asks", more='data-consent="queue"')
    for word, silent in (("granted", True), ("denied", True), ("", True)):
        with lab.page(f"/held/{word}", queue) as page:
            sent = beacons(page)
            page.evaluate("footfall('before', { props: { n: 1 } })")
            page.evaluate("history.pushState(null, '', location.pathname + '/next')")
            page.wait_for_timeout(PAUSE_MS)
            assert (sent == []) is silent
            if word:
                page.evaluate(f"footfall.consent('{word}')")
                page.evaluate("footfall('after')")
                page.wait_for_timeout(100)
        assert bool(sent) is (word == "granted")
    stored = yield
    found = [(row["path"], row["name"]) for row in stored("held", site="asks") if row["name"] != "engagement"]
    assert found == [
        ("/held/granted", "pageview"),
        ("/held/granted", "before"),
        ("/held/granted/next", "pageview"),
        ("/held/granted/next", "after"),
    ]
    assert stored("held", "before", site="asks")[0]["props"] == {"n": "1"}


@feature
def consent_that_is_withdrawn_ends_counting(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/withdrawn", lab.tag(site="quits")) as page:
        sent = beacons(page)
        page.evaluate("footfall.consent('withdrawn')")
        page.evaluate("footfall('afterwards')")
        arrived(page, sent)
        page.wait_for_timeout(100)
    assert [(beacon["n"], beacon["consent"]) for beacon in sent] == [("consent", "withdrawn")]
    stored = yield
    assert "afterwards" not in stored.names("withdrawn", "quits")


# -- guests in a page ----------------------------------------------------------------------------------------------


@feature
def a_browser_that_blocks_storage_is_counted(lab: Lab) -> Generator[None, Stored, None]:
    address = lab.web.page("/blocked", lab.tag())
    with lab.visitor() as context:
        for name in ("localStorage", "sessionStorage", "indexedDB"):
            context.add_init_script(
                f"Object.defineProperty(window, '{name}', {{ get() {{ throw new DOMException('blocked') }} }})"
            )
        page = context.new_page()
        page.goto(address)
        page.wait_for_timeout(PAUSE_MS)
        page.evaluate("footfall('event')")
        lab.leave(page)
    stored = yield
    assert stored.names("blocked") == ["pageview", "event"]


@feature
def nothing_is_kept_in_the_browser(lab: Lab) -> Generator[None, Stored, None]:
    address = lab.web.page(
        "/kept", lab.tag(more="data-outbound-links data-file-downloads data-form-submissions data-404")
    )
    with lab.visitor() as context:
        page = context.new_page()
        answers: list[dict[str, str]] = []
        page.on("response", lambda response: answers.append(response.all_headers()))
        page.goto(address)
        page.wait_for_timeout(PAUSE_MS)
        page.evaluate("footfall('event'); footfall.consent('granted'); history.pushState(null, '', '/kept/next')")
        page.wait_for_timeout(PAUSE_MS)
        kept = page.evaluate(
            "(async () => [document.cookie, localStorage.length, sessionStorage.length,"
            " (await indexedDB.databases()).length, (await caches.keys()).length,"
            " (await navigator.serviceWorker.getRegistrations()).length, window.name])()"
        )
        assert kept == ["", 0, 0, 0, 0, 0, ""]
        assert context.cookies() == []
        assert context.storage_state() == {"cookies": [], "origins": []}
        assert not any("set-cookie" in answer for answer in answers)
        lab.leave(page)
    stored = yield
    assert stored.names("kept") == ["pageview", "event", "pageview"]


@feature
def a_strict_policy_with_pinned_bytes_lets_it_run(lab: Lab) -> Generator[None, Stored, None]:
    collector = lab.house.told["collector"]
    with lab.visitor() as context:
        told = context.request.get(f"{collector}/js/script.vitals.engagement.outbound-links.json").json()
        policy = (
            f"default-src 'none'; script-src {collector}; connect-src {collector}; img-src data:; "
            "require-trusted-types-for 'script'; base-uri 'none'; form-action 'none'"
        )
        for folder, integrity in (("strict", told["integrity"]), ("tampered", "sha384-" + "A" * 64)):
            tag = (
                f'<script defer crossorigin="anonymous" integrity="{integrity}" data-domain="lab" data-local '
                f'data-automated src="{collector}{told["src"]}"></script>'
            )
            headers = {"content-security-policy": policy}
            page = context.new_page()
            complaints: list[str] = []
            page.on("console", lambda message, to=complaints: to.append(message.text))
            link = '<a href="https://other.example/">other</a>'
            page.goto(lab.web.page(f"/{folder}", tag, link, headers=headers))
            page.wait_for_timeout(PAUSE_MS)
            if folder == "strict":
                assert complaints == []
                page.evaluate("footfall('event')")
                page.wait_for_timeout(100)
            else:
                assert any("integrity" in complaint for complaint in complaints)
            lab.leave(page)
    stored = yield
    assert stored.names("strict") == ["pageview", "event"]
    assert stored("strict", "engagement")[0]["ttfb"] >= 0
    assert stored("tampered") == []


# -- pages written for Plausible -----------------------------------------------------------------------------------

STUB = (
    "<script>window.plausible = window.plausible || function () "
    "{ (window.plausible.q = window.plausible.q || []).push(arguments) }</script>"
)
NEWER = (
    "<script>window.plausible=window.plausible||function(){(plausible.q=plausible.q||[]).push(arguments)},"
    "plausible.init=plausible.init||function(i){plausible.o=i||{}};plausible.init(OPTIONS)</script>"
)


@feature
def a_page_with_plausible_s_older_snippet_changes_the_host(lab: Lab) -> Generator[None, Stored, None]:
    early = "<script>plausible('early', { props: { a: 1 } })</script>"
    for script in (
        *("script.outbound-links.file-downloads", "plausible", "script"),
        "script.tagged-events.pageview-props.revenue.compat",
    ):
        head, folder = STUB + early, f"/older-page/{script}"
        with lab.page(folder, lab.tag(script, more='event-author="Ann"'), head=head, body=LINKS) as page:
            _click_all(page)
            page.evaluate("plausible('signup', { meta: { plan: 'pro' }, revenue: { currency: 'EUR', amount: 2 } })")
            said = page.evaluate(
                "new Promise((done) => plausible('called', { callback: (said) => done(said.status) }))"
            )
            assert said == 202
            page.evaluate("plausible('elsewhere', { u: location.origin + '/older-page/u' })")
    stored = yield
    for script in ("script.outbound-links.file-downloads", "plausible", "script"):
        found = [row for row in stored("older-page") if row["path"] == f"/older-page/{script}"]
        names = [row["name"] for row in found if row["name"] != "engagement"]
        clicks = ["Outbound Link: Click", "File Download"] if "outbound" in script else []
        assert names == ["pageview", "early", *clicks, "signup", "called"]
        signup = next(row for row in found if row["name"] == "signup")
        author = {"author": "Ann"} if script == "script" else {}
        assert (signup["props"], signup["amount"]) == ({"plan": "pro", **author}, 200)
        assert any(row["name"] == "engagement" and row["scroll"] == 100 for row in found)
    assert stored("older-page", "early")[-1]["props"] == {"a": "1", "author": "Ann"}
    assert len([row for row in stored("older-page", "elsewhere") if row["path"] == "/older-page/u"]) == 4


@feature
def a_page_with_plausible_s_newer_snippet_changes_the_host(lab: Lab) -> Generator[None, Stored, None]:
    options = (
        "{ outboundLinks: true, fileDownloads: { fileExtensions: ['blend'] }, formSubmissions: true,"
        " captureOnLocalhost: true, customProperties: (name) => ({ of: name }),"
        " transformRequest: (payload) => payload.n === 'secret' ? null :"
        " { ...payload, u: payload.u.replace('/private', '/public') } }"
    )
    source = lab.source("pa-AbC_12-x")
    tag = f'<script async data-domain="lab" data-automated src="{source}"></script>'
    with lab.page("/newer/private", tag + NEWER.replace("OPTIONS", options), body=LINKS) as page:
        _click_all(page)
        page.evaluate("plausible('secret'); plausible('signup', { interactive: false })")
    # Options that come after the script, and views that the page counts itself.
    late = NEWER.replace("plausible.init(OPTIONS)", "")
    with lab.page("/newer/late", tag + late) as page:
        page.evaluate("plausible('waiting')")
        page.evaluate(
            "plausible.init({ autoCapturePageviews: false, captureOnLocalhost: true, hashBasedRouting: true });"
            "plausible('pageview', { url: location.href + '#/said' })"
        )
    # What a page's own function throws ends one event and nothing else.
    throws = "{ captureOnLocalhost: true, transformRequest: (payload) => payload.n === 'bad' ? missing : payload }"
    with lab.page("/newer/throws", tag + NEWER.replace("OPTIONS", throws)) as page:
        page.evaluate("plausible('bad'); plausible('good')")
    # Without captureOnLocalhost nothing of this machine is counted.
    with lab.page("/newer/local", tag + NEWER.replace("OPTIONS", "")) as page:
        page.evaluate("plausible('event')")
    stored = yield
    found = [(row["name"], row["path"], row["props"]) for row in stored("newer") if row["name"] != "engagement"]
    assert found == [
        ("pageview", "/newer/public", {"of": "pageview"}),
        ("Outbound Link: Click", "/newer/public", {"of": "Outbound Link: Click", "url": "https://user.example/path"}),
        ("File Download", "/newer/public", {"of": "File Download", "url": f"{lab.web.origin}/files/model.blend"}),
        ("signup", "/newer/public", {"of": "signup"}),
        ("waiting", "/newer/late", {}),
        ("pageview", "/newer/late#/said", {}),
        ("pageview", "/newer/throws", {}),
        ("good", "/newer/throws", {}),
    ]


# -- the journey ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def journey(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Journey:
    return travelled(FEATURES, browser, tmp_path_factory.mktemp("tracker"))


def travelled(features: dict[str, Feature], browser: Browser, room: Path) -> Journey:
    """Every feature, driven up to where it waits for its rows, or what went wrong on the way there."""
    (room / "footfall.toml").write_text(CONFIG)
    driven: dict[str, Generator[None, Stored, None] | Exception] = {}
    with (
        running(room / "data", "--config", str(room / "footfall.toml"), sites=()) as house,
        website() as web,
        tabs(room / "profile") as plain,
    ):
        lab = Lab(browser, plain, house, web)
        for name, drive in features.items():
            run = drive(lab)
            try:
                next(run)
                driven[name] = run
            except Exception as problem:
                driven[name] = problem
        house.stop()
        (found,) = rows(house.data, f"SELECT {', '.join(COLUMNS)} FROM events ORDER BY received, sequence")
    return driven, Stored([dict(zip(COLUMNS, row, strict=True)) for row in found]), lab.problems


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FEATURES)
def test_feature(name: str, journey: Journey) -> None:
    judge(name, journey)


def judge(name: str, journey: Journey) -> None:
    """Let a feature look at its rows."""
    driven, stored, _ = journey
    run = driven[name]
    if isinstance(run, Exception):
        raise run
    with pytest.raises(StopIteration):
        run.send(stored)


def test_no_error_reached_a_page(journey: Journey) -> None:
    assert journey[2] == []
