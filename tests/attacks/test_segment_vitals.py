"""An attacker who reads how fast pages were for the visits of segments, with all that is told of vitals by values, and
solves for what is not: of a group of too few people he would have their histogram."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator
from typing import Any

import highspy
import pytest
from msgspec import structs

from pipeline.adding.segments import add_segments
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.rule import Rule, Who
from pipeline.rollup.segments import vitals as segment_vitals
from pipeline.rollup.suppression.histograms import Cell, Judge, Values
from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT, Event
from schema.segment import Segment
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from schema.vitals import PEOPLE_BUCKET
from tests.attacks.test_segments_released import SEGMENTS, crowd
from tests.conftest import insert, make_event, times

K = 5
# Of these values and by which conditions so many people were measured, each once.
Atom = tuple[Values, int]
Table = dict[Atom, int]
# The place of a dimension and a value.
Value = tuple[int, str]


def table_of(dice: random.Random, segments: int) -> Table:
    """Of conditions some hold for the same people but for few: as others do, or as a device or a country has."""
    found: Table = {}
    devices, countries = [f"d{n}" for n in range(dice.randint(1, 3))], [f"c{n}" for n in range(dice.randint(1, 4))]
    alike = [dice.choice(("", "", "before", "device", "country", "either")) for _ in range(segments)]
    few = [dice.choice((0.0, 0.02, 0.05)) for _ in range(segments)]
    share = [dice.choice((0.1, 0.4, 0.6, 0.95)) for _ in range(segments)]
    for _ in range(dice.choice((40, 120, 300))):
        device, country = (one[min(int(dice.expovariate(1.2)), len(one) - 1)] for one in (devices, countries))
        mask = 0
        for bit in range(segments):
            near = {
                "": dice.random() < share[bit],
                "before": bool(mask >> max(0, bit - 1) & 1),
                "device": device == devices[0],
                "country": country == countries[0],
                "either": device == devices[-1] or country == countries[-1],
            }[alike[bit]]
            mask |= (near != (dice.random() < few[bit])) << bit
        atom = ((device, country), mask)
        found[atom] = found.get(atom, 0) + 1
    return found


class World:
    """What is told of one table. values: of which vitals are. segments: the bits of those of which they are."""

    def __init__(self, table: Table, values: Collection[Value], segments: Collection[int]) -> None:
        self.table, self.values, self.segments = table, values, segments

    def at(self, value: Value) -> list[Atom]:
        place, one = value
        return [atom for atom in self.table if atom[0][place] == one]

    def of(self, bit: int) -> list[Atom]:
        return [atom for atom in self.table if atom[1] >> bit & 1]

    def many(self, atoms: Collection[Atom]) -> int:
        return sum(self.table[atom] for atom in atoms)

    def wanted(self) -> Iterator[list[Atom]]:
        """Groups: of all or a value, who is in a segment and not in another, in neither, in both, or in one; and who is
        alike in all."""
        every = {(place, value) for values, _ in self.table for place, value in enumerate(values)}
        for among in (*map(self.at, every), [*self.table]):
            for one, other in itertools.combinations_with_replacement(self.segments, 2):
                groups = defaultdict(list)
                for atom in among:
                    groups[atom[1] >> one & 1, atom[1] >> other & 1].append(atom)
                yield from groups.values()
        yield from ([atom] for atom in self.table)

    def pinned(self, segments: bool) -> int:
        """Of how many groups of too few he knows how many they are. segments: he reads of these, too."""
        model: Any = highspy.Highs()  # type: ignore[no-untyped-call]
        model.setOptionValue("output_flag", False)
        variables = {one: model.addVariable(lb=0) for one in self.table}
        for among in ([*self.table], *map(self.at, self.values), *(self.of(bit) for bit in self.segments if segments)):
            model.addConstr(sum(variables[one] for one in among) == self.many(among))
        found = 0
        for group in {frozenset(group) for group in self.wanted() if 0 < self.many(group) < K}:
            total = sum(variables[one] for one in group)
            model.minimize(total)
            least = model.getObjectiveValue()
            model.maximize(total)
            found += model.getObjectiveValue() - least < 1e-6
        return found

    @property
    def wins(self) -> bool:
        """Whether something follows that does not without segments."""
        return bool(self.segments) and self.pinned(True) > self.pinned(False)


def cells_of(table: Table) -> list[Cell]:
    found: defaultdict[Values, dict[int, list[Who]]] = defaultdict(dict)
    number = itertools.count(1)
    for (values, mask), many in table.items():
        mine = frozenset(itertools.islice(number, many))
        found[values][mask] = [Who(mine, mine)]
    return [Cell(*one) for one in found.items()]


def told_of(table: Table, segments: int, judged: bool) -> World:
    """judged: by the rule; else what k people have, and k people or nobody have not."""
    values = Counter[Value]()
    sides = Counter[tuple[int, int]]()
    for (each, mask), many in table.items():
        for place, value in enumerate(each):
            values[place, value] += many
        for bit in range(segments):
            sides[bit, mask >> bit & 1] += many
    judge = Judge({mask for _, mask in table}, cells_of(table), (), {}, Rule(K, K))
    enough = [bit for bit in range(segments) if sides[bit, 1] >= K]
    told = [bit for bit in enough if (judge.takes(bit, did=False) if judged else not 0 < sides[bit, 0] < K)]
    return World(table, [one for one, many in values.items() if many >= K], told)


def attacked(tables: int, segments: int, judged: bool) -> tuple[int, int]:
    """In how many tables something follows; and how many segments are told."""
    dice = (random.Random(9000 * segments + seed) for seed in range(tables))
    worlds = [told_of(table_of(one, segments), segments, judged) for one in dice]
    return sum(world.wins for world in worlds), sum(len(world.segments) for world in worlds)


@pytest.mark.parametrize("segments", [1, 2, 4])
def test_nothing_follows(segments: int, record_property: Any) -> None:
    won, told = attacked(max(40, times(80)), segments, judged=True)
    record_property("attack", f"vitals of segments: of {told} histograms {won} tables give somebody away")
    assert won == 0
    assert told > 8


@pytest.mark.parametrize("segments", [2, 4])
def test_it_does_without(segments: int, record_property: Any) -> None:
    won, told = attacked(30, segments, judged=False)
    record_property("attack", f"vitals of segments, not judged: of {told} histograms {won} tables give somebody away")
    assert won > 3


def test_of_a_band_all_or_nobody_did_is_not_told() -> None:
    """Of fifty with fast pages ten signed up, of seven with slow ones all: as rates of goals do not tell it."""
    people = itertools.count(1)

    def some(many: int) -> list[Who]:
        mine = frozenset(itertools.islice(people, many))
        return [Who(mine, mine)]

    for slow, is_told in (({1: some(7)}, False), ({1: some(7), 0: some(4)}, False), ({1: some(7), 0: some(5)}, True)):
        fast = {0: some(40), 1: some(10)}
        masks = {mask: [*fast[mask], *slow.get(mask, ())] for mask in fast}
        judge = Judge([*masks], [Cell(("mobile",), masks)], (), {"good": fast, "poor": slow}, Rule(K, K))
        assert judge.takes(0, did=True) is is_told
        judge = Judge([*masks], [Cell(("mobile",), masks)], (), {"good": fast, "poor": slow}, Rule(K, K))
        assert judge.takes(0, did=False)


# -- before a house ----------------------------------------------------------------------------------------------------

DAY = dt.date(2046, 2, 6)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
RULES = SiteRules(K, 30, "balanced", networks=1)
BY = ("device", "country", "browser", "path")
_NUMBER = itertools.count(1)


class Released:
    """A site of which everybody is measured once, and its table."""

    def __init__(self, dice: random.Random) -> None:
        asked = dice.sample(SEGMENTS, 4)
        segments = tuple(Segment(f"s{nth}", where) for nth, (where, _) in enumerate(asked))
        self.site = Site(f"gauged-{next(_NUMBER)}", goals=(Goal("Buy", event="buy"),), segments=segments, pairs=())
        self.table: Table = Counter()
        self.events: list[Event] = []
        for nth, one in enumerate(crowd(dice), start=1):
            mask = sum(means(one) << bit for bit, (_, means) in enumerate(asked))
            self.table[tuple(one[name] for name in BY), mask] += 1
            events: list[dict[str, Any]] = [{"name": "pageview"}, {"name": ENGAGEMENT, "lcp": 900.0}]
            events += [{"name": "buy"}] if one["name"] == "buy" else []
            for at, event in enumerate(events):
                given = {**one, "visitor": nth, "network_number": nth, **event}
                self.events.append(make_event(self.site.key, NOON + nth + at, DAY, **given))

    def told(self, store: Store) -> World:
        """Of LCP, as it was released."""
        read = "FROM released_%s WHERE site = {site:String} AND metric = 'lcp' AND bucket = %d AND grain = 'day'"
        given = {"site": self.site.key}
        places = {"device": 0, "country": 1, "browser": 2, "page": 3}
        values = store.rows(f"SELECT dimension, value, people {read % ('vitals', PEOPLE_BUCKET)}", given)
        segments = store.rows(
            f"SELECT toInt32(substring(segment, 2)), people {read % ('segment_vitals', PEOPLE_BUCKET)}", given
        )
        named = {(places[by], value): many for by, value, many in values if by in places and value != "(other)"}
        world = World(self.table, [*named], sorted(bit for bit, _ in segments))
        assert all(world.many(world.at(value)) == many for value, many in named.items())
        assert all(world.many(world.of(bit)) == many for bit, many in segments)
        return world


def released(store: Store, sites: int) -> list[World]:
    dice = random.Random(11)
    houses = [Released(dice) for _ in range(sites)]
    insert(store, [event for one in houses for event in one.events])
    days = [SiteDay(one.site, DAY, RULES) for one in houses]
    release_together(store, "events", days, NOON + 2 * 86_400, "live", [Flaws()] * len(days))
    return [one.told(store) for one in houses]


@pytest.mark.slow
@pytest.mark.clickhouse
def test_nothing_follows_of_what_is_released(store: Store, record_property: Any) -> None:
    worlds = released(store, max(8, min(60, times(20))))
    won, told = sum(one.wins for one in worlds), sum(len(one.segments) for one in worlds)
    record_property("attack", f"released: of {told} histograms of segments {won} sites give somebody away")
    assert won == 0
    assert told > 5


def of_two_who_are_not_in_it(store: Store, later: bool) -> int:
    """Sixty came by one page and sixty by another; of these two are measured. How many of them are told by all who
    were, less those of the segment; 0 where it is not told. later: it is declared when the day is released."""
    segment = Segment("shop", {"entry_page": "/shop"})
    site = Site(f"gauged-{next(_NUMBER)}", segments=() if later else (segment,), pairs=())
    events = []
    for nth in range(1, 121):
        given: dict[str, Any] = {"visitor": nth, "network_number": nth, "path": "/shop" if nth <= 60 else "/"}
        events.append(make_event(site.key, NOON + nth, DAY, **given))
        if nth <= 62:
            events.append(make_event(site.key, NOON + nth, DAY, **given, name=ENGAGEMENT, lcp=900.0))
    insert(store, events)
    release_together(store, "events", [SiteDay(site, DAY, RULES)], NOON + 2 * 86_400, "live", [Flaws()])
    assert add_segments(store, structs.replace(site, segments=(segment,)), RULES, NOON + 3 * 86_400)
    kind = "late" if later else "released"
    sums = (
        f"SELECT sum(samples) FROM {table} WHERE site = {{site:String}} AND metric = 'lcp' AND dimension = ''"
        for table in ("released_vitals", f"{kind}_segment_vitals")
    )
    every, mine = (int(store.rows(sql, {"site": site.key})[0][0]) for sql in sums)
    shown = f"SELECT visitors FROM {kind}_segments WHERE site = {{site:String}} AND dimension = ''"
    assert store.rows(shown, {"site": site.key}) == [(60,)]
    return every - mine if mine else 0


@pytest.mark.slow
@pytest.mark.clickhouse
def test_what_all_less_a_segment_have_is_of_enough(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also of one that is added to a released day."""
    assert of_two_who_are_not_in_it(store, later=False) == 0
    assert of_two_who_are_not_in_it(store, later=True) == 0

    class All(Judge):
        def takes(self, bit: int, did: bool) -> bool:
            return True

    monkeypatch.setattr(segment_vitals, "Judge", All)
    assert of_two_who_are_not_in_it(store, later=True) == 2


def test_what_a_released_day_tells_of_a_segment_is_known_of_one_that_is_added() -> None:
    """Both hold for forty people, and each for one beside them."""
    masks = {mask: [Who(mine, mine)] for mask, mine in (
        (0b11, frozenset(range(40))),
        (0b01, frozenset({50})),
        (0b10, frozenset({51})),
        (0b00, frozenset(range(60, 100))),
    )}  # fmt: skip
    cells = [Cell(("mobile",), masks)]
    assert not Judge([*masks], cells, [0], {}, Rule(K, K)).takes(1, did=False)
    assert Judge([*masks], cells, (), {}, Rule(K, K)).takes(1, did=False), "where it is not, one less the other is one"
