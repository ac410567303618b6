"""A goal that is declared later is counted for the released days of which visits are left (rule N6)."""

from __future__ import annotations

import random
from collections.abc import Generator, Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

from footfall.cli import release_text
from footfall.cli.check import since_when
from footfall.control import releases
from pipeline.adding.goals import add_goals, counted_since
from pipeline.copying import months_of, put_back, put_back_entries, readable, rows_of
from pipeline.manifest import read_entries
from pipeline.months import sum_months
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from pipeline.site_data import remove_site, stored_sites
from pipeline.verify import chain_faults, row_faults, unreadable_rows
from schema.families import FAMILIES
from schema.manifest import ADDED
from schema.site import Goal
from schema.store import Store
from tests.conftest import make_event
from tests.cut_off import each_write_cut_off
from tests.together import Test, Work, alone, side_by_side, together

from .weeks import GRACE_S, Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

EVERYTHING = SiteRules(1, 30, "accurate")
BALANCED = SiteRules(3, 30, "balanced", networks=3)
BUY = Goal("Buy", event="purchase")
READ, DOCS = Goal("Read", page="/docs/*"), Goal("Docs", page="/docs/**")
COLUMNS = [name for name in FAMILIES["conversions"].columns if name not in ("site", "grain")]


# Of the other kinds, those that have a past.
OTHERS = (Goal("Section", section="/docs/"), Goal("Long", duration=2), Goal("Paid", revenue=True))


def traffic(house: Weeks, days: int, chance: random.Random, people: int = 25) -> None:
    """Some see pages, buy and come back, in several countries, through several networks."""
    events = []
    for day in range(days):
        for visitor in range(1, people + 1):
            about = {"visitor": visitor, "network_number": 900 + visitor, "country": chance.choice(("DE", "FR", "IT"))}
            about |= {"channel": chance.choice(("Direct", "Search")), "device": chance.choice(("mobile", "desktop"))}
            at = house.noon(day) - 3600 + 60 * visitor
            for step in range(chance.randrange(1, 4)):
                about["path"] = chance.choice(("/", "/docs/a", "/docs/a/b", "/thanks"))
                at += chance.choice((5, 2000))
                events.append(make_event(house.site.key, at, house.day(day), **about))
                if not step and chance.random() < 0.4:
                    about |= {"name": "purchase", "amount": chance.randrange(5000)}
                    about["currency"] = chance.choice(("EUR", "USD", ""))
                    events.append(make_event(house.site.key, at + 1, house.day(day), **about))
                    del about["name"]
    house.arriving += sorted(events, key=lambda event: event.received)


def closed(store: Store, rules: SiteRules, goals: Sequence[Goal], days: int, seed: int) -> Generator[Work, None, Weeks]:
    house = Weeks(store, rules)
    house.site = structs.replace(house.site, goals=tuple(goals))
    traffic(house, days, random.Random(seed))
    yield house.closing(after=days - 1)
    return house


def declare(house: Weeks, *goals: Goal, longest_s: float = 60) -> bool:
    house.site = structs.replace(house.site, goals=goals)
    return add_goals(house.store, house.site, house.rules, house.noon(20), longest_s)


def rows(house: Weeks, goal: str = "") -> list[Any]:
    """Rows of goals, those that were released with days and those that were added."""
    which = f"WHERE site = {{site:String}} AND goal LIKE '{goal}%'"
    columns = ", ".join(COLUMNS)
    return house.store.rows(
        f"""SELECT * FROM (SELECT {columns} FROM released_conversions {which} AND grain = 'day'
        UNION ALL SELECT {columns} FROM late_conversions {which}) ORDER BY ALL""",
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
    """Two days of the same visits: all goals from the start, and one at first and the others later."""
    first, later = side_by_side(
        store, *(closed(store, EVERYTHING, some, 2, seed=1) for some in ((BUY, READ, DOCS), (READ,)))
    )
    sum_months(store, 60)
    assert len(entries(later)) == 2
    assert declare(later, BUY, READ, DOCS)
    return first, later


def test_with_k_1_a_later_goal_has_the_rows_of_one_from_the_start(twins: tuple[Weeks, Weeks]) -> None:
    first, later = twins
    assert len(rows(first, "Buy")) > 100
    assert rows(first) == rows(later)
    released = "SELECT DISTINCT goal FROM released_conversions WHERE site = {site:String}"
    assert later.store.rows(released, {"site": later.site.key}) == [("Read",)]


@together
def test_so_it_is_for_goals_of_a_section_a_duration_and_revenue(store: Store) -> Test:
    first = yield from closed(store, EVERYTHING, OTHERS, 1, 31)
    later = yield from closed(store, EVERYTHING, (), 1, 31)
    assert declare(later, *OTHERS)
    assert rows(first) == rows(later)
    assert all(len(rows(later, goal.name)) > 20 for goal in OTHERS)
    # By the same name another section is another goal.
    later.site = structs.replace(later.site, sections={"Docs": "/docs/a"}, goals=())
    assert declare(later, Goal("Section", section="Docs"))
    assert entries(later)[-1].goals == {"Section": 'goal:{"like": "/docs/a", "section": "like"}'}


@pytest.mark.long
@pytest.mark.parametrize("seed", range(2, 30))
@together
def test_so_it_is_for_other_traffic(store: Store, seed: int) -> Test:
    first = yield from closed(store, EVERYTHING, (BUY, READ, DOCS), 1, seed)
    later = yield from closed(store, EVERYTHING, (), 1, seed)
    assert declare(later, DOCS, BUY, READ)
    assert rows(first) == rows(later)


@pytest.mark.parametrize("seed", [2, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(3, 20))])
@together
def test_with_a_larger_k_its_rows_are_among_those_of_one_from_the_start(store: Store, seed: int) -> Test:
    first = yield from closed(store, BALANCED, (READ, BUY), 1, seed)
    later = yield from closed(store, BALANCED, (READ,), 1, seed)
    assert declare(later, READ, BUY)
    assert {*rows(later)} <= {*rows(first)}
    assert faults(later) == []
    if seed == 2:
        assert rows(later, "Buy")


def test_pages_and_the_interface_count_it_and_say_the_same(twins: tuple[Weeks, Weeks]) -> None:
    first, later = twins
    for filters in ((), ("country==DE",), ("goal==Buy",), ("page!=/",)):
        expected = first.stats(0, 40, "goal", *filters)["rows"]
        assert expected
        assert later.stats(0, 40, "goal", *filters)["rows"] == expected, filters
    assert {row["value"]: row["counted_since"] for row in later.stats(0, 40, "goal")["rows"]} == {
        "Buy": None,
        "Read": None,
        "Docs": None,
    }


def test_its_entries_follow_in_the_chain_and_are_verified(twins: tuple[Weeks, Weeks]) -> None:
    _, later = twins
    added = [entry for entry in entries(later) if entry.span == ADDED]
    assert [(entry.day, entry.goals) for entry in added] == [
        (later.day(1), {"Buy": "event:purchase"}),
        (later.day(1), {"Docs": "page:/docs/**"}),
        (later.day(0), {"Buy": "event:purchase"}),
        (later.day(0), {"Docs": "page:/docs/**"}),
    ]
    assert all(entry.rows for entry in added)
    assert faults(later) == []
    copied = [
        rows_of(later.store, later.site.key, month, of) for month, of in months_of(readable(entries(later))).items()
    ]
    assert sum(part.text.count(b"\n") for parts in copied for part in parts if part.late) == sum(e.rows for e in added)
    # Once is enough.
    assert declare(later, BUY, READ, DOCS)
    assert len(entries(later)) == 6


def test_the_log_and_a_day_name_it(twins: tuple[Weeks, Weeks]) -> None:
    _, later = twins
    asked = (later.store, later.site, later.rules)
    text = release_text.log(releases.log_of(*asked, later.day(0), later.day(0), later.noon(20), GRACE_S))
    assert [line.split("  ")[-1].strip() for line in text.splitlines() if "adds" in line] == [
        "adds 'Buy'",
        "adds 'Docs'",
    ]
    told = releases.day_of(*asked, later.day(0), later.noon(20), GRACE_S)
    assert "entry 5, 2046-01-21 12:00:00 UTC: adds 'Buy'" in release_text.day(told)
    chain = releases.chain_of(later.store, later.site.key)
    assert (chain["days"], chain["blocks"], chain["goals"], chain["faults"]) == (2, 0, 4, [])
    assert "4 goals added to days" in release_text.verified([chain], [])


@together
def test_it_goes_with_its_site_and_comes_back_with_a_copy(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (READ,), 1, seed=9)
    declare(house, READ, BUY)
    site, mine = house.site.key, entries(house)
    parts = list(rows_of(store, site, house.first.replace(day=1), readable(mine)))
    before = rows(house), house.stats(0, 0, "goal")
    remove_site(store, site, house.noon(20))
    assert (rows(house), entries(house), site in stored_sites(store)) == ([], [], False)
    for part in parts:
        put_back(store, part, readable(mine))
    put_back_entries(store, mine)
    assert (rows(house), house.stats(0, 0, "goal")) == before
    assert faults(house) == []
    # Nothing is left of which it could be counted again, nor a goal that comes now.
    assert declare(house, READ, BUY, DOCS)
    assert entries(house) == mine


@together
def test_a_row_that_was_changed_is_found(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (), 1, seed=5)
    declare(house, BUY)
    mine = "site = {site:String}"
    change = f"ALTER TABLE late_conversions UPDATE converters = converters + 1 WHERE {mine} AND dimension = ''"
    store.command(change, {"site": house.site.key}, mutations_sync=2)
    assert [(fault.what, fault.number) for fault in faults(house)] == [("rows changed", 2)]
    store.command(f"ALTER TABLE manifest DELETE WHERE {mine} AND span = 0", {"site": house.site.key}, mutations_sync=2)
    assert [(fault.what, fault.number) for fault in faults(house)] == [("rows without an entry", 0)]
    assert house.stats(0, 0, "goal")["rows"] == []


def test_a_run_that_is_cut_off_is_done_again_with_the_same_rows(
    store: Store, twins: tuple[Weeks, Weeks], monkeypatch: pytest.MonkeyPatch
) -> None:
    first, _ = twins
    house = alone(store, closed(store, EVERYTHING, (READ,), 1, seed=1))
    assert each_write_cut_off(monkeypatch, "late_conversions", lambda: declare(house, BUY, READ)) == 4
    assert declare(house, BUY, READ)
    assert rows(house) == [row for row in rows(first) if "Docs" not in row and row[0] == house.day(0)]
    assert len(entries(house)) == 2
    assert faults(house) == []


@together
def test_the_schedule_adds_goals_once_the_settings_are_read_anew(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (READ,), 1, seed=10)
    mine = [(house.site, house.rules)]
    pipeline = Pipeline(store, mine, RollupSettings(), clock=lambda: house.noon(20))
    assert any(pipeline.add_goals() for _ in range(5))
    assert len(entries(house)) == 1
    house.site = structs.replace(house.site, goals=(READ, BUY))
    pipeline.follow([(house.site, house.rules)])
    assert any(pipeline.add_goals() for _ in range(5))
    assert [entry.goals for entry in entries(house)][1:] == [{"Buy": "event:purchase"}]
    # Then nobody is asked any more, and who has left is forgotten.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Store, "rows", None)
        assert pipeline.add_goals()
        pipeline.leave(house.site.key, lambda: None)
        assert pipeline.add_goals()


@together
def test_only_so_many_days_at_a_time_the_newest_first(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (), 2, seed=3)
    seconds = iter((0.0, 1.0, 3.0))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipeline.adding.release.time", SimpleNamespace(monotonic=lambda: next(seconds)))
        assert not declare(house, BUY, longest_s=2)
    assert [entry.day for entry in entries(house) if entry.span == ADDED] == [house.day(1)]
    [told] = house.stats(0, 1, "goal")["rows"]
    assert (told["counted_since"], told["certainty"]) == (house.day(1).isoformat(), "at least")
    assert told["not_shown_days"] == 1
    assert house.stats(1, 1, "goal")["rows"][0]["certainty"] == "exact"


@together
def test_a_goal_that_was_declared_after_the_visits_were_gone_counts_since_then(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (), 1, seed=4)
    store.command("ALTER TABLE visits DELETE WHERE site = {s:String}", {"s": house.site.key}, mutations_sync=2)
    assert declare(house, BUY)
    assert len(entries(house)) == 1
    house.visit(1, 7)
    house.visit(1, 7, name="purchase", at=5)
    yield house.closing(after=1)
    [told] = house.stats(0, 1, "goal")["rows"]
    assert (told["visitors"], told["counted_since"]) == (1, house.day(1).isoformat())
    assert (told["certainty"], told["not_shown_days"]) == ("at least", 1)
    [told] = house.stats(1, 1, "goal")["rows"]
    assert (told["counted_since"], told["certainty"]) == (None, "exact")


@together
def test_a_day_of_which_rows_are_gone_has_no_goals_added(store: Store) -> Test:
    """Who was erased after the release would be what a goal has less than another."""
    house = yield from closed(store, EVERYTHING, (READ,), 1, seed=6)
    gone = "ALTER TABLE visits DELETE WHERE site = {s:String} AND visitor = 5"
    store.command(gone, {"s": house.site.key}, mutations_sync=2)
    assert declare(house, READ, DOCS, BUY)
    assert [entry.rows for entry in entries(house) if entry.span == ADDED] == [0, 0]
    assert rows(house, "Buy") == rows(house, "Docs") == []
    assert faults(house) == []
    # Nobody knows who reached it that day: it is not counted, for all that everything is shown.
    house.visit(1, 7)
    house.visit(1, 7, name="purchase", at=5)
    yield house.closing(after=1)
    told = {row["value"]: row for row in house.stats(0, 1, "goal")["rows"]}["Buy"]
    assert (told["visitors"], told["certainty"], told["not_shown_days"]) == (1, "at least", 1)
    assert told["counted_since"] == house.day(1).isoformat()
    assert {(goal, day) for site, goal, _, day in counted_since(store) if site == house.site.key} == {
        ("Read", house.first),
        ("Docs", house.day(1)),
        ("Buy", house.day(1)),
    }


@together
def test_a_goal_that_is_changed_is_another_one_and_back_again_it_goes_on(store: Store) -> Test:
    house = yield from closed(store, EVERYTHING, (Goal("Goal", event="purchase"),), 2, seed=7)
    sum_months(store, 60)
    [bought] = house.stats(0, 1, "goal")["rows"]
    other = yield from closed(store, EVERYTHING, (Goal("Goal", page="/docs/**"),), 2, seed=7)
    [read] = other.stats(0, 1, "goal")["rows"]
    assert bought["visitors"] != read["visitors"]
    # Not counted yet: nothing of the goal of before is said to be of this one.
    house.site = structs.replace(house.site, goals=(Goal("Goal", page="/docs/**"),))
    for days in ((0, 1), (0, 40)):
        assert house.stats(*days, "goal")["rows"] == []
    assert declare(house, Goal("Goal", page="/docs/**"))
    assert house.stats(0, 1, "goal")["rows"] == [read]
    assert declare(house, Goal("Goal", event="purchase"))
    assert house.stats(0, 1, "goal")["rows"] == [bought]
    assert len(entries(house)) == 4
    # So says `footfall check site`.
    mine = [one for one in counted_since(store) if one[0] == house.site.key]
    assert [(definition, day) for _, _, definition, day in mine] == [
        ("event:purchase", house.first),
        ("page:/docs/**", house.first),
    ]
    told = [{"site": s, "goal": goal, "definition": as_, "since": day.isoformat()} for s, goal, as_, day in mine]
    [goal] = house.site.goals
    since = ", counted since 2046-01-01; what it counted as page:/docs/** is not in it"
    assert since_when(goal, house.site.key, told) == since
    assert since_when(goal, "another.example", told) == ""


def test_a_block_adds_up_no_goal_that_was_changed_within_it(store: Store) -> None:
    house = Weeks(store)
    for day in (0, 1, 5, 6):
        house.crowd(day)
        for visitor in range(4):
            for event in ("signup", "purchase"):
                house.visit(day, 1000 * day + visitor, at=visitor, name=event)
        if day == 1:
            house.close(after=1)
            signup = Goal("Buy", event="signup")
            house.site = structs.replace(house.site, goals=(house.site.goals[0], signup))
    house.close(after=6)
    assert [(row["value"], row["visitors"]) for row in house.stats(0, 6, "goal")["rows"]] == [("Sign up", 16)]
    late = "SELECT goal, converters FROM late_conversions WHERE site = {s:String} AND grain = 'week' AND dimension = ''"
    assert store.rows(late, {"s": house.site.key}) == [("Sign up", 16)]
    assert entries(house)[-1].goals == {"Sign up": "event:signup"}
    # Nor is what it has of a goal told as that of another one.
    house.site = structs.replace(house.site, goals=(Goal("Sign up", event="purchase"),))
    assert house.stats(0, 6, "goal")["rows"] == []


@pytest.mark.long
@together
def test_rules_that_are_stricter_now_hold(store: Store) -> Test:
    house = yield from closed(store, BALANCED, (READ,), 1, seed=8)
    house.rules = structs.replace(BALANCED, k=12, networks=12)
    assert declare(house, READ, BUY)
    told = rows(house, "Buy")
    people = COLUMNS.index("converters"), COLUMNS.index("payers")
    assert all(max(row[place] for place in people) >= 12 for row in told)
    assert entries(house)[-1].k == 12
    assert faults(house) == []
