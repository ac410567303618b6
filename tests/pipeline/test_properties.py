"""Properties: by event, property and value who sent it, how often, and what was paid."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest

from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up, roll_up_together
from pipeline.rollup.visits import properties as told
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT
from schema.properties import MOST_VALUES
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.clickhouse, pytest.mark.slow]

# Far ahead, so that no TTL takes the rows while they are looked at.
DAY = dt.date(2041, 3, 9)
START = day_bounds("UTC", day_number(DAY)).start
EVERYTHING = SiteRules(1, 30, "balanced")
BOUGHT = {"name": "buy", "currency": "EUR", "amount": 250}


def send(store: Store, site: Site, *events: dict[str, Any]) -> None:
    insert(
        store,
        [make_event(site.key, START + 10 * step, DAY, **{"path": "/"} | given) for step, given in enumerate(events)],
    )


def shown(store: Store, site: Site) -> dict[tuple[str, ...], tuple[int, ...]]:
    rows = store.rows(
        "SELECT event, property, property_value, in_currency, visitors, events, amount FROM open_properties "
        "WHERE site = {s:String}",
        {"s": site.key},
    )
    assert len({row[:4] for row in rows}) == len(rows)
    return {row[:4]: row[4:] for row in rows}


def test_values_are_counted_by_event_and_property_and_an_event_without_has_none(store: Store) -> None:
    site = Site("properties-1", properties=("plan", "size"))
    send(
        store,
        site,
        {"visitor": 1, "props": {"plan": "pro", "colour": "red"}, **BOUGHT},
        {"visitor": 1, "props": {"plan": "pro"}, **BOUGHT, "amount": 100},
        {"visitor": 2, "props": {"plan": "pro"}, "name": "buy"},
        {"visitor": 3, "props": {"size": "(other)"}, "name": "buy"},
        {"visitor": 3, "props": {"plan": "free"}},
        {"visitor": 4},
        {"visitor": 4, "props": {"plan": "free"}, "name": ENGAGEMENT},
        {"visitor": 4, "name": "login"},
    )
    roll_up(store, site, DAY, EVERYTHING)
    right = {
        ("buy", "plan", "pro", ""): (2, 3, 0),
        ("buy", "plan", "pro", "EUR"): (1, 0, 350),
        ("buy", "plan", "(none)", ""): (1, 1, 0),
        ("buy", "size", "“(other)”", ""): (1, 1, 0),
        ("buy", "size", "(none)", ""): (2, 3, 0),
        ("buy", "size", "(none)", "EUR"): (1, 0, 350),
        ("pageview", "plan", "free", ""): (1, 1, 0),
        ("pageview", "plan", "(none)", ""): (1, 1, 0),
    }
    assert shown(store, site) == right
    # Once more in steps: the same.
    send(store, site, {"visitor": 9, "props": {"plan": "free"}})
    roll_up(store, site, DAY, EVERYTHING)
    assert shown(store, site) == right | {("pageview", "plan", "free", ""): (2, 2, 0)}


def test_each_site_has_the_properties_of_its_settings_also_after_a_change(store: Store) -> None:
    sites = Site("properties-2"), Site("properties-3", properties=()), Site("properties-4", properties=("plan",))
    for site in sites:
        send(store, site, {"visitor": 1, "name": "File Download", "props": {"url": "/a.pdf", "plan": "pro"}})
    roll_up_together(store, [SiteDay(site, DAY, EVERYTHING) for site in sites])
    assert [[*shown(store, site)] for site in sites] == [
        [("File Download", "url", "/a.pdf", "")],
        [],
        [("File Download", "plan", "pro", "")],
    ]
    changed = Site("properties-4", properties=("url",))
    roll_up(store, changed, DAY, EVERYTHING)
    assert [*shown(store, changed)] == [("File Download", "url", "/a.pdf", "")]


def of_people(first: int, people: int, value: str, **given: Any) -> list[dict[str, Any]]:
    """Each of a network of his own."""
    return [
        {"visitor": n, "network_number": n, "name": "choose", "props": {"plan": value} if value else {}} | given
        for n in range(first, first + people)
    ]


def test_of_very_many_values_those_of_most_visitors_are_told_apart_the_others_are_one(store: Store) -> None:
    site = Site("properties-6", properties=("n",))
    sent = [{"visitor": 1, "name": "act", "props": {"n": str(number)}} for number in range(MOST_VALUES + 100)]
    sent += [{"visitor": visitor, "name": "act", "props": {"n": "z"}} for visitor in (2, 3)]
    send(store, site, *sent)
    roll_up(store, site, DAY, EVERYTHING)
    rows = shown(store, site)
    assert len(rows) == MOST_VALUES + 1
    assert rows["act", "n", "z", ""] == (2, 2, 0)
    assert rows["act", "n", "(other)", ""] == (1, 101, 0)


def test_of_the_same_property_other_events_and_days_that_have_few_values_keep_them(store: Store) -> None:
    rows = [(0, "act", "n"), (0, "act", "m"), (0, "see", "n"), (1, "act", "n"), (1, "see", "n"), (2, "act", "n")]
    is_crowded, named = told._crowded([(0, "act", "n"), (2, "act", "n"), (1, "see", "n")])
    every = f"SELECT one.1 AS d, one.2 AS event, one.3 AS property FROM (SELECT arrayJoin({rows}) AS one)"
    found = store.rows(f"SELECT * FROM ({every}) WHERE {is_crowded}", named)
    assert sorted(found) == [(0, "act", "n"), (1, "see", "n"), (2, "act", "n")]


# By name of an event how many people sent each value, and which values are shown of it.
HIDDEN = {
    # The smallest that is shown goes along with one that would be told by subtraction.
    "alone": ({"pro": 9, "free": 5, "team": 2}, {"pro"}),
    # Two or more, and of three people together, tell nobody.
    "several": ({"pro": 9, "free": 5, "team": 2, "solo": 1}, {"pro", "free"}),
    "none": ({"pro": 9, "free": 5}, {"pro", "free"}),
    # Who has none is a value like any other.
    "without": ({"pro": 9, "": 2}, set()),
    "without-2": ({"pro": 9, "": 4, "team": 1}, {"pro"}),
    "without-3": ({"pro": 2, "": 9}, set()),
    # What a page tells is subtracted as well, so it does not go along; and what is hidden of pages is hidden here.
    "pages": ({"pro": 9, "/seen": 5, "team": 2}, {"/seen"}),
    "pages-2": ({"/seen": 5, "/": 6, "team": 2}, set()),
    "pages-3": ({"pro": 9, "free": 8, "/rare/1": 5}, {"pro"}),
}


def test_what_is_hidden_of_a_property_is_two_values_or_more_and_of_k_people(store: Store) -> None:
    site = Site("properties-5", properties=("plan",))
    events: list[dict[str, Any]] = [
        {"visitor": n, "network_number": n, "path": path}
        for path, people in {"/seen": 20, "/": 20, "/rare/1": 5, "/rare/2": 2}.items()
        for n in range(1, people + 1)
    ]
    for name, (sent, _) in HIDDEN.items():
        values = [value for value, people in sent.items() for _ in range(people)]
        events += [
            BOUGHT | {"visitor": n, "network_number": n, "name": name, "props": {"plan": value} if value else {}}
            for n, value in enumerate(values, start=1)
        ]
    # Too few networks, and events that are hidden themselves.
    events += [{"visitor": n, "network_number": 1, "name": "several", "props": {"plan": "one"}} for n in range(30, 50)]
    for name, people in (("rare", 2), ("least", 4)):
        events += [{"visitor": n, "network_number": n, "name": name, "props": {"plan": "pro"}} for n in range(people)]
    send(store, site, *events)
    roll_up(store, site, DAY, SiteRules(3, 30, "balanced"))
    rows = shown(store, site)
    for name, (_, right) in HIDDEN.items():
        assert {row[2] for row in rows if row[0] == name and not row[3]} == right, name
    for (name, _, value, paid), numbers in rows.items():
        people = HIDDEN[name][0]["" if value == "(none)" else value]
        assert numbers == ((people, 0, 250 * people) if paid else (people, people, 0))
    assert {row[:3] for row in rows if row[3]} == {row[:3] for row in rows if not row[3]}
