"""A house for attackers: what they can do is have visits counted and look at what everybody may see who is signed in.

The store, the pipeline and the reports are the real ones; events go in as the writer puts them.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from typing import Any

from msgspec import to_builtins

from dashboards.stats.period import Period
from dashboards.stats.query import Query
from dashboards.stats.report import Reports
from pipeline.release import Flaws, release, release_together
from pipeline.rollup.batch import SiteDay
from pipeline.rollup.stages import roll_up
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from schema.funnel import Funnel
from schema.site import Goal, Site, day_bounds, day_number
from schema.store import Store
from tests.arriving import Arriving, arrived_of
from tests.conftest import make_event
from tests.together import Work, roll_up_days

DAY = dt.date(2046, 2, 3)
NOON = day_bounds("UTC", day_number(DAY)).start + 43_200
_NUMBER = itertools.count(1)


class House(Arriving):
    """One site. k: the rule that attackers are up against, 1 switches it off; networks: the same of N4, 0: as k;
    bound: of what one visitor adds, 0 switches it off."""

    def __init__(
        self, store: Store, k: int, networks: int = 0, bound: float = 0.0, funnels: tuple[Funnel, ...] = ()
    ) -> None:
        super().__init__(store)
        goals = (Goal("Sign up", event="signup"), Goal("Buy", event="purchase"))
        self.site = Site(f"attacked-{next(_NUMBER)}", goals=goals, funnels=funnels, release_k=k)
        self.rules = SiteRules(k, 30, "balanced", networks=networks, bound=bound)
        self.now = NOON
        self._pipeline = Pipeline(store, [(self.site, self.rules)], RollupSettings(every_s=60), clock=lambda: self.now)
        self._reports = Reports(store, [self.site], clock=lambda: NOON + 7200)

    def visit(self, visitor: int, path: str = "/", at: int = 0, **given: Any) -> None:
        """Have an event counted."""
        self.arriving.append(make_event(self.site.key, NOON + at, DAY, visitor=visitor, path=path, **given))

    def visits(self, hits: Sequence[tuple[int, dict[str, Any]]]) -> None:
        """Have events counted together: seconds after noon, and what they have."""
        self.arriving += (make_event(self.site.key, NOON + at, DAY, **given) for at, given in hits)

    def counted(self, reason: str = "count_only", times: int = 1) -> None:
        """Have a page view counted, of somebody who asked not to be recorded, or with another outcome."""
        midnight = day_number(DAY) * 86_400
        columns = ("site", "minute", "reason", "count")
        self.store.insert("ingest", columns, ((self.site.key,), (midnight,), (reason,), (times,)))

    def wait(self, at: int) -> None:
        """Let the periodic work have its turn, so many seconds after noon."""
        self.now = NOON + at
        assert self.store is self._pipeline.store, "all that happened has arrived"
        self._pipeline.roll_up()
        self._pipeline.publish_counts()

    def follow(self, rules: SiteRules) -> None:
        """Have the operator change the rules."""
        if rules != self.rules:
            self.rules = rules
            self._pipeline.follow([(self.site, rules)])
            self._pipeline._due = 0.0

    def waiting(self, at: int) -> Work:
        """The roll-up of `wait` for all who wait for the same, by a pipeline that has begun with it."""
        return Work(_wait, self, NOON + at)

    def settle(self) -> None:
        """Have all there is shown, as if there had been steps enough."""
        roll_up(self.store, self.site, DAY, self.rules)

    def settling(self) -> Work:
        """The same for all who wait for it."""
        return Work(_settle, self)

    def releasing(self) -> Work:
        """`release` for all who wait for it."""
        return Work(_release, self)

    def release(self) -> None:
        """Let the day be over."""
        release(self.store, "events", self.site, [DAY], self.rules, NOON + 86_400, "live")

    def overview(self, days: int = 1) -> dict[str, Any]:
        """What the page of the site shows, of so many days from the first one."""
        period = Period(DAY, DAY + dt.timedelta(days=days - 1), "")
        shown: dict[str, Any] = to_builtins(self._reports.overview(self.site, period, rows=100))
        return shown

    def stats(self, by: str = "", *filters: str) -> dict[str, Any]:
        """What the interface answers."""
        return self._reports.stats(Query.of(self.site.key, DAY, DAY, by, filters))

    def rows(self, by: str, *filters: str) -> dict[str, dict[str, Any]]:
        """The rows of an answer by their value."""
        return {row["value"]: row for row in self.stats(by, *filters)["rows"]}


def _wait(store: Store, houses: Sequence[House], now: int) -> Sequence[None]:
    arrived_of(houses)
    sites = [(house.site, house.rules) for house in houses]
    Pipeline(store, sites, RollupSettings(every_s=60), clock=lambda: now).roll_up()
    return [None] * len(houses)


def _settle(store: Store, houses: Sequence[House]) -> Sequence[None]:
    return roll_up_days(store, _days(houses))


def _release(store: Store, houses: Sequence[House]) -> Sequence[None]:
    release_together(store, "events", _days(houses), NOON + 86_400, "live", [Flaws()] * len(houses))
    return [None] * len(houses)


def _days(houses: Sequence[House]) -> list[SiteDay]:
    """Of all that has happened there."""
    arrived_of(houses)
    return [SiteDay(house.site, DAY, house.rules) for house in houses]
