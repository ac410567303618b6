"""The engineers' page: signed in only, computed by what was handed in, and what was tried is in no address."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from starlette.exceptions import StarletteDeprecationWarning
from starlette.types import Scope

from collector.enrich.geo import GeoDatabase
from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.stats.report import Reports
from dashboards.web.engineers import PATH, Compared, Sent
from footfall.preview import comparer
from footfall.settings import load

with warnings.catch_warnings():
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from starlette.testclient import TestClient

pytestmark = pytest.mark.clickhouse
AGENT = "Mozilla/5.0 (X11; Linux x86_64; rv:142.0) Gecko/20100101 Firefox/142.0"
FORM = {"url": "https://shop.example/u/anna@example.org?utm_term=shoes", "referrer": "https://r.example/from/here"}


def page(reports: Reports, accounts: Accounts, compare: Any) -> TestClient:
    app = create_app(reports, accounts, compare=compare)
    headers = {"sec-fetch-site": "same-origin", "user-agent": AGENT, "accept-language": "de-AT"}
    return TestClient(app, follow_redirects=False, headers=headers, client=("203.0.113.77", 1))


@pytest.fixture
def engineer(reports: Reports, accounts: Accounts) -> Iterator[TestClient]:
    """Signed in, at a page that compares with the real presets."""
    [key] = reports.sites
    settings = load(sets=(f'sites=[{{key="{key}", anonymization={{referrer="path"}}}}]',), environment={})
    with page(reports, accounts, comparer(lambda: settings, GeoDatabase(None))) as browser:
        browser.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
        yield browser


def test_nobody_sees_it_without_a_session(reports: Reports, accounts: Accounts) -> None:
    def never(scope: Scope, form: Mapping[str, str]) -> Compared:
        raise AssertionError("computed for a stranger")

    with page(reports, accounts, never) as stranger:
        for answer in (stranger.get(PATH), stranger.post(PATH, data=FORM)):
            assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in?next=%2Fengineers%2Frequest")


def test_without_a_function_there_is_no_page_and_no_link(client: TestClient, rollups: Any) -> None:
    assert client.get(PATH).status_code == 404
    assert PATH not in client.get("/account").text


def test_the_top_bar_leads_to_it(engineer: TestClient) -> None:
    assert f'<a href="{PATH}">What is stored</a>' in engineer.get("/account").text


def test_it_shows_the_request_that_asks_preset_by_preset(engineer: TestClient) -> None:
    answer = engineer.get(PATH)
    assert answer.headers["cache-control"] == "no-store"
    for text in ("203.0.113.77", AGENT, "de-AT", "strict", "balanced", "accurate", "as set (balanced)"):
        assert text in answer.text, text
    # Only `accurate` stores the network.
    assert answer.text.count("<td>203.0.113.0</td>") == 1


def test_another_url_is_tried_by_post_so_that_it_stands_in_no_address(engineer: TestClient, rollups: Any) -> None:
    text = engineer.post(PATH, data=FORM).text
    assert text.count("<td>/u/:email</td>") == 4
    assert text.count("<td>shoes</td>") == 3
    assert text.count("<td>r.example/from/here</td>") == 1
    # The settings of one site: the last column follows them.
    text = engineer.post(PATH, data=FORM | {"site": rollups.site.key}).text
    assert text.count("<td>r.example/from/here</td>") == 2
    assert 'method="post"' in text


def test_a_write_from_elsewhere_is_refused(engineer: TestClient) -> None:
    assert engineer.post(PATH, data=FORM, headers={"sec-fetch-site": "cross-site"}).status_code == 403


def test_signals_have_a_row_and_change_no_other(engineer: TestClient) -> None:
    plain = engineer.get(PATH).text
    told = engineer.get(PATH, headers={"sec-gpc": "1"}).text
    assert "sec-gpc: 1" in told
    assert told.count("<td>count_only</td>") == 3
    assert told.count("<td>gpc</td>") == 1
    assert told.count("<td>203.0.113.0</td>") == plain.count("<td>203.0.113.0</td>")


def test_hostile_values_are_text(reports: Reports, accounts: Accounts) -> None:
    hostile = "<script>alert(1)</script>"

    def echo(scope: Scope, form: Mapping[str, str]) -> Compared:
        return Compared((hostile,), (Sent(hostile, form["url"], ((hostile, (hostile,)),)),))

    with page(reports, accounts, echo) as browser:
        browser.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
        text = browser.post(PATH, data={"url": hostile}).text
    assert hostile not in text
    assert "&lt;script&gt;alert(1)" in text
