"""Beacons counted twice: by everything from the collector's steps to the sums of months, and by plain Python.

What a beacon says and what is to be stored of it stand side by side in tables, written by hand, each dimension with
values of its own; how they are counted is what `test_whole_day.expected` says. Two columns that change places anywhere
on the way give other numbers.
"""

from __future__ import annotations

import itertools
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from collector.anonymization import PRESETS
from collector.enrich.geo import Geo
from collector.model import Beacon, Client, Draft, Rules
from collector.steps import anonymize
from pipeline.months import sum_months
from pipeline.release import release
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up
from pipeline.rollup.together import roll_up_all
from pipeline.settings import SiteRules
from pipeline.spool.file import Header, OpenFile, make_directory, seal
from pipeline.spool.layout import FIELDS
from pipeline.spool.quarantine import Quarantine
from pipeline.writer import COLUMNS, Writer
from schema.dimensions import DIMENSIONS
from schema.event import ENGAGEMENT, NO_SCROLL, NOT_MEASURED, PAGEVIEW, Event
from schema.families import FAMILIES
from schema.funnel import Funnel, Step
from schema.site import Goal, Site, local_day
from schema.store import Store
from schema.vitals import PEOPLE_BUCKET, VITALS
from tests.conftest import make_event, times
from tests.pipeline.test_funnels import KINDS, Means
from tests.pipeline.test_funnels import recount as recount_funnels
from tests.pipeline.test_whole_day import DAY, START, expected, shown, shown_of, visits_of

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

Stored = dict[str, Any]

_CHROME = "AppleWebKit/537.36 (KHTML, like Gecko) Chrome/143.0.0.0 Safari/537.36"
_SAFARI = "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.4"
AGENTS: tuple[tuple[str, Stored], ...] = tuple(
    (agent, dict(zip(("device", "browser", "browser_version", "os", "os_version"), stored, strict=True)))
    for agent, stored in (
        (f"Mozilla/5.0 (Windows NT 10.0; Win64; x64) {_CHROME}", ("desktop", "Chrome", "143", "Windows", "10")),
        (f"Mozilla/5.0 (Linux; Android 14; SM-X700) {_CHROME}", ("tablet", "Chrome", "143", "Android", "14")),
        (
            f"Mozilla/5.0 (iPhone; CPU iPhone OS 16_4 like Mac OS X) {_SAFARI} Mobile/15E148 Safari/604.1",
            ("mobile", "Safari", "17", "iOS", "16"),
        ),
        (
            "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
            ("desktop", "Firefox", "128", "Linux", ""),
        ),
    )
)
PLACES = (Geo("DE", "DE-BE", "Berlin"), Geo("FR", "FR-75", "Paris"), Geo("AT", "AT-9", "Wien"), Geo("", "", ""))
LANGUAGES = (("de-AT,de;q=0.9", "de"), ("fr", "fr"), ("ja,en", "ja"))
# What a page says it is in, and what is stored of it.
SERVED = (("en-GB", "en"), ("pt_BR", "pt"), ("", ""), ("klingon", ""))
WIDTHS = ((400, "XS"), (1920, "XL"), (0, ""))
# What refers, and what campaign the page's address names.
FROM: tuple[tuple[str, str, Stored], ...] = (
    ("", "", {"channel": "Direct"}),
    (
        "https://www.google.com/",
        "",
        {"referrer": "google.com", "source": "Google", "channel": "Organic Search"},
    ),
    (
        "https://news.example/today",
        "",
        {"referrer": "news.example", "source": "news.example", "channel": "Referral"},
    ),
    (
        "",
        "utm_source=spring-letter&utm_medium=email&utm_campaign=spring&utm_term=tulip&utm_content=top",
        {
            "utm_source": "spring-letter",
            "utm_medium": "email",
            "utm_campaign": "spring",
            "utm_term": "tulip",
            "utm_content": "top",
            "source": "spring-letter",
            "channel": "Email",
        },
    ),
    (
        "https://partner.example/",
        "utm_source=partner-ads&utm_medium=affiliate&utm_campaign=autumn&utm_term=aster&utm_content=side",
        {
            "utm_source": "partner-ads",
            "utm_medium": "affiliate",
            "utm_campaign": "autumn",
            "utm_term": "aster",
            "utm_content": "side",
            "referrer": "partner.example",
            "source": "partner-ads",
            "channel": "Affiliates",
        },
    ),
)
MEASURED = (
    {"lcp": 900.0, "inp": 80.0, "cls": 0.0625, "fcp": 700.0, "ttfb": 200.0},
    {"lcp": 2600.0, "inp": 300.0, "cls": 0.125, "fcp": 1900.0, "ttfb": 900.0},
    {"lcp": 4100.0, "inp": 600.0, "cls": 0.5, "fcp": 3100.0, "ttfb": 1900.0},
    {"cls": 0.0, "ttfb": 30.0},
)


ELEMENTS: tuple[dict[str, str], ...] = ({"lcp": "main>img#cover"}, {"lcp": "p", "inp": "a.button"}, {})
MEANS: Means = {
    Step(page="/a**"): lambda event: event.name == PAGEVIEW and event.path.startswith("/a"),
    Step(page="/c"): lambda event: event.name == PAGEVIEW and event.path == "/c",
    Step(section="/a/"): lambda event: event.name == PAGEVIEW and event.path == "/a/2",
    Step(event="play"): lambda event: event.name == "play",
    Step(goal="go"): lambda event: event.name == "go",
}
FUNNELS = tuple(
    Funnel(f"{order} {within}", steps, order, within)
    for (order, within), steps in zip(KINDS, itertools.permutations(MEANS, 3), strict=False)
)


class Keys:
    """One key for every site and day."""

    def key(self, site: str, day: int) -> bytes:
        return f"{site}{day}".encode().ljust(32, b"k")


class Known:
    """Knows the place of every network of a person."""

    def of(self, network: str, time_zone: str = "") -> Geo:
        return PLACES[int(network.split(".")[2]) % len(PLACES)]


class Person:
    """Who comes from a network of his own."""

    def __init__(self, number: int, chance: random.Random) -> None:
        self.number = number
        self.agent, self.of_agent = chance.choice(AGENTS)
        self.languages, self.language = chance.choice(LANGUAGES)
        self.width, self.screen = chance.choice(WIDTHS)
        self.place = PLACES[number % len(PLACES)]

    @property
    def client(self) -> Client:
        return Client(f"198.18.{self.number}.77", self.agent, self.languages)

    @property
    def stored(self) -> Stored:
        where = {"country": self.place.country, "region": self.place.region, "city": self.place.city}
        return {"visitor": self.number, "language": self.language, "screen": self.screen} | self.of_agent | where


def happened(chance: random.Random, site: Site, person: Person, at: int) -> tuple[Beacon, Client, int, Event]:
    """Something a person did: as it was sent, and the event that is to come of it."""
    referrer, campaign, of_source = chance.choice(FROM)
    path, host = chance.choice(("/a", "/a/2", "/b", "/c")), chance.choice(("example.com", "shop.example.com"))
    name = chance.choice((PAGEVIEW, PAGEVIEW, PAGEVIEW, "go", "play", ENGAGEMENT, ENGAGEMENT))
    sent: dict[str, Any] = {"name": name, "interactive": chance.random() < 0.7}
    if name == "go":
        sent |= {"currency": chance.choice(("EUR", "USD", "")), "amount": chance.randrange(1, 500)}
        plan = chance.choice(("large", "small"))
        sent |= {"props": {"plan": plan} if at % 3 else {"note": plan}}
    if name == ENGAGEMENT:
        sent |= {"engaged_ms": chance.randrange(1, 90_000), "scroll": chance.randrange(101)}
        sent |= {"vitals": chance.choice(MEASURED)} if chance.random() < 0.7 else {}
        sent |= {"elements": chance.choice(ELEMENTS)} if "vitals" in sent else {}
    served, page_language = chance.choice(SERVED)
    sent["page_language"] = served
    url = f"https://{host}{path}" + (f"?{campaign}" if campaign else "")
    beacon = Beacon(url=url, domains=(site.key,), referrer=referrer, width=person.width, **sent)
    stored = {name: value for name, value in sent.items() if name != "vitals"} | sent.get("vitals", {})
    stored |= person.stored | of_source | {"hostname": host, "path": path, "page_language": page_language}
    stored["query"] = "&".join(sorted(campaign.split("&")))
    return beacon, person.client, START + at, make_event(site.key, START + at, DAY, **_nothing() | stored)


def _nothing() -> Stored:
    return {"scroll": NO_SCROLL, "props": {}, "lifetime": 30} | dict.fromkeys(VITALS, NOT_MEASURED)


def a_day(chance: random.Random, site: Site) -> list[tuple[Beacon, Client, int, Event]]:
    """Everything of a day, in the order of its arrival: gaps of 29:59 to 30:01, ties, visits of reports alone."""
    found = []
    for person in (Person(number, chance) for number in range(12)):
        at = chance.randrange(60_000)
        for _ in range(chance.randrange(1, 9)):
            found.append(happened(chance, site, person, at))
            at += chance.choice((0, 1, 60, 1799, 1800, 1801, 5000))
    return sorted(found, key=lambda one: one[2])


def stored_of(site: Site, sent: Sequence[tuple[Beacon, Client, int, Event]]) -> list[Event]:
    """What the collector makes of it."""
    settings = structs.replace(PRESETS["balanced"], place="city")
    rules = Rules(site, settings, 30, frozenset(settings.query_parameters), frozenset((site.key, "example.com")))
    day = local_day("UTC", START)
    events = []
    for beacon, client, moment, _ in sent:
        event = anonymize(Draft(beacon, client, rules, moment, day, Keys(), Known()))
        assert isinstance(event, Event), event
        events.append(event)
    return events


@pytest.mark.parametrize(("seed", "k"), [(1, 1), pytest.param(2, 3, marks=pytest.mark.long), (3, 5)])
def test_a_day_of_beacons_is_counted_alike_from_the_page_to_the_month(
    store: Store, tmp_path: Path, seed: int, k: int
) -> None:
    site = Site(f"beacons-{seed}", goals=(Goal("go", event="go"), Goal("a", page="/a**")))
    sent = a_day(random.Random(seed), site)
    right = [event for *_, event in sent]
    _through_the_spool(store, tmp_path, stored_of(site, sent))

    # Every column of every row, but for the number of its visitor, which only tells people apart.
    columns = [name for name in FIELDS["events"] if name not in ("visitor", "network_number")]
    read = {"received": "toUnixTimestamp(received)", "day": "toUInt16(day)"}
    rows = store.rows(
        f"SELECT {', '.join(read.get(name, name) for name in columns)} FROM events "
        "WHERE site = {s:String} ORDER BY sequence",
        {"s": site.key},
    )
    assert [dict(zip(columns, row, strict=True)) for row in rows] == [
        {name: getattr(event, name) for name in columns} for event in right
    ]

    tables = expected(right, k)
    rules = SiteRules(k, 30, "balanced")
    roll_up(store, site, DAY, rules)
    for is_shown, is_right in zip(shown(store, site), tables, strict=True):
        assert is_shown == is_right
    # How far pages were scrolled is kept for each event.
    [(scrolled,)] = store.rows(
        "SELECT arraySort(groupArrayArray(arrayZip(hits.path, hits.name, hits.scroll))) FROM visits FINAL "
        "WHERE site = {s:String}",
        {"s": site.key},
    )
    assert scrolled == sorted((event.path, event.name, event.scroll) for event in right)
    release(store, "events", site, [DAY], rules, START + 100_000, "live")
    for is_shown, is_right in zip(shown(store, site, "released"), tables, strict=True):
        assert is_shown == is_right
    sum_months(store, 60)
    _assert_months(store, site, *tables)


def test_days_of_many_sites_are_what_is_counted_by_hand_where_nothing_is_hidden(store: Store, tmp_path: Path) -> None:
    """From the beacon to what is shown, with k = 1: of 200 sites in CI, of 1,000 in `make test-all`."""
    goals = (Goal("go", event="go"), Goal("a", page="/a**"))
    sent = {
        site: a_day(random.Random(1000 + number), site)
        for number in range(min(1000, times(400)))
        for site in [Site(f"many-{number}", goals=goals, properties=("plan",), funnels=FUNNELS)]
    }
    # A chunk holds rows of fewer partitions than one insert may have: of some ten sites.
    events = [event for site, beacons in sent.items() for event in stored_of(site, beacons)]
    _through_the_spool(store, tmp_path, events, 500)
    rules = SiteRules(1, 30, "balanced", networks=1)
    days = [SiteDay(site, DAY, rules) for site in sent]
    assert not roll_up_all(store, days, {of.key: len(sent[of.site]) for of in days})
    found = shown_of(store, [*sent])
    for site, beacons in sent.items():
        right = expected([event for *_, event in beacons], 1)
        assert found[site.key] == right, site.key
    events_of = {site.key: [event for *_, event in beacons] for site, beacons in sent.items()}
    _assert_properties(store, events_of)
    _assert_engagement(store, events_of)
    _assert_funnels(store, events_of)


def _assert_funnels(store: Store, events: dict[str, list[Event]]) -> None:
    """How many people reached which step."""
    rows = store.rows(
        "SELECT site, dimension, value, funnel, step, people FROM open_funnels WHERE site IN {sites:Array(String)}",
        {"sites": [*events]},
    )
    right = {
        (site, *key): people
        for site, its in events.items()
        for key, people in recount_funnels(FUNNELS, its, MEANS).items()
    }
    assert {row[:5]: row[5] for row in rows} == right
    assert len(rows) == len(right) > 20 * len(events)


def _assert_properties(store: Store, events: dict[str, list[Event]]) -> None:
    """What the events of each site say of `plan`: of "go" alone, which some of them do not."""
    columns = "site, event, property, in_currency, property_value, visitors, events, amount"
    rows = store.rows(
        f"SELECT {columns} FROM open_properties WHERE site IN {{sites:Array(String)}}", {"sites": [*events]}
    )
    right: dict[tuple[str, ...], tuple[int, int, int]] = {}
    for site, its in events.items():
        gone = [event for event in its if event.name == "go"]
        if not any("plan" in event.props for event in gone):
            continue
        for value in {event.props.get("plan", "(none)") for event in gone}:
            mine = [event for event in gone if event.props.get("plan", "(none)") == value]
            right[site, "go", "plan", "", value] = len({event.visitor for event in mine}), len(mine), 0
            for currency in {event.currency for event in mine if event.currency}:
                paid = [event for event in mine if event.currency == currency]
                sums = len({event.visitor for event in paid}), 0, sum(event.amount for event in paid)
                right[site, "go", "plan", currency, value] = sums
    assert {row[:5]: row[5:] for row in rows} == right
    assert len(rows) == len(right)
    assert {value for *_, value in right} == {"large", "small", "(none)"}


Bands = dict[tuple[str, str, int], tuple[int, int, int]]


def engaged(events: Sequence[Event]) -> Bands:
    """(page, report, band): visitors, visits, percent together."""
    found: defaultdict[tuple[str, str, int], list[tuple[int, int]]] = defaultdict(list)
    for visit in visits_of(events):
        for page in {event.path for event in visit if event.name == PAGEVIEW}:
            there = [event for event in visit if event.path == page]
            scrolled = [event.scroll for event in there if event.scroll != NO_SCROLL]
            seconds = sum(event.engaged_ms for event in there) / 1000
            if scrolled:
                band = max(one for one in (0, 25, 50, 75, 100) if one <= max(scrolled))
                found[page, "scroll", band].append((visit[0].visitor, max(scrolled)))
            if seconds:
                band = max(one for one in (0, 10, 30, 60, 180, 600) if one <= seconds)
                found[page, "time", band].append((visit[0].visitor, 0))
    return {
        key: (len({visitor for visitor, _ in each}), len(each), sum(depth for _, depth in each))
        for key, each in found.items()
    }


def _assert_engagement(store: Store, events: dict[str, list[Event]]) -> None:
    """How far visits scrolled the pages that they viewed, and how long they attended to them."""
    rows = store.rows(
        "SELECT site, page, report, band, visitors, visits, depth FROM open_engagement "
        "WHERE site IN {sites:Array(String)}",
        {"sites": [*events]},
    )
    right = {(site, *key): row for site, its in events.items() for key, row in engaged(its).items()}
    assert {row[:4]: row[4:] for row in rows} == right
    assert len(rows) == len(right)
    assert {key[2:] for key in right} >= {("scroll", 0), ("scroll", 75), ("time", 0), ("time", 10), ("time", 60)}
    assert any(visits > visitors for visitors, visits, _ in right.values())


def _through_the_spool(store: Store, directory: Path, events: Sequence[Event], chunk_rows: int = 16) -> None:
    spool = directory / "spool" / "worker-0"
    make_directory(spool)
    file = OpenFile(spool / f"{START:010d}-00.open", Header(directory.name, START, 0, 0, chunk_rows))
    for first in range(0, len(events), 10):
        file.commit(list(events[first : first + 10]), [])
    file.close()
    seal(file.path)
    writer = Writer(store, directory / "spool", Quarantine(directory / "quarantine"))
    assert writer.drain() == len(events)
    assert not writer.quarantine.held()


def _assert_months(store: Store, site: Site, cells: Any, conversions: Any, vitals: Any) -> None:
    """The sums of a month of one day are those of the day."""
    mine, bound = "WHERE site = {s:String}", {"s": site.key}
    measures = FAMILIES["cells"].measure_names
    of_values = store.rows(f"SELECT dimension, value, {', '.join(measures)} FROM months_cells {mine}", bound)
    assert {row[:2]: row[2:] for row in of_values} == {
        key: row for key, row in cells.items() if key[0] not in ("", "hour")
    }
    histograms = store.rows(
        f"SELECT dimension, value, metric, buckets, counts, samples, good, poor, people FROM months_vitals {mine}",
        bound,
    )
    assert {row[:3]: (dict(zip(*row[3:5], strict=True)), *row[5:]) for row in histograms} == {
        key[:3]: (
            {each[3]: row[0] for each, row in vitals.items() if each[:3] == key[:3] and each[3] != PEOPLE_BUCKET},
            *(sum(row[place] for each, row in vitals.items() if each[:3] == key[:3]) for place in range(4)),
        )
        for key in vitals
    }
    names = [f"totals.{name}" for name in measures]
    names += [f"goals.{name}" for name in (*FAMILIES["conversions"].key_names, *FAMILIES["conversions"].measure_names)]
    (row,) = store.rows(f"SELECT {', '.join(names)} FROM months {mine}", bound)
    assert tuple(column[0] for column in row[: len(measures)]) == cells["", ""]
    goals = zip(*row[len(measures) :], strict=True)
    assert {one[:2]: one[2:] for one in goals} == {key[2:]: row for key, row in conversions.items() if key[0] == ""}


def test_each_dimension_and_measure_is_told_apart_from_every_other() -> None:
    """What makes the comparison worth something: no two columns have a value in common, and none is always empty."""
    site = Site("beacons", goals=(Goal("go", event="go"), Goal("a", page="/a**")))
    sent = [one for seed in (1, 2, 3) for one in a_day(random.Random(seed), site)]
    columns = [name for name in DIMENSIONS if name in COLUMNS] + ["query", "page_language"]
    # A source that is not known is called as its campaign or its host is.
    alike = {frozenset(("source", "utm_source")), frozenset(("source", "referrer"))}
    values = {name: {getattr(event, name) for *_, event in sent} - {""} for name in columns}
    assert all(len(mine) > 1 for mine in values.values())
    for name, mine in values.items():
        for other, theirs in values.items():
            assert name == other or mine != theirs
            assert name == other or not mine & theirs or frozenset((name, other)) in alike, (name, other)
    cells, conversions, vitals = expected([event for *_, event in sent], 1)
    assert {key[0] for key in cells} == {"", "hour", *DIMENSIONS}
    # Some measures are others of a few: with a k of 1 they would be the same.
    for table in (expected([event for *_, event in sent], 5)[0], conversions, vitals):
        rows = [*zip(*table.values(), strict=True)]
        assert len(set(rows)) == len(rows), "two measures that are alike in every cell"
    assert {key[3] for key in conversions} == {"", "EUR", "USD"}
    assert {key[2] for key in vitals} == set(VITALS)
