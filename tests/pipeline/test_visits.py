"""An open day whose visits are brought up to date has the visits, and the rows, of one that is sessionized whole."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from pipeline.rollup import stages
from pipeline.rollup.batch import Batch, Quarter, SiteDay
from pipeline.rollup.scratch import drop_left
from pipeline.rollup.stages import roll_up, roll_up_together
from pipeline.rollup.together import roll_up_all
from pipeline.rollup.visits.snapshot import Seen, look
from pipeline.settings import SiteRules
from pipeline.spool.file import PLACE_BITS
from pipeline.writer import COLUMNS
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.families import LIVE
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store, StoreDown
from tests.conftest import make_event, times
from tests.pipeline.test_whole_day import of_each_its_own
from tests.together import Test, Work, together

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(600)]

# Far ahead, so that no TTL takes the rows while they are looked at.
DAY = dt.date(2041, 3, 6)
START = day_bounds("UTC", day_number(DAY)).start
BALANCED = SiteRules(2, 30, "balanced")
_NUMBER = itertools.count(1)
_FILE = 2**PLACE_BITS
_PLACE, _EARLIER_FILE = itertools.count(2**20 * _FILE + 1000), itertools.count(2**20 - 1, -1)


def new_site() -> Site:
    return Site(f"visits-{next(_NUMBER)}", goals=(Goal("buy", event="buy"), Goal("Docs", page="/docs/**")))


def rows(store: Store, *sites: Site) -> dict[str, list[tuple[Any, ...]]]:
    shown = {
        family: store.rows(f"SELECT * FROM open_{family} WHERE site IN {{s:Array(String)}} ORDER BY ALL", _keys(sites))
        for family in LIVE
    }
    return shown | {"visits": visits(store, *sites)}


def visits(store: Store, *sites: Site, what: str = "* EXCEPT version") -> list[tuple[Any, ...]]:
    return store.rows(f"SELECT {what} FROM visits FINAL WHERE site IN {{s:Array(String)}} ORDER BY ALL", _keys(sites))


def _keys(sites: Sequence[Site]) -> dict[str, list[str]]:
    return {"s": [site.key for site in sites]}


def roll_up_whole(store: Store, site: Site, rules: SiteRules = BALANCED) -> None:
    """As if no run had been before."""
    _count_whole(store, [SiteDay(site, DAY, rules)])


def counted(site: Site) -> Work:
    """The day brought up to date, with those of other tests; whether everybody's visits were made anew."""
    return Work(_count, SiteDay(site, DAY, BALANCED))


def counted_whole(site: Site) -> Work:
    """The same as if no run had been before."""
    return Work(_count_whole, SiteDay(site, DAY, BALANCED))


def _count(store: Store, days: Sequence[SiteDay]) -> list[bool]:
    made: list[frozenset[tuple[str, dt.date]]] = []

    def seen(of: Batch, whole: bool) -> Seen:
        seen = look(of, whole)
        made.append(seen.whole)
        return seen

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(stages, "look", seen)
        roll_up_together(store, days)
    return [day.key in made[0] for day in days]


def _count_whole(store: Store, days: Sequence[SiteDay]) -> list[bool]:
    _delete(store, "visits", "site IN {s:Array(String)}", {"s": [day.site.key for day in days]})
    for day in days:
        store.command(f"ALTER TABLE sessionized DROP PARTITION ('{day.site.key}', '{DAY}')")
    return _count(store, days)


def forget(store: Store, table: str, site: Site, visitor: str = "visitor") -> None:
    """Delete rows of one visitor, or of all."""
    _delete(store, table, f"site = {{s:String}} AND visitor = {visitor}", {"s": site.key})


def _delete(store: Store, table: str, mine: str, given: dict[str, Any]) -> None:
    """In the partitions that have some: other tests have left many."""
    for (partition,) in store.rows(f"SELECT DISTINCT _partition_id FROM {table} WHERE {mine}", given):
        store.command(f"ALTER TABLE {table} DELETE IN PARTITION ID '{partition}' WHERE {mine}", given, mutations_sync=2)


def insert(store: Store, events: Sequence[Event], late: bool = False, places: Iterator[int] = _PLACE) -> None:
    """Write events as the writer does. late: as those of a file that was begun before all others."""
    places = itertools.count(next(_EARLIER_FILE) * _FILE) if late else places
    rows = [[*structs.astuple(event), next(places)] for event in events]
    store.insert("events", COLUMNS, [list(column) for column in zip(*rows, strict=True)])


_PATHS = ("/", "/a", "/b", "/docs/x", "(other)")


@st.composite
def _events(draw: st.DrawFn) -> dict[str, Any]:
    name = draw(st.sampled_from([PAGEVIEW, PAGEVIEW, PAGEVIEW, "buy", "other", ENGAGEMENT, ENGAGEMENT]))
    given: dict[str, Any] = {
        "visitor": draw(st.integers(1, 9)) * 2**60,
        "name": name,
        "path": draw(st.sampled_from(_PATHS)),
        # Ten-minute steps: visits that go on, and that end.
        "received": START + 600 * draw(st.integers(0, 30)) + draw(st.integers(0, 1)),
        "country": draw(st.sampled_from(["DE", "DE", "FR", ""])),
        "device": draw(st.sampled_from(["desktop", "mobile"])),
        "hostname": draw(st.sampled_from(["example.com", "example.com", "docs.example.com"])),
        "interactive": draw(st.booleans()),
        "id": draw(st.sampled_from([0, 0, 0, 1, 2, 3])),
    }
    given = of_each_its_own(draw(st.integers(0, 11))) | given
    if name == "buy":
        given |= {"currency": draw(st.sampled_from(["EUR", "USD", ""])), "amount": draw(st.integers(-5, 500))}
    if name == ENGAGEMENT:
        given["engaged_ms"] = draw(st.sampled_from([0, 90_000, 1_200_000]))
        given["lcp"] = draw(st.sampled_from([-1.0, 900.0, 3000.0]))
        given["cls"] = draw(st.sampled_from([-1.0, 0.0, 0.3]))
        given |= draw(st.sampled_from([{}, {"inp": 90.0, "fcp": 700.0, "ttfb": 50.0}, {"fcp": 3500.0, "ttfb": 900.0}]))
    return given


_BATCHES = st.lists(
    st.tuples(st.lists(_events(), min_size=1, max_size=25), st.sampled_from(["new", "new", "new", "late", "erased"])),
    min_size=2,
    max_size=4,
)
# Of one site: what arrives and how, its k, whether its rules are strict.
_SITES = st.lists(st.tuples(_BATCHES, st.integers(1, 4), st.booleans()), min_size=6, max_size=9)


@given(given=_SITES)
@settings(max_examples=max(2, times(4)), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_arrives_a_day_brought_up_to_date_is_as_one_made_whole(
    store: Store, monkeypatch: pytest.MonkeyPatch, given: list[tuple[list[tuple[list[dict[str, Any]], str]], int, bool]]
) -> None:
    """Of several sites that are rolled up together."""
    made: list[frozenset[str]] = []

    def seen(of: Batch, whole: bool) -> Seen:
        seen = look(of, whole)
        made.append(frozenset(site for site, _ in seen.whole))
        return seen

    sites = [new_site() for _ in given]
    rules = [SiteRules(k, 30, "strict" if strict else "balanced", strict) for _, k, strict in given]
    days = [SiteDay(site, DAY, rule) for site, rule in zip(sites, rules, strict=True)]
    with monkeypatch.context() as patch:
        patch.setattr(stages, "look", seen)
        for number in range(max(len(batches) for batches, *_ in given)):
            news = [
                (of, *batches[number]) for of, (batches, *_) in zip(days, given, strict=True) if number < len(batches)
            ]
            for one, batch, how in news:
                events = [make_event(one.site.key, day=DAY, **each) for each in batch]
                insert(store, events, late=how == "late")
                if how == "erased":
                    for table in ("visits", "events"):
                        forget(store, table, one.site, str(events[0].visitor))
            roll_up_together(store, [one for one, *_ in news])
            for one, _, how in news:
                assert how != "new" or (one.site.key in made[-1]) is (number == 0), number
            found = rows(store, *(one.site for one, *_ in news))
            for table in ("visits", "sessionized"):
                store.command(f"TRUNCATE TABLE {table}")
            roll_up_together(store, [one for one, *_ in news])
            assert found == rows(store, *(one.site for one, *_ in news))


def crowd(site: Site, visitors: range, at: int = 0, **given: Any) -> list[Event]:
    return [make_event(site.key, START + at + v, DAY, visitor=v * 2**56, **given) for v in visitors]


@together
def test_an_event_between_two_visits_makes_one_of_them(store: Store) -> Test:
    site, whole = new_site(), []
    insert(store, crowd(site, range(1, 9)) + crowd(site, range(1, 2), 3000))
    whole.append((yield counted(site)))
    assert len(visits(store, site)) == 9
    insert(store, crowd(site, range(1, 2), 1500))
    whole.append((yield counted(site)))
    assert visits(store, site, what="viewed, again, seconds")[-1] == (3, 0, 3000)
    assert len(visits(store, site)) == 8
    assert whole == [True, False]
    found = rows(store, site)
    yield counted_whole(site)
    assert found == rows(store, site)


@together
def test_an_exit_page_that_moves_on_takes_the_old_one_below_k(store: Store) -> Test:
    site, whole = new_site(), []
    insert(store, [*crowd(site, range(1, 20)), *crowd(site, range(1, 3), 60, path="/a")])
    insert(store, crowd(site, range(3, 6), 60, path="/b"))
    whole.append((yield counted(site)))
    before = rows(store, site)
    insert(store, crowd(site, range(1, 2), 90, path="/b"))
    whole.append((yield counted(site)))
    found = rows(store, site)
    assert whole == [True, False]
    assert found != before
    yield counted_whole(site)
    assert found == rows(store, site)


@together
def test_two_hosts_may_give_the_same_places_to_the_events_of_two_visitors(store: Store) -> Test:
    site = new_site()
    for country, visitors in (("DE", range(1, 9)), ("FR", range(9, 17))):
        insert(store, crowd(site, visitors, country=country), places=itertools.count(2**21 * _FILE))
    yield counted(site)
    found = "SELECT value, visitors FROM open_cells WHERE site = {s:String} AND dimension = 'country' ORDER BY value"
    assert store.rows(found, {"s": site.key}) == [("DE", 8), ("FR", 8)]


@together
def test_a_row_that_was_sent_twice_stays_uncounted_when_its_visitor_comes_again(store: Store) -> Test:
    site, whole = new_site(), []
    insert(store, [*crowd(site, range(1, 9)), *crowd(site, range(1, 2), id=7), *crowd(site, range(1, 2), 60, id=7)])
    whole.append((yield counted(site)))
    insert(store, crowd(site, range(1, 2), 90))
    whole.append((yield counted(site)))
    assert whole == [True, False]
    views = "SELECT pageviews FROM open_cells WHERE site = {s:String} AND grain = 'day' AND dimension = ''"
    assert store.rows(views, {"s": site.key}) == [(8 + 1 + 1,)]


@together
def test_an_earlier_row_of_the_same_id_takes_the_place_of_the_later(store: Store) -> Test:
    site, whole = new_site(), []
    insert(store, crowd(site, range(1, 9)) + crowd(site, range(9, 10), id=7))
    whole.append((yield counted(site)))
    insert(store, crowd(site, range(10, 11), id=7), late=True)
    whole.append((yield counted(site)))
    assert whole == [True, False]
    assert {visitor for (visitor,) in visits(store, site, what="visitor")} == {v * 2**56 for v in (*range(1, 9), 10)}
    found = rows(store, site)
    yield counted_whole(site)
    assert found == rows(store, site)


@together
def test_nothing_new_changes_nothing(store: Store) -> Test:
    site, whole = new_site(), []
    insert(store, crowd(site, range(1, 9)))
    whole.append((yield counted(site)))
    before = rows(store, site)
    whole.append((yield counted(site)))
    assert whole == [True, False]
    assert rows(store, site) == before


@pytest.mark.parametrize(
    "what",
    ["an erasure", "a row before others of its spool", "another row instead of one"],
)
@together
def test_a_day_is_made_whole_where_rows_are_gone_or_came_out_of_order(store: Store, what: str) -> Test:
    site, whole = new_site(), []
    insert(store, crowd(site, range(1, 9), id=0) + crowd(site, range(9, 10), id=7))
    whole.append((yield counted(site)))
    whole.append((yield counted(site)))
    assert whole == [True, False]
    if what == "an erasure":
        forget(store, "events", site, str(2**56))
    else:
        # Two hosts may have begun a file of the same name in the same second.
        if what == "another row instead of one":
            forget(store, "events", site, str(9 * 2**56))
        insert(store, crowd(site, range(10, 11)), places=itertools.count(2**20 * _FILE))
    whole.append((yield counted(site)))
    assert whole[-1]
    found = rows(store, site)
    yield counted_whole(site)
    assert found == rows(store, site)


@together
def test_a_goal_that_is_added_counts_from_the_days_beginning(store: Store) -> Test:
    site, whole = new_site(), []
    insert(store, crowd(site, range(1, 9)))
    whole.append((yield counted(site)))
    whole.append((yield counted(Site(site.key, goals=(Goal("Home", page="/"),)))))
    assert whole == [True, False]
    reached = "SELECT goal, converters FROM open_conversions WHERE site = {s:String} AND dimension = ''"
    assert set(store.rows(reached, {"s": site.key})) == {("Home", 8)}


def test_a_run_that_fails_is_made_good_by_the_next(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    site = new_site()
    insert(store, crowd(site, range(1, 9)))
    roll_up(store, site, DAY, BALANCED)
    insert(store, crowd(site, range(9, 10)))
    with monkeypatch.context() as broken:
        broken.setattr("pipeline.rollup.visits.sessionize.note", _fail)
        with pytest.raises(StoreDown):
            roll_up(store, site, DAY, BALANCED)
    roll_up(store, site, DAY, BALANCED)
    found = rows(store, site)
    roll_up_whole(store, site)
    assert found == rows(store, site)


def _fail(*_: object) -> None:
    raise StoreDown("gone")


def test_days_that_are_rolled_up_together_have_the_rows_of_each_alone(store: Store) -> None:
    sites = [
        structs.replace(new_site(), timezone="Europe/Berlin"),
        structs.replace(new_site(), goals=(Goal("Home", page="/"),)),
        structs.replace(new_site(), goals=(), timezone="Asia/Kolkata"),
        new_site(),
    ]
    rules = [BALANCED, SiteRules(5, 30, "balanced"), SiteRules(1, 30, "accurate"), SiteRules(3, 30, "strict", True)]
    days = [SiteDay(site, DAY, rule) for site, rule in zip(sites, rules, strict=True)]
    for step in range(2):
        for place, site in enumerate(sites):
            # The same visitors everywhere: a number means nothing on another site.
            for page in range(4):
                people = range(1 + step, 3 + page * 2 + place)
                insert(
                    store, crowd(site, people, 700 * page, path=f"/{page}", country=("DE", "FR")[page % 2], lcp=800.0)
                )
            insert(store, crowd(site, range(1, 5 + place), 90, name="buy", currency="EUR", amount=5 + place))
        roll_up_together(store, days)
    together = [rows(store, site) for site in sites]
    for site, rule, found in zip(sites, rules, together, strict=True):
        assert found["cells"], site.key
        roll_up_whole(store, site, rule)
        assert found == rows(store, site), site.key


def test_a_day_is_made_whole_beside_one_that_is_brought_up_to_date(store: Store) -> None:
    sites = [new_site() for _ in range(3)]
    days = [SiteDay(site, DAY, BALANCED) for site in sites]
    for site in sites:
        insert(store, crowd(site, range(1, 9)))
    roll_up_together(store, days)
    for site in sites[:2]:
        forget(store, "events", site, str(2**56))
    insert(store, crowd(sites[2], range(9, 10)))
    roll_up_together(store, days)
    assert [len(visits(store, site)) for site in sites] == [7, 7, 9]


@pytest.mark.parametrize("sql", ["", "SELECT throwIf(1)"], ids=["in our code", "in the store"])
def test_who_is_watched_comes_first_and_a_site_that_fails_harms_no_other(
    store: Store, monkeypatch: pytest.MonkeyPatch, sql: str
) -> None:
    sites = [new_site() for _ in range(4)]
    days = [SiteDay(site, DAY, BALANCED) for site in sites]
    for site in sites:
        insert(store, crowd(site, range(1, 5)))
    done: list[list[str]] = []

    def failing(store: Store, batch: Sequence[SiteDay], _: Quarter | None) -> None:
        done.append([of.site.key for of in batch])
        if sites[1].key in done[-1]:
            store.rows(sql) if sql else _refuse()
        roll_up_together(store, batch)

    monkeypatch.setattr("pipeline.rollup.together.roll_up_together", failing)
    sizes = {of.key: size for of, size in zip(days, (4, 4, 9, 150_000), strict=True)}
    failed = roll_up_all(store, days, sizes, {sites[3].key})
    assert done[0] == [sites[3].key, sites[0].key, sites[1].key, sites[2].key]
    assert list(failed) == [days[1].key]
    assert [bool(rows(store, site)["cells"]) for site in sites] == [True, False, True, True]
    done.clear()
    roll_up_all(store, days, sizes | {days[3].key: 300_000})
    assert done[-1] == [sites[3].key], "a big day is rolled up alone"


def _refuse() -> None:
    raise ValueError("its data")


def test_what_a_killed_run_left_in_memory_is_dropped(store: Store) -> None:
    store.command(f"CREATE TABLE run_cells_{'a' * 16} (d UInt8) ENGINE = Memory")
    drop_left(store)
    assert store.rows("SELECT count() FROM system.tables WHERE startsWith(name, 'run_')") == [(0,)]
