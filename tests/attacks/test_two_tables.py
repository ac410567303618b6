"""Where two tables count the same visits, and each could hide a companion of its own.

Everybody who saw a landing page began there. So who reached the goal on it, by country, is the row of that page in the
pair of entry page and country; who is in a segment of it is, too; and where a page is always the last one, who reached
it by entry page is the ways that end there. Three of a value are too few; each table hides another value beside it, and
whoever reads both subtracts. They lose, because of twins one table alone is told; without that they win.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest
from msgspec import Struct, structs

from pipeline.adding.goals import add_goals
from pipeline.adding.pairs import add_pairs
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.cells import twins
from schema.segment import Segment
from schema.site import Goal, Site
from schema.store import Store

from .house import DAY, NOON, House

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

K = 5
# By page and country how many saw it.
SEEN = {
    "/x": {"AT": 3, "DE": 8, "FR": 20},
    "/o": {"AT": 12, "DE": 14, "FR": 30},
    "/z": {"AT": 15, "DE": 16, "FR": 3},
}
EVERYBODY = [(path, country) for path, many in SEEN.items() for country, n in many.items() for _ in range(n)]
GOAL = Goal("X", page="/x")
SEGMENT = Segment("On X", {"page": "/x"})
_OF_PAIR = """
    SELECT by_value, visitors FROM released_pairs
    WHERE site = {site:String} AND value = '/x' AND by_dimension = 'country'
    UNION ALL SELECT by_value, visitors FROM late_pairs
    WHERE site = {site:String} AND value = '/x' AND by_dimension = 'country'"""
_OF_WAYS = """
    SELECT origin, people FROM released_journeys
    WHERE site = {site:String} AND kind = 'entry_exit' AND target = '/x'"""
_OF_GOAL = """
    SELECT value, converters FROM released_conversions WHERE site = {{site:String}} AND dimension = '{0}'
    UNION ALL SELECT value, converters FROM late_conversions WHERE site = {{site:String}} AND dimension = '{0}'"""
_OF_SEGMENT = "SELECT value, visitors FROM released_segments WHERE site = {{site:String}} AND dimension = '{0}'"


class Seam(Struct):
    """Two tables. site: what is declared when the day closes, and what later. passing: how many of those who began on
    another page see this one, too."""

    one: str
    other: str
    site: Callable[[Site], Site]
    later: Callable[[Site], Site] | None = None
    ends: bool = False
    passing: int = 0


def _with(**settings: Any) -> Callable[[Site], Site]:
    return lambda site: structs.replace(site, **settings)


_BY_COUNTRY, _BY_ENTRY = _OF_GOAL.format("country"), _OF_GOAL.format("entry_page")
_PAIR: dict[str, Any] = {"pairs": ("entry_page x country",)}
_WAYS: dict[str, Any] = {"pairs": (), "journeys": True}
_NO: dict[str, Any] = {"goals": (), "pairs": ()}
_GOAL: dict[str, Any] = {"goals": (GOAL,)}
_SEGMENT: dict[str, Any] = {"goals": (), "segments": (SEGMENT,)}
SEAMS = {
    "goal and pair": Seam(_BY_COUNTRY, _OF_PAIR, _with(**_PAIR, **_GOAL)),
    "nearly a goal, and pair": Seam(_BY_COUNTRY, _OF_PAIR, _with(**_PAIR, **_GOAL), passing=2),
    "segment and pair": Seam(_OF_SEGMENT.format("country"), _OF_PAIR, _with(**_PAIR, **_SEGMENT)),
    "goal and ways": Seam(_BY_ENTRY, _OF_WAYS, _with(**_WAYS, **_GOAL), ends=True),
    "segment and ways": Seam(_OF_SEGMENT.format("entry_page"), _OF_WAYS, _with(**_WAYS, **_SEGMENT), ends=True),
    "pair, then goal": Seam(_BY_COUNTRY, _OF_PAIR, _with(**_PAIR | {"goals": ()}), _with(**_GOAL)),
    "ways, then goal": Seam(_BY_ENTRY, _OF_WAYS, _with(**_WAYS, goals=()), _with(**_GOAL), ends=True),
    "goal, then pair": Seam(_BY_COUNTRY, _OF_PAIR, _with(**_NO | _GOAL), _with(**_PAIR)),
    "segment, then pair": Seam(_OF_SEGMENT.format("country"), _OF_PAIR, _with(**_NO | _SEGMENT), _with(**_PAIR)),
}


def attack(store: Store, seams: Mapping[str, Seam]) -> dict[str, set[int]]:
    """What follows of each."""
    houses = {name: _seen(House(store, K, networks=1), seam) for name, seam in seams.items()}
    due = [SiteDay(house.site, DAY, house.rules) for house in houses.values() if house.store]
    release_together(store, "events", due, NOON + 86_400, "live", [Flaws()] * len(due))
    for name, house in houses.items():
        if later := seams[name].later:
            site = later(house.site)
            assert add_goals(store, site, house.rules, NOON + 100_000, 60)
            assert add_pairs(store, site, house.rules, NOON + 100_001, 60)
    return {name: _followed(house, seams[name]) for name, house in houses.items()}


def _seen(house: House, seam: Seam) -> House:
    house.site = seam.site(house.site)
    rest = seam.passing
    for n, (path, country) in enumerate(EVERYBODY, start=1):
        given: dict[str, Any] = {"visitor": n, "network_number": n, "country": country}
        if seam.ends:
            house.visit(path=f"/{country}", **given)
        house.visit(path=path, at=300, **given)
        if rest and (path, country) == ("/o", "FR"):
            house.visit(path="/x", at=600, **given)
            rest -= 1
    return house


def _followed(house: House, seam: Seam) -> set[int]:
    """Numbers of too few: what is left of those of the page, one table less the values that another one has; and what
    is in one of them and not in the other."""
    given = {"site": house.site.key}
    one: dict[str, int] = dict(house.store.rows(seam.one, given))
    other: dict[str, int] = dict(house.store.rows(seam.other, given))
    both = {**one, **other}
    left = sum(SEEN["/x"].values()) - sum(both.values())
    found = {left} if len(both) == 2 else set[int]()
    found |= {one[value] - other[value] for value in one.keys() & other.keys()}
    return {number for number in found if 0 < number < K}


def test_nobody_follows_from_two_tables(store: Store) -> None:
    assert attack(store, SEAMS) == {name: set() for name in SEAMS}


@pytest.mark.parametrize("later", [False, pytest.param(True, marks=pytest.mark.long)])
def test_somebody_does_where_twins_are_not_looked_for(
    store: Store, later: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(twins.Values, "twins", lambda *_: [])
    found = attack(store, {name: seam for name, seam in SEAMS.items() if bool(seam.later) == later})
    assert [name for name, numbers in found.items() if not numbers] == []
