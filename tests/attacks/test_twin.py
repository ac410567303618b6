"""Who can send from somebody's network with his browser's name is taken for him: he joins his visit, or has it erased.
Does what is shown tell him what the other one did today? (rule N7)

He commands fewer than k networks; with k of them he makes the next step himself (docs/promises.md).
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any

import pytest

from schema.store import Store
from tests.together import Test, Work, together

from .house import House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]

K = 5
QUARTER = 900
VICTIM = {"visitor": 7, "network_number": 7}
HIS_DAY = {"path": "/clinic", "source": "Facebook", "country": "IS"}
LOOKED = ("totals", "series", "tables", "goals", "vitals", "version")


def a_day(store: Store, k: int) -> Generator[Work, None, House]:
    """Of which much is shown: three quarters of an hour, each with many people, who see what he sees, too; he is one of
    the first."""
    house = House(store, k)
    for quarter in range(3):
        crowd = [
            (quarter * QUARTER + n, {"visitor": 1000 * quarter + 100 + n, "network_number": 100 + n} | values)
            for n in range(30)
            for values in (HIS_DAY if n % 2 else {"path": "/"},)
        ]
        his = [(60, VICTIM | HIS_DAY), (200, VICTIM | HIS_DAY | {"name": "signup"})] * (quarter == 0)
        house.visits(crowd + his)
        yield house.waiting((quarter + 1) * QUARTER + 60)
    return house


def look(house: House) -> dict[str, Any]:
    shown = house.overview()
    return {name: shown[name] for name in LOOKED}


def erase(house: House, visitors: Sequence[int]) -> None:
    """As an objection does once it is carried out."""
    sql = "ALTER TABLE events DELETE WHERE site = {s:String} AND visitor IN {v:Array(UInt64)}"
    house.store.command(sql, {"s": house.site.key, "v": list(visitors)}, mutations_sync=2)


def lost(before: dict[str, Any], after: dict[str, Any]) -> set[str]:
    """What of his day shows in what has changed: the values that one visitor fewer has, or one page view more."""
    found = set()
    for dimension in ("page", "source", "country", "exit_page"):
        had = {cell["value"]: (cell["visitors"], cell["visits"]) for cell in before["tables"][dimension]}
        now = {cell["value"]: (cell["visitors"], cell["visits"]) for cell in after["tables"][dimension]}
        found |= {value for value, number in had.items() if now.get(value, (0, 0)) < number}
    return found


def join(house: House) -> None:
    house.visit(at=3 * QUARTER + 5, path="/elsewhere", **VICTIM)


def have_him_erased(house: House) -> None:
    erase(house, [VICTIM["visitor"]])


@pytest.mark.parametrize("attack", [join, have_him_erased])
@together
def test_one_request_in_his_place_moves_nothing(
    store: Store, report: Callable[[str, str], None], attack: Callable[[House], None]
) -> Test:
    house = yield from a_day(store, K)
    before = look(house)
    assert before["totals"]["visitors"] > 30
    attack(house)
    for quarter in (4, 5):
        # He has one browser less than it takes.
        house.visits([(quarter * QUARTER - 9, {"visitor": n, "network_number": n}) for n in range(9001, 9000 + K)])
        yield house.waiting(quarter * QUARTER + 60)
        assert look(house) == before
    report(f"a twin ({attack.__name__})", f"k = {K}: nothing that is shown moves")


@together
def test_where_each_is_shown_at_once_an_erasure_tells_his_day(store: Store, report: Callable[[str, str], None]) -> Test:
    house = yield from a_day(store, 1)
    before = look(house)
    have_him_erased(house)
    yield house.waiting(4 * QUARTER + 60)
    found = lost(before, look(house))
    assert set(HIS_DAY.values()) <= found
    report("a twin (have_him_erased)", f"k = 1: {', '.join(sorted(found))} lose one visitor: his day")


@together
def test_who_has_seventy_five_erased_sees_none_of_them_vanish(store: Store, report: Callable[[str, str], None]) -> Test:
    """He knows them all but one, whom he has erased first; so he looks after that one, after some, and after all."""
    house = yield from a_day(store, K)
    before = look(house)
    others = [1000 * quarter + 100 + n for quarter in range(3) for n in range(30)][:74]
    for quarter, some in enumerate(([VICTIM["visitor"]], others[:10], others[10:]), start=4):
        erase(house, some)
        yield house.waiting(quarter * QUARTER + 60)
        assert look(house) == before
    # What is left is too few to tell from those whom he knows: the release shows no value of fewer than k.
    house.release()
    assert all(row["visitors"] >= K for row in house.rows("page").values())
    report("an eraser of 75", f"k = {K}: nothing that is shown moves until the release, which has no row below k")
