"""The attacker of test_pairs_of_weeks.py beside segments of the days, which ask for cells that are of few on one day
and of enough on another one: does a day's segment tell what circles of two days rely on? He knows which cells are of
nobody."""

from __future__ import annotations

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from msgspec import structs

from pipeline.rollup.pairs import block as pair_block
from schema.pair import paired
from schema.segment import Segment
from schema.store import Store
from tests.attacks.test_pairs import World
from tests.attacks.test_pairs_in_blocks import all_that_is_enough
from tests.attacks.test_pairs_of_weeks import Attacker, K, Means, Week, attacked

pytestmark = [pytest.mark.long, pytest.mark.slow, pytest.mark.clickhouse]

_CELLS = tuple(itertools.product(("Organic", "Paid", "Social", "Referral"), ("DE", "FR", "AT", "IS")))
DENSE = World(
    ("channel", "country", "device"),
    tuple((*cell, device) for cell in _CELLS for device in ("desktop", "mobile")),
    (paired("channel", "country"),),
    (),
)
Asked = tuple[dict[str, Any], Means]


class Segmented(Week):
    """Few values and few visitors, and segments of cells that some days hide."""

    def __init__(self, seed: int) -> None:
        super().__init__(DENSE, seed)
        dice = random.Random(seed)
        cells = [cell for cell in _CELLS if self._is_of_few_and_of_enough(cell)]
        dice.shuffle(cells)
        asked = dict(zip(("s0", "s1", "s2"), itertools.chain.from_iterable(map(_asked, cells)), strict=False))
        self.means = {name: means for name, (_, means) in asked.items()}
        self.site = structs.replace(
            self.site, segments=tuple(Segment(name, where) for name, (where, _) in asked.items())
        )

    def some_days(self, dice: random.Random) -> list[Counter[tuple[str, ...]]]:
        cells = [dice.paretovariate(0.8) * (dice.random() < 0.85) for _ in _CELLS]
        weights = [weight * share + 0.01 for weight in cells for share in (1, 0.7)]
        days = dice.choice((2, 3, 4, 7))
        return [Counter(dice.choices(self.world.visits, weights, k=dice.randint(60, 160))) for _ in range(days)]

    def _is_of_few_and_of_enough(self, cell: tuple[str, ...]) -> bool:
        sizes = [sum(many for visit, many in day.items() if visit[:2] == cell) for day in self.truth]
        return any(0 < size < K for size in sizes) and any(K <= size < 3 * K for size in sizes)


def _asked(cell: tuple[str, str]) -> Iterator[Asked]:
    """A cell, its row without it, and some of it."""
    channel, country = cell
    yield (
        {"channel": channel, "country": country},
        lambda one: (one["channel"], one["country"]) == cell,
    )
    yield (
        {"channel": channel, "not": {"country": country}},
        lambda one: one["channel"] == channel and one["country"] != country,
    )
    yield (
        {"channel": channel, "country": country, "device": "mobile"},
        lambda one: (one["channel"], one["country"], one["device"]) == (*cell, "mobile"),
    )


class Knowing(Attacker):
    def __init__(self, week: Week, pairs: bool) -> None:
        super().__init__(week, pairs)
        for number, counts in enumerate(week.truth):
            for channel, country in {*_CELLS} - {(visit[0], visit[1]) for visit in counts}:
                self.sum([number], (("channel", channel), ("country", country)), 0)


def test_no_count_of_few_follows(store: Store, report: Callable[[str, str], None]) -> None:
    weeks = [Segmented(seed) for seed in range(24)]
    counts, pinned, told = attacked(store, weeks, Knowing)
    numbers = sum(len(week.parts) for week in weeks)
    found = f"{pinned} of {counts} pinned, {told} cells told with weeks, {numbers} numbers of segments"
    report("weeks of pairs beside segments of their days", found)
    assert told > 10
    assert numbers > 50
    assert pinned == 0


def test_some_do_where_only_the_size_of_sums_is_looked_at(
    store: Store, monkeypatch: pytest.MonkeyPatch, report: Callable[[str, str], None]
) -> None:
    monkeypatch.setattr(pair_block, "told_of", all_that_is_enough)
    counts, pinned, told = attacked(store, [Segmented(seed) for seed in range(24)], Knowing)
    report("the same by the size of sums alone", f"{pinned} of {counts} pinned, {told} cells told with weeks")
    assert pinned > 3
