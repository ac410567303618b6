"""Every family of a real log counted twice: with k = 1 what is released is what plain Python counts.

A log has page views only. What a page would have told beside them is made of each line: how long somebody stayed, how
far he read and how fast it was, of the size of the answer; and whether he downloaded something. Who is a bot, what a
device is and what a source is called is asked of the collector: these are lists and no definitions.
"""

from __future__ import annotations

import datetime as dt
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
from msgspec import structs

from collector.enrich.device import device_of
from collector.enrich.geo import GeoDatabase
from collector.enrich.page import Page
from collector.enrich.referrer import traffic_source_of
from collector.model import Beacon, Rules
from collector.outcome import Reason
from collector.wire.access_log.reader import Log, Reading
from footfall.control.engine import Engine
from footfall.importing.intake import Sent, rules_of, run
from footfall.settings import load
from footfall.settings.site_settings import SiteSettings
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.families import FAMILIES
from schema.funnel import Funnel, Step
from schema.pair import CROSSED
from schema.segment import Segment
from schema.site import Goal
from schema.store import Store
from tests.conftest import make_event
from tests.pipeline import (
    real_log,
    test_experience,
    test_funnels,
    test_goals,
    test_journeys,
    test_pairs,
    test_recount_segments,
    test_segments,
)
from tests.pipeline.test_recount import Seen, read
from tests.pipeline.test_recount_beacons import engaged
from tests.pipeline.test_whole_day import expected, touched, visits_of

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.usefixtures("no_spool_is_enrolled")]

KEY, HOST = "real", "blog.example"


def _viewed(start: str) -> Callable[[Event], bool]:
    return lambda event: event.name == PAGEVIEW and event.path.startswith(start)


# The first two are those that `expected` counts; a download is called as it is there.
_GO, _A = Goal("go", event="go"), Goal("a", page="/a**")
GOALS: dict[Goal, test_goals.Reaches] = {
    _GO: lambda event, _: event.name == "go",
    _A: lambda event, _: _viewed("/a")(event),
    Goal("projects", section="/projects/"): lambda event, _: _viewed("/projects/")(event),
    Goal("read", scroll=75): lambda event, visit: test_goals.scrolled(event, visit, 75),
    Goal("stayed", duration=30): lambda event, visit: test_goals.lasts(event, visit, 30),
    Goal("docs", event="go", properties={"url": "/files/xdotool/docs/"}): lambda event, _: (
        event.name == "go" and event.props["url"] == "/files/xdotool/docs/"
    ),
}
STEPS: test_funnels.Means = {
    Step(page="/projects/**"): _viewed("/projects/"),
    Step(section="/files/"): _viewed("/files/"),
    Step(goal="go"): lambda event: event.name == "go",
    Step(page="/blog/**"): lambda event: event.name == PAGEVIEW and f"{event.path}/".startswith("/blog/"),
}
_PROJECT, _FILES, _GOES, _BLOG = STEPS
SITE = SiteSettings(
    KEY,
    domains=(HOST,),
    goals=(*GOALS,),
    funnels=(
        Funnel("download", (_PROJECT, _FILES, _GOES), "loose", "visit"),
        Funnel("blog", (_BLOG, _BLOG), "strict", "day"),
    ),
    properties=("url",),
    journeys=True,
    pairs=("source x device", "channel x browser"),
    segments=(
        Segment("searching", {"channel": "Organic Search", "not": {"section": "/projects/"}}),
        Segment("files", {"any": [{"page": "/files/**"}, {"entry_page": "/projects/**"}], "device": "desktop"}),
    ),
)


# -- what was sent ----------------------------------------------------------------------------------------------------


def told(moment: int) -> dict[str, Any]:
    """How the page was read that was opened then."""
    mixed = moment * 7919
    return {"engaged_ms": mixed % 100_000, "scroll": mixed % 101}


def measured(moment: int) -> dict[str, float]:
    mixed = moment * 7919
    return {"lcp": float(mixed % 5_000), "inp": float(mixed % 600), "cls": mixed % 32 / 64} if mixed % 3 else {}


def sent(log: Path, rules: Rules) -> Iterator[Sent | Reason]:
    """What the log tells, and behind each page view what its page does."""
    for one in Log(str(log), Reading(rules)):
        yield one
        if not isinstance(one, Reason):
            view, client, moment = one
            path = view.url.partition(HOST)[2].partition("?")[0]
            if path.startswith("/files/"):
                yield Beacon("go", view.url, (), props={"url": path}), client, moment
            yield Beacon(ENGAGEMENT, view.url, (), vitals=measured(moment), **told(moment)), client, moment + 20


def events_of(views: Iterable[Seen]) -> dict[dt.date, list[Event]]:
    """The same by hand, by day, in the order of time."""
    found: dict[dt.date, list[Event]] = defaultdict(list)
    visitors: dict[tuple[str, str], int] = {}
    for view in views:
        device = device_of(view.visitor[1])
        campaign = {name: value for name, value in parse_qsl(view.query) if name.startswith("utm_")}
        page = Page(HOST, view.path, view.query if campaign else "", **campaign)
        # Apache writes \\xe4 for a byte that is no letter of ASCII; these are none of UTF-8.
        referrer = view.referrer.encode().decode("unicode_escape")
        source = traffic_source_of(referrer.removeprefix("-"), page, frozenset((HOST,)))
        about = {name: getattr(device, name) for name in ("device", "browser", "browser_version", "os", "os_version")}
        about |= campaign | source._asdict()
        about |= {"visitor": visitors.setdefault(view.visitor, len(visitors)), "path": view.path, "hostname": HOST}
        day = dt.datetime.fromtimestamp(view.moment, dt.UTC).date()

        def happened(wait: int = 0, **given: Any) -> None:
            found[day].append(make_event(KEY, view.moment + wait, day, **about, **given))  # noqa: B023

        happened()
        if view.path.startswith("/files/"):
            happened(name="go", props={"url": view.path})
        happened(20, name=ENGAGEMENT, **told(view.moment), **measured(view.moment))
    return {day: sorted(events, key=lambda event: event.received) for day, events in found.items()}


# -- what is counted --------------------------------------------------------------------------------------------------

Rows = dict[tuple[Any, ...], tuple[Any, ...]]


def released(store: Store, name: str) -> dict[dt.date, Rows]:
    """By day: the dimension and value, of a pair both, the keys; and the measures."""
    family, hour = FAMILIES[name], "grain = 'hour'"
    is_crossed = name in ("pairs", "pair_goals")
    keys = (*(("by_dimension", "by_value") if is_crossed else ()), *family.key_names)
    found: dict[dt.date, Rows] = defaultdict(dict)
    for day, *row in store.rows(
        f"""SELECT day, if({hour}, 'hour', dimension), if({hour}, toString(toUnixTimestamp(period)), value),
            {", ".join((*keys, *family.measure_names))}
        FROM released_{name} WHERE site = {{s:String}} AND (by_dimension = '' OR {is_crossed})""",
        {"s": KEY},
    ):
        key = tuple(row[: 2 + len(keys)])
        assert key not in found[day], "two rows of one key"
        found[day][key] = tuple(row[2 + len(keys) :])
    return found


def counted(events: Sequence[Event]) -> dict[str, Rows]:
    """Of one day, by family."""
    cells, conversions, vitals = expected(events, 1)
    reached = {goal.name: reaches for goal, reaches in GOALS.items()}
    funnels = test_funnels.recount(SITE.funnels, events, STEPS)
    return {
        "cells": cells,
        "vitals": vitals,
        "conversions": conversions | goals(events),
        "funnels": {key: (people, 0) for key, people in funnels.items()},
        "properties": properties(events),
        "engagement": {("", "", *key): row for key, row in engaged(events).items()},
        "pairs": test_pairs.recount(SITE, events),
        "pair_goals": pair_goals(events),
        "journeys": {("", "", *key): row for key, row in test_journeys.recount(events).items()},
        "segments": {(*key[1:], key[0]): row for key, row in test_segments.recount(SITE, events).items()},
        "segment_goals": segment_goals(events),
        "segment_vitals": {
            ("", "", *key): row for key, row in test_recount_segments.recount_vitals(SITE, events).items()
        },
        "experience": test_experience.recount(events, reached),
    }


def goals(events: Sequence[Event]) -> Rows:
    """Those of every kind, by some dimensions; `expected` has two of them by all."""
    found = test_goals.recount(SITE, events, GOALS)
    return {key: (people, times, 0, 0) for key, (people, times, _) in found.items()}


def segment_goals(events: Sequence[Event]) -> Rows:
    """Of the visits of each segment who reached each goal."""
    found: Rows = {}
    for segment in SITE.segments:
        visits = [visit for visit in visits_of(events) if test_segments.holds(segment.where, visit)]
        mine = test_goals.recount(SITE, [event for visit in visits for event in visit], GOALS)
        found |= {
            ("", "", segment.name, goal, currency): (people, often, 0, 0)
            for (dimension, _, goal, currency), (people, often, _) in mine.items()
            if not dimension
        }
    return found


def pair_goals(events: Sequence[Event]) -> Rows:
    """Of the visits of each cell who reached each goal."""
    cells: dict[tuple[str, ...], list[Event]] = defaultdict(list)
    for visit in visits_of(events):
        if any(event.name != ENGAGEMENT for event in visit):
            values = {name: next(iter(its)) for name, its in touched(visit).items() if name in CROSSED}
            for pair in SITE.crossed:
                cells[pair.one, values[pair.one], pair.other, values[pair.other]] += visit
    return {
        (*cell, goal, currency): (people, often, 0, 0)
        for cell, mine in cells.items()
        for (dimension, _, goal, currency), (people, often, _) in test_goals.recount(SITE, mine, GOALS).items()
        if not dimension
    }


def _of_what_is_counted(rows: Rows) -> Rows:
    by_some = ("", "page", "section", "event", "device")
    return {key: row for key, row in rows.items() if key[2] in (_GO.name, _A.name) or key[0] in by_some}


def properties(events: Sequence[Event]) -> Rows:
    who, often = defaultdict[str, set[int]](set), Counter[str]()
    for event in events:
        if event.name == "go":
            who[event.props["url"]].add(event.visitor)
            often[event.props["url"]] += 1
    return {("", "", "go", "url", "", url): (len(people), often[url], 0) for url, people in who.items()}


def test_every_family_of_a_real_log_is_what_is_counted_by_hand(store: Store, tmp_path: Path) -> None:
    log = tmp_path / "access.log"
    log.write_text("\n".join(real_log.lines()) + "\n")
    settings = load(sets=(f'data="{tmp_path}"', "release.k=1"), environment={})
    settings = structs.replace(settings, sites=(SITE,))
    rules = rules_of(settings, KEY)
    views = read(real_log.lines())
    summary = run(Engine(settings, store), rules, sent(log, rules), GeoDatabase(None), "import")
    events = events_of(views)
    assert summary.events == sum(map(len, events.values()))
    right = {day: counted(its) for day, its in events.items()}
    for name in FAMILIES:
        found = released(store, name)
        if name == "conversions":
            found = {day: _of_what_is_counted(rows) for day, rows in found.items()}
        for day in events:
            assert found[day] == right[day][name], (name, day)
        assert sum(map(len, found.values())) > 20, name
