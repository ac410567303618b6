"""The files of a spool, for the spool, the writer and the quarantine.

In: groups of records. Out: sealed files, and what is in them.
Promises: a group is on disk when `commit` returns; what a crash left open is sealed with every group that was whole.

A spool is a directory locked for life by its owner. Its files are SQLite databases named by the second of their
creation; `*.open` is being written, `*.sealed` never changes again. Format 2 (tests/pipeline/golden-2.sealed):
    header(key, value)                  format, uuid, created, serial, spool, chunk_rows; events_fields, counts_fields,
                                        erasures_fields, crawlers_fields: JSON lists of the names of a record's fields
    groups(n, kind, records, body)      kind "events" | "counts" | "erasures" | "crawlers"; body: msgpack list of
                                        records as arrays
Format 1 (tests/pipeline/golden.sealed) is still read: it names no fields, they are those of `layout.FIELDS_1`.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import structlog
from msgspec import Raw, Struct

from schema.atomic_file import fsync_directory
from schema.event import Count, CrawlerViews, Erasure, Event

from .aside import PAGE, LogOf, set_aside
from .layout import FIELDS, FIELDS_1, RECORDS, LayoutUnknown, arranged

log = structlog.get_logger("spool")

_Record = TypeVar("_Record")
# By kind the names of its fields.
_Layout = Mapping[str, Sequence[str]]

FORMAT = 2
_UNNAMED_FORMAT = 1
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
_NAMES = {f"{kind}_fields": msgspec.json.encode(names).decode() for kind, names in FIELDS.items()}


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
        # Small pages, because a commit writes several and most are of few events. Exclusive: no shared-memory file.
        # FULL: every commit fsyncs the log before it returns.
        for pragma in (
            f"page_size={PAGE}",
            "locking_mode=EXCLUSIVE",
            "journal_mode=WAL",
            "synchronous=FULL",
            "wal_autocheckpoint=0",
        ):
            self._db.execute(f"PRAGMA {pragma}")
        self._db.execute("BEGIN")
        self._db.execute("CREATE TABLE header (key TEXT PRIMARY KEY, value)")
        self._db.execute("CREATE TABLE groups (n INTEGER PRIMARY KEY, kind TEXT, records INTEGER, body BLOB)")
        fields = {"format": FORMAT, **msgspec.structs.asdict(header), **_NAMES}
        self._db.executemany("INSERT INTO header (key, value) VALUES (?, ?)", fields.items())
        self._db.execute("COMMIT")
        fsync_directory(self.path.parent)

    def commit(
        self,
        events: Sequence[Event | Raw],
        counts: list[Count],
        erasures: Sequence[Erasure] = (),
        crawlers: Sequence[CrawlerViews] = (),
    ) -> None:
        """Make one group durable: one row of each kind, one fsync."""
        kinds = (("events", events), ("counts", counts), ("erasures", erasures), ("crawlers", crawlers))
        rows = [(kind, len(records), msgspec.msgpack.encode(records)) for kind, records in kinds if records]
        # A group of nothing but waiting takes as long as any other: how long an answer takes tells nothing either.
        rows = rows or [("counts", 0, msgspec.msgpack.encode([]))]
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
                set_aside(path, "its name tells no place in the order of events")
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
        except sqlite3.DatabaseError as problem:
            set_aside(path, type(problem).__name__)
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


class Sealed(NamedTuple):
    """What is in a sealed file. rows: its events, as lists in the order of the struct's fields."""

    header: Header
    rows: list[list[Any]]
    counts: list[Count]
    erasures: list[Erasure]
    crawlers: list[CrawlerViews]


def read_sealed(path: Path) -> Sealed:
    """All of a sealed file. Raises SpoolFileBad, or OSError where the file may be readable later."""
    header, layout, groups = _read(path)
    found = {kind: _rows(path, layout, groups, kind) for kind in RECORDS}
    return Sealed(
        header,
        found["events"],
        _typed(path, found["counts"], Count),
        _typed(path, found["erasures"], Erasure),
        _typed(path, found["crawlers"], CrawlerViews),
    )


def _read(path: Path) -> tuple[Header, _Layout, list[tuple[str, bytes]]]:
    try:
        connection = sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)
        try:
            fields = dict(connection.execute("SELECT key, value FROM header"))
            written_as = fields.pop("format", None)
            if written_as not in (_UNNAMED_FORMAT, FORMAT):
                raise SpoolFileBad(f"{path.name}: of format {written_as!r:.20}, which this version does not read")
            header = msgspec.convert(fields, Header)
            layout = FIELDS_1 if written_as == _UNNAMED_FORMAT else _named(fields)
            groups = connection.execute("SELECT kind, body FROM groups ORDER BY n").fetchall()
        finally:
            connection.close()
    except (sqlite3.Error, msgspec.MsgspecError, TypeError) as problem:
        if getattr(problem, "sqlite_errorcode", 0) & 0xFF in _PASSING:
            raise OSError(f"{path.name}: {type(problem).__name__}") from None
        raise SpoolFileBad(f"{path.name}: {type(problem).__name__}") from None
    if header.chunk_rows < 1:
        raise SpoolFileBad(f"{path.name}: chunks of {header.chunk_rows} rows")
    if any(kind not in layout for kind, _ in groups):
        raise SpoolFileBad(f"{path.name}: a group of unknown kind")
    return header, layout, groups


def _named(fields: Mapping[str, Any]) -> _Layout:
    """The names in a header, of the kinds that this version knows."""
    named = {kind: fields.get(f"{kind}_fields") for kind in RECORDS}
    return {kind: msgspec.json.decode(names, type=list[str]) for kind, names in named.items() if names is not None}


def _rows(path: Path, layout: _Layout, groups: list[tuple[str, bytes]], kind: str) -> list[list[Any]]:
    """Every record of a kind, as a list in the order of this version's fields."""
    bodies = [body for its, body in groups if its == kind]
    if not bodies:
        return []
    try:
        arrange = arranged(kind, layout[kind])
        rows = [row for body in bodies for row in msgspec.msgpack.decode(body, type=list[list[Any]])]
    except LayoutUnknown as problem:
        raise SpoolFileBad(f"{path.name}: {problem}") from None
    except (msgspec.MsgspecError, ValueError, TypeError) as problem:
        raise SpoolFileBad(f"{path.name}: {type(problem).__name__}") from None
    return rows if arrange is None else [arrange(row) for row in rows]


def _typed(path: Path, rows: list[list[Any]], record: type[_Record]) -> list[_Record]:
    try:
        return msgspec.convert(rows, list[record])  # type: ignore[valid-type]
    except (msgspec.MsgspecError, ValueError, TypeError) as problem:
        raise SpoolFileBad(f"{path.name}: {type(problem).__name__}") from None


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
