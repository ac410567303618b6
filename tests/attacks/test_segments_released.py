"""The attacker of test_segments.py before a house: he reads the rows that a day has released, of values, goals and
segments, and knows which values and conditions nobody has."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import highspy
import pytest
from msgspec import structs

from pipeline.adding import segments as added_segments
from pipeline.adding.segments import add_segments
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import Batch, SiteDay
from pipeline.rollup.segments import goals as segment_goals
from pipeline.rollup.segments import stage as rolling
from pipeline.rollup.segments.known import Beside
from pipeline.rollup.segments.lines import Chain
from pipeline.rollup.segments.marks import Marks
from pipeline.settings import SiteRules
from schema.event import PAGEVIEW, Event
from schema.segment import Segment
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event, times

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

K = 5
DAY = dt.date(2046, 2, 5)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
RULES = SiteRules(K, 30, "balanced", networks=1)
# What segments ask for, and pairs tell of each value.
CROSSED = ("country", "device")
PAIRS = ("country x device", "language x country", "language x device", "browser x country", "browser x device")
CHAINS = (("country", "region"), ("device",), ("language",), ("browser",))
_NUMBER = itertools.count(1)
Visit = dict[str, str]
Means = Callable[[Visit], bool]
# Of each what is written, and what it means; some are nearly the same.
SEGMENTS: list[tuple[dict[str, Any], Means]] = [
    ({"device": "mobile"}, lambda one: one["device"] == "mobile"),
    ({"not": {"device": "desktop"}}, lambda one: one["device"] != "desktop"),
    ({"country": "DE", "device": "mobile"}, lambda one: one["device"] == "mobile" and one["country"] == "DE"),
    ({"country": ["DE", "AT"]}, lambda one: one["country"] in ("DE", "AT")),
    ({"language": "de"}, lambda one: one["language"] == "de"),
    ({"goal": "Buy"}, lambda one: one["name"] == "buy"),
    ({"any": [{"goal": "Buy"}, {"language": "fr"}]}, lambda one: one["name"] == "buy" or one["language"] == "fr"),
    ({"section": "/docs/"}, lambda one: one["path"].startswith("/docs/")),
    ({"page": "/docs/a", "device": "mobile"}, lambda one: one["path"] == "/docs/a" and one["device"] == "mobile"),
]
GOAL = Goal("Buy", event="buy")


def crowd(dice: random.Random) -> list[Visit]:
    found = []
    for _ in range(dice.choice((25, 60, 150))):
        country = dice.choices(("DE", "AT", "FR", "US"), (6, 1, 2, 2))[0]
        spoken = "de" if country in ("DE", "AT") and dice.random() < 0.95 else "fr" if country == "FR" else "en"
        found.append(
            {
                "country": country,
                "region": f"{country}-{dice.choices('AB', (4, 1))[0]}",
                "language": spoken,
                "device": dice.choices(("mobile", "desktop", "tablet"), (10, 8, 1))[0],
                "browser": dice.choices(("Safari", "Chrome", "Firefox"), (4, 8, 2))[0],
                "path": dice.choices(("/", "/docs/a", "/docs/b", "/shop"), (4, 4, 1, 3))[0],
                "name": dice.choices((PAGEVIEW, "buy"), (3, 2))[0],
            }
        )
    return found


def events_of(site: Site, crowd: Sequence[Visit]) -> Iterator[Event]:
    for nth, one in enumerate(crowd, start=1):
        given = {**one, "name": PAGEVIEW, "visitor": nth, "network_number": nth}
        yield make_event(site.key, NOON + nth, DAY, **given)
        if one["name"] != PAGEVIEW:
            yield make_event(site.key, NOON + nth + 1, DAY, **given | {"name": one["name"]})


class World:
    """One site, and what it has released."""

    def __init__(self, dice: random.Random, later: int = 0, alike: bool = False) -> None:
        """later: so many of its segments are declared when the day is released already. alike: they are nearly the
        same, and there are no pairs."""
        self.crowd = crowd(dice)
        self.asked = dice.sample(SEGMENTS[-5 if alike else 0 :], 5)
        segments = tuple(Segment(f"s{nth}", where) for nth, (where, _) in enumerate(self.asked))
        self.site = Site(f"segmented-{next(_NUMBER)}", goals=(GOAL,), segments=segments, pairs=() if alike else PAIRS)
        first = structs.replace(self.site, segments=segments[: len(segments) - later])
        self.day = SiteDay(first, DAY, RULES)

    def mask(self, one: Visit) -> int:
        means = [means for _, means in self.asked]
        return sum(2**bit * holds(one) for bit, holds in enumerate((*means, lambda one: one["name"] == "buy")))

    def read(self, store: Store) -> None:
        """(dimension, value, bit): visitors; bit: None of all."""
        self.numbers: dict[tuple[str, str, int | None], int] = {}
        for table, bit, number in (
            ("released_cells", "NULL", "visitors"),
            ("released_segments", "toInt32(substring(segment, 2))", "visitors"),
            ("late_segments", "toInt32(substring(segment, 2))", "visitors"),
            ("released_conversions", f"{len(self.asked)}", "converters"),
        ):
            rows = store.rows(
                f"SELECT dimension, value, {bit}, {number} FROM {table} WHERE site = {{site:String}} "
                "AND grain != 'hour' AND value != '(other)'",
                {"site": self.site.key},
            )
            self.numbers |= {(dimension, value, bit): many for dimension, value, bit, many in rows}
        # Of whom both hold, a segment and a goal.
        self.reached = {
            (bit, len(self.asked)): many
            for bit, many in store.rows(
                " UNION ALL ".join(
                    f"SELECT toInt32(substring(segment, 2)), converters FROM {table} "
                    "WHERE site = {site:String} AND currency = ''"
                    for table in ("released_segment_goals", "late_segment_goals")
                ),
                {"site": self.site.key},
            )
        }
        self.cells = store.rows(
            "SELECT dimension, value, by_dimension, by_value, visitors FROM released_pairs WHERE site = {site:String}",
            {"site": self.site.key},
        )

    def pinned(self, chain: Sequence[str], segments: bool) -> set[tuple[tuple[str, ...], ...]]:
        """The groups of too few people of whom it follows how many they are."""
        atoms: dict[tuple[str, ...], int] = defaultdict(int)
        names = [*dict.fromkeys((*chain, *CROSSED))]
        for one in self.crowd:
            atoms[(*(one[name] for name in names), str(self.mask(one)))] += 1
        model = highspy.Highs()
        model.setOptionValue("output_flag", False)
        variables = {one: model.addVariable(lb=0) for one in atoms}
        for (dimension, value, bit), many in self.numbers.items():
            # Of all visitors the tables of the dimensions that pairs cross with it, too.
            near = ("", *chain) if bit is not None else ("", *names)
            if (segments or bit is None or bit == len(self.asked)) and dimension in near:
                among = [one for one in atoms if not dimension or one[names.index(dimension)] == value]
                among = [one for one in among if bit is None or int(one[-1]) >> bit & 1]
                assert sum(atoms[one] for one in among) == many
                model.addConstr(sum((variables[one] for one in among[1:]), variables[among[0]] * 1) == many)
        for bits, many in self.reached.items() if segments else ():
            among = [one for one in atoms if all(int(one[-1]) >> bit & 1 for bit in bits)]
            assert sum(atoms[one] for one in among) == many
            model.addConstr(sum((variables[one] for one in among[1:]), variables[among[0]] * 1) == many)
        for dimension, value, by_dimension, by_value, many in self.cells:
            if {dimension, by_dimension} <= {*names} and {dimension, by_dimension} & {*chain}:
                places = names.index(dimension), names.index(by_dimension)
                among = [one for one in atoms if (one[places[0]], one[places[1]]) == (value, by_value)]
                assert sum(atoms[one] for one in among) == many
                model.addConstr(sum((variables[one] for one in among[1:]), variables[among[0]] * 1) == many)
        found = set()
        for group in self._groups(atoms, len(chain)):
            model.minimize(sum((variables[one] for one in group[1:]), variables[group[0]] * 1))
            least = model.getObjectiveValue()
            model.maximize(sum((variables[one] for one in group[1:]), variables[group[0]] * 1))
            if model.getObjectiveValue() - least < 1e-6:
                found.add(group)
        return found

    def _groups(self, atoms: dict[tuple[str, ...], int], depth: int) -> set[tuple[tuple[str, ...], ...]]:
        found = {(one,) for one, many in atoms.items() if many < K}
        places = {(level, one[level]) for one in atoms for level in range(depth)} | {(-1, "")}
        for (level, value), (one, other) in itertools.product(
            places, itertools.combinations_with_replacement(range(len(self.asked) + 1), 2)
        ):
            parts: dict[tuple[int, int], list[tuple[str, ...]]] = defaultdict(list)
            for atom in atoms:
                if level < 0 or atom[level] == value:
                    parts[int(atom[-1]) >> one & 1, int(atom[-1]) >> other & 1].append(atom)
            found |= {tuple(sorted(part)) for part in parts.values() if sum(atoms[each] for each in part) < K}
        return found


def attacked(store: Store, seed: int, sites: int, later: int = 0, alike: bool = False) -> tuple[int, int]:
    """Of how many groups it follows because of segments; and how many numbers these have. later: so many segments are
    added to the released day, one after the other."""
    dice = random.Random(seed)
    worlds = [World(dice, later, alike) for _ in range(sites)]
    insert(store, [event for one in worlds for event in events_of(one.site, one.crowd)])
    days = [one.day for one in worlds]
    release_together(store, "events", days, NOON + 2 * 86_400, "live", [Flaws()] * len(days))
    won = told = 0
    for one, nth in itertools.product(worlds, range(1, later + 1)):
        known = structs.replace(one.site, segments=one.site.segments[: len(one.asked) - later + nth])
        assert add_segments(store, known, RULES, NOON + 3 * 86_400)
    for one in worlds:
        one.read(store)
        told += len(one.reached) + sum(bit is not None and bit < len(one.asked) for *_, bit in one.numbers)
        with_them = ((chain, one.pinned(chain, True)) for chain in CHAINS)
        won += sum(len(found - one.pinned(chain, False)) for chain, found in with_them if found)
    return won, told


def test_nothing_follows_of_what_is_released(store: Store, record_property: Any) -> None:
    won, told = attacked(store, 1, 6)
    record_property("attack", f"segments: of {told} numbers {won} counts of too few follow")
    assert won == 0
    assert told > 100


# One site whose segments are nearly the same.
_ALIKE: dict[str, Any] = {"seed": 20, "sites": 1, "later": 4, "alike": True}


def test_nothing_follows_of_what_is_added(store: Store, record_property: Any) -> None:
    """Two of five segments, one after the other, and four of five that are nearly the same."""
    found = [attacked(store, 3, max(1, min(12, times(2))), 2), attacked(store, **_ALIKE)]
    won, told = (sum(each) for each in zip(*found, strict=True))
    record_property("attack", f"segments that are added: of {told} numbers {won} counts of too few follow")
    assert won == 0
    assert told > 60


def test_it_does_where_what_is_added_is_not_held_against_what_is_told(
    store: Store, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    monkeypatch.setattr(added_segments, "segments_of", lambda *_: [])
    won, told = attacked(store, **_ALIKE)
    record_property("attack", f"segments, added without a look at those there are: of {told} numbers {won} follow")
    assert won > 3


def test_it_does_where_who_of_what_is_added_reached_a_goal_is_told_always(
    store: Store, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    monkeypatch.setattr(segment_goals.Judge, "takes", lambda *_: True)
    won, told = attacked(store, 3, 2, 2)
    record_property("attack", f"goals of segments that are added, not judged: of {told} numbers {won} follow")
    assert won > 0


def test_it_does_where_all_that_has_enough_is_shown(
    store: Store, monkeypatch: pytest.MonkeyPatch, record_property: Any
) -> None:
    def every(of: Batch, marks: Sequence[Marks], beside: Beside) -> dict[int, list[Chain]]:
        rows = "SELECT d, dimension, value, segment FROM {segmented}"
        of.store.command(of.naming(f"INSERT INTO {{chosen}} (d, dimension, value, segment) {rows}"))
        return {}

    monkeypatch.setattr(rolling, "choose", every)
    won, told = attacked(store, 1, 2)
    record_property("attack", f"segments, without the rule: of {told} numbers {won} counts of too few follow")
    assert won > 20
