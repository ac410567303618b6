"""The thread of a spool: it writes groups into the open file, seals it, and looks after what is left over.

In: groups that one worker's loop hands over. Out: sealed files for the writer; each group is answered.
Promises: a group is answered well only after the commit that holds it is fsynced; whatever goes wrong, the thread goes
on, and a file that failed once is never written again.
"""

from __future__ import annotations

import contextlib
import os
import queue
import shutil
import threading
import time
import uuid
from collections.abc import Callable, Sequence
from pathlib import Path

import structlog
from msgspec import Raw, Struct, field

from schema.event import Count, CrawlerViews, Erasure, Event
from schema.lasting import Lasting, kind_and_place

from ..settings import SpoolSettings
from .file import (
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
GROUP_LIMIT = 4096
_MEASURE_EVERY_S = 1.0
# While more sealed files than these wait (the store is away, or slow), one more gains nothing by being small.
_MOST_WAITING = 8


class SpoolRefuses(Exception):
    """The spool cannot make the event durable now: answer 503, never 202."""


class Handed(Struct):
    """What one turn of the loop, or one second's counting, hands over. since: when, on the monotonic clock.
    done: whom to tell; nobody for counts."""

    events: list[Event | Raw]
    erasures: list[Erasure]
    counts: Sequence[Count]
    done: list[Callable[[SpoolRefuses | None], None]]
    crawlers: Sequence[CrawlerViews] = ()
    since: float = field(default_factory=time.monotonic)


class SpoolThread:
    """start() locks the directory and recovers what a crash left open. answer: told, in this thread, what became of
    groups. hurry: whether somebody looks at the numbers. refusal: why nothing is taken now."""

    def __init__(
        self,
        directory: Path,
        number: int,
        settings: SpoolSettings,
        clock: Callable[[], float],
        hurry: Callable[[], bool],
        answer: Callable[[list[Handed], SpoolRefuses | None], None],
    ) -> None:
        self._directory = directory
        self._number = number
        self.settings = settings
        self._clock = clock
        self._hurry = hurry
        self._answer = answer
        self._queue: queue.SimpleQueue[list[Handed] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="spool", daemon=True)
        self.file: OpenFile | None = None
        self._last = (0, 0)
        self._lock_fd = -1
        self._measured = 0.0
        self._is_behind = False
        self.distrusted: list[Path] = []
        self.refusal = ""
        self.groups = 0
        self._refusing = Lasting(log, "spool_refusing", "spool_accepting", "warning")
        self._unwritable = Lasting(log, "spool_write_failed", "spool_writes_again")
        self._slow = Lasting(log, "spool_too_slow", "spool_in_time")
        self._unsealed = Lasting(log, "spool_seal_failed", "spool_seals_again")
        self._untidy = Lasting(log, "spool_not_tidied", "spool_tidied")

    def start(self) -> None:
        """Lock, recover, begin. Raises SpoolTaken if the directory has an owner."""
        make_directory(self._directory)
        self._lock_fd = lock_directory(self._directory)
        recover(self._directory)
        # What could not be recovered now, on a full disk for one, is tried again with every measurement.
        self.distrusted = [path for path in spool_files(self._directory) if path.suffix == ".open"]
        self._last = max((created_serial(path) for path in spool_files(self._directory)), default=(0, 0))
        self.measure()
        self._thread.start()

    def put(self, groups: list[Handed]) -> None:
        """Have them written. Called in any thread."""
        self._queue.put(groups)

    def stop(self) -> None:
        """Commit what is queued, seal, release the lock. Blocks."""
        self._queue.put(None)
        self._thread.join()
        os.close(self._lock_fd)

    def _run(self) -> None:
        running = True
        while running:
            groups: list[Handed] = []
            events = 0
            with contextlib.suppress(queue.Empty):
                item = self._queue.get(timeout=min(self._until_seal(), _MEASURE_EVERY_S))
                while item is not None:
                    groups += item
                    events += sum(len(turn.events) for turn in item)
                    if events >= GROUP_LIMIT:
                        break
                    item = self._queue.get_nowait()
                else:
                    running = False
            if groups:
                self._commit(groups)
            try:
                self._tidy(running)
                self._untidy.is_over(spool=self._number)
            except Exception as problem:
                # A thread that died of this would leave every later beacon without an answer.
                self._untidy.is_so(type(problem).__name__, spool=self._number, **kind_and_place(problem))

    def _tidy(self, running: bool) -> None:
        if self.file and (not running or self._until_seal() <= 0 or self.file.size >= self.settings.seal_bytes):
            self._seal()
        if time.monotonic() - self._measured >= _MEASURE_EVERY_S:
            self.measure()
            self.retry_distrusted()

    def _until_seal(self) -> float:
        if self.file is None:
            return _MEASURE_EVERY_S
        settings = self.settings
        after = settings.seal_after_s
        if self._is_behind:
            after = max(after, settings.seal_behind_after_s)
        elif not self._hurry():
            after = max(after, settings.seal_unwatched_after_s)
        return max(0.0, self.file.opened + after - time.monotonic())

    def _commit(self, groups: list[Handed]) -> None:
        error: SpoolRefuses | None = None
        try:
            if self.file is None:
                self.file = self._open()
            # Only now: from here on the file's name holds the watermark back, however long the commit takes.
            groups = self._without_the_late(groups)
            if not groups:
                return
            self.file.commit(
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
            self._unwritable.is_so(type(problem).__name__, spool=self._number, **kind_and_place(problem))
            self._distrust()
        else:
            self._unwritable.is_over(spool=self._number)
        self._answer(groups, error)

    def _without_the_late(self, groups: list[Handed]) -> list[Handed]:
        """The groups that did not wait too long; the others are refused."""
        since = time.monotonic() - _LONGEST_WAIT_S
        late = [group for group in groups if group.done and group.since < since]
        if late:
            self._slow.is_so(spool=self._number)
            self._answer(late, SpoolRefuses("the disk does not keep up"))
        else:
            self._slow.is_over(spool=self._number)
        # Counts belong to no request, and no watermark tells of them.
        return [group for group in groups if not group.done or group.since >= since]

    def _open(self) -> OpenFile:
        before = self._last
        created = max(int(self._clock()), self._last[0])
        serial = self._last[1] + 1 if created == self._last[0] else 0
        if serial >= 1 << SERIAL_BITS:
            created, serial = created + 1, 0
        self._last = (created, serial)
        header = Header(uuid.uuid4().hex, created, serial, self._number, CHUNK_ROWS)
        path = self._directory / f"{created:010d}-{serial:02d}.open"
        try:
            return OpenFile(path, header)
        except FileExistsError:
            raise  # it is somebody else's; the next one has another name
        except Exception:
            # Nothing is in it yet; left where it is, its name would hold the watermark back, and names used up on a
            # full disk would run ahead of the clock.
            try:
                discard(path)
                self._last = before
            except OSError:
                self.distrusted.append(path)
            raise

    def _seal(self) -> None:
        assert self.file is not None
        file, self.file = self.file, None
        try:
            file.close()
            seal(file.path)
            self._unsealed.is_over(spool=self._number)
        except Exception as problem:  # whatever it is: a file that nobody looks after would wait for the next start
            self._unsealed.is_so(type(problem).__name__, spool=self._number, **kind_and_place(problem))
            self.distrusted.append(file.path)

    def _distrust(self) -> None:
        if self.file is not None:
            with contextlib.suppress(OSError):
                self.file.abandon()
            self.distrusted.append(self.file.path)
            self.file = None

    def retry_distrusted(self) -> None:
        """Recover what could not be before."""
        for path in list(self.distrusted):
            if not path.exists() or recover_file(path):
                self.distrusted.remove(path)

    def measure(self) -> None:
        """Look at the disk: whether anything is taken now."""
        self._measured = time.monotonic()
        try:
            entries = list(os.scandir(self._directory))
            self._is_behind = sum(entry.name.endswith(".sealed") for entry in entries) > _MOST_WAITING
            held_bytes = sum(entry.stat().st_size for entry in entries)
            free = shutil.disk_usage(self._directory).free
        except OSError:
            return  # a file was drained between listing and asking its size
        if held_bytes > self.settings.max_bytes:
            refusal = f"spool.max_bytes = {self.settings.max_bytes} is reached: the store has been away too long"
        elif free < self.settings.keep_free_bytes:
            refusal = f"less than spool.keep_free_bytes = {self.settings.keep_free_bytes} of disk is free"
        else:
            refusal = ""
        if refusal:
            self._refusing.is_so(refusal, reason=refusal, spool=self._number)
        else:
            self._refusing.is_over(spool=self._number)
        self.refusal = refusal
