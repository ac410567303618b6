"""The tracker's core journeys in real Firefox and WebKit, judged by what is stored of them; and the dashboards there:
sign-in, a site's page, a filter, a table in full, what is set, the sheet of keys."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest

from dashboards.accounts.accounts import Accounts
from tests.browser.engines import Engine, firefox, webkit
from tests.browser.pages import Website, website
from tests.browser.test_tracker import COLUMNS, Stored
from tests.conftest import CHEAP
from tests.house import Running, eventually, rows, running

pytestmark = pytest.mark.process

CONFIG = """
[release]
k = 1
[[sites]]
key = "lab"
count_automated = true
[[sites]]
key = "quits"
count_automated = true
"""
# Longer than the tracker gathers what happens, and than it waits for a page that has nothing better to do.
PAUSE_S = 0.8
ENGINES = ("firefox", "webkit")
PERSON, PASSWORD = "ada", "correct horse battery"
# The agent of each engine, or what went wrong in it; the rows; and what each saw of the dashboards.
Journey = tuple[dict[str, str | Exception], Stored, dict[str, dict[str, Any]]]


def _started(name: str, room: Path) -> AbstractContextManager[Engine]:
    return firefox(room) if name == "firefox" else webkit()


def _tag(house: Running, site: str) -> str:
    source = f"{house.told['collector']}/js/script.js"
    return f'<script defer data-domain="{site}" data-local data-automated src="{source}"></script>'


def _visit(engine: Engine, name: str, house: Running, web: Website) -> None:
    """Load, navigate by the History API, act, read, leave."""
    button = '<button data-footfall-event="choose" data-footfall-prop-plan="pro">Choose</button>'
    engine.open(web.page(f"/{name}/a", _tag(house, "lab"), button) + "?utm_source=letter")
    time.sleep(PAUSE_S)
    for step in (f"pushState(null, '', '/{name}/b')", "replaceState(null, '', '?q=a')", "pushState(null, '', '?q=ab')"):
        engine.ask(f"history.{step}")
    engine.ask("footfall('signup', { props: { plan: 'pro' }, revenue: { currency: 'EUR', amount: 9.5 } })")
    engine.press("button")
    time.sleep(1.2)
    engine.ask("history.back()")
    engine.ask("history.go(-1)")
    time.sleep(PAUSE_S)
    engine.open("about:blank")
    time.sleep(PAUSE_S)


def _opt_out(engine: Engine, name: str, house: Running, web: Website) -> None:
    """Say no by the page's button: nothing follows, on the next page neither."""
    button = '<button data-footfall-opt-out="Count me">Do not count me</button>'
    engine.open(web.page(f"/{name}/out", _tag(house, "quits"), button))
    time.sleep(PAUSE_S)
    engine.press("button")
    assert engine.ask("document.querySelector('button').textContent") == "Count me"
    engine.ask("footfall('while out')")
    engine.open(web.page(f"/{name}/out/next", _tag(house, "quits")))
    time.sleep(PAUSE_S)
    engine.ask("footfall('still out')")
    assert engine.ask("localStorage.footfall_ignore") == "true"
    engine.ask("footfall.optIn()")
    assert engine.ask("localStorage.length") == 0
    engine.open("about:blank")
    time.sleep(PAUSE_S)


def _seen(engine: Engine, expression: str) -> Any:
    """What an expression is in the page that comes next, once it is true."""

    def told() -> Any:
        # Between two pages there is none.
        with contextlib.suppress(Exception):
            return engine.ask(f"document.readyState === 'complete' && ({expression})")

    return eventually(told, 180)


def _look(engine: Engine, house: Running) -> dict[str, Any]:
    """What somebody sees who signs in and looks around."""
    base = f"{house.told['dashboards']}/sites/lab"
    text, fits = "document.querySelector('{}')?.textContent", "document.documentElement.scrollWidth <= innerWidth"
    found: dict[str, Any] = {}
    engine.open(f"{base}?period=today")
    for field, value in (("name", PERSON), ("password", PASSWORD)):
        engine.ask(f"document.querySelector('[name={field}]').value = '{value}'")
    engine.press("main button")
    found["site"] = _seen(engine, f"location.pathname === '/sites/lab' && {text.format('h1')}")
    # Nobody looked until now: what came is counted some seconds later, and the page has it by itself.
    _seen(engine, "document.querySelector('#card-pages .keeps') !== null")
    engine.press("#card-pages .keeps")
    found["filter"] = _seen(engine, f"location.search.includes('filter=') && {text.format('.kept')}")
    engine.open(f"{base}/by/page?period=today")
    engine.press("thead a")
    found["table"] = _seen(
        engine, "location.search.includes('order=') && document.querySelector('th[aria-sort]')?.ariaSort"
    )
    found["rows"] = _seen(engine, text.format("tbody"))
    fitted = [engine.ask(fits)]
    for page in ("settings", "privacy", "goals", "acquisition/link"):
        engine.open(f"{base}/{page}?period=today")
        found[page] = _seen(engine, text.format("h1"))
        fitted.append(engine.ask(fits))
    engine.ask("document.body.dispatchEvent(new KeyboardEvent('keydown', { key: '?', bubbles: true }))")
    found["keys"] = _seen(engine, "document.querySelector('#keys').matches(':popover-open')")
    for theme, paper in (("light", "rgb(246, 245, 241)"), ("dark", "rgb(18, 20, 23)")):
        engine.ask(f"document.querySelector('.theme [value={theme}]').click()")
        found[theme] = _seen(engine, f"getComputedStyle(document.body).backgroundColor === '{paper}'")
    return found | {"fits": all(fitted)}


@pytest.fixture(scope="module")
def journey(tmp_path_factory: pytest.TempPathFactory) -> Journey:
    """Both engines on one house, which is stopped before its rows are read."""
    room = tmp_path_factory.mktemp("engines")
    (room / "footfall.toml").write_text(CONFIG)
    driven: dict[str, str | Exception] = {}
    looked: dict[str, dict[str, Any]] = {}
    with running(room / "data", "--config", str(room / "footfall.toml"), sites=()) as house, website() as web:
        _set_password(house)
        for name in ENGINES:
            profile = room / name
            profile.mkdir()
            try:
                with _started(name, profile) as engine:
                    driven[name] = str(engine.ask("navigator.userAgent"))
                    _visit(engine, name, house, web)
                    _opt_out(engine, name, house, web)
                    with _told_apart(looked, name):
                        looked[name] = _look(engine, house)
            except Exception as problem:
                driven[name] = problem
        house.stop()
        (found,) = rows(house.data, f"SELECT {', '.join(COLUMNS)} FROM events ORDER BY received, sequence")
    return driven, Stored([dict(zip(COLUMNS, row, strict=True)) for row in found]), looked


@contextlib.contextmanager
def _told_apart(looked: dict[str, Any], name: str) -> Iterator[None]:
    """What goes wrong in the dashboards is nothing that the tracker did."""
    try:
        yield
    except Exception as problem:
        looked[name] = {"problem": problem}


def _set_password(house: Running) -> None:
    accounts = Accounts(house.data / "accounts.sqlite", hasher=CHEAP)
    first = accounts.redeem(accounts.create_sign_in_link_token())
    assert first
    accounts.set_password(first, PERSON, PASSWORD)
    accounts.close()


@pytest.fixture
def stored(journey: Journey) -> Callable[[str], Stored]:
    def of(name: str) -> Stored:
        went = journey[0][name]
        if isinstance(went, Exception):
            raise went
        return journey[1]

    return of


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("name", "mark"), [("firefox", "Firefox/"), ("webkit", "AppleWebKit/")])
def test_it_is_the_engine_that_its_name_says(journey: Journey, name: str, mark: str) -> None:
    agent = journey[0][name]
    assert not isinstance(agent, Exception), agent
    assert mark in agent
    assert "Chrom" not in agent


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", ENGINES)
class TestIn:
    def test_a_load_and_its_routes_are_views_and_a_query_is_none(
        self, stored: Callable[..., Stored], name: str
    ) -> None:
        views = stored(name)(name, "pageview")
        assert [row["path"] for row in views] == [f"/{name}/a", f"/{name}/b", f"/{name}/a"]
        assert [row["utm_source"] for row in views] == ["letter", "", "letter"]
        assert views[0]["screen"]

    def test_events_are_stored_with_what_they_carry(self, stored: Callable[..., Stored], name: str) -> None:
        signup, choose = (row for row in stored(name)(name) if row["name"] not in ("pageview", "engagement"))
        assert (signup["name"], signup["props"], signup["amount"]) == ("signup", {"plan": "pro"}, 950)
        assert (choose["name"], choose["props"], choose["path"]) == ("choose", {"plan": "pro"}, f"/{name}/b")

    def test_leaving_tells_attention_and_the_speed_of_the_load(self, stored: Callable[..., Stored], name: str) -> None:
        reports = stored(name)(name, "engagement")
        engaged = {row["path"]: row["engaged_ms"] for row in reports if row["engaged_ms"]}
        assert 1000 <= engaged[f"/{name}/b"] <= 20_000
        (measured,) = (row for row in reports if row["ttfb"] >= 0)
        assert measured["path"] == f"/{name}/a"
        assert measured["fcp"] >= measured["ttfb"]

    def test_the_dashboards_are_signed_in_to_filtered_sorted_and_read(self, journey: Journey, name: str) -> None:
        found = journey[2][name]
        assert "problem" not in found, found
        assert "Today" in found["site"]
        assert "Only where" in found["filter"]
        assert found["table"] == "ascending"
        assert f"/{name}/a" in found["rows"]
        titles = {"settings": "Settings", "privacy": "Privacy", "goals": "Goals", "acquisition/link": "Campaign link"}
        assert {page: found[page].startswith(title) for page, title in titles.items()} == dict.fromkeys(titles, True)
        assert (found["keys"], found["fits"]) == (True, True)
        assert (found["light"], found["dark"]) == (True, True)

    def test_after_an_opt_out_nothing_is_stored(self, stored: Callable[..., Stored], name: str) -> None:
        # The view before the word may be gone already: that is what it asks for.
        assert set(stored(name).names(name, "quits")) <= {"pageview"}
        assert f"/{name}/out/next" not in stored(name).views(name, "quits")
