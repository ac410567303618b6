"""Conversion rates by bands of web vitals, against plain Python that shares nothing with the rollup but the
definitions."""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest

from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT, NOT_MEASURED, PAGEVIEW, Event
from schema.experience import RATED
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from schema.vitals import VITALS
from tests.conftest import insert, make_event, times
from tests.pipeline.test_whole_day import section_of, visits_of

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAY = dt.date(2041, 3, 19)
START = day_bounds("UTC", day_number(DAY)).start
GOALS = (Goal("go", event="go"), Goal("shop", page="/shop/*"), Goal("never", event="never"))
# Whether an event of a visit reaches it.
Reaches = Callable[[Event, Sequence[Event]], bool]
REACHED: dict[str, Reaches] = {
    "go": lambda event, _: event.name == "go",
    "shop": lambda event, _: event.name == PAGEVIEW and event.path.startswith("/shop/"),
    "never": lambda *_: False,
}
_NUMBER = itertools.count(1)
# (dimension, value, vital, goal, band): people, converters.
Rates = dict[tuple[str, ...], tuple[int, int]]
# Every threshold, what is on it (both can be stored exactly), and what is on either side.
VALUES = {
    "lcp": (0.0, 2499.0, 2500.0, 2501.0, 4000.0, 4001.0),
    "inp": (8.0, 200.0, 201.0, 500.0, 501.0),
    "cls": (0.0, 0.0625, 0.125, 0.25, 0.5),
}


def band_of(vital: str, values: Sequence[float]) -> str:
    """Three of four are at most as bad as what is rated."""
    rated = sorted(values)[math.ceil(0.75 * len(values)) - 1]
    return "good" if rated <= VITALS[vital].good else "poor" if rated > VITALS[vital].poor else "needs improvement"


def recount(events: Sequence[Event], goals: Mapping[str, Reaches] = REACHED) -> Rates:
    visits: dict[int, list[list[Event]]] = defaultdict(list)
    for visit in visits_of(events):
        visits[visit[0].visitor].append(visit)
    came = [visit for each in visits.values() for visit in each if any(e.name != ENGAGEMENT for e in visit)]
    if not came:
        return {}
    there = {("", "")} | {("device", next(e for e in visit if e.name != ENGAGEMENT).device) for visit in came}
    there |= {("section", section_of(e.path)) for visit in came for e in visit if e.name == PAGEVIEW}
    found: Counter[tuple[str, ...]] = Counter()
    converters: Counter[tuple[str, ...]] = Counter()
    for each in visits.values():
        every = [event for visit in each for event in visit]
        views = [event for event in every if event.name == PAGEVIEW]
        values = {"": "", "device": every[0].device} | ({"section": section_of(views[0].path)} if views else {})
        reached = {goal for goal, reaches in goals.items() if any(reaches(e, visit) for visit in each for e in visit)}
        for vital, goal, value in itertools.product(RATED, goals, values.items()):
            measured = [getattr(event, vital) for event in every if getattr(event, vital) >= 0]
            if measured and value in there:
                key = (*value, vital, goal, band_of(vital, measured))
                found[key] += 1
                converters[key] += goal in reached
    return {key: (people, converters[key]) for key, people in found.items()}


def traffic(site: Site, rng: random.Random) -> list[Event]:
    events = []
    for visitor in range(1, rng.randint(2, 6)):
        at = START + 3600
        about = {"device": rng.choice(("mobile", "desktop", ""))}
        for _ in range(rng.randint(1, 9)):
            at += rng.choice((0, 1, 60, 4000))
            name = rng.choice((PAGEVIEW, PAGEVIEW, "go", ENGAGEMENT, ENGAGEMENT, ENGAGEMENT))
            given: dict[str, Any] = {"name": name, "path": rng.choice(("/", "/shop/a", "/docs/a", "/docs/b"))}
            for vital in RATED if name == ENGAGEMENT else ():
                given[vital] = rng.choice((NOT_MEASURED, *VALUES[vital], *VALUES[vital]))
            events.append(make_event(site.key, at, DAY, visitor=visitor, **about, **given))
    return sorted(events, key=lambda event: event.received)


def close(store: Store, days: Sequence[SiteDay]) -> None:
    release_together(store, "events", list(days), START + 100_000, "live", [Flaws()] * len(days))


def shown(store: Store, sites: Sequence[Site]) -> dict[str, Rates]:
    found: dict[str, Rates] = {site.key: {} for site in sites}
    for site, *key, people, converters in store.rows(
        "SELECT site, dimension, value, vital, goal, band, people, converters FROM released_experience "
        "WHERE site IN {s:Array(String)} AND grain = 'day'",
        {"s": [*found]},
    ):
        assert (*key,) not in found[site], "two rows of one key"
        found[site][(*key,)] = (people, converters)
    return found


def test_every_rate_is_what_is_counted_by_hand_where_nothing_is_hidden(store: Store) -> None:
    rng = random.Random(5)
    sent = {
        site: traffic(site, rng)
        for _ in range(max(20, min(1000, times(400))))
        for site in [Site(f"experience-{next(_NUMBER)}", goals=GOALS)]
    }
    insert(store, [event for events in sent.values() for event in events])
    close(store, [SiteDay(site, DAY, SiteRules(1, 30, "balanced", networks=1)) for site in sent])
    found = shown(store, [*sent])
    for site, events in sent.items():
        assert found[site.key] == recount(events), site.key
    rates = [row for rows in found.values() for row in rows.items()]
    assert {(vital, band) for (_, _, vital, _, band), _ in rates} == set(
        itertools.product(RATED, ("good", "needs improvement", "poor"))
    )
    assert any(0 < converters < people for _, (people, converters) in rates)


def test_an_open_day_and_a_site_without_goals_have_none_and_pay_nothing(store: Store) -> None:
    rules = SiteRules(1, 30, "balanced", networks=1)
    site, bare = Site(f"experience-{next(_NUMBER)}", goals=GOALS), Site(f"experience-{next(_NUMBER)}")
    for one in (site, bare):
        insert(store, traffic(one, random.Random(2)))
    asked: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        command = store.command
        patch.setattr(store, "command", lambda sql, *given, **more: (asked.append(sql), command(sql, *given, **more)))
        roll_up(store, site, DAY, rules)
        close(store, [SiteDay(bare, DAY, rules)])
    assert not [sql for sql in asked if "INTO staging_experience" in sql]
    assert shown(store, [bare]) == {bare.key: {}}
