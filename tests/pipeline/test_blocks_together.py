"""Blocks that close together (decision 0088) are released as each would be alone, by the statements that one takes."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import pytest
from msgspec import structs

from pipeline import blocks, imports
from pipeline.block_rows import publish_blocks
from pipeline.blocks import close_blocks
from pipeline.close_days import close_days
from pipeline.imports import Import
from pipeline.rollup.block import Blocks
from pipeline.settings import SiteRules
from schema.families import WAITING
from schema.store import Store, StoreDown
from tests.conftest import insert

from .weeks import GRACE_S, Weeks

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

RULES = SiteRules(5, 60, "balanced", networks=5, k_late=10, late_others=3)
ALL = structs.replace(RULES, late_others=0)
STRICTER = structs.replace(RULES, k=6, k_late=20, late_others=4)
_LATE = [f"late_{family}" for family in WAITING]


def busy(house: Weeks, seed: int, days: Sequence[int]) -> None:
    """On each day pages with many visitors of few networks, of whom half of those buy for whom they are fast, and half
    of the others; and two countries by two channels, two cells of which are of few."""
    house.site = structs.replace(house.site, properties=("plan",), pairs=("country x channel",))
    dice = random.Random(seed)
    for day in days:
        for n in range(56):
            path, plan = f"/docs/{n % 2}", {"plan": f"{n % 2 + dice.randrange(2)}"}
            who: dict[str, Any] = {"network_number": 50 + n // 8 % 4, "props": plan, "device": "mobile"}
            house.visit(day, n, path, at=n, **who)
            name, lcp = ("purchase", "look")[n % 8 // 4], (901.0, 5000.0)[n % 4 // 2]
            house.visit(day, n, path, at=n + 9, name=name, currency="EUR", amount=n, **who)
            house.visit(day, n, path, at=n + 20, name="engagement", engaged_ms=9000, lcp=lcp, **who)
        cells = {("", ""): 9, ("DE", "Search"): 13, ("FR", "Mail"): 13, ("DE", "Mail"): 4, ("FR", "Search"): 4}
        for n, (country, channel) in enumerate(one for one, many in cells.items() for _ in range(many)):
            house.visit(day, 100 + n, at=n, country=country, channel=channel, lcp=900.0)


def told(store: Store, houses: Sequence[Weeks]) -> list[dict[str, bytes]]:
    """What is released with blocks of each, by family, and what is said of them."""
    said = "(SELECT site, day, span, rows, complete, k, k_late, goals FROM manifest WHERE span > 1)"
    return [
        {
            table: store.text(
                f"SELECT * EXCEPT site FROM {table} WHERE site = {{site:String}} ORDER BY ALL FORMAT TSV",
                {"site": house.site.key},
            )
            for table in (*_LATE, said)
        }
        for house in houses
    ]


def over(store: Store, houses: Sequence[Weeks], after: int) -> tuple[list[tuple[Any, SiteRules]], int]:
    """Their days are closed, up to that one; what their blocks close by."""
    now = int(houses[0].noon(after)) + 43_200 + GRACE_S + 1
    sites = [(house.site, house.rules) for house in houses if house.store]
    houses[0].arrived(now)
    close_days(store, sites, now, GRACE_S, frozenset())
    return sites, now


def test_blocks_that_close_together_are_released_as_each_would_be_alone(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    rules = (RULES, STRICTER, ALL)
    together, alone = ([Weeks(store, one) for one in rules] for _ in range(2))
    for houses in (together, alone):
        for seed, house in enumerate(houses):
            # The last one has a week less.
            busy(house, seed, (0, 1, 2, 7, 14, 21)[: 6 - (seed == 2)])
    sites, now = over(store, [*together, *alone], 27)
    seen: list[int] = []
    publish = publish_blocks

    def counted(store: Store, of: Blocks) -> Any:
        seen.append(len(of.each))
        return publish(store, of)

    monkeypatch.setattr(blocks, "publish_blocks", counted)
    assert len(close_blocks(store, sites[:3], now, GRACE_S)) == 4 + 4 + 3 + 3
    assert seen == [11, 3], "weeks, and then four of them"
    seen.clear()
    monkeypatch.setattr(blocks, "_ROWS_AT_MOST", 0)
    assert len(close_blocks(store, sites[3:], now, GRACE_S)) == 14
    assert seen == [1] * 14
    found = told(store, together)
    assert found == told(store, alone)
    # Else the same bytes would say little.
    assert {table for table in _LATE if any(one[table] for one in found)} == {*_LATE}
    assert all(b"four_weeks" in one["late_cells"] and b"\nweek" in one["late_cells"] for one in found)
    assert not any(house.waiting() for house in together)


def few(house: Weeks, days: Sequence[int], path: str = "/") -> None:
    for day in days:
        house.crowd(day)
        for visitor in range(12):
            house.visit(day, visitor, f"{path}{visitor % 3}")


def small(store: Store, *days: int) -> Weeks:
    house = Weeks(store, RULES)
    few(house, days)
    return house


def test_many_take_as_many_statements_as_one(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    one, many = [small(store, 0, 2, 4)], [small(store, 0, 2, 4, 7, 9, 12) for _ in range(6)]
    sent: list[str] = []

    def counting(name: str) -> None:
        real = getattr(Store, name)

        def counted(self: Store, what: str, *more: Any, **given: Any) -> Any:
            sent.append(what)
            return real(self, what, *more, **given)

        monkeypatch.setattr(Store, name, counted)

    taken = []
    closing = [over(store, one, 6), over(store, many, 13)]
    for name in ("rows", "command", "insert", "text"):
        counting(name)
    for sites, now in closing:
        sent.clear()
        taken.append((len(close_blocks(store, sites, now, GRACE_S)), len(sent)))
    assert taken == [(1, taken[0][1]), (12, taken[0][1])]
    assert taken[0][1] < 45
    assert all(house.late() for house in (*one, *many))


def test_one_that_fails_harms_none_of_the_others(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    houses = [small(store, 0, 2, 4) for _ in range(3)]
    sites, now = over(store, houses, 6)
    publish = publish_blocks
    bad = houses[1].site.key

    def failing(store: Store, of: Blocks) -> Any:
        """After it has written rows."""
        done = publish(store, of)
        if any(block.site.key == bad for block in of.each):
            raise StoreDown("no room")
        return done

    monkeypatch.setattr(blocks, "publish_blocks", failing)
    with pytest.raises(StoreDown, match="no room"):
        close_blocks(store, sites, now, GRACE_S)
    monkeypatch.setattr(blocks, "publish_blocks", publish)
    assert [bool(house.late()) for house in houses] == [True, False, True]
    assert houses[1].waiting()
    assert close_blocks(store, sites, now, GRACE_S) == [(bad, houses[1].first, 7)]
    assert houses[0].late() == houses[1].late() == houses[2].late()


def test_blocks_of_an_import_close_beside_others_of_the_same_first_day(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when an import is cut off before it has closed its blocks."""
    house = small(store, 1, 2, 4)
    past = Weeks(store, RULES)
    past.site = house.site
    few(past, (0, 3, 6), "/past/")
    run = Import(store)
    run.begin()
    insert(store, past.arriving, run.table)
    house.arrived(house.noon(20))
    with monkeypatch.context() as patched:
        patched.setattr(imports, "close_blocks", lambda *_: [])
        assert not run.finish([(house.site, RULES)], house.noon(20), "import").skipped
    sites, now = over(store, [house], 6)
    block = (house.site.key, house.first, 7)
    assert close_blocks(store, sites, now, GRACE_S) == [block, block]
    assert house.late() == {"/0": 12, "/1": 12, "/2": 12}
    assert house.late(grain=f"week:{run.run}") == {"/past/0": 12, "/past/1": 12, "/past/2": 12}
