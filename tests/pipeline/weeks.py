"""A site over some weeks, for tests of blocks: who came on which day, from which network, and what he saw.

The store and the pipeline are the real ones; events go in as the writer puts them; days and blocks close by the clock.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from dashboards.stats.query import Query
from dashboards.stats.report import Reports
from pipeline.blocks import close_blocks
from pipeline.close_days import close_days
from pipeline.settings import SiteRules
from schema.families import WAITING_TABLES
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.arriving import Arriving, arrived_of
from tests.conftest import make_event
from tests.together import Work

# A Monday that begins four weeks.
MONDAY = dt.date(2046, 1, 1)
GRACE_S = 300
_NUMBER = itertools.count(1)


class Weeks(Arriving):
    """rules: what holds when a day closes; may be changed between days."""

    def __init__(self, store: Store, rules: SiteRules | None = None, first: dt.date = MONDAY) -> None:
        super().__init__(store)
        self.first = first
        goals = (Goal("Sign up", event="signup"), Goal("Buy", event="purchase"))
        self.site = Site(f"weeks-{next(_NUMBER)}", goals=goals)
        self.rules = rules or SiteRules(5, 30, "balanced", networks=5, k_late=10, late_others=3)

    def day(self, number: int) -> dt.date:
        """The day so many days after the first one."""
        return self.first + dt.timedelta(days=number)

    def noon(self, number: int) -> int:
        return day_bounds("UTC", day_number(self.day(number))).start + 43_200

    def visit(self, day: int, visitor: int, path: str = "/", at: int = 0, **given: Any) -> None:
        """Have an event counted. network_number: of each visitor his own, unless told."""
        given = {"network_number": 10_000 + visitor} | given
        self.arriving.append(
            make_event(self.site.key, self.noon(day) + at, self.day(day), visitor=visitor, path=path, **given)
        )

    def crowd(self, day: int, people: int = 20, path: str = "/") -> None:
        """So many others who see one page, each from a network of his own."""
        start, date = self.noon(day), self.day(day)
        self.arriving += (
            make_event(self.site.key, start + n, date, visitor=50_000 + n, path=path, network_number=60_000 + n)
            for n in range(people)
        )

    def arrived(self, through: float) -> None:
        """Have the one spool there is report that second, Unix seconds."""
        # The store is that of other tests, too, whose spools may have stopped long before, or gone further.
        self.store.command("TRUNCATE TABLE watermarks")
        self.store.insert("watermarks", ("spool", "received_through"), (("1",), (int(through),)))

    def close(self, after: int) -> list[tuple[str, dt.date, int]]:
        """Close what is over when that day is; the blocks."""
        [blocks] = _close(self.store, [self], self.noon(after))
        return blocks

    def closing(self, after: int) -> Work:
        """The same for all who wait for it, whose days are the same."""
        return Work(_close, self, int(self.noon(after)))

    def late(self, dimension: str = "page", grain: str = "week", columns: str = "visitors") -> dict[str, Any]:
        """What was released with blocks, by value; without what has left the folded rows."""
        rows = self.store.rows(
            f"""SELECT value, {columns} FROM late_cells WHERE site = {{site:String}} AND grain = {{grain:String}}
            AND dimension = {{dimension:String}} AND value != '(other)' ORDER BY day, value""",
            {"site": self.site.key, "grain": grain, "dimension": dimension},
        )
        return {value: rest[0] if len(rest) == 1 else rest for value, *rest in rows}

    def reports(self) -> Reports:
        """What the dashboards answer from, long after."""
        site = structs.replace(self.site, release_k=self.rules.k, release_networks=self.rules.least_networks)
        return Reports(self.store, [site], clock=lambda: self.noon(60))

    def stats(self, first: int, last: int, by: str = "", *filters: str) -> dict[str, Any]:
        """What the interface answers of these days."""
        return self.reports().stats(Query.of(self.site.key, self.day(first), self.day(last), by, filters))

    def waiting(self) -> int:
        """How many rows wait."""
        counts = " UNION ALL ".join(
            f"SELECT count() AS n FROM {table} WHERE site = {{s:String}}" for table in WAITING_TABLES
        )
        return int(self.store.rows(f"SELECT sum(n) FROM ({counts})", {"s": self.site.key})[0][0])


def _close(store: Store, houses: Sequence[Weeks], noon: int) -> list[list[tuple[str, dt.date, int]]]:
    """Close what is over of all of them when the day of that noon is; the blocks of each."""
    now = noon + 43_200 + GRACE_S + 1
    arrived_of(houses)
    sites = [(house.site, house.rules) for house in houses]
    houses[0].arrived(now)
    close_days(store, sites, now, GRACE_S, frozenset())
    blocks = close_blocks(store, sites, now, GRACE_S)
    return [[block for block in blocks if block[0] == house.site.key] for house in houses]
