"""The page that says why events are missing: signed in only, text is text, and it is drawn anew when something is."""

from __future__ import annotations

import datetime as dt
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec import structs
from starlette.exceptions import StarletteDeprecationWarning

from collector.diagnostics.why import OF_HOSTS, OF_MACHINES, Why, why_path
from collector.enrich.page import parse_page
from collector.outcome import Reason
from dashboards.accounts.accounts import Accounts
from dashboards.app import create_app
from dashboards.stats.report import Reports
from dashboards.web.engineers import WHY_PATH, Missing, Told
from footfall.health.missing import teller
from footfall.health.outcomes import outcomes
from footfall.settings import load
from pipeline.outcomes import publish_outcomes
from schema.store import Store
from tests.dashboards.conftest import Rollups

with warnings.catch_warnings():
    warnings.simplefilter("ignore", StarletteDeprecationWarning)
    from starlette.testclient import TestClient

pytestmark = pytest.mark.clickhouse
ONE = Missing("20 or more", "shop", "plausible", "host", "the page's host is not one of the `hosts`", "evil.test/a")


def publish(store: Store, now: int) -> None:
    """Have the outcomes published of the days that are over."""
    store.insert("watermarks", ("spool", "received_through"), (("why",), (now,)))
    publish_outcomes(store, now)


def page(reports: Reports, accounts: Accounts, why: Callable[[], Told] | None, sign_in: bool = True) -> TestClient:
    app = create_app(reports, accounts, why=why)
    browser = TestClient(app, follow_redirects=False, headers={"sec-fetch-site": "same-origin"})
    if sign_in:
        browser.get(f"/sign-in/{accounts.create_sign_in_link_token()}")
    return browser


def test_nobody_sees_it_without_a_session(reports: Reports, accounts: Accounts) -> None:
    def never() -> Told:
        raise AssertionError("read for a stranger")

    stranger = page(reports, accounts, never, sign_in=False)
    assert stranger.get(WHY_PATH).headers["location"] == "/sign-in?next=%2Fengineers%2Fwhy"
    assert stranger.get(f"{WHY_PATH}/version").status_code == 401


def test_without_a_function_there_is_no_page_and_no_link(reports: Reports, accounts: Accounts) -> None:
    browser = page(reports, accounts, None)
    assert browser.get(WHY_PATH).status_code == browser.get(f"{WHY_PATH}/version").status_code == 404
    assert WHY_PATH not in browser.get("/account").text


def test_it_shows_counts_and_the_last_entries_and_is_watched(reports: Reports, accounts: Accounts) -> None:
    told = [Told((("shop", "host", "1,230 or more"), ("", "bad_body", "fewer than 10")), (ONE,))]
    browser = page(reports, accounts, lambda: told[0])
    answer = browser.get(WHY_PATH)
    assert answer.headers["cache-control"] == "no-store"
    for text in ("1,230", "bad_body", "(no site)", "evil.test/a", "20 or more", "plausible", "host is not one of"):
        assert text in answer.text, text
    assert f'data-version="{told[0].version}" data-watch="{WHY_PATH}/version" data-refresh="1"' in answer.text
    assert browser.get(f"{WHY_PATH}/version").json() == {"version": told[0].version}
    assert f'<a href="{WHY_PATH}">' in browser.get("/account").text
    before = told[0].version
    told[0] = Told(told[0].counts, (ONE, structs.replace(ONE, often="30 or more")))
    assert browser.get(f"{WHY_PATH}/version").json()["version"] != before


def test_hostile_names_and_paths_are_text(reports: Reports, accounts: Accounts) -> None:
    hostile = "<script>alert(1)</script>'\"--><img src=x onerror=alert(1)>"
    told = Told(((hostile, hostile, hostile),), (Missing(hostile, hostile, hostile, hostile, hostile, hostile),))
    text = page(reports, accounts, lambda: told).get(WHY_PATH).text
    assert "<script>alert" not in text
    assert "<img src=x" not in text
    assert text.count("&lt;script&gt;alert(1)") == 9


def test_when_nothing_is_missing_it_says_so(reports: Reports, accounts: Accounts) -> None:
    text = page(reports, accounts, lambda: Told((), ())).get(WHY_PATH).text
    assert "Nothing was refused or dropped." in text


def test_what_is_handed_in_reads_the_workers_and_tells_no_signal(rollups: Rollups, tmp_path: Path) -> None:
    key, now = rollups.site.key, int(time.time())
    sets = (f'sites=[{{key="{key}"}}]', f'keys.directory="{tmp_path}"')
    settings = load(sets=sets, flags={"data": str(tmp_path / "data")}, environment={})
    columns = ("site", "minute", "reason", "count")
    signals = [reason for reason in Reason if reason.is_signal]
    for ago, reasons in ((1, ("host", "bot", "network", "accepted", *signals)), (2, ("prefetch",)), (0, ("page",))):
        for reason in reasons:
            rollups.store.insert("ingest", columns, ((key,), (now - ago * 86_400,), (str(reason),), (13,)))
    publish(rollups.store, now)
    why = Why(why_path(tmp_path, 0))
    why.dropped(key, Reason.HOST, now, "umami")
    why.turn()
    told = teller(settings, rollups.store)()
    assert sorted((reason, times) for site, reason, times in told.counts if site == key) == [
        ("bot", "10 or more"),
        ("host", "10 or more"),
        ("network", "10 or more"),
    ]
    assert not any(str(reason) in repr(told) for reason in signals)
    assert [(one.site, one.wire, one.reason, one.page) for one in told.missing] == [(key, "umami", "host", "")]


def test_one_more_visit_changes_nothing_that_is_shown(rollups: Rollups, tmp_path: Path) -> None:
    """Who can make a visit, or knows when his victim makes one, must not read it from the page."""
    key, now = rollups.site.key, int(time.time())
    sets = (f'sites=[{{key="{key}"}}]', f'keys.directory="{tmp_path}"')
    settings = load(sets=sets, flags={"data": str(tmp_path / "data")}, environment={})
    why, page = Why(why_path(tmp_path, 0)), parse_page(f"https://{key}/salaries", frozenset())
    columns = ("site", "minute", "reason", "count")
    for _ in range(11):
        why.dropped(key, Reason.HOST, now, "umami", page)
    for ago in (0, 1):
        rollups.store.insert("ingest", columns, ((key,), (now - ago * 86_400,), ("host",), (11,)))
    publish(rollups.store, now)
    why.turn()
    before = teller(settings, rollups.store)()
    people = [reason for reason in Reason if reason not in OF_MACHINES | OF_HOSTS]
    for reason in (Reason.HOST, *people):
        why.dropped(key, reason, now, "umami", page)
        if reason.is_silent or reason is Reason.HOST:
            for ago in (0, 1):
                rollups.store.insert("ingest", columns, ((key,), (now - ago * 86_400,), (str(reason),), (1,)))
    publish(rollups.store, now)
    why.turn()
    after = teller(settings, rollups.store)()
    assert after.counts == before.counts
    assert [one for one in after.counts if one[0] == key] == [(key, "host", "10 or more")]
    assert not any("salaries" in one.page for one in after.missing)
    shown = {one.reason for one in after.missing}
    assert not shown & {"changed", "prefetch", "page", "network", "country", "datacenter", "new_visitors", "throttled"}
    assert [one.often for one in after.missing if one.reason == "host"] == ["10 or more"]


def test_what_is_dropped_for_who_somebody_is_is_counted_when_the_day_is_over(rollups: Rollups, tmp_path: Path) -> None:
    key = rollups.site.key
    yesterday = dt.datetime.now(dt.UTC).replace(hour=12, minute=0, second=0) - dt.timedelta(days=1)
    columns = ("site", "minute", "reason", "count")
    rollups.store.insert("ingest", columns, ((key,), (int(yesterday.timestamp()),), ("network",), (25,)))
    told = [one for one in outcomes(rollups.store) if one[0] == key and one[1] == "network"]
    assert told == [(key, "network", 25)]
