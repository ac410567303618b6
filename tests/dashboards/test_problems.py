"""Rules of error pages: the right status, the reason, a remedy, and the way on; JSON below /api."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.stats.report import Reports
from dashboards.web.engineers import PATH
from schema.site import Site
from schema.store import StoreDown

pytestmark = pytest.mark.clickhouse


def down(*arguments: Any, **more: Any) -> None:
    raise StoreDown("http://user@secret-host:8123: refused")


def broken(*arguments: Any, **more: Any) -> None:
    raise RuntimeError("the inside")


@pytest.fixture
def two(reports: Reports, accounts: Accounts, rollups: Any) -> Any:
    """Signed in, where there are two sites; a defect is answered, not raised."""
    other = Site("other.example", timezone="UTC")
    both = Reports(rollups.store, [rollups.site, other], clock=reports._clock)
    app = create_app(both, accounts, compare=broken)
    headers = {"sec-fetch-site": "same-origin"}
    with TestClient(app, follow_redirects=False, raise_server_exceptions=False, headers=headers) as client:
        client.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
        client.reports = both  # type: ignore[attr-defined]
        yield client


@pytest.mark.parametrize(
    ("path", "status", "reason"),
    [
        ("?period=fortnight", 400, "allowed are today"),
        ("?period=7d&x=1", 400, "not known: allowed are period, from, to"),
        ("?from=2031-06-09&to=2031-06-01", 400, "first day must not be after the last"),
        ("?from=soon", 400, "YYYY-MM-DD"),
        ("/by/colour", 404, "there are"),
        ("/by/colour?period=7d", 404, "There is no table by"),
        ("/more", 404, "mistyped"),
    ],
)
def test_the_site_its_period_and_the_navigation_stay(
    two: TestClient, rollups: Any, path: str, status: int, reason: str
) -> None:
    key = rollups.site.key
    answer = two.get(f"/sites/{key}{path}")
    assert answer.status_code == status
    text = answer.text
    assert reason in text
    kept = "?period=7d" if "period=7d" in path else ""
    for way in (
        f'href="/sites/{key}{kept}"',
        f'href="/sites/{key}?period=30d"',
        'href="/sites/other.example',
        "/account",
    ):
        assert way in text, way
    assert "Sign out" in text


def test_a_table_stays_a_table(two: TestClient, rollups: Any) -> None:
    text = two.get(f"/sites/{rollups.site.key}/by/page?period=week").text
    assert f'href="/sites/{rollups.site.key}/by/page?period=30d"' in text


def test_an_unknown_site_or_page_leads_to_the_sites(two: TestClient, rollups: Any) -> None:
    for path, reason in (
        ("/sites/nowhere", "There is no site"),
        ("/nothing", "mistyped"),
        ("http://testserver//evil.example", ""),
    ):
        answer = two.get(path)
        assert answer.status_code == 404
        assert reason in answer.text
        assert f'href="/sites/{rollups.site.key}"' in answer.text
        assert 'href="/sites/other.example"' in answer.text
        assert 'href="//' not in answer.text


def test_who_is_not_signed_in_is_told_of_no_site(visitor: TestClient, rollups: Any) -> None:
    for path in ("/nothing", f"/sites/{rollups.site.key}/x", "/sign-in/used", "/sign-in?x=1"):
        answer = visitor.get(path)
        assert answer.status_code in (400, 404, 410)
        assert f'"/sites/{rollups.site.key}' not in answer.text
        assert 'href="/"' in answer.text


def test_a_store_that_is_down_keeps_the_way_and_says_when_to_try_again(
    two: TestClient, rollups: Any, monkeypatch: Any
) -> None:
    reports: Reports = two.reports  # type: ignore[attr-defined]
    monkeypatch.setattr(reports, "overview", down)
    monkeypatch.setattr(reports, "default_period", down)
    path = f"/sites/{rollups.site.key}?period=7d"
    for asked in (path, f"/sites/{rollups.site.key}"):
        answer = two.get(asked)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
        assert f'class="button" href="{asked}"' in answer.text
        assert f'href="/sites/{rollups.site.key}?period=30d"' in answer.text
        assert "secret-host" not in answer.text
    assert two.get(f"/api{path.replace('?', '/overview?')}").json()["error"].startswith("The store does not answer")


def test_a_defect_keeps_the_way_and_says_nothing_of_the_inside(two: TestClient, rollups: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(two.reports, "overview", broken)  # type: ignore[attr-defined]
    page = two.get(f"/sites/{rollups.site.key}?period=7d")
    assert page.status_code == 500
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert f'href="/sites/{rollups.site.key}?period=30d"' in page.text
    assert "it was logged" in page.text
    assert "the inside" not in page.text
    answer = two.get(f"/api/sites/{rollups.site.key}/overview?period=7d")
    assert (answer.status_code, answer.json()["code"], list(answer.json())) == (500, "broken", ["error", "code"])
    # Also where nobody can say any more who asks.
    assert two.get(PATH).status_code == 500


def test_a_write_that_is_refused_is_a_page_with_the_remedy(two: TestClient) -> None:
    answer = two.post("/account", headers={"sec-fetch-site": "cross-site"}, data={"name": "x"})
    assert answer.status_code == 403
    assert "dashboards.public_url" in answer.text
    assert answer.headers["content-type"].startswith("text/html")
    assert two.post("/api/sites", headers={"sec-fetch-site": "cross-site"}).json()["error"]


def test_a_method_or_a_form_that_does_not_fit_is_told(two: TestClient, rollups: Any) -> None:
    for method, path in (("POST", f"/sites/{rollups.site.key}"), ("DELETE", "/account"), ("PUT", "/")):
        answer = two.request(method, path)
        assert answer.status_code == 405
        assert answer.headers["allow"]
        assert "does not take what was sent" in answer.text
        assert "Try again" not in answer.text
    assert two.post("/api/sites").status_code == 405
    assert two.post("/api/sites").json().keys() == {"error", "code"}
    large = two.post("/account", content=b"name=" + b"x" * 20_000)
    assert large.status_code == 413
    assert "16384 bytes" in large.text


def test_an_error_page_has_the_period_that_was_asked_for(two: TestClient, rollups: Any, today: dt.date) -> None:
    text = two.get(f"/sites/{rollups.site.key}/by/colour?from={today}&to={today}").text
    assert re.search(rf'href="/sites/{rollups.site.key}\?period=custom&amp;from={today}&amp;to={today}"', text)
