"""A big open day goes on from what its last run left in memory: it has the same rows, and nobody stays there who is to
go."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest
from msgspec import structs

from pipeline.erase import erase
from pipeline.rollup import batch
from pipeline.rollup.cells import sums
from pipeline.rollup.stages import roll_up, staged
from pipeline.rollup.visits import sessionize, warm
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from schema.event import ENGAGEMENT, PAGEVIEW
from schema.funnel import Funnel, Step
from schema.site import Goal, Site
from schema.store import Store, StoreDown
from tests.conftest import make_event, times
from tests.pipeline.test_visits import DAY, START, insert, new_site, roll_up_whole, rows

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(600)]

RULES = SiteRules(2, 30, "balanced", networks=1, bound=0.9)
GOALS = (Goal("buy", event="buy"), Goal("Docs", page="/docs/**"))
FUNNEL = Funnel("f", (Step(page="/"), Step(event="buy")), within="day")


@pytest.fixture(autouse=True)
def _every_day_is_big(store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(batch, "_FEW_VISITS", 0)
    yield
    warm.forget(store)


def in_memory(store: Store) -> set[str]:
    """What is left by runs: tables and the visitors in them."""
    tables = {name for (name,) in store.rows("SELECT name FROM system.tables WHERE database = 'scratch'")}
    of = store.rows("SELECT table FROM system.columns WHERE database = 'scratch' AND name = 'visitor'")
    found = {visitor for (name,) in of for (visitor,) in store.rows(f"SELECT DISTINCT visitor FROM scratch.{name}")}
    return tables | {*map(str, found)}


def some(chance: random.Random, site: Site, visitor: int) -> list[Any]:
    """Some of what a visitor does, at any time of the day."""
    names = chance.choices([PAGEVIEW, "buy", ENGAGEMENT], [4, 1, 2], k=chance.randint(1, 4))
    done = [
        make_event(
            site.key,
            START + 300 * chance.randrange(200),
            DAY,
            visitor=visitor * 2**56,
            network_number=1 + visitor % 5 % 3,
            name=name,
            path=chance.choice(["/", "/a", "/docs/x"]),
            country=chance.choice(["DE", "FR", "IT"]),
            source=chance.choice(["", "a", "b"]),
            props={"plan": chance.choice("pf")} if name == "buy" else {},
            engaged_ms=chance.randrange(60_000) if name == ENGAGEMENT else 0,
            lcp=900.0 if name == ENGAGEMENT else -1.0,
        )
        for name in names
    ]
    # A report of each page that is viewed: one that comes by itself tells of no page that was seen.
    views = [one for one in done if one.name == PAGEVIEW]
    return done + [
        structs.replace(
            one, received=one.received + 9, name=ENGAGEMENT, engaged_ms=chance.randrange(1, 60_000), scroll=50
        )
        for one in views
    ]


# Which networks are counted again: those of few values, of many, of all.
@pytest.mark.parametrize(("k", "far", "near"), [(1, 16, 100), (3, 2, 100), (3, 2, 0)])
@pytest.mark.parametrize("seed", range(max(1, times(1))))
def test_a_day_that_goes_on_has_the_rows_of_one_that_begins_anew(
    store: Store, monkeypatch: pytest.MonkeyPatch, seed: int, k: int, far: int, near: int
) -> None:
    """Its sums go on, too. far: how far networks are counted; near: of how many people at most once more."""
    monkeypatch.setattr("pipeline.rollup.cells.aggregate.FAR", far)
    monkeypatch.setattr(sums, "_MOST_NEAR", near)
    chance, rules = random.Random(seed), structs.replace(RULES, k=k, networks=k - 1)
    site = Site(new_site().key, goals=GOALS, funnels=(FUNNEL,), properties=("plan",))
    # One of them does more than is counted: with k = 1 in the beginning and once more, else in the end.
    busy = [make_event(site.key, START + at, DAY, visitor=7 * 2**56, path=f"/{at % 3}") for at in range(60)]
    # Of another one two visits become one by what comes later.
    between = [make_event(site.key, START + at, DAY, visitor=6 * 2**56) for at in (0, 2400, 1200)]
    rounds = ((range(1, 15), busy), (range(8, 18), busy[:5]))[:: 1 if k == 1 else -1]
    for (people, more), two in zip(rounds, (between[:2], between[2:]), strict=True):
        others = [visitor for visitor in people if visitor != 6]
        insert(store, [one for visitor in others for one in some(chance, site, visitor)] + more + two)
        with monkeypatch.context() as patch:
            patch.setattr(sessionize, "load", None)  # the first run makes them, the others have them
            roll_up(store, site, DAY, rules)
        found = rows(store, site)
        assert found["engagement"], "there is something to go on from"
        left = warm.find(store, [batch.SiteDay(site, DAY, rules)])
        assert left
        assert left.run in " ".join(in_memory(store))
        # None is stored that has become one with another.
        visits = "SELECT visitor, visit FROM {} ORDER BY ALL"
        assert store.rows(visits.format(f"scratch.run_visits_{left.run}")) == store.rows(
            visits.format(f"""
            (SELECT visitor, visit FROM visits FINAL WHERE site = '{site.key}')""")
        )
        # By the way of others, which leave what is there as it is.
        with monkeypatch.context() as patch:
            patch.setattr(batch, "_FEW_VISITS", 10**6)
            patch.setattr("pipeline.rollup.stages.find", lambda *_: None)
            roll_up_whole(store, site, rules)
        assert found == rows(store, site)


def test_n4_networks_that_come_and_go_are_counted_again(store: Store) -> None:
    """Who is behind a value comes from one network once somebody else has turned out to have come by another source;
    and behind another value somebody from a second network has come."""
    site, rules = new_site(), structs.replace(RULES, k=3, networks=2)

    def come(source: str, networks: dict[int, int], at: int = START) -> list[Any]:
        return [
            make_event(site.key, at, DAY, visitor=visitor * 2**56, network_number=network, source=source)
            for visitor, network in networks.items()
        ]

    def shown() -> set[str]:
        told = "SELECT value FROM open_cells WHERE site = {site:String} AND dimension = 'source'"
        return {source for (source,) in store.rows(told, {"site": site.key})} - {"(other)"}

    others = come("y", {visitor: visitor for visitor in range(30, 38)})
    others += come("q", {40: 40, 41: 41}) + come("r", {50: 50, 51: 51})
    insert(store, come("a", {1: 1, 2: 1, 3: 1, 4: 2}) + come("c", {5: 1, 6: 1}) + others)
    roll_up(store, site, DAY, rules)
    assert shown() == {"a", "y"}
    insert(store, come("y", {4: 2}, START - 60) + come("c", {7: 2}) + come("n", {60: 60, 61: 61, 62: 62}))
    roll_up(store, site, DAY, rules)
    assert shown() == {"c", "n", "y"}
    found = rows(store, site)
    roll_up_whole(store, site, rules)
    assert found == rows(store, site)


def test_d6_who_is_erased_is_in_memory_no_more(store: Store) -> None:
    site, gone = new_site(), str(3 * 2**56)
    insert(store, [make_event(site.key, START + visitor, DAY, visitor=visitor * 2**56) for visitor in range(1, 9)])
    roll_up(store, site, DAY, RULES)
    assert gone in in_memory(store)
    columns = ([site.key], [START + 10], [DAY], [int(gone)])
    store.insert("erasures", ("site", "at", "day", "visitor"), columns)
    assert erase(store, {site.key: (site, RULES)}, START + 10 * 86_400) == [(site.key, DAY)]
    assert in_memory(store) == set()


def test_r4_nothing_is_left_of_a_run_that_fails_by_a_release_and_where_nobody_looks(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = new_site()

    def arrive(first: int) -> None:
        insert(store, [make_event(site.key, START + v, DAY, visitor=v * 2**56) for v in range(first, first + 4)])

    arrive(1)
    roll_up(store, site, DAY, RULES)
    assert in_memory(store)
    arrive(5)
    with monkeypatch.context() as broken:
        broken.setattr("pipeline.rollup.stages.STAGES", (_fail,))
        with pytest.raises(StoreDown):
            roll_up(store, site, DAY, RULES)
    assert in_memory(store) == set()
    roll_up(store, site, DAY, RULES)
    assert in_memory(store)
    with staged(store, "events", [batch.SiteDay(site, DAY, RULES)]):
        pass
    assert in_memory(store) == set()
    roll_up(store, site, DAY, RULES)
    pipeline = Pipeline(store, [(site, RULES)], RollupSettings(), clock=lambda: START)
    monkeypatch.setattr(pipeline.rolling, "due", float("inf"))
    pipeline.roll_up()
    assert in_memory(store)
    monkeypatch.setattr("pipeline.rolling.IDLE_S", 0.0)
    pipeline.roll_up()
    assert in_memory(store) == set()


def _fail(*_: object) -> None:
    raise StoreDown("gone")
