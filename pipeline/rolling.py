"""When open days are brought up to date: which of them may show something else, and how long runs wait.

In: sites and their rules, who is looked at, the clock. Out: open days rolled up. Promises: whoever looks waits neither
for the others nor for long; what nobody looks at takes a hundredth of the time; a day that failed is told of until it
is looked at anew.
"""

from __future__ import annotations

import datetime as dt
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping

from msgspec import structs

from schema.site import Site, local_day
from schema.store import Store

from .asked import ALWAYS, Asked
from .open_days import OpenDay, open_days, received_through
from .rollup.batch import Quarter, SiteDay
from .rollup.open_days.newcomers import QUARTER_S
from .rollup.open_days.publish import begin_anew
from .rollup.open_days.shown import due as due_of
from .rollup.together import roll_up_all
from .rollup.visits.snapshot import Key
from .rollup.visits.warm import IDLE_S, forget
from .settings import RollupSettings, SiteRules

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
# Recent rows are asked for every run; older open days (a store that was down) with the first and then every so often.
_RECENT_DAYS = 2
_LOOK_BACK_EVERY_S = 600


class Rolling:
    """The runs that roll up. busy: held while days are worked on, by whichever job."""

    def __init__(
        self, store: Store, settings: RollupSettings, clock: Callable[[], float], busy: threading.Lock
    ) -> None:
        self._store, self._settings, self._clock, self._busy = store, settings, clock, busy
        self._sites: Mapping[str, tuple[Site, SiteRules]] = {}
        self._asked: Asked = ALWAYS
        self.rolled_up = 0
        # The sites that somebody looks at now: they are rolled up first, and more often. None: nobody can tell.
        self.watched: Callable[[], Collection[str]] | None = None
        # When all sites are rolled up again, and when those that are watched.
        self.due = self.watched_due = 0.0
        # With k = 1, how many rows of a day are counted; else as of when it was looked whether it goes on.
        self._seen: dict[Key, int] = {}
        self._looked: dict[Key, int] = {}
        self._quarter = Quarter(0)
        # As of which quarter of an hour all were looked at.
        self._counted = 0
        self._failed: Exception | None = None
        self._cost = 0.0
        self._looked_back = float("-inf")

    def follow(self, sites: Mapping[str, tuple[Site, SiteRules]], asked: Asked) -> None:
        """Go by these sites and rules from now on: every open day is looked at anew. `busy` is held."""
        self._sites, self._asked = sites, asked
        self._seen.clear()
        self._looked.clear()
        self._looked_back = float("-inf")
        self.due = 0.0

    def leave(self, sites: Mapping[str, tuple[Site, SiteRules]], key: str) -> None:
        """Go by these sites, without that one. `busy` is held."""
        self._sites = sites
        forget(self._store)
        self.closed([of for of in {*self._seen, *self._looked} if of[0] == key])

    def closed(self, keys: Iterable[Key]) -> None:
        """These days are open no more."""
        for key in keys:
            self._seen.pop(key, None)
            self._looked.pop(key, None)

    def lost_rows(self, keys: Iterable[Key]) -> None:
        """These days have other rows than were counted."""
        for key in keys:
            self._seen.pop(key, None)

    def run(self) -> list[Key]:
        """Recompute the open days of which something else may be shown: with k = 1 those that have new rows, of the
        others at each quarter of an hour those that have enough newcomers; which. Raises what a day failed
        with, once the others are done, and again until it is looked at anew."""
        started, watched = time.monotonic(), self.watched() if self.watched else ()
        forget(self._store, IDLE_S)
        everybody = started >= self.due or self._last_quarter().at != self._counted
        if not everybody and (started < self.watched_due or not watched):
            if self._failed:
                raise self._failed.with_traceback(None)
            return []
        with self._busy:
            showing, failed = self._roll_up(watched, everybody)
        done = [of.key for of in showing if of.key not in failed]
        self.rolled_up += len(done)
        if everybody:
            self._failed = None
        # Where others took a part of it, those that are watched alone may come again at once.
        self._wait(time.monotonic() - started, everybody, alone=all(of.site.key in watched for of in showing))
        self._failed = next(iter(failed.values()), self._failed)
        if self._failed:
            raise self._failed
        return done

    def run_last(self) -> None:
        """Once more before the end, unless it takes long: then the next start does it."""
        if self._cost < _LAST_RUN_S:
            self.due = 0.0
            self.run()

    def _roll_up(self, watched: Collection[str], everybody: bool) -> tuple[list[SiteDay], dict[Key, Exception]]:
        """Roll up what may show something else; which days, and those that failed."""
        rows = {(open_day.site, open_day.day): open_day.events for open_day in self._open_days()}
        self._quarter = self._last_quarter()
        asked = [
            SiteDay(self._asked.on(self._sites[site][0], day), day, self._sites[site][1])
            for site, day in rows
            if site in self._sites and (everybody or site in watched)
        ]
        due = [of for of in asked if self._is_due(of, rows[of.key])]
        begin_anew(self._store, due)
        showing, at_once = due_of(self._store, due, self._quarter.at)
        failed = roll_up_all(self._store, showing, rows, watched, structs.replace(self._quarter, at_once=at_once))
        looked = [of.key for of in due if of.key not in failed]
        self._seen |= {key: rows[key] for key in looked}
        self._looked |= dict.fromkeys(looked, self._quarter.at)
        return showing, failed

    def _wait(self, cost: float, everybody: bool, alone: bool) -> None:
        """Put off the next run, after one that took so long. alone: whether it was of watched sites only."""
        rests = time.monotonic() - self._settings.every_s
        if everybody:
            self._cost, self._counted = cost, self._quarter.at
            self.due = rests + self._others_wait(cost)
        self.watched_due = rests + min(_COST_FACTOR * cost, watched_wait_s(cost)) if alone else 0.0

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
            arrived = now >= at + _QUARTER_ARRIVES_S or received_through(self._store) >= at
            return Quarter(at if arrived else at - QUARTER_S)
        return self._quarter

    def _open_days(self) -> list[OpenDay]:
        if time.monotonic() - self._looked_back >= _LOOK_BACK_EVERY_S:
            self._looked_back = time.monotonic()
            return open_days(self._store)
        return open_days(self._store, local_day("UTC", self._clock()).date - dt.timedelta(days=_RECENT_DAYS))


def watched_wait_s(cost: float) -> float:
    """How long days that somebody looks at wait after a run that took so long: two seconds, or half of it; less, but a
    quarter of it at least, where events are shown in time for that. At worst one comes just behind the beginning of a
    run: it waits for the end of it, for the pause, and for the next one."""
    wait = max(WATCHED_WAIT_S, cost / 2)
    in_time = _SHOWN_WITHIN_S - _STORED_WITHIN_S - 2 * cost
    return in_time if cost / 4 <= in_time < wait else wait
