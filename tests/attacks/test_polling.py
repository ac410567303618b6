"""Who looks again and again and writes down what has changed: does he get the row about one person?"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator
from typing import Any

import pytest

from pipeline.rollup.open_days.newcomers import QUARTER_S
from schema.store import Store
from tests.together import Test, Work, together

from .house import House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

K = 5
# In so many days the four weeks that the first is of are over.
LONG = 40
DIMENSIONS = ("entry_page", "source", "country", "language", "screen", "browser", "os")
_VALUES = {
    "path": ("/", "/pricing", "/clinic/hiv", "/clinic/debts"),
    "source": ("Google", "Facebook", ""),
    "country": ("DE", "GB", "US"),
    "language": ("de", "en", "fr"),
    "screen": ("S", "M", "XL"),
    "browser": ("Chrome", "Firefox", "Safari"),
    "os": ("Windows", "Linux", "macOS"),
}
Person = dict[str, str]


def somebody(chance: random.Random) -> Person:
    return {name: chance.choice(values) for name, values in _VALUES.items()}


def differences(before: dict[str, Any], after: dict[str, Any]) -> tuple[str, ...] | None:
    """Of each dimension the value that one visitor more has; None where other than one came."""
    if after["totals"]["visitors"] - before["totals"]["visitors"] != 1:
        return None
    row = []
    for dimension in DIMENSIONS:
        had = {cell["value"]: cell["visitors"] for cell in before["tables"][dimension]}
        more = [c["value"] for c in after["tables"][dimension] if c["visitors"] - had.get(c["value"], 0) == 1]
        row.append(more[0] if len(more) == 1 else "?")
    return tuple(row)


def rebuilt(store: Store, k: int) -> Generator[Work, None, tuple[int, list[int]]]:
    """How many of six people, who come one each quarter of an hour, are known by all their attributes, after the
    hours in which every value had many; and by how many visitors what is shown went up each time."""
    chance, house = random.Random(7), House(store, k)
    for quarter in range(2):
        house.visits([(quarter * QUARTER_S, {"visitor": 100 * quarter + n} | somebody(chance)) for n in range(90)])
        yield house.waiting((quarter + 1) * QUARTER_S + 60)
    before, people, known, steps = house.overview(), [], [], []
    for quarter in range(2, 8):
        person = somebody(chance)
        people.append(tuple(person.values()))
        house.visit(1000 + quarter, at=quarter * QUARTER_S + 5, **person)
        yield house.waiting((quarter + 1) * QUARTER_S + 60)
        after = house.overview()
        row = differences(before, after)
        known += [row] if row else []
        steps.append(after["totals"]["visitors"] - before["totals"]["visitors"])
        before = after
    return sum(row in people for row in known), [step for step in steps if step]


@together
def test_a_poller_rebuilds_nobody(store: Store, report: Callable[[str, str], None]) -> Test:
    found, steps = yield from rebuilt(store, 3)
    assert found == 0
    assert steps == [90, 3]
    report("a poller", f"k = 3: {found} of 6 rows about one person rebuilt")


@together
def test_the_same_poller_rebuilds_everybody_where_each_is_shown_at_once(
    store: Store, report: Callable[[str, str], None]
) -> Test:
    found, steps = yield from rebuilt(store, 1)
    assert found == 6
    assert steps == [1] * 6
    report("a poller", f"k = 1: {found} of 6")


@pytest.mark.parametrize("looked", ["series", "version", "folded_hours", "vitals", "goals"])
@together
def test_nothing_else_on_the_page_tells_that_one_came(store: Store, looked: str) -> Test:
    house = House(store, K)
    for quarter in range(2):
        house.visits([(quarter * QUARTER_S, {"visitor": 100 * quarter + n, "lcp": 900.0}) for n in range(9)])
        yield house.waiting((quarter + 1) * QUARTER_S + 60)
    splits = ("", "day", "hour", "goal", "vital", "event")
    before, answers = house.overview(), [house.stats(by) for by in splits]
    house.visit(300, at=2 * QUARTER_S + 5, name="purchase", currency="EUR", amount=100, lcp=900.0)
    yield house.waiting(3 * QUARTER_S + 60)
    assert house.overview()[looked] == before[looked]
    assert [house.stats(by) for by in splits] == answers
    assert answers[0]["totals"]["events"] == 9


def test_who_asked_not_to_be_recorded_is_not_told_by_the_second(store: Store) -> None:
    """Each of his page views is one in a bare total."""
    house = House(store, K)
    house.visit(1)
    seen = []
    for quarter in range(4):
        house.counted(times=100 + quarter)
        house.wait((quarter + 1) * QUARTER_S + 60)
        seen.append(house.overview(LONG)["count_only"])
    house.release()
    house.counted("accepted")
    house.wait(2 * 86_400)
    seen.append(house.overview(LONG)["count_only"])
    assert seen == [None] * 5
    # What he would see if the total was not of four weeks: it is published once these are over.
    house.wait(40 * 86_400)
    assert house.overview(LONG)["count_only"]["pageviews"] in (400, 410)
