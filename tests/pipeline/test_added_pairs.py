"""Pairs that are declared after a day was released."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from dashboards.stats.query import Query
from dashboards.stats.report import Reports
from pipeline.adding.pairs import add_pairs
from pipeline.copying import readable
from pipeline.manifest import read_entries
from pipeline.release import release
from pipeline.settings import SiteRules
from pipeline.verify import chain_faults, row_faults, unreadable_rows
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAY = dt.date(2041, 6, 3)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
RULES = SiteRules(5, 30, "balanced", networks=5)
ROW = "dimension, value, by_dimension, by_value, visitors, visits, pageviews, bounces, visit_seconds"
_NUMBER = itertools.count(1)


def closed(store: Store, pairs: Sequence[str], rules: SiteRules = RULES) -> Site:
    """A site with a released day of 200 visitors, the same in each test."""
    site, dice = Site(f"later-{next(_NUMBER)}", pairs=tuple(pairs)), random.Random(7)
    events = []
    for visitor in range(1, 201):
        given: dict[str, Any] = {"country": dice.choices(("DE", "FR", "AT", "IS"), (9, 4, 2, 1))[0]}
        given |= {"device": dice.choices(("mobile", "desktop", "tv"), (6, 5, 1))[0]}
        given["source"], given["channel"] = dice.choice(
            (("Google", "Paid"), ("Google", "Organic"), ("Ask", "Organic"), ("", "Direct"))
        )
        events.append(make_event(site.key, NOON + visitor, DAY, visitor=visitor, network_number=visitor, **given))
    insert(store, events)
    release(store, "events", site, [DAY], rules, NOON + 86_400, "live")
    return site


def rows(store: Store, table: str, site: Site) -> list[tuple[Any, ...]]:
    return [
        tuple(row)
        for row in store.rows(f"SELECT {ROW} FROM {table} WHERE site = {{s:String}} ORDER BY ALL", {"s": site.key})
    ]


def declare(site: Site, *pairs: str) -> Site:
    return structs.replace(site, pairs=(*site.pairs, *pairs))


@pytest.mark.parametrize("rules", [RULES, SiteRules(1, 30, "balanced", networks=1)])
def test_its_rows_are_those_of_a_pair_that_was_there_from_the_start(store: Store, rules: SiteRules) -> None:
    whole = closed(store, ("country x device", "country x channel"), rules)
    site = closed(store, (), rules)
    site = declare(site, "country x device", "country x channel")
    assert add_pairs(store, site, rules, NOON + 90_000)
    expected = rows(store, "released_pairs", whole)
    assert len(expected) > 5
    assert rows(store, "late_pairs", site) == expected
    assert rows(store, "released_pairs", site) == []
    entries = read_entries(store, site.key)
    assert [(entry.span, len(entry.pairs)) for entry in entries] == [(1, 0), (0, 2)]
    assert not [
        *chain_faults(entries),
        *row_faults(store, site.key, readable(entries)),
        *unreadable_rows(store, site.key),
    ]
    # Once for each day.
    assert add_pairs(store, site, rules, NOON + 90_001)
    assert len(read_entries(store, site.key)) == 2
    answer = Reports(store, [site], clock=lambda: NOON + 172_800).stats(
        Query.of(site.key, DAY, DAY, "device", ["country==DE"])
    )
    germany = ("country", "DE", "device")
    shown = {by: people for one, value, other, by, people, *_ in expected if (one, value, other) == germany}
    assert {row["value"]: row["visitors"] for row in answer["rows"]} == shown


def test_a_child_is_judged_beside_its_parent_and_a_parent_of_what_is_told_is_not_told(store: Store) -> None:
    whole = closed(store, ("country x channel", "country x source"))
    site = closed(store, ("country x channel",))
    assert add_pairs(store, declare(site, "country x source"), RULES, NOON + 90_000)
    of_sources = [row for row in rows(store, "released_pairs", whole) if "source" in row[:3:2]]
    assert rows(store, "late_pairs", site) == of_sources
    site = closed(store, ("country x source",))
    late = declare(site, "country x channel")
    assert add_pairs(store, late, RULES, NOON + 90_000)
    assert rows(store, "late_pairs", site) == []
    entry = read_entries(store, site.key)[-1]
    assert (entry.span, entry.pairs, entry.complete, entry.rows) == (0, ["channel x country"], False, 0)
    assert add_pairs(store, late, RULES, NOON + 90_001)
    assert len(read_entries(store, site.key)) == 2


def test_where_visits_of_the_day_are_gone_there_is_none(store: Store) -> None:
    site = closed(store, ())
    store.command(
        "ALTER TABLE visits DELETE WHERE site = {s:String} AND visitor < 4", {"s": site.key}, mutations_sync=2
    )
    assert add_pairs(store, declare(site, "country x device"), RULES, NOON + 90_000)
    assert rows(store, "late_pairs", site) == []
