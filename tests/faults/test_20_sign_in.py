"""Fault 20: at a real house nobody learns from an answer or its time whether a name exists, guesses a password, acts
through a page of his own, or gets the dashboard into a frame of his.

Which headers make a write our own, one by one: tests/dashboards/test_pages.py; the counters: test_access.py there.
"""

from __future__ import annotations

import re
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest
from argon2 import PasswordHasher
from playwright.sync_api import Browser, BrowserContext

from dashboards.accounts.accounts import Accounts
from dashboards.accounts.failures import FAILURE_WINDOW_S, FAILURES_OF_A_NAME
from tests.browser.conftest import chromium
from tests.browser.pages import Website, website
from tests.house import Running, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

NAME, PASSWORD = "ada", "correct horse battery"
OURS = {"sec-fetch-site": "same-origin"}


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    proxy = ("--set", 'collector.trusted_proxies=["127.0.0.1/32"]')
    with running(tmp_path_factory.mktemp("house") / "data", *proxy) as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as launched:
        yield launched


@pytest.fixture(scope="module")
def session(browser: Browser, house: Running) -> Iterator[BrowserContext]:
    """A browser that is signed in as somebody with a password."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(house.told["sign_in"])
    page.goto(f"{house.told['dashboards']}/account")
    page.fill("[name=name]", NAME)
    page.fill("[name=password]", PASSWORD)
    page.click("main button")
    assert page.url.endswith("/account?saved")
    page.close()
    yield context
    context.close()


@pytest.fixture
def attacker() -> Iterator[Website]:
    with website() as site:
        yield site


@pytest.fixture(params=["127.0.0.1", "localhost"], ids=["another site", "another port of our own host"])
def evil(request: pytest.FixtureRequest, attacker: Website) -> Callable[[str], str]:
    """An attacker's page with that body: its address. On our own host it gets the session's cookie sent along."""

    def put(body: str) -> str:
        attacker.page("/evil", "", body)
        return f"http://{request.param}:{attacker.origin.rpartition(':')[2]}/evil"

    return put


def signed_in(session: BrowserContext, house: Running) -> bool:
    return session.request.get(f"{house.told['dashboards']}/api/sites").status == 200


# -- forged requests -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "fields"),
    [
        ("/sign-out", {}),
        ("/account", {"name": NAME, "password": "the attacker's own", "current": PASSWORD}),
        ("/sign-in", {"name": "the attacker", "password": "the attacker's own"}),
    ],
)
def test_a_form_on_a_page_of_somebody_else_is_refused(
    session: BrowserContext, house: Running, evil: Callable[[str], str], path: str, fields: dict[str, str]
) -> None:
    inputs = "".join(f'<input type="hidden" name="{name}" value="{value}">' for name, value in fields.items())
    target = f"{house.told['dashboards']}{path}"
    page = session.new_page()
    page.goto(evil(f'<form method="post" action="{target}">{inputs}<button>You have won</button></form>'))
    with page.expect_response(lambda answer: answer.request.method == "POST") as answered:
        page.click("button")
    assert answered.value.status == 403
    page.close()
    assert signed_in(session, house)


def test_a_script_on_a_page_of_somebody_else_changes_nothing_and_reads_nothing(
    session: BrowserContext, house: Running, evil: Callable[[str], str]
) -> None:
    page = session.new_page()
    page.goto(evil(""))
    ours = house.told["dashboards"]
    for path, options in (
        ("/sign-out", "{method: 'POST', credentials: 'include', mode: 'no-cors'}"),
        ("/api/sites", "{credentials: 'include'}"),
        ("/api/sites/example.com/stats.csv", "{credentials: 'include'}"),
    ):
        read = page.evaluate(f"fetch('{ours}{path}', {options}).then(a => a.text()).catch(() => 'refused')")
        assert read in ("refused", ""), path
    page.close()
    assert signed_in(session, house)


# -- frames --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("tag", ['<iframe src="{}"></iframe>', '<object data="{}"></object>', '<embed src="{}">'])
def test_a_page_that_frames_the_dashboard_gets_nothing(
    session: BrowserContext, house: Running, attacker: Website, evil: Callable[[str], str], tag: str
) -> None:
    page = session.new_page()
    said: list[str] = []
    page.on("console", lambda message: said.append(message.text))

    def framed(address: str) -> str:
        """All the text in frames of the attacker's page."""
        page.goto(evil(tag.format(address)), wait_until="networkidle")
        return " ".join(frame.locator("body").inner_text() for frame in page.frames[1:])

    assert "A page" in framed(attacker.page("/framed", "")), "nothing is ever seen in a frame"
    for path in ("/sites/example.com", "/account", "/sign-in"):
        text = framed(house.told["dashboards"] + path)
        assert not any(word in text for word in ("Footfall", "Sign", "Visitors", "Password")), text
    # Of the other two tags Chromium says nothing.
    assert tag[1:7] != "iframe" or any("frame-ancestors" in one for one in said), said
    page.close()


# -- guessing ------------------------------------------------------------------------------------------------------


def test_a_wrong_password_takes_as_long_whether_or_not_the_name_exists(tmp_path: Path) -> None:
    now = [1_750_000_000.0]
    # A quarter of what a password costs by default, which is long beside all else.
    hasher = PasswordHasher(time_cost=1, memory_cost=49_152, parallelism=1)
    accounts = Accounts(tmp_path / "accounts.sqlite", clock=lambda: now[0], hasher=hasher)
    session = accounts.redeem(accounts.create_sign_in_link_token())
    assert session
    accounts.set_password(session, NAME, PASSWORD)

    def took(name: str) -> float:
        now[0] += FAILURE_WINDOW_S  # or it would be refused before anything is looked up
        # The processor's time: what others do on this machine does not count.
        started = time.process_time()
        assert accounts.sign_in(name, "wrong wrong wrong") is None
        return time.process_time() - started

    known, unknown = list[float](), list[float]()
    for number in range(16):
        pair = [(known, NAME), (unknown, f"nobody{number}")]
        for times, name in pair if number % 2 else reversed(pair):
            times.append(took(name))
    accounts.close()
    assert 0.8 < statistics.median(known) / statistics.median(unknown) < 1.25
    # Where both are the same, one of them is slower in every pair once in 30,000 runs.
    slower = sum(one > other for one, other in zip(known, unknown, strict=True))
    assert 0 < slower < 16


def test_guessing_is_told_nothing_and_stopped_and_shuts_nobody_out(house: Running, session: BrowserContext) -> None:
    far, near = ({"x-forwarded-for": address} for address in ("198.51.100.7", "203.0.113.5"))
    with httpx.Client(base_url=house.told["dashboards"], headers=OURS | far) as guesser:
        # As in a browser: the form comes first, and with it the cookie that its token is bound to.
        guesser.get("/sign-in")

        def guess(name: str, password: str = "wrong wrong wrong") -> httpx.Response:
            answer = guesser.post("/sign-in", data={"name": name, "password": password})
            assert "set-cookie" not in answer.headers
            return answer

        for number in range(FAILURES_OF_A_NAME):
            known, unknown = guess(NAME), guess("bob")
            assert (known.status_code, unknown.status_code) == (401, 401), number
            # The token of the form is another one each time (dashboards/accounts/form_token.py).
            shown = [re.sub("[0-9a-f]{128}", "", answer.text) for answer in (known, unknown)]
            assert shown[0].replace(NAME, "…") == shown[1].replace("bob", "…")
        # Now not even the right one is looked at, and that a name is closed does not say that it exists.
        for name, password in ((NAME, PASSWORD), ("bob", PASSWORD)):
            closed = guess(name, password)
            assert closed.status_code == 429
            assert 0 < int(closed.headers["retry-after"]) <= FAILURE_WINDOW_S
        # Another machine of his network is no other network; a header that he writes himself makes none.
        for told in ("198.51.100.99", "203.0.113.5, 198.51.100.7"):
            assert guesser.post("/sign-in", data={"name": NAME}, headers={"x-forwarded-for": told}).status_code == 429
    with httpx.Client(base_url=house.told["dashboards"], headers=OURS | near) as owner:
        assert owner.post("/sign-in", data={"name": NAME, "password": PASSWORD}).status_code == 303
    # Who is in stays in, and the operator has a way in.
    assert signed_in(session, house)
    link = next(word for word in house.command("sign-in").stdout.split() if word.startswith("http"))
    with httpx.Client() as operator:
        assert operator.get(link).status_code == 303
        assert operator.get(f"{house.told['dashboards']}/api/sites").status_code == 200
