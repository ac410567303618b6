"""Who knows all page views that were counted without being recorded but one, and looks at whatever is published of
them as often as he likes: does he learn whether there was that one?"""

from __future__ import annotations

import contextlib
import datetime as dt
import itertools
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from dashboards.stats.period import Period
from dashboards.stats.report import Reports
from pipeline.bare_totals import publish_bare_totals
from pipeline.settings import SiteRules
from schema.event import COARSE, Count
from schema.site import Site
from schema.store import Store
from tests.pipeline.weeks import GRACE_S, Weeks

pytestmark = pytest.mark.clickhouse

# What he knows of.
OTHERS = 24
_NUMBER = itertools.count(1)


class Killed(BaseException):
    """The end of the process."""


class Bare:
    """Four weeks of sites, by the clock of Weeks. keys: their sites."""

    def __init__(self, store: Store, *keys: str) -> None:
        self.house, self.store = Weeks(store), store
        number = next(_NUMBER)
        self.sites = [(Site(f"bare-{number}-{key}"), SiteRules(5, 30, "balanced")) for key in keys]
        for site, _ in self.sites:
            self.counted(site, 3, "accepted", 40)
        self.house.arrived(self.house.noon(28))

    def counted(self, site: Site, day: int, reason: str, times: int) -> None:
        midnight = self.house.noon(day) - 43_200
        self.store.insert("ingest", Count.__struct_fields__, ((site.key,), (midnight,), (reason,), (times,)))

    def publish(self, after: int, **how: Any) -> list[tuple[str, dt.date]]:
        """Have the periodic work done when that day is over."""
        now = self.house.noon(after) + 43_200 + GRACE_S + 1
        return publish_bare_totals(self.store, self.sites, now, GRACE_S, **how)

    def seen(self, site: Site) -> int | None:
        """What the page says."""
        reports = Reports(self.store, [site], clock=lambda: self.house.noon(60))
        told = reports.overview(site, Period(self.house.day(0), self.house.day(40), "")).count_only
        return told.pageviews if told else None


def advantage(store: Store, coarse: int) -> float:
    """By how much he guesses better than by tossing a coin, for each offset there is: the total variation distance
    between what he sees with that one page view and without."""
    offsets = range(coarse)
    bare = Bare(store, *(f"{views}-{offset}" for views in (OTHERS, OTHERS + 1) for offset in offsets))
    for site, _ in bare.sites:
        bare.counted(site, 5, "count_only", int(site.key.split("-")[2]))
    # In the order of their names.
    draws = itertools.cycle(offsets)
    assert len(bare.publish(27, draw=lambda below: next(draws))) == len(bare.sites)
    seen = {views: Counter[int | None]() for views in (OTHERS, OTHERS + 1)}
    for site, _ in bare.sites:
        seen[int(site.key.split("-")[2])][bare.seen(site)] += 1
    without, with_one = seen.values()
    return sum(abs(without[value] - with_one[value]) for value in {*without, *with_one}) / 2 / len(offsets)


@pytest.mark.slow
def test_one_page_view_more_is_seen_once_in_ten_times_at_most(store: Store) -> None:
    assert advantage(store, COARSE) == pytest.approx(1 / COARSE)


def test_it_is_seen_always_where_the_total_itself_is_published(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.bare_totals.COARSE", 1)
    assert advantage(store, 1) == 1.0


@pytest.mark.slow
def test_who_averages_over_kills_gets_one_number(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before and after whatever is written, with another offset each time."""
    bare = Bare(store, "averaged")
    ((site, _),) = bare.sites
    bare.counted(site, 5, "count_only", 25)
    seen, offsets = [], itertools.cycle((9, 0, 5))
    for moment in (0, 0, 1, 0, 1, 9):
        with monkeypatch.context() as patch:
            kill_at(patch, store, moment)
            with contextlib.suppress(Killed):
                bare.publish(27, draw=lambda below: next(offsets))
        seen.append(bare.seen(site))
    assert seen == [None, None, 30, 30, 30, 30]
    assert next(offsets) == 9, "it was drawn three times: 9, 0, and the 5 that was published"


def kill_at(patch: pytest.MonkeyPatch, store: Store, moment: int) -> None:
    """Let the process end at that moment: before the first that is written, after it, before the second and so on."""
    moments = itertools.count()

    def killing(real: Callable[..., None]) -> Callable[..., None]:
        def write(*given: Any, **more: Any) -> None:
            if next(moments) == moment:
                raise Killed
            real(*given, **more)
            if next(moments) == moment:
                raise Killed

        return write

    for name in ("insert", "command"):
        patch.setattr(store, name, killing(getattr(store, name)))


def test_what_is_counted_of_somebody_alone_tells_not_even_that_he_came(store: Store) -> None:
    """Of a site that nobody else came to there is nothing, with one page view as with none."""
    bare = Bare(store)
    site = Site(f"bare-alone-{next(_NUMBER)}")
    bare.sites = [(site, SiteRules(5, 30, "balanced"))]
    bare.counted(site, 5, "count_only", 1)
    assert bare.publish(27, draw=lambda below: 0) == [(site.key, bare.house.first)]
    assert bare.seen(site) is None
