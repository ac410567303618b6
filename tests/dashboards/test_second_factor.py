"""The second factor, by a clock that stands still: codes, their replay, recovery codes, who guesses them; and over HTTP
what a session is opened by, planted with, and ended by."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import BoundedSemaphore
from typing import Any

import pytest
from pyotp import TOTP
from starlette.testclient import TestClient

from dashboards.accounts.accounts import AccountRefused, Accounts, CodeNeeded
from dashboards.accounts.failures import TooManyFailures
from dashboards.accounts.form_token import SESSION_COOKIE
from dashboards.accounts.policy import EVERY_SITE, Role
from dashboards.accounts.second_factor import CHALLENGE_LIVES_S, step_of
from dashboards.app import create_app
from tests.conftest import CHEAP
from tests.dashboards.conftest import Clock

PASSWORD = "correct horse battery"
STEP_S = 30
# RFC 6238, appendix B, the last six digits of each; RFC 4226, appendix D, has the same secret.
SECRET = base64.b32encode(b"12345678901234567890").decode()
PUBLISHED = {1111111109: "081804", 1111111111: "050471", 1234567890: "005924", 2000000000: "279037"}


@pytest.fixture
def accounts(tmp_path: Path, clock: Clock) -> Iterator[Accounts]:
    with closing(Accounts(tmp_path / "accounts.sqlite", 14, clock, CHEAP)) as opened:
        yield opened


@pytest.fixture
def ada(accounts: Accounts) -> int:
    session = accounts.redeem(accounts.create_sign_in_link_token())
    assert session
    accounts.set_password(session, "ada", PASSWORD)
    return accounts.people.named("ada").id


def code_now(accounts: Accounts, clock: Clock, user: int) -> str:
    secret = accounts._db.rows("SELECT secret || proposed FROM users WHERE id = ?", user)[0][0]
    return TOTP(secret).at(clock.now)


@pytest.fixture
def recovery(accounts: Accounts, clock: Clock, ada: int) -> list[str]:
    """Her recovery codes, half a minute after she turned it on."""
    accounts.second.propose(ada)
    codes = accounts.second.turn_on(ada, code_now(accounts, clock, ada))
    clock.now += STEP_S
    return codes


def challenge(accounts: Accounts) -> str:
    with pytest.raises(CodeNeeded) as asked:
        accounts.sign_in("ada", PASSWORD)
    return asked.value.challenge


@pytest.mark.parametrize(("moment", "code"), PUBLISHED.items())
def test_codes_are_those_that_the_standard_publishes(moment: int, code: str) -> None:
    for near in (-STEP_S, 0, STEP_S):
        assert step_of(SECRET, code, moment + near) == moment // STEP_S
    for far in (-2 * STEP_S, 2 * STEP_S):
        assert step_of(SECRET, code, moment + far) == 0
    of_another_script = code.translate({ord("0") + digit: ord("０") + digit for digit in range(10)})
    for none in (code[:-1], "", "\ud800", of_another_script):
        assert step_of(SECRET, none, moment) == 0


def test_after_the_password_a_code_is_asked_for_and_holds_once(
    accounts: Accounts, clock: Clock, ada: int, recovery: list[str]
) -> None:
    asked = challenge(accounts)
    assert accounts.session(asked) is None  # what is between password and code opens nothing
    code = code_now(accounts, clock, ada)
    assert accounts.answer(asked, "000000") is None
    assert accounts.session(accounts.answer(asked, f" {code[:3]} {code[3:]}"))
    assert accounts.answer(asked, code) is None  # the question is answered
    # Within its half minute, and after one later than it.
    assert accounts.answer(challenge(accounts), code) is None
    clock.now += STEP_S
    assert accounts.answer(challenge(accounts), code) is None
    assert accounts.answer(challenge(accounts), code_now(accounts, clock, ada))
    # Nor does the code that turned it on.
    accounts.second.turn_off(ada)
    accounts.second.propose(ada)
    clock.now += STEP_S
    turned_on = code_now(accounts, clock, ada)
    accounts.second.turn_on(ada, turned_on)
    assert accounts.answer(challenge(accounts), turned_on) is None


def test_a_question_for_a_code_ends(accounts: Accounts, clock: Clock, ada: int, recovery: list[str]) -> None:
    asked = challenge(accounts)
    clock.now += CHALLENGE_LIVES_S
    assert accounts.answer(asked, code_now(accounts, clock, ada)) is None
    asked = challenge(accounts)
    accounts.people.reset(ada, second=False)
    assert accounts.answer(asked, code_now(accounts, clock, ada)) is None


def test_each_recovery_code_holds_once_and_only_its_digest_is_kept(
    accounts: Accounts, ada: int, recovery: list[str], tmp_path: Path
) -> None:
    assert len(set(recovery)) == 10
    stored = (tmp_path / "accounts.sqlite").read_bytes()
    assert not [code for code in recovery if code.encode() in stored or code.replace("-", "").encode() in stored]
    assert accounts.answer(challenge(accounts), recovery[0].lower())
    assert accounts.answer(challenge(accounts), recovery[0]) is None
    assert accounts.second.left(ada) == 9
    assert accounts.answer(challenge(accounts), recovery[1])
    assert [one.what for one in accounts.audit.entries()].count("used a recovery code") == 2


def test_ten_wrong_codes_close_it_from_wherever_they_come(
    accounts: Accounts, clock: Clock, ada: int, recovery: list[str]
) -> None:
    for number in range(10):
        # A new question each time, as somebody with the password can ask for.
        assert accounts.answer(challenge(accounts), f"00000{number}") is None
    with pytest.raises(TooManyFailures):
        accounts.answer(challenge(accounts), code_now(accounts, clock, ada))
    clock.now += 601
    assert accounts.answer(challenge(accounts), code_now(accounts, clock, ada))


def test_it_is_turned_on_by_a_code_and_a_reset_forgets_it(accounts: Accounts, clock: Clock, ada: int) -> None:
    secret = accounts.second.propose(ada)
    assert accounts.second.propose(ada) == secret  # or a second tab would undo what the first showed
    with pytest.raises(AccountRefused, match="not the code of now"):
        accounts.second.turn_on(ada, "000000")
    assert accounts.sign_in("ada", PASSWORD)
    accounts.second.turn_on(ada, code_now(accounts, clock, ada))
    accounts.people.reset(ada, second=True)
    assert accounts.sign_in("ada", PASSWORD)
    assert accounts.second.left(ada) == 0


# -- over HTTP -------------------------------------------------------------------------------------------------------


@pytest.fixture
def browser(reports: Any, accounts: Accounts) -> Iterator[TestClient]:
    app = create_app(reports, accounts)
    with TestClient(app, follow_redirects=False, headers={"sec-fetch-site": "same-origin"}) as client:
        yield client


@pytest.mark.clickhouse
def test_it_is_turned_on_and_off_and_asked_for_by_pages(
    browser: TestClient, accounts: Accounts, clock: Clock, ada: int
) -> None:
    browser.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    form = {"current": PASSWORD}
    assert "otpauth://totp/Footfall:ada?secret=" in browser.get("/account/second").text
    assert browser.post("/account/second", data=form | {"code": "000000"}).status_code == 400
    code = code_now(accounts, clock, ada)
    assert browser.post("/account/second", data={"current": "a guess", "code": code}).status_code == 400
    shown = browser.post("/account/second", data=form | {"code": code}).text
    codes = re.findall(r"<code>([A-Z2-7]{4}(?:-[A-Z2-7]{4}){3})</code>", shown)
    assert len(codes) == 10
    assert "otpauth" not in browser.get("/account/second").text
    browser.post("/sign-out")
    clock.now += STEP_S
    asked = browser.post("/sign-in", data={"name": "ada", "password": PASSWORD, "next": "/account"})
    assert "Code of your authenticator" in asked.text
    assert SESSION_COOKIE not in asked.headers.get("set-cookie", "")
    assert browser.get("/account").headers["location"].startswith("/sign-in")
    assert browser.post("/sign-in/code", data={"code": "000000", "next": "/account"}).status_code == 401
    code = code_now(accounts, clock, ada)
    for evil, target in (("/account", "/account"), ("//evil.test", "/")):
        let_in = browser.post("/sign-in/code", data={"code": code, "next": evil})
        assert (let_in.status_code, let_in.headers["location"]) == (303, target)
        code, clock.now = codes[0], clock.now + 1
        browser.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    assert browser.post("/account/second", data=form | {"code": codes[1]}).headers["location"] == "/account/second"
    assert accounts.sign_in("ada", PASSWORD)


@pytest.mark.clickhouse
def test_a_session_that_was_planted_is_not_the_one_that_is_opened(
    browser: TestClient, accounts: Accounts, ada: int
) -> None:
    eve = accounts.redeem(accounts.people.add("eve", Role.VIEWER, EVERY_SITE)) or ""
    for planted in ("a value of the attacker's", eve):
        browser.cookies.set(SESSION_COOKIE, planted)
        assert browser.post("/sign-in", data={"name": "ada", "password": PASSWORD}).status_code == 303
        mine = [cookie.value for cookie in browser.cookies.jar if cookie.name == SESSION_COOKIE]
        assert planted not in [accounts.session(one) and one for one in mine]
        assert accounts.session(planted) is None
        browser.cookies.clear()


@pytest.mark.clickhouse
def test_what_changes_something_is_refused_to_pages_of_others(
    browser: TestClient, accounts: Accounts, ada: int
) -> None:
    browser.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    token = accounts.people.invite(Role.OWNER, EVERY_SITE)
    forged = {"sec-fetch-site": "cross-site"}
    for path in (
        *("/account", "/account/second", "/account/sessions", "/sign-in/code", f"/invitation/{token}"),
        *("/people/invitations", "/people/roles", "/people/removed"),
    ):
        assert (
            browser.post(path, data={"role": "owner", "site": "*", "user": "1"}, headers=forged).status_code == 403
        ), path
    assert len(accounts.people.invitations()) == 1


@pytest.mark.clickhouse
def test_people_are_invited_join_and_are_signed_out_everywhere_by_pages(
    browser: TestClient, accounts: Accounts, ada: int, rollups: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    browser.post("/sign-in", data={"name": "ada", "password": PASSWORD})
    key = rollups.site.key
    answer = browser.post("/people/invitations", data={"role": "viewer", "site": key})
    link = re.search(r"http://testserver(/invitation/[\w-]+)", answer.text)
    assert link
    people = browser.get("/people").text
    assert link[1] not in people
    # Who is removed is gone for good: one click opens the question, a second one answers it.
    removing = re.findall(r"<form[^>]*/people/removed[^>]*>", people)
    assert removing
    assert all(" popover " in form for form in removing), removing
    elsewhere = accounts.sign_in("ada", PASSWORD)
    left = browser.post("/account/sessions", data={})
    assert left.headers["location"] == "/sign-in"
    assert accounts.session(elsewhere) is None
    assert f"viewer of {key}" in browser.get(link[1]).text
    assert browser.post(link[1], data={"name": "ada", "password": PASSWORD}).status_code == 400
    monkeypatch.setattr(accounts.passwords, "waiting", BoundedSemaphore(1))
    with accounts.passwords.in_turn():
        assert browser.post(link[1], data={"name": "bob", "password": PASSWORD}).status_code == 429
    joined = browser.post(link[1], data={"name": "bob", "password": PASSWORD})
    assert (joined.status_code, joined.headers["location"]) == (303, "/")
    assert browser.get(f"/sites/{key}/live").status_code == 200
    assert browser.get("/people").status_code == 403
    for again in (browser.get(link[1]), browser.post(link[1], data={"name": "eve", "password": PASSWORD})):
        assert again.status_code == 410
    assert browser.get("/invitation/guess").status_code == 410
