"""The spool: where an event becomes durable before anyone is told it was accepted.

In: events and counts from one collector worker. Out: sealed files for the writer.
Promises: who handed events in is told so only after the group that holds them is fsynced; on any doubt, that they are
not.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from msgspec import Raw

from schema.dimensions import OTHER
from schema.event import Count, CrawlerViews, Erasure, Event
from schema.lasting import kind_and_place

from ..settings import SpoolSettings
from .thread import GROUP_LIMIT, IN_FLIGHT_S, Handed, SpoolRefuses, SpoolThread

__all__ = ["IN_FLIGHT_S", "Spool", "SpoolRefuses"]

log = structlog.get_logger("spool")

# Each commit writes two pages of the disk at least. Where many come one by one, two commits are so far apart, unless so
# many events wait; and where nobody came meanwhile (one client that waits for each answer) none is put off for a while.
_APART_S, _ENOUGH_EVENTS = 0.15, 24
_TOGETHER, _ALONE_S = 3, 5.0
# Counts ride along with events, once a second; alone they wait longer.
_COUNTS_EVERY_S, _COUNTS_ALONE_EVERY_S = 1.0, 10.0
# Different counts that wait while the spool refuses; what comes then is counted by the day, not by the minute.
_MOST_COUNTS = 10_000
_DAY_S = 86_400


class Spool:
    """One worker's spool. `start()` locks the directory and recovers what a crash left open. hurry: whether somebody
    looks at the numbers."""

    def __init__(
        self,
        directory: Path,
        number: int,
        settings: SpoolSettings,
        clock: Callable[[], float] = time.time,
        hurry: Callable[[], bool] = lambda: True,
    ) -> None:
        self.thread = SpoolThread(directory, number, settings, clock, hurry, self._answer)
        self.directory = directory
        self._number = number
        # What the requests of this turn of the loop have brought so far, and the turns since the last handing over.
        self._turn: Handed | None = None
        self._held: list[Handed] = []
        self._is_committing = False
        # Those of the last group are being answered, and ask again.
        self._is_settling = False
        # When the last group was handed over, what one waits for, and until when none does.
        self._handed = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._alone_until = 0.0
        self._hurry = hurry
        self._counted = 0.0
        self._loop: asyncio.AbstractEventLoop | None = None
        self._counts: dict[tuple[str, int, str], int] = {}
        self._crawlers: dict[tuple[str, int, str, str], int] = {}

    @property
    def refusal(self) -> str:
        """Why nothing is taken now."""
        return self.thread.refusal

    @property
    def groups(self) -> int:
        """How many were committed."""
        return self.thread.groups

    def start(self) -> None:
        """Lock, recover, begin. Raises SpoolTaken if the directory has an owner."""
        self._loop = asyncio.get_running_loop()
        self._alone_until = self._loop.time() + _ALONE_S
        self.thread.start()

    def hand_in(
        self, events: Sequence[Event | Raw], erasures: Sequence[Erasure], done: Callable[[SpoolRefuses | None], None]
    ) -> None:
        """`done` is told once all of them are on disk, or why they are not; it must not raise. Raises SpoolRefuses.
        An event may be encoded already, as it stands in a file."""
        if self.thread.refusal:
            raise SpoolRefuses(self.thread.refusal)
        turn = self._turn
        if turn is None:
            assert self._loop is not None
            turn = self._turn = Handed([], [], (), [])
            self._loop.call_soon(self._end_turn)
        turn.events.extend(events)
        if erasures:
            turn.erasures.extend(erasures)
        turn.done.append(done)

    def append(self, events: Sequence[Event], erasures: Sequence[Erasure] = ()) -> asyncio.Future[None]:
        """A future that is done once all of them are on disk, or fails with SpoolRefuses. Raises SpoolRefuses."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done(error: SpoolRefuses | None) -> None:
            if future.done():  # nobody waits any more
                return
            if error is None:
                future.set_result(None)
            else:
                future.set_exception(error)

        self.hand_in(events, erasures, done)
        return future

    def _end_turn(self) -> None:
        if self._turn is not None:
            self._held.append(self._turn)
            self._turn = None
        self._look()

    def _look(self) -> None:
        """Hand over what there is, if it is time to."""
        events = sum(len(turn.events) for turn in self._held)
        # While those of one group are answered, and ask again, the next one grows.
        wanted = events >= GROUP_LIMIT if self._is_committing or self._is_settling else not self._put_off(events)
        if wanted:
            self._hand_over()

    def _put_off(self, events: int) -> bool:
        """Whether what there is waits for more to come; it is handed over in time."""
        assert self._loop is not None
        now = self._loop.time()
        left = self._handed + _APART_S - now
        if events >= _ENOUGH_EVENTS or left <= 0 or now < self._alone_until:
            return False
        if self._timer is None:
            self._timer = self._loop.call_later(left, self._waited)
        return True

    def _waited(self) -> None:
        assert self._loop is not None
        if len(self._held) < _TOGETHER:
            self._alone_until = self._loop.time() + _ALONE_S
        self._hand_over()

    def _hand_over(self) -> None:
        """Give the spool's thread what there is. To wake it costs more than to encode an event, and to commit as much
        as to encode a hundred: while one group is on its way, the next one grows."""
        self._is_committing = bool(self._held)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._held:
            assert self._loop is not None
            self._handed = self._loop.time()
            if self._handed - self._counted >= _COUNTS_EVERY_S:
                self._held += self._told_counts()
            held, self._held = self._held, []
            self.thread.put(held)

    def _answer(self, groups: list[Handed], error: SpoolRefuses | None) -> None:
        """Called in the spool's thread."""
        if self._loop is not None and any(group.done for group in groups):
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
                self._loop.call_soon_threadsafe(self._settle, groups, error)

    def _settle(self, groups: list[Handed], error: SpoolRefuses | None) -> None:
        self._is_committing, self._is_settling = False, True
        for group in groups:
            for done in group.done:
                try:
                    done(error)
                except Exception as problem:  # of one request, and none of the others'
                    log.error("spool_told_nobody", spool=self._number, **kind_and_place(problem))
        # In the next turn they are answered, and in the one after that it is read what they ask next.
        assert self._loop is not None
        self._loop.call_soon(self._loop.call_soon, self._go_on)

    def _go_on(self) -> None:
        self._is_settling = False
        self._look()

    def count(self, site: str, reason: str, minute: int, number: int = 1) -> None:
        """Count an outcome. Counts ride along with events, or go alone after ten seconds; a crash may lose them."""
        key = (site, minute, reason)
        if len(self._counts) >= _MOST_COUNTS and key not in self._counts:
            key = (site, minute // _DAY_S * _DAY_S, reason)
        self._counts[key] = self._counts.get(key, 0) + number

    def count_crawler(self, view: tuple[str, int, str, str]) -> None:
        """Count a page that a crawler asked for: (site, day, crawler, section). Rides along like `count`."""
        if len(self._crawlers) >= _MOST_COUNTS and view not in self._crawlers:
            view = (*view[:3], OTHER)
        self._crawlers[view] = self._crawlers.get(view, 0) + 1

    def turn(self) -> None:
        """Called every second on the event loop: counts that no event took along go alone."""
        assert self._loop is not None
        every_s = _COUNTS_EVERY_S if self._hurry() else _COUNTS_ALONE_EVERY_S
        if self._loop.time() - self._counted >= every_s:
            self.flush_counts()

    def flush_counts(self) -> None:
        """Hand the counts so far to the spool's thread. Called on the event loop."""
        if told := self._told_counts():
            self.thread.put(told)

    def _told_counts(self) -> list[Handed]:
        if not (self._counts or self._crawlers) or self.thread.refusal:
            return []
        assert self._loop is not None
        self._counted = self._loop.time()
        counts, self._counts = self._counts, {}
        crawlers, self._crawlers = self._crawlers, {}
        told = tuple(Count(site, minute, reason, n) for (site, minute, reason), n in counts.items())
        views = tuple(CrawlerViews(*view, n) for view, n in crawlers.items())
        return [Handed([], [], told, [], views)]

    def stop(self) -> None:
        """Commit what is queued, seal, release the lock. Blocks."""
        self._end_turn()
        self._hand_over()
        self.flush_counts()
        self.thread.stop()
