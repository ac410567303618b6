"""Rules of query arguments: what an address does not understand it refuses, and says what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from starlette.routing import Route
from starlette.testclient import TestClient

from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.stats.report import Reports
from dashboards.web.engineers import Compared, Told

pytestmark = pytest.mark.clickhouse


@pytest.fixture
def engineer(reports: Reports, accounts: Accounts) -> Any:
    def compare(scope: Any, form: Mapping[str, str]) -> Compared:
        return Compared((), ())

    app = create_app(reports, accounts, compare=compare, why=lambda: Told((), ()))
    with TestClient(app, follow_redirects=False) as client:
        client.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
        yield client


def addresses(app: Any, key: str) -> list[str]:
    """Every address that is read, with something in its gaps."""
    paths = [route.path for route in app.routes if isinstance(route, Route) and "GET" in (route.methods or ())]
    filled = [path.replace("{key}", key).replace("{dimension}", "page").replace("{token}", "used") for path in paths]
    return [path for path in filled if path != "/healthz"]


def test_no_address_takes_an_argument_it_does_not_know(engineer: TestClient, rollups: Any) -> None:
    """Of all routes there are: one that is added is held to it, too. A probe's /healthz may carry what it likes."""
    paths = addresses(engineer.app, rollups.site.key)
    assert len(paths) >= 13
    for path in paths:
        answer = engineer.get(f"{path}?form=2031-06-01")
        assert answer.status_code == 400, path
        assert "form" in answer.text
        assert ("allowed are" in answer.text) or ("this address takes none" in answer.text)


@pytest.mark.parametrize("query", ["period=7d&period=30d", "from=2031-06-01&from=2031-06-02", "by=page&by=day"])
def test_an_argument_that_is_given_twice_is_refused(client: TestClient, rollups: Any, query: str) -> None:
    answer = client.get(f"/api/sites/{rollups.site.key}/stats?{query}")
    assert (answer.status_code, "give it once" in answer.json()["error"]) == (400, True)
    page = client.get(f"/sites/{rollups.site.key}/by/page?contains=a&contains=b")
    assert (page.status_code, "give it once" in page.text) == (400, True)


def test_filters_may_be_several(client: TestClient, rollups: Any) -> None:
    path = f"/api/sites/{rollups.site.key}/stats?by=page&filter=page~a&filter=page~b"
    assert client.get(path).status_code == 200


def test_days_beside_a_period_of_its_own_are_refused_and_empty_ones_are_none(client: TestClient, rollups: Any) -> None:
    for path in (f"/sites/{rollups.site.key}", f"/api/sites/{rollups.site.key}/overview"):
        answer = client.get(f"{path}?period=7d&from=2031-06-01")
        assert (answer.status_code, "leave out from and to" in answer.text) == (400, True)
        assert client.get(f"{path}?period=7d&from=&to=").status_code == 200


def test_pages_pass_over_what_is_appended_to_links_and_the_api_does_not(client: TestClient, rollups: Any) -> None:
    appended = "utm_source=mail&utm_medium=email&fbclid=x&gclid=y&mc_cid=z&msclkid=1"
    page = f"/sites/{rollups.site.key}"
    assert client.get(f"{page}?period=today&{appended}").status_code == 200
    assert "fbclid" not in client.get(f"{page}?period=today&{appended}").text
    assert client.get(f"/api{page}/overview?period=today&{appended}").status_code == 400
    # It is not that everything passes that looks a little like it.
    for unknown in ("utm", "utm_", "xfbclid", "country", "segment"):
        assert client.get(f"{page}?{unknown}=x").status_code == 400, unknown


def test_a_sign_in_link_survives_an_address_that_is_refused(visitor: TestClient, accounts: Accounts) -> None:
    link = f"/sign-in/{accounts.create_sign_in_link_token()}"
    assert visitor.get(f"{link}?what=ever").status_code == 400
    assert visitor.get(f"{link}?utm_source=mail").status_code == 303


def test_a_hostile_argument_is_only_ever_text(client: TestClient, rollups: Any) -> None:
    answer = client.get(f"/sites/{rollups.site.key}", params={"<script>alert(1)</script>" * 50: "x"})
    assert answer.status_code == 400
    assert "<script>alert" not in answer.text
    assert answer.text.count("&lt;script&gt;") <= 5
