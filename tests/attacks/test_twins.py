"""An attacker who solves for what pairs hide, and knows of a goal that it is one value of a device: whoever has that
device sees a page of its own. Or that a device and a source are of the same people."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import pytest
from msgspec import structs

from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.cells import twins
from pipeline.rollup.pairs import cells as pair_cells
from pipeline.rollup.pairs import stage as pairs
from schema.site import Goal
from schema.store import Store
from tests.conftest import insert, times

from .test_pairs import ALL_PAIRS, DAY, NOON, RULES, Attacker, Day, few

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

TWIN = "mobile"


class Goals(Day):
    """A day of a site that has such a goal. told: by dimension and value how many reached it."""

    def __init__(self, seed: int) -> None:
        super().__init__(ALL_PAIRS, seed)
        self.site = structs.replace(self.site, goals=(Goal("Mobile", page=f"/{TWIN}"),))
        self.told: dict[tuple[str, str], int] = {}

    def events(self) -> Iterator[Any]:
        for event in super().events():
            yield structs.replace(event, path=f"/{event.device}")

    def read(self, store: Store) -> None:
        super().read(store)
        rows = store.rows(
            """SELECT dimension, value, converters FROM released_conversions
            WHERE site = {site:String} AND grain = 'day' AND value != '(other)'""",
            {"site": self.site.key},
        )
        self.told = {(dimension, value): people for dimension, value, people in rows}


class Values(Day):
    """A day on which the visitors of one source, and nobody else, have one device."""

    def __init__(self, seed: int) -> None:
        super().__init__(ALL_PAIRS, seed)
        dice = random.Random(seed)
        visits = [visit for visit in ALL_PAIRS.visits if (visit[0] == "Ask") == (visit[3] == "tv")]
        weights = [dice.paretovariate(0.7) * (3 if visit[0] == "Ask" else 1) for visit in visits]
        self.truth = Counter(dice.choices(visits, weights, k=dice.randint(60, 200)))


class Reader(Attacker):
    def __init__(self, day: Day, pairs: bool = True) -> None:
        super().__init__(day, pairs)
        for (dimension, value), people in day.told.items() if isinstance(day, Goals) else ():
            if dimension in day.world.names or not dimension:
                self._sum({"device": TWIN} | ({dimension: value} if dimension else {}), people)


def attacked(store: Store, closed: Sequence[Day]) -> tuple[int, int, int]:
    """How many counts of fewer than k there are, how many of them are pinned that are not without pairs, and how many
    cells are shown."""
    insert(store, [event for day in closed for event in day.events()])
    due = [SiteDay(day.site, DAY, RULES) for day in closed]
    release_together(store, "events", due, NOON + 86_400, "live", [Flaws()] * len(closed))
    hidden_ones = pinned = shown = 0
    for day in closed:
        day.read(store)
        reader, before = Reader(day), Reader(day, pairs=False)
        shown += len(day.pairs)
        for values in few(day):
            hidden_ones += 1
            pinned += reader.pins(**values) and not before.pins(**values)
    return hidden_ones, pinned, shown


@pytest.mark.parametrize("kind", [Goals, Values])
def test_nobody_is_pinned_by_twins(
    store: Store, kind: type[Goals | Values], report: Callable[[str, str], None]
) -> None:
    hidden_ones, pinned, shown = attacked(store, [kind(seed) for seed in range(times(24))])
    report(
        f"twins ({kind.__name__}) in pairs, solved for together",
        f"{pinned} of {hidden_ones} pinned, {shown} cells shown",
    )
    assert hidden_ones > 100
    assert shown > 10
    assert pinned == 0


@pytest.mark.parametrize("missing", ["twins", pytest.param("what is known of them", marks=pytest.mark.long)])
def test_some_are_without(store: Store, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing == "twins":
        monkeypatch.setattr(twins.Values, "twins", lambda *_: [])
    else:
        monkeypatch.setattr(pairs, "places_of", lambda _: {})
    _, pinned, _ = attacked(store, [Goals(seed) for seed in range(20)])
    assert pinned > 0


def test_some_are_where_values_are_not_compared(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pair_cells, "alike", lambda *_: {})
    _, pinned, _ = attacked(store, [Values(seed) for seed in range(30)])
    assert pinned > 0
