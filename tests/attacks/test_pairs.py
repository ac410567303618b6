"""An attacker who reads the tables of pairs of a day beside those of single dimensions, and solves for what is hidden.

He knows which values there may be together, and takes into account that all of it is of the same visits: his unknowns
are the visits by all four dimensions at once.
"""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import Struct, structs

from pipeline.adding import pairs as added_pairs
from pipeline.adding.pairs import add_pairs
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.pairs import lines as pair_lines
from pipeline.settings import SiteRules
from schema.pair import Pair, paired
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.attacks.programs import Program
from tests.conftest import insert, make_event, times

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

K = 5
DAY = dt.date(2046, 6, 2)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
RULES = SiteRules(K, 30, "balanced", networks=K)
_NUMBER = itertools.count(1)
Values = dict[str, str]


class World(Struct, frozen=True):
    """The dimensions, which values of all of them there may be together, the pairs of a site; and three dimensions that
    tell how a source is divided."""

    names: tuple[str, ...]
    visits: tuple[tuple[str, ...], ...]
    pairs: tuple[Pair, ...]
    thirds: tuple[tuple[str, str, str], ...]


# A source is of two channels.
_SOURCES = (("Google", "Organic"), ("Google", "Paid"), ("Bing", "Organic"), ("Bing", "Paid"), ("Ask", "Organic"))
_PLACES, _DEVICES = ("DE", "FR", "AT", "IS"), ("desktop", "mobile", "tv")
_FLAT = ("source", "channel", "country", "device")
ALL_PAIRS = World(
    _FLAT,
    tuple((*one, *rest) for one in _SOURCES for rest in itertools.product(_PLACES, _DEVICES)),
    tuple(paired(one, other) for one, other in itertools.combinations(_FLAT, 2)),
    (("source", "channel", "country"), ("source", "channel", "device")),
)
# Parents of one of the dimensions, and of the other one.
_REGIONS = (("DE-BE", "DE"), ("DE-BY", "DE"), ("FR-75", "FR"), ("FR-69", "FR"), ("IS-1", "IS"))
_REGIONAL = (
    ("source", "channel", "region", "country"),
    tuple((*one, *other) for one in _SOURCES for other in _REGIONS),
)
OF_COUNTRIES = World(*_REGIONAL, (paired("source", "region"), paired("source", "country")), ())
# Sources of one channel each, and countries of one region but for one.
_PARTS = (("DE-BE", "DE"), ("FR-75", "FR"), ("IS-1", "IS"), ("AT-1", "AT"), ("AT-2", "AT"))
ASKEW = World(
    _REGIONAL[0],
    tuple((*one, *other) for one in (("Google", "Organic"), ("X", "Social"), ("Y", "Mail")) for other in _PARTS),
    (),
    (),
)
# A day on which somebody follows.
_PINNED = 4
OF_CHANNELS = World(
    *_REGIONAL, (paired("source", "region"), paired("channel", "region")), (("source", "channel", "region"),)
)


class Day:
    """A day of one site: who came, and what is published of it."""

    def __init__(self, world: World, seed: int) -> None:
        dice = random.Random(seed)
        self.world = world
        self.site = Site(f"paired-{next(_NUMBER)}", pairs=tuple(pair.name for pair in world.pairs))
        weights = [dice.paretovariate(0.7) for _ in world.visits]
        self.truth = Counter(dice.choices(world.visits, weights, k=dice.randint(30, 150)))
        self.cells: dict[tuple[str, str], int] = {}
        self.pairs: dict[tuple[str, str, str, str], int] = {}

    def events(self) -> Iterator[Any]:
        for number, visit in enumerate(self.truth.elements(), start=1):
            given: dict[str, Any] = dict(zip(self.world.names, visit, strict=True))
            yield make_event(self.site.key, NOON + number, DAY, visitor=number, network_number=number, **given)

    def read(self, store: Store) -> None:
        given = {"site": self.site.key}
        where = "WHERE site = {site:String} AND grain = 'day'"
        self.cells = {
            (dimension, value): visits
            for dimension, value, visits in store.rows(
                f"SELECT dimension, value, visits FROM released_cells {where} AND value != '(other)'", given
            )
        }
        self.pairs = {
            (*key,): visits
            for *key, visits in store.rows(
                f"""SELECT dimension, value, by_dimension, by_value, visits FROM released_pairs {where}
                UNION ALL SELECT dimension, value, by_dimension, by_value, visits FROM late_pairs
                WHERE site = {{site:String}}""",
                given,
            )
        }

    def visits(self, **values: str) -> int:
        """How many have these values."""
        return sum(n for visit, n in self.truth.items() if _has(self.world, visit, values))


class Attacker:
    """What he has to solve. pairs: whether he reads these, too."""

    def __init__(self, day: Day, pairs: bool = True) -> None:
        self._world, self._program = day.world, Program(len(day.world.visits))
        self._sum({}, day.cells["", ""])
        for (dimension, value), visits in day.cells.items():
            if dimension in day.world.names:
                self._sum({dimension: value}, visits)
        for (one, value, other, by), visits in day.pairs.items() if pairs else ():
            self._sum({one: value, other: by}, visits)

    def pins(self, **values: str) -> bool:
        """Whether visits with these values can be one number only."""
        return self._program.pins(self._places(values))

    def _places(self, values: Values) -> list[int]:
        return [place for place, visit in enumerate(self._world.visits) if _has(self._world, visit, values)]

    def _sum(self, values: Values, visits: int) -> None:
        self._program.sum(self._places(values), visits)


def _has(world: World, visit: tuple[str, ...], values: Values) -> bool:
    return values.items() <= dict(zip(world.names, visit, strict=True)).items()


def few(day: Day) -> Iterator[Values]:
    """What is of fewer than K: cells of pairs, and parts of a source."""
    of_pairs = ((pair.one, pair.other) for pair in day.world.pairs)
    for names in (*of_pairs, *day.world.thirds):
        there = {tuple(visit[day.world.names.index(name)] for name in names) for visit in day.truth}
        for each in sorted(there):
            values = dict(zip(names, each, strict=True))
            if day.visits(**values) < K:
                yield values


def attacked(store: Store, world: World, days: int, later: bool = False) -> tuple[int, int, int]:
    """How many counts of fewer than K there are; how many of them are pinned, that are not without pairs; and how many
    cells are shown. later: some pairs are declared when the day is released already."""
    closed = [Day(world, seed) for seed in range(days)]
    insert(store, [event for day in closed for event in day.events()])
    first = {
        day.site.key: tuple(random.Random(seed).sample(day.site.pairs, len(day.site.pairs) // 2))
        for seed, day in enumerate(closed)
    }
    sites = [structs.replace(day.site, pairs=first[day.site.key]) if later else day.site for day in closed]
    due = [SiteDay(site, DAY, RULES) for site in sites]
    release_together(store, "events", due, NOON + 86_400, "live", [Flaws()] * days)
    for day in closed if later else ():
        assert add_pairs(store, day.site, RULES, NOON + 86_401)
    hidden_ones = pinned = shown = 0
    for day in closed:
        day.read(store)
        attacker, before = Attacker(day), Attacker(day, pairs=False)
        shown += len(day.pairs)
        for values in few(day):
            hidden_ones += 1
            if attacker.pins(**values) and not before.pins(**values):
                pinned += 1
    return hidden_ones, pinned, shown


@pytest.mark.parametrize("world", [ALL_PAIRS, OF_COUNTRIES, OF_CHANNELS])
def test_no_count_of_few_follows_from_all_tables_of_a_day(
    store: Store, world: World, report: Callable[[str, str], None]
) -> None:
    hidden_ones, pinned, shown = attacked(store, world, times(40))
    which = f"{len(world.pairs)} pairs of {', '.join(world.names)}"
    report(f"{which}, solved for with all tables", f"{pinned} of {hidden_ones} pinned, {shown} cells shown")
    assert hidden_ones > 100
    assert shown > 20
    assert pinned == 0


@pytest.mark.parametrize("world", [pytest.param(ALL_PAIRS, marks=pytest.mark.long), OF_COUNTRIES, OF_CHANNELS])
def test_nor_where_some_pairs_are_added_to_a_released_day(
    store: Store, world: World, report: Callable[[str, str], None]
) -> None:
    hidden_ones, pinned, shown = attacked(store, world, times(12), later=True)
    which = f"{len(world.pairs)} pairs of {', '.join(world.names)}, some of them later"
    report(f"{which}, solved for with all tables", f"{pinned} of {hidden_ones} pinned, {shown} cells shown")
    # Beside parents little is shown of those that come later.
    assert shown > 2
    assert pinned == 0


@pytest.mark.parametrize("world", [ALL_PAIRS, pytest.param(OF_CHANNELS, marks=pytest.mark.long)])
def test_they_do_where_only_cells_of_few_are_hidden(
    store: Store, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def few_alone(cells: Any, covered: Any) -> set[Any]:
        return {key for key, one in cells.items() if one.barred or not one.enough}

    monkeypatch.setattr(pair_lines, "hidden", few_alone)
    _, pinned, _ = attacked(store, world, 10)
    assert pinned > 5


def _askew(store: Store) -> tuple[int, int]:
    """How many counts of few are pinned where a pair is declared in place of one that a day told, of which each is
    narrower than the other in a dimension; and how many cells of it are told."""
    told, late = paired("source", "country"), paired("channel", "region")
    day = Day(structs.replace(ASKEW, pairs=(told,)), _PINNED)
    insert(store, [*day.events()])
    release_together(store, "events", [SiteDay(day.site, DAY, RULES)], NOON + 86_400, "live", [Flaws()])
    assert add_pairs(store, structs.replace(day.site, pairs=(late.name,)), RULES, NOON + 86_401)
    day.read(store)
    attacker, before = Attacker(day), Attacker(day, pairs=False)
    pinned = sum(attacker.pins(**values) and not before.pins(**values) for values in few(day))
    return pinned, sum(key[::2] == (late.one, late.other) for key in day.pairs)


def test_a_pair_that_is_askew_of_a_told_one_is_not_added(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    assert _askew(store) == (0, 0)
    monkeypatch.setattr(added_pairs, "exclude", lambda *_: False)
    pinned, told = _askew(store)
    assert pinned > 0
    assert told > 0
