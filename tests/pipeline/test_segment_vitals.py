"""How fast pages were for the visits of segments, against plain Python that reads the settings and shares nothing with
the rollup."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

import pytest
from msgspec import structs

from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from schema.event import ENGAGEMENT, Event
from schema.site import Site
from schema.store import Store
from schema.vitals import PEOPLE_BUCKET, VITALS
from tests.conftest import insert, times
from tests.histogram import bucket_of
from tests.pipeline.test_segments import ALL, DAY, START, holds, site_of, traffic
from tests.pipeline.test_whole_day import visits_of

pytestmark = pytest.mark.clickhouse

# By segment, vital and bucket: samples, good and poor ones, people.
Rows = dict[tuple[str, str, int], tuple[int, int, int, int]]


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


def recount(site: Site, events: Sequence[Event]) -> Rows:
    found: dict[tuple[str, str, int], list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    people = defaultdict(set)
    for visit in visits_of(events):
        if all(one.name == ENGAGEMENT for one in visit):
            continue
        names = [segment.name for segment in site.segments if holds(segment.where, visit)]
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


@pytest.mark.slow
def test_with_a_k_of_one_it_is_what_a_recount_finds(store: Store) -> None:
    dice = random.Random(93)
    sites = [site_of(dice, 20 if nth == 0 else dice.randint(1, 4)) for nth in range(max(8, min(300, times(24))))]
    events = {
        site.key: [measured(dice, one) for one in traffic(site, dice, 30 if nth == 0 else 6)]
        for nth, site in enumerate(sites)
    }
    insert(store, [event for mine in events.values() for event in mine])
    days = [SiteDay(site, DAY, ALL) for site in sites]
    release_together(store, "events", days, START + 2 * 86_400, "live", [Flaws()] * len(days))
    found: dict[str, Rows] = {site.key: {} for site in sites}
    rows = store.rows(
        "SELECT site, segment, metric, bucket, samples, good, poor, people FROM released_segment_vitals "
        "WHERE site IN {sites:Array(String)} AND grain = 'day' AND dimension = ''",
        {"sites": [*found]},
    )
    for site, segment, metric, bucket, *numbers in rows:
        found[site][segment, metric, bucket] = (*numbers,)
    assert sum(map(len, found.values())) == len(rows)
    for site in sites:
        assert found[site.key] == recount(site, events[site.key])
    assert len(rows) > 600, "there is something to count"
