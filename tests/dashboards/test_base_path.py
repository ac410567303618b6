"""The dashboards beneath a path: every address is beneath it, whether a proxy hands it on or takes it away.

By a real browser behind a real nginx: tests/browser/test_dashboards_beneath_a_path.py.
"""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import Any

import pytest
from starlette.routing import Mount, Route
from starlette.testclient import TestClient

from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.settings import OUR_PATHS, DashboardSettings
from dashboards.stats.report import Reports

pytestmark = pytest.mark.clickhouse
BASE = "/z%C3%A4hler/stats"


@pytest.fixture
def beneath(reports: Reports, accounts: Accounts) -> Iterator[TestClient]:
    app = create_app(reports, accounts, DashboardSettings(public_url=f"https://www.example.com{BASE}"))
    with TestClient(app, follow_redirects=False, headers={"sec-fetch-site": "same-origin"}) as client:
        yield client


@pytest.mark.parametrize("handed_on", ["", BASE])
def test_every_address_is_beneath_the_path(
    beneath: TestClient, accounts: Accounts, rollups: Any, today: dt.date, handed_on: str
) -> None:
    rollups.cell(today, visitors=20)
    page = f"{handed_on}/sites/{rollups.site.key}"
    assert beneath.get(page).headers["location"].startswith(f"{BASE}/sign-in?next=%2Fsites%2F")
    form = beneath.get(f"{handed_on}/sign-in")
    assert f"; Path={BASE};" in form.headers["set-cookie"]
    link = beneath.get(f"{handed_on}/sign-in/{accounts.create_sign_in_link_token()}")
    assert link.headers["location"] == f"{BASE}/"
    assert f"; Path={BASE};" in link.headers["set-cookie"]
    # This client knows no path to send it along with, where the proxy took it away.
    session = re.match("footfall_session=([^;]+)", link.headers["set-cookie"])
    assert session
    cookie = {"cookie": session.group(0)}
    root = beneath.get(f"{handed_on}/", headers=cookie)
    assert root.headers["location"] == f"{BASE}/sites/{rollups.site.key}"
    for path in (page, f"{page}/by/page", f"{handed_on}/account", f"{handed_on}/nothing"):
        text = beneath.get(path, headers=cookie).text
        found = re.findall(r'\s(?:href|src|action|data-watch)="([^"#][^"]*)"', text)
        assert found
        assert [address for address in found if not address.startswith(f"{BASE}/")] == [], path
    assert beneath.post(f"{handed_on}/sign-out", headers=cookie).headers["location"] == f"{BASE}/sign-in"


@pytest.mark.parametrize("path", [BASE, f"{BASE}/", "/", f"{BASE}/account/", "/account/"])
def test_a_slash_at_the_end_leads_nowhere_else(beneath: TestClient, path: str) -> None:
    assert beneath.get(path).headers["location"].startswith(f"{BASE}/sign-in")


@pytest.mark.parametrize("path", [f"{BASE}x/account", "/stats/account", f"{BASE}{BASE}/account"])
def test_only_the_path_itself_is_taken_away(beneath: TestClient, path: str) -> None:
    assert beneath.get(path).status_code == 404


@pytest.mark.parametrize(
    ("origin", "status"),
    [
        ("https://www.example.com", 303),
        ("http://www.example.com", 403),
        ("https://www.example.com:8443", 403),
        ("https://example.com", 403),
        ("http://testserver", 303),
    ],
)
def test_a_page_of_the_public_address_is_ours_whatever_host_says(beneath: TestClient, origin: str, status: int) -> None:
    del beneath.headers["sec-fetch-site"]
    assert beneath.post("/sign-out", headers={"origin": origin}).status_code == status


def test_where_no_path_is_set_none_is_taken_away(visitor: TestClient) -> None:
    assert visitor.get(f"{BASE}/sign-in").status_code == 404
    assert visitor.get("/sign-in").status_code == 200


def test_all_our_paths_are_known(reports: Reports, accounts: Accounts) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError

    any_: Any = object()
    app = create_app(reports, accounts, compare=never, why=never, outbox=any_, shares=any_, closed=reports)
    paths = [route.path for route in app.routes if isinstance(route, Route | Mount)]
    assert {path.split("/")[1] for path in paths} - {""} == set(OUR_PATHS)
