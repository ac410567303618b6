"""A property that is declared later is counted for the released days of which raw rows are left (rule N6)."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from typing import Any

import pytest
from msgspec import structs

from footfall.cli import release_text
from footfall.cli.check import property_since
from footfall.control import releases
from footfall.settings.site_settings import SiteSettings
from pipeline.adding.goals import counted_since
from pipeline.adding.properties import add_properties
from pipeline.copying import put_back, put_back_entries, readable, rows_of
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from pipeline.site_data import remove_site
from schema.families import FAMILIES
from schema.manifest import ADDED
from schema.segment import Segment
from schema.store import Store
from tests.conftest import make_event
from tests.cut_off import each_write_cut_off
from tests.together import Test, Work, alone, side_by_side, together

from .test_added_goals import BALANCED, EVERYTHING, entries, faults
from .weeks import GRACE_S, Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

ALL = ("url", "plan", "size", "author")
COLUMNS = [name for name in FAMILIES["properties"].columns if name not in ("site", "grain")]


def traffic(house: Weeks, days: int, chance: random.Random, people: int = 25) -> None:
    """Some read, click links and sign up, with several properties, and some pay."""
    events = []
    for day in range(days):
        for visitor in range(1, people + 1):
            about: dict[str, Any] = {"visitor": visitor, "network_number": 900 + visitor}
            about |= {"country": chance.choice(("DE", "FR", "IT"))}
            at = house.noon(day) - 3600 + 60 * visitor
            for _ in range(chance.randrange(1, 4)):
                about["path"] = chance.choice(("/", "/docs/a", "/docs/b"))
                at += chance.choice((5, 2000))
                more: dict[str, Any] = {
                    "props": {"author": chance.choice(("Ann", "Bob"))} if chance.random() < 0.8 else {}
                }
                events.append(make_event(house.site.key, at, house.day(day), **about | more))
                if chance.random() < 0.4:
                    more = {
                        "name": chance.choice(("signup", "click")),
                        "props": {"plan": chance.choice(("pro", "free"))},
                    }
                    more["props"] |= {"url": f"https://a.example/{chance.randrange(3)}"}
                    more |= {"amount": chance.randrange(5000), "currency": chance.choice(("EUR", "USD", ""))}
                    events.append(make_event(house.site.key, at + 1, house.day(day), **about | more))
    house.arriving += sorted(events, key=lambda event: event.received)


def closed(
    store: Store, rules: SiteRules, properties: Sequence[str], days: int, seed: int
) -> Generator[Work, None, Weeks]:
    house = Weeks(store, rules)
    house.site = structs.replace(house.site, properties=tuple(properties), goals=())
    traffic(house, days, random.Random(seed))
    yield house.closing(after=days - 1)
    return house


def declare(house: Weeks, *properties: str, longest_s: float = 60) -> bool:
    house.site = structs.replace(house.site, properties=properties)
    return add_properties(house.store, house.site, house.rules, house.noon(20), longest_s)


def rows(house: Weeks, name: str = "") -> list[Any]:
    """Rows of properties, those that were released with days and those that were added."""
    which = f"WHERE site = {{site:String}} AND property LIKE '{name}%'"
    columns = ", ".join(COLUMNS)
    return house.store.rows(
        f"""SELECT * FROM (SELECT {columns} FROM released_properties {which} AND grain = 'day'
        UNION ALL SELECT {columns} FROM late_properties {which}) ORDER BY ALL""",
        {"site": house.site.key},
    )


@pytest.fixture(scope="module")
def twins(store: Store) -> tuple[Weeks, Weeks]:
    """Two days of the same visits: all properties from the start, and all but one later."""
    first, later = side_by_side(store, *(closed(store, EVERYTHING, some, 2, seed=1) for some in (ALL, ("url",))))
    assert declare(later, *ALL)
    return first, later


def test_with_k_1_a_later_property_has_the_rows_of_one_from_the_start(twins: tuple[Weeks, Weeks]) -> None:
    first, later = twins
    assert len(rows(first, "plan")) > 20
    assert len(rows(first, "author")) == 6, "of two days Ann, Bob, and page views without"
    assert rows(first) == rows(later)
    assert faults(later) == []
    added = [(entry.day, *entry.properties) for entry in entries(later) if entry.span == ADDED]
    assert added == [(later.day(day), name) for day in (1, 0) for name in ("plan", "size", "author")]
    # Once is enough, also of one that nobody sent.
    assert declare(later, *ALL)
    assert len(entries(later)) == 8


def test_pages_and_the_interface_count_it_and_say_the_same(twins: tuple[Weeks, Weeks]) -> None:
    first, later = twins
    for filters in ((), ("property==plan",), ("event==signup",)):
        expected = first.stats(0, 40, "properties", *filters)["rows"]
        assert expected
        assert later.stats(0, 40, "properties", *filters)["rows"] == expected, filters
    assert {row["counted_since"] for row in expected} == {None}


def test_the_log_and_the_chain_name_it(twins: tuple[Weeks, Weeks]) -> None:
    _, later = twins
    asked = (later.store, later.site, later.rules, later.day(0), later.day(0), later.noon(20), GRACE_S)
    text = release_text.log(releases.log_of(*asked))
    assert [line.split("  ")[-1].strip() for line in text.splitlines() if "adds" in line] == [
        "adds property 'plan'",
        "adds property 'size' (too few people, or too few between it and what is told already)",
        "adds property 'author'",
    ]
    chain = releases.chain_of(later.store, later.site.key)
    assert (chain["days"], chain["goals"], chain["properties"], chain["faults"]) == (2, 0, 6, [])
    assert "6 properties added to days" in release_text.verified([chain], [])


@pytest.mark.long
def test_a_run_that_is_cut_off_is_done_again_with_the_same_rows(
    store: Store, twins: tuple[Weeks, Weeks], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = twins
    house = alone(store, closed(store, EVERYTHING, ("url",), 1, seed=1))
    assert each_write_cut_off(monkeypatch, "late_properties", lambda: declare(house, "url", "plan")) == 4
    assert declare(house, "url", "plan")
    assert rows(house) == [row for row in rows(first) if "author" not in row and row[0] == house.day(0)]
    assert len(entries(house)) == 2
    assert faults(house) == []


@together
def test_the_schedule_adds_it_once_the_settings_are_read_anew(store: Store) -> Test:
    """Visits of the day stay as they were: a day that is released keeps of them what it was made of."""
    house = yield from closed(store, EVERYTHING, (), 1, seed=10)
    pipeline = Pipeline(store, [(house.site, house.rules)], RollupSettings(), clock=lambda: house.noon(20))
    visits = "SELECT * FROM visits FINAL WHERE site = {s:String} ORDER BY visitor, visit"
    before = store.rows(visits, {"s": house.site.key})
    house.site = structs.replace(house.site, properties=("plan",))
    pipeline.follow([(house.site, house.rules)])
    assert any(pipeline.add_goals() for _ in range(5))
    assert [entry.properties for entry in entries(house)] == [[], ["plan"]]
    assert store.rows(visits, {"s": house.site.key}) == before
    # So says `footfall check site`.
    told = [one for one in counted_since(store, "properties") if one[0] == house.site.key]
    assert told == [(house.site.key, "plan", "plan", house.first)]
    counted = [{"site": s, "property": name, "since": day.isoformat()} for s, name, _, day in told]
    mine = SiteSettings(key=house.site.key)
    assert [property_since(mine, name, counted) for name in ("plan", "url")] == [" (counted since 2046-01-01)", ""]
    assert faults(house) == []


@together
def test_it_says_since_when_it_is_counted(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (), 2, seed=3)
    mine = {"s": house.site.key, "d": house.day(0)}
    for table in ("visits", "events"):
        store.command(
            f"ALTER TABLE {table} DELETE WHERE site = {{s:String}} AND day = {{d:Date}}", mine, mutations_sync=2
        )
    assert declare(house, "plan")
    told = house.stats(0, 1, "properties")
    row = told["rows"][0]
    assert (row["counted_since"], row["certainty"], row["not_shown_days"]) == (house.day(1).isoformat(), "at least", 1)
    assert any("counted_since" in note for note in told["notes"])
    assert house.stats(1, 1, "properties")["rows"][0]["counted_since"] is None


@pytest.mark.parametrize("table", ["visits", "events"])
@together
def test_a_day_of_which_rows_are_gone_has_none_added(store: Store, table: str) -> Test:
    """Who was erased after the release would be what was told of an event less what is told of its values."""
    house = yield from closed(store, EVERYTHING, (), 1, seed=6)
    gone = f"ALTER TABLE {table} DELETE WHERE site = {{s:String}} AND visitor = 5"
    store.command(gone, {"s": house.site.key}, mutations_sync=2)
    assert declare(house, "plan")
    assert [(entry.rows, entry.complete) for entry in entries(house) if entry.span == ADDED] == [(0, False)]
    assert rows(house) == []
    assert faults(house) == []


@pytest.mark.long
@together
def test_it_goes_with_its_site_and_comes_back_with_a_copy(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (), 1, seed=9)
    declare(house, "plan")
    site, mine = house.site.key, entries(house)
    parts = list(rows_of(store, site, house.first.replace(day=1), readable(mine)))
    before = rows(house)
    assert before
    remove_site(store, site, house.noon(20))
    assert (rows(house), entries(house)) == ([], [])
    for part in parts:
        put_back(store, part, readable(mine))
    put_back_entries(store, mine)
    assert rows(house) == before
    assert faults(house) == []


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 20))])
@together
def test_with_a_larger_k_its_rows_are_among_those_of_one_from_the_start(store: Store, seed: int) -> Test:
    first = yield from closed(store, BALANCED, ("url", "plan", "author"), 1, seed)
    later = yield from closed(store, BALANCED, ("url",), 1, seed)
    assert declare(later, "url", "plan", "author")
    assert {*rows(later)} <= {*rows(first)}
    assert faults(later) == []
    if seed == 2:
        assert rows(later, "author")


@together
def test_a_day_that_counted_segments_has_none_added(store: Store) -> Test:
    """Whoever they are of: nothing is held against them."""
    house = Weeks(store, BALANCED)
    segment = Segment("Germans", {"country": "DE"})
    house.site = structs.replace(house.site, properties=(), goals=(), segments=(segment,))
    traffic(house, 1, random.Random(2))
    yield house.closing(after=0)
    assert declare(house, "author")
    assert [(entry.rows, entry.complete) for entry in entries(house) if entry.span == ADDED] == [(0, True)]


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20, 30))
@together
def test_so_it_is_for_other_traffic_with_k_1(store: Store, seed: int) -> Test:
    first = yield from closed(store, EVERYTHING, ALL, 1, seed)
    later = yield from closed(store, EVERYTHING, (), 1, seed)
    assert declare(later, *ALL)
    assert rows(first) == rows(later)
