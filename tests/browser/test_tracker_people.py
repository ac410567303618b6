"""The tracker counts what a person does, once: what is no page view, when attention ends, what a page may say."""

from __future__ import annotations

import time
from collections.abc import Generator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from tests.browser.test_tracker import (
    NEWER,
    PAUSE_MS,
    Feature,
    Journey,
    Lab,
    Stored,
    arrived,
    beacons,
    judge,
    travelled,
)

pytestmark = pytest.mark.process

FEATURES: dict[str, Feature] = {}
MINUTE_MS = 60_000


def feature(drive: Feature) -> Feature:
    FEATURES[drive.__name__] = drive
    return drive


# -- what is a page view -------------------------------------------------------------------------------------------

OLDER = "Object.defineProperty(window, 'navigation', { value: undefined })"
SAME_PAGE = (
    # A search as it is typed, the tags of a campaign tidied away, filters, a map that is moved, a place in the page.
    *(f"history.replaceState(null, '', '?q={'abcde'[: length + 1]}')" for length in range(5)),
    "history.replaceState(null, '', location.pathname)",
    "history.pushState(null, '', '?colour=red&page=2')",
    "history.pushState({ open: true }, '')",
    "location.hash = 'part'",
    "history.back()",
    "history.replaceState(null, '', location.pathname + '/@52.5,13.4,12z')",
    # What comes after is compared with what was replaced.
    "location.hash = 'legend'",
    "history.back()",
    "history.pushState(null, '', '?layer=bus')",
)


@feature
def a_change_of_the_query_or_a_replaced_entry_is_no_page_view(lab: Lab) -> Generator[None, Stored, None]:
    for folder, script, before in (
        ("core", lab.tag("script.core"), ""),
        ("older", lab.tag("script.core"), OLDER),
        ("plausible", lab.tag("plausible"), ""),
        ("manual", lab.tag("script.manual.core"), ""),
    ):
        address = lab.web.page(f"/same/{folder}", script)
        with lab.visitor() as context:
            if before:
                context.add_init_script(before)
            page = context.new_page()
            page.goto(f"{address}?utm_source=letter")
            page.wait_for_timeout(PAUSE_MS)
            if folder == "manual":
                page.evaluate("footfall('pageview')")
            for step in SAME_PAGE:
                page.evaluate(step)
                page.wait_for_timeout(30)
            lab.leave(page)
    stored = yield
    assert sorted(stored.views("same")) == ["/same/core", "/same/manual", "/same/older", "/same/plausible"]


@feature
def a_query_in_the_route_of_the_fragment_is_no_page_view_either(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/fragment", lab.tag("script.hash.core")) as page:
        for step in ("'/list'", "'/list?sort=price'", "'/list?sort=name'", "'/item'"):
            page.evaluate(f"location.hash = {step}")
            page.wait_for_timeout(30)
        page.evaluate("history.pushState(null, '', '?x=1' + location.hash)")
    stored = yield
    assert stored.views("fragment") == ["/fragment", "/fragment#/list", "/fragment#/item"]


@feature
def a_page_says_itself_where_a_parameter_is_a_page(lab: Lab) -> Generator[None, Stored, None]:
    with lab.page("/catalogue", lab.tag("script.core")) as page:
        page.evaluate("history.pushState(null, '', '?utm_content=2'); footfall('pageview')")
    stored = yield
    assert [row["query"] for row in stored("catalogue", "pageview")] == ["", "utm_content=2"]


@feature
def a_route_and_the_way_back_are_page_views(lab: Lab) -> Generator[None, Stored, None]:
    for folder, before in (("newer", ""), ("older", OLDER)):
        address = lab.web.page(f"/ways/{folder}/a", lab.tag("script.core"))
        with lab.visitor() as context:
            if before:
                context.add_init_script(before)
            page = context.new_page()
            page.goto(address)
            page.wait_for_timeout(PAUSE_MS)
            page.evaluate("history.pushState(null, '', 'b')")
            page.evaluate("history.pushState(null, '', 'b?q=1')")
            page.evaluate("history.go(-2)")
            page.wait_for_timeout(100)
            page.evaluate("history.forward()")
            page.wait_for_timeout(100)
            lab.leave(page)
    stored = yield
    for folder in ("newer", "older"):
        found = [path for path in stored.views("ways") if f"/{folder}/" in path]
        assert found == [f"/ways/{folder}/{name}" for name in "abab"]


# -- attention -----------------------------------------------------------------------------------------------------


def _reading(lab: Lab, path: str) -> Any:
    """A visit with a clock that can be moved on."""
    address = lab.web.page(path, lab.tag("script.engagement.core"))
    return lab.visitor(), address


def _open(context: Any, address: str) -> Page:
    page: Page = context.new_page()
    page.clock.install()
    page.goto(address)
    page.clock.run_for(1000)
    return page


def _engaged(sent: list[Any]) -> list[int]:
    flat = [beacon for one in sent for beacon in (one if isinstance(one, list) else [one])]
    return [beacon["e"] for beacon in flat if beacon["n"] == "engagement"]


@feature
def attention_ends_some_minutes_after_the_last_input(lab: Lab) -> Generator[None, Stored, None]:
    visitor, address = _reading(lab, "/overnight")
    with visitor as context:
        page = _open(context, address)
        sent = beacons(page)
        page.clock.run_for(MINUTE_MS)
        page.mouse.move(10, 10)
        page.clock.run_for(600 * MINUTE_MS)
        # Somebody comes back to it for a minute.
        page.keyboard.press("Shift")
        page.clock.run_for(MINUTE_MS)
        page.evaluate("history.pushState(null, '', '/overnight/next')")
        page.clock.run_for(1000)
        total = sum(_engaged(sent))
        assert 7 * MINUTE_MS <= total <= 7.2 * MINUTE_MS
        lab.leave(page)
    yield


@feature
def a_page_that_is_read_for_long_reports_in_between_and_no_view_more_than_an_hour(
    lab: Lab,
) -> Generator[None, Stored, None]:
    visitor, address = _reading(lab, "/long-read")
    with visitor as context:
        page = _open(context, address)
        sent = beacons(page)
        for minute in range(24):
            page.mouse.move(10, 10 + minute % 2)
            page.clock.run_for(4 * MINUTE_MS)
        page.wait_for_timeout(100)
        told = _engaged(sent)
        # Well within the half hour of silence that ends a visit.
        assert len(told) >= 5
        assert max(told) <= 15 * MINUTE_MS
        page.evaluate("history.pushState(null, '', '/long-read/next')")
        page.clock.run_for(1000)
        page.wait_for_timeout(100)
        assert 59 * MINUTE_MS <= sum(_engaged(sent)) <= 60 * MINUTE_MS + 100
        lab.leave(page)
    yield


@feature
def every_kind_of_input_is_attention(lab: Lab) -> Generator[None, Stored, None]:
    address = lab.web.page("/inputs", lab.tag("script.engagement.core"), '<div style="height:9000px">long</div>')
    with lab.visitor() as context:
        page = _open(context, address)
        sent = beacons(page)
        kinds = (
            lambda: page.mouse.move(20, 20),
            lambda: page.mouse.click(30, 30),
            lambda: page.keyboard.press("a"),
            lambda: page.mouse.wheel(0, 50),
            lambda: page.evaluate("scrollBy(0, 100)"),
            lambda: page.evaluate("document.body.dispatchEvent(new Event('touchstart', { bubbles: true }))"),
        )
        for act in kinds:
            act()
            page.wait_for_timeout(60)
            page.clock.run_for(20 * MINUTE_MS)
        page.evaluate("history.pushState(null, '', '/inputs/next')")
        page.clock.run_for(1000)
        page.wait_for_timeout(100)
        assert 5 * len(kinds) * MINUTE_MS <= sum(_engaged(sent)) <= (5 * len(kinds) + 1) * MINUTE_MS
        lab.leave(page)
    yield


# -- tagged elements -----------------------------------------------------------------------------------------------


@feature
def a_form_inside_a_tagged_element_counts_once_when_it_is_sent(lab: Lab) -> Generator[None, Stored, None]:
    form = (
        '<div class="plausible-event-name=Signup plausible-event-place=foot"><p id="text">Join</p>'
        '<form onsubmit="event.preventDefault()"><label id="label">E-mail '
        '<input id="field" name="email" required></label><button id="send">Go</button></form></div>'
    )
    for folder, sends in (
        ("button", lambda page: page.click("#send")),
        ("enter", lambda page: page.press("#field", "Enter")),
    ):
        with lab.page(f"/wrapped/{folder}", body=form) as page:
            page.click("#text")
            page.click("#label")
            page.click("#field")
            sends(page)  # not valid yet
            page.fill("#field", "a@b.example")
            sends(page)
    stored = yield
    assert [(row["path"], row["name"], row["props"]) for row in stored("wrapped") if row["name"] == "Signup"] == [
        (f"/wrapped/{folder}", "Signup", {"place": "foot"}) for folder in ("button", "enter")
    ]


@feature
def a_label_and_its_control_are_one_click(lab: Lab) -> Generator[None, Stored, None]:
    body = '<label id="box" data-footfall-event="agree"><span>Agree</span><input type="checkbox"></label>'
    with lab.page("/label", body=body) as page:
        page.click("#box span")
    stored = yield
    assert stored.names("label") == ["pageview", "agree"]


@feature
def a_link_tagged_by_plausible_s_classes_tells_where_it_leads(lab: Lab) -> Generator[None, Stored, None]:
    body = (
        '<a id="a" class="plausible-event-name=Out" href="https://user.example/path?mail=1#x" '
        'onclick="event.preventDefault()"><b>out</b></a>'
        '<a id="b" class="plausible-event-name=Mail" href="mailto:a@b.example" '
        'onclick="event.preventDefault()">mail</a>'
        '<a id="c" class="plausible-event-name=Own plausible-event-url=mine" href="/x" '
        'onclick="event.preventDefault()">own</a>'
        '<a id="d" data-footfall-event="ours" href="/x" onclick="event.preventDefault()">ours</a>'
    )
    with lab.page("/tagged-links", body=body) as page:
        for name in "abcd":
            page.click(f"#{name}")
    stored = yield
    found = [(row["name"], row["props"]) for row in stored("tagged-links") if row["name"][0] in "OMo"]
    assert found == [
        ("Out", {"url": "https://user.example/path"}),
        ("Mail", {}),
        ("Own", {"url": "mine"}),
        ("ours", {}),
    ]


# -- whose page it is ----------------------------------------------------------------------------------------------


@feature
def without_a_site_in_the_tag_an_event_elsewhere_is_of_the_page_s_host(lab: Lab) -> Generator[None, Stored, None]:
    ours = f'<script defer data-local data-automated src="{lab.source("script")}"></script>'
    newer = f'<script async data-automated src="{lab.source("pa-x")}"></script>' + NEWER.replace(
        "OPTIONS", "{ captureOnLocalhost: true }"
    )
    for folder, tag, word in (("ours", ours, "footfall"), ("newer", newer, "plausible")):
        with lab.page(f"/whose/{folder}", tag) as page:
            sent = beacons(page)
            page.evaluate(f"{word}('paid', {{ url: 'https://elsewhere.example/whose/{folder}/paid' }})")
            arrived(page, sent)
            assert [beacon["d"] for beacon in sent] == ["localhost"]
    stored = yield
    found = [(row["hostname"], row["path"]) for row in stored("whose", "paid", site="here")]
    assert found == [("elsewhere.example", f"/whose/{folder}/paid") for folder in ("ours", "newer")]


@feature
def a_beacon_as_json_and_with_credentials_is_taken_from_another_origin(lab: Lab) -> Generator[None, Stored, None]:
    endpoint = f"{lab.house.told['collector']}/api/event"
    body = "JSON.stringify({ n: NAME, u: location.href, d: 'lab' })"
    with lab.page("/as-json", "<!-- no tracker -->") as page:
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        blob = f"new Blob([{body.replace('NAME', '`beacon`')}], {{ type: 'application/json' }})"
        assert page.evaluate(f"navigator.sendBeacon({endpoint!r}, {blob})") is True
        page.wait_for_timeout(300)
        how = (
            "{ method: 'POST', credentials: 'include', headers: { 'content-type': 'application/json' }, body: BODY }"
        ).replace("BODY", body.replace("NAME", "`fetch`"))
        assert page.evaluate(f"fetch({endpoint!r}, {how}).then((answer) => answer.status)") == 202
        assert said == []
    stored = yield
    assert stored.names("as-json") == ["beacon", "fetch"]


@feature
def a_tag_that_is_a_module_works_or_speaks_up(lab: Lab) -> Generator[None, Stored, None]:
    module = '<script type="module" data-domain="lab" data-local data-automated src="SOURCE"></script>'
    with lab.page("/module/tag", module.replace("SOURCE", lab.source("script"))) as page:
        page.evaluate("footfall('event')")
    address = lab.web.page(
        "/module/import", f'<script type="module">import "{lab.source("script.core.engagement")}"</script>'
    )
    with lab.visitor() as context:
        page = context.new_page()
        said: list[str] = []
        page.on("console", lambda message: said.append(message.text))
        page.goto(address)
        page.wait_for_timeout(PAUSE_MS)
    assert len(said) == 1
    assert "footfall" in said[0]
    stored = yield
    assert stored.names("module") == ["pageview", "event"]


# -- words of a page -----------------------------------------------------------------------------------------------


@feature
def wrong_types_neither_break_the_page_nor_lose_the_event(lab: Lab) -> Generator[None, Stored, None]:
    given = {
        "text": "{ customProperties: 'text', transformRequest: 'text', fileDownloads: { fileExtensions: 'pdf' } }",
        "number": "{ customProperties: 5, transformRequest: 5, fileDownloads: { fileExtensions: 5 } }",
        "list": "{ customProperties: ['a', 'b'], transformRequest: [] }",
        "promise": "{ customProperties: async () => ({ a: 1 }), transformRequest: async (payload) => payload }",
        "back": "{ customProperties: () => 'text', transformRequest: () => true }",
        "throws": "{ customProperties: () => missing.name }",
        "null": "{ customProperties: null, transformRequest: null, fileDownloads: null }",
    }
    tag = f'<script async data-domain="lab" data-automated src="{lab.source("pa-x")}"></script>'
    for folder, options in given.items():
        options = options.replace("{", "{ captureOnLocalhost: true,", 1)
        with lab.page(f"/wrong/{folder}", tag + NEWER.replace("OPTIONS", options)) as page:
            page.evaluate(
                "plausible('none', null); plausible('word', 'word'); plausible('props', { props: 'a', callback: 7 })"
            )
            page.evaluate("footfall('ours', null)")
            assert page.evaluate("plausible.l") is True
    stored = yield
    for folder in given:
        found = [row for row in stored("wrong") if row["path"] == f"/wrong/{folder}" and row["name"] != "engagement"]
        assert [row["name"] for row in found] == ["pageview", "none", "word", "props", "ours"], folder
        assert [row["props"] for row in found] == [{}] * 5, folder


@feature
def the_flag_says_whether_it_runs(lab: Lab) -> Generator[None, Stored, None]:
    late = NEWER.replace("plausible.init(OPTIONS)", "")
    tag = f'<script async data-domain="lab" data-automated src="{lab.source("pa-x")}"></script>'
    with lab.page("/flag/late", tag + late) as page:
        assert page.evaluate("!!plausible.l") is False
        page.evaluate("plausible.init({ captureOnLocalhost: true })")
        assert page.evaluate("plausible.l") is True
    with lab.page("/flag/older", lab.tag("plausible")) as page:
        assert page.evaluate("plausible.l") is True
    yield


@feature
def a_report_has_the_properties_its_page_was_viewed_with(lab: Lab) -> Generator[None, Stored, None]:
    tag = f'<script async data-domain="lab" data-automated src="{lab.source("pa-x")}"></script>'
    options = (
        "{ captureOnLocalhost: true, customProperties: (name) => ({ of: name, at: location.pathname.slice(-1) }) }"
    )
    with lab.page("/viewed/a", tag + NEWER.replace("OPTIONS", options)) as page:
        page.wait_for_timeout(1100)
        page.evaluate("history.pushState(null, '', '/viewed/b')")
        page.wait_for_timeout(1100)
    stored = yield
    # The speed of the page load comes last, by when another view's properties are known.
    found = [(row["path"], row["props"]) for row in stored("viewed", "engagement") if row["engaged_ms"]]
    assert found == [(f"/viewed/{at}", {"of": "pageview", "at": at}) for at in "ab"]


# -- the journey ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def journey(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Journey:
    began = time.monotonic()
    done = travelled(FEATURES, browser, tmp_path_factory.mktemp("people"))
    assert time.monotonic() - began < 300
    return done


@pytest.mark.timeout(600)
@pytest.mark.parametrize("name", FEATURES)
def test_feature(name: str, journey: Journey) -> None:
    judge(name, journey)


def test_no_error_reached_a_page(journey: Journey) -> None:
    assert journey[2] == []
