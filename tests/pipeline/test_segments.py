"""Which segments a visit is in, against plain Python that reads the settings and shares nothing with the rollup."""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
import random
import re
import secrets
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.rollup.batch import Batch, SiteDay
from pipeline.rollup.scratch import scratch
from pipeline.rollup.segments.membership import marks
from pipeline.rollup.stages import roll_up_together
from pipeline.rollup.visits.sessionize import load
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.segment import Segment
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event, times
from tests.pipeline.test_whole_day import OF_VISIT, section_of, value_of, visits_of

pytestmark = pytest.mark.clickhouse

DAY = dt.date(2041, 3, 11)
START = day_bounds("UTC", day_number(DAY)).start
ALL = SiteRules(1, 30, "balanced", networks=1)
SECTIONS = {"Shop": "/shop/**"}
GOALS = {
    "Buy": (Goal("Buy", event="buy"), lambda visit: any(one.name == "buy" for one in visit)),
    "Pro": (
        Goal("Pro", event="buy", properties={"plan": "pro"}),
        lambda visit: any(one.name == "buy" and one.props.get("plan") == "pro" for one in visit),
    ),
    "Stay": (Goal("Stay", duration=60), lambda visit: visit[-1].received - visit[0].received >= 60),
    "Read": (
        Goal("Read", scroll=50),
        lambda visit: any(one.name == ENGAGEMENT and 50 <= one.scroll <= 100 for one in visit),
    ),
    "Paid": (Goal("Paid", revenue=True), lambda visit: any(one.currency for one in visit)),
}
# What may be asked: key and value, as they are written.
ASKED: list[tuple[str, str]] = [
    *(("device", one) for one in ("mobile", "desktop", "mob*", "*e*")),
    *(("channel", one) for one in ("Search", "", "*")),
    *(("country", one) for one in ("DE", "FR")),
    *(("entry_page", one) for one in ("/", "/shop/**", "/docs/*")),
    *(("exit_page", one) for one in ("/shop/cart", "**a**")),
    *(("page", one) for one in ("/shop/*", "/docs/a", "/")),
    *(("section", one) for one in ("Shop", "/docs/", "/")),
    *(("hostname", one) for one in ("a.example", "*.example")),
    *(("event", one) for one in ("buy", "go*")),
    *(("goal", one) for one in GOALS),
    *(("plan", one) for one in ("pro", "*")),
]
_NUMBER = itertools.count(1)


# -- what is asked -----------------------------------------------------------------------------------------------------


def condition(dice: random.Random, many: int) -> dict[str, Any]:
    """So many conditions, joined at random."""
    if many > 1:
        how = dice.choice(("all", "any", "not", "together"))
        if how == "not":
            return {"not": condition(dice, many)}
        first = dice.randint(1, many - 1)
        parts = [condition(dice, first), condition(dice, many - first)]
        if how == "together" and parts[0].keys().isdisjoint(parts[1]):
            return parts[0] | parts[1]
        return {"any" if how == "any" else "all": parts}
    key, value = dice.choice(ASKED)
    values = [value] if dice.random() < 0.8 else [value, *(other for one, other in ASKED if one == key)][:2]
    wanted: Any = value if len(values) == 1 else values
    return {"properties": {"plan": value}} if key == "plan" else {key: wanted}


def site_of(dice: random.Random, many: int = 20) -> Site:
    segments: list[Segment] = []
    while len(segments) < many:
        where = condition(dice, dice.randint(1, 6))
        with contextlib.suppress(ValueError):  # more conditions than are looked at
            segments.append(Segment(f"segment {len(segments)}", where))
    goals = tuple(goal for goal, _ in GOALS.values())
    return Site(f"segments-{next(_NUMBER)}", goals=goals, sections=SECTIONS, segments=(*segments,))


# -- what it means -----------------------------------------------------------------------------------------------------


def like(pattern: str, path: str, star: str = "[^/]*") -> bool:
    """Whether a path is like a pattern."""
    parts = re.split(r"(\*\*|\*)", pattern)
    regex = "".join({"**": ".*", "*": star}.get(part, re.escape(part)) for part in parts)
    if pattern.endswith("/**"):
        regex = regex.removesuffix("/.*") + "(/.*)?"
    return re.fullmatch(regex, path) is not None


def holds(where: dict[str, Any], visit: Sequence[Event]) -> bool:
    """Of a visit that counts as one, engagement reports and all."""
    return all(_one(key, wanted, visit) for key, wanted in where.items())


def _one(key: str, wanted: Any, visit: Sequence[Event]) -> bool:
    match key:
        case "not":
            return not holds(wanted, visit)
        case "all":
            return all(holds(one, visit) for one in wanted)
        case "any":
            return any(holds(one, visit) for one in wanted)
        case "properties":
            [(name, value)] = wanted.items()
            return any(name in one.props and value in ("*", one.props[name]) for one in visit)
    return any(_is(key, value, visit) for value in (wanted if isinstance(wanted, list) else [wanted]))


def _is(key: str, value: str, visit: Sequence[Event]) -> bool:
    acted = [one for one in visit if one.name != ENGAGEMENT]
    views = [one.path for one in acted if one.name == PAGEVIEW]
    match key:
        case "goal":
            return bool(GOALS[value][1](visit))
        case "page":
            return any(like(value, path) for path in views)
        case "section":
            of = ("Shop" if path.startswith("/shop") else section_of(path) for path in views)
            return value in of
        case "entry_page" | "exit_page":
            path = (views or [""])[0 if key == "entry_page" else -1]
            return path != "" and like(value, path)
        case "hostname":
            return any(like(value, one.hostname, ".*") for one in visit)
        case "event":
            return any(like(value, one.name, ".*") for one in acted)
    return like(value, getattr(acted[0], key), ".*")


# -- visits ------------------------------------------------------------------------------------------------------------


def traffic(site: Site, dice: random.Random, visitors: int) -> list[Event]:
    events = []
    for visitor in range(1, visitors + 1):
        at = START + 3600
        of = {"device": dice.choice(("mobile", "desktop")), "channel": dice.choice(("Search", "Mail", ""))}
        of |= {"country": dice.choice(("DE", "FR", "US")), "hostname": dice.choice(("a.example", "b.example", "c.net"))}
        for _ in range(dice.randint(1, 5)):
            at += dice.choice((0, 5, 70, 4000))
            name = dice.choice((PAGEVIEW, PAGEVIEW, PAGEVIEW, "buy", "going", ENGAGEMENT))
            given: dict[str, Any] = of | {"name": name, "network_number": visitor % 40 + 1}
            given |= {"path": dice.choice(("/", "/shop/cart", "/shop/list", "/docs/a", "/docs/b/c"))}
            given |= {"scroll": dice.choice((20, 60, 255))} if name == ENGAGEMENT else {}
            given |= {"props": dice.choice(({}, {"plan": "pro"}, {"plan": "free"}))} if name == "buy" else {}
            given |= {"currency": "EUR", "amount": 100} if name == "buy" and dice.random() < 0.5 else {}
            events.append(make_event(site.key, at, DAY, visitor=visitor, **given))
    return sorted(events, key=lambda event: event.received)


@pytest.mark.slow
def test_every_visit_is_in_the_segments_that_the_settings_say(store: Store) -> None:
    """Of sites with segments of their own, all by one statement."""
    dice = random.Random(17)
    sites = [site_of(dice) for _ in range(max(5, times(10)))]
    events = {site.key: traffic(site, dice, 60) for site in sites}
    insert(store, [event for mine in events.values() for event in mine])
    days = tuple(SiteDay(site, DAY, ALL) for site in sites)
    roll_up_together(store, days)
    of = Batch(store, days, secrets.token_hex(8))
    bits, named = marks([[*site.segment_definitions.values()] for site in sites])
    with scratch(of):
        load(of)
        rows = store.rows(of.naming(f"SELECT d, visitor, visit, {bits} FROM {{visits}} WHERE came"), of.named | named)
    found = {(d, visitor, visit): mask for d, visitor, visit, mask in rows}
    expected = {}
    for d, site in enumerate(sites):
        for visitor, visits in itertools.groupby(visits_of(events[site.key]), key=lambda visit: visit[0].visitor):
            for nth, visit in enumerate(visits):
                if any(one.name != ENGAGEMENT for one in visit):
                    mask = sum(2**bit * holds(one.where, visit) for bit, one in enumerate(site.segments))
                    expected[d, visitor, nth] = mask
    assert found == expected
    assert len(set(expected.values())) > 200, "there is something to tell apart"


# -- what is told --------------------------------------------------------------------------------------------------


def recount(site: Site, events: Sequence[Event]) -> dict[tuple[str, str, str], tuple[int, ...]]:
    """(segment, dimension, value): visitors, visits, pageviews, bounces, seconds."""
    who: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    sums: dict[tuple[str, str, str], list[int]] = defaultdict(lambda: [0] * 4)
    for visit in visits_of(events):
        acted = [one for one in visit if one.name != ENGAGEMENT]
        if not acted:
            continue
        views = [one for one in acted if one.name == PAGEVIEW]
        alone = len(views) == 1 and not any(one.interactive for one in acted if one.name != PAGEVIEW)
        seconds = visit[-1].received - visit[0].received
        values = {"": "", "entry_page": views[0].path if views else "", "exit_page": views[-1].path if views else ""}
        values |= {dimension: value_of(acted[0], dimension) for dimension in OF_VISIT}
        for segment in site.segments:
            for dimension, value in values.items() if holds(segment.where, visit) else ():
                key = segment.name, dimension, value
                who[key].add(visit[0].visitor)
                sums[key] = [a + b for a, b in zip(sums[key], (1, len(views), int(alone), seconds), strict=True)]
    return {key: (len(who[key]), *sums[key]) for key in who}
