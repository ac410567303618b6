"""How many people reached which step of a funnel, against plain Python that shares nothing with the rollup but the
definitions in docs/metrics.md."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any, Literal, get_args

import pytest

from pipeline.erase import erase
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up, roll_up_together
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.funnel import Funnel, Step
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event, times
from tests.pipeline.test_whole_day import section_of, visits_of

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAY = dt.date(2041, 3, 11)
START = day_bounds("UTC", day_number(DAY)).start
ALL = SiteRules(1, 30, "balanced", networks=1)
GOALS = (Goal("Buy", event="buy"), Goal("Docs", page="/docs/**"))
# Of each what it is of an event.
Means = dict[Step, Callable[[Event], bool]]
STEPS: Means = {
    Step(page="/"): lambda event: event.name == PAGEVIEW and event.path == "/",
    Step(page="/shop/*"): lambda event: event.name == PAGEVIEW and event.path.startswith("/shop/"),
    Step(page="/shop/cart"): lambda event: event.name == PAGEVIEW and event.path == "/shop/cart",
    Step(section="/docs/"): lambda event: event.name == PAGEVIEW and section_of(event.path) == "/docs/",
    Step(event="go"): lambda event: event.name == "go",
    Step(goal="Buy"): lambda event: event.name == "buy",
    Step(goal="Docs"): lambda event: event.name == PAGEVIEW and event.path.startswith("/docs"),
}
_NUMBER = itertools.count(1)
Counted = dict[tuple[str, str, str, int], int]
Order, Within = Literal["loose", "strict"], Literal["visit", "day"]
KINDS: list[tuple[Order, Within]] = [*itertools.product(get_args(Order), get_args(Within))]


def furthest(funnel: Funnel, own: Sequence[Event], later: Sequence[Event], means: Means) -> int:
    """The last step that is reached by these events, of which the first one is among their own."""
    events = [event for event in (*own, *later) if event.name != ENGAGEMENT]
    begins = sum(event.name != ENGAGEMENT for event in own)
    places = {place for place in range(begins) if means[funnel.steps[0]](events[place])}
    reached = 0
    for step, following in zip(funnel.steps, (*funnel.steps[1:], None), strict=True):
        if not places:
            break
        reached += 1
        if following is None:
            break
        places = {
            place
            for place, event in enumerate(events)
            if means[following](event)
            and any(
                funnel.order == "loose" or all(means[step](between) for between in events[before + 1 : place])
                for before in places
                if before < place
            )
        }
    return reached


def recount(funnels: Sequence[Funnel], events: Sequence[Event], means: Means = STEPS) -> Counted:
    """(dimension, value, funnel, step): people. means: of each step what it is of an event."""
    who: dict[tuple[str, str, str, int], set[int]] = defaultdict(set)
    by_visitor: dict[int, list[list[Event]]] = defaultdict(list)
    for visit in visits_of(events):
        by_visitor[visit[0].visitor].append(visit)
    for visitor, visits in by_visitor.items():
        for funnel, (place, visit) in itertools.product(funnels, enumerate(visits)):
            acted = [event for event in visit if event.name != ENGAGEMENT]
            behind = visits[place + 1 :] if funnel.within == "day" else []
            later = [event for one in behind for event in one]
            for step in range(furthest(funnel, visit, later, means)):
                for dimension in ("", "channel", "device", "country"):
                    value = getattr(acted[0], dimension) if dimension else ""
                    who[dimension, value, funnel.name, step + 1].add(visitor)
    return {key: len(people) for key, people in who.items()}


def shown(store: Store, site: Site, columns: str = "people") -> Counted:
    rows = store.rows(
        f"SELECT dimension, value, funnel, step, {columns} FROM open_funnels WHERE site = {{s:String}}", {"s": site.key}
    )
    return {(dimension, value, funnel, step): people for dimension, value, funnel, step, people in rows}


def some_site(rng: random.Random) -> Site:
    funnels = (
        Funnel(f"{order} {within}", tuple(rng.choices([*STEPS], k=rng.randint(2, 4))), order, within)
        for order, within in KINDS
    )
    return Site(f"funnels-{next(_NUMBER)}", goals=GOALS, funnels=(*funnels,))


def traffic(site: Site, rng: random.Random, visitors: int) -> list[Event]:
    """Few pages, many at once, so that steps repeat, fall into one second and are several steps each."""
    events = []
    for visitor in range(1, visitors + 1):
        at, visit = START + 3600, visitor
        for _ in range(rng.randint(1, 9)):
            pause = rng.choice((0, 0, 1, 60, 4000))
            at, visit = at + pause, visit + (pause == 4000)
            given: dict[str, Any] = {"name": rng.choice((PAGEVIEW,) * 5 + ("go", "buy", ENGAGEMENT))}
            given |= {"path": rng.choice(("/", "/shop/cart", "/shop/list", "/docs/a", "/docs/a", "/about"))}
            given |= {"channel": ("search", "mail", "")[visit % 3], "device": ("mobile", "desktop")[visitor % 2]}
            given |= {"id": rng.choice((0, 0, 10 * visitor + rng.randint(1, 3))), "country": "DE"}
            events.append(make_event(site.key, at, DAY, visitor=visitor, **given))
    rng.shuffle(events)
    return sorted(events, key=lambda event: event.received)


def test_every_step_is_what_a_recount_finds(store: Store) -> None:
    """Of sites that are rolled up by the same statements, each with funnels of its own; of more of them, with the same
    funnels, test_recount_beacons.py."""
    rng = random.Random(16)
    sites = [some_site(rng) for _ in range(max(4, times(20)))]
    events = {site.key: traffic(site, rng, 50) for site in sites}
    insert(store, [event for mine in events.values() for event in mine])
    roll_up_together(store, [SiteDay(site, DAY, ALL) for site in sites])
    steps = 0
    for site in sites:
        expected = recount(site.funnels, events[site.key])
        assert shown(store, site) == expected
        steps += len(expected)
    assert steps > 20 * len(sites), "there is something to find"


A, B = {"path": "/a"}, {"path": "/b"}
AN_EVENT, REPORT, BUYS = {"name": "go"}, {"name": ENGAGEMENT, "path": "/b"}, {"name": "buy"}
LATER = {"wait": 4000}


@pytest.fixture(scope="module")
def cases(store: Store) -> tuple[Site, Counted]:
    """Visitors who do one thing after the other, by hand; each is of a country of his own."""
    steps = (Step(page="/a"), Step(page="/b"), Step(goal="Buy"))
    twice = Funnel("twice", (Step(page="/a"), Step(page="/a")), order="strict")
    funnels = [Funnel(f"{order} {within}", steps, order, within) for order, within in KINDS]
    site = Site(f"funnels-{next(_NUMBER)}", goals=GOALS, funnels=(*funnels, twice))
    events, at = [], START + 3600
    for visitor, (country, hits) in enumerate(CASES.items(), start=1):
        at = START + 3600
        for hit in hits:
            at += hit.get("wait", 0)
            given = {"country": country, "visitor": visitor} | {k: v for k, v in hit.items() if k != "wait"}
            events.append(make_event(site.key, at, DAY, **given))
    insert(store, events)
    roll_up(store, site, DAY, ALL)
    return site, shown(store, site)


# Of each what was done within one second, if nothing else is said.
CASES: dict[str, list[dict[str, Any]]] = {
    "in one second": [A, B, BUYS],
    "the other way round": [BUYS, B, A],
    "something between": [A, AN_EVENT, B, BUYS],
    "loaded anew": [A, A, B, REPORT, B, BUYS],
    "once more from the start": [A, {"path": "/c"}, A, B],
    "in two visits": [A, B, BUYS | LATER],
    "another visit between": [A, {"path": "/c"} | LATER, B | LATER, BUYS],
}
# How far in a visit and in a day: loose, strict.
FOUND = {
    "in one second": (3, 3, 3, 3),
    "the other way round": (1, 1, 1, 1),
    "something between": (3, 3, 1, 1),
    "loaded anew": (3, 3, 3, 3),
    "once more from the start": (2, 2, 2, 2),
    "in two visits": (2, 3, 2, 3),
    "another visit between": (1, 3, 1, 1),
}


@pytest.mark.parametrize("case", CASES)
def test_the_order_decides(cases: tuple[Site, Counted], case: str) -> None:
    site, found = cases
    names = [funnel.name for funnel in site.funnels[:4]]
    reached = tuple(max(step for _, value, of, step in found if (value, of) == (case, name)) for name in names)
    assert dict(zip(names, reached, strict=True)) == dict(zip(names, FOUND[case], strict=True))


def test_one_event_is_one_step(cases: tuple[Site, Counted]) -> None:
    _, found = cases
    assert {value for dimension, value, funnel, step in found if dimension and (funnel, step) == ("twice", 2)} & {
        *CASES
    } == {"loaded anew"}


def test_what_comes_late_counts_where_it_belongs_and_what_is_erased_is_gone(store: Store) -> None:
    """It was received before what is counted already, by another worker. What comes after midnight is another day's."""
    site = Site(f"funnels-{next(_NUMBER)}", goals=GOALS, funnels=(Funnel("f", (Step(page="/a"), Step(event="buy"))),))
    insert(store, [make_event(site.key, START + 3602, DAY, name="buy"), make_event(site.key, START + 3603, DAY)])
    night, day = START + 86_399, DAY + dt.timedelta(days=1)
    insert(store, [make_event(site.key, night, DAY, path="/a", visitor=2)])
    insert(store, [make_event(site.key, night + 1, day, name="buy", visitor=2)])
    roll_up(store, site, DAY, ALL)
    whole = {key: people for key, people in shown(store, site).items() if not key[0]}
    assert whole == {("", "", "f", 1): 1}
    insert(store, [make_event(site.key, START + 3601, DAY, path="/a")])
    roll_up(store, site, DAY, ALL)
    assert (shown(store, site)["", "", "f", 1], shown(store, site)["", "", "f", 2]) == (2, 1)
    columns = ("site", "day", "visitor", "at")
    store.insert("erasures", columns, ((site.key,), (DAY,), (1,), (START,)))
    erase(store, {site.key: (site, ALL)}, START + 2 * 86_400)
    assert {key: people for key, people in shown(store, site).items() if not key[0]} == whole
