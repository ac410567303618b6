"""What days hide is released with its week or its four weeks (rule N2)."""

from __future__ import annotations

import datetime as dt
import random
from collections import defaultdict
from collections.abc import Generator

import pytest
from msgspec import structs

from pipeline.blocks import release_blocks
from pipeline.copying import ManifestBroken, months_of, rows_of, snapshot
from pipeline.imports import Import
from pipeline.manifest import manifest_digest
from pipeline.settings import SiteRules
from pipeline.undo import runs, undo
from pipeline.verify import check_chain, check_rows
from pipeline.waiting_days import WaitingDays, expire_waiting
from schema.manifest import LIVE
from schema.store import Store
from tests.conftest import COLUMNS, insert, make_event
from tests.together import Test, Work, together

from .weeks import Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]


def fill(house: Weeks, days: range, hidden: dict[str, int], **given: object) -> None:
    """Every day twenty people, and of each hidden page so many others."""
    for day in days:
        house.crowd(day)
        for number, (path, people) in enumerate(hidden.items()):
            for visitor in range(people):
                house.visit(day, 1000 * day + 100 * number + visitor, path, at=visitor, **given)


@together
def test_pages_that_every_day_hides_are_released_with_their_week(store: Store) -> Test:
    house = Weeks(store)
    fill(house, range(7), {"/three": 3, "/two": 2})
    assert (yield house.closing(after=5)) == []
    assert house.late() == {}
    assert (yield house.closing(after=6)) == [(house.site.key, house.first, 7)]
    assert house.late(columns="visitors, visits, pageviews, days") == {
        "/three": [21, 21, 21, 7],
        "/two": [14, 14, 14, 7],
    }
    assert (yield house.closing(after=8)) == []


@together
def test_what_a_week_hides_is_released_with_four(store: Store) -> Test:
    house = Weeks(store)
    for week in range(4):
        fill(house, range(7 * week, 7 * week + 1), {"/three": 3, "/four": 4})
        assert (yield house.closing(after=7 * week + 6))[0] == (house.site.key, house.day(7 * week), 7)
    assert house.late(grain="week") == {}
    assert house.late(grain="four_weeks", columns="visitors, days") == {"/three": [12, 4], "/four": [16, 4]}
    # Nothing waits any more.
    assert not house.waiting()


@together
def test_what_four_weeks_hide_is_deleted(store: Store) -> Test:
    house = Weeks(store)
    fill(house, range(1), {"/three": 3, "/four": 4})
    assert (yield house.closing(after=27))
    assert house.late(grain="week") == house.late(grain="four_weeks") == {}
    assert not house.waiting()


@together
def test_one_person_alone_is_never_released_however_often_he_comes(store: Store) -> Test:
    house = Weeks(store)
    yield from regular(house)
    assert house.late().keys() == {"/b", "/c"}
    # The same with the rule off.
    loose = Weeks(store, structs.replace(house.rules, late_others=0))
    yield from regular(loose)
    assert loose.late().keys() == {"/his", "/a", "/b", "/c"}


def regular(house: Weeks) -> Generator[Work, None, None]:
    """Somebody with five browsers in one network comes on three days, others on as many."""
    for day in range(3):
        fill(house, range(day, day + 1), {"/a": 4, "/b": 4, "/c": 4})
        for visitor in range(7, 12):
            house.visit(day, visitor, "/his", network_number=99)
    yield house.closing(after=6)


@together
def test_the_smallest_stays_hidden_with_one_that_is_too_rare(store: Store) -> Test:
    house = Weeks(store)
    fill(house, range(7), {"/four": 4, "/three": 3, "/two": 2})
    fill(house, range(6, 7), {"/rare": 4})
    yield house.closing(after=6)
    # Alone on all days but one it would follow from each of them: the next one stays with it, too.
    assert house.late() == {"/four": 28}


@together
def test_a_day_of_too_few_visitors_is_in_its_week(store: Store) -> Test:
    house = Weeks(store)
    for day in range(7):
        for visitor in range(3):
            house.visit(day, 10 * day + visitor)
    yield house.closing(after=6)
    assert house.late(dimension="") == {"": 21}
    assert house.late() == {"/": 21}


@pytest.mark.parametrize("rules", [SiteRules(10, 2, "strict", strict=True, networks=10), SiteRules(1, 30, "balanced")])
@together
def test_where_there_are_no_late_rows_nothing_waits(store: Store, rules: SiteRules) -> Test:
    house = Weeks(store, rules)
    fill(house, range(7), {"/three": 3})
    assert (yield house.closing(after=6)) == []
    assert not house.waiting()


@together
def test_what_is_lost_is_never_released(store: Store) -> Test:
    """As after a restore: nothing that waits is in a backup."""
    house = Weeks(store)
    fill(house, range(7), {"/three": 3, "/two": 2})
    yield house.closing(after=5)
    mine = "site = {site:String} AND day = {day:Date}"
    given = {"site": house.site.key, "day": house.day(2)}
    store.command(f"ALTER TABLE waiting_cells DELETE WHERE {mine}", given, mutations_sync=2)
    assert (yield house.closing(after=6)) == [(house.site.key, house.first, 7)]
    assert house.late() == {}
    [[rows, complete]] = store.rows(
        "SELECT rows, complete FROM manifest WHERE site = {site:String} AND span = 7", {"site": house.site.key}
    )
    assert (rows, complete) == (0, False)


@together
def test_what_waits_dies_with_the_raw_rows(store: Store) -> Test:
    house = Weeks(store, structs.replace(Weeks(store).rules, retention_days=9))
    fill(house, range(1), {"/three": 3, "/two": 2})
    yield house.closing(after=5)
    mine = [(house.site, house.rules)]
    expire_waiting(store, mine, house.day(8))
    assert house.waiting()
    expire_waiting(store, mine, house.day(9))
    assert not house.waiting()


@together
def test_what_waits_dies_with_raw_rows_whose_lifetime_was_shortened(store: Store) -> Test:
    house = Weeks(store)
    fill(house, range(1), {"/three": 3, "/two": 2})
    yield house.closing(after=5)
    expire_waiting(store, [(house.site, house.rules)], house.day(9))
    assert house.waiting()
    expire_waiting(store, [(house.site, structs.replace(house.rules, retention_days=9))], house.day(9))
    assert not house.waiting()


@together
def test_the_strictest_rules_of_its_days_hold(store: Store) -> Test:
    house = Weeks(store)
    fill(house, range(7), {"/three": 3, "/two": 2})
    yield house.closing(after=2)
    loose = house.rules
    house.rules = structs.replace(loose, k_late=15)
    yield house.closing(after=3)
    house.rules = loose
    yield house.closing(after=6)
    assert house.late() == {}, "/two is too rare and /three stays with it"


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.long) for seed in range(1, 20))])
@together
def test_blocks_are_what_is_counted_by_hand(store: Store, seed: int) -> Test:
    """Pages and countries of four weeks, by a second way of counting: distinct visitors of each day added up, the rules
    in plain loops."""
    rng, house = random.Random(seed), Weeks(store)
    came: dict[int, dict[str, dict[str, dict[int, int]]]] = {}
    events = []
    for day in range(28):
        seen: dict[str, dict[str, dict[int, int]]] = {"page": defaultdict(dict), "country": defaultdict(dict)}
        for visitor in range(rng.choice([0, 0, 0, 3, 20, 40])):
            network, country = rng.choice([visitor, 0, 1]) + 1, rng.choice(["DE", "DE", "FR", "IS", "MT", "CH"])
            for at in range(rng.randint(1, 3)):
                path = f"/{min(rng.randint(0, 9), rng.randint(0, 9))}"
                seen["page"][path][visitor] = network
                given = {"visitor": visitor + 1, "network_number": network, "country": country, "path": path}
                events.append(make_event(house.site.key, house.noon(day) + at, house.day(day), **given))
            seen["country"][country][visitor] = network
        came[day] = seen
    insert(store, events)
    yield house.closing(after=27)
    for dimension in ("page", "country"):
        for grain, expected in by_hand(house, came, dimension).items():
            assert house.late(dimension, grain) == expected, (dimension, grain)


def by_hand(house: Weeks, came: dict, dimension: str) -> dict[str, dict[str, int]]:
    shown = set(
        house.store.rows(
            "SELECT day, value FROM released_cells WHERE site = {s:String} AND dimension = {d:String}",
            {"s": house.site.key, "d": dimension},
        )
    )
    hidden = {
        (day, value): visitors
        for day, seen in came.items()
        for value, visitors in seen[dimension].items()
        if (house.day(day), value) not in shown
    }
    found: dict[str, dict[str, int]] = {"week": {}, "four_weeks": {}}
    for first in (0, 7, 14, 21):
        for value, people in fold(hidden, range(first, first + 7)).items():
            found["week"][value] = people
            hidden = {
                key: who for key, who in hidden.items() if key[1] != value or key[0] not in range(first, first + 7)
            }
    found["four_weeks"] = fold(hidden, range(28))
    return found


def fold(hidden: dict, days: range) -> dict[str, int]:
    """Held back are the smallest value, where any is too rare, and whatever else would leave one value, or fewer than
    five people, on any day."""
    waits: dict[str, dict[int, list[int]]] = defaultdict(dict)
    for (day, value), visitors in hidden.items():
        if day in days:
            waits[value][day] = list(visitors.values())
    people = {value: sum(map(len, by_day.values())) for value, by_day in waits.items()}
    others = {
        value: sum(len(networks) - max(map(networks.count, networks)) for networks in by_day.values())
        for value, by_day in waits.items()
    }
    enough = {value for value in waits if people[value] >= 10 and others[value] >= 3 and len(waits[value]) >= 2}

    def hold_back(among: set[str]) -> None:
        enough.discard(min(among, key=lambda value: (people[value], value)))

    if waits.keys() - enough and enough:
        hold_back(enough)
    while True:
        bad = set()
        for day in days:
            left = [len(waits[value][day]) for value in waits.keys() - enough if day in waits[value]]
            if left and (len(left) < 2 or sum(left) < 5):
                bad |= {value for value in enough if day in waits[value]}
        if not bad:
            return {value: people[value] for value in sorted(enough)}
        hold_back(bad)


@together
def test_blocks_are_copied_and_checked_with_their_days(store: Store) -> Test:
    house = Weeks(store)
    fill(house, range(7), {"/three": 3, "/two": 2})
    yield house.closing(after=6)
    with snapshot(store) as taken:
        entries, readable = taken.entries[house.site.key], taken.readable[house.site.key]
    check_chain(entries)
    assert [entry.span for entry in readable] == [1] * 7 + [7]
    assert entries[-1].days == [manifest_digest(structs.asdict(entry)) for entry in entries[:7]]
    (month,) = months_of(readable)
    parts = list(rows_of(store, house.site.key, month, readable))
    assert {(part.family, part.late) for part in parts} == {("cells", False), ("cells", True), ("pairs", False)}
    check_rows(store, house.site.key, readable)
    store.command(
        "ALTER TABLE late_cells UPDATE visitors = visitors + 1 WHERE site = {site:String} AND value = '/three'",
        {"site": house.site.key},
        mutations_sync=2,
    )
    with pytest.raises(ManifestBroken, match="not those that were released"):
        check_rows(store, house.site.key, readable)


def test_an_import_has_blocks_of_its_own_from_its_first_day(store: Store) -> None:
    """Its calendar is not that of the days that were collected, nor are its weeks theirs."""
    house = Weeks(store)
    fill(house, range(9), {"/three": 3, "/two": 2})
    run = imported(house, range(1, 9))
    assert house.stats(1, 7, "page")["rows"] != house.stats(1, 6, "page")["rows"]
    assert {row["value"]: row["visitors"] for row in house.stats(1, 7, "page")["rows"]} == {
        "/": 140,
        "/three": 21,
        "/two": 14,
    }
    assert not house.waiting(), "also of the day that fills no week"
    with snapshot(store) as taken:
        entries, readable = taken.entries[house.site.key], taken.readable[house.site.key]
    check_chain(entries)
    assert [entry.span for entry in readable] == [1] * 8 + [7]
    (month,) = months_of(readable)
    assert any(part.late for part in rows_of(store, house.site.key, month, readable))
    check_rows(store, house.site.key, readable)
    assert [len(one.days) for one in runs(store) if one.run == run] == [8], "its blocks are no days of it"
    # What was collected has its own.
    assert house.close(after=6) == [(house.site.key, house.first, 7)]
    undo(store, run, house.noon(20))
    assert house.late(grain=f"week:{run}") == {}
    with snapshot(store) as taken:
        assert [entry.span for entry in taken.readable[house.site.key]] == [1, 7]
    check_rows(store, house.site.key, taken.readable[house.site.key])


@together
def test_a_block_that_was_closed_meanwhile_is_not_released_again(store: Store) -> Test:
    """As when the pipeline looks what is due while an import closes its blocks."""
    house = Weeks(store)
    fill(house, range(7), {"/three": 3, "/two": 2})
    yield house.closing(after=5)
    found = WaitingDays(house.site, house.rules, LIVE, dict(waiting_days(house)), house.first, house.day(6))
    (due,) = (one for one in found.blocks() if one.span == 7)
    assert (yield house.closing(after=6)) == [(house.site.key, house.first, 7)]
    late = house.late()
    release_blocks(store, [(due, found)], house.noon(7))
    assert house.late() == late == {"/three": 21, "/two": 14}
    assert store.rows(
        "SELECT rows > 0, complete FROM manifest WHERE site = {s:String} AND span = 7", {"s": house.site.key}
    ) == [(True, True)]


def waiting_days(house: Weeks) -> list[tuple[dt.date, int]]:
    return house.store.rows("SELECT day, rows FROM waiting_days WHERE site = {s:String}", {"s": house.site.key})


def imported(house: Weeks, days: range) -> str:
    """Some of its days as an import; the name of its run."""
    run = Import(house.store)
    run.begin()
    mine = "site = {s:String} AND day BETWEEN {first:Date} AND {last:Date}"
    given = {"s": house.site.key, "first": house.day(days.start), "last": house.day(days.stop - 1)}
    house.store.command(
        f"INSERT INTO {run.table} ({', '.join(COLUMNS)}) SELECT {', '.join(COLUMNS)} FROM events WHERE {mine}", given
    )
    house.store.command(f"ALTER TABLE events DELETE WHERE {mine}", given, mutations_sync=2)
    house.arrived(house.noon(20))
    report = run.finish([(house.site, house.rules)], house.noon(20), "import")
    assert not report.skipped
    return run.run


def test_a_property_tells_of_no_page_that_its_block_hides(store: Store) -> None:
    """`/two` and `/three` go along with a page of one day; as a property of what was not found they would be told all
    the same."""
    house = Weeks(store)
    house.site = structs.replace(house.site, properties=())
    pages, plans = {"/four": 4, "/three": 3, "/two": 2}, ("/pro", "/plus", "/free")
    fill(house, range(7), pages)
    fill(house, range(6, 7), {"/rare": 4})
    for day in range(7):
        for number, (path, people) in enumerate(pages.items()):
            for visitor in range(people):
                for event, value in (("404", path), ("order", plans[number])):
                    given = {"name": event, "props": {"path": value}}
                    house.visit(day, 1000 * day + 100 * number + visitor, path, at=60, **given)
        for visitor in range(20):
            house.visit(day, 50_000 + visitor, "/", at=60, network_number=60_000 + visitor, name="order",
                        props={"path": "/most"})  # fmt: skip
    house.close(after=1)
    house.site = structs.replace(house.site, properties=("path",))
    house.close(after=6)
    assert house.late() == {"/four": 28}
    late = house.store.rows(
        "SELECT event, property_value, visitors, events, days FROM late_properties WHERE site = {site:String}",
        {"site": house.site.key},
    )
    # What is no page is told, if it has enough, for the days that counted it.
    assert sorted(late) == [("order", "/free", 10, 10, 5), ("order", "/plus", 15, 15, 5), ("order", "/pro", 20, 20, 5)]
    [pro] = (row for row in house.stats(0, 6, "properties")["rows"] if "/pro" in row.values())
    assert (pro["visitors"], pro["certainty"]) == (20, "at least")
