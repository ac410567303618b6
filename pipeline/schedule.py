"""The periodic work of the instance, as one table.

In: a store, the sites and their rules. Out: open days recomputed, closed days released, expired rows gone, counts of
outcomes published.
Promises: one job at a time; a job that fails is logged by its name and runs again.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

import structlog

from schema.lasting import Lasting, kind_and_place
from schema.site import Site
from schema.store import Store, StoreDown

from .adding.funnels import add_funnels
from .adding.goals import add_goals
from .adding.pairs import add_pairs
from .adding.properties import add_properties
from .adding.sections import add_sections
from .adding.segments import add_segments
from .asked import ALWAYS, Asked
from .bare_totals import publish_bare_totals
from .blocks import close_blocks
from .close_days import close_days
from .crawlers import publish_crawlers
from .each import for_each
from .erase import erase
from .imports import abandon_all
from .jobs import Jobs
from .months import sum_months
from .open_days import ahead_of_time, received_by_spool
from .outcomes import publish_outcomes
from .retention import expire
from .rolling import Rolling
from .rollup.visits.snapshot import Key
from .settings import RollupSettings, SiteRules
from .spool.quarantine import Quarantine
from .ticking import Ticking
from .waiting_days import expire_waiting

log = structlog.get_logger("schedule")

Result = TypeVar("Result")

CLOSE_EVERY_S = 30
ERASE_EVERY_S = 5
EXPIRE_EVERY_S = 3600
# Goals are added to days of the past for so long at a time: nobody waits for them.
_ADDING_S = 2.0
_LONGEST_ERASURE_WAIT_S = 3600


# What is added to released days, in this order, and as what it may be left out.
_ADDING: tuple[tuple[Callable[..., bool], str], ...] = (
    (add_goals, "goals"),
    (add_sections, "sections"),
    (add_properties, ""),
    (add_funnels, "funnels"),
    (add_pairs, ""),
    # Last: what else is new could tell of few beside them (as_counted.py).
    (add_segments, "segments"),
)


class Pipeline:
    """Roll up, close, erase, expire. lost_keys(): the site-days (site, ISO day) that had a key lost.
    jobs: told how each job fares. whole_since: see `close_days`. asked: what each day is asked for."""

    def __init__(
        self,
        store: Store,
        sites: Sequence[tuple[Site, SiteRules]],
        settings: RollupSettings,
        quarantine: Quarantine | None = None,
        lost_keys: Callable[[], frozenset[tuple[str, str]]] = frozenset,
        clock: Callable[[], float] = time.time,
        jobs: Jobs | None = None,
        whole_since: float = 0.0,
        asked: Asked = ALWAYS,
    ) -> None:
        self.store = store
        self.jobs = jobs or Jobs()
        self.sites = sites
        self.settings = settings
        self.quarantine = quarantine
        self._lost_keys = lost_keys
        self._whole_since = whole_since
        self._asked = asked
        self._clock = clock
        self._sites = {site.key: (site, rules) for site, rules in sites}
        self._erase_due = 0.0
        self._ahead: list[str] = []
        # The sites whose released days have all goals of theirs: days that close from now on have them, too.
        self._have_goals: set[str] = set()
        self._busy = threading.Lock()
        self.rolling = Rolling(store, settings, clock, self._busy)
        self.rolling.follow(self._sites, asked)
        self._ticking: Ticking | None = None

    def start(self) -> None:
        """Run the table until `stop`."""
        table: tuple[tuple[str, Callable[[], object], float], ...] = (
            ("roll_up", self.roll_up, self.settings.every_s),
            ("close", self.close, CLOSE_EVERY_S),
            ("add_goals", self.add_goals, CLOSE_EVERY_S),
            ("sum_months", lambda: sum_months(self.store), CLOSE_EVERY_S),
            ("erase", self.erase, ERASE_EVERY_S),
            ("expire", self.expire, EXPIRE_EVERY_S),
            ("publish_counts", self.publish_counts, EXPIRE_EVERY_S),
        )
        for name, _, _ in table:
            self.jobs.add(name)
        self._ticking = Ticking([(_named(name, job, self.jobs), every_s) for name, job, every_s in table])
        self._ticking.start()

    def stop(self) -> None:
        if self._ticking:
            self._ticking.stop()

    def follow(self, sites: Sequence[tuple[Site, SiteRules]], asked: Asked = ALWAYS) -> None:
        """Work by these sites and rules from now on: every open day is looked at anew."""
        with self._busy:
            self.sites, self._asked = sites, asked
            self._sites = {site.key: (site, rules) for site, rules in sites}
            self._have_goals.clear()
            self.rolling.follow(self._sites, asked)

    def leave(self, key: str, work: Callable[[], Result]) -> Result:
        """Work for a site no longer, and have that done while no job runs."""
        with self._busy:
            self.sites = [(site, rules) for site, rules in self.sites if site.key != key]
            self._sites.pop(key, None)
            self._have_goals.discard(key)
            self.rolling.leave(self._sites, key)
            return work()

    def roll_up(self) -> list[Key]:
        """Bring open days up to date, where it is time for it; which. Raises what a day failed with."""
        return self.rolling.run()

    def close(self) -> list[Key]:
        """Release the days that are over and complete; which. Who took their consent back before is in none of them."""
        with self._busy:
            now, grace_s = self._clock(), self.settings.grace_s
            self._watch_clocks(now)
            lost, since = self._lost_keys(), self._whole_since
            closed: list[Key] = []

            def days() -> None:
                closed.extend(close_days(self.store, self.sites, now, grace_s, lost, self._erase, since, self._asked))
                self.rolling.closed(closed)

            def blocks() -> None:
                close_blocks(self.store, self.sites, now, grace_s, restored=since > 0)

            # What waits dies after days: a day that fails must not keep all blocks open.
            failed = for_each(lambda close: close(), (days, blocks))
        if failed:
            raise failed
        return closed

    def add_goals(self) -> bool:
        """Count goals, sections, properties, funnels, pairs and segments on days that were released before they were
        declared, some days at a time; whether that is all. Raises what a site failed with, once the others are done."""
        with self._busy:
            until = time.monotonic() + _ADDING_S

            def add(of: tuple[Site, SiteRules]) -> None:
                site, rules = of
                whole = []
                for add_some, what in _ADDING:
                    known = {"but": self._asked.without_past(site, what)} if what else {}
                    whole.append(add_some(self.store, site, rules, self._clock(), until - time.monotonic(), **known))
                if all(whole):
                    self._have_goals.add(site.key)

            failed = for_each(add, [of for of in self.sites if of[0].key not in self._have_goals])
        if failed:
            raise failed
        return all(site.key in self._have_goals for site, _ in self.sites)

    def _watch_clocks(self, now: float) -> None:
        ahead = ahead_of_time(received_by_spool(self.store), now)
        if ahead != self._ahead:
            log.warning("watermarks_ahead_of_the_clock" if ahead else "watermarks_in_time", spools=ahead)
        self._ahead = ahead

    def erase(self) -> list[Key]:
        """Delete the rows of those who took their consent back; the site-days that lost some."""
        if time.monotonic() < self._erase_due:
            return []
        started = time.monotonic()
        with self._busy:
            touched = self._erase()
        # Rows are deleted by writing their neighbours anew. A day's time is promised; a twentieth of it goes into this.
        self._erase_due = time.monotonic() + min(_LONGEST_ERASURE_WAIT_S, 20 * (time.monotonic() - started))
        return touched

    def _erase(self) -> list[Key]:
        touched = erase(self.store, self._sites, self._clock(), self.quarantine)
        self.rolling.lost_rows(touched)
        return touched

    def expire(self) -> int:
        """Remove raw rows past their lifetime, wherever they are; how many."""
        with self._busy:
            # An import that is older than a day has no command any more.
            abandon_all(self.store, older_than_s=86_400)
            if self.quarantine:
                self.quarantine.expire(self._clock())
            now = self._clock()
            expire_waiting(self.store, self.sites, dt.datetime.fromtimestamp(now, dt.UTC).date())
            return expire(self.store, self.sites, now)

    def publish_counts(self) -> None:
        """Publish how many beacons ended how, and what crawlers looked at, of days that are over, and of visitors'
        signals of four weeks."""
        with self._busy:
            now = self._clock()

            def bare_totals() -> None:
                publish_bare_totals(self.store, self.sites, now, self.settings.grace_s, self._whole_since)

            def crawlers() -> None:
                publish_crawlers(self.store, [site for site, _ in self.sites], now)

            jobs = (lambda: publish_outcomes(self.store, now), crawlers, bare_totals)
            failed = for_each(lambda publish: publish(), jobs)
        if failed:
            raise failed


def _named(name: str, job: Callable[[], object], jobs: Jobs) -> Callable[[], None]:
    postponed = Lasting(log, "job_postponed", "job_goes_on", "warning")
    failed = Lasting(log, "job_failed", "job_works_again")

    def run() -> None:
        try:
            with jobs.run(name):
                job()
        except StoreDown as problem:
            if not problem.unreachable:
                postponed.is_so(job=name, problem=str(problem))
        except Exception as problem:
            # An exception's text may quote what it failed on.
            told = kind_and_place(problem)
            failed.is_so(str(told), job=name, **told)
        else:
            postponed.is_over(job=name)
            failed.is_over(job=name)

    return run
