"""The periodic work of the instance, as one table.

In: a store, the sites and their rules. Out: open days recomputed, closed days released, expired rows gone, counts of
outcomes published.
Promises: one job at a time; a job that fails is logged by its name and runs again.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Collection, Sequence
from typing import TypeVar

import structlog
from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.schedulers.background import BackgroundScheduler
from msgspec import structs

from schema.lasting import Lasting, kind_and_place
from schema.site import Site, local_day
from schema.store import Store, StoreDown

from .added_funnels import add_funnels
from .added_goals import add_goals
from .added_pairs import add_pairs
from .added_properties import add_properties
from .added_sections import add_sections
from .added_segments import add_segments
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
from .open_days import OpenDay, ahead_of_time, open_days, received_by_spool, received_through
from .outcomes import publish_outcomes
from .quarantine import Quarantine
from .retention import expire
from .rollup.batch import Quarter, SiteDay
from .rollup.newcomers import QUARTER_S
from .rollup.publish import begin_anew
from .rollup.shown import due as due_of
from .rollup.together import roll_up_all
from .rollup.warm import IDLE_S, forget
from .settings import RollupSettings, SiteRules
from .waiting_days import expire_waiting

log = structlog.get_logger("schedule")

Result = TypeVar("Result")

CLOSE_EVERY_S = 30
ERASE_EVERY_S = 5
EXPIRE_EVERY_S = 3600
# Rolling up all sites may take a sixth of the time, and waits at most a minute. Those that somebody looks at need not
# wait for the others, and no longer than `watched_wait_s`: he waits for a big day, too.
_COST_FACTOR = 5
_LONGEST_WAIT_S = 60
WATCHED_WAIT_S = 2.0
# With k = 1 an event is to be shown within that. A second of it passes until the event is stored.
_SHOWN_WITHIN_S = 10.0
_STORED_WITHIN_S = 1.0
# What nobody looks at may take a hundredth of the time. Each quarter of an hour is counted all the same.
_UNWATCHED_FACTOR = 100
_UNWATCHED_WAITS_S = (60, QUARTER_S)
# An instance that stops has seconds.
_LAST_RUN_S = 1.0
# A quarter of an hour is over when every spool has arrived that far, or after so long.
_QUARTER_ARRIVES_S = 60
# Goals are added to days of the past for so long at a time: nobody waits for them.
_ADDING_S = 2.0
# Recent rows are asked for every run; older open days (a store that was down) with the first and then every so often.
_RECENT_DAYS = 2
_LOOK_BACK_EVERY_S = 600
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
        self.rolled_up = 0
        # The sites that somebody looks at now: they are rolled up first, and more often. None: nobody can tell.
        self.watched: Callable[[], Collection[str]] | None = None
        self._lost_keys = lost_keys
        self._whole_since = whole_since
        self._asked = asked
        self._clock = clock
        self._sites = {site.key: (site, rules) for site, rules in sites}
        # With k = 1, how many rows of a day are counted; else as of when it was looked whether it goes on.
        self._seen: dict[tuple[str, dt.date], int] = {}
        self._looked: dict[tuple[str, dt.date], int] = {}
        self._quarter = Quarter(0)
        # When all sites are rolled up again, and when those that are watched.
        self._due = self._watched_due = 0.0
        # As of which quarter of an hour all were looked at.
        self._counted = 0
        self._failed: Exception | None = None
        self._cost = 0.0
        self._looked_back = float("-inf")
        self._erase_due = 0.0
        self._ahead: list[str] = []
        # The sites whose released days have all goals of theirs: days that close from now on have them, too.
        self._have_goals: set[str] = set()
        self._busy = threading.Lock()
        self._scheduler = BackgroundScheduler(
            timezone=dt.UTC,
            executors={"default": ThreadPoolExecutor(1)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )

    def start(self) -> None:
        """Run the table until `stop`."""
        jobs: tuple[tuple[str, Callable[[], object], float], ...] = (
            ("roll_up", self.roll_up, self.settings.every_s),
            ("close", self.close, CLOSE_EVERY_S),
            ("add_goals", self.add_goals, CLOSE_EVERY_S),
            ("sum_months", lambda: sum_months(self.store), CLOSE_EVERY_S),
            ("erase", self.erase, ERASE_EVERY_S),
            ("expire", self.expire, EXPIRE_EVERY_S),
            ("publish_counts", self.publish_counts, EXPIRE_EVERY_S),
        )
        for name, job, every_s in jobs:
            self.jobs.add(name)
            run = _named(name, job, self.jobs)
            self._scheduler.add_job(run, "interval", seconds=every_s, id=name, next_run_time=dt.datetime.now(dt.UTC))
        self._scheduler.start()

    def stop(self) -> None:
        self._scheduler.shutdown(wait=True)

    def follow(self, sites: Sequence[tuple[Site, SiteRules]], asked: Asked = ALWAYS) -> None:
        """Work by these sites and rules from now on: every open day is looked at anew."""
        with self._busy:
            self.sites, self._asked = sites, asked
            self._sites = {site.key: (site, rules) for site, rules in sites}
            self._seen.clear()
            self._looked.clear()
            self._looked_back = float("-inf")
            self._have_goals.clear()
            self._due = 0.0

    def leave(self, key: str, work: Callable[[], Result]) -> Result:
        """Work for a site no longer, and have that done while no job runs."""
        with self._busy:
            self.sites = [(site, rules) for site, rules in self.sites if site.key != key]
            self._sites.pop(key, None)
            self._have_goals.discard(key)
            forget(self.store)
            for known in (self._seen, self._looked):
                for of in [of for of in known if of[0] == key]:
                    del known[of]
            return work()

    def roll_up(self) -> list[tuple[str, dt.date]]:
        """Recompute the open days of which something else may be shown: with k = 1 those that have new rows, of the
        others at each quarter of an hour those that have enough newcomers; which. Raises what a day failed
        with, once the others are done, and again until it is looked at anew."""
        started, watched = time.monotonic(), self.watched() if self.watched else ()
        forget(self.store, IDLE_S)
        everybody = started >= self._due or self._last_quarter().at != self._counted
        if not everybody and (started < self._watched_due or not watched):
            if self._failed:
                raise self._failed.with_traceback(None)
            return []
        with self._busy:
            rows = {(open_day.site, open_day.day): open_day.events for open_day in self._open_days()}
            self._quarter = self._last_quarter()
            asked = [
                SiteDay(self._asked.on(self._sites[site][0], day), day, self._sites[site][1])
                for site, day in rows
                if site in self._sites and (everybody or site in watched)
            ]
            due = [of for of in asked if self._is_due(of, rows[of.key])]
            begin_anew(self.store, due)
            showing, at_once = due_of(self.store, due, self._quarter.at)
            failed = roll_up_all(self.store, showing, rows, watched, structs.replace(self._quarter, at_once=at_once))
            done = [of.key for of in showing if of.key not in failed]
            looked = [of.key for of in due if of.key not in failed]
            self._seen |= {key: rows[key] for key in looked}
            self._looked |= dict.fromkeys(looked, self._quarter.at)
        self.rolled_up += len(done)
        ended = time.monotonic()
        cost, rests = ended - started, ended - self.settings.every_s
        if everybody:
            self._cost, self._failed, self._counted = cost, None, self._quarter.at
            self._due = rests + self._others_wait(cost)
        # Where others took a part of it, those that are watched alone may come again at once.
        alone = all(of.site.key in watched for of in showing)
        self._watched_due = rests + min(_COST_FACTOR * cost, watched_wait_s(cost)) if alone else 0.0
        self._failed = next(iter(failed.values()), self._failed)
        if self._failed:
            raise self._failed
        return done

    def _others_wait(self, cost: float) -> float:
        """How long those wait that nobody looks at, after a run of all that took so long."""
        if self.watched is None:
            return min(_LONGEST_WAIT_S, _COST_FACTOR * cost)
        shortest, longest = _UNWATCHED_WAITS_S
        return min(longest, max(shortest, _UNWATCHED_FACTOR * cost))

    def _is_due(self, of: SiteDay, events: int) -> bool:
        if of.rules.k == 1:
            return self._seen.get(of.key) != events
        return self._looked.get(of.key) != self._quarter.at

    def _last_quarter(self) -> Quarter:
        """The last quarter of an hour of which all rows have arrived, or should have."""
        now = self._clock()
        at = int(now) // QUARTER_S * QUARTER_S
        if at != self._quarter.at:
            arrived = now >= at + _QUARTER_ARRIVES_S or received_through(self.store) >= at
            return Quarter(at if arrived else at - QUARTER_S)
        return self._quarter

    def roll_up_last(self) -> None:
        """Once more before the end, unless it takes long: then the next start does it."""
        if self._cost < _LAST_RUN_S:
            self._due = 0.0
            self.roll_up()

    def close(self) -> list[tuple[str, dt.date]]:
        """Release the days that are over and complete; which. Who took their consent back before is in none of them."""
        with self._busy:
            now, grace_s = self._clock(), self.settings.grace_s
            self._watch_clocks(now)
            lost, since = self._lost_keys(), self._whole_since
            closed: list[tuple[str, dt.date]] = []

            def days() -> None:
                closed.extend(close_days(self.store, self.sites, now, grace_s, lost, self._erase, since, self._asked))
                for key in closed:
                    self._seen.pop(key, None)
                    self._looked.pop(key, None)

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

    def erase(self) -> list[tuple[str, dt.date]]:
        """Delete the rows of those who took their consent back; the site-days that lost some."""
        if time.monotonic() < self._erase_due:
            return []
        started = time.monotonic()
        with self._busy:
            touched = self._erase()
        # Rows are deleted by writing their neighbours anew. A day's time is promised; a twentieth of it goes into this.
        self._erase_due = time.monotonic() + min(_LONGEST_ERASURE_WAIT_S, 20 * (time.monotonic() - started))
        return touched

    def _erase(self) -> list[tuple[str, dt.date]]:
        touched = erase(self.store, self._sites, self._clock(), self.quarantine)
        for key in touched:
            self._seen.pop(key, None)
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

    def _open_days(self) -> list[OpenDay]:
        if time.monotonic() - self._looked_back >= _LOOK_BACK_EVERY_S:
            self._looked_back = time.monotonic()
            return open_days(self.store)
        return open_days(self.store, local_day("UTC", self._clock()).date - dt.timedelta(days=_RECENT_DAYS))


def watched_wait_s(cost: float) -> float:
    """How long days that somebody looks at wait after a run that took so long: two seconds, or half of it; less, but a
    quarter of it at least, where events are shown in time for that. At worst one comes just behind the beginning of a
    run: it waits for the end of it, for the pause, and for the next one."""
    wait = max(WATCHED_WAIT_S, cost / 2)
    in_time = _SHOWN_WITHIN_S - _STORED_WITHIN_S - 2 * cost
    return in_time if cost / 4 <= in_time < wait else wait


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
