"""`footfall release` of blocks (rule N2): they are in the log, also those that wait, and verified as days are."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest
from msgspec import structs

from footfall.cli import release_text
from footfall.control import releases
from pipeline.closing import in_no_block
from pipeline.manifest import read_entries
from pipeline.open_days import received_by_spool
from pipeline.verify import chain_faults
from schema.store import Store
from tests.pipeline.weeks import GRACE_S, Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]


@pytest.fixture(scope="module")
def house(store: Store) -> Weeks:
    """Eight closed days and one open one: a closed week, two blocks that wait."""
    house = Weeks(store)
    for day in range(9):
        house.crowd(day)
        for number, people in enumerate((3, 2)):
            for visitor in range(people):
                house.visit(day, 1000 * day + 100 * number + visitor, f"/{number}", at=visitor)
    assert [span for *_, span in house.close(after=6)] == [7]
    assert house.close(after=7) == []
    return house


def log(house: Weeks, first: int = 0, last: int = 30) -> Any:
    asked = house.day(first), house.day(last), house.noon(8), GRACE_S
    return json.loads(msgspec.json.encode(releases.log_of(house.store, house.site, house.rules, *asked)))


def block(house: Weeks, day: int, span: int, now: int) -> Any:
    return releases.block_of(house.store, house.site, house.rules, house.day(day), span, now, GRACE_S)


def test_the_log_has_blocks_among_the_days_and_those_that_wait(house: Weeks) -> None:
    told = log(house)
    assert [one["span"] for one in told["entries"]] == [1] * 7 + [7, 1]
    assert [(one["day"], one["span"], one["what"]) for one in told["blocks"]] == [
        ("2046-01-01", 28, "end"),
        ("2046-01-08", 7, "end"),
    ]
    assert told["blocks"][0].keys() == {"day", "span", "what", "until", "spools"}
    text = release_text.log(told)
    assert "2046-W01 to 2046-W04  waiting, ends 2046-01-29 00:00 UTC" in text
    assert "2046-W02  waiting, ends 2046-01-15 00:00 UTC" in text
    of_week = next(line.split() for line in text.splitlines() if line.startswith("8 "))
    assert (of_week[1], of_week[7:10]) == ("2046-W01", ["5", "5", "10/3"])
    # A block is of each of its days.
    assert [one["span"] for one in log(house, 3, 3)["entries"]] == [1, 7]


def test_a_block_tells_what_it_released_and_another_what_it_waits_for(house: Weeks) -> None:
    told = block(house, 3, 7, house.noon(8))
    assert told["state"] == "released"
    pages = next(one for one in told["published"] if (one["family"], one["dimension"]) == ("cells", "page"))
    assert (pages["values"], pages["other"]) == (2, True)
    assert "rules: preset balanced, k = 5, networks = 5, k_late = 10, late_others = 3" in release_text.day(told)
    waits = block(house, 8, 7, house.noon(8))
    assert (waits["state"], waits["day"]) == ("waiting", "2046-01-08")
    assert waits.keys() == {"site", "day", "span", "timezone", "state", "waits_for"}
    assert block(house, 60, 7, house.noon(8))["state"] == "none"
    day = releases.day_of(house.store, house.site, house.rules, house.day(0), house.noon(8), GRACE_S)
    text = release_text.week("2046-W01", [day, told, waits])
    assert "2046-W01  released, " in text
    assert "2046-W02  waiting, ends" in text


def test_a_block_waits_for_its_end_late_events_spools_and_open_days(house: Weeks) -> None:
    end = house.noon(13) + 43_200
    [mark] = set(received_by_spool(house.store).values())
    assert mark < end

    def what(now: int) -> str:
        return str(block(house, 8, 7, now)["waits_for"]["what"])

    assert (what(end - 1), what(end), what(end + GRACE_S)) == ("end", "grace", "spools")
    house.store.insert("watermarks", ("spool", "received_through"), (["1"], [end]))
    assert what(end + GRACE_S) == "days"


@pytest.mark.parametrize(
    ("day", "span", "named"),
    [
        ("2046-01-02", 1, "2046-01-02"),
        ("2046-01-01", 7, "2046-W01"),
        ("2045-12-18", 28, "2045-W51 to 2046-W02"),
        ("2046-01-03", 7, "2046-01-03 to 2046-01-09"),
    ],
)
def test_a_block_is_told_by_its_weeks_or_its_days(day: str, span: int, named: str) -> None:
    chain = {"site": "a", "entries": 1, "days": 0, "blocks": 1, "goals": 0, "rows": 3, "last": 1, "head": "ab"}
    fault = {"site": "a", "what": "rows changed", "number": 1, "day": day, "how": "so", "span": span}
    assert f"  {named}, entry 1: rows changed: so" in release_text.verified([chain], [fault]).splitlines()


def test_the_days_of_an_import_that_fill_no_week_of_it_are_told(house: Weeks) -> None:
    """From its first day on there is one week and a day more."""
    run = "import:0123456789abcdef"
    day = read_entries(house.store, house.site.key)[0]
    of_days = [structs.replace(day, number=n + 1, day=house.day(n), origin=run) for n in range(8)]
    week = structs.replace(day, number=9, day=house.first, origin=run, span=7)
    assert in_no_block([*of_days, week]) == {8}
    assert in_no_block([structs.replace(one, k_late=0) for one in of_days]) == set()
    assert not any(one["in_no_block"] for one in log(house)["entries"])
    assert release_text._remarks({**structs.asdict(day), "in_no_block": True}) == ["in no whole week of its import"]


def test_rows_of_a_block_are_verified_as_those_of_a_day(house: Weeks) -> None:
    chain = releases.chain_of(house.store, house.site.key)
    assert (chain["days"], chain["blocks"], chain["faults"]) == (8, 1, [])
    [month] = [chain["months"]]
    assert month == ["2046-01-01"]

    def found() -> list[tuple[str, int, int]]:
        faults = releases.faults_of_month(house.store, house.site.key, house.first)
        return [(one["what"], one["number"], one["span"]) for one in faults]

    assert found() == []
    flip = f"ALTER TABLE late_cells UPDATE visits = bitXor(visits, 1) WHERE site = '{house.site.key}' AND value = '/0'"
    for expected in ([("rows changed", 8, 7)], []):
        house.store.command(flip, mutations_sync=2)
        assert found() == expected
    entries = read_entries(house.store, house.site.key)
    forged = [structs.replace(one, days=["0" * 64]) if one.span == 7 else one for one in entries]
    assert [one.number for one in chain_faults(forged)] == [8, 8]
    house.store.command(f"ALTER TABLE manifest DELETE WHERE site = '{house.site.key}' AND span = 7", mutations_sync=2)
    told = releases.chain_of(house.store, house.site.key)["faults"]
    assert [(one["what"], one["day"], one["span"]) for one in told] == [
        ("entry missing", "", 1),
        ("rows without an entry", "2046-01-01", 7),
    ]
