"""Folding: what k people did not do is never told apart, and what is folded together never gives one value away."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up
from pipeline.rollup.visits.visit import OUTSIDE_OTHER
from pipeline.settings import SiteRules
from schema.dimensions import DIMENSIONS, OTHER
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event, times
from tests.together import Test, Work, roll_up_days, together

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

# Far ahead, so that no TTL takes the rows while they are looked at.
DAY = dt.date(2041, 3, 6)
START = day_bounds("UTC", day_number(DAY)).start
_NUMBER = itertools.count(1)


def new_site(*goals: Goal) -> Site:
    return Site(f"fold-{next(_NUMBER)}", goals=goals)


def hit(site: Site, visitor: int, at: int = 0, **given: Any) -> Event:
    return make_event(site.key, START + at, DAY, visitor=visitor, **given)


def rolled_up(store: Store, site: Site, events: Sequence[Event], k: int = 5, strict: bool = False) -> Work:
    """These have come, and the day is to be rolled up."""
    if events:
        insert(store, events)
    return Work(roll_up_days, SiteDay(site, DAY, SiteRules(k, 30, "strict" if strict else "balanced", strict)))


def cells(store: Store, site: Site, dimension: str, grain: str = "day", what: str = "visitors") -> dict[str, int]:
    return dict(
        store.rows(
            f"SELECT value, {what} FROM open_cells WHERE site = {{site:String}} AND dimension = {{d:String}} "
            "AND grain = {grain:String}",
            {"site": site.key, "d": dimension, "grain": grain},
        )
    )


def scratch_tables(store: Store) -> int:
    return int(store.rows("SELECT count() FROM system.tables WHERE startsWith(name, 'run_')")[0][0])


def count(store: Store, site: Site, table: str) -> int:
    return int(store.rows(f"SELECT count() FROM {table} WHERE site = {{site:String}}", {"site": site.key})[0][0])


@together
def test_a_site_whose_last_goal_goes_shows_no_conversions_and_the_same_cells(store: Store) -> Test:
    site = new_site(Goal("buy", event="buy"))
    yield rolled_up(store, site, [hit(site, visitor, name="buy", currency="EUR", amount=5) for visitor in range(1, 8)])
    assert count(store, site, "open_conversions")
    shown = cells(store, site, "event")
    yield rolled_up(store, structs.replace(site, goals=()), [])
    assert count(store, site, "open_conversions") == 0
    assert cells(store, site, "event") == shown == {"buy": 7}


@pytest.mark.parametrize(
    ("people", "shown"),
    [
        # people per page (disjoint), what is shown
        ({"/a": 5, "/b": 5}, {"/a": 5, "/b": 5}),
        ({"/a": 9, "/b": 3, "/c": 3}, {"/a": 9, OTHER: 6}),
        ({"/a": 9, "/b": 3, "/c": 2}, {"/a": 9, OTHER: 5}),
        # One hidden value alone would be told by the total: the smallest visible one keeps it company.
        ({"/a": 9, "/b": 6, "/c": 4}, {"/a": 9, OTHER: 10}),
        # Two hidden values that together cover fewer than k.
        ({"/a": 9, "/b": 6, "/c": 2, "/d": 2}, {"/a": 9, OTHER: 10}),
        ({"/a": 9, "/b": 1}, {OTHER: 10}),
        ({"/a": 2, "/b": 2, "/c": 2}, {OTHER: 6}),
        # Of equals the first in the alphabet goes, always the same one.
        ({"/b": 6, "/a": 6, "/c": 1}, {"/b": 6, OTHER: 7}),
    ],
)
@together
def test_values_under_k_people_become_other_and_never_alone(
    store: Store, people: dict[str, int], shown: dict[str, int]
) -> Test:
    site, visitors = new_site(), itertools.count(1)
    yield rolled_up(store, site, [hit(site, next(visitors), path=path) for path, n in people.items() for _ in range(n)])
    assert cells(store, site, "page") == shown
    assert cells(store, site, "") == {"": sum(people.values())}


@pytest.mark.parametrize(
    ("people", "shown"),
    [
        # Nobody's campaign is no rare campaign: the smallest other one keeps /c company.
        ({"": 950, "/a": 9, "/b": 6, "/c": 4}, {"": 950, "/a": 9, OTHER: 10}),
        ({"": 5, "/a": 9, "/c": 4}, {"": 5, OTHER: 13}),
        ({"": 950, "/c": 3, "/d": 3}, {"": 950, OTHER: 6}),
        # Where there is no other, nothing is told: 950 of 953 would tell of three.
        ({"": 950, "/c": 3}, {}),
        ({"": 950, "/a": 9}, {"": 950, "/a": 9}),
        ({"": 2, "/a": 9}, {OTHER: 11}),
    ],
)
@together
def test_no_campaign_is_never_among_the_other_campaigns(
    store: Store, people: dict[str, int], shown: dict[str, int]
) -> Test:
    site, visitors = new_site(Goal("go", event=PAGEVIEW)), itertools.count(1)
    events = [hit(site, next(visitors), utm_campaign=name) for name, n in people.items() for _ in range(n)]
    yield rolled_up(store, site, events)
    assert cells(store, site, "utm_campaign") == shown
    # Conversions follow the cells.
    rows = store.rows(
        "SELECT value, converters FROM open_conversions WHERE site = {s:String} AND dimension = 'utm_campaign'",
        {"s": site.key},
    )
    assert dict(rows) == shown
    assert cells(store, site, "") == {"": sum(people.values())}


@together
def test_one_person_on_six_rare_pages_is_not_six_people(store: Store) -> Test:
    site = new_site()
    crowd = [hit(site, visitor, path="/a") for visitor in range(1, 8)]
    crowd += [hit(site, visitor, path="/b") for visitor in range(1, 7)]
    wanderer = [hit(site, 99, at=i, path=f"/rare-{i}") for i in range(6)]
    yield rolled_up(store, site, [*crowd, *wanderer])
    # Six hidden values, but one person: /b goes with them, and (other) counts 6 + 1 people, not 12.
    assert cells(store, site, "page") == {"/a": 7, OTHER: 7}
    assert cells(store, site, "page", what="pageviews")[OTHER] == 12


@together
def test_visitors_of_other_are_counted_distinctly_and_visits_once(store: Store) -> Test:
    site = new_site()
    crowd = [hit(site, visitor, path="/a") for visitor in range(1, 10)]
    # Visitors 1 to 5 each see two rare pages in the same visit.
    rare = [hit(site, visitor, at=10 * n, path=f"/rare-{n}-{visitor}") for visitor in range(1, 6) for n in (1, 2)]
    yield rolled_up(store, site, [*crowd, *rare])
    assert cells(store, site, "page") == {"/a": 9, OTHER: 5}
    assert cells(store, site, "page", what="visits")[OTHER] == 5
    assert cells(store, site, "page", what="pageviews")[OTHER] == 10


def test_one_visit_of_sixty_thousand_pages_is_counted_like_any(store: Store) -> None:
    """What it takes grows with its hits: with their square it took 20 GB and ended every run of that day."""
    site, many = new_site(Goal("read", page="/read/**"), Goal("buy", event="buy")), 60_000
    insert(store, [hit(site, visitor) for visitor in range(1, 5)])
    store.command(
        """INSERT INTO events (site, received, day, lifetime, visitor, name, interactive, path, currency, amount,
            scroll, lcp, inp, cls, fcp, ttfb, sequence)
        SELECT {site:String}, {start:UInt32} + intDiv(number, 2), {day:Date}, 30, 5,
            multiIf(number % 10 = 9, 'buy', number % 2, 'engagement', 'pageview'), true, '/read/' || toString(number),
            if(number % 10 = 9, 'EUR', ''), if(number % 10 = 9, 100, 0), 255, if(number % 2, 900, -1), -1, -1, -1, -1,
            1000 + number
        FROM numbers({many:UInt32})""",
        {"site": site.key, "start": START, "day": DAY, "many": many},
        max_threads=1,
    )
    roll_up(store, site, DAY, SiteRules(1, 30, "balanced"))
    assert cells(store, site, "", what="pageviews") == {"": 4 + many // 2}
    assert cells(store, site, "page", what="visits") == {"/": 4, **{f"/read/{n}": 1 for n in range(0, many, 2)}}


@pytest.mark.parametrize(("people", "published"), [(1, False), (4, False), (5, True)])
@together
def test_a_day_under_k_people_publishes_nothing(store: Store, people: int, published: bool) -> Test:
    site = new_site(Goal("g", event="go"))
    events = [hit(site, visitor) for visitor in range(people)]
    events += [hit(site, visitor, name="go", currency="EUR", amount=1, at=1) for visitor in range(people)]
    events += [hit(site, visitor, name=ENGAGEMENT, lcp=900.0, at=2) for visitor in range(people)]
    yield rolled_up(store, site, events)
    for table in ("open_cells", "open_conversions", "open_vitals"):
        assert bool(count(store, site, table)) is published, table


@together
def test_a_day_that_falls_under_k_takes_its_published_rows_back(store: Store) -> Test:
    site = new_site()
    yield rolled_up(store, site, [hit(site, visitor) for visitor in range(5)])
    assert count(store, site, "open_cells")
    yield rolled_up(store, site, [], k=6)
    assert count(store, site, "open_cells") == 0


@together
def test_engagement_reports_alone_are_nobody(store: Store) -> Test:
    site = new_site()
    yield rolled_up(store, site, [hit(site, visitor, name=ENGAGEMENT, engaged_ms=10) for visitor in range(9)])
    assert count(store, site, "open_cells") == 0


@pytest.mark.parametrize(
    ("reported_at", "engaged_s", "visits", "seconds"),
    [
        (2700, 1800, 1, 2700),  # a long read, told once
        (2700, 0, 1, 0),  # a tab that was only left open
        (3600, 1800, 1, 3600),
        (3601, 1800, 1, 0),
        (9000, 86_400, 1, 0),  # no report reaches back further than a gap
    ],
)
@together
def test_a_report_reaches_back_by_its_engaged_time(
    store: Store, reported_at: int, engaged_s: int, visits: int, seconds: int
) -> Test:
    site = new_site()
    events = [
        event
        for visitor in range(6)
        for event in (
            hit(site, visitor, path="/long"),
            hit(site, visitor, reported_at, path="/long", name=ENGAGEMENT, engaged_ms=engaged_s * 1000),
        )
    ]
    yield rolled_up(store, site, events)
    assert cells(store, site, "page", what="(visits, visit_seconds)") == {"/long": (6 * visits, 6 * seconds)}


@together
def test_hours_are_folded_like_any_dimension(store: Store) -> Test:
    site, visitors = new_site(), itertools.count(1)
    per_hour = {0: 8, 9: 6, 13: 3, 22: 2}
    yield rolled_up(
        store, site, [hit(site, next(visitors), at=3600 * h) for h, n in per_hour.items() for _ in range(n)]
    )
    rows = store.rows(
        "SELECT toUnixTimestamp(period), value, visitors FROM open_cells WHERE site = {site:String} "
        "AND grain = 'hour' ORDER BY ALL",
        {"site": site.key},
    )
    assert rows == [(START, "", 8), (START, OTHER, 5), (START + 9 * 3600, "", 6)]


@together
def test_only_the_day_has_dimensions_and_only_totals_have_hours(store: Store) -> Test:
    site = new_site()
    yield rolled_up(store, site, [hit(site, visitor, path="/a", country="DE") for visitor in range(6)])
    rows = store.rows("SELECT DISTINCT grain, dimension FROM open_cells WHERE site = {s:String}", {"s": site.key})
    assert {dimension for grain, dimension in rows if grain == "hour"} == {""}
    assert {dimension for grain, dimension in rows if grain == "day"} == {"", *DIMENSIONS}


@together
def test_r3_revenue_under_k_payers_and_goals_under_k_converters_are_hidden_in_company(store: Store) -> Test:
    site = new_site(Goal("buy", event="buy"))
    events = [hit(site, v, country="DE" if v < 6 else "FR" if v < 12 else "US") for v in range(20)]
    buyers = {"DE": range(5), "FR": range(6, 10), "US": range(12, 18)}
    for country, people in buyers.items():
        events += [hit(site, v, at=5, name="buy", country=country, currency="EUR", amount=100) for v in people]
    yield rolled_up(store, site, events)
    rows = store.rows(
        "SELECT value, currency, converters, conversions, amount, payers FROM open_conversions WHERE "
        "site = {site:String} AND dimension = 'country' AND grain = 'day' ORDER BY ALL",
        {"site": site.key},
    )
    # Four in France bought. Were Germany shown beside the total, France would be the difference.
    assert rows == [("US", "", 6, 6, 0, 0), ("US", "EUR", 0, 0, 600, 6)]


@together
def test_one_payer_who_pays_five_times_is_one(store: Store) -> Test:
    site = new_site(Goal("buy", event="buy"))
    events = [hit(site, visitor) for visitor in range(9)]
    events += [hit(site, 1, at=i, name="buy", currency="EUR", amount=100) for i in range(5)]
    yield rolled_up(store, site, events)
    assert not store.rows(
        "SELECT * FROM open_conversions WHERE site = {site:String} AND payers + abs(amount) > 0", {"site": site.key}
    )


@pytest.mark.parametrize(("strict", "converters"), [(False, {"US": 7}), (True, {"US": 5})])  # H4: a multiple of k
@together
def test_n1_conversions_under_k_converters_are_hidden_in_every_preset(
    store: Store, strict: bool, converters: dict[str, int]
) -> Test:
    site = new_site(Goal("go", event="go"))
    events = [hit(site, v, country="DE" if v < 6 else "FR" if v < 12 else "US") for v in range(20)]
    events += [hit(site, v, at=5, name="go", country="DE" if v < 6 else "FR") for v in (*range(6), 6, 7)]
    events += [hit(site, v, at=5, name="go", country="US") for v in range(12, 19)]
    yield rolled_up(store, site, events, strict=strict)
    shown = store.rows(
        "SELECT value, converters FROM open_conversions WHERE site = {s:String} AND dimension = 'country'",
        {"s": site.key},
    )
    assert dict(shown) == converters


@together
def test_vitals_are_hidden_under_k_people_who_contributed_to_them(store: Store) -> Test:
    site = new_site()
    events = [hit(site, visitor, path="/a") for visitor in range(9)]
    # Four people measured INP, one of them many times; six measured LCP.
    events += [
        hit(site, v, at=1 + i, name=ENGAGEMENT, path="/a", inp=120.0) for v in range(4) for i in range(1 + 5 * (v == 0))
    ]
    events += [hit(site, v, at=9, name=ENGAGEMENT, path="/a", lcp=1800.0) for v in range(6)]
    yield rolled_up(store, site, events)
    rows = store.rows(
        "SELECT dimension, value, metric, sum(samples), sum(people) FROM open_vitals WHERE site = {site:String} "
        "GROUP BY ALL ORDER BY ALL",
        {"site": site.key},
    )
    assert rows == [
        (*of, "lcp", 6, 6)
        for of in (("", ""), ("browser", ""), ("country", ""), ("device", ""), ("page", "/a"), ("section", "/"))
    ]


@together
def test_with_k_of_one_nothing_is_folded(store: Store) -> Test:
    site = new_site(Goal("buy", event="buy"))
    events = [hit(site, 1, path="/a"), hit(site, 2, path="/b"), hit(site, 3, path="/b")]
    events += [hit(site, 1, at=1, name="buy", currency="EUR", amount=7), hit(site, 2, at=1, name=ENGAGEMENT, lcp=1.0)]
    yield rolled_up(store, site, events, k=1)
    assert cells(store, site, "page") == {"/a": 1, "/b": 2}
    assert cells(store, site, "event") == {"pageview": 3, "buy": 1}
    assert store.rows(
        "SELECT sum(amount) FROM open_conversions WHERE site = {s:String} AND dimension = '' AND grain = 'day'",
        {"s": site.key},
    ) == [(7,)]
    everything = store.rows(
        "SELECT count() FROM open_cells WHERE site = {s:String} AND value = {other:String}",
        {"s": site.key, "other": OTHER},
    )
    assert everything == [(0,)]


@together
def test_an_event_id_is_counted_once_a_day(store: Store) -> Test:
    site = new_site()
    yield rolled_up(store, site, [hit(site, 1, id=7), hit(site, 1, id=7, at=1), hit(site, 1, id=8, at=2)], k=1)
    assert cells(store, site, "", what="pageviews") == {"": 2}


@together
def test_recomputing_a_day_changes_nothing(store: Store) -> Test:
    site = new_site()
    yield rolled_up(store, site, [hit(site, v % 9, at=v * 60, path=f"/{v % 4}") for v in range(60)])
    query = "SELECT * FROM open_cells WHERE site = {site:String} ORDER BY ALL"
    before = store.rows(query, {"site": site.key})
    yield rolled_up(store, site, [], k=5)
    assert before
    assert store.rows(query, {"site": site.key}) == before


@together
def test_no_visitor_number_is_left_where_the_rollup_works(store: Store) -> Test:
    site = new_site()
    yield rolled_up(store, site, [hit(site, visitor) for visitor in range(6)])
    for table in ("staging_cells", "staging_conversions", "staging_vitals"):
        assert store.rows(f"SELECT count() FROM {table}") == [(0,)], table
    assert scratch_tables(store) == 0


@together
def test_who_viewed_no_page_is_behind_the_rare_entry_pages(store: Store) -> Test:
    """A visit of events alone has the empty entry page: a value like others."""
    site = new_site()
    events = [hit(site, visitor, path="/often") for visitor in range(1, 8)]
    events += [hit(site, visitor, path=f"/rare-{visitor}") for visitor in range(8, 12)]
    events += [hit(site, visitor, name="go", path="/often") for visitor in range(12, 15)]
    yield rolled_up(store, site, events)
    for dimension in ("entry_page", "exit_page"):
        assert cells(store, site, dimension) == {"/often": 7, OTHER: 7}
        assert cells(store, site, dimension, what="visits") == cells(store, site, dimension, what="entries")


def test_a_rollup_that_fails_leaves_no_visitor_number_behind(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    site = new_site()
    insert(store, [hit(site, visitor) for visitor in range(6)])
    broken = {"cells": "INSERT INTO no_such_table (a) SELECT 1"}
    monkeypatch.setattr("pipeline.rollup.staging._statements", lambda rounds: broken)
    with pytest.raises(Exception, match="no_such_table"):
        roll_up(store, site, DAY, SiteRules(5, 30, "balanced"))
    assert scratch_tables(store) == 0


_HITS = st.lists(
    st.tuples(
        st.integers(1, 14),  # visitor
        st.sampled_from(["/a", "/b", "/c", "/d", "/e"]),
        st.sampled_from(["DE", "FR", "US"]),
        st.integers(0, 23),  # hour
        st.sampled_from(["pageview", "pageview", "go", ENGAGEMENT]),
    ),
    min_size=1,
    max_size=70,
)


_Hits = list[tuple[int, str, str, int, str]]


@given(days=st.lists(st.tuples(_HITS, st.integers(2, 6)), min_size=6, max_size=12))
@settings(max_examples=max(2, times(4)), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_people_do_no_visible_cell_has_fewer_than_k_of_them(
    store: Store, days: list[tuple[_Hits, int]]
) -> None:
    """Of several sites that are rolled up together."""
    sites = [new_site(Goal("go", event="go")) for _ in days]
    events = [event for site, (hits, _) in zip(sites, days, strict=True) for event in happened(site, hits)]
    works = [rolled_up(store, site, [], k).part for site, (_, k) in zip(sites, days, strict=True)]
    insert(store, events)
    roll_up_days(store, works)
    for site, (hits, k) in zip(sites, days, strict=True):
        assert_hidden(store, site, hits, k)


def happened(site: Site, hits: _Hits) -> list[Event]:
    return [
        hit(
            site,
            visitor,
            at=hour * 3600,
            path=path,
            country=country,
            name=name,
            lcp=900.0 if name == ENGAGEMENT else -1.0,
            currency="EUR" if name == "go" else "",
            amount=5 * (name == "go"),
        )
        for visitor, path, country, hour, name in hits
    ]


def assert_hidden(store: Store, site: Site, hits: _Hits, k: int) -> None:
    here = {"s": site.key, "k": k}
    where = "WHERE site = {s:String}"
    small = store.rows(f"SELECT dimension, value, visitors FROM open_cells {where} AND visitors < {{k:UInt32}}", here)
    assert small == []
    assert (
        store.rows(f"SELECT * FROM open_conversions {where} AND currency != '' AND payers < {{k:UInt32}}", here) == []
    )
    assert store.rows(f"SELECT * FROM open_vitals {where} AND people < {{k:UInt32}}", here) == []
    # What is folded is never one value, and what is shown by name is what was there.
    pages: dict[str, set[int]] = {}
    active = {v for v, _, _, _, name in hits if name != ENGAGEMENT}
    for visitor, path, _, _, name in hits:
        if name == "pageview":
            pages.setdefault(path, set()).add(visitor)
    shown = cells(store, site, "page")
    if len(active) < k:
        assert shown == {}
        return
    named = {page for page in shown if page != OTHER}
    assert {page: len(pages[page]) for page in named} == {page: shown[page] for page in named}
    hidden = pages.keys() - named
    if named and hidden:
        assert len(hidden) >= 2
        assert shown[OTHER] == len(set().union(*(pages[page] for page in hidden))) >= k


# What a page may send and the fold writes, by the column it arrives in and the dimension it shows in.
_SENT = {
    "utm_source": "utm_source",
    "source": "source",
    "referrer": "referrer",
    "country": "country",
    "hostname": "hostname",
    "path": "page",
    "name": "event",
}


@pytest.mark.parametrize("column", _SENT)
@together
def test_r3_a_page_that_sends_the_folds_own_name_does_not_pass_for_it(store: Store, column: str) -> Test:
    site, dimension = new_site(), _SENT[column]
    values = {"/shown": 6, OTHER: 7, "/rare-1": 3, "/rare-2": 3}
    visitors = itertools.count(1)
    events = [hit(site, next(visitors), **{column: value}) for value, n in values.items() for _ in range(n)]
    yield rolled_up(store, site, events)
    assert cells(store, site, dimension) == {"/shown": 6, OUTSIDE_OTHER: 7, OTHER: 6}
    rows = store.rows(
        "SELECT grain, dimension, value, period, count(), min(visitors) FROM open_cells WHERE site = {s:String} "
        "GROUP BY ALL",
        {"s": site.key},
    )
    assert {number for *_, number, _ in rows} == {1}, "two rows of one key"
    assert min(least for *_, least in rows) >= 5


@together
def test_r3_under_k_people_the_folds_own_name_is_folded_like_any_value(store: Store) -> Test:
    site, visitors = new_site(Goal("odd", event=OTHER)), itertools.count(1)
    pages = {"/a": 6, OTHER: 1, "/rare-1": 3, "/rare-2": 3}
    events = [hit(site, next(visitors), path=path) for path, n in pages.items() for _ in range(n)]
    events += [hit(site, visitor, at=5, name=OTHER, path=OTHER, lcp=900.0) for visitor in range(1, 7)]
    yield rolled_up(store, site, events)
    # One who viewed the page of that name, and the six of the rare ones.
    assert cells(store, site, "page") == {"/a": 6, OTHER: 7}
    # A goal means what the page sent.
    assert store.rows(
        "SELECT converters FROM open_conversions WHERE site = {s:String} AND dimension = '' AND grain = 'day'",
        {"s": site.key},
    ) == [(6,)]
    doubled = "SELECT dimension, value, metric FROM open_vitals WHERE site = {s:String} GROUP BY ALL "
    assert store.rows(doubled + "HAVING count() > 1", {"s": site.key}) == []
