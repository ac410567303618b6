"""Spool files of earlier versions, which were SQLite databases: read, and what a crash left open of them.

In: a file of format 1 or 2. Out: its header and groups.
Promises: of a log that SQLite takes only in part a copy is kept.

    header(key, value)             format, uuid, created, serial, spool, chunk_rows; events_fields, counts_fields,
                                   erasures_fields, crawlers_fields: JSON lists of the names of a record's fields
    groups(n, kind, records, body) kind "events" | "counts" | "erasures" | "crawlers"; body: msgpack list of records as
                                   arrays
Format 1 (tests/pipeline/golden.sealed) names no fields, they are those of `layout.FIELDS_1`; format 2
(tests/pipeline/golden-2.sealed) does.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import sqlite3
import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

import msgspec
import structlog

from .layout import FIELDS_1, RECORDS
from .log import MAGIC

log = structlog.get_logger("spool")

_MAGIC = b"SQLite format 3\x00"
_UNNAMED_FORMAT, _FORMATS = 1, (1, 2)
# Errors that say nothing about a file's content: no descriptors or memory left, a disk that fails.
_PASSING = frozenset(
    (sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM, sqlite3.SQLITE_BUSY, sqlite3.SQLITE_PERM)
)
# https://sqlite.org/fileformat2.html#walformat
_LOG_HEADER, _FRAME_HEADER = 32, 24
# Bytes of a spool's pages, of the last of these versions and of those before.
_PAGES = (1024, 4096)
# By kind the names of its fields, then groups: kind and body.
Content = tuple[dict[str, Any], Mapping[str, Sequence[str]], list[tuple[str, bytes]]]


def is_database(path: Path) -> bool:
    """Whether a file was written by one of these versions. Raises OSError."""
    with open(path, "rb") as file:
        begins = file.read(len(_MAGIC))
    # One that was just begun may have its first page in its log only. What stands beside a log of ours is not of it.
    return begins == _MAGIC or (begins != MAGIC and _log_of(path).exists())


def read_database(path: Path) -> Content:
    """The header, the names of fields, and the groups of a sealed file. Raises ValueError where they are not there, or
    OSError where the file may be readable later."""
    try:
        with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro&immutable=1", uri=True)) as connection:
            header = dict(connection.execute("SELECT key, value FROM header"))
            written_as = header.pop("format", None)
            if written_as not in _FORMATS:
                raise ValueError(f"of format {written_as!r:.20}, which this version does not read")
            layout = FIELDS_1 if written_as == _UNNAMED_FORMAT else _named(header)
            groups = connection.execute("SELECT kind, body FROM groups ORDER BY n").fetchall()
    except (sqlite3.Error, msgspec.MsgspecError, TypeError) as problem:
        if getattr(problem, "sqlite_errorcode", 0) & 0xFF in _PASSING:
            raise OSError(f"{path.name}: {type(problem).__name__}") from None
        raise ValueError(type(problem).__name__) from None
    return header, layout, groups


def _named(header: Mapping[str, Any]) -> dict[str, list[str]]:
    """The names in a header, of the kinds that this version knows."""
    named = {kind: header.get(f"{kind}_fields") for kind in RECORDS}
    return {kind: msgspec.json.decode(names, type=list[str]) for kind, names in named.items() if names is not None}


def close_database(path: Path) -> bool:
    """Move what is whole in its log into the file; whether it holds anything then. Raises ValueError where it is none,
    or OSError where that may work later."""
    try:
        with (
            contextlib.closing(_LogOf(path)) as its_log,
            contextlib.closing(sqlite3.connect(path, isolation_level=None)) as connection,
        ):
            tables = connection.execute("SELECT count(*) FROM sqlite_master WHERE name = 'groups'").fetchone()[0]
            its_log.keep_what_is_lost(connection)
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            connection.execute("PRAGMA journal_mode=DELETE")
        if (its := _log_of(path)).exists() and its.stat().st_size:
            raise OSError("a spool file's log is not empty")
    except sqlite3.OperationalError as problem:
        raise OSError(type(problem).__name__) from None
    except sqlite3.DatabaseError as problem:
        raise ValueError(type(problem).__name__) from None
    return bool(tables)


def _log_of(path: Path) -> Path:
    return path.with_name(f"{path.name}-wal")


class _LogOf:
    """The write-ahead log of a spool file that was left open. SQLite takes it up to the first damaged frame, silently,
    and may delete it at once; held open here, it can be copied all the same."""

    def __init__(self, path: Path) -> None:
        self._copy = path.with_name(f"{path.name}-wal.bad")
        self._file: IO[bytes] | None = None
        self._last_commit = 0
        try:
            self._file = _log_of(path).open("rb")
        except FileNotFoundError:
            return
        self._last_commit = _last_commit(self._file)

    def keep_what_is_lost(self, connection: sqlite3.Connection) -> None:
        """Copy a log whose groups do not all reach the file, before it is emptied. A group that was being written when
        the process died has no last frame, so it is not missed. Raises OSError."""
        taken = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()[1]
        if self._file is None or self._last_commit <= taken:
            return
        self._file.seek(0)
        with open(os.open(self._copy, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as copy:
            shutil.copyfileobj(self._file, copy)
        log.error("spool_groups_lost", file=self._copy.name, frames=self._last_commit - taken)

    def close(self) -> None:
        if self._file is not None:
            self._file.close()


def _last_commit(file: IO[bytes]) -> int:
    """The number of the last frame that ends a transaction, damaged or not; 0 if there is none."""
    pages = int.from_bytes(file.read(_LOG_HEADER)[8:12], "big")
    # Where the header is damaged, too, nobody knows which they are.
    sizes = (pages,) if pages in _PAGES else _PAGES
    return max(_last_commit_by(file, size) for size in sizes)


def _last_commit_by(file: IO[bytes], page: int) -> int:
    last = number = 0
    file.seek(_LOG_HEADER)
    while len(header := file.read(_FRAME_HEADER)) == _FRAME_HEADER:
        number += 1
        if struct.unpack(">II", header[:8])[1]:
            last = number
        file.seek(page, os.SEEK_CUR)
    return last
