"""Pairs, who of their cells reached a goal, and what weeks tell of them, against plain Python that shares nothing with
the rollup."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from msgspec import structs

from schema.event import ENGAGEMENT, Event
from schema.pair import CROSSED
from schema.site import Goal, Site
from schema.store import Store
from tests.conftest import insert, recounted
from tests.pipeline.test_pairs import ALL, close, recount, shown, some_site, traffic
from tests.pipeline.test_whole_day import touched, visits_of

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

# Of each goal which events reach it.
_REACHES: dict[str, Callable[[Event], bool]] = {
    "Go": lambda event: event.name == "go",
    "Front": lambda event: event.name == "pageview" and event.path == "/",
    "Paid": lambda event: bool(event.currency),
}
_GOALS = (Goal("Go", event="go"), Goal("Front", page="/"), Goal("Paid", revenue=True))
# dimension, value, by_dimension, by_value, goal, currency
Key = tuple[str, str, str, str, str, str]
# converters, conversions, amount, payers
Rows = dict[Key, tuple[int, int, int, int]]


def recount_goals(site: Site, events: Sequence[Event]) -> Rows:
    who: dict[Key, set[int]] = defaultdict(set)
    often: dict[Key, int] = defaultdict(int)
    paid: dict[Key, int] = defaultdict(int)
    for visit in visits_of(events):
        if all(event.name == ENGAGEMENT for event in visit):
            continue
        values = {name: next(iter(cells)) for name, cells in touched(visit).items() if name in CROSSED}
        cells = [(pair.one, values[pair.one], pair.other, values[pair.other]) for pair in site.crossed]
        reached = [(goal, one) for goal, reaches in _REACHES.items() for one in visit if reaches(one)]
        for cell in cells:
            for goal, one in reached:
                who[*cell, goal, ""].add(one.visitor)
                often[*cell, goal, ""] += 1
                if one.currency:
                    who[*cell, goal, one.currency].add(one.visitor)
                    paid[*cell, goal, one.currency] += one.amount
    return {
        key: (0, 0, paid[key], len(people)) if key[-1] else (len(people), often[key], 0, 0)
        for key, people in who.items()
    }


def test_with_a_k_of_one_every_cell_is_what_a_recount_finds(store: Store) -> None:
    """Of days that are released by the same statements, each with pairs and goals of its own."""
    dice = random.Random(82)
    made = [some_site(dice) for _ in range(recounted())]
    sites = [structs.replace(site, goals=_GOALS[: dice.randint(0, 3)]) for site in made]
    events = {site.key: [*map(_paid, traffic(site, dice))] for site in sites}
    insert(store, [event for mine in events.values() for event in mine])
    close(store, sites, ALL)
    pairs, goals = shown(store, sites), _shown_goals(store, sites)
    for site in sites:
        assert pairs[site.key] == _named(recount(site, events[site.key]))
        names = {goal.name for goal in site.goals}
        expected = _named(recount_goals(site, events[site.key]))
        assert goals[site.key] == {key: counted for key, counted in expected.items() if key[4] in names}
    for found in (pairs, goals):
        assert sum(map(len, found.values())) > 5 * len(sites), "there is something to find"


def _shown_goals(store: Store, sites: Sequence[Site]) -> dict[str, Rows]:
    found: dict[str, Rows] = {site.key: {} for site in sites}
    rows = store.rows(
        "SELECT site, dimension, value, by_dimension, by_value, goal, currency, converters, conversions, amount, "
        "payers FROM released_pair_goals WHERE site IN {sites:Array(String)} AND grain = 'day'",
        {"sites": [*found]},
    )
    for site, *row in rows:
        found[site][tuple(row[:6])] = tuple(row[6:])
    assert sum(map(len, found.values())) == len(rows)
    return found


def _named(counted: Mapping[Any, Any]) -> dict[Any, Any]:
    """A value that is called as folded rows are, is told in quotes."""
    return {tuple("“(other)”" if part == "(other)" else part for part in key): row for key, row in counted.items()}


def _paid(event: Event) -> Event:
    """Some pay, in two currencies, and one pays nothing."""
    if event.name != "go":
        return event
    currency = ("EUR", "", "JPY")[event.received % 3]
    return structs.replace(event, currency=currency, amount=event.received % 7 if currency else 0)
