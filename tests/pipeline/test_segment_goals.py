"""Who of a segment reached a goal, against plain Python that reads the settings and shares nothing with the rollup."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence

import pytest
from msgspec import structs

from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from schema.event import ENGAGEMENT, Event
from schema.site import Site
from schema.store import Store
from tests.conftest import insert, times
from tests.pipeline.test_segments import ALL, DAY, GOALS, START, holds, site_of, traffic
from tests.pipeline.test_whole_day import visits_of

pytestmark = pytest.mark.clickhouse

# Goals of events: of each which reach it.
_OF_EVENTS: dict[str, Callable[[Event], bool]] = {
    "Buy": lambda event: event.name == "buy",
    "Pro": lambda event: event.name == "buy" and event.props.get("plan") == "pro",
    "Paid": lambda event: bool(event.currency),
}
# By segment, goal and currency: converters, conversions, amount, payers.
Rows = dict[tuple[str, str, str], tuple[int, int, int, int]]


def recount(site: Site, events: Sequence[Event]) -> Rows:
    who: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    often: dict[tuple[str, str, str], int] = defaultdict(int)
    paid: dict[tuple[str, str, str], int] = defaultdict(int)
    for visit in visits_of(events):
        if all(one.name == ENGAGEMENT for one in visit):
            continue
        names = [segment.name for segment in site.segments if holds(segment.where, visit)]
        reached = [(goal, one) for goal, is_reached in _OF_EVENTS.items() for one in visit if is_reached(one)]
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


@pytest.mark.slow
def test_with_a_k_of_one_it_is_what_a_recount_finds(store: Store) -> None:
    dice = random.Random(91)
    goals = tuple(GOALS[name][0] for name in _OF_EVENTS)
    made = [site_of(dice, 20 if nth == 0 else dice.randint(1, 4)) for nth in range(max(8, min(500, times(24))))]
    # Their segments may ask for goals that are counted here, and for no others.
    kept = [
        tuple(one for one in site.segments if not {("goal", "Stay"), ("goal", "Read")} & {*one.asked}) for site in made
    ]
    sites = [structs.replace(site, segments=mine, goals=goals) for site, mine in zip(made, kept, strict=True)]
    events = {site.key: traffic(site, dice, 30 if nth == 0 else 6) for nth, site in enumerate(sites)}
    insert(store, [event for mine in events.values() for event in mine])
    days = [SiteDay(site, DAY, ALL) for site in sites]
    release_together(store, "events", days, START + 2 * 86_400, "live", [Flaws()] * len(days))
    found: dict[str, Rows] = {site.key: {} for site in sites}
    rows = store.rows(
        "SELECT site, segment, goal, currency, converters, conversions, amount, payers FROM released_segment_goals "
        "WHERE site IN {sites:Array(String)} AND grain = 'day' AND dimension = ''",
        {"sites": [*found]},
    )
    for site, segment, goal, currency, *numbers in rows:
        found[site][segment, goal, currency] = (*numbers,)
    assert sum(map(len, found.values())) == len(rows)
    for site in sites:
        assert found[site.key] == recount(site, events[site.key])
    assert len(rows) > 60, "there is something to count"
