"""Rule H4: in `strict` every count of an open day is a multiple of k, so nobody can see whether one person came."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

import pytest

from pipeline.release import release
from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT, Event
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

DAY = dt.date(2041, 3, 7)
START = day_bounds("UTC", day_number(DAY)).start
STRICT = SiteRules(10, 2, "strict", strict=True)
MEASURES = ("visitors", "visits", "pageviews", "events", "entries", "exits", "bounces")
TIMES = {"visit_seconds": 600, "engaged_ms": 600_000}
_NUMBER = itertools.count(1)


@pytest.fixture
def site() -> Site:
    return Site(f"strict-{next(_NUMBER)}", goals=(Goal("buy", event="buy"),))


def visits(site: Site, people: Sequence[int]) -> list[Event]:
    """Each comes to one of two pages, most of them buy, and all of them read on for a while."""
    found = []
    for number in people:
        common: dict[str, Any] = {"visitor": number, "path": f"/{number % 2}", "country": "DE"}
        found.append(make_event(site.key, START + number, DAY, **common))
        if number % 7:
            found.append(
                make_event(site.key, START + number + 9, DAY, name="buy", currency="EUR", amount=100, **common)
            )
        found.append(
            make_event(site.key, START + number + 77, DAY, name=ENGAGEMENT, engaged_ms=61_000, lcp=900.0, **common)
        )
    return found


def rows(store: Store, site: Site, table: str) -> list[dict[str, Any]]:
    columns = [
        name
        for (name,) in store.rows(
            "SELECT name FROM system.columns WHERE table = {t:String} AND database = currentDatabase() "
            "ORDER BY position",
            {"t": table},
        )
    ]
    found = store.rows(f"SELECT * FROM {table} WHERE site = {{s:String}} ORDER BY ALL", {"s": site.key})
    return [dict(zip(columns, row, strict=True)) for row in found]


def test_h4_every_count_of_an_open_day_is_a_multiple_of_k(store: Store, site: Site) -> None:
    insert(store, visits(site, range(1, 48)))
    roll_up(store, site, DAY, STRICT)
    cells, conversions = rows(store, site, "open_cells"), rows(store, site, "open_conversions")
    total = next(cell for cell in cells if cell["dimension"] == "" and cell["grain"] == "day")
    assert (total["visitors"], total["pageviews"]) == (40, 40)
    for cell in cells:
        assert cell["visitors"] >= 10
        assert not any(cell[name] % 10 for name in MEASURES), cell
        assert not any(cell[name] % step for name, step in TIMES.items()), cell
    assert conversions
    for row in conversions:
        assert not any(row[name] % 10 for name in ("converters", "conversions")), row
        # What everybody paid, divided by the price, is how many they are.
        assert (row["currency"], row["amount"], row["payers"]) == ("", 0, 0)
    assert rows(store, site, "open_vitals") == []


def test_h4_one_visitor_more_changes_nothing_that_is_shown(store: Store, site: Site) -> None:
    insert(store, visits(site, range(1, 44)))
    roll_up(store, site, DAY, STRICT)
    before = rows(store, site, "open_cells")
    insert(store, [make_event(site.key, START + 2000, DAY, visitor=99, path="/1", country="DE")])
    roll_up(store, site, DAY, STRICT)
    assert before
    assert rows(store, site, "open_cells") == before


def test_h4_a_released_day_has_its_exact_numbers_and_its_vitals(store: Store, site: Site) -> None:
    insert(store, visits(site, range(1, 48)))
    roll_up(store, site, DAY, STRICT)
    release(store, "events", site, [DAY], STRICT, START, "live")
    cells = rows(store, site, "released_cells")
    total = next(cell for cell in cells if cell["dimension"] == "" and cell["grain"] == "day")
    assert (total["visitors"], total["engaged_ms"]) == (47, 47 * 61_000)
    assert rows(store, site, "released_vitals")
    assert {row["amount"] for row in rows(store, site, "released_conversions") if row["dimension"] == ""} == {0, 4100}


@pytest.mark.parametrize("preset", ["balanced", "accurate"])
def test_h4_other_presets_show_an_open_day_as_it_is(store: Store, site: Site, preset: str) -> None:
    insert(store, visits(site, range(1, 48)))
    roll_up(store, site, DAY, SiteRules(10, 30, preset))
    total = next(c for c in rows(store, site, "open_cells") if c["dimension"] == "" and c["grain"] == "day")
    assert (total["visitors"], total["visit_seconds"], total["engaged_ms"]) == (47, 47 * 77, 47 * 61_000)
    assert rows(store, site, "open_vitals")
