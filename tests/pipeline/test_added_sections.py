"""A section that is declared later is counted for the released days of which visits are left (rule N6)."""

from __future__ import annotations

import random
from collections.abc import Generator
from typing import Any

import pytest
from msgspec import structs

from footfall.cli import release_text
from footfall.cli.check import section_since
from footfall.control import releases
from footfall.settings.site_settings import SiteSettings
from pipeline.adding.goals import counted_since
from pipeline.adding.sections import add_sections
from pipeline.copying import months_of, put_back, put_back_entries, readable, rows_of
from pipeline.manifest import read_entries
from pipeline.months import sum_months
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from pipeline.site_data import remove_site
from pipeline.verify import chain_faults, row_faults, unreadable_rows
from schema.manifest import ADDED
from schema.store import Store
from tests.cut_off import each_write_cut_off
from tests.together import Test, Work, alone, side_by_side, together

from .test_added_goals import BALANCED, EVERYTHING, READ, traffic
from .weeks import GRACE_S, Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

DEEP, DOCS, LATE = {"Deep": "/docs/*/*"}, {"Docs": "/docs/**"}, {"Late": "/**"}
ALL = DEEP | DOCS | LATE
_TOLD = "day, value, visitors, visits, pageviews, events"


def closed(
    store: Store, rules: SiteRules, sections: dict[str, str], days: int, seed: int
) -> Generator[Work, None, Weeks]:
    house = Weeks(store, rules)
    house.site = structs.replace(house.site, sections=sections)
    traffic(house, days, random.Random(seed))
    yield house.closing(after=days - 1)
    return house


def declare(house: Weeks, sections: dict[str, str], longest_s: float = 60) -> bool:
    house.site = structs.replace(house.site, sections=sections)
    return add_sections(house.store, house.site, house.rules, house.noon(20), longest_s)


def rows(house: Weeks) -> list[Any]:
    """Of declared sections what is told of days, released with them or added."""
    which = "WHERE site = {site:String} AND dimension = 'section' AND NOT startsWith(value, '/') AND value != '(other)'"
    # Of a section from the start events are among those.
    told = _TOLD.replace(", events", "")
    return house.store.rows(
        f"""SELECT {told} FROM (SELECT {told} FROM released_cells {which} AND grain = 'day'
        UNION ALL SELECT {told} FROM late_cells {which}) ORDER BY ALL""",
        {"site": house.site.key},
    )


def entries(house: Weeks) -> list[Any]:
    return read_entries(house.store, house.site.key)


def faults(house: Weeks) -> list[Any]:
    mine = entries(house)
    found = [*chain_faults(mine), *unreadable_rows(house.store, house.site.key)]
    for of_month in months_of(readable(mine)).values():
        found += row_faults(house.store, house.site.key, of_month)
    return found


@pytest.fixture(scope="module")
def twins(store: Store) -> tuple[Weeks, Weeks]:
    """Two days of the same visits: all sections from the start, and all of them later."""
    first, later = side_by_side(store, *(closed(store, EVERYTHING, some, 2, seed=1) for some in (ALL, DEEP)))
    assert declare(later, ALL)
    return first, later


def test_with_k_1_a_later_section_has_the_numbers_of_one_from_the_start(twins: tuple[Weeks, Weeks]) -> None:
    first, later = twins
    assert len(rows(first)) == 6
    assert rows(first) == rows(later)
    assert faults(later) == []
    added = [(entry.day, *entry.sections) for entry in entries(later) if entry.span == ADDED]
    assert added == [(later.day(day), name) for day in (1, 0) for name in ("Docs", "Late")]
    # Once is enough.
    assert declare(later, ALL)
    assert len(entries(later)) == 6


def test_pages_and_the_interface_count_it_and_say_the_same(twins: tuple[Weeks, Weeks]) -> None:
    _, later = twins
    numbers = ("value", "visitors", "visits", "pageviews", "certainty", "counted_since")
    for by, filters in (("section", ()), ("section", ("section==Docs",)), ("day", ("section==Docs",))):
        told = [
            [{name: row.get(name) for name in numbers} for row in house.stats(0, 40, by, *filters)["rows"]]
            for house in twins
        ]
        # Folders, of which nothing is left where all pages are in a section from the start.
        assert told[0] == [row for row in told[1] if not str(row["value"]).startswith("/")], (by, filters)
        assert told[0]
    rates = [row["bounce_rate"] for row in later.stats(0, 1, "section")["rows"] if row["value"] == "Late"]
    assert rates == [None], "what is not told of it has no number"


def test_the_log_and_the_chain_name_it(twins: tuple[Weeks, Weeks]) -> None:
    _, later = twins
    asked = (later.store, later.site, later.rules, later.day(0), later.day(0), later.noon(20), GRACE_S)
    text = release_text.log(releases.log_of(*asked))
    assert [line.split("  ")[-1].strip() for line in text.splitlines() if "adds" in line] == [
        "adds section 'Docs'",
        "adds section 'Late'",
    ]
    chain = releases.chain_of(later.store, later.site.key)
    assert (chain["days"], chain["goals"], chain["sections"], chain["faults"]) == (2, 0, 4, [])
    assert "4 sections added to days" in release_text.verified([chain], [])


@together
def test_the_schedule_adds_it_with_goals_once_the_settings_are_read_anew(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, {}, 1, seed=10)
    pipeline = Pipeline(store, [(house.site, house.rules)], RollupSettings(), clock=lambda: house.noon(20))
    assert any(pipeline.add_goals() for _ in range(5))
    house.site = structs.replace(house.site, sections=DOCS, goals=(READ,))
    pipeline.follow([(house.site, house.rules)])
    assert any(pipeline.add_goals() for _ in range(5))
    told = [one for one in counted_since(store, "sections") if one[0] == house.site.key]
    assert told == [(house.site.key, "Docs", house.site.section_definitions["Docs"], house.first)]
    # So says `footfall check site`.
    counted = [{"site": s, "section": name, "definition": as_, "since": day.isoformat()} for s, name, as_, day in told]
    mine = SiteSettings(key=house.site.key, sections=DOCS)
    assert section_since(mine, "Docs", counted) == ", counted since 2046-01-01"
    assert section_since(structs.replace(mine, sections={"Docs": "/other/**"}), "Docs", counted) == ""
    assert [(entry.goals, [*entry.sections]) for entry in entries(house)][1:] == [
        ({"Read": "page:/docs/*"}, []),
        ({}, ["Docs"]),
    ]
    assert faults(house) == []


@together
def test_a_section_that_is_changed_is_another_one_and_back_again_it_goes_on(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, {"Part": "/docs/**"}, 2, seed=7)
    [docs] = house.stats(0, 1, "section", "section==Part")["rows"]
    house.site = structs.replace(house.site, sections={"Part": "/docs/*/*"})
    # Not counted yet: nothing of the section of before is said to be of this one.
    assert house.stats(0, 1, "section", "section==Part")["rows"] == []
    # Nor where sums of months stand for days: these have it in them.
    sum_months(store, 60)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dashboards.stats.plan.WORTH_ROWS", 0)
        assert house.stats(0, 40, "section", "section==Part")["rows"] == []
    assert declare(house, house.site.sections)
    [deep] = house.stats(0, 1, "section", "section==Part")["rows"]
    assert 0 < deep["visitors"] < docs["visitors"]
    assert declare(house, {"Part": "/docs/**"})
    assert house.stats(0, 1, "section", "section==Part")["rows"] == [docs]
    assert len(entries(house)) == 4


@together
def test_it_says_since_when_it_is_counted(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, {}, 2, seed=3)
    mine = {"s": house.site.key, "d": house.day(0)}
    store.command("ALTER TABLE visits DELETE WHERE site = {s:String} AND day = {d:Date}", mine, mutations_sync=2)
    assert declare(house, DOCS)
    told = house.stats(0, 1, "section", "section==Docs")
    [row] = told["rows"]
    assert (row["counted_since"], row["certainty"], row["not_shown_days"]) == (house.day(1).isoformat(), "at least", 1)
    assert any("counted_since" in note for note in told["notes"])
    assert house.stats(1, 1, "section", "section==Docs")["rows"][0]["counted_since"] is None


@pytest.mark.long
@together
def test_it_goes_with_its_site_and_comes_back_with_a_copy(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, {}, 1, seed=9)
    declare(house, ALL)
    site, mine = house.site.key, entries(house)
    parts = list(rows_of(store, site, house.first.replace(day=1), readable(mine)))
    before = rows(house)
    assert len(before) == 3
    remove_site(store, site, house.noon(20))
    assert (rows(house), entries(house)) == ([], [])
    for part in parts:
        put_back(store, part, readable(mine))
    put_back_entries(store, mine)
    assert rows(house) == before
    assert faults(house) == []


@pytest.mark.long
def test_a_run_that_is_cut_off_is_done_again_with_the_same_row(
    store: Store, twins: tuple[Weeks, Weeks], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = twins
    house = alone(store, closed(store, EVERYTHING, DEEP, 1, seed=1))
    assert each_write_cut_off(monkeypatch, "late_cells", lambda: declare(house, DEEP | DOCS)) == 4
    assert declare(house, DEEP | DOCS)
    assert rows(house) == [row for row in rows(first) if row[0] == house.day(0) and row[1] != "Late"]
    assert len(entries(house)) == 2
    assert faults(house) == []


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 20))])
@together
def test_with_a_larger_k_its_rows_are_among_those_of_one_from_the_start(store: Store, seed: int) -> Test:
    first = yield from closed(store, BALANCED, DOCS, 1, seed)
    later = yield from closed(store, BALANCED, {}, 1, seed)
    assert declare(later, DOCS)
    assert {*rows(later)} <= {*rows(first)}
    assert faults(later) == []
    if seed == 2:
        assert rows(later)


def test_a_block_adds_up_no_section_that_was_changed_within_it(store: Store) -> None:
    house = Weeks(store)
    for day in (0, 1, 5, 6):
        house.crowd(day)
        for visitor in range(4):
            for path in ("/blog/a", "/docs/a"):
                house.visit(day, 1000 * day + visitor, path, at=visitor)
        if day == 0:
            house.site = structs.replace(house.site, sections={"Same": "/docs/**", "Part": "/blog/**"})
        if day == 1:
            house.close(after=1)
            house.site = structs.replace(house.site, sections={"Same": "/docs/**", "Part": "/blog/*"})
    house.close(after=6)
    late = "SELECT value FROM late_cells WHERE site = {s:String} AND grain = 'week' AND dimension = 'section'"
    told = {value for (value,) in store.rows(late, {"s": house.site.key})}
    assert "Same" in told
    assert "Part" not in told
    assert entries(house)[-1].sections == {"Same": '["/docs/**"]'}
