"""A run that brings the kept sums of an open day up to date leaves the rows that computing the day whole would."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec import structs

from pipeline import others, rollup, sums
from pipeline.kept import KeptSums
from pipeline.others import Near
from pipeline.rollup import FAMILIES, roll_up
from pipeline.rows import Found, SiteDay
from pipeline.scratch import scratch_of
from pipeline.settings import SiteRules
from pipeline.spool_file import PLACE_BITS
from pipeline.writer import COLUMNS
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store, StoreDown
from tests.conftest import examples, make_event
from tests.pipeline.test_whole_day import of_each_its_own

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(600)]

# Far ahead, so that no TTL takes the rows while they are looked at.
DAY = dt.date(2041, 3, 6)
START = day_bounds("UTC", day_number(DAY)).start
BALANCED = SiteRules(2, 30, "balanced")
_NUMBER = itertools.count(1)
_FILE = 2**PLACE_BITS
_PLACE, _EARLIER_FILE = itertools.count(2**20 * _FILE + 1000), itertools.count(2**20 - 1, -1)


def new_site() -> Site:
    return Site(f"kept-{next(_NUMBER)}", goals=(Goal("buy", event="buy"), Goal("Docs", page="/docs/**")))


def rows(store: Store, site: Site) -> dict[str, list[tuple[Any, ...]]]:
    where = {"s": site.key}
    return {
        family: store.rows(f"SELECT * FROM open_{family} WHERE site = {{s:String}} ORDER BY ALL", where)
        for family in FAMILIES
    }


class Witness(KeptSums):
    """Sums that tell whether the last run was a patch."""

    def __init__(self, **given: int) -> None:
        super().__init__(**({"least_rows": 1} | given))
        self.patched = False

    def keep(self, of: SiteDay, found: Found, near: frozenset[str], whole: int = 0) -> None:
        self.patched = whole > 0
        super().keep(of, found, near, whole)


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


@given(batches=_BATCHES, k=st.integers(1, 4), strict=st.booleans())
@settings(examples(15), suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_arrives_a_patched_day_has_the_rows_of_one_computed_whole(
    store: Store,
    monkeypatch: pytest.MonkeyPatch,
    batches: list[tuple[list[dict[str, Any]], str]],
    k: int,
    strict: bool,
) -> None:
    monkeypatch.setattr(rollup, "_NEW_AT_MOST", 1e9)
    fell = []

    def look_near(of: SiteDay) -> Near:
        near = others.look_near(of)
        fell.append(near.fell)
        return near

    monkeypatch.setattr(rollup, "look_near", look_near)
    site, kept = new_site(), Witness()
    rules = SiteRules(k, 30, "strict" if strict else "balanced", strict)
    for batch, how in batches:
        events = [make_event(site.key, day=DAY, **given) for given in batch]
        insert(store, events, late=how == "late")
        if how == "erased":
            store.command(
                "ALTER TABLE events DELETE WHERE site = {s:String} AND visitor = {v:UInt64}",
                {"s": site.key, "v": events[0].visitor},
                mutations_sync=2,
            )
        had = bool(kept._days)  # of a day whose every row was erased there are none
        fell.clear()
        roll_up(store, site, DAY, rules, kept)
        if how == "new" and not any(event.id for event in events):
            assert kept.patched is (had and not any(fell))
        patched = rows(store, site)
        roll_up(store, site, DAY, rules)
        assert patched == rows(store, site)


def crowd(site: Site, visitors: range, at: int = 0, **given: Any) -> list[Event]:
    return [make_event(site.key, START + at + v, DAY, visitor=v * 2**56, **given) for v in visitors]


def test_an_exit_page_that_moves_on_takes_the_old_one_below_k(store: Store) -> None:
    site, kept = new_site(), Witness()
    insert(store, [*crowd(site, range(1, 20)), *crowd(site, range(1, 3), 60, path="/a")])
    insert(store, crowd(site, range(3, 6), 60, path="/b"))
    roll_up(store, site, DAY, BALANCED, kept)
    before = rows(store, site)
    insert(store, crowd(site, range(1, 2), 90, path="/b"))
    roll_up(store, site, DAY, BALANCED, kept)
    patched = rows(store, site)
    assert kept.patched
    assert patched != before
    roll_up(store, site, DAY, BALANCED)
    assert patched == rows(store, site)


def test_where_a_value_becomes_rare_that_nobody_expected_to_the_day_is_computed_whole(store: Store) -> None:
    site, kept = new_site(), Witness()
    insert(store, [*crowd(site, range(1, 20), 900), *crowd(site, range(30, 32), 900, path="/a")])
    insert(store, crowd(site, range(10, 15), 990, path="/a"))
    roll_up(store, site, DAY, BALANCED, kept)
    # One of the two who entered on /a turns out to have entered elsewhere before. Of the other there is nothing new.
    insert(store, crowd(site, range(30, 31), 300))
    roll_up(store, site, DAY, BALANCED, kept)
    patched = rows(store, site)
    assert not kept.patched
    roll_up(store, site, DAY, BALANCED)
    assert patched == rows(store, site)


def test_two_hosts_may_give_the_same_places_to_the_events_of_two_visitors(store: Store) -> None:
    site = new_site()
    for country, visitors in (("DE", range(1, 9)), ("FR", range(9, 17))):
        insert(store, crowd(site, visitors, country=country), places=itertools.count(2**21 * _FILE))
    roll_up(store, site, DAY, BALANCED)
    found = "SELECT value, visitors FROM open_cells WHERE site = {s:String} AND dimension = 'country' ORDER BY value"
    assert store.rows(found, {"s": site.key}) == [("DE", 8), ("FR", 8)]


def test_a_row_that_was_sent_twice_stays_uncounted_when_its_visitor_comes_again(store: Store) -> None:
    site, kept = new_site(), Witness()
    insert(store, [*crowd(site, range(1, 9)), *crowd(site, range(1, 2), id=7), *crowd(site, range(1, 2), 60, id=7)])
    roll_up(store, site, DAY, BALANCED, kept)
    insert(store, crowd(site, range(1, 2), 90))
    roll_up(store, site, DAY, BALANCED, kept)
    assert kept.patched
    counted = "SELECT pageviews FROM open_cells WHERE site = {s:String} AND grain = 'day' AND dimension = ''"
    assert store.rows(counted, {"s": site.key}) == [(8 + 1 + 1,)]


def test_nothing_new_changes_nothing(store: Store) -> None:
    site, kept = new_site(), Witness()
    insert(store, crowd(site, range(1, 9)))
    roll_up(store, site, DAY, BALANCED, kept)
    before = rows(store, site)
    roll_up(store, site, DAY, BALANCED, kept)
    assert kept.patched
    assert rows(store, site) == before


@pytest.mark.parametrize(
    "what",
    [
        *("an erasure", "another goal", "an earlier row of the same id", "too much at once"),
        *("a row before others of its file", "another row instead of one"),
    ],
)
def test_a_day_is_computed_whole_where_a_patch_cannot_tell(store: Store, what: str) -> None:
    site, kept = new_site(), Witness()
    insert(store, crowd(site, range(1, 9), id=0) + crowd(site, range(9, 10), id=7))
    roll_up(store, site, DAY, BALANCED, kept)
    roll_up(store, site, DAY, BALANCED, kept)
    assert kept.patched
    if what == "an erasure":
        store.command(f"ALTER TABLE events DELETE WHERE site = '{site.key}' AND visitor = {2**56}", mutations_sync=2)
    elif what == "another goal":
        site = Site(site.key, goals=(Goal("Home", page="/"),))
    elif what == "an earlier row of the same id":
        insert(store, crowd(site, range(10, 11), id=7), late=True)
    elif "row" in what:
        # Two hosts may have begun a file of the same name in the same second.
        if what == "another row instead of one":
            store.command(f"ALTER TABLE events DELETE WHERE site = '{site.key}' AND id = 7", mutations_sync=2)
        insert(store, crowd(site, range(10, 11)), places=itertools.count(2**20 * _FILE))
    else:
        insert(store, crowd(site, range(20, 40)))
    roll_up(store, site, DAY, BALANCED, kept)
    assert not kept.patched
    found = rows(store, site)
    roll_up(store, site, DAY, BALANCED)
    assert found == rows(store, site)


def test_a_patch_that_fails_is_never_built_upon(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    site, kept = new_site(), Witness()
    insert(store, crowd(site, range(1, 9)))
    roll_up(store, site, DAY, BALANCED, kept)
    insert(store, crowd(site, range(9, 10)))
    with monkeypatch.context() as broken:
        broken.setattr("pipeline.sums._SELECTS", (*sums._SELECTS, ("cells", {"people": "1"}, "FROM no_such_table")))
        with pytest.raises(StoreDown):
            roll_up(store, site, DAY, BALANCED, kept)
    roll_up(store, site, DAY, BALANCED, kept)
    assert not kept.patched
    found = rows(store, site)
    roll_up(store, site, DAY, BALANCED)
    assert found == rows(store, site)


def test_sums_are_kept_of_big_days_only_and_of_as_many_as_fit(store: Store) -> None:
    kept = KeptSums(least_rows=5, most_rows=40)
    small, first, second = new_site(), new_site(), new_site()

    def days() -> list[int]:
        tables = ("cells", "conversions", "vitals", "files", "passed")
        return [store.rows(f"SELECT uniq(run) FROM sums_{table}")[0][0] for table in tables]

    for site, people, expected in ((first, 12, 1), (small, 1, 1), (second, 12, 1)):
        events = crowd(site, range(people), name="buy") + crowd(site, range(people), name=ENGAGEMENT, lcp=1.0)
        insert(store, events)
        roll_up(store, site, DAY, BALANCED, kept)
        assert days() == [expected] * 5, site
    kept.forget(store, first.key, DAY)
    assert days() == [1] * 5
    kept.forget(store, second.key, DAY)
    assert days() == [0] * 5


def test_no_visitor_number_is_kept(store: Store) -> None:
    columns = store.rows(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND startsWith(table, 'sums_')"
    )
    assert {name for _, name, kind in columns if kind == "UInt64"} == {"run", "file", "last", "id", "sequence", "who"}
    engines = store.rows("SELECT DISTINCT engine FROM system.tables WHERE startsWith(name, 'sums_')")
    assert engines == [("Memory",)]


def test_who_is_behind_rare_values_is_kept_under_a_key_of_the_days_own(store: Store) -> None:
    """Rule R4: what is kept of them leads back to no raw row, and to no other day."""
    kept, behind, site = Witness(), set(), new_site()
    for day in (DAY, DAY + dt.timedelta(days=1)):
        events = crowd(site, range(1, 9)) + crowd(site, range(9, 10), path="/rare")
        insert(store, [structs.replace(event, day=day) for event in events])
        roll_up(store, site, day, BALANCED, kept)
        run = kept._days[site.key, day].run
        found = store.rows("SELECT DISTINCT who FROM sums_touched WHERE run = {run:UInt64}", {"run": run})
        assert len(found) == 1
        behind |= {who for (who,) in found}
    assert len(behind) == 2
    assert not behind & {v * 2**56 for v in range(1, 10)}
    for day in (DAY, DAY + dt.timedelta(days=1)):
        kept.forget(store, site.key, day)
    assert store.rows("SELECT count() FROM sums_touched") == [(0,)]


def test_what_a_killed_run_left_where_the_rollup_works_is_not_counted(store: Store) -> None:
    """A server outlives its pipeline, and so do tables in its memory."""
    site = new_site()
    insert(store, crowd(site, range(1, 9)))
    rollup._compute(SiteDay(scratch_of(store), "events", site, DAY), BALANCED.k, None)  # and is killed here
    roll_up(store, site, DAY, BALANCED)
    found = rows(store, site)
    roll_up(store, site, DAY, BALANCED)
    assert found == rows(store, site)
