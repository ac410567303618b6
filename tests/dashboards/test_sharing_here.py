"""The page on which editors make links for others: made, opened by anybody, taken back; nothing of sites of others."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from dashboards.accounts.accounts import Accounts
from dashboards.accounts.form_token import SESSION_COOKIE
from dashboards.accounts.policy import Role
from dashboards.app import create_app
from dashboards.settings import DashboardSettings
from dashboards.sharing.shares import Share, Shares
from dashboards.stats.report import Reports
from schema.segment import Segment
from schema.site import Site
from tests.conftest import CHEAP
from tests.dashboards.conftest import NOW, Rollups, TestClient
from tests.dashboards.test_sharing import days, text_of

OTHER = "other.example"


@pytest.fixture
def shares(tmp_path: Path) -> Iterator[Shares]:
    opened = Shares(tmp_path / "shares.sqlite", NOW.timestamp, CHEAP)
    yield opened
    opened.close()


@pytest.fixture
def editor(rollups: Rollups, accounts: Accounts, shares: Shares) -> Iterator[TestClient]:
    """A browser of somebody who may share one of two sites."""
    site = Site(rollups.site.key, segments=(Segment("Phones", {"device": "mobile"}),))
    sites = [site, Site(OTHER)]
    reports, closed = (Reports(rollups.store, sites, clock=NOW.timestamp, closed_only=only) for only in (False, True))
    settings = DashboardSettings(public_url="https://stats.example")
    app = create_app(reports, accounts, settings, shares=shares, closed=closed)
    assert accounts.redeem(accounts.create_sign_in_link_token())
    with TestClient(app, follow_redirects=False, headers={"sec-fetch-site": "same-origin"}) as client:
        session = accounts.redeem(accounts.people.add("ed", Role.EDITOR, site.key))
        client.cookies.set(SESSION_COOKIE, session or "")
        yield client


def test_a_link_is_made_by_a_form_opened_by_anybody_and_taken_back(
    editor: TestClient, rollups: Rollups, shares: Shares, accounts: Accounts
) -> None:
    days(rollups)
    path = f"/sites/{rollups.site.key}/share"
    page = editor.get(path).text
    assert "None that you may take back" in text_of(page)
    assert "Pages of " in page
    form = {"title": "For the board", "panel_sources": "1", "period": "7d", "days": "30", "segment": ""}
    made = editor.post(path, data=form)
    found = re.search(r"https://stats\.example(/share/[\w-]+)", made.text)
    assert found is not None
    assert "<iframe" not in made.text
    [one] = shares.all()
    assert (one.title, one.panels, one.period, one.sites) == ("For the board", ("sources",), "7d", (rollups.site.key,))
    assert one.expires == NOW.timestamp() + 30 * 86_400
    page = editor.get(found[1], headers={"cookie": ""})
    assert "Google" in page.text
    assert "/secret-plans" not in page.text
    listed = text_of(editor.get(path).text)
    assert "For the board Last 7 days; sources; until 18 Jul 2031" in listed
    assert found[1] not in listed
    assert editor.post(f"{path}/revoked", data={"id": one.id}).headers["location"] == path
    assert editor.get(found[1]).status_code == 404
    told = [(entry.who, entry.what, entry.site) for entry in accounts.audit.entries()][:2]
    assert told == [
        ("ed", "took a link for others back", rollups.site.key),
        ("ed", "made a link for others", rollups.site.key),
    ]


def test_a_link_in_frames_says_what_to_write_and_one_with_a_password_is_none(
    editor: TestClient, rollups: Rollups, shares: Shares
) -> None:
    path = f"/sites/{rollups.site.key}/share"
    form = {"title": "Blog", "period": "free", "days": "", "hosts": "blog.example"}
    assert '<iframe src="https://stats.example/share/' in html.unescape(editor.post(path, data=form).text)
    refused = editor.post(path, data=form | {"password": "for the board only"})
    assert (refused.status_code, "cannot be embedded" in refused.text) == (400, True)
    # What was written is still there, but not the password.
    assert 'value="blog.example"' in refused.text
    assert "for the board only" not in refused.text
    assert [one.hosts for one in shares.all()] == [("https://blog.example",)]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"segment": "No"}, "has no segment"),
        ({"first": "2031-06-01"}, "2031-06-01 alone is no period"),
        ({"first": "2031-06-01", "last": "soon"}, "is no day"),
        ({"first": "2031-06-01", "last": "2031-06-02", "period": "7d"}, "and then no period"),
        ({"first": "2031-06-02", "last": "2031-06-01"}, "is after the last"),
        ({"period": "today"}, "is not known"),
        ({"hosts": "https://a.example/path"}, "without a path"),
        ({"password": "short"}, "8 to 1024 characters"),
        ({"title": "x" * 101}, "up to 100 letters"),
        ({"days": "3"}, "a link holds"),
    ],
)
def test_what_is_no_link_is_refused_with_what_to_write(
    editor: TestClient, rollups: Rollups, shares: Shares, given: dict[str, str], told: str
) -> None:
    form = {"title": "For the board", "period": "free", "days": ""} | given
    answer = editor.post(f"/sites/{rollups.site.key}/share", data=form)
    assert answer.status_code == 400
    assert told in answer.text.replace("&#39;", "'").lower()
    assert shares.all() == []


def test_nobody_sees_or_takes_back_links_of_sites_that_are_not_his(
    editor: TestClient, rollups: Rollups, shares: Shares
) -> None:
    mine = rollups.site.key
    kept = [shares.make(Share("Of both", (mine, OTHER)))[1], shares.make(Share("Of the other", (OTHER,)))[1]]
    page = editor.get(f"/sites/{mine}/share").text
    assert "Of both" not in page
    assert "Of the other" not in page
    assert "Nobody without an account sees anything" not in page  # the link to both shows it
    for one in kept:
        editor.post(f"/sites/{mine}/share/revoked", data={"id": one.id})
    assert len(shares.all()) == 2
    assert editor.get(f"/sites/{OTHER}/share").status_code == 404
    assert editor.post(f"/sites/{OTHER}/share", data={"title": "x"}).status_code == 404


def test_a_link_is_of_several_sites_where_its_maker_may_share_each(
    editor: TestClient, rollups: Rollups, shares: Shares, accounts: Accounts
) -> None:
    path, mine = f"/sites/{rollups.site.key}/share", rollups.site.key
    form = {"title": "Both", "period": "7d", "days": "", f"site_{OTHER}": "1"}
    assert OTHER not in editor.get(path).text
    editor.post(path, data=form)
    assert [one.sites for one in shares.all()] == [(mine,)], "a box that was not offered"
    accounts.people.give(accounts.people.named("ed").id, OTHER, Role.EDITOR)
    refused = editor.post(path, data=form | {"segment": "Phones"})
    assert f"{OTHER} has no segment".capitalize() in html.unescape(refused.text)
    assert f'name="site_{OTHER}" value="1" checked' in refused.text
    made = editor.post(path, data=form)
    found = re.search(r"https://stats\.example(/share/[\w-]+)", made.text)
    assert found
    assert {one.sites for one in shares.all()} == {(mine,), (mine, OTHER)}
    assert editor.get(f"{found[1]}/{OTHER}", headers={"cookie": ""}).status_code == 200
    assert f"Both {mine}, {OTHER}; Last 7 days" in text_of(editor.get(f"/sites/{OTHER}/share").text)
    assert {entry.site for entry in accounts.audit.entries() if entry.what == "made a link for others"} == {mine, OTHER}
