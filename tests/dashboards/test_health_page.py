"""The health page: signed in only, out of the way of marketing, text is text, the worst comes first."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import pytest
from starlette.exceptions import StarletteDeprecationWarning

from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.stats.report import Reports
from dashboards.web.engineers import HEALTH_PATH, Checked, Health

with warnings.catch_warnings():
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from starlette.testclient import TestClient

pytestmark = pytest.mark.clickhouse


def page(reports: Reports, accounts: Accounts, health: Health | None, sign_in: bool = True) -> TestClient:
    browser = TestClient(create_app(reports, accounts, health=health), follow_redirects=False)
    browser.headers["sec-fetch-site"] = "same-origin"
    if sign_in:
        browser.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
    return browser


def test_nobody_is_told_without_a_session(reports: Reports, accounts: Accounts) -> None:
    def never() -> Sequence[Checked]:
        raise AssertionError("looked at for a stranger")

    stranger = page(reports, accounts, never, sign_in=False)
    assert stranger.get(HEALTH_PATH).headers["location"] == "/sign-in?next=%2Fengineers%2Fhealth"


def test_without_a_function_there_is_no_page_and_no_link(reports: Reports, accounts: Accounts) -> None:
    browser = page(reports, accounts, None)
    assert browser.get(HEALTH_PATH).status_code == 404
    assert HEALTH_PATH not in browser.get("/account").text


def test_what_needs_somebody_comes_first_with_what_to_do(reports: Reports, accounts: Accounts) -> None:
    told = [Checked("store", "ok", "answers", ""), Checked("disk", "bad", "<b>full</b>", "make room")]
    browser = page(reports, accounts, lambda: told)
    text = browser.get(HEALTH_PATH).text
    assert text.index("&lt;b&gt;full&lt;/b&gt;") < text.index("make room") < text.index("answers")
    assert "1 of 2 checks needs somebody" in text
    told.pop()
    assert "All is well: 1 check." in browser.get(HEALTH_PATH).text
    assert f'href="{HEALTH_PATH}"' in browser.get("/account").text
