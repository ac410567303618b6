"""What weeks tell of pairs, against plain Python that shares nothing with the rollup: of made-up sites with a k, since
with a k of 1 nothing waits."""

from __future__ import annotations

import datetime as dt
import itertools
import random
from collections import Counter, defaultdict
from collections.abc import Sequence

import pytest

from pipeline.blocks import close_blocks
from pipeline.release import Flaws, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.settings import SiteRules
from schema.event import Event
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert, make_event, times
from tests.pipeline.weeks import GRACE_S, MONDAY

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse]

RULES = SiteRules(3, 30, "balanced", networks=3, k_late=6, late_others=2)
ALL = SiteRules(1, 30, "balanced", networks=1, k_late=6, late_others=2)
END = day_bounds("UTC", day_number(MONDAY)).start + 7 * 86_400 + GRACE_S + 1
_NUMBER = itertools.count(1)
# country, channel
Cell = tuple[str, str]
# visits, pageviews, bounces, seconds
Sums = tuple[int, ...]


class Few:
    """A site with some days of a week, of a few people each. counted: by day, of each cell."""

    def __init__(self, dice: random.Random, rules: SiteRules) -> None:
        self.rules = rules
        self.site = Site(f"pair-weeks-{next(_NUMBER)}", pairs=("country x channel",))
        self.days = [MONDAY + dt.timedelta(number) for number in sorted(dice.sample(range(7), 5))]
        self.counted: dict[dt.date, dict[Cell, Sums]] = {}
        self.events: list[Event] = []
        cells = [*itertools.product(("DE", "FR", "AT"), ("Search", "Mail", ""))]
        # The same few on each day, so that days hide the same circle, whatever else they hide.
        rare = {*itertools.product(dice.sample(("DE", "FR", "AT"), 2), dice.sample(("Search", "Mail", ""), 2))}
        weights = [0.25 * dice.random() if cell in rare else 0.5 + dice.random() for cell in cells]
        for number, day in enumerate(self.days):
            found: defaultdict[Cell, Counter[int]] = defaultdict(Counter)
            noon = day_bounds("UTC", day_number(day)).start + 43_200
            for nth, cell in enumerate(dice.choices(cells, weights, k=dice.randint(60, 120)), start=1):
                seen = [noon, *(noon + 9 * more for more in range(1, dice.choice((1, 1, 2, 3))))]
                who = {"visitor": 1000 * number + nth, "network_number": nth, "country": cell[0], "channel": cell[1]}
                self.events += (make_event(self.site.key, at, day, **who) for at in seen)
                for place, more in enumerate((1, len(seen), int(len(seen) == 1), seen[-1] - noon)):
                    found[cell][place] += more
            self.counted[day] = {cell: tuple(sums[place] for place in range(4)) for cell, sums in found.items()}


_SUMS = "visits, pageviews, bounces, visit_seconds"
_SHOWN = f"SELECT site, day, by_value, value, {_SUMS} FROM released_pairs WHERE site IN {{sites:Array(String)}}"
_LATE = f"SELECT site, by_value, value, days, {_SUMS} FROM late_pairs WHERE site IN {{sites:Array(String)}}"


def closed(store: Store, made: Sequence[Few]) -> None:
    insert(store, [event for few in made for event in few.events])
    due = [SiteDay(few.site, day, few.rules) for few in made for day in few.days]
    release_together(store, "events", due, END, "live", [Flaws()] * len(due))
    store.command("TRUNCATE TABLE watermarks")
    store.insert("watermarks", ("spool", "received_through"), (("1",), (END,)))
    close_blocks(store, [(few.site, few.rules) for few in made], END, GRACE_S)


def is_sum_of(sums: Sums, days: int, hidden: Sequence[Sums]) -> bool:
    """Whether it is the sum of so many of them: which ones is told to nobody."""
    return any(sums == tuple(map(sum, zip(*some, strict=True))) for some in itertools.combinations(hidden, days))


def test_days_and_weeks_tell_of_a_cell_what_a_recount_finds(store: Store) -> None:
    """With a k of 1 days tell all of them."""
    dice = random.Random(63)
    made = [Few(dice, ALL if nth % 4 == 3 else RULES) for nth in range(min(400, max(24, times(48))))]
    closed(store, made)
    by_site = {few.site.key: few for few in made}
    shown: defaultdict[str, set[tuple[dt.date, Cell]]] = defaultdict(set)
    for site, day, *row in store.rows(_SHOWN, {"sites": [*by_site]}):
        assert by_site[site].counted[day][row[0], row[1]] == tuple(row[2:])
        shown[site].add((day, (row[0], row[1])))
    late = store.rows(_LATE, {"sites": [*by_site]})
    for site, *row in late:
        cell, days, sums = (row[0], row[1]), row[2], tuple(row[3:])
        counted = by_site[site].counted
        hidden = [its[cell] for day, its in counted.items() if cell in its and (day, cell) not in shown[site]]
        assert days > 1
        assert is_sum_of(sums, days, hidden)
    assert len(late) > len(made) // 2, "there is something to find"
    for few in made:
        if few.rules is ALL:
            assert len(shown[few.site.key]) == sum(map(len, few.counted.values()))
    wait = {site for (site,) in store.rows("SELECT DISTINCT site FROM waiting_pairs")}
    assert wait
    assert wait <= {few.site.key for few in made if few.rules is RULES}
