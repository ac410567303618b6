"""Who looks for a text in a table in full, and sorts and pages through it, for a page that few people saw."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from dashboards.stats.period import Period
from dashboards.web.asked import Asked
from dashboards.web.details import details
from schema.store import Store
from tests.attacks.house import DAY, House
from tests.together import Test, together

pytestmark = pytest.mark.clickhouse
RARE, NEVER = "/rare/diagnosis", "/never/diagnosis"


def found(house: House, asked: Asked) -> dict[str, Any]:
    """What is told."""
    return details(house._reports, house.site, Period(DAY, DAY, ""), "page", asked).as_answer()


def looked_for(house: House) -> list[tuple[Any, Any]]:
    """The answers about the page that few saw, beside those about one that nobody saw."""
    return [
        (found(house, Asked(path, **how)), found(house, Asked(other, **how)))
        for path, other in ((RARE, NEVER), ("rare/", "never/"), ("/rare/diag", "/never/diag"))
        for how in ({}, {"order": "exits"}, {"compare": "previous"})
    ]


@pytest.mark.slow
@pytest.mark.parametrize("k", [5, 1])
@together
def test_a_page_that_few_saw_answers_as_one_that_nobody_saw(
    store: Store, k: int, report: Callable[[str, str], None]
) -> Test:
    house = House(store, k, networks=1)
    for visitor in range(1, 40):
        house.visit(visitor, "/")
        house.visit(visitor, "/shop" if visitor % 2 else "/blog", at=1)
    for visitor in range(1, 4):
        house.visit(visitor, RARE, at=2)
    yield house.releasing()
    pairs = looked_for(house)
    different = sum(one != other for one, other in pairs)
    report("searcher", f"k = {k}: {different} of {len(pairs)} questions tell a page of 3 people from one of nobody")
    assert different == (0 if k == 5 else len(pairs))
    # Nor do all pages of the table name it.
    listed = [row["value"] for at in (0, 1, 2, 3) for row in found(house, Asked(limit=1, offset=at))["rows"]]
    assert (RARE in listed) == (k == 1)
