"""Segments that are declared after a day was released."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import structs

from dashboards.stats.query import Query
from dashboards.stats.report import Reports
from pipeline.adding import segments as added_segments
from pipeline.adding.goals import add_goals
from pipeline.adding.pairs import add_pairs
from pipeline.adding.sections import add_sections
from pipeline.adding.segments import add_segments
from pipeline.copying import readable
from pipeline.manifest import read_entries
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.settings import SiteRules
from pipeline.verify import chain_faults, row_faults, unreadable_rows
from schema.event import ENGAGEMENT, Event
from schema.segment import Segment
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event, times
from tests.pipeline import test_recount_segments as gauged
from tests.pipeline import test_segments as counted

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAY = dt.date(2041, 6, 4)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
RULES = SiteRules(5, 30, "balanced", networks=5)
PHONES, GERMANS = Segment("Phones", {"device": "mobile"}), Segment("Germans", {"country": ["DE", "AT"]})
# Of more than one dimension: who of these bought no table by one of them tells.
WIDE = Segment("Wide", {"any": [{"device": "mobile"}, {"page": "/blog/a"}]})
PRO = Segment("Pro", {"properties": {"plan": "pro"}})
BUY = Goal("Buy", event="buy")
# What the sites declare whose day is released before a test declares more.
CROSSED: dict[str, Any] = {"goals": (BUY,), "pairs": ("country x device",)}
PLAIN: dict[str, Any] = {"goals": (BUY,), "pairs": ()}
DECLARED: tuple[tuple[tuple[Segment, ...], dict[str, Any]], ...] = (
    ((PHONES, GERMANS), CROSSED),
    ((), CROSSED),
    ((WIDE,), PLAIN),
    ((), PLAIN),
    ((PHONES,), {"pairs": ()}),
    ((PRO,), {}),
    *[((), {})] * 5,
    ((GERMANS,), {}),
)
_NUMBER = itertools.count(1)


@pytest.fixture(scope="module")
def closed(store: Store) -> Callable[..., Site]:
    """Gives a site with a released day of 200 visitors, the same for each; each is given once. All are released
    together, because a release takes its time for the first site."""
    sites = [Site(f"late-{next(_NUMBER)}", segments=segments, **settings) for segments, settings in DECLARED]
    insert(store, [event for site in sites for event in traffic(site)])
    days = [SiteDay(site, DAY, RULES) for site in sites]
    release_together(store, "events", days, NOON + 86_400, "live", [Flaws()] * len(days))

    def one(*segments: Segment, **settings: Any) -> Site:
        found = next(site for site in sites if site == Site(site.key, segments=segments, **settings))
        sites.remove(found)
        return found

    return one


def traffic(site: Site) -> Iterator[Event]:
    dice = random.Random(7)
    for visitor in range(1, 201):
        given: dict[str, Any] = {"country": dice.choices(("DE", "FR", "AT", "IS"), (9, 4, 2, 1))[0]}
        given |= {"device": dice.choices(("mobile", "desktop", "tv"), (6, 5, 1))[0], "visitor": visitor}
        given |= {"network_number": visitor, "path": dice.choice(("/", "/blog/a", "/blog/b"))}
        yield make_event(site.key, NOON + visitor, DAY, **given)
        if visitor % 9:
            yield make_event(
                site.key, NOON + visitor + 1, DAY, **given, name=ENGAGEMENT, lcp=dice.choice((900.0, 5000.0))
            )
        if dice.random() < 0.3:
            yield make_event(site.key, NOON + visitor + 9, DAY, **given, name="buy", props={"plan": "pro"})


def mostly_paid(site: Site) -> list[Event]:
    """The same, but three of those who bought did not pay."""
    found = [one for one in traffic(site) if one.name != ENGAGEMENT]
    free = [one for one in found if one.name == "buy"][:3]
    return [structs.replace(one, props={"plan": "free"}) if one in free else one for one in found]


def declare(site: Site, *segments: Segment) -> Site:
    return structs.replace(site, segments=(*site.segments, *segments))


def rows(store: Store, table: str, site: Site) -> list[tuple[Any, ...]]:
    sql = f"SELECT segment, dimension, value, visitors, visits, pageviews, bounces, visit_seconds FROM {table}"
    return [tuple(row) for row in store.rows(f"{sql} WHERE site = {{s:String}} ORDER BY ALL", {"s": site.key})]


def vitals(store: Store, table: str, site: Site) -> list[tuple[Any, ...]]:
    sql = f"SELECT segment, metric, bucket, samples, good, poor, people FROM {table}"
    return [tuple(row) for row in store.rows(f"{sql} WHERE site = {{s:String}} ORDER BY ALL", {"s": site.key})]


def goals(store: Store, table: str, site: Site) -> list[tuple[Any, ...]]:
    sql = f"SELECT segment, goal, currency, converters, conversions, amount, payers FROM {table}"
    return [tuple(row) for row in store.rows(f"{sql} WHERE site = {{s:String}} ORDER BY ALL", {"s": site.key})]


def test_its_rows_are_those_of_one_that_was_there_from_the_start(store: Store, closed: Callable[..., Site]) -> None:
    whole, site = closed(PHONES, GERMANS, **CROSSED), declare(closed(**CROSSED), PHONES, GERMANS)
    assert add_segments(store, site, RULES, NOON + 90_000)
    expected = rows(store, "released_segments", whole)
    assert {segment for segment, *_ in expected} == {"Phones", "Germans"}
    assert rows(store, "late_segments", site) == expected
    assert rows(store, "released_segments", site) == []
    fast = vitals(store, "released_segment_vitals", whole)
    assert {(segment, metric) for segment, metric, *_ in fast} == {("Phones", "lcp"), ("Germans", "lcp")}
    assert vitals(store, "late_segment_vitals", site) == fast
    entries = read_entries(store, site.key)
    assert [(entry.span, [*entry.segments]) for entry in entries] == [(1, []), (0, ["Phones", "Germans"])]
    assert not [
        *chain_faults(entries),
        *row_faults(store, site.key, readable(entries)),
        *unreadable_rows(store, site.key),
    ]
    # Once for each day.
    assert add_segments(store, site, RULES, NOON + 90_001)
    assert len(read_entries(store, site.key)) == 2
    answer = Reports(store, [site], clock=lambda: NOON + 172_800).stats(
        Query.of(site.key, DAY, DAY, "country", segment="Phones")
    )
    shown = {value: people for one, by, value, people, *_ in expected if (one, by) == ("Phones", "country")}
    assert {row["value"]: row["visitors"] for row in answer["rows"]} == shown != {}
    reports = Reports(store, [site], clock=lambda: NOON + 172_800)
    [row] = reports.stats(Query.of(site.key, DAY, DAY, "vital", segment="Phones"))["rows"]
    of_phones = [one for one in fast if one[0] == "Phones"]
    assert (row["visitors"], row["samples"]) == tuple(sum(one[nth] for one in of_phones) for nth in (6, 3))
    # One of another definition is another one.
    other = declare(structs.replace(site, segments=(GERMANS,)), Segment("Phones", {"device": "tv"}))
    answer = Reports(store, [other], clock=lambda: NOON + 172_800).stats(Query.of(site.key, DAY, DAY, segment="Phones"))
    assert answer["totals"]["visitors"] == 0


def asked(store: Store, site: Site) -> list[tuple[str, int, int]]:
    """Of each goal how many of a segment reached it, and on how many days that is not told."""
    reports = Reports(store, [site], clock=lambda: NOON + 172_800)
    answer = reports.stats(Query.of(site.key, DAY, DAY, "goal", segment="Wide"))
    return [(row["value"], row["visitors"], row["not_shown_days"]) for row in answer["rows"]]


def test_who_of_it_reached_a_goal_is_told_as_of_one_that_was_there_from_the_start(
    store: Store, closed: Callable[..., Site]
) -> None:
    whole, site = closed(WIDE, **PLAIN), declare(closed(**PLAIN), WIDE)
    assert add_segments(store, site, RULES, NOON + 90_000)
    [row] = reached = goals(store, "released_segment_goals", whole)
    assert row[:4] == ("Wide", "Buy", "", 56)
    assert goals(store, "late_segment_goals", site) == reached
    assert asked(store, site) == asked(store, whole) == [("Buy", 56, 0)]
    # A goal that is defined otherwise now has none of them; nor has one of which the day knew nothing.
    changed = structs.replace(site, goals=(Goal("Buy", event="order"), Goal("Other", event="order")))
    assert asked(store, changed) == []


def test_a_goal_is_told_within_it_only_where_the_day_has_counted_it_as_it_is_now(store: Store) -> None:
    """Of a name with two definitions on the day, the last one counts."""
    site = Site("late-defined-twice", goals=(Goal("Buy", page="/blog/b"),), pairs=())
    insert(store, traffic(site))
    release_together(store, "events", [SiteDay(site, DAY, counted.ALL)], NOON + 86_400, "live", [Flaws()])
    other = structs.replace(site, goals=(BUY,))
    assert add_goals(store, other, counted.ALL, NOON + 90_000)
    late = declare(other, WIDE)
    assert add_segments(store, late, counted.ALL, NOON + 90_001)
    assert [row[:4] for row in goals(store, "late_segment_goals", site)] == [("Wide", "Buy", "", 56)]
    assert asked(store, late) == [("Buy", 56, 0)]
    # By its first definition again, it was not counted within the segment; nor is it within another one.
    again = declare(site, WIDE, PHONES)
    assert asked(store, again) == []
    assert add_segments(store, again, counted.ALL, NOON + 90_002)
    assert len(goals(store, "late_segment_goals", site)) == 1


def test_one_that_is_told_stays_and_what_would_tell_of_few_beside_it_is_not_told(
    store: Store, closed: Callable[..., Site]
) -> None:
    site = closed(PHONES, pairs=())
    before = rows(store, "released_segments", site)
    nearly = Segment("Phones but for Iceland", {"device": "mobile", "not": {"country": "IS"}})
    late = declare(site, nearly, GERMANS, Segment("Mobile", {"device": "mobile"}))
    assert add_segments(store, late, RULES, NOON + 90_000)
    told = rows(store, "late_segments", site)
    assert "Phones but for Iceland" not in {segment for segment, *_ in told}
    assert ("Germans", "") in {(segment, dimension) for segment, dimension, *_ in told}
    # Under another name it tells what is told.
    assert [row[1:] for row in told if row[0] == "Mobile"] == [row[1:] for row in before]


def test_what_is_declared_after_it_is_not_told_beside_it(store: Store, closed: Callable[..., Site]) -> None:
    site = declare(closed(), PHONES)
    assert add_segments(store, site, RULES, NOON + 90_000)
    late = structs.replace(site, goals=(BUY,), sections={"Blog": "/blog/**"})
    assert add_goals(store, late, RULES, NOON + 90_001)
    assert add_sections(store, late, RULES, NOON + 90_001)
    assert [entry.rows for entry in read_entries(store, site.key)[2:]] == [0, 0]
    # Before it they are, and so is it.
    site = declare(closed(), PHONES)
    late = structs.replace(site, goals=(BUY,), sections={"Blog": "/blog/**"}, pairs=("country x device",))
    for add in (add_goals, add_sections, add_pairs, add_segments):
        assert add(store, late, RULES, NOON + 90_001)
    assert all(entry.rows for entry in read_entries(store, site.key)[1:])


def test_one_of_a_property_is_counted_by_the_raw_rows_while_they_are_left(
    store: Store, closed: Callable[..., Site]
) -> None:
    whole, site = closed(PRO), declare(closed(), PRO)
    assert add_segments(store, site, RULES, NOON + 90_000)
    assert rows(store, "late_segments", site) == rows(store, "released_segments", whole) != []
    site = declare(closed(), PRO)
    store.command("ALTER TABLE events DELETE WHERE site = {s:String}", {"s": site.key}, mutations_sync=2)
    assert add_segments(store, site, RULES, NOON + 90_000)
    assert rows(store, "late_segments", site) == []
    assert not read_entries(store, site.key)[-1].complete


def test_where_visits_of_the_day_are_gone_there_is_none(store: Store, closed: Callable[..., Site]) -> None:
    site = declare(closed(), PHONES)
    gone = "ALTER TABLE visits DELETE WHERE site = {s:String} AND visitor < 4"
    store.command(gone, {"s": site.key}, mutations_sync=2)
    assert add_segments(store, site, RULES, NOON + 90_000)
    assert rows(store, "late_segments", site) == []


def test_beside_a_goal_of_which_visits_do_not_tell_who_reached_it_there_is_none(store: Store) -> None:
    """Who bought, less who bought something paid, would be three people."""
    site = Site("late-beside-unkept", goals=(Goal("Pro", event="buy", properties={"plan": "pro"}),), pairs=())
    buyers = Segment("Buyers", {"any": [{"goal": "Buy"}]})
    insert(store, mostly_paid(site))
    release_together(store, "events", [SiteDay(site, DAY, RULES)], NOON + 86_400, "live", [Flaws()])
    late = structs.replace(site, goals=(*site.goals, BUY), segments=(buyers,))
    assert add_segments(store, late, RULES, NOON + 90_000)
    assert rows(store, "late_segments", late) == []
    late = structs.replace(late, segments=(structs.replace(buyers, name="Who bought"), WIDE))
    # As visits are of a version that did not keep what goals ask for.
    unkept = "ALTER TABLE visits UPDATE `hits.props` = arrayMap(one -> '', `hits.props`) WHERE site = {s:String}"
    store.command(unkept, {"s": site.key}, mutations_sync=2)
    assert add_segments(store, late, RULES, NOON + 90_000)
    assert rows(store, "late_segments", late) == []


def test_one_of_a_property_is_held_against_where_visits_do_not_keep_it(store: Store) -> None:
    """Who is in one, less who of these has paid, would be three people, whichever is added first."""
    site = Site("late-beside-sent", pairs=())
    views = [one for one in traffic(site) if one.name != ENGAGEMENT]
    wide = sorted({one.visitor for one in views if one.device == "mobile" or one.path == "/blog/a"})
    paid = wide[3:]
    insert(store, [structs.replace(one, props={"plan": "pro"} if one.visitor in paid else {}) for one in views])
    release_together(store, "events", [SiteDay(site, DAY, RULES)], NOON + 86_400, "live", [Flaws()])
    assert add_segments(store, declare(site, PRO), RULES, NOON + 90_000)
    told = rows(store, "late_segments", site)
    assert ("Pro", "") in {row[:2] for row in told}
    assert add_segments(store, declare(site, PRO, WIDE), RULES, NOON + 90_001)
    assert rows(store, "late_segments", site) == told


def test_no_pair_is_told_beside_one_that_visits_do_not_tell(store: Store) -> None:
    """Of a cell three have not paid."""
    site = Site("late-pair-beside-sent", pairs=())
    views = [one for one in traffic(site) if one.name != ENGAGEMENT]
    cell = sorted({one.visitor for one in views if one.device == "mobile" and one.country == "DE"})
    paid = cell[3:]
    insert(store, [structs.replace(one, props={"plan": "pro"} if one.visitor in paid else {}) for one in views])
    release_together(store, "events", [SiteDay(site, DAY, RULES)], NOON + 86_400, "live", [Flaws()])
    late = declare(site, PRO)
    assert add_segments(store, late, RULES, NOON + 90_000)
    assert ("Pro", "", "", len(paid)) in {row[:4] for row in rows(store, "late_segments", site)}
    assert add_pairs(store, structs.replace(late, pairs=("country x device",)), RULES, NOON + 90_001)
    assert store.rows("SELECT * FROM late_pairs WHERE site = {s:String}", {"s": site.key}) == []


def test_beside_more_conditions_than_are_looked_at_there_is_none(
    store: Store, closed: Callable[..., Site], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(added_segments, "MOST_TOLD", 0)
    site = declare(closed(GERMANS), PHONES)
    assert add_segments(store, site, RULES, NOON + 90_000)
    assert rows(store, "late_segments", site) == vitals(store, "late_segment_vitals", site) == []
    entry = read_entries(store, site.key)[-1]
    assert ([*entry.segments], entry.complete, entry.rows) == (["Phones"], False, 0)
    # Whoever asks is told so, not that nobody was in it.
    answer = Reports(store, [site], clock=lambda: NOON + 172_800).stats(Query.of(site.key, DAY, DAY, segment="Phones"))
    assert (answer["certainty"], answer["flags"]) == ("at least", ["not_shown"])
    # It is not asked for again.
    assert add_segments(store, site, RULES, NOON + 90_001)
    assert len(read_entries(store, site.key)) == 2


def test_with_a_k_of_one_it_is_what_a_recount_finds(store: Store) -> None:
    dice = random.Random(28)
    sites = [counted.site_of(dice, dice.randint(1, 4)) for _ in range(max(3, min(500, times(6))))]
    events = {site.key: [gauged.measured(dice, one) for one in counted.traffic(site, dice, 8)] for site in sites}
    insert(store, [event for mine in events.values() for event in mine])
    # Some are counted with the day.
    first = [structs.replace(site, segments=site.segments[: dice.randint(0, 1)]) for site in sites]
    days = [SiteDay(site, counted.DAY, counted.ALL) for site in first]
    release_together(store, "events", days, counted.START + 2 * 86_400, "live", [Flaws()] * len(days))
    for site, its in zip(sites, first, strict=True):
        assert add_segments(store, site, counted.ALL, counted.START + 3 * 86_400)
        told = rows(store, "released_segments", site) + rows(store, "late_segments", site)
        assert {row[:3]: row[3:] for row in told} == counted.recount(site, events[site.key])
        assert len(told) == len(counted.recount(site, events[site.key]))
        fast = vitals(store, "released_segment_vitals", site) + vitals(store, "late_segment_vitals", site)
        assert {row[:3]: row[3:] for row in fast} == gauged.recount_vitals(site, events[site.key])
        reached = goals(store, "released_segment_goals", site) + goals(store, "late_segment_goals", site)
        assert gauged.of_events(reached) == gauged.recount_goals(site, events[site.key])
        assert {*its.segments} <= {*site.segments}
