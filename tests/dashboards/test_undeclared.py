"""A site with data that is in no settings shows itself to who is signed in, with what to add, and no number."""

from __future__ import annotations

from starlette.testclient import TestClient

from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.settings import DashboardSettings
from dashboards.stats.report import Reports
from schema.site import Site
from schema.store import Store


def client_of(reports: Reports, accounts: Accounts, *undeclared: str) -> TestClient:
    app = create_app(reports, accounts, DashboardSettings(), undeclared=lambda: undeclared)
    return TestClient(app, follow_redirects=False, headers={"sec-fetch-site": "same-origin"})


def test_a_site_in_no_settings_is_on_the_list_with_what_to_add(store: Store, accounts: Accounts) -> None:
    client = client_of(Reports(store, [Site("one.example")]), accounts, "gone.example", "other.example")
    assert "gone.example" not in client.get("/").text
    client.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
    page = client.get("/").text
    assert "Data of 2 sites in no settings" in page
    assert '[[sites]]\nkey = "gone.example"\n\n[[sites]]\nkey = "other.example"\n' in page
    assert "footfall site remove KEY" in page
    assert client.get("/sites/gone.example").status_code == 404


def test_the_only_site_is_shown_at_once_where_no_other_has_data(store: Store, accounts: Accounts) -> None:
    client = client_of(Reports(store, [Site("one.example")]), accounts)
    client.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
    assert client.get("/").headers["location"] == "/sites/one.example"


def test_a_house_without_sites_names_those_that_have_data(store: Store, accounts: Accounts) -> None:
    client = client_of(Reports(store, []), accounts, "gone.example")
    client.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
    page = client.get("/").text
    assert "footfall site remove gone.example" in page
    assert "No sites yet" not in page
