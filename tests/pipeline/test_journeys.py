"""From where to where people went, against plain Python that shares nothing with the rollup but the definitions in
docs/metrics.md."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import pytest

from pipeline.release import release
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up_together
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event, times
from tests.pipeline.test_whole_day import section_of, visits_of

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAY = dt.date(2041, 4, 9)
START = day_bounds("UTC", day_number(DAY)).start
ALL = SiteRules(1, 30, "balanced", networks=1)
_NUMBER = itertools.count(1)
# (kind, from, to): people and times.
Counted = dict[tuple[str, str, str], tuple[int, int]]


def recount(events: Sequence[Event]) -> Counted:
    who: defaultdict[tuple[str, str, str], set[int]] = defaultdict(set)
    often: Counter[tuple[str, str, str]] = Counter()
    for visit in visits_of(events):
        pages = [event.path for event in visit if event.name == PAGEVIEW]
        pairs = itertools.pairwise(pages)
        moves = [way for a, b in pairs for way in (("page", a, b), ("section", section_of(a), section_of(b)))]
        found = [move for move in moves if move[1] != move[2]]
        found += [("entry_exit", pages[0], pages[-1])] if len(pages) > 1 else []
        often.update(found)
        for move in found:
            who[move].add(visit[0].visitor)
    return {move: (len(people), often[move]) for move, people in who.items()}


def shown(store: Store, site: Site, table: str = "open_journeys") -> Counted:
    rows = store.rows(
        f"SELECT kind, origin, target, people, times FROM {table} WHERE site = {{s:String}}", {"s": site.key}
    )
    return {(kind, origin, target): (people, times) for kind, origin, target, people, times in rows}


def some_site(journeys: bool = True) -> Site:
    return Site(f"journeys-{next(_NUMBER)}", journeys=journeys)


PATHS = ("/", "/docs/a", "/docs/b", "/docs/a", "/shop/", "/about")


def traffic(site: Site, rng: random.Random, visitors: int) -> list[Event]:
    """Few pages, many views within a second, events and reports between them, several visits."""
    events = []
    for visitor in range(1, visitors + 1):
        at = START + 3600
        for _ in range(rng.randint(1, 7)):
            at += rng.choice((0, 0, 1, 60, 4000))
            name = rng.choice((PAGEVIEW,) * 5 + ("go", ENGAGEMENT))
            given: dict[str, Any] = {"name": name, "path": rng.choice(PATHS), "id": rng.choice((0, 0, visitor))}
            events.append(make_event(site.key, at, DAY, visitor=visitor, **given))
    rng.shuffle(events)
    return sorted(events, key=lambda event: event.received)


def roll_up(store: Store, sites: Iterable[Site], rules: SiteRules = ALL) -> None:
    roll_up_together(store, [SiteDay(site, DAY, rules) for site in sites])


def test_every_move_is_what_a_recount_finds(store: Store) -> None:
    """Of sites that are rolled up by the same statements, some without."""
    rng, moves = random.Random(43), 0
    for _ in range(4):
        sites = [some_site(journeys=place % 20 > 0) for place in range(max(50, times(100)))]
        events = {site.key: traffic(site, rng, rng.randint(1, 6)) for site in sites}
        insert(store, [event for mine in events.values() for event in mine])
        roll_up(store, sites)
        for site in sites:
            expected = recount(events[site.key]) if site.journeys else {}
            assert shown(store, site) == expected
            moves += len(expected)
    assert moves > 1000, "there is something to find"


@pytest.mark.usefixtures("no_spool_is_enrolled")
def test_a_day_tells_ways_of_k_people_once_it_is_released(store: Store) -> None:
    """And while it goes on none, but with k = 1."""
    site, rules = some_site(), SiteRules(5, 30, "balanced", networks=1)
    events = []
    for visitor in range(1, 21):
        paths = (
            ("/docs/a", "/docs/b", "/shop/")
            if visitor <= 12
            else ("/docs/a", "/docs/b")
            if visitor <= 17
            else ("/docs/a", "/shop/")
        )
        events += [make_event(site.key, START + at, DAY, visitor=visitor, path=path) for at, path in enumerate(paths)]
    insert(store, events)
    roll_up(store, [site], rules)
    assert shown(store, site) == {}
    store.insert("watermarks", ("spool", "received_through"), (("journeys",), (START + 200_000,)))
    release(store, "events", site, [DAY], rules, START + 200_000, "live")
    told = shown(store, site, "released_journeys")
    every = recount(events)
    assert told.items() <= every.items()
    # Of the three who left it out nothing is told, so neither is of all who came to the shop.
    assert ("page", "/docs/a", "/shop/") not in told
    assert ("page", "/docs/a", "/docs/b") not in told
    assert ("entry_exit", "/docs/a", "/shop/") in told
    assert ("section", "/docs/", "/shop/") in told
