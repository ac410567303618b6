"""Rule R1: a released row, or an entry of the manifest, that is not as it was released is found, and which it is."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable

import pytest
from msgspec import structs

from pipeline.copying import holding
from pipeline.manifest import Entry, read_entries
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.settings import SiteRules
from pipeline.verify import Fault, chain_faults, head, row_faults, unreadable_rows
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAYS = [dt.date(2042, 6, 1) + dt.timedelta(days=number) for number in range(4)]
RULES = SiteRules(2, 30, "balanced")


@pytest.fixture(scope="module")
def sites(store: Store) -> list[Site]:
    """One for each test that changes something, with four released days."""
    sites = [Site(f"verify-{number}") for number in range(6)]
    for day in DAYS:
        start = day_bounds("UTC", day_number(day)).start
        given = [{"visitor": i, "path": f"/{i % 2}", "lcp": 900.0} for i in range(6)]
        insert(
            store, [make_event(site.key, start + 60 * i, day, **one) for site in sites for i, one in enumerate(given)]
        )
        of_day = [SiteDay(site, day, RULES) for site in sites]
        release_together(store, "events", of_day, 1_000, "live", [Flaws()] * len(sites))
    return sites


@pytest.fixture
def site(store: Store, sites: list[Site]) -> Site:
    """One that is as it was released."""
    site = sites.pop()
    assert found(store, site) == []
    return site


def found(store: Store, site: Site) -> list[Fault]:
    """Everything that does not hold."""
    entries = read_entries(store, site.key)
    return [
        *chain_faults(entries),
        *row_faults(store, site.key, holding(entries)),
        *unreadable_rows(store, site.key),
    ]


def told(store: Store, site: Site) -> list[tuple[str, int, str]]:
    return [(one.what, one.number, one.day) for one in found(store, site)]


def change(store: Store, site: Site, what: str) -> None:
    table, _, rest = what.partition(" ")
    store.command(f"ALTER TABLE {table} {rest} AND site = '{site.key}'", mutations_sync=2)


def chain() -> list[Entry]:
    """Of a site that is in no store."""
    entries: list[Entry] = []
    for number, day in enumerate(DAYS, start=1):
        entries.append(Entry("a", number, day, 1_000, "live", "balanced", 2, previous=head(entries)))
    return entries


FIRST, SECOND, THIRD, LAST = (day.isoformat() for day in DAYS)


def test_one_bit_of_a_row_is_found_with_its_day(store: Store, site: Site) -> None:
    change(store, site, f"released_cells UPDATE visits = bitXor(visits, 1) WHERE day = '{FIRST}' AND dimension = ''")
    change(store, site, f"released_vitals UPDATE good = bitXor(good, 1) WHERE day = '{SECOND}' AND bucket > 0")
    change(store, site, f"released_cells DELETE WHERE day = '{LAST}' AND value = '/1'")
    assert told(store, site) == [
        ("rows changed", 1, FIRST),
        ("rows changed", 2, SECOND),
        ("rows changed", 4, LAST),
    ]


def test_rows_that_were_added_are_found(store: Store, site: Site) -> None:
    columns = "site, grain, day, period, dimension, value, by_dimension, by_value, visitors"
    given = "SELECT site, grain, {day}, period, dimension, 'x', '', '', 9 FROM released_cells WHERE site = '{site}'"
    for day in ("day", "toDate('2042-07-01')"):
        store.command(
            f"INSERT INTO released_cells ({columns}) {given.format(day=day, site=site.key)} AND day = '{THIRD}' LIMIT 1"
        )
    assert told(store, site) == [("rows changed", 3, THIRD), ("rows without an entry", 0, "2042-07-01")]
    there = read_entries(store, site.key)[2].rows
    assert there > 30
    assert str(found(store, site)[0]).endswith(f"{there + 1} where there were {there}")


def test_one_bit_of_an_entry_is_found(store: Store, site: Site) -> None:
    for number, changed in enumerate(("k = bitXor(k, 1)", "complete = NOT complete", "released_at = released_at + 1")):
        change(store, site, f"manifest UPDATE {changed} WHERE number = {number + 1}")
    assert told(store, site) == [
        ("entry changed", 1, FIRST),
        ("entry changed", 2, SECOND),
        ("entry changed", 3, THIRD),
    ]


def test_a_digest_that_was_changed_with_its_rows_is_found_by_the_entry_behind_it(store: Store, site: Site) -> None:
    change(store, site, "released_cells DELETE WHERE day = '2042-06-02'")
    entry = read_entries(store, site.key)[1]
    digests = {"digest": "0" * 64, "rows": 0}
    forged = structs.replace(entry, **digests)
    assert [one.what for one in chain_faults([read_entries(store, site.key)[0], forged])] == []
    change(store, site, "manifest UPDATE digest = repeat('0', 64) WHERE number = 2")
    assert ("entry changed", 2, SECOND) in told(store, site)


def test_an_entry_that_is_gone_is_found_with_the_rows_that_it_leaves(store: Store, site: Site) -> None:
    change(store, site, "manifest DELETE WHERE number IN (2, 3)")
    assert told(store, site) == [
        ("entry missing", 2, ""),
        ("rows without an entry", 0, SECOND),
        ("rows without an entry", 0, THIRD),
    ]
    assert "there is no entry 2 to 3" in str(found(store, site)[0])


def test_the_last_entry_is_told_by_the_digest_of_the_chain_alone(store: Store, site: Site) -> None:
    before = head(read_entries(store, site.key))
    change(store, site, "manifest UPDATE preset = 'accurate' WHERE number = 4")
    assert found(store, site) == []
    assert head(read_entries(store, site.key)) != before
    change(store, site, "manifest DELETE WHERE number = 4")
    assert told(store, site) == [("rows without an entry", 0, LAST)]


@pytest.mark.parametrize(
    ("forge", "what"),
    [
        (lambda entries: [structs.replace(entries[0], previous="ab"), *entries[1:2]], [1, 1]),
        (lambda entries: [*entries[:2], entries[1]], [2]),
        (lambda entries: [entries[0], structs.replace(entries[1], site="other")], [2]),
        (lambda entries: [entries[0], structs.replace(entries[1], previous="ab"), entries[2]], [1, 2]),
        (lambda entries: entries[1:], [1]),
    ],
    ids=["first", "twice", "of another site", "its previous", "without the first"],
)
def test_a_chain_whose_links_are_wrong_is_found(forge: Callable[[list[Entry]], list[Entry]], what: list[int]) -> None:
    assert [one.number for one in chain_faults(chain())] == []
    assert [one.number for one in chain_faults(forge(chain()))] == what


def test_an_entry_of_which_nobody_knows_what_it_digests_is_found(store: Store) -> None:
    entries = chain()
    strange = [
        structs.replace(entries[0], version="99", columns={}),
        structs.replace(entries[1], columns={"cells": ["visitors", "(SELECT 1)"]}),
        structs.replace(entries[2], columns={"moods": ["visitors"]}),
    ]
    assert [(one.what, one.number) for one in row_faults(store, "a", strange)] == [
        ("entry changed", 1),
        ("entry changed", 2),
        ("entry changed", 3),
    ]
