"""Each route says which action it is, and lets in who holds the role for it there, and nobody else: by a table that is
written out here, so that a route that is new, or opens to more people, is a decision."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.routing import Mount
from starlette.testclient import TestClient

from dashboards.accounts.accounts import Accounts
from dashboards.accounts.form_token import SESSION_COOKIE
from dashboards.accounts.policy import EVERY_SITE, Action, Role, may
from dashboards.app import create_app
from dashboards.delivery.outbox import Outbox
from dashboards.sharing.shares import Shares
from dashboards.stats.report import Reports
from dashboards.web.about_site import AboutSite, Privacy
from dashboards.web.engineers import Compared, Missing, Told
from dashboards.web.gate import Declared
from footfall.control.editing import EditDesk
from footfall.settings import Settings, SiteSettings
from schema.site import Site
from tests.dashboards.conftest import NOW

pytestmark = pytest.mark.clickhouse

FORM_TOKEN = re.compile(r'value="[0-9a-f]{128}"')
ANYBODY, SIGNED_IN, VIEWER, EDITOR, OWNER, HOUSE = range(6)
# Of every path, the least that lets one in.
LEAST = {
    "/": SIGNED_IN,
    "/account": SIGNED_IN,
    "/account/second": SIGNED_IN,
    "/account/sessions": SIGNED_IN,
    "/api/openapi.json": ANYBODY,
    "/api/sites": SIGNED_IN,
    "/api/sites/{key}/annotations": VIEWER,
    "/api/sites/{key}/by/{table}.csv": VIEWER,
    "/api/sites/{key}/by/{table}.json": VIEWER,
    "/api/sites/{key}/export.zip": VIEWER,
    "/api/sites/{key}/overview": VIEWER,
    "/api/sites/{key}/stats": VIEWER,
    "/api/sites/{key}/stats.csv": VIEWER,
    "/api/sites/{key}/version": VIEWER,
    "/api/v2/query": SIGNED_IN,
    "/engineers/health": HOUSE,
    "/engineers/request": EDITOR,
    "/engineers/why": EDITOR,
    "/engineers/why/version": EDITOR,
    "/healthz": ANYBODY,
    "/invitation/{token}": ANYBODY,
    "/people": HOUSE,
    "/people/invitations": HOUSE,
    "/people/log": HOUSE,
    "/people/removed": HOUSE,
    "/people/roles": HOUSE,
    "/share/{token}": ANYBODY,
    "/share/{token}/{key}": ANYBODY,
    "/sign-in": ANYBODY,
    "/sign-in/code": ANYBODY,
    "/sign-in/{token}": ANYBODY,
    "/sign-out": ANYBODY,
    "/sites/{key}": VIEWER,
    "/sites/{key}/acquisition": VIEWER,
    "/sites/{key}/acquisition/link": VIEWER,
    "/sites/{key}/by/{dimension}": VIEWER,
    "/sites/{key}/edit/apply": EDITOR,
    "/sites/{key}/edit/funnels": VIEWER,
    "/sites/{key}/edit/funnels/preview": EDITOR,
    "/sites/{key}/edit/goals": VIEWER,
    "/sites/{key}/edit/goals/preview": EDITOR,
    "/sites/{key}/edit/notes": VIEWER,
    "/sites/{key}/edit/notes/new": EDITOR,
    "/sites/{key}/edit/notes/removed": EDITOR,
    "/sites/{key}/edit/sections": VIEWER,
    "/sites/{key}/edit/sections/preview": EDITOR,
    "/sites/{key}/edit/segments": VIEWER,
    "/sites/{key}/edit/segments/preview": EDITOR,
    "/sites/{key}/edit/versions": VIEWER,
    "/sites/{key}/edit/versions/preview": EDITOR,
    "/sites/{key}/goals": VIEWER,
    "/sites/{key}/live": VIEWER,
    "/sites/{key}/localization": VIEWER,
    "/sites/{key}/pages": VIEWER,
    "/sites/{key}/people": OWNER,
    "/sites/{key}/people/invitations": OWNER,
    "/sites/{key}/people/log": OWNER,
    "/sites/{key}/people/roles": OWNER,
    "/sites/{key}/privacy": VIEWER,
    "/sites/{key}/properties": VIEWER,
    "/sites/{key}/quality": VIEWER,
    "/sites/{key}/settings": VIEWER,
    "/sites/{key}/share": EDITOR,
    "/sites/{key}/share/revoked": EDITOR,
    "/sites/{key}/speed": VIEWER,
    "/theme": SIGNED_IN,
    "/unsubscribe/{token}": ANYBODY,
}
# They go by what is in their address (test_deliver.py, test_sharing.py), or end sessions or lead to signing in whoever
# asks (test_second_factor.py). A question names its site in its body: below.
ELSEWHERE = (
    *("/unsubscribe/{token}", "/share/{token}", "/share/{token}/{key}", "/sign-in", "/sign-in/code"),
    *("/account/sessions", "/sign-out", "/api/v2/query"),
)
OTHER = "other.example"
# Who there is, and what each is good for at the site, at the other one, and in the house.
HOLDERS = {
    "nobody": (ANYBODY, ANYBODY, ANYBODY),
    "stranger": (SIGNED_IN, SIGNED_IN, SIGNED_IN),
    "viewer": (VIEWER, SIGNED_IN, VIEWER),
    "editor": (EDITOR, SIGNED_IN, EDITOR),
    "owner": (OWNER, SIGNED_IN, OWNER),
    "viewer of all": (VIEWER, VIEWER, VIEWER),
    "editor of all": (EDITOR, EDITOR, EDITOR),
    "owner of all": (HOUSE, HOUSE, HOUSE),
}


# Of which sites was asked what they keep.
ASKED: list[str] = []


def compare(scope: Any, form: Mapping[str, str]) -> Compared:
    ASKED.append(form["site"])
    return Compared((), ())


@pytest.fixture
def app(rollups: Any, accounts: Accounts, tmp_path: Path) -> Starlette:
    both = Reports(rollups.store, [rollups.site, Site(OTHER)], clock=NOW.timestamp)
    missing = [Missing("fewer than 10", site, "plausible", "host", "…", "") for site in (rollups.site.key, OTHER, "")]
    house = Settings(data=str(tmp_path), demo=False, sites=(SiteSettings(rollups.site.key), SiteSettings(OTHER)))
    return create_app(
        both,
        accounts,
        compare=compare,
        why=lambda: Told((), tuple(missing)),
        health=tuple,
        about_site=AboutSite(lambda key: (), lambda key: Privacy("", 5, 5, *[()] * 6), lambda *_: None),
        outbox=Outbox(tmp_path / "deliveries.sqlite"),
        shares=Shares(tmp_path / "shares.sqlite"),
        closed=both,
        desk=EditDesk(lambda: house, lambda _: 0),
    )


@pytest.fixture
def browser(app: Starlette) -> Iterator[TestClient]:
    with TestClient(app, follow_redirects=False, headers={"sec-fetch-site": "same-origin"}) as client:
        yield client


@pytest.fixture
def people(accounts: Accounts, rollups: Any) -> dict[str, int]:
    """Everybody's number."""
    accounts.people.add("first", Role.OWNER, EVERY_SITE)
    for name in HOLDERS:
        if name != "nobody":
            role = Role(name.partition(" ")[0]) if name != "stranger" else Role.VIEWER
            accounts.people.add(name, role, EVERY_SITE if name.endswith("of all") else rollups.site.key)
    numbers = {one.name: one.id for one in accounts.people.all()}
    accounts.people.give(numbers["stranger"], rollups.site.key, None)
    return numbers


def sign_in(browser: TestClient, accounts: Accounts, number: int | None) -> None:
    browser.cookies.clear()
    if number:
        browser.cookies.set(SESSION_COOKIE, accounts.redeem(accounts.people.link(number)) or "")


def declared(app: Starlette) -> list[Declared]:
    return [route for route in app.routes if isinstance(route, Declared)]


def test_every_route_says_which_action_it_is_and_is_in_the_table(app: Starlette) -> None:
    others = [route for route in app.routes if not isinstance(route, Declared)]
    assert [route.path for route in others if isinstance(route, Mount)] == ["/static"]
    assert len(others) == 1
    assert all(isinstance(route.action, Action) for route in declared(app))
    assert {route.path for route in declared(app)} == LEAST.keys()


def lets_in(browser: TestClient, route: Declared, key: str) -> bool:
    path = route.path.replace("{key}", key).replace("{token}", "x").replace("{dimension}", "page")
    path = path.replace("{table}", "page")
    # A period that there is not, and a form without its fields, are refused by the page itself: that it was reached is
    # all that is asked here.
    asked = "?period=fortnight" if "{key}" in route.path and not re.search("/people|/share|/edit", path) else ""
    post = "POST" in (route.methods or ())
    answer = browser.post(path, data={"site": key}) if post else browser.get(path + asked)
    sent_away = answer.status_code == 303 and answer.headers["location"].startswith("/sign-in")
    return answer.status_code not in (401, 403, 404) and not sent_away


@pytest.mark.slow
def test_a_route_lets_in_who_holds_the_role_there_and_nobody_else(
    app: Starlette, browser: TestClient, accounts: Accounts, people: dict[str, int], rollups: Any
) -> None:
    wrong = []
    for holder, (at_site, at_other, in_house) in HOLDERS.items():
        sign_in(browser, accounts, people.get(holder))
        for route in declared(app):
            # Who holds a role everywhere is asked about one site.
            sites = [(rollups.site.key, at_site), (OTHER, at_other)][holder.endswith("of all") :]
            for key, good_for in sites if "{key}" in route.path else [(OTHER, in_house)]:
                if route.path not in ELSEWHERE and lets_in(browser, route, key) != (good_for >= LEAST[route.path]):
                    wrong.append((holder, sorted(route.methods or ()), route.path, key))
    assert wrong == []


def test_of_a_site_that_is_not_his_somebody_is_told_what_he_is_told_of_one_that_there_is_not(
    browser: TestClient, accounts: Accounts, people: dict[str, int], rollups: Any
) -> None:
    sign_in(browser, accounts, people["owner"])
    for path in ("/sites/{}", "/sites/{}/people", "/sites/{}/by/page", "/api/sites/{}/stats", "/sites/{}?x=1"):
        hidden, unknown = (browser.get(path.format(key)) for key in (OTHER, "none"))
        assert hidden.status_code == unknown.status_code >= 400
        # A form's token is another one each time.
        texts = [FORM_TOKEN.sub("", answer.text) for answer in (hidden, unknown)]
        assert texts[0].replace(OTHER, "none") == texts[1], path
    asked = {"site_id": OTHER, "metrics": ["visitors"], "date_range": "7d"}
    hidden = browser.post("/api/v2/query", json=asked)
    unknown = browser.post("/api/v2/query", json=asked | {"site_id": "none"})
    assert hidden.text.replace(OTHER, "none") == unknown.text
    assert [one["key"] for one in browser.get("/api/sites").json()] == [rollups.site.key]
    # Nor do lists, menus and errors name it.
    for path in ("/", f"/sites/{rollups.site.key}", "/nothing", "/engineers/request", "/engineers/why"):
        assert OTHER not in browser.get(path).text, path
    # Of an event that could be told to no site only who looks into all is told.
    assert browser.get("/engineers/why").text.count("fewer than 10") == 1
    sign_in(browser, accounts, people["editor of all"])
    assert browser.get("/engineers/why").text.count("fewer than 10") == 3


def test_what_another_site_keeps_of_a_request_is_told_to_nobody_who_may_not_look_into_it(
    app: Starlette, browser: TestClient, accounts: Accounts, people: dict[str, int], rollups: Any
) -> None:
    sign_in(browser, accounts, people["editor"])
    for asked, told in ((OTHER, ""), (rollups.site.key, rollups.site.key), ("none", "")):
        answer = browser.post("/engineers/request", data={"site": asked})
        assert answer.status_code == 200
        assert ASKED.pop() == told


def test_menus_offer_what_one_may_see(browser: TestClient, accounts: Accounts, people: dict[str, int]) -> None:
    offered = {}
    for name in ("viewer", "editor", "owner", "owner of all"):
        sign_in(browser, accounts, people[name])
        text = browser.get("/nothing").text
        offered[name] = [path for path in ("/engineers/request", "/engineers/health", "/people") if f'"{path}"' in text]
    every = ["/engineers/request", "/engineers/health", "/people"]
    assert offered == {"viewer": [], "editor": every[:1], "owner": every[:1], "owner of all": every}


def test_an_owner_of_a_site_gives_nothing_beyond_it(
    browser: TestClient, accounts: Accounts, people: dict[str, int], rollups: Any
) -> None:
    key = rollups.site.key
    sign_in(browser, accounts, people["owner"])
    mine = str(people["owner"])
    for form in ({"site": EVERY_SITE}, {"site": OTHER}, {"site": ""}):
        # The form's site counts for nothing here: the address says where.
        browser.post(f"/sites/{key}/people/roles", data={"user": mine, "role": "owner", **form})
        browser.post(f"/sites/{key}/people/invitations", data={"role": "owner", **form})
    assert dict(accounts.people.rights(people["owner"])) == {key: Role.OWNER}
    assert {one.site for one in accounts.people.invitations()} == {key}
    # Of who holds nothing there he learns and changes nothing.
    assert "stranger" not in browser.get(f"/sites/{key}/people").text
    answer = browser.post(f"/sites/{key}/people/roles", data={"user": str(people["stranger"]), "role": "owner"})
    assert answer.status_code == 400
    assert not accounts.people.rights(people["stranger"])
    # Nor of what was done elsewhere.
    accounts.people.invite(Role.VIEWER, OTHER)
    assert OTHER not in browser.get(f"/sites/{key}/people/log").text
    assert "invited" in browser.get(f"/sites/{key}/people/log").text


def test_may_knows_who_holds_what_where() -> None:
    editor = SimpleNamespace(rights={"a.example": Role.EDITOR})
    assert may(editor, Action.INSPECT, "a.example")
    assert may(editor, Action.INSPECT)
    assert not may(editor, Action.INSPECT, "b.example")
    assert not may(editor, Action.MANAGE, "a.example")
    owner = SimpleNamespace(rights={"a.example": Role.OWNER})
    assert not may(owner, Action.OPERATE)
    assert not may(owner, Action.OPERATE, "a.example")
    assert may(SimpleNamespace(rights={EVERY_SITE: Role.OWNER}), Action.OPERATE)
    assert not may(SimpleNamespace(rights={}), Action.READ)
