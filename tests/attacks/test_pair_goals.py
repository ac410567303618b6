"""An attacker who reads of the cells of pairs who reached a goal, beside all else that a day tells of pairs and goals,
and solves for what is hidden: of visits by all dimensions, and by whether they reached it."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from msgspec import structs

from pipeline.adding import segments as added_segments
from pipeline.adding.segments import add_segments
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.pairs import goals as pair_goals
from pipeline.rollup.pairs import reached as pair_reached
from schema.segment import Segment
from schema.site import Goal
from schema.store import Store
from tests.attacks.programs import Program
from tests.attacks.test_pairs import ALL_PAIRS, DAY, NOON, OF_COUNTRIES, RULES, Day, K, Values, World, _has, few
from tests.conftest import insert, times

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

GOAL = "Bought"
# Of days on which a device is the goal one on which somebody follows.
_PINNED = 27
# The same of days with a segment of some who reached the goal.
_PARTED = 33


class Shop(Day):
    """A day of a site with a goal, which visitors of some values reach more often. reached: how many, by all
    dimensions; told: by dimension and value, or both of a pair, how many that is told of."""

    def __init__(self, world: World, seed: int) -> None:
        super().__init__(world, seed)
        dice = random.Random(seed + 1_000)
        self.site = structs.replace(self.site, goals=(Goal(GOAL, page="/bought"),))
        weights = [dice.paretovariate(0.7) for _ in world.visits]
        self.truth = Counter(dice.choices(world.visits, weights, k=dice.randint(60, 250)))
        rate = {value: dice.uniform(0.1, 1.6) for visit in world.visits for value in visit}
        self.reached: Counter[tuple[str, ...]] = Counter()
        for visit, people in self.truth.items():
            mine = min(0.95, 0.35 * rate[visit[0]] * rate[visit[2]])
            self.reached[visit] = sum(dice.random() < mine for _ in range(people))
        self.told: dict[tuple[str, ...], int] = {}
        self.least: dict[tuple[str, str], int] = {}

    def events(self) -> Iterator[Any]:
        left = Counter(self.reached)
        for event in super().events():
            visit = tuple(getattr(event, name) for name in self.world.names)
            left[visit] -= 1
            yield structs.replace(event, path="/bought" if left[visit] >= 0 else "/")

    def read(self, store: Store) -> None:
        super().read(store)
        rows = store.rows(
            """SELECT dimension, value, '', '', converters FROM released_conversions
            WHERE site = {site:String} AND grain = 'day' AND value != '(other)'
            UNION ALL SELECT dimension, value, by_dimension, by_value, converters FROM released_pair_goals
            WHERE site = {site:String}""",
            {"site": self.site.key},
        )
        names = ("", *self.world.names)
        self.told = {(*key,): people for *key, people in rows if key[0] in names}

    def buyers(self, **values: str) -> int:
        return sum(n for visit, n in self.reached.items() if _has(self.world, visit, values))


class Twin(Shop):
    """A day on which who has one device reached the goal, and nobody else."""

    def __init__(self, seed: int) -> None:
        super().__init__(ALL_PAIRS, seed)
        for visit in self.reached:
            self.reached[visit] = self.truth[visit] if visit[3] == "mobile" else 0


# Who reached the goal, of three times as many: two in one cell, which is hidden by the three others of a rectangle.
_REACHED = {"DE": (6, 20, 6), "FR": (6, 20, 2), "AT": (20, 20, 20)}


class Segmented(Shop):
    """A day of a site that has a segment of two values, on which everybody began on the page that is the goal, or did
    not see it: so the segment tells by that page who reached it, which is a cell."""

    def __init__(self) -> None:
        super().__init__(ALL_PAIRS, 0)
        self.site = structs.replace(self.site, segments=(Segment("Both", {"country": "DE", "device": "mobile"}),))
        self.reached = Counter(
            {
                ("Google", "Organic", country, device): people
                for country, each in _REACHED.items()
                for device, people in zip(("mobile", "desktop", "tv"), each, strict=True)
            }
        )
        self.truth = Counter({visit: 3 * people for visit, people in self.reached.items()})

    def read(self, store: Store) -> None:
        super().read(store)
        sql = """SELECT visitors FROM released_segments
            WHERE site = {site:String} AND dimension = 'entry_page' AND value = '/bought'"""
        for (people,) in store.rows(sql, {"site": self.site.key}):
            self.told["country", "DE", "device", "mobile"] = people


class Parted(Shop):
    """A day of a site with a segment of some who reached the goal: all but those of one device. least: by dimension and
    value how many reached it at least, because they are in it."""

    def __init__(self, seed: int) -> None:
        super().__init__(ALL_PAIRS, seed)
        asked = {"all": [{"goal": GOAL}, {"section": "/docs/"}]}
        self.site = structs.replace(self.site, segments=(Segment("Readers", asked),))
        dice = random.Random(seed)
        weights = [dice.paretovariate(0.7) for _ in self.world.visits]
        rate = {value: dice.uniform(0.1, 1.6) for visit in self.world.visits for value in visit}
        self.truth = Counter(dice.choices(self.world.visits, weights, k=dice.randint(300, 800)))
        for visit, people in self.truth.items():
            mine = min(0.97, 0.6 * rate[visit[0]] * rate[visit[2]])
            self.reached[visit] = sum(dice.random() < mine for _ in range(people))

    def events(self) -> Iterator[Any]:
        for event in super().events():
            yield event
            if event.path == "/bought" and event.device != "tv":
                yield structs.replace(event, path="/docs/a", received=event.received + 1)

    def read(self, store: Store) -> None:
        super().read(store)
        sql = """SELECT dimension, value, visitors FROM released_segments
            WHERE site = {site:String} AND grain = 'day' AND value != '(other)'"""
        self.least = {
            (dimension, value): people
            for dimension, value, people in store.rows(sql, {"site": self.site.key})
            if dimension in ("", *self.world.names)
        }


class Solver:
    """pairs: whether he reads of these who reached the goal, too."""

    def __init__(self, day: Shop, pairs: bool = True) -> None:
        self._world, self._visits = day.world, day.world.visits
        self._program = Program(2 * len(self._visits))
        self._sum({}, day.cells["", ""])
        for (dimension, value), visits in day.cells.items():
            if dimension in day.world.names:
                self._sum({dimension: value}, visits)
        for (one, value, other, by), visits in day.pairs.items():
            self._sum({one: value, other: by}, visits)
        for (one, value, other, by), people in day.told.items():
            if pairs or not other:
                self._sum({name: its for name, its in ((one, value), (other, by)) if name}, people, reached=True)
        for (name, its), people in day.least.items():
            self._sum({name: its} if name else {}, people, reached=True, most=1e6)

    def pins(self, values: Values, reached: bool) -> bool:
        return self._program.pins(self._places(values, reached))

    def _places(self, values: Values, reached: bool) -> list[int]:
        mine = [place for place, visit in enumerate(self._visits) if _has(self._world, visit, values)]
        return mine if reached else [*mine, *(place + len(self._visits) for place in mine)]

    def _sum(self, values: Values, people: int, reached: bool = False, most: float | None = None) -> None:
        self._program.sum(self._places(values, reached), people, most)


def of_few(day: Shop) -> Iterator[tuple[Values, bool]]:
    """What is of fewer than K: visitors of cells, and who of them reached the goal."""
    yield from ((values, False) for values in few(day))
    for pair in day.world.pairs:
        names = pair.one, pair.other
        for each in sorted({tuple(visit[day.world.names.index(name)] for name in names) for visit in day.truth}):
            values = dict(zip(names, each, strict=True))
            if 0 < day.buyers(**values) < K:
                yield values, True


def attacked(store: Store, closed: Sequence[Shop]) -> tuple[int, int, int]:
    """How many counts of few there are, how many are pinned that are not without goals of pairs, and of how many cells
    it is told who reached it."""
    insert(store, [event for day in closed for event in day.events()])
    due = [SiteDay(day.site, DAY, RULES) for day in closed]
    release_together(store, "events", due, NOON + 86_400, "live", [Flaws()] * len(closed))
    hidden_ones = pinned = shown = 0
    for day in closed:
        day.read(store)
        solver, before = Solver(day), Solver(day, pairs=False)
        shown += sum(bool(key[2]) for key in day.told)
        for values, reached in of_few(day):
            hidden_ones += 1
            pinned += solver.pins(values, reached) and not before.pins(values, reached)
    return hidden_ones, pinned, shown


@pytest.mark.parametrize("world", [ALL_PAIRS, OF_COUNTRIES])
def test_nobody_is_pinned(store: Store, world: World, report: Callable[[str, str], None]) -> None:
    hidden_ones, pinned, shown = attacked(store, [Shop(world, seed) for seed in range(times(16))])
    report(
        f"goals of {len(world.pairs)} pairs of {', '.join(world.names)}, solved for together",
        f"{pinned} of {hidden_ones} pinned, {shown} cells shown",
    )
    assert hidden_ones > 100
    assert shown > (0 if world is OF_COUNTRIES else 5)
    assert pinned == 0


def test_some_are_where_only_cells_of_few_are_hidden(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_reached, "_shown", lambda day, pair, goal, cells, before: {*cells})
    _, pinned, _ = attacked(store, [Shop(ALL_PAIRS, seed) for seed in range(6)])
    assert pinned > 5


def test_nobody_is_beside_twins_and_segments(store: Store) -> None:
    _, pinned, _ = attacked(store, [Twin(_PINNED), Segmented(), Parted(_PARTED)])
    assert pinned == 0


def test_somebody_is_where_twins_are_told(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    judged = pair_goals._suppress
    monkeypatch.setattr(pair_goals, "_suppress", lambda of, pairs, goals, _, *rest: judged(of, pairs, goals, {}, *rest))
    _, pinned, _ = attacked(store, [Twin(_PINNED)])
    assert pinned > 0


def test_somebody_is_where_segments_are_not_looked_at(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_goals, "mute", lambda *_: set())
    _, pinned, _ = attacked(store, [Segmented()])
    assert pinned > 0


def test_somebody_is_where_a_segment_is_a_part_of_who_reached_it(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_goals, "parts", lambda _, segments, goals: [set() for _ in goals])
    _, pinned, _ = attacked(store, [Parted(_PARTED)])
    assert pinned > 0


def _added(store: Store) -> int:
    """Of how many values a segment is told that is such a part and is added to a day that tells goals of pairs."""
    day = Parted(_PARTED)
    site = structs.replace(day.site, segments=())
    insert(store, [*day.events()])
    release_together(store, "events", [SiteDay(site, DAY, RULES)], NOON + 86_400, "live", [Flaws()])
    assert store.rows("SELECT 1 FROM released_pair_goals WHERE site = {site:String} LIMIT 1", {"site": site.key})
    assert add_segments(store, day.site, RULES, NOON + 2 * 86_400)
    [[many]] = store.rows("SELECT count() FROM late_segments WHERE site = {site:String}", {"site": site.key})
    return int(many)


def test_such_a_segment_is_not_added_to_a_day_that_tells_the_goal_of_pairs(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _added(store) == 0
    monkeypatch.setattr(added_segments, "parts", lambda *_: [set()])
    assert _added(store) > 5
