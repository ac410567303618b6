"""Whoever knows what a value is a part of takes the parts that are shown from the whole (rule N3): the visitors of
google.de from those of Google and of google.com, a lone region from its country. Does it leave one to k - 1 people?
"""

from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from pipeline.rollup import stages
from pipeline.rollup.cells import suppress
from pipeline.rollup.suppression import parents
from pipeline.settings import SiteRules
from schema.store import Store
from tests.conftest import insert, make_event
from tests.pipeline.weeks import Weeks
from tests.together import Test, together

from .house import House
from .solver import Cell, Published, Solver

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

K = 5
DAYS = 4
COUNTRIES = {"DE": 5, "FR": 4, "CH": 3, "AT": 2, "IS": 1, "MT": 1}
PARENT_OF = {f"{country}-{n}": country for country, regions in COUNTRIES.items() for n in range(regions)}


@pytest.fixture
def without_parents(monkeypatch: pytest.MonkeyPatch) -> None:
    """The rule switched off: every dimension is suppressed by itself."""
    for name, among in (("_PARTS", f"dimension NOT IN {[*parents.PARENTS]}"), ("_PARTS_OF_ROWS", suppress._CHILD)):
        statement = getattr(suppress, name)
        assert among in statement
        monkeypatch.setattr(suppress, name, statement.replace(among, str("NOT" in among).lower()))
    monkeypatch.setattr(suppress, "CHILDREN", frozenset())
    monkeypatch.setattr(suppress, "PARENTS", {})
    stages_ = tuple(stage for stage in stages.STAGES if stage is not parents.fill_parents)
    monkeypatch.setattr(stages, "STAGES", stages_)


def of_countries(store: Store, rules: SiteRules) -> tuple[Published, Counter[Cell]]:
    """Some days of a small site: what is published of regions and their countries, and the truth."""
    rng, house = random.Random(3), Weeks(store, rules)
    truth: Counter[Cell] = Counter()
    events = []
    for day in range(DAYS):
        for visitor in range(rng.randint(120, 240)):
            region = [*PARENT_OF][min(int(rng.paretovariate(0.5)) - 1, len(PARENT_OF) - 1)]
            truth[day, region] += 1
            given = {"visitor": visitor + 1, "network_number": visitor + 1}
            given |= {"region": region, "country": PARENT_OF[region]}
            events.append(make_event(house.site.key, house.noon(day), house.day(day), **given))
    insert(store, events)
    house.close(after=6)
    above = Published(house, DAYS, "country", [*COUNTRIES])
    return Published(house, DAYS, "region", [*PARENT_OF], above, PARENT_OF), truth


def pinned(published: Published, truth: Counter[Cell]) -> tuple[int, int]:
    """How many hidden numbers of 1 to k - 1 there are, and how many of them he pins."""
    solver = Solver(published)
    few = [cell for cell, visits in truth.items() if cell not in published.shown and visits < K]
    found = 0
    for cell in few:
        least, most = solver.bounds(cell)
        assert least <= truth[cell] <= most, "he understands what he reads"
        found += least == most
    return len(few), found


def test_regions_less_their_countries_pin_nobody(store: Store) -> None:
    rules = SiteRules(K, 30, "balanced", networks=K, k_late=6, late_others=2)
    published, truth = of_countries(store, rules)
    assert published.late, "blocks have something to tell"
    few, found = pinned(published, truth)
    assert few >= 20
    assert found == 0


@pytest.mark.usefixtures("without_parents")
def test_where_every_dimension_is_suppressed_by_itself_they_pin_some(store: Store) -> None:
    few, found = pinned(*of_countries(store, SiteRules(K, 30, "strict", networks=K)))
    print(f"{few} hidden regions of fewer than {K}, pinned by their countries: {found}")
    assert found >= 3


# -- a host of a source, a version of a browser, a city of a region --------------------------------------------------

# By dimension its parent, and the parts of two of this one's values.
PARTS = {
    "referrer": ("source", {"Google": ("google.com", "google.de"), "Paper": ("one.example", "two.example")}),
    "browser_version": ("browser", {"Firefox": ("Firefox 145", "Firefox 52"), "Opera": ("Opera 120", "Opera")}),
    "os_version": ("os", {"Android": ("Android 16", "Android 4"), "iOS": ("iOS 26", "iOS 9")}),
    "city": ("region", {"DE-BE": ("Berlin, DE-BE", "Spandau, DE-BE"), "DE-BB": ("Potsdam, DE-BB", "Caputh, DE-BB")}),
    "served_language": ("language", {"de": ("de → en", "de → und"), "fr": ("fr → en", "fr → fr")}),
}


def google(store: Store, *more: tuple[int, dict[str, Any]]) -> House:
    """Twenty came from google.com and two from google.de; twelve from one page of a newsletter, three from another; and
    so with what they have of the other dimensions. more: people, and what they have."""
    house, number = House(store, K), 0
    search = {"source": "Google", "channel": "Organic Search", "browser": "Firefox", "os": "Android"}
    paper = {"source": "Paper", "channel": "Email", "browser": "Opera", "os": "iOS"}
    search |= {"country": "DE", "region": "DE-BE", "language": "de"}
    paper |= {"country": "DE", "region": "DE-BB", "language": "fr"}
    most = {"browser_version": "145", "os_version": "16", "city": "Berlin", "page_language": "en"}
    few = {"browser_version": "52", "os_version": "4", "city": "Spandau"}
    hits = []
    for people, given in (
        (20, search | most | {"referrer": "google.com"}),
        (2, search | few | {"referrer": "google.de"}),
        (
            12,
            paper | most | {"browser_version": "120", "os_version": "26", "city": "Potsdam", "referrer": "one.example"},
        ),
        (3, paper | {"os_version": "9", "city": "Caputh", "page_language": "fr", "referrer": "two.example"}),
        *more,
    ):
        for _ in range(people):
            number += 1
            hits.append((number, {"visitor": number, "network_number": number} | given))
    house.visits(hits)
    return house


def left(house: House, dimension: str) -> list[int]:
    """Of each parent what its parts leave of its visitors."""
    (above, of), rows = PARTS[dimension], house.rows(dimension)
    wholes = house.rows(above)
    return [
        int(wholes[parent]["visitors"] - sum(rows[part]["visitors"] for part in parts if part in rows))
        for parent, parts in of.items()
    ]


@together
def test_a_whole_less_its_parts_leaves_nobody_or_k_people(store: Store) -> Test:
    house = google(store)
    yield house.settling()
    assert {dimension: left(house, dimension) for dimension in PARTS} == {one: [22, 15] for one in PARTS}


@pytest.mark.usefixtures("without_parents")
def test_where_it_does_not_hold_inside_a_parent_two_people_are_told(store: Store) -> None:
    house = google(store)
    house.settle()
    assert {dimension: left(house, dimension) for dimension in PARTS} == {one: [2, 3] for one in PARTS}


@together
def test_a_host_of_two_sources_is_in_nobodys_company(store: Store) -> Test:
    """It cannot be taken from either of them, so it is shown; what is hidden in both has company in both."""
    link = {"source": "Paper", "channel": "Email", "referrer": "google.com"}
    house = google(store, (6, link), (7, {"source": "Google", "channel": "Organic Search", "referrer": "google.fr"}))
    yield house.settling()
    rows = house.rows("referrer")
    assert rows["google.com"]["visitors"] == 26
    assert "google.fr" not in rows
    assert "one.example" not in rows


@together
def test_of_a_parent_that_is_hidden_no_child_tells_the_least_that_it_is(store: Store) -> Test:
    """A source of one person is hidden with the smallest other one, whose only host would tell how many these are."""
    house = google(store, (1, {"source": "Rare", "channel": "Referral", "referrer": "rare.example"}))
    yield house.settling()
    sources, hosts = house.rows("source"), house.rows("referrer")
    assert "Paper" not in sources
    assert {"google.com", "one.example"}.isdisjoint(hosts)


@together
def test_converters_and_payers_of_one_host_do_not_follow_from_its_source(store: Store) -> Test:
    hosts = {"google.com": 20, "google.de": 20, "google.fr": 20}
    reached = {"google.com": 12, "google.de": 9, "google.fr": 2}
    house, number = House(store, K), 0
    hits: list[tuple[int, dict[str, Any]]] = []
    for host, people in hosts.items():
        for n in range(people):
            number += 1
            given = {"visitor": number, "network_number": number, "source": "Google", "referrer": host, "channel": "S"}
            hits.append((number, given))
            if n < reached[host]:
                hits.append((1000 + number, given | {"name": "purchase", "currency": "EUR", "amount": 100}))
    for _ in range(30):
        number += 1
        given = {"visitor": number, "network_number": number, "source": "Paper", "referrer": "one.example"}
        hits.append((number, given | {"channel": "Email"}))
        hits.append((2000 + number, given | {"channel": "Email", "name": "purchase", "currency": "EUR", "amount": 100}))
    house.visits(sorted(hits, key=lambda hit: hit[0]))
    yield house.settling()

    def buyers(**by: str) -> int:
        (filter_,) = (f"{dimension}=={value}" for dimension, value in by.items())
        found = {row["value"]: row for row in house.stats("goal", filter_)["rows"]}
        return int(found["Buy"]["visitors"]) if "Buy" in found else 0

    assert buyers(source="Google") == 23
    assert sum(buyers(referrer=host) for host in hosts) in (0, 12)
    assert buyers(referrer="one.example") == 30
