"""Pairs of dimensions against plain Python that shares nothing with the rollup but the definitions."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.pair import CROSSED, exclude, pair_of, paired
from schema.pairs import MOST_VALUES
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event, times
from tests.pipeline.test_whole_day import touched, visits_of

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAY = dt.date(2041, 5, 11)
START = day_bounds("UTC", day_number(DAY)).start
ALL = SiteRules(1, 30, "balanced", networks=1)
# Of all that are possible, since more take the engine longer to plan: such as go together.
SOME: list[str] = []
for _pair in (paired(*random.Random(_n).sample(CROSSED, 2)) for _n in range(times(30))):
    if not any(exclude(_pair, pair_of(one)) for one in (*SOME, _pair.name)):
        SOME.append(_pair.name)
SOME = sorted({*SOME})
_NUMBER = itertools.count(1)
# dimension, value, by_dimension, by_value
Key = tuple[str, str, str, str]


def recount(site: Site, events: Sequence[Event]) -> dict[Key, tuple[int, ...]]:
    """Of each cell: visitors, visits, pageviews, bounces, seconds."""
    who, sums = defaultdict[Key, set[int]](set), defaultdict[Key, Counter[int]](Counter)
    for visit in visits_of(events):
        if all(event.name == ENGAGEMENT for event in visit):
            continue
        values = {name: next(iter(cells.items())) for name, cells in touched(visit).items() if name in CROSSED}
        for pair in site.crossed:
            (one, (visits, views, _, _, _, bounces, seconds, _)), (other, _) = values[pair.one], values[pair.other]
            key = pair.one, one, pair.other, other
            who[key].add(visit[0].visitor)
            for place, number in enumerate((visits, views, bounces, seconds)):
                sums[key][place] += number
    return {key: (len(people), *(sums[key][place] for place in range(4))) for key, people in who.items()}


def shown(store: Store, sites: Sequence[Site]) -> dict[str, dict[Key, tuple[int, ...]]]:
    found: dict[str, dict[Key, tuple[int, ...]]] = {site.key: {} for site in sites}
    for site, *row in store.rows(
        "SELECT site, dimension, value, by_dimension, by_value, visitors, visits, pageviews, bounces, visit_seconds "
        "FROM released_pairs WHERE site IN {sites:Array(String)} AND grain = 'day'",
        {"sites": [site.key for site in sites]},
    ):
        found[site][tuple(row[:4])] = tuple(row[4:])
    return found


def close(store: Store, sites: Sequence[Site], rules: SiteRules) -> None:
    days = [SiteDay(site, DAY, rules) for site in sites]
    release_together(store, "events", days, START + 90_000, "live", [Flaws()] * len(days))


def some_site(rng: random.Random) -> Site:
    return Site(f"pairs-{next(_NUMBER)}", pairs=(*rng.sample(SOME, rng.randint(0, 4)),))


def traffic(site: Site, rng: random.Random) -> list[Event]:
    events = []
    for visitor in range(1, rng.randint(2, 12)):
        at = START + 3600
        for _ in range(rng.randint(1, 4)):
            at += rng.choice((0, 10, 4000))
            given: dict[str, Any] = {"name": rng.choice((PAGEVIEW,) * 4 + ("go", ENGAGEMENT))}
            given |= {"path": rng.choice(("/", "/a", "/docs/b")), "channel": rng.choice(("Search", "", "Mail"))}
            given |= {"source": rng.choice(("Google", "Bing", "")), "country": rng.choice(("DE", "FR", ""))}
            given |= {"region": rng.choice(("DE-BE", "")), "device": rng.choice(("mobile", "desktop"))}
            given |= {"utm_campaign": rng.choice(("", "spring", "(other)")), "language": "de"}
            given |= {
                name: rng.choice(("", "1", "2")) for name in ("browser", "browser_version", "os", "referrer", "city")
            }
            given |= {name: rng.choice(("", "3")) for name in ("screen", "os_version", "utm_source", "utm_medium")}
            events.append(make_event(site.key, at, DAY, visitor=visitor, **given))
    return sorted(events, key=lambda event: event.received)


def test_the_most_frequent_values_are_told(store: Store) -> None:
    site = Site(f"pairs-{next(_NUMBER)}", pairs=("country x entry_page",))
    pages = [f"/{number:03}" for number in range(MOST_VALUES + 1)]
    views = [(1 + place, page) for place, page in enumerate([*pages, *pages[1:]])]
    insert(store, [make_event(site.key, START, DAY, visitor=n, path=page, country="DE") for n, page in views])
    close(store, [site], ALL)
    told = {key[1] for key in shown(store, [site])[site.key]}
    assert told == {*pages[1:]}


def test_a_site_without_pairs_has_none(store: Store) -> None:
    site = Site(f"pairs-{next(_NUMBER)}", pairs=())
    insert(store, [make_event(site.key, START, DAY, visitor=n) for n in range(9)])
    close(store, [site], ALL)
    assert shown(store, [site]) == {site.key: {}}
    assert store.rows("SELECT pairs FROM manifest WHERE site = {s:String}", {"s": site.key}) == [([],)]
