"""Rules of dashboards/sharing: a link shows its part of days that are released, to who has it, as long as it holds."""

from __future__ import annotations

import datetime as dt
import random
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from dashboards.accounts.accounts import MAX_WAITING, Accounts
from dashboards.app import create_app
from dashboards.settings import DashboardSettings
from dashboards.sharing import pages
from dashboards.sharing.limited import limited
from dashboards.sharing.shares import FREE, PANELS, Share, ShareRefused, Shares, origin
from dashboards.stats.overview import Overview
from dashboards.stats.period import Period
from dashboards.stats.report import Reports
from schema.dimensions import DIMENSIONS, OTHER
from schema.site import Site
from tests.conftest import CHEAP
from tests.dashboards.conftest import NOW, Clock, Rollups, TestClient

PASSWORD = "for the board only"
K, DAY = 5, dt.timedelta(days=1)


@pytest.fixture
def shares(tmp_path: Path, clock: Clock) -> Iterator[Shares]:
    opened = Shares(tmp_path / "shares.sqlite", clock, CHEAP)
    yield opened
    opened.close()


@pytest.fixture
def anybody(rollups: Rollups, accounts: Accounts, shares: Shares) -> Iterator[TestClient]:
    """A browser without an account. There is a second site."""
    sites = [rollups.site, Site("other.example")]
    reports, closed = (Reports(rollups.store, sites, clock=NOW.timestamp, closed_only=only) for only in (False, True))
    app = create_app(reports, accounts, DashboardSettings(), shares=shares, closed=closed)
    with TestClient(app, follow_redirects=False, headers={"sec-fetch-site": "same-origin"}) as client:
        yield client


def days(rollups: Rollups, first: int = 1, last: int = 14) -> None:
    """Released days of 100 visitors, and today, open, of 7,777."""
    with rollups.together():
        for ago in range(first, last + 1):
            day = NOW.date() - ago * DAY
            rollups.cell(day, visitors=100, bounces=40, visit_seconds=6000, released=True)
            for value, visitors in (("Google", 60), ("Few", 7), (OTHER, 33)):
                rollups.cell(day, "source", value, visitors=visitors, released=True)
            rollups.cell(day, "page", "/secret-plans", visitors=50, released=True)
            rollups.goal(day, "Signup", 20, 22, released=True)
            rollups.goal(day, "Purchase", 8, 8, released=True)
            rollups.release(day)
        rollups.cell(NOW.date(), visitors=7777)
        rollups.cell(NOW.date(), "source", "OfToday", visitors=7777)


def share_of(rollups: Rollups, **given: Any) -> Share:
    return Share(**({"title": "For the board", "sites": (rollups.site.key,)} | given))


def text_of(page: str) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]*>", " ", page))


def test_who_has_the_link_sees_days_that_are_over_and_nothing_of_few(
    anybody: TestClient, rollups: Rollups, shares: Shares
) -> None:
    days(rollups)
    token, _ = shares.make(share_of(rollups))
    answer = anybody.get(f"/share/{token}?period=7d")
    told = text_of(answer.text)
    assert answer.status_code == 200
    assert "For the board" in told
    assert "700" in told
    assert "Google" in told
    assert "/secret-plans" in told
    # Each day had 7 of Few, so the week has 49: a value of it is of enough.
    assert "Few" in told
    yesterday = text_of(anybody.get(f"/share/{token}?period=yesterday").text)
    assert "Few" not in yesterday
    assert "Purchase" not in yesterday
    assert "Signup" in yesterday
    for page in (told, yesterday, text_of(anybody.get(f"/share/{token}?period=all").text)):
        assert "OfToday" not in page
        assert "7,777" not in page
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "set-cookie" not in answer.headers
    # Nothing leads to where one has to sign in, or to a filter.
    assert not re.search(r'href="[^"]*(/sites/|filter=|/api/|sign-in)', answer.text)


def test_what_is_left_out_is_said_to_be_of_fewer_than_the_link_tells_of(
    anybody: TestClient, rollups: Rollups, shares: Shares
) -> None:
    """Or the seven of a day would be called fewer than five."""
    days(rollups)
    seven = NOW.date() - 15 * DAY
    rollups.cell(seven, visitors=7, released=True)
    rollups.release(seven)
    token, _ = shares.make(share_of(rollups))
    told = text_of(anybody.get(f"/share/{token}?period=28d").text)
    assert "fewer than 10 visitors" in told
    assert "fewer than 5 visitors" not in told


def test_today_is_asked_for_in_vain(anybody: TestClient, rollups: Rollups, shares: Shares) -> None:
    days(rollups)
    token, _ = shares.make(share_of(rollups))
    assert anybody.get(f"/share/{token}?period=today").status_code == 400
    assert anybody.get(f"/share/{token}?filter=source==Google").status_code == 400
    # A day that is over and not released is none yet.
    rollups.cell(NOW.date() - 15 * DAY, visitors=4444)
    told = text_of(anybody.get(f"/share/{token}?from=2031-06-03&to=2031-06-05").text)
    assert "4,444" not in told


def test_it_shows_its_panels_alone(anybody: TestClient, rollups: Rollups, shares: Shares) -> None:
    days(rollups)
    token, _ = shares.make(share_of(rollups, panels=("sources",)))
    told = text_of(anybody.get(f"/share/{token}?period=7d").text)
    assert "Google" in told
    for hidden in ("/secret-plans", "Signup", "Draw", "Show as a table"):
        assert hidden not in told


@pytest.mark.parametrize(
    "given", [{"period": "7d"}, {"period": "custom", "first": dt.date(2031, 6, 11), "last": dt.date(2031, 6, 17)}]
)
def test_a_link_of_some_days_is_of_no_others(
    anybody: TestClient, rollups: Rollups, shares: Shares, given: dict[str, Any]
) -> None:
    days(rollups)
    token, _ = shares.make(share_of(rollups, **given))
    page = anybody.get(f"/share/{token}").text
    assert "700" in text_of(page)
    assert "no change" not in page
    for asked in ("period=28d", "from=2031-06-01&to=2031-06-10", "compare=previous&from=2031-06-05&to=2031-06-05"):
        assert anybody.get(f"/share/{token}?{asked}").status_code == 400
    # What the page itself leads to works, and compares with nothing.
    for link in set(re.findall(r'href="(/share/[^"]*)"', page)):
        again = anybody.get(link.replace("&amp;", "&"))
        assert (again.status_code, "700" in text_of(again.text)) == (200, True), link
    assert "before" not in text_of(anybody.get(f"/share/{token}?compare=previous").text).lower().split("released")[0]


def test_a_link_is_gone_when_it_is_revoked_or_has_expired_and_says_no_more_than_one_that_never_was(
    anybody: TestClient, rollups: Rollups, shares: Shares, clock: Clock
) -> None:
    days(rollups)
    token, made = shares.make(share_of(rollups))
    short, _ = shares.make(share_of(rollups, expires=clock.now + 60))
    assert anybody.get(f"/share/{token}").status_code == 200
    assert anybody.get(f"/share/{short}").status_code == 200
    never = anybody.get("/share/never")
    clock.now += 60
    assert shares.revoke(made.id)
    assert not shares.revoke(made.id)
    for gone in (token, short):
        answer = anybody.get(f"/share/{gone}")
        assert (answer.status_code, answer.text) == (404, never.text)
        assert anybody.post(f"/share/{gone}", data={"password": PASSWORD}).status_code == 404
    assert shares.all() == []


def test_a_password_is_asked_for_and_guesses_are_counted(
    anybody: TestClient, rollups: Rollups, shares: Shares, tmp_path: Path
) -> None:
    days(rollups)
    token, _ = shares.make(share_of(rollups, title="Secret title"), PASSWORD)
    other, _ = shares.make(share_of(rollups), "another password")
    asked = anybody.get(f"/share/{token}")
    assert "password" in asked.text
    for told in ("Secret title", rollups.site.key, "700"):
        assert told not in asked.text
    assert anybody.post(f"/share/{token}", data={"password": "guess"}).status_code == 401
    done = anybody.post(f"/share/{token}", data={"password": PASSWORD})
    cookie = done.headers["set-cookie"]
    assert (done.status_code, done.headers["location"]) == (303, f"/share/{token}")
    assert f"Path=/share/{token};" in cookie
    assert "HttpOnly" in cookie
    assert "Secret title" in anybody.get(f"/share/{token}").text
    # It opens no other link, and no guess about another one either.
    held = {"cookie": cookie.partition(";")[0]}
    assert "password" in anybody.get(f"/share/{other}", headers=held).text
    for _ in range(10):
        anybody.post(f"/share/{other}", data={"password": "guess"})
    refused = anybody.post(f"/share/{other}", data={"password": "another password"})
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    kept = (tmp_path / "shares.sqlite").read_bytes()
    for secret in (PASSWORD, token, other):
        assert secret.encode() not in kept


def test_a_form_of_another_website_says_no_password(anybody: TestClient, rollups: Rollups, shares: Shares) -> None:
    token, _ = shares.make(share_of(rollups), PASSWORD)
    answer = anybody.post(f"/share/{token}", data={"password": PASSWORD}, headers={"sec-fetch-site": "cross-site"})
    assert answer.status_code == 403


def test_a_proxy_that_drops_the_port_is_in_nobodys_way(anybody: TestClient, rollups: Rollups, shares: Shares) -> None:
    token, _ = shares.make(share_of(rollups), PASSWORD)
    del anybody.headers["sec-fetch-site"]
    for theirs, status in (("http://testserver:8131", 303), ("http://elsewhere.example", 403)):
        answer = anybody.post(f"/share/{token}", data={"password": PASSWORD}, headers={"origin": theirs})
        assert answer.status_code == status


def test_only_pages_of_the_hosts_that_it_names_may_have_it_in_a_frame(
    anybody: TestClient, rollups: Rollups, shares: Shares
) -> None:
    days(rollups)
    hosts = (origin("blog.example"), origin("http://localhost:8080"))
    framed, _ = shares.make(share_of(rollups, hosts=hosts))
    plain, _ = shares.make(share_of(rollups))

    def ancestors(path: str) -> str:
        found = re.search(r"frame-ancestors ([^;]*)", anybody.get(path).headers["content-security-policy"])
        assert found is not None
        return found[1]

    assert ancestors(f"/share/{framed}") == "https://blog.example http://localhost:8080"
    for path in (f"/share/{plain}", "/share/never", "/sign-in", f"/share/{framed}?period=never"):
        assert ancestors(path) == "'none'" or "period" in path


def test_a_problem_in_a_frame_tells_nothing_of_who_is_signed_in(
    anybody: TestClient, rollups: Rollups, shares: Shares, accounts: Accounts
) -> None:
    """A page that has the link in a frame asks for days that there are not, and lays a button of its own over ours."""
    anybody.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
    framed, _ = shares.make(share_of(rollups, hosts=(origin("blog.example"),)))
    for asked in ("?period=never", "?bogus=1", "/none"):
        page = anybody.get(f"/share/{framed}{asked}").text
        assert "Sign out" not in page
        assert "other.example" not in page
    assert "Sign out" in anybody.get("/nothing").text


def test_a_flood_of_guesses_waits_outside(anybody: TestClient, rollups: Rollups, shares: Shares) -> None:
    """From however many networks: or all that the pages are answered by would be busy with hashes."""
    token, _ = shares.make(share_of(rollups), PASSWORD)
    for _ in range(MAX_WAITING):
        assert shares.passwords.waiting.acquire(blocking=False)
    refused = anybody.post(f"/share/{token}", data={"password": PASSWORD})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "10")
    shares.passwords.waiting.release()
    assert anybody.post(f"/share/{token}", data={"password": PASSWORD}).status_code == 303


def test_a_site_that_is_removed_is_in_no_link_of_before(shares: Shares) -> None:
    alone, _ = shares.make(Share("x", ("gone.example",)))
    both, _ = shares.make(Share("x", ("gone.example", "stays.example")), PASSWORD)
    other, _ = shares.make(Share("x", ("stays.example",)))
    shares.forget_site("gone.example")
    assert shares.of(alone) is None
    kept = [shares.of(token) for token in (both, other)]
    assert [one.sites for one in kept if one] == [("stays.example",)] * 2
    assert kept[0]
    assert shares.opens(kept[0], PASSWORD)


def test_several_sites_are_one_link_and_no_others_are_in_it(
    anybody: TestClient, rollups: Rollups, shares: Shares
) -> None:
    days(rollups)
    both, _ = shares.make(share_of(rollups, sites=(rollups.site.key, "other.example")))
    page = anybody.get(f"/share/{both}").text
    assert f"/share/{both}/other.example" in page
    assert anybody.get(f"/share/{both}/other.example").status_code == 200
    one, _ = shares.make(share_of(rollups))
    assert anybody.get(f"/share/{one}/other.example").status_code == 400
    assert anybody.get(f"/share/{one}/{rollups.site.key}").status_code == 200


def test_a_segment_is_of_its_visits_alone(anybody: TestClient, rollups: Rollups, shares: Shares) -> None:
    token, _ = shares.make(share_of(rollups, segment="Phones"))
    # There is none of that name any more: nothing is shown in its place.
    assert anybody.get(f"/share/{token}").status_code == 400


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"title": ""}, "write one line"),
        ({"title": "a\nb"}, "write one line"),
        ({"sites": ()}, "name one"),
        ({"panels": ("all",)}, "'all' is not known: there are chart, sources"),
        ({"period": "today"}, "'today' is not known"),
        ({"period": "custom"}, "a first and a last one"),
        ({"first": NOW.date(), "last": NOW.date()}, "a first and a last one"),
        ({"period": "custom", "first": NOW.date(), "last": NOW.date() - DAY}, "is after the last"),
        ({"hosts": ("https://a.example",), "has_password": True}, "cannot be embedded"),
    ],
)
def test_what_is_no_link_is_refused(rollups: Rollups, given: dict[str, Any], told: str) -> None:
    with pytest.raises(ShareRefused, match=told):
        share_of(rollups, **given)


@pytest.mark.parametrize("text", ["a b", "https://a.example/path", "javascript://a", "*", "a.example; script-src *"])
def test_what_is_no_host_is_refused(text: str) -> None:
    with pytest.raises(ShareRefused):
        origin(text)


def numbers_of(shown: Overview) -> dict[Any, int]:
    """Every count of people that is in it, by what it is of."""
    found: dict[Any, int] = {("total",): shown.totals.visitors}
    found |= {("at", point.at): point.visitors for point in shown.series if point.state == "measured"}
    found |= {(name, cell.value): cell.visitors for name, cells in shown.tables.items() for cell in cells}
    found |= {("goal", goal.goal): goal.converters for goal in shown.goals}
    found |= {("paid", goal.goal, one.currency): one.payers for goal in shown.goals for one in goal.revenue}
    found |= {("vital", cell.vital, cell.dimension, cell.value): cell.people for cell in shown.vitals}
    return found


def test_who_asks_for_every_part_of_it_finds_no_number_of_few_and_none_that_is_not_released(
    rollups: Rollups, ago: Callable[[int], dt.date]
) -> None:
    """An attacker with links to each panel and each of the days, whose numbers are drawn: all he gets are the page's
    own numbers of these days, each of so many visitors. Without the limit some are of fewer."""
    rng = random.Random(7)
    with rollups.together():
        for n in range(15):
            over = n > 0
            rollups.cell(ago(n), visitors=rng.randrange(K, 60), released=over)
            for name in ("source", "page", "country", "device"):
                for value in ("a", "b", "c", OTHER):
                    rollups.cell(ago(n), name, value, visitors=rng.randrange(K, 25), released=over)
            rollups.goal(ago(n), "Signup", rng.randrange(K, 20), 30, released=over)
            rollups.vital(ago(n), "lcp", [1000.0] * 9, rng.randrange(K, 20))
            if over:
                rollups.release(ago(n))
    site = rollups.site
    closed = Reports(rollups.store, [site], clock=NOW.timestamp, closed_only=True)
    few = 0
    for first, last in [(1, 1), (2, 2), (3, 3), (4, 4), (14, 1), (9, 3)]:
        period = Period(ago(first), ago(last), "")
        whole = closed.overview(site, period)
        released = numbers_of(whole)
        few += sum(0 < number < 2 * K for number in released.values())
        for panel in PANELS:
            share = Share("x", (site.key,), panels=(panel,), period=FREE)
            mine = numbers_of(limited(whole, share, 2 * K))
            assert all(number == 0 or number >= 2 * K for number in mine.values())
            assert all(released[key] == number for key, number in mine.items() if number)
    assert few >= 15
    open_ = numbers_of(closed.overview(site, Period(ago(0), ago(0), "")))
    assert not any(open_.values())
    assert numbers_of(Reports(rollups.store, [site], clock=NOW.timestamp).overview(site, Period(ago(0), ago(0), "")))


def test_every_panel_is_a_part_of_the_page(rollups: Rollups, ago: Callable[[int], dt.date]) -> None:
    days(rollups)
    whole = Reports(rollups.store, [rollups.site], clock=NOW.timestamp, closed_only=True).overview(
        rollups.site, Period(ago(7), ago(1), "")
    )
    nothing = limited(whole, Share("x", (rollups.site.key,), panels=()), K)
    everything = limited(whole, Share("x", (rollups.site.key,), panels=PANELS), 1)
    assert (nothing.tables, nothing.series, nothing.goals, nothing.vitals, nothing.annotations) == ({}, (), (), (), ())
    assert everything.tables.keys() == whole.tables.keys() - {"event"}
    assert set(everything.tables) <= set(DIMENSIONS)
    assert replace(everything, tables={}).series == whole.series


def test_what_was_paid_and_how_many_days_there_are_stand_on_it_and_nothing_leads_to_a_sign_in(
    anybody: TestClient, rollups: Rollups, shares: Shares, ago: Callable[[int], dt.date]
) -> None:
    rollups.cell(ago(2), visitors=100, released=True)
    rollups.goal(ago(2), "Purchase", 40, 40, released=True)
    rollups.revenue(ago(2), "Purchase", "EUR", 123_450, 30, released=True)
    rollups.release(ago(2))
    token, made = shares.make(share_of(rollups))
    told = text_of(anybody.get(f"/share/{token}?period=7d").text)
    assert "data of 1 of 7 days" in told
    assert "€1,234.50" in told
    assert shares.revoke(made.id)
    assert "To the dashboard" not in anybody.get(f"/share/{token}").text
    assert "To the dashboard" in anybody.get("/nothing").text


def test_a_link_is_good_for_so_many_pages_an_hour_and_no_network_uses_up_all(
    rollups: Rollups, shares: Shares, accounts: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    days(rollups)
    monkeypatch.setattr(pages, "PER_NETWORK", 2)
    monkeypatch.setattr(pages, "PER_LINK", 5)
    reports = Reports(rollups.store, [rollups.site], clock=NOW.timestamp, closed_only=True)
    network = ["a"]
    settings = DashboardSettings()
    app = create_app(reports, accounts, settings, network_of=lambda _: network[0], shares=shares, closed=reports)
    token, _ = shares.make(Share("For the board", (rollups.site.key,)))
    other, _ = shares.make(Share("For others", (rollups.site.key,)))
    with TestClient(app) as client:

        def statuses(name: str, path: str = token) -> list[int]:
            network[0] = name
            return [client.get(f"/share/{path}").status_code for _ in range(3)]

        assert statuses("a") == [200, 200, 429]
        assert statuses("b") == [200, 200, 429]
        assert statuses("c") == [200, 429, 429]
        assert statuses("a", other) == [200, 200, 429]
        refused = client.get(f"/share/{token}")
    assert "this link is good for" in refused.text.lower()
    assert int(refused.headers["retry-after"]) > 3000
    assert refused.headers["x-robots-tag"] == "noindex"
