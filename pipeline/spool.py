"""The spool: where an event becomes durable before anyone is told it was accepted.

In: events and counts from one collector worker. Out: sealed files for the writer.
Promises: `append` returns only after the group that holds the events is fsynced; on any doubt it raises instead.

A spool is a directory locked for life by its owner. Its files are SQLite databases named by the second of their
creation; `*.open` is being written, `*.sealed` never changes again. Format 1, frozen (tests/pipeline/golden.sealed):
    header(key, value)                  format, uuid, created, serial, spool, chunk_rows
    groups(n, kind, records, body)      kind "events" | "counts" | "erasures"; body: msgpack list of records as arrays
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import queue
import re
import shutil
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog
from msgspec import Struct, field

from schema.event import Count, Erasure, Event

from .aside import LogOf, set_aside
from .settings import SpoolSettings

log = structlog.get_logger("spool")

_Record = TypeVar("_Record")

FORMAT = 1
# Rows of one INSERT: 20,000-row inserts with fsync made 333,000 rows/s where 64-row ones made 7,560. Written into
# each file's header, so that a chunk (and its deduplication token) means the same rows for ever.
CHUNK_ROWS = 20_000
# Longest time between an event's receipt and its commit; also how long a visitor key outlives its day.
IN_FLIGHT_S = 10
# A request takes up to 3 s to arrive (collector/protocol.py); what then waits longer than this, for a disk that stalls,
# is refused: its commit might come after a watermark that has passed its receipt.
_LONGEST_WAIT_S = IN_FLIGHT_S - 4.0
# What arrives during one commit forms the next group; a group is bounded so that one commit stays short: so many events
# and what came with the last of them.
_GROUP_LIMIT = 4096
# Seconds and serial of a file's creation.
_NAME = re.compile(r"\d{1,10}-\d{1,2}\.(open|sealed)")
# Bits of `sequence`: seconds 32 | serial 6 | spool 6 | place 20.
_PLACE_BITS, _SPOOL_BITS, _SERIAL_BITS = 20, 6, 6
# Errors that say nothing about a file's content: no descriptors or memory left, a disk that fails.
_PASSING = frozenset(
    (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PERM)
)
_KINDS = frozenset(("events", "counts", "erasures"))
_MEASURE_EVERY_S = 1.0
# While more sealed files than these wait (the store is away, or slow), one more gains nothing by being small.
_MOST_WAITING = 8
_COUNTS_EVERY_S = 1.0
# Different counts that wait while the spool refuses; what comes then is counted by the day, not by the minute.
_MOST_COUNTS = 10_000
_DAY_S = 86_400


class SpoolRefuses(Exception):
    """The spool cannot make the event durable now: answer 503, never 202."""


class SpoolTaken(Exception):
    """Another process owns this spool directory."""


class SpoolFileBad(Exception):
    """A spool file cannot be read as what it claims to be."""


class Header(Struct, frozen=True):
    """What a file says about itself."""

    uuid: str
    created: int
    serial: int
    spool: int
    chunk_rows: int

    def sequence(self, place: int) -> int:
        """Orders events across files: by second of the file, serial, spool, place in the file."""
        upper = (self.created << _SERIAL_BITS | self.serial) << _SPOOL_BITS | self.spool % (1 << _SPOOL_BITS)
        return upper << _PLACE_BITS | place


class Spool:
    """One worker's spool. `start()` locks the directory and recovers what a crash left open."""

    def __init__(
        self, directory: Path, number: int, settings: SpoolSettings, clock: Callable[[], float] = time.time
    ) -> None:
        self.directory = directory
        self.number = number
        self.settings = settings
        self._clock = clock
        self._queue: queue.SimpleQueue[_Handed | None] = queue.SimpleQueue()
        # What the requests of this turn of the loop have brought so far.
        self._turn: _Handed | None = None
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
        self._counts_due = 0.0
        self.groups = 0
        self.held_bytes = 0

    def start(self) -> None:
        """Lock, recover, begin. Raises SpoolTaken if the directory has an owner."""
        make_directory(self.directory)
        self._lock_fd = lock_directory(self.directory)
        recover(self.directory)
        # What could not be recovered now, on a full disk for one, is tried again with every measurement.
        self._distrusted = [path for path in spool_files(self.directory) if path.suffix == ".open"]
        self._last = max((_created_serial(path) for path in spool_files(self.directory)), default=(0, 0))
        self._loop = asyncio.get_running_loop()
        self._measure()
        self._thread.start()

    def append(self, events: Sequence[Event], erasures: Sequence[Erasure] = ()) -> asyncio.Future[None]:
        """A future that is done once all of them are on disk, or fails with SpoolRefuses.

        What comes in one turn of the loop is handed over as one, because waking the spool's thread costs more than
        encoding an event: its requests share the future, so nobody may cancel it."""
        if self.refusal:
            raise SpoolRefuses(self.refusal)
        assert self._loop is not None
        if self._turn is None:
            self._turn = _Handed([], [], (), self._loop.create_future())
            self._loop.call_soon(self._hand_over)
        self._turn.events.extend(events)
        self._turn.erasures.extend(erasures)
        assert self._turn.future is not None
        return self._turn.future

    def _hand_over(self) -> None:
        if self._turn is not None:
            self._queue.put(self._turn)
            self._turn = None

    def count(self, site: str, reason: str, minute: int, number: int = 1) -> None:
        """Count an outcome. Counts ride along about once a second; a crash may lose that second's."""
        key = (site, minute, reason)
        if len(self._counts) >= _MOST_COUNTS and key not in self._counts:
            key = (site, minute // _DAY_S * _DAY_S, reason)
        self._counts[key] = self._counts.get(key, 0) + number

    def flush_counts(self) -> None:
        """Hand the counts so far to the spool's thread. Called on the event loop."""
        if self._counts and not self.refusal:
            counts, self._counts = self._counts, {}
            told = tuple(Count(site, minute, reason, n) for (site, minute, reason), n in counts.items())
            self._queue.put(_Handed([], [], told, None))

    def stop(self) -> None:
        """Commit what is queued, seal, release the lock. Blocks."""
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
                    groups.append(item)
                    events += len(item.events)
                    if events >= _GROUP_LIMIT:
                        break
                    item = self._queue.get_nowait()
                else:
                    running = False
            if groups:
                self._commit(groups)
            try:
                self._tidy(running)
            except Exception as problem:
                # A thread that died of this would leave every later beacon without an answer.
                log.error("spool_not_tidied", kind=type(problem).__name__, spool=self.number)

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
        after = max(settings.seal_after_s, settings.seal_behind_after_s) if self._is_behind else settings.seal_after_s
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
            )
            self.groups += 1
        except Exception as problem:
            # After a failed write or fsync nobody knows what the disk holds: the group is refused, the file never
            # written again. What it held before stays acknowledged, so it is recovered, not deleted.
            # Any exception, because a thread that died here would leave every later beacon without an answer.
            error = SpoolRefuses(f"the spool cannot write: {type(problem).__name__}")
            log.error("spool_write_failed", kind=type(problem).__name__, spool=self.number)
            self._distrust()
        self._answer(groups, error)

    def _without_the_late(self, groups: list[_Handed]) -> list[_Handed]:
        """The groups that did not wait too long; the others are refused."""
        since = time.monotonic() - _LONGEST_WAIT_S
        late = [group for group in groups if group.future is not None and group.since < since]
        if late:
            log.error("spool_too_slow", requests=len(late), spool=self.number)
            self._answer(late, SpoolRefuses("the disk does not keep up"))
        # Counts belong to no request, and no watermark tells of them.
        return [group for group in groups if group.future is None or group.since >= since]

    def _answer(self, groups: list[_Handed], error: SpoolRefuses | None) -> None:
        futures = [group.future for group in groups if group.future is not None]
        if futures and self._loop is not None:
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
                self._loop.call_soon_threadsafe(_settle, futures, error)

    def _open(self) -> OpenFile:
        before = self._last
        created = max(int(self._clock()), self._last[0])
        serial = self._last[1] + 1 if created == self._last[0] else 0
        if serial >= 1 << _SERIAL_BITS:
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
                _discard(path)
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
        except (sqlite3.Error, OSError) as problem:
            log.error("spool_seal_failed", kind=type(problem).__name__, spool=self.number)
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
        if refusal != self.refusal:
            log.warning("spool_refusing" if refusal else "spool_accepting", reason=refusal, spool=self.number)
        self.refusal = refusal


class _Handed(Struct):
    """What one turn of the loop, or one second's counting, hands over. since: when, on the monotonic clock.
    future: whom to tell; None for counts."""

    events: list[Event]
    erasures: list[Erasure]
    counts: Sequence[Count]
    future: asyncio.Future[None] | None
    since: float = field(default_factory=time.monotonic)


class OpenFile:
    """The file being written."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.opened = time.monotonic()
        self.size = 0
        self.places = 0
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._begin(header)
        except BaseException:
            self._db.close()
            raise

    def _begin(self, header: Header) -> None:
        os.chmod(self.path, 0o600)
        # Exclusive: no shared-memory file. FULL: every commit fsyncs the log before it returns.
        for pragma in ("locking_mode=EXCLUSIVE", "journal_mode=WAL", "synchronous=FULL", "wal_autocheckpoint=0"):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("BEGIN")
        self._db.execute("CREATE TABLE header (key TEXT PRIMARY KEY, value)")
        self._db.execute("CREATE TABLE groups (n INTEGER PRIMARY KEY, kind TEXT, records INTEGER, body BLOB)")
        fields = {"format": FORMAT, **msgspec.structs.asdict(header)}
        self._db.executemany("INSERT INTO header VALUES (?, ?)", fields.items())
        self._db.execute("COMMIT")
        fsync_directory(self.path.parent)

    def commit(self, events: list[Event], counts: list[Count], erasures: Sequence[Erasure] = ()) -> None:
        """Make one group durable: one row of each kind, one fsync."""
        rows = [(kind, len(records), msgspec.msgpack.encode(records)) for kind, records in
                (("events", events), ("counts", counts), ("erasures", erasures)) if records]  # fmt: skip
        if self.places + len(events) >= 1 << _PLACE_BITS:
            raise OSError("spool file is full")
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO groups (kind, records, body) VALUES (?, ?, ?)", rows)
        self._db.execute("COMMIT")
        self.places += len(events)
        self.size += sum(len(body) for _, _, body in rows)

    def close(self) -> None:
        """Move everything from the log into the file. Raises where that fails: closing alone would not tell."""
        try:
            busy = self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
            if busy:
                raise OSError("the log of a spool file cannot be emptied")
        finally:
            self._db.close()


def _settle(futures: list[asyncio.Future[None]], error: SpoolRefuses | None) -> None:
    for future in futures:
        if future.done():
            continue
        if error is None:
            future.set_result(None)
        else:
            future.set_exception(error)


# -- files, for the spool and for the writer -----------------------------------------------------------------------


def lock_directory(directory: Path) -> int:
    """Own the directory for as long as the returned descriptor is open."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise SpoolTaken(f"{directory}: another process owns it; stop that one or choose another --data") from None
    return descriptor


def spool_files(directory: Path) -> list[Path]:
    """The open and sealed files, oldest first."""
    return sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name))


def created_at(path: Path) -> int:
    """The second in which a spool file was begun: no event in it was received more than IN_FLIGHT_S earlier."""
    return _created_serial(path)[0]


def recover(directory: Path) -> None:
    """Seal what a crash left open. The caller owns the directory."""
    for path in list(directory.iterdir()):
        if path.suffix in (".open", ".sealed") and not _NAME.fullmatch(path.name):
            try:
                set_aside(path)  # nothing of ours: its place in the order of events cannot be told
            except OSError as problem:
                log.warning("spool_recovery_postponed", kind=type(problem).__name__, file=path.name)
        elif path.suffix == ".open":
            recover_file(path)


def recover_file(path: Path) -> bool:
    """Seal one file that was left open; True once it needs no more care. Unreadable ones are set aside, and so is a
    copy of a log that SQLite takes only in part."""
    try:
        try:
            tables = _empty_log(path)
        except sqlite3.OperationalError:
            raise
        except sqlite3.DatabaseError:
            set_aside(path)
            return True
        if tables:
            seal(path)
        else:  # the crash came before the header was committed: nothing was acknowledged, or its log is set aside
            _discard(path)
    except (sqlite3.OperationalError, OSError) as problem:
        log.warning("spool_recovery_postponed", kind=type(problem).__name__, file=path.name)
        return False
    return True


def _discard(path: Path) -> None:
    """Delete a file that holds nothing, itself last."""
    for name in (f"{path.name}-journal", f"{path.name}-wal", path.name):
        path.with_name(name).unlink(missing_ok=True)


def _empty_log(path: Path) -> int:
    """Move what is whole in a file's log into the file; how many tables of groups that makes."""
    with (
        contextlib.closing(LogOf(path)) as its_log,
        contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection,
    ):
        tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'groups'").fetchone()[0]
        its_log.keep_what_is_lost(connection)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.execute("PRAGMA journal_mode=DELETE")
    return int(tables)


def seal(path: Path) -> None:
    """From now on the file never changes. Raises OSError where a part of it is still in its log."""
    log_file = path.with_name(f"{path.name}-wal")
    if log_file.exists() and log_file.stat().st_size:
        raise OSError("a spool file's log is not empty")
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    path.rename(path.with_suffix(".sealed"))
    fsync_directory(path.parent)


def read_sealed(path: Path) -> tuple[Header, list[list[Any]], list[Count]]:
    """A sealed file's header, events (as lists in field order) and counts. Raises SpoolFileBad, or OSError where the
    file may be readable later."""
    header, groups = _read(path)
    return header, _records(path, groups, "events", list[Any]), _records(path, groups, "counts", Count)


def read_erasures(path: Path) -> list[Erasure]:
    """Whose rows a sealed file asks to delete. Raises like `read_sealed`."""
    return _records(path, _read(path)[1], "erasures", Erasure)


def _read(path: Path) -> tuple[Header, list[tuple[str, bytes]]]:
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        try:
            fields = dict(connection.execute("SELECT key, value FROM header"))
            if fields.pop("format", None) != FORMAT:
                raise SpoolFileBad(f"{path.name}: not of format {FORMAT}")
            header = msgspec.convert(fields, Header)
            groups = connection.execute("SELECT kind, body FROM groups ORDER BY n").fetchall()
        finally:
            connection.close()
    except (sqlite3.Error, msgspec.MsgspecError) as problem:
        if getattr(problem, "sqlite_errorcode", 0) & 0xFF in _PASSING:
            raise OSError(f"{path.name}: {type(problem).__name__}") from None
        raise SpoolFileBad(f"{path.name}: {type(problem).__name__}") from None
    if header.chunk_rows < 1:
        raise SpoolFileBad(f"{path.name}: chunks of {header.chunk_rows} rows")
    if any(kind not in _KINDS for kind, _ in groups):
        raise SpoolFileBad(f"{path.name}: a group of unknown kind")
    return header, groups


def _records(path: Path, groups: list[tuple[str, bytes]], kind: str, record: type[_Record]) -> list[_Record]:
    try:
        lists = [msgspec.msgpack.decode(body, type=list[record]) for its, body in groups if its == kind]  # type: ignore[valid-type]
    except (msgspec.MsgspecError, ValueError, TypeError) as problem:
        raise SpoolFileBad(f"{path.name}: {type(problem).__name__}") from None
    return [one for records in lists for one in records]


def chunks(rows: Sequence[list[Any]], size: int) -> Iterator[tuple[int, Sequence[list[Any]]]]:
    """The file's rows in pieces whose boundaries follow from the file alone."""
    for index, start in enumerate(range(0, len(rows), size)):
        yield index, rows[start : start + size]


def _created_serial(path: Path) -> tuple[int, int]:
    created, _, serial = path.stem.partition("-")
    return int(created), int(serial)


def make_directory(directory: Path) -> None:
    """Make a directory of its owner's, and those above it. Their names are durable before anything is in them."""
    if not directory.is_dir():
        make_directory(directory.parent)
        directory.mkdir(exist_ok=True, mode=0o700)
        fsync_directory(directory.parent)


def fsync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
