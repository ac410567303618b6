"""The attacker of test_pairs.py over the days of a week and what it tells of pairs, all of it out of the store: which
cells of few follow that do not without the week's pairs?"""

from __future__ import annotations

import datetime as dt
import itertools
import math
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pytest

from pipeline.blocks import close_blocks
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.pairs import block as pair_block
from pipeline.settings import SiteRules
from schema.pair import paired
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.attacks.programs import Program
from tests.attacks.test_pairs import World
from tests.attacks.test_pairs_in_blocks import all_that_is_enough
from tests.conftest import insert, make_event, times
from tests.pipeline.weeks import GRACE_S, MONDAY

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

K = 5
RULES = SiteRules(K, 30, "balanced", networks=K, k_late=10, late_others=3)
_NUMBER = itertools.count(1)
Values = tuple[tuple[str, str], ...]
Means = Callable[[Mapping[str, str]], bool]
_PLACES = ("DE", "FR", "AT", "IS", "CH", "NL")
_FLAT = ("channel", "country", "device")
THREE = World(
    _FLAT,
    tuple(itertools.product(("Organic", "Paid", "Social", "Referral", "Direct"), _PLACES, ("desktop", "mobile", "tv"))),
    tuple(paired(one, other) for one, other in itertools.combinations(_FLAT, 2)),
    (),
)
# Sources that are of two channels, and others.
_SOURCES = (
    *(("Google", "Organic"), ("Google", "Paid"), ("Bing", "Organic"), ("Bing", "Paid"), ("Ask", "Organic")),
    *(("X", "Social"), ("Y", "Social"), ("Z", "Referral")),
)
PARENT = World(
    ("source", "channel", "country"),
    tuple((*one, place) for one in _SOURCES for place in _PLACES),
    (paired("source", "country"), paired("channel", "country")),
    (),
)


# Parents on both sides, and a dimension beside them.
_BROWSERS = (("Chrome", "Chrome 120"), ("Chrome", "Chrome 121"), ("Firefox", "Firefox 99"), ("Edge", "Edge 88"))
_REGIONS = (("DE", "DE-BE"), ("DE", "DE-BY"), ("FR", "FR-75"), ("AT", "AT-9"), ("IS", "IS-1"))
BOTH = World(
    ("browser", "browser_version", "country", "region"),
    tuple((*one, *other) for one in _BROWSERS for other in _REGIONS),
    (paired("browser", "region"), paired("browser", "country")),
    (),
)


class Week:
    """A site of some days: who came, and what is published of them."""

    def __init__(self, world: World, seed: int) -> None:
        dice = random.Random(seed)
        self.world = world
        self.site = Site(f"weekly-{next(_NUMBER)}", pairs=tuple(pair.name for pair in world.pairs))
        # Of segments, for which visits they hold.
        self.means: dict[str, Means] = {}
        self.truth = self.some_days(dice)
        self.shown: list[dict[Values, int]] = []
        self.late: dict[Values, tuple[int, int]] = {}
        # By day, segment and value; of the whole site by no value.
        self.parts: dict[tuple[int, str, Values], int] = {}

    def some_days(self, dice: random.Random) -> list[Counter[tuple[str, ...]]]:
        visits = self.world.visits
        weights = [dice.paretovariate(1.2) for _ in visits]
        return [Counter(dice.choices(visits, weights, k=dice.randint(120, 240))) for _ in range(dice.randint(3, 6))]

    @property
    def days(self) -> list[dt.date]:
        return [MONDAY + dt.timedelta(number) for number in range(len(self.truth))]

    def events(self) -> Iterator[Any]:
        for number, (day, counts) in enumerate(zip(self.days, self.truth, strict=True)):
            noon = day_bounds("UTC", day_number(day)).start + 43_200
            for n, visit in enumerate(counts.elements(), start=1):
                given: dict[str, Any] = dict(zip(self.world.names, visit, strict=True))
                if "browser_version" in given:  # which is told with its browser
                    given["browser_version"] = given["browser_version"].removeprefix(f"{given['browser']} ")
                who = 1000 * number + n
                yield make_event(self.site.key, noon + n, day, visitor=who, network_number=who, **given)

    def read(self, store: Store) -> None:
        self.shown = [{} for _ in self.truth]
        for day, *key, visits in store.rows(_SHOWN, {"site": self.site.key}):
            self.shown[self.days.index(day)][_values(*key)] = visits
        for day, segment, *key, visits in store.rows(_PARTS, {"site": self.site.key}):
            self.parts[self.days.index(day), segment, _values(*key)] = visits
        for *key, days, visits in store.rows(_LATE, {"site": self.site.key}):
            self.late[_values(*key)] = days, visits


_WHERE = "WHERE site = {site:String} AND value != '(other)'"
_SHOWN = f"""
    SELECT day, dimension, value, '', '', visits FROM released_cells {_WHERE} AND grain = 'day'
    UNION ALL SELECT day, dimension, value, by_dimension, by_value, visits FROM released_pairs {_WHERE}"""
_LATE = f"""
    SELECT dimension, value, '', '', days, visits FROM late_cells {_WHERE} AND grain = 'week'
    UNION ALL SELECT dimension, value, by_dimension, by_value, days, visits FROM late_pairs {_WHERE}"""

_PARTS = f"SELECT day, segment, dimension, value, visits FROM released_segments {_WHERE} AND grain = 'day'"


def _values(*key: str) -> Values:
    return tuple(one for one in zip(key[::2], key[1::2], strict=True) if one[0])


class Attacker:
    """pairs: whether he reads what the week tells of these, too."""

    def __init__(self, week: Week, pairs: bool) -> None:
        self._week, self._visits = week, week.world.visits
        self._program = Program(len(week.truth) * len(self._visits))
        for number, shown in enumerate(week.shown):
            for values, visits in shown.items():
                self.sum([number], values, visits)
        for (number, segment, values), visits in week.parts.items():
            self.sum([number], values, visits, means=week.means[segment])
        for values, (days, visits) in week.late.items():
            if pairs or len(values) < 2:
                its = self._may_be_of(values)
                self.sum(its, values, visits, None if len(values) < 2 or len(its) == days else math.inf)

    def _may_be_of(self, values: Values) -> list[int]:
        """The days that a sum may be of: those on which both values are shown, but not together."""
        hidden = (number for number, shown in enumerate(self._week.shown) if values not in shown)
        if len(values) < 2:
            return [*hidden]
        return [number for number in hidden if all((one,) in self._week.shown[number] for one in values)]

    def places(self, number: int, values: Values, means: Means = lambda _: True) -> list[int]:
        wanted = {*values}
        each = enumerate(dict(zip(self._week.world.names, visit, strict=True)) for visit in self._visits)
        return [number * len(self._visits) + place for place, visit in each if wanted <= visit.items() and means(visit)]

    def sum(
        self, days: list[int], values: Values, least: int, most: float | None = None, means: Means = lambda _: True
    ) -> None:
        if all(name in self._week.world.names for name, _ in values):
            places = [place for number in days for place in self.places(number, values, means)]
            self._program.sum(places, least, most)

    def pins(self, number: int, values: Values) -> bool:
        return self._program.pins(self.places(number, values))


def few(week: Week) -> Iterator[tuple[int, Values]]:
    """Cells of fewer than K of a day."""
    for number, counts in enumerate(week.truth):
        for pair in week.world.pairs:
            sums: Counter[Values] = Counter()
            for visit, people in counts.items():
                values = dict(zip(week.world.names, visit, strict=True))
                sums[(pair.one, values[pair.one]), (pair.other, values[pair.other])] += people
            yield from ((number, values) for values, people in sums.items() if people < K)


def attacked(
    store: Store, weeks: Sequence[Week], attacking: Callable[[Week, bool], Attacker] = Attacker
) -> tuple[int, int, int]:
    """How many counts of few there are; how many are pinned that are not without the week's pairs; and how many cells
    the weeks tell."""
    insert(store, [event for week in weeks for event in week.events()])
    end = day_bounds("UTC", day_number(MONDAY)).start + 7 * 86_400 + GRACE_S + 1
    due = [SiteDay(week.site, day, RULES) for week in weeks for day in week.days]
    release_together(store, "events", due, end, "live", [Flaws()] * len(due))
    store.command("TRUNCATE TABLE watermarks")
    store.insert("watermarks", ("spool", "received_through"), (("1",), (end,)))
    close_blocks(store, [(week.site, RULES) for week in weeks], end, GRACE_S)
    counts = pinned = told = 0
    for week in weeks:
        week.read(store)
        told += sum(len(values) > 1 for values in week.late)
        attacker, before = attacking(week, True), attacking(week, False)
        for number, values in few(week):
            counts += 1
            pinned += attacker.pins(number, values) and not before.pins(number, values)
    return counts, pinned, told


@pytest.mark.parametrize(
    "world", [THREE, pytest.param(PARENT, marks=pytest.mark.long), pytest.param(BOTH, marks=pytest.mark.long)]
)
def test_no_count_of_few_follows_from_what_weeks_tell_of_pairs(
    store: Store, world: World, report: Callable[[str, str], None]
) -> None:
    many = times(4) if world is THREE else 4 if world is PARENT else 12
    counts, pinned, told = attacked(store, [Week(world, seed) for seed in range(many)])
    which = f"{len(world.pairs)} pairs of {', '.join(world.names)}"
    report(f"weeks of {which}", f"{pinned} of {counts} pinned, {told} cells told with weeks")
    assert counts > 100
    assert told > 0
    assert pinned == 0


@pytest.mark.long
def test_some_do_where_only_the_size_of_sums_is_looked_at(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_block, "told_of", all_that_is_enough)
    _, pinned, _ = attacked(store, [Week(THREE, seed) for seed in range(4)])
    assert pinned > 3
