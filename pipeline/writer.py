"""The writer: sealed spool files → the table `events`, exactly once.

In: the spool directories of this host. Out: rows in `events` and in the tables of what
comes beside them, a watermark per spool.
Promises: a file is deleted only after every chunk of it is stored or, event by event, in quarantine; a chunk's
deduplication token names immutable content, so sending it again after a crash stores nothing twice. What has outlived
its lifetime in a spool (the store, or the whole instance, was away for days) is not stored any more (rule X3).
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Sequence
from itertools import compress
from pathlib import Path
from typing import Any

import structlog
from msgspec import Struct, structs

from schema.event import Count, CrawlerViews, Erasure, Event, dies_at
from schema.garbage import uncollected
from schema.lasting import Lasting, kind_and_place
from schema.store import RowsRefused, Store, StoreDown

from .erase import SPAN_S
from .jobs import Jobs
from .rollup.open_days.newcomers import QUARTER_S
from .spool.aside import delete_old, set_aside
from .spool.file import (
    Header,
    SpoolFileBad,
    SpoolTaken,
    chunks,
    created_at,
    lock_directory,
    make_directory,
    read_sealed,
    recover,
    spool_files,
)
from .spool.quarantine import REPLAY, Quarantine
from .spool.spool import IN_FLIGHT_S

log = structlog.get_logger("writer")

COLUMNS = (*Event.__struct_fields__, "sequence")
# Of the tables of what comes beside events.
_COLUMNS = {
    "ingest": Count.__struct_fields__,
    "erasures": Erasure.__struct_fields__,
    "crawler_views": CrawlerViews.__struct_fields__,
}
# What an insert into each is told by: the same in every version, because a file may be sent again by a later one.
_TOKENS = {"ingest": "counts", "erasures": "erasures", "crawler_views": "crawlers"}
_RECEIVED, _LIFETIME = COLUMNS.index("received"), COLUMNS.index("lifetime")
# A lifetime is two calendar days or more, and an event may be as old as its site's day when it comes: no file is older
# than this without being looked into.
_NONE_DIES_WITHIN_S = 22 * 3600
# A dashboard may lag a beacon by seal_after_s + this + the rollup's interval.
_POLL_S, _UNWATCHED_POLL_S = 0.2, 1.0
_BACK_OFF_S = (0.5, 1, 2, 4, 8, 15)
# How far spools have come is told so often where something waits for it: the end of a quarter of an hour (and so of any
# day), an erasure, a spool that is new. Else an insert each two seconds would be most of what an idle house writes.
_WATERMARKS_EVERY_S, _WATERMARKS_AT_LEAST_EVERY_S = 2.0, 60.0
_SWEEP_EVERY_S = 3600.0


class Writer:
    """Drains every spool below a directory into the store. hurry: whether somebody looks at the numbers."""

    def __init__(
        self,
        store: Store,
        spools: Path,
        quarantine: Quarantine,
        host: str = "",
        clock: Callable[[], float] = time.time,
        jobs: Jobs | None = None,
        hurry: Callable[[], bool] = lambda: True,
    ) -> None:
        self.store = store
        self.jobs = jobs or Jobs()
        self.spools = spools
        self.quarantine = quarantine
        self._prefix = f"{host}/" if host else ""
        self._clock = clock
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="writer", daemon=True)
        self._hurry = hurry
        self._failures = 0
        self._published, self._marks = float("-inf"), dict[str, int]()
        # The second of the last erasure that was stored.
        self._erased = 0
        # Where nobody answers, the store says so itself.
        self._refused = Lasting(log, "store_is_down", "store_is_back", "warning")
        self._failing = Lasting(log, "drain_failed", "drains_again")
        self.events = 0
        self.files = 0
        make_directory(spools)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the file in hand, then stop."""
        self._stop.set()
        self._thread.join()

    def drain(self) -> int:
        """Store every sealed file there is, oldest first; how many events. Raises StoreDown."""
        self._adopt()
        paths = [path for spool in self._directories() for path in spool_files(spool) if path.suffix == ".sealed"]
        before = self.events
        unreadable: OSError | None = None
        for path in sorted(paths, key=lambda path: (path.name, path.parent.name)):
            try:
                self._in_turn(path, self._store_file)
            except OSError as problem:
                unreadable = problem  # its neighbours need not wait for it
            if self._stop.is_set():
                break
        if unreadable is not None:
            raise unreadable
        return self.events - before

    def watermarks(self) -> dict[str, int]:
        """For each spool the second through which everything received is stored."""
        marks = {}
        for spool in self._directories():
            # Read the clock before the listing: a file begun after it can only hold later events.
            now = int(self._clock())
            oldest = min((created_at(path) for path in spool_files(spool)), default=now)
            marks[f"{self._prefix}{spool.name}"] = min(oldest, now) - IN_FLIGHT_S
        return marks

    def publish_watermarks(self) -> None:
        """Tell the rollups how far this host has come."""
        self._published = time.monotonic()
        marks = self.watermarks()
        if marks:
            self.store.insert("watermarks", ("spool", "received_through"), (list(marks), list(marks.values())))
        self._marks = marks

    def _tell_watermarks(self) -> None:
        """Publish them, if something waits for it."""
        since = time.monotonic() - self._published
        if since >= _WATERMARKS_AT_LEAST_EVERY_S or (since >= _WATERMARKS_EVERY_S and self._is_awaited()):
            self.publish_watermarks()

    def _is_awaited(self) -> bool:
        spools = {f"{self._prefix}{spool.name}" for spool in self._directories()}
        quarter = int(self._clock()) // QUARTER_S * QUARTER_S
        # An erasure is carried out with others of the seconds around it.
        told = min(self._marks.values(), default=0)
        return spools != self._marks.keys() or told < max(quarter, self._erased and self._erased + SPAN_S)

    def sweep(self) -> int:
        """Delete the files whose time is over, unreadable ones and those with nothing in them that is not past its
        lifetime, whether the store is there or not; how many."""
        swept = 0
        for spool in self._directories():
            swept += delete_old(spool, self._clock())
            swept += sum(self._in_turn(path, self._delete_outlived) for path in spool_files(spool))
        return swept

    def _run(self) -> None:
        swept = float("-inf")
        while not self._stop.is_set():
            wait = _POLL_S if self._hurry() else _UNWATCHED_POLL_S
            try:
                if time.monotonic() - swept >= _SWEEP_EVERY_S:
                    swept = time.monotonic()  # first: what cannot be deleted must not keep the rest from the store
                    self.sweep()
                with self.jobs.run("drain"):
                    self.drain()
                    self._tell_watermarks()
                self._failures = 0
                self._refused.is_over()
                self._failing.is_over()
            except StoreDown as problem:
                if not problem.unreachable:
                    self._refused.is_so(problem=str(problem))
                wait = _BACK_OFF_S[min(self._failures, len(_BACK_OFF_S) - 1)]
                self._failures += 1
            except OSError as problem:
                self._failing.is_so(str(problem.errno), why="spool unreadable", **kind_and_place(problem))
                wait = _BACK_OFF_S[-1]
            except Exception as problem:
                # Whatever it is, the thread must live, or everything that follows would wait for ever.
                self._failing.is_so(type(problem).__name__, **kind_and_place(problem))
                wait = _BACK_OFF_S[-1]
            self._stop.wait(wait)

    def _directories(self) -> list[Path]:
        return sorted(path for path in self.spools.iterdir() if path.is_dir())

    def _adopt(self) -> None:
        # A spool whose worker is gone (fewer --workers, a crash) has nobody to seal its open file.
        for spool in self._directories():
            if not any(spool.glob("*.open")):
                continue
            try:
                descriptor = lock_directory(spool)
            except SpoolTaken:
                continue
            try:
                recover(spool)
            finally:
                os.close(descriptor)

    def _in_turn(self, path: Path, act: Callable[[Path], bool]) -> bool:
        """Whether it did something to the file, once nobody else is at it."""
        if path.parent.name != REPLAY:
            return act(path)
        with self.quarantine.alone():
            return path.exists() and act(path)  # or else its visitor has just been erased

    def _delete_outlived(self, path: Path) -> bool:
        if path.suffix != ".sealed" or self._clock() - created_at(path) < _NONE_DIES_WITHIN_S:
            return False
        try:
            found = read_sealed(path)
            rows = found.rows
            # An erasure may be of a site whose rows live longer.
            if any(self._alive(row[_RECEIVED], row[_LIFETIME]) for row in rows) or found.erasures:
                return False
        except (SpoolFileBad, IndexError):
            return False  # drain() sees to it
        path.unlink()
        log.warning("spool_outlived", events=len(rows))
        return True

    def _alive(self, received: object, lifetime: object) -> bool:
        if isinstance(received, int) and isinstance(lifetime, int):
            return dies_at(received, lifetime) > self._clock()
        return True  # the store will refuse it

    def _store_file(self, path: Path) -> bool:
        # A list for each row, all kept until they are stored.
        with uncollected():
            return self._store_all_of(path)

    def _store_all_of(self, path: Path) -> bool:
        try:
            header, rows, counts, erasures, crawlers = read_sealed(path)
        except SpoolFileBad as problem:
            set_aside(path, str(problem))
            return True
        for index, chunk in chunks(rows, header.chunk_rows):
            self._store_rows(header, index * header.chunk_rows, chunk, f"{header.uuid}:{index}")
        # Of an erasure only a note of what is to go: other spools may still hold events that came before
        # (pipeline/erase.py).
        beside: dict[str, Sequence[Struct]] = {"ingest": counts, "erasures": erasures, "crawler_views": crawlers}
        for table, records in beside.items():
            if records:
                columns = list(zip(*map(structs.astuple, records), strict=True))
                token = f"{header.uuid}:{_TOKENS[table]}"
                self.store.insert(table, _COLUMNS[table], columns, token=token)
        self._erased = max([self._erased, *(erasure.at for erasure in erasures)])
        path.unlink()
        self.files += 1
        self.events += len(rows)
        return True

    def _store_rows(self, header: Header, first: int, rows: Sequence[list[Any]], token: str) -> None:
        try:
            places = range(first, first + len(rows))
            columns = [*zip(*rows, strict=True), [header.sequence(place) for place in places]]
            if len(columns) != len(COLUMNS):
                raise ValueError("not the fields of an event")
            if self._clock() - header.created >= _NONE_DIES_WITHIN_S:
                columns = self._without_outlived(columns)
            if columns[0]:
                self.store.insert("events", COLUMNS, columns, token=token)
        except (RowsRefused, ValueError) as problem:
            if len(rows) == 1:
                self.quarantine.put(f"{header.uuid}-{first}", rows[0])
                log.error("event_quarantined", kind=type(problem).__name__, spool=header.spool)
                return
            # Halves get tokens of their own; the cut, too, follows from the content alone.
            half = len(rows) // 2
            self._store_rows(header, first, rows[:half], f"{token}:{first}-{first + half}")
            self._store_rows(header, first + half, rows[half:], f"{token}:{first + half}-{first + len(rows)}")

    def _without_outlived(self, columns: list[Sequence[Any]]) -> list[Sequence[Any]]:
        """What dies, dies by whole partitions, which the store deduplicates one by one: a token means what it meant."""
        alive = [self._alive(*times) for times in zip(columns[_RECEIVED], columns[_LIFETIME], strict=True)]
        if all(alive):
            return columns
        log.warning("spool_outlived", events=alive.count(False))
        return [list(compress(column, alive)) for column in columns]
