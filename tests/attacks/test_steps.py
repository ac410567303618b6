"""Who writes down every number of an open day at every quarter of an hour, and compares them with the release: does
anything ever go on by fewer than k people? (rule N7)

The traffic has people who go on, people who come back, and an attacker with k - 1 browsers from as many networks, who
sees what he believes his victim sees.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Generator
from typing import Any

import pytest

import pipeline.rollup.open_days.step
from schema.dimensions import OTHER
from schema.families import FAMILIES, LIVE
from schema.store import Store
from tests.together import Test, Work, alone, together

from .house import NOON, House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

K = 5
QUARTER = 900
COUNTRIES, PAGES = ("DE", "DE", "DE", "US", "US", "FR", "IS"), ("/", "/", "/a", "/b", "/c", "/clinic")
# A row is told by its family and its key; it has its measures, and how many people are behind it.
Rows = dict[tuple[Any, ...], tuple[int, tuple[Any, ...]]]


def read(house: House, state: str) -> Rows:
    """All rows of the day, as anybody can read them who may ask."""
    found: Rows = {}
    for name, family in (LIVE if state == "open" else FAMILIES).items():
        keys = ("grain", "period", "dimension", "value", *family.key_names[: -1 if family.histogram else None])
        people = family.people.name
        where = f"FROM {state}_{name} WHERE site = {{s:String}} GROUP BY {', '.join(keys)}"
        sums = [f"sum({one})" for one in family.measure_names if one != "histogram"]
        for row in house.store.rows(
            f"SELECT {', '.join(keys)}, sum({people}), [{', '.join(f'toInt64({one})' for one in sums)}] {where}",
            {"s": house.site.key},
        ):
            found[name, *row[: len(keys)]] = (row[-2], tuple(row[-1]))
    return found


def day(house: House, seed: int, quarters: int) -> Generator[Work, None, list[Rows]]:
    """What was shown after each quarter of an hour, and in the end what is released."""
    chance, number, seen = random.Random(seed), 0, []
    regulars: list[dict[str, Any]] = []
    for quarter in range(quarters):
        coming = chance.choice((0, 1, 4, 8, 20))
        hits = []
        for _ in range(coming):
            number += 1
            person = {"visitor": number, "network_number": number, "country": chance.choice(COUNTRIES)}
            regulars.append(person)
            at = quarter * QUARTER + chance.randrange(QUARTER)
            # Some read on, into the next quarter of an hour and the one after that.
            for page in range(chance.choice((1, 1, 2, 4))):
                hits.append((at + page * 400, person | {"path": chance.choice(PAGES), "lcp": 900.0}))
            if chance.random() < 0.3:
                hits.append((at + 20, person | {"path": "/", "name": "signup"}))
        for person in chance.sample(regulars, min(2, len(regulars))):
            hits.append((quarter * QUARTER + 700, person | {"path": "/clinic"}))
        if quarter % 3 == 1:
            for fake in range(K - 1):
                mine = {"visitor": 9000 + 10 * quarter + fake, "network_number": 9000 + fake, "country": "IS"}
                hits.append((quarter * QUARTER + 500, mine | {"path": "/clinic"}))
        house.visits(sorted(hits, key=lambda hit: hit[0]))
        yield house.waiting((quarter + 1) * QUARTER + 60)
        seen.append(read(house, "open"))
    yield house.releasing()
    return [*seen, read(house, "released")]


def small_steps(seen: list[Rows]) -> list[tuple[Any, ...]]:
    """The rows that ever went on by fewer than k people. What is folded is of other values each time, and who reads on
    leaves from another page: there people are not more, but others."""
    found = []
    last: Rows = {}
    for rows in seen:
        for key, (people, measures) in rows.items():
            before, had = last.get(key, (0, ()))
            if OTHER not in key and "exit_page" not in key and measures != had and people - before < K:
                found.append((key, before, people))
        last |= rows
    return found


def small_rests(house: House, dimension: str) -> list[tuple[int, int]]:
    """Steps of the whole site of which the values of a dimension leave over fewer than k people, or one value's alone,
    where all is known that ever was shown. As (from, to)."""
    taken = defaultdict(dict)
    for name, value, visits, at in house.store.rows(
        """SELECT dimension, value, visits, toUnixTimestamp(taken) FROM next_cells
        WHERE site = {s:String} AND grain = 'day' AND dimension IN ('', {d:String})""",
        {"s": house.site.key, "d": dimension},
    ):
        taken[name, value][at] = visits
    known = {key: sorted(steps)[:-1] for key, steps in taken.items()}
    whole, found = known["", ""], []
    for since, until in itertools.pairwise(whole):
        rest = taken["", ""][until] - taken["", ""][since]
        left = 0
        for key, steps in known.items():
            if key[0] == dimension and key[1] != OTHER:
                if since in steps and until in steps:
                    rest -= taken[key][until] - taken[key][since]
                else:
                    left += 1
        if left and 0 < rest < K:
            found.append((since - NOON, until - NOON))
    return found


@pytest.mark.parametrize(
    ("seed", "quarters"), [(1, 8), *(pytest.param(seed, 30, marks=pytest.mark.long) for seed in range(2, 6))]
)
@together
def test_every_step_and_the_last_one_to_the_release_is_of_k_people(
    store: Store, seed: int, quarters: int, report: Callable[[str, str], None]
) -> Test:
    house = House(store, K)
    seen = yield from day(house, seed, quarters)
    assert len(seen[-2]) > 20, "something is shown"
    assert small_steps(seen) == []
    assert small_rests(house, "country") == []
    report("who compares every quarter of an hour with the release", f"k = {K}: 0 steps of fewer than {K} people")


@together
def test_where_each_is_shown_at_once_nearly_every_step_is_smaller(
    store: Store, report: Callable[[str, str], None]
) -> Test:
    small = small_steps((yield from day(House(store, 1), 1, 6)))
    assert len(small) > 50
    report("who compares every quarter of an hour with the release", f"k = 1: {len(small)}")


def rest_of_a_rare_country(store: Store) -> Generator[Work, None, list[tuple[int, int]]]:
    """Two countries of which many come, and one of which one person comes when the others go on."""
    house, number = House(store, K), itertools.count(1)
    many = {"DE": 7, "US": 6}
    for quarter, coming in enumerate((many | {"IS": 6}, many | {"IS": 6}, many | {"IS": 1}, many, many)):
        people = [(next(number), country) for country, count in coming.items() for _ in range(count)]
        hits = [
            (quarter * QUARTER + 5, {"visitor": visitor, "network_number": visitor, "country": country})
            for visitor, country in people
        ]
        house.visits(hits)
        yield house.waiting((quarter + 1) * QUARTER + 60)
    assert house.rows("country")["DE"]["visitors"] >= 14
    return small_rests(house, "country")


@together
def test_nor_does_one_follow_by_subtracting_the_others_from_the_whole_site(store: Store) -> Test:
    assert (yield from rest_of_a_rare_country(store)) == []


def test_where_nobody_waits_with_him_he_does(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    statement = pipeline.rollup.open_days.step._FILL_STEPS
    unsafe = statement.replace("WHERE goes AND (safe OR ", "WHERE goes AND (true OR ")
    assert unsafe != statement
    monkeypatch.setattr(pipeline.rollup.open_days.step, "_FILL_STEPS", unsafe)
    assert alone(store, rest_of_a_rare_country(store)) == [(2 * QUARTER, 3 * QUARTER)]
