"""The spool: where an event becomes durable before anyone is told it was accepted.

In: events and counts from one collector worker. Out: sealed files for the writer.
Promises: who handed events in is told so only after the group that holds them is fsynced; on any doubt, that they are
not.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import queue
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from msgspec import Raw, Struct, field

from schema.dimensions import OTHER
from schema.event import Count, CrawlerViews, Erasure, Event
from schema.lasting import Lasting, kind_and_place

from .settings import SpoolSettings
from .spool_file import (
    CHUNK_ROWS,
    SERIAL_BITS,
    Header,
    OpenFile,
    created_serial,
    discard,
    lock_directory,
    make_directory,
    recover,
    recover_file,
    seal,
    spool_files,
)

log = structlog.get_logger("spool")

# Longest time between an event's receipt and its commit; also how long a visitor key outlives its day.
IN_FLIGHT_S = 10
# A request takes up to 3 s to arrive (collector/edge/http.py); what then waits longer than this, for a disk that
# stalls, is refused: its commit might come after a watermark that has passed its receipt.
_LONGEST_WAIT_S = IN_FLIGHT_S - 4.0
# What arrives during one commit forms the next group; a group is bounded so that one commit stays short: so many events
# and what came with the last of them.
_GROUP_LIMIT = 4096
_MEASURE_EVERY_S = 1.0
# Each commit writes two pages of the disk at least. Where many come one by one, two commits are so far apart, unless so
# many events wait; and where nobody came meanwhile (one client that waits for each answer) none is put off for a while.
_APART_S, _ENOUGH_EVENTS = 0.15, 24
_TOGETHER, _ALONE_S = 3, 5.0
# Counts ride along with events, once a second; alone they wait longer.
_COUNTS_EVERY_S, _COUNTS_ALONE_EVERY_S = 1.0, 10.0
# While more sealed files than these wait (the store is away, or slow), one more gains nothing by being small.
_MOST_WAITING = 8
# Different counts that wait while the spool refuses; what comes then is counted by the day, not by the minute.
_MOST_COUNTS = 10_000
_DAY_S = 86_400


class SpoolRefuses(Exception):
    """The spool cannot make the event durable now: answer 503, never 202."""


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
        self.directory = directory
        self.number = number
        self.settings = settings
        self._clock = clock
        self._queue: queue.SimpleQueue[list[_Handed] | None] = queue.SimpleQueue()
        # What the requests of this turn of the loop have brought so far, and the turns since the last handing over.
        self._turn: _Handed | None = None
        self._held: list[_Handed] = []
        self._is_committing = False
        # When the last group was handed over, what one waits for, and until when none does.
        self._handed = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._alone_until = 0.0
        self._hurry = hurry
        self._counted = 0.0
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self._file: OpenFile | None = None
        self._last = (0, 0)
        self.refusal = ""
        self._measured = 0.0
        self._is_behind = False
        self._distrusted: list[Path] = []
        self._lock_fd = -1
        self._loop: asyncio.AbstractEventLoop | None = None
        self._counts: dict[tuple[str, int, str], int] = {}
        self._crawlers: dict[tuple[str, int, str, str], int] = {}
        self._refusing = Lasting(log, "spool_refusing", "spool_accepting", "warning")
        self._unwritable = Lasting(log, "spool_write_failed", "spool_writes_again")
        self._slow = Lasting(log, "spool_too_slow", "spool_in_time")
        self._unsealed = Lasting(log, "spool_seal_failed", "spool_seals_again")
        self._untidy = Lasting(log, "spool_not_tidied", "spool_tidied")
        self.groups = 0
        self.held_bytes = 0

    def start(self) -> None:
        """Lock, recover, begin. Raises SpoolTaken if the directory has an owner."""
        make_directory(self.directory)
        self._lock_fd = lock_directory(self.directory)
        recover(self.directory)
        # What could not be recovered now, on a full disk for one, is tried again with every measurement.
        self._distrusted = [path for path in spool_files(self.directory) if path.suffix == ".open"]
        self._last = max((created_serial(path) for path in spool_files(self.directory)), default=(0, 0))
        self._loop = asyncio.get_running_loop()
        self._alone_until = self._loop.time() + _ALONE_S
        self._measure()
        self._thread.start()

    def hand_in(
        self, events: Sequence[Event | Raw], erasures: Sequence[Erasure], done: Callable[[SpoolRefuses | None], None]
    ) -> None:
        """`done` is told once all of them are on disk, or why they are not; it must not raise. Raises SpoolRefuses.
        An event may be encoded already, as it stands in a file."""
        if self.refusal:
            raise SpoolRefuses(self.refusal)
        turn = self._turn
        if turn is None:
            assert self._loop is not None
            turn = self._turn = _Handed([], [], (), [])
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
        if events >= _GROUP_LIMIT or (not self._is_committing and not self._put_off(events)):
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
            self._queue.put(self._held)
            self._held = []

    def _settle(self, groups: list[_Handed], error: SpoolRefuses | None) -> None:
        for group in groups:
            for done in group.done:
                try:
                    done(error)
                except Exception as problem:  # of one request, and none of the others'
                    log.error("spool_told_nobody", spool=self.number, **kind_and_place(problem))
        # In the next turn they are answered, and in the one after that it is read what they ask next.
        assert self._loop is not None
        self._loop.call_soon(self._loop.call_soon, self._go_on)

    def _go_on(self) -> None:
        self._is_committing = False
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
            self._queue.put(told)

    def _told_counts(self) -> list[_Handed]:
        if not (self._counts or self._crawlers) or self.refusal:
            return []
        assert self._loop is not None
        self._counted = self._loop.time()
        counts, self._counts = self._counts, {}
        crawlers, self._crawlers = self._crawlers, {}
        told = tuple(Count(site, minute, reason, n) for (site, minute, reason), n in counts.items())
        views = tuple(CrawlerViews(*view, n) for view, n in crawlers.items())
        return [_Handed([], [], told, [], views)]

    def stop(self) -> None:
        """Commit what is queued, seal, release the lock. Blocks."""
        self._end_turn()
        self._hand_over()
        self.flush_counts()
        self._queue.put(None)
        self._thread.join()
        os.close(self._lock_fd)

    # -- the spool's own thread ------------------------------------------------------------------------------------

    def _run(self) -> None:
        running = True
        while running:
            groups: list[_Handed] = []
            events = 0
            with contextlib.suppress(queue.Empty):
                item = self._queue.get(timeout=min(self._until_seal(), _MEASURE_EVERY_S))
                while item is not None:
                    groups += item
                    events += sum(len(turn.events) for turn in item)
                    if events >= _GROUP_LIMIT:
                        break
                    item = self._queue.get_nowait()
                else:
                    running = False
            if groups:
                self._commit(groups)
            try:
                self._tidy(running)
                self._untidy.is_over(spool=self.number)
            except Exception as problem:
                # A thread that died of this would leave every later beacon without an answer.
                self._untidy.is_so(type(problem).__name__, spool=self.number, **kind_and_place(problem))

    def _tidy(self, running: bool) -> None:
        if self._file and (not running or self._until_seal() <= 0 or self._file.size >= self.settings.seal_bytes):
            self._seal()
        if time.monotonic() - self._measured >= _MEASURE_EVERY_S:
            self._measure()
            self._retry_distrusted()

    def _until_seal(self) -> float:
        if self._file is None:
            return _MEASURE_EVERY_S
        settings = self.settings
        after = settings.seal_after_s
        if self._is_behind:
            after = max(after, settings.seal_behind_after_s)
        elif not self._hurry():
            after = max(after, settings.seal_unwatched_after_s)
        return max(0.0, self._file.opened + after - time.monotonic())

    def _commit(self, groups: list[_Handed]) -> None:
        error: SpoolRefuses | None = None
        try:
            if self._file is None:
                self._file = self._open()
            # Only now: from here on the file's name holds the watermark back, however long the commit takes.
            groups = self._without_the_late(groups)
            if not groups:
                return
            self._file.commit(
                [event for group in groups for event in group.events],
                [count for group in groups for count in group.counts],
                [erasure for group in groups for erasure in group.erasures],
                [views for group in groups for views in group.crawlers],
            )
            self.groups += 1
        except Exception as problem:
            # After a failed write or fsync nobody knows what the disk holds: the group is refused, the file never
            # written again. What it held before stays acknowledged, so it is recovered, not deleted.
            # Any exception, because a thread that died here would leave every later beacon without an answer.
            error = SpoolRefuses(f"the spool cannot write: {type(problem).__name__}")
            self._unwritable.is_so(type(problem).__name__, spool=self.number, **kind_and_place(problem))
            self._distrust()
        else:
            self._unwritable.is_over(spool=self.number)
        self._answer(groups, error)

    def _without_the_late(self, groups: list[_Handed]) -> list[_Handed]:
        """The groups that did not wait too long; the others are refused."""
        since = time.monotonic() - _LONGEST_WAIT_S
        late = [group for group in groups if group.done and group.since < since]
        if late:
            self._slow.is_so(spool=self.number)
            self._answer(late, SpoolRefuses("the disk does not keep up"))
        else:
            self._slow.is_over(spool=self.number)
        # Counts belong to no request, and no watermark tells of them.
        return [group for group in groups if not group.done or group.since >= since]

    def _answer(self, groups: list[_Handed], error: SpoolRefuses | None) -> None:
        if self._loop is not None and any(group.done for group in groups):
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
                self._loop.call_soon_threadsafe(self._settle, groups, error)

    def _open(self) -> OpenFile:
        before = self._last
        created = max(int(self._clock()), self._last[0])
        serial = self._last[1] + 1 if created == self._last[0] else 0
        if serial >= 1 << SERIAL_BITS:
            created, serial = created + 1, 0
        self._last = (created, serial)
        header = Header(uuid.uuid4().hex, created, serial, self.number, CHUNK_ROWS)
        path = self.directory / f"{created:010d}-{serial:02d}.open"
        try:
            return OpenFile(path, header)
        except Exception:
            # Nothing is in it yet; left where it is, its name would hold the watermark back, and names used up on a
            # full disk would run ahead of the clock.
            try:
                discard(path)
                self._last = before
            except OSError:
                self._distrusted.append(path)
            raise

    def _seal(self) -> None:
        assert self._file is not None
        file, self._file = self._file, None
        try:
            file.close()
            seal(file.path)
            self._unsealed.is_over(spool=self.number)
        except (sqlite3.Error, OSError) as problem:
            self._unsealed.is_so(type(problem).__name__, spool=self.number, **kind_and_place(problem))
            self._distrusted.append(file.path)

    def _distrust(self) -> None:
        if self._file is not None:
            with contextlib.suppress(sqlite3.Error, OSError):
                self._file.close()
            self._distrusted.append(self._file.path)
            self._file = None

    def _retry_distrusted(self) -> None:
        for path in list(self._distrusted):
            if not path.exists() or recover_file(path):
                self._distrusted.remove(path)

    def _measure(self) -> None:
        self._measured = time.monotonic()
        try:
            entries = list(os.scandir(self.directory))
            self._is_behind = sum(entry.name.endswith(".sealed") for entry in entries) > _MOST_WAITING
            self.held_bytes = sum(entry.stat().st_size for entry in entries)
            free = shutil.disk_usage(self.directory).free
        except OSError:
            return  # a file was drained between listing and asking its size
        if self.held_bytes > self.settings.max_bytes:
            refusal = f"spool.max_bytes = {self.settings.max_bytes} is reached: the store has been away too long"
        elif free < self.settings.keep_free_bytes:
            refusal = f"less than spool.keep_free_bytes = {self.settings.keep_free_bytes} of disk is free"
        else:
            refusal = ""
        if refusal:
            self._refusing.is_so(refusal, reason=refusal, spool=self.number)
        else:
            self._refusing.is_over(spool=self.number)
        self.refusal = refusal


class _Handed(Struct):
    """What one turn of the loop, or one second's counting, hands over. since: when, on the monotonic clock.
    done: whom to tell; nobody for counts."""

    events: list[Event | Raw]
    erasures: list[Erasure]
    counts: Sequence[Count]
    done: list[Callable[[SpoolRefuses | None], None]]
    crawlers: Sequence[CrawlerViews] = ()
    since: float = field(default_factory=time.monotonic)
