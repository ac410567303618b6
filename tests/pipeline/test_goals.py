"""Every kind of goal, against plain Python that shares nothing with the rollup but the definitions."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from msgspec import structs

from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT, NO_SCROLL, PAGEVIEW, Event
from schema.funnel import Funnel, Step
from schema.goal import OF_VISIT
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event, times
from tests.pipeline.test_whole_day import section_of, visits_of
from tests.together import roll_up_days

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAY = dt.date(2041, 3, 12)
START = day_bounds("UTC", day_number(DAY)).start
ALL = SiteRules(1, 30, "balanced", networks=1)
SECTIONS = {"News": "/docs/news/**", "Docs": "/docs/**"}
_NUMBER = itertools.count(1)
# (dimension, value, goal, currency): people, how often (of those who paid it is not told), amount.
Counted = dict[tuple[str, str, str, str], tuple[int, int, int]]


def in_docs(event: Event) -> bool:
    return event.name == PAGEVIEW and event.path.startswith("/docs/") and not event.path.startswith("/docs/news")


# Whether an event of a visit reaches a goal, once or again.
Reaches = Callable[[Event, Sequence[Event]], bool]
GOALS: dict[Goal, Reaches] = {
    Goal("event", event="go"): lambda event, _: event.name == "go",
    Goal("page", page="/shop/*"): lambda event, _: event.name == PAGEVIEW and event.path == "/shop/a",
    Goal("section", section="Docs"): lambda event, _: in_docs(event),
    Goal("first section", section="News"): lambda event, _: (
        event.name == PAGEVIEW and event.path.startswith("/docs/news/")
    ),
    Goal("folder", section="/shop/"): lambda event, _: event.name == PAGEVIEW and section_of(event.path) == "/shop/",
    # All of its pages are in sections that have a name.
    Goal("no folder", section="/docs/"): lambda *_: False,
    Goal("revenue", revenue=True): lambda event, _: event.currency != "",
    Goal("short", duration=1): lambda event, visit: lasts(event, visit, 1),
    Goal("long", duration=61): lambda event, visit: lasts(event, visit, 61),
    Goal("read", scroll=75): lambda event, visit: scrolled(event, visit, 75),
    Goal("some", scroll=50, page="/docs/**"): lambda event, visit: (
        event.path.startswith("/docs/") and scrolled(event, visit, 50)
    ),
    Goal("pro", event="go", properties={"plan": "pro"}): lambda event, _: (
        event.name == "go" and event.props.get("plan") == "pro"
    ),
    Goal("any", event="go", properties={"plan": "*"}): lambda event, _: event.name == "go" and "plan" in event.props,
    Goal("both", event="go", properties={"plan": "pro", "of 'it\"": "ä\\'"}): lambda event, _: (
        event.name == "go" and event.props.get("plan") == "pro" and event.props.get("of 'it\"") == "ä\\'"
    ),
    Goal("pro page", page="/shop/*", properties={"plan": "pro"}): lambda event, _: (
        event.name == PAGEVIEW and event.path == "/shop/a" and event.props.get("plan") == "pro"
    ),
}


def places_of(event: Event) -> dict[str, str]:
    section = "News" if event.path.startswith("/docs/news/") else section_of(event.path)
    return {"page": event.path, "section": {"/docs/": "Docs"}.get(section, section)}


def lasts(event: Event, visit: Sequence[Event], seconds: int) -> bool:
    """Whether the visit lasts so long and it is the last that is done in it."""
    acted = [one for one in visit if one.name != ENGAGEMENT]
    return bool(acted) and event is acted[-1] and visit[-1].received - visit[0].received >= seconds


def scrolled(event: Event, visit: Sequence[Event], percent: int) -> bool:
    """Whether it is the first of its page and host in the visit that says so."""
    if all(one.name == ENGAGEMENT for one in visit):
        return False
    deep = (one for one in visit if one.name == ENGAGEMENT and percent <= one.scroll <= 100)
    return event is next((one for one in deep if (one.path, one.hostname) == (event.path, event.hostname)), None)


def recount(site: Site, events: Sequence[Event], goals: Mapping[Goal, Reaches] = GOALS) -> Counted:
    who: dict[tuple[str, str, str, str], set[int]] = defaultdict(set)
    often: Counter[tuple[str, str, str, str]] = Counter()
    paid: Counter[tuple[str, str, str, str]] = Counter()
    # Pages and sections that nobody viewed have no row.
    viewed = {place for event in events if event.name == PAGEVIEW for place in places_of(event).items()}
    for visit in visits_of(events):
        acted = [event for event in visit if event.name != ENGAGEMENT]
        for event, (goal, is_reached) in itertools.product(visit, goals.items()):
            if goal.name not in site.goal_definitions or not is_reached(event, visit):
                continue
            values = {"": "", "device": acted[0].device} if acted else {"": ""}
            values |= {"event": event.name} if event.name != ENGAGEMENT else {}
            values |= dict(place for place in places_of(event).items() if place in viewed)
            for (dimension, value), currency in itertools.product(values.items(), {"", event.currency}):
                key = (dimension, value, goal.name, currency)
                who[key].add(event.visitor)
                often[key] += not currency
                paid[key] += event.amount if currency else 0
    return {key: (len(people), often[key], paid[key]) for key, people in who.items()}


def shown(store: Store, *sites: Site) -> dict[str, Counted]:
    """By site."""
    found: dict[str, Counted] = {site.key: {} for site in sites}
    for site, dimension, value, goal, currency, *counts in store.rows(
        """SELECT site, dimension, value, goal, currency, converters + payers, conversions, amount FROM open_conversions
        WHERE site IN {s:Array(String)} AND grain = 'day' AND value != '(other)'
            AND dimension IN ('', 'page', 'section', 'event', 'device')""",
        {"s": [*found]},
    ):
        found[site][dimension, value, goal, currency] = tuple(counts)
    return found


def some_site(rng: random.Random, **given: Any) -> Site:
    goals = tuple(rng.sample([*GOALS], k=rng.randint(3, len(GOALS))))
    properties = rng.choice(((), ("url",), ("plan", "url")))
    return Site(f"goals-{next(_NUMBER)}", goals=goals, sections=SECTIONS, properties=properties, **given)


def traffic(site: Site, rng: random.Random, visitors: int) -> list[Event]:
    events = []
    for visitor in range(1, visitors + 1):
        at = START + 3600
        about = {"device": rng.choice(("mobile", "desktop"))}
        for _ in range(rng.randint(1, 8)):
            at += rng.choice((0, 0, 1, 30, 60, 4000))
            given: dict[str, Any] = {"name": rng.choice((PAGEVIEW, PAGEVIEW, "go", "go", ENGAGEMENT, ENGAGEMENT))}
            given |= {"path": rng.choice(("/", "/shop/a", "/shop/a/b", "/docs/a", "/docs/news/a", "/about"))}
            if given["name"] == ENGAGEMENT:
                given |= {
                    "scroll": rng.choice((NO_SCROLL, 20, 50, 75, 100)),
                    "hostname": rng.choice(("a.org", "b.org")),
                }
            elif rng.random() < 0.3:
                given |= {"currency": rng.choice(("EUR", "USD")), "amount": rng.randint(0, 500)}
            some = {"plan": ("pro", "free", ""), "of 'it\"": ("ä\\'", "b"), "url": ("x",)}
            given["props"] = {name: rng.choice(values) for name, values in some.items() if rng.random() < 0.5}
            events.append(make_event(site.key, at, DAY, visitor=visitor, **about, **given))
    rng.shuffle(events)
    return sorted(events, key=lambda event: event.received)


def test_every_kind_is_what_a_recount_finds(store: Store) -> None:
    """Of sites that are rolled up by the same statements, each with some of the goals."""
    rng = random.Random(44)
    sites = [some_site(rng) for _ in range(max(20, min(1000, times(400))))]
    events = {site.key: traffic(site, rng, rng.randint(2, 9)) for site in sites}
    insert(store, [event for mine in events.values() for event in mine])
    roll_up_days(store, [SiteDay(site, DAY, ALL) for site in sites])
    found: Counter[str] = Counter()
    rows = shown(store, *sites)
    for site in sites:
        expected = recount(site, events[site.key])
        assert rows[site.key] == expected
        found.update({goal for _, _, goal, _ in expected})
    assert {goal.name for goal in GOALS} - found.keys() == {"no folder"}, "there is something of each to find"


def test_a_condition_that_is_added_counts_for_the_open_day_from_its_beginning(store: Store) -> None:
    """Its properties were not kept by the visits that there are, which are made anew."""
    rng = random.Random(45)
    site = Site(f"goals-{next(_NUMBER)}", sections=SECTIONS)
    events = traffic(site, rng, 30)
    insert(store, events)
    roll_up(store, site, DAY, ALL)
    site = structs.replace(site, goals=tuple(goal for goal in GOALS if goal.properties))
    roll_up(store, site, DAY, ALL)
    expected = recount(site, events)
    assert len(expected) > 20
    assert shown(store, site)[site.key] == expected
    # What nobody asked to be counted by its values is not.
    told = store.rows("SELECT DISTINCT property FROM open_properties WHERE site = {s:String}", {"s": site.key})
    assert told == [("url",)]


def test_a_step_of_a_funnel_may_be_any_goal_of_an_event(store: Store) -> None:
    rng = random.Random(46)
    goals = tuple(goal for goal in GOALS if goal.kind not in OF_VISIT)
    funnels = tuple(Funnel(goal.name, (Step(goal=goal.name), Step(goal=goal.name))) for goal in goals)
    site = Site(f"goals-{next(_NUMBER)}", goals=goals, sections=SECTIONS, funnels=funnels)
    events = traffic(site, rng, 60)
    insert(store, events)
    roll_up(store, site, DAY, ALL)
    expected: dict[tuple[str, int], set[int]] = defaultdict(set)
    for visit in visits_of(events):
        for goal in goals:
            many = sum(event.name != ENGAGEMENT and GOALS[goal](event, visit) for event in visit)
            for step in range(1, min(many, 2) + 1):
                expected[goal.name, step].add(visit[0].visitor)
    rows = store.rows(
        "SELECT funnel, step, people FROM open_funnels WHERE site = {s:String} AND dimension = ''", {"s": site.key}
    )
    assert {(funnel, step): people for funnel, step, people in rows} == {k: len(v) for k, v in expected.items()}
    assert len(expected) > 15
