"""Trackers of other products, as their makers publish them, pointed at us: what is stored of what they send.

Each visit and each program runs unchanged files of npm packages; then the house is stopped and `events` is read once.
"""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import tarfile
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.pages import Website, website
from tests.house import AGENT, Running, rows, running

pytestmark = pytest.mark.process

HERE = Path(__file__).parent / "published"
PACKAGES = HERE / "node_modules"
# The whole of Umami is one package with some hundred others that it needs; its script needs none of them.
UMAMI = "umami@2.10.0"
UMAMI_SHA512 = "+lmrnV0751R6U2rkIgVAlE1nWI7yZawlMlJDguW9tlFacCKhnGeCyc7tCMIhNNYIiGIQy4DEX5IzJhm4b3+dPA=="
UMAMI_SCRIPT = "package/src/tracker/index.js"
WEBSITE_ID = "94db1cb1-74f4-4a40-ad6c-962362670409"
CONFIG = f"""
demo = false
[[sites]]
key = "shop"
ids = ["{WEBSITE_ID}", "7"]
count_automated = true
"""
COLUMNS = (
    *("name", "hostname", "path", "query", "referrer", "props", "currency", "amount", "interactive"),
    *("engaged_ms", "scroll", "ttfb", "screen", "visitor"),
)
# Longer than any of the trackers waits before it sends.
PAUSE_MS = 700

Row = dict[str, Any]


def npm(*arguments: str) -> None:
    """An npm command here; without npm there is nothing to test, which is no reason to say that all is well."""
    done = subprocess.run(["npm", *arguments], cwd=HERE, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


@pytest.fixture(scope="module")
def umami_script() -> str:
    """Umami's script out of its package, installing all packages where that has not been done yet."""
    installed, wanted = PACKAGES / ".package-lock.json", HERE / "package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < wanted.stat().st_mtime:
        npm("ci", "--silent")
        installed.touch()
    packed = PACKAGES / f"{UMAMI.replace('@', '-')}.tgz"
    if not packed.exists():
        npm("pack", "--silent", "--pack-destination", str(PACKAGES), UMAMI)
    assert base64.b64encode(hashlib.sha512(packed.read_bytes()).digest()).decode() == UMAMI_SHA512
    with tarfile.open(packed) as package:
        script = package.extractfile(UMAMI_SCRIPT)
        assert script is not None
        return script.read().decode()


class Stored:
    """The rows by the first folder of their paths, in the order of their arrival."""

    def __init__(self, found: list[Row]) -> None:
        self._found = found

    def __call__(self, folder: str, *names: str) -> list[Row]:
        return [
            row
            for row in self._found
            if row["path"].split("/")[1] == folder and (row["name"] in names if names else row["name"] != "engagement")
        ]


@pytest.fixture(scope="module")
def stored(browser: Browser, umami_script: str, tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """What is stored once everything below has been driven."""
    folder = tmp_path_factory.mktemp("published")
    config = folder / "footfall.toml"
    config.write_text(CONFIG)
    with running(folder / "data", "--config", str(config), sites=()) as house, website() as web:
        web.add("/plausible.js", (PACKAGES / "@plausible-analytics/tracker/plausible.js").read_text())
        web.add("/umami.js", umami_script)
        visit_with_plausible(browser, house, web)
        visit_with_umami(browser, house, web)
        visit_without_scripts(browser, house, web)
        run_umami_node(house)
        run_matomo_tracker(house)
        house.stop()
    columns = ", ".join(COLUMNS)
    (found,) = rows(folder / "data", f"SELECT {columns} FROM events WHERE site = 'shop' ORDER BY received, sequence")
    return Stored([dict(zip(COLUMNS, row, strict=True)) for row in found])


def beacons(page: Page, path: str) -> list[int]:
    """The statuses of the answers that the page gets from now on."""
    seen: list[int] = []
    page.on("response", lambda response: seen.append(response.status) if response.url.endswith(path) else None)
    return seen


# -- Plausible -----------------------------------------------------------------------------------------------------


def visit_with_plausible(browser: Browser, house: Running, web: Website) -> None:
    """A visit to a page that has @plausible-analytics/tracker."""
    start = (
        "<script type='module'>import { init, track } from '/plausible.js'; init({"
        f"domain: 'shop', endpoint: '{house.told['collector']}/api/event', captureOnLocalhost: true,"
        "outboundLinks: true, fileDownloads: true, formSubmissions: true,"
        "customProperties: { theme: 'dark' } }); window.track = track</script>"
    )
    body = (
        "<a id='out' href='https://out.invalid/there?a=1' target='_self'>out</a>"
        "<a id='file' href='/plausible-files/list.pdf?x=1'>file</a>"
        "<button id='buy' class='plausible-event-name=Buy plausible-event-size=large "
        "plausible-revenue-amount=9.90 plausible-revenue-currency=EUR'>buy</button>"
        "<form id='form' onsubmit='return false'><input><button>send</button></form><p style='height:4000px'>"
    )
    address = web.page("/plausible/first", start, body)
    context = browser.new_context()
    context.route("https://out.invalid/**", lambda route: route.fulfill(status=204))
    page = context.new_page()
    statuses = beacons(page, "/api/event")
    page.goto(f"{address}?utm_source=letter&secret=1", referer="https://news.example/story")
    page.wait_for_timeout(PAUSE_MS)
    page.evaluate(
        "new Promise((done) => track('signup', { props: { plan: 'pro' }, revenue: { currency: 'USD', amount: 12.5 },"
        "interactive: false, callback: (said) => { window.said = said; done() } }))"
    )
    assert page.evaluate("said") == {"status": 202}
    page.click("#buy")
    page.click("#form button")
    page.click("#out")
    page.click("#file")
    page.goto(f"{address}")
    page.evaluate("scrollTo(0, 2000)")
    page.wait_for_timeout(PAUSE_MS)
    page.evaluate("history.pushState(null, '', '/plausible/second')")
    page.wait_for_timeout(3200)
    page.goto("about:blank")
    page.wait_for_timeout(PAUSE_MS)
    context.close()
    assert set(statuses) == {202}


def test_plausible_page_views(stored: Stored) -> None:
    first, again, second = stored("plausible", "pageview")
    assert (first["path"], first["hostname"], first["query"]) == ("/plausible/first", "localhost", "utm_source=letter")
    assert first["referrer"] == "news.example"
    assert [again["path"], second["path"]] == ["/plausible/first", "/plausible/second"]
    assert {row["props"]["theme"] for row in stored("plausible", "pageview")} == {"dark"}


def test_plausible_events_with_their_properties_and_revenue(stored: Stored) -> None:
    (signup,) = stored("plausible", "signup")
    assert (signup["props"], signup["interactive"]) == ({"plan": "pro", "theme": "dark"}, False)
    assert (signup["currency"], signup["amount"]) == ("USD", 1250)
    (buy,) = stored("plausible", "Buy")
    assert (buy["props"]["size"], buy["currency"], buy["amount"]) == ("large", "EUR", 990)
    assert len(stored("plausible", "Form: Submission")) == 1
    (out,) = stored("plausible", "Outbound Link: Click")
    assert out["props"]["url"] == "https://out.invalid/there?a=1"
    (file,) = stored("plausible", "File Download")
    assert file["props"]["url"].endswith("/plausible-files/list.pdf")


def test_plausible_engagement(stored: Stored) -> None:
    reports = stored("plausible", "engagement")
    assert {row["path"] for row in reports} == {"/plausible/first", "/plausible/second"}
    assert any(row["path"] == "/plausible/first" and 40 <= row["scroll"] <= 90 for row in reports)
    assert any(row["path"] == "/plausible/second" and row["engaged_ms"] >= 3000 for row in reports)


# -- Umami ---------------------------------------------------------------------------------------------------------


def visit_with_umami(browser: Browser, house: Running, web: Website) -> None:
    """A visit to a page that has the script of the package `umami`."""
    collector = house.told["collector"]
    tag = f"<script async src='/umami.js' data-website-id='{WEBSITE_ID}' data-host-url='{collector}'></script>"
    body = "<button id='buy' data-umami-event='Buy' data-umami-event-size='large'>buy</button>"
    address = web.page("/umami/first", tag, body)
    context = browser.new_context(viewport={"width": 1280, "height": 900}, screen={"width": 1280, "height": 900})
    page = context.new_page()
    sent: list[str | None] = []
    page.on(
        "request",
        lambda request: (
            sent.append(request.headers.get("x-umami-cache"))
            if request.url.endswith("/api/send") and request.method == "POST"
            else None
        ),
    )
    statuses = beacons(page, "/api/send")
    page.goto(f"{address}?utm_source=letter", referer="https://news.example/story")
    page.wait_for_timeout(PAUSE_MS)
    page.evaluate("umami.track('signup', { plan: 'pro', seats: 3 })")
    page.wait_for_timeout(PAUSE_MS)
    page.evaluate("umami.identify({ name: 'anna' })")
    page.wait_for_timeout(PAUSE_MS)
    page.click("#buy")
    page.evaluate("history.pushState(null, '', '/umami/second')")
    page.wait_for_timeout(PAUSE_MS)
    page.evaluate("umami.track((data) => ({ ...data, url: '/umami/third' }))")
    page.wait_for_timeout(PAUSE_MS)
    context.close()
    assert set(statuses) <= {200, 204}
    # The first has nothing to send back yet; that the others are let through is the preflight's doing.
    assert sent[0] is None
    assert all(json.loads(text or "")["cache"] == "footfall" for text in sent[1:])
    assert len(sent) == 6


def test_umami_page_views(stored: Stored) -> None:
    first, second, third = stored("umami", "pageview")
    assert (first["path"], first["hostname"], first["query"]) == ("/umami/first", "localhost", "utm_source=letter")
    assert (first["referrer"], first["screen"]) == ("news.example", second["screen"])
    assert first["screen"]
    assert [second["path"], third["path"]] == ["/umami/second", "/umami/third"]
    assert len({row["visitor"] for row in stored("umami")}) == 1


def test_umami_events_with_their_data(stored: Stored) -> None:
    assert [row["name"] for row in stored("umami")] == ["pageview", "signup", "Buy", "pageview", "pageview"]
    assert stored("umami", "signup")[0]["props"] == {"plan": "pro", "seats": "3"}
    assert stored("umami", "Buy")[0]["props"] == {"size": "large"}


def test_umami_identities_are_nowhere(stored: Stored) -> None:
    assert not any("anna" in str(row) for row in (*stored("umami"), *stored("umami-node")))


# -- programs ------------------------------------------------------------------------------------------------------


def node(program: str, *arguments: str) -> Any:
    """What a program in Node.js says, which finds the packages."""
    done = subprocess.run(
        ["node", "--input-type=module", "-", *arguments],
        cwd=HERE,
        input=program,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def run_umami_node(house: Running) -> None:
    """A server with @umami/node; an agent that is a browser's, by the package's own option."""
    program = """
        import { Umami } from '@umami/node'
        const [hostUrl, websiteId, userAgent] = process.argv.slice(2)
        const umami = new Umami({ hostUrl, websiteId, userAgent })
        const answers = [
            await umami.track({ url: '/umami-node/first', hostname: 'shop.example', screen: '390x844' }),
            await umami.track({ url: '/umami-node/first', name: 'signup', data: { plan: 'pro', seat: { row: 3 } } }),
            await umami.identify({ name: 'anna' }),
            await new Umami({ hostUrl, websiteId: 'unknown' }).track({ url: '/umami-node/lost' }),
        ]
        console.log(JSON.stringify(answers.map((answer) => answer.status)))
    """
    assert node(program, house.told["collector"], WEBSITE_ID, AGENT.format(120)) == [200, 200, 200, 400]


def test_umami_node(stored: Stored) -> None:
    view, signup = stored("umami-node")
    assert (view["name"], view["hostname"], view["path"]) == ("pageview", "shop.example", "/umami-node/first")
    assert (signup["name"], signup["props"]) == ("signup", {"plan": "pro", "seat.row": "3"})


def run_matomo_tracker(house: Running) -> None:
    """A server with matomo-tracker."""
    program = """
        import { once } from 'node:events'
        import MatomoTracker from 'matomo-tracker'
        const [address] = process.argv.slice(2)
        const url = 'https://shop.example/matomo/first'
        const matomo = new MatomoTracker(7, address + '/matomo.php')
        matomo.on('error', (problem) => { console.error(problem); process.exit(1) })
        matomo.track({ url, action_name: 'A title', urlref: 'https://news.example/story', res: '390x844', uid: 'anna' })
        const said = await new Promise((done) => matomo.trackBulk([
            { url, e_c: 'Video', e_a: 'play', e_n: 'Intro', e_v: 2, cdt: 5 },
            { url, idgoal: 3, revenue: 9.9, currency: 'EUR' },
            { url, ping: 1 },
            { url: 'javascript:void(0)' },
        ], done))
        const wrong = new MatomoTracker(99, address + '/piwik.php')
        const refused = once(wrong, 'error')
        wrong.track(url)
        const [status] = await refused
        console.log(JSON.stringify([JSON.parse(said), status]))
    """
    said, status = node(program, house.told["collector"])
    assert said == {"status": "success", "tracked": 3, "invalid": 1}
    assert status == 400


def test_matomo_tracker(stored: Stored) -> None:
    by_name = {row["name"]: row for row in stored("matomo")}
    assert set(by_name) == {"pageview", "play", "Goal 3"}
    assert (by_name["pageview"]["referrer"], by_name["pageview"]["props"]) == ("news.example", {})
    assert by_name["play"]["props"] == {"category": "Video", "name": "Intro", "value": "2"}
    assert (by_name["Goal 3"]["currency"], by_name["Goal 3"]["amount"]) == ("EUR", 990)


# -- no script at all ----------------------------------------------------------------------------------------------


def visit_without_scripts(browser: Browser, house: Running, web: Website) -> None:
    """Pages with the pictures of ours, of GoatCounter and of Matomo, in a browser that runs no script."""
    collector = house.told["collector"]
    pictures = {
        "ours": f"{collector}/pixel.gif?d=shop&u=https%3A%2F%2Fshop.example%2Fpixel%2Fours",
        "goat": f"{collector}/count?p=/pixel/goat",
        "named-goat": f"{collector}/count/shop?p=/pixel/named-goat",
        "matomo": f"{collector}/matomo.php?idsite=7&rec=1",
    }
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    for name, source in pictures.items():
        head = "<meta name='referrer' content='no-referrer-when-downgrade'>"
        page.goto(web.page(f"/pixel/{name}", "", f"<noscript><img src='{source}' alt='there'></noscript>", head))
        expect(page.locator("img")).to_have_js_property("naturalWidth", 1)
    context.close()


def test_pictures(stored: Stored) -> None:
    assert [(row["name"], row["hostname"], row["path"]) for row in stored("pixel")] == [
        ("pageview", "shop.example", "/pixel/ours"),
        ("pageview", "localhost", "/pixel/goat"),
        ("pageview", "localhost", "/pixel/named-goat"),
        ("pageview", "localhost", "/pixel/matomo"),
    ]
