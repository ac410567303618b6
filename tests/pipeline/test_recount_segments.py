"""Segments, who of them reached a goal, and how fast pages were for their visits, against plain Python that reads the
settings and shares nothing with the rollup."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import pytest
from msgspec import structs

from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from schema.event import ENGAGEMENT, Event
from schema.site import Site
from schema.store import Store
from schema.vitals import PEOPLE_BUCKET, VITALS
from tests.conftest import insert, recounted
from tests.histogram import bucket_of
from tests.pipeline.test_segments import ALL, DAY, START, holds, recount, site_of, traffic
from tests.pipeline.test_whole_day import visits_of

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

# Goals of events: of each which reach it.
_OF_EVENTS: dict[str, Callable[[Event], bool]] = {
    "Buy": lambda event: event.name == "buy",
    "Pro": lambda event: event.name == "buy" and event.props.get("plan") == "pro",
    "Paid": lambda event: bool(event.currency),
}
_NUMBERS = "visitors, visits, pageviews, bounces, visit_seconds"
Rows = dict[tuple[object, ...], tuple[int, ...]]


def measured(dice: random.Random, event: Event) -> Event:
    """Some of it; the limits of bands among that."""
    if dice.random() < 0.3:
        return event
    found = {
        name: dice.choice((vital.good, vital.poor, vital.poor * dice.random() * 2))
        for name, vital in VITALS.items()
        if dice.random() < 0.6
    }
    return structs.replace(event, **found)


def recount_vitals(site: Site, events: Sequence[Event]) -> Rows:
    """By segment, vital and bucket: samples, good and poor ones, people."""
    found: dict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    people = defaultdict(set)
    for visit, names in _visits(site, events):
        for event in visit:
            for vital in VITALS.values():
                sample = getattr(event, vital.name)
                for name in names if sample >= 0 else ():
                    row = found[name, vital.name, bucket_of(vital, sample)]
                    row[:3] = row[0] + 1, row[1] + (sample <= vital.good), row[2] + (sample > vital.poor)
                    people[name, vital.name].add(event.visitor)
    for key, who in people.items():
        found[*key, PEOPLE_BUCKET][3] = len(who)
    return {key: (samples, good, poor, many) for key, (samples, good, poor, many) in found.items()}


def recount_goals(site: Site, events: Sequence[Event]) -> Rows:
    """By segment, goal and currency: converters, conversions, amount, payers."""
    who: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    often: dict[tuple[str, str, str], int] = defaultdict(int)
    paid: dict[tuple[str, str, str], int] = defaultdict(int)
    for visit, names in _visits(site, events):
        mine = [(goal, reaches) for goal, reaches in _OF_EVENTS.items() if goal in site.goal_definitions]
        reached = [(goal, one) for goal, reaches in mine for one in visit if reaches(one)]
        for name in names:
            for goal, one in reached:
                who[name, goal, ""].add(one.visitor)
                often[name, goal, ""] += 1
                if one.currency:
                    who[name, goal, one.currency].add(one.visitor)
                    paid[name, goal, one.currency] += one.amount
    return {
        key: (0, 0, paid[key], len(people)) if key[2] else (len(people), often[key], 0, 0)
        for key, people in who.items()
    }


def of_events(rows: Iterable[Sequence[Any]]) -> Rows:
    """Of such rows those of goals that are recounted."""
    return {tuple(row[:3]): tuple(row[3:]) for row in rows if row[1] in _OF_EVENTS}


def with_some_goals(dice: random.Random, site: Site) -> Site:
    """Those that its segments ask for, and another one: each segment is looked up once more with each goal."""
    asked = {value for segment in site.segments for key, value in segment.asked if key == "goal"}
    asked.add(dice.choice([*_OF_EVENTS]))
    return structs.replace(site, goals=tuple(goal for goal in site.goals if goal.name in asked))


def _visits(site: Site, events: Sequence[Event]) -> list[tuple[Sequence[Event], list[str]]]:
    """Those that count as one, and the segments that they are in."""
    return [
        (visit, [segment.name for segment in site.segments if holds(segment.where, visit)])
        for visit in visits_of(events)
        if any(one.name != ENGAGEMENT for one in visit)
    ]


def _released(store: Store, sites: Sequence[Site], table: str, keys: str, numbers: str) -> dict[str, Rows]:
    """Of the whole site and, where they are told so, by value; by site."""
    found: dict[str, Rows] = {site.key: {} for site in sites}
    many = 1 + keys.count(",")
    rows = store.rows(
        f"SELECT site, {keys}, {numbers} FROM {table} "
        "WHERE site IN {sites:Array(String)} AND grain = 'day' AND by_dimension = ''",
        {"sites": [*found]},
    )
    for site, *row in rows:
        found[site][tuple(row[:many])] = tuple(row[many:])
    assert sum(map(len, found.values())) == len(rows)
    return found


def test_with_a_k_of_one_all_of_a_segment_is_what_a_recount_finds(store: Store) -> None:
    """Of days that are released by the same statements, each with segments of its own."""
    dice = random.Random(18)
    many = recounted()
    sites = [site_of(dice, 20) for _ in range(3)]
    sites += [with_some_goals(dice, site_of(dice, dice.randint(1, 3))) for _ in range(many - 3)]
    events = {
        site.key: [measured(dice, one) for one in traffic(site, dice, 30 if nth < 3 else 4)]
        for nth, site in enumerate(sites)
    }
    sites.append(structs.replace(sites[-1], key="without-segments", segments=()))
    events["without-segments"] = [structs.replace(one, site="without-segments") for one in events[sites[-2].key]]
    insert(store, [event for mine in events.values() for event in mine])
    days = [SiteDay(site, DAY, ALL) for site in sites]
    release_together(store, "events", days, START + 2 * 86_400, "live", [Flaws()] * len(days))
    segments = _released(store, sites, "released_segments", "segment, dimension, value", _NUMBERS)
    columns = "segment, goal, currency", "converters, conversions, amount, payers"
    goals = _released(store, sites, "released_segment_goals", *columns)
    vitals = _released(
        store, sites, "released_segment_vitals", "segment, metric, bucket", "samples, good, poor, people"
    )
    entries = dict(store.rows("SELECT site, segments FROM manifest WHERE site IN {s:Array(String)}", {"s": [*events]}))
    for site in sites:
        mine = events[site.key]
        assert segments[site.key] == recount(site, mine)
        assert of_events((*key, *row) for key, row in goals[site.key].items()) == recount_goals(site, mine)
        assert vitals[site.key] == recount_vitals(site, mine)
        assert entries[site.key] == site.segment_definitions
    assert sum(map(len, goals.values())) > 3 * many, "there is something to count"
    assert sum(map(len, vitals.values())) > 20 * many, "there is something to count"
