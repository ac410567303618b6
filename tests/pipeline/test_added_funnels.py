"""A funnel that is declared later is counted for the released days of which raw rows are left (rule N6)."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from typing import Any

import pytest
from msgspec import structs

from footfall.cli import release_text
from footfall.cli.check import funnel_since
from footfall.control import releases
from footfall.settings.site_settings import SiteSettings
from pipeline.adding.funnels import add_funnels
from pipeline.adding.goals import counted_since
from pipeline.copying import put_back, put_back_entries, readable, rows_of
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from pipeline.site_data import remove_site
from schema.families import FAMILIES
from schema.funnel import Funnel, Step
from schema.manifest import ADDED
from schema.site import Goal
from schema.store import Store
from tests.cut_off import each_write_cut_off
from tests.together import Test, Work, alone, side_by_side, together

from .test_added_goals import BALANCED, EVERYTHING, entries, faults
from .test_added_properties import traffic
from .weeks import GRACE_S, Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

PRO = Goal("Pro", event="signup", properties={"plan": "pro"})
GOALS = (PRO, Goal("Docs", section="/docs/"))
FIRST = Funnel("First", (Step(page="/"), Step(goal="Pro")))
DOCS = Funnel("Docs", (Step(section="/docs/"), Step(event="click"), Step(page="/docs/*")), within="day")
STRICT = Funnel("Strict", (Step(page="/docs/**"), Step(goal="Pro")), order="strict")
ALL = (FIRST, DOCS, STRICT)
COLUMNS = [name for name in FAMILIES["funnels"].columns if name not in ("site", "grain")]


def closed(
    store: Store, rules: SiteRules, funnels: Sequence[Funnel], days: int, seed: int, people: int = 25
) -> Generator[Work, None, Weeks]:
    house = Weeks(store, rules)
    # Visits keep what the goal asks for only where it is declared.
    goals = GOALS if funnels else ()
    house.site = structs.replace(house.site, properties=(), goals=goals, funnels=tuple(funnels))
    traffic(house, days, random.Random(seed), people)
    yield house.closing(after=days - 1)
    return house


def declare(house: Weeks, *funnels: Funnel, longest_s: float = 60) -> bool:
    house.site = structs.replace(house.site, goals=GOALS, funnels=funnels)
    return add_funnels(house.store, house.site, house.rules, house.noon(20), longest_s)


def rows(house: Weeks, name: str = "") -> list[Any]:
    """Rows of funnels, those that were released with days and those that were added."""
    which = f"WHERE site = {{site:String}} AND funnel LIKE '{name}%'"
    columns = ", ".join(COLUMNS)
    return house.store.rows(
        f"""SELECT * FROM (SELECT {columns} FROM released_funnels {which} AND grain = 'day'
        UNION ALL SELECT {columns} FROM late_funnels {which}) ORDER BY ALL""",
        {"site": house.site.key},
    )


@pytest.fixture(scope="module")
def twins(store: Store) -> tuple[Weeks, Weeks]:
    """Two days of the same visits: all funnels from the start, and all of them later."""
    first, later = side_by_side(store, *(closed(store, EVERYTHING, some, 2, seed=1) for some in (ALL, ())))
    assert declare(later, *ALL)
    return first, later


def test_with_k_1_a_later_funnel_has_the_rows_of_one_from_the_start(twins: tuple[Weeks, Weeks]) -> None:
    first, later = twins
    assert all(len(rows(first, funnel.name)) > 10 for funnel in ALL)
    assert rows(first) == rows(later)
    assert faults(later) == []
    added = [(entry.day, *entry.funnels) for entry in entries(later) if entry.span == ADDED]
    assert added == [(later.day(day), funnel.name) for day in (1, 0) for funnel in ALL]
    # Once is enough.
    assert declare(later, *ALL)
    assert len(entries(later)) == 8


def test_pages_and_the_interface_count_it_and_say_the_same(twins: tuple[Weeks, Weeks]) -> None:
    first, later = twins
    for filters in ((), ("country==DE",), ("funnel==Docs",)):
        expected = first.stats(0, 40, "funnels", *filters)["rows"]
        assert expected
        assert later.stats(0, 40, "funnels", *filters)["rows"] == expected, filters
    assert {row["counted_since"] for row in expected} == {None}


def test_the_log_and_the_chain_name_it(twins: tuple[Weeks, Weeks]) -> None:
    _, later = twins
    asked = (later.store, later.site, later.rules, later.day(0), later.day(0), later.noon(20), GRACE_S)
    text = release_text.log(releases.log_of(*asked))
    told = [line.split("  ")[-1].strip() for line in text.splitlines() if "adds" in line]
    assert told == [f"adds funnel {funnel.name!r}" for funnel in ALL]
    chain = releases.chain_of(later.store, later.site.key)
    assert (chain["days"], chain["goals"], chain["funnels"], chain["faults"]) == (2, 0, 6, [])
    assert "6 funnels added to days" in release_text.verified([chain], [])


@pytest.mark.long
def test_a_run_that_is_cut_off_is_done_again_with_the_same_rows(
    store: Store, twins: tuple[Weeks, Weeks], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = twins
    house = alone(store, closed(store, EVERYTHING, (), 1, seed=1))
    assert each_write_cut_off(monkeypatch, "late_funnels", lambda: declare(house, DOCS)) == 4
    assert declare(house, DOCS)
    assert rows(house) == [row for row in rows(first, "Docs") if row[0] == house.day(0)]
    assert len(entries(house)) == 2
    assert faults(house) == []


@pytest.mark.long
@together
def test_the_schedule_adds_it_and_a_changed_one_is_another_one(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (FIRST, DOCS), 1, seed=10)
    before = house.stats(0, 0, "funnels", "funnel==First")["rows"]
    changed = structs.replace(STRICT, name="First")
    other = yield from closed(store, EVERYTHING, (changed, DOCS), 1, seed=10)
    pipeline = Pipeline(store, [(house.site, house.rules)], RollupSettings(), clock=lambda: house.noon(20))
    house.site = structs.replace(house.site, funnels=(changed, DOCS))
    # Not counted yet: nothing of the funnel of before is said to be of this one.
    assert {row["people"] for row in house.stats(0, 0, "funnels", "funnel==First")["rows"]} == {0}
    pipeline.follow([(house.site, house.rules)])
    assert any(pipeline.add_goals() for _ in range(5))
    assert [[*entry.funnels] for entry in entries(house)] == [["First", "Docs"], ["First"]]
    expected = other.stats(0, 0, "funnels")["rows"]
    assert house.stats(0, 0, "funnels")["rows"] == expected
    assert expected[0]["people"] != before[0]["people"]
    # So says `footfall check site`.
    counted = [
        {"site": s, "funnel": name, "definition": as_, "since": day.isoformat()}
        for s, name, as_, day in counted_since(store, "funnels")
    ]
    mine = SiteSettings(key=house.site.key, goals=GOALS, funnels=(changed,))
    assert funnel_since(mine, "First", counted) == ", counted since 2046-01-01"
    # And back again it goes on.
    house.site = structs.replace(house.site, funnels=(FIRST, DOCS))
    assert house.stats(0, 0, "funnels", "funnel==First")["rows"] == before
    assert faults(house) == []


@together
def test_it_says_since_when_it_is_counted(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (), 2, seed=3)
    mine = {"s": house.site.key, "d": house.day(0)}
    store.command("ALTER TABLE events DELETE WHERE site = {s:String} AND day = {d:Date}", mine, mutations_sync=2)
    assert declare(house, FIRST)
    assert [(entry.rows > 0, entry.complete) for entry in entries(house)[2:]] == [(True, True), (False, False)]
    told = house.stats(0, 1, "funnels")
    row = told["rows"][0]
    assert (row["counted_since"], row["certainty"], row["not_shown_days"]) == (house.day(1).isoformat(), "at least", 1)
    assert any("counted_since" in note for note in told["notes"])
    assert house.stats(1, 1, "funnels")["rows"][0]["counted_since"] is None


@together
def test_a_step_that_is_a_section_has_no_past_where_that_was_another_one(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (), 1, seed=6)
    house.site = structs.replace(house.site, sections={"A": "/docs/a"})
    assert declare(house, DOCS, FIRST)
    assert [([*entry.funnels], entry.rows > 0, entry.complete) for entry in entries(house)[1:]] == [
        (["First"], True, True),
        (["Docs"], False, False),
    ]
    assert faults(house) == []


@pytest.mark.long
@together
def test_it_goes_with_its_site_and_comes_back_with_a_copy(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (), 1, seed=9)
    declare(house, *ALL)
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


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 15))])
@together
def test_with_a_larger_k_its_rows_are_among_those_of_one_from_the_start(store: Store, seed: int) -> Test:
    first = yield from closed(store, BALANCED, ALL, 1, seed, people=100)
    later = yield from closed(store, BALANCED, (FIRST,), 1, seed, people=100)
    assert declare(later, *ALL)
    exact = {row for row in rows(later) if not row[-1]}
    assert exact <= {*rows(first)}
    assert faults(later) == []


@pytest.mark.long
@pytest.mark.parametrize("seed", range(20, 30))
@together
def test_so_it_is_for_other_traffic_with_k_1(store: Store, seed: int) -> Test:
    first = yield from closed(store, EVERYTHING, ALL, 1, seed)
    later = yield from closed(store, EVERYTHING, (), 1, seed)
    assert declare(later, *ALL)
    assert rows(first) == rows(later)
