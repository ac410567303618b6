"""The files of a spool, for the spool, the writer and the quarantine.

In: groups of records. Out: sealed files, and what is in them.
Promises: a group is on disk when `commit` returns; what a crash left open is sealed with every group that was whole.

A spool is a directory locked for life by its owner. Its files are SQLite databases named by the second of their
creation; `*.open` is being written, `*.sealed` never changes again. Format 1, frozen (tests/pipeline/golden.sealed):
    header(key, value)                  format, uuid, created, serial, spool, chunk_rows
    groups(n, kind, records, body)      kind "events" | "counts" | "erasures"; body: msgpack list of records as arrays
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import structlog
from msgspec import Struct

from schema.event import Count, Erasure, Event

from .aside import LogOf, set_aside

log = structlog.get_logger("spool")

_Record = TypeVar("_Record")

FORMAT = 1
# Rows of one INSERT: 20,000-row inserts with fsync made 333,000 rows/s where 64-row ones made 7,560. Written into
# each file's header, so that a chunk (and its deduplication token) means the same rows for ever.
CHUNK_ROWS = 20_000
# Seconds and serial of a file's creation.
_NAME = re.compile(r"\d{1,10}-\d{1,2}\.(open|sealed)")
# Bits of `sequence`: seconds 32 | serial 6 | spool 6 | place 20.
PLACE_BITS, SPOOL_BITS, SERIAL_BITS = 20, 6, 6
# Errors that say nothing about a file's content: no descriptors or memory left, a disk that fails.
_PASSING = frozenset(
    (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PERM)
)
_KINDS = frozenset(("events", "counts", "erasures"))


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
        upper = (self.created << SERIAL_BITS | self.serial) << SPOOL_BITS | self.spool % (1 << SPOOL_BITS)
        return upper << PLACE_BITS | place


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
        self._db.executemany("INSERT INTO header (key, value) VALUES (?, ?)", fields.items())
        self._db.execute("COMMIT")
        fsync_directory(self.path.parent)

    def commit(self, events: list[Event], counts: list[Count], erasures: Sequence[Erasure] = ()) -> None:
        """Make one group durable: one row of each kind, one fsync."""
        rows = [(kind, len(records), msgspec.msgpack.encode(records)) for kind, records in
                (("events", events), ("counts", counts), ("erasures", erasures)) if records]  # fmt: skip
        if self.places + len(events) >= 1 << PLACE_BITS:
            raise OSError("spool file is full")
        # One statement is a transaction of its own: each gives the interpreter's lock away and waits for it again.
        statement = f"INSERT INTO groups (kind, records, body) VALUES {', '.join(['(?, ?, ?)'] * len(rows))}"
        self._db.execute(statement, [value for row in rows for value in row])
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
    return created_serial(path)[0]


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
            discard(path)
    except (sqlite3.OperationalError, OSError) as problem:
        log.warning("spool_recovery_postponed", kind=type(problem).__name__, file=path.name)
        return False
    return True


def discard(path: Path) -> None:
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


def created_serial(path: Path) -> tuple[int, int]:
    """The second in which a spool file was begun, and which of that second it is."""
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
