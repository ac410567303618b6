"""What of a spool cannot be read: set aside for a person to look at, and deleted within a day.

In: a spool file that is damaged or none of ours. Out: the same bytes under a name that ends in `.bad`.
Promises: nobody can look a visitor up in such a file, so every erasure applies to it: it is gone within the 24 hours
that an erasure may take (rule D6), which is before the end of the shortest retention, too (rule X3).
"""

from __future__ import annotations

import os
import re
import shutil
import sqlite3
import struct
from pathlib import Path
from typing import IO

import structlog

log = structlog.get_logger("spool")

# From the second in which the file was begun: none of its events is much older, so an erasure of any of them was asked
# for later. The hourly look comes on top.
KEPT_S = 22 * 3600
_BEGUN = re.compile(r"(\d{1,10})-\d{1,2}\.")
# https://sqlite.org/fileformat2.html#walformat
_LOG_HEADER, _FRAME_HEADER = 32, 24
# Bytes of a spool's pages, and what they were in earlier versions.
PAGE, _PAGE_BEFORE = 1024, 4096


def set_aside(path: Path, reason: str) -> None:
    """Keep an unreadable file out of the way. reason: names no content. Raises OSError; done again it goes on where it
    stopped."""
    # The file itself comes last: as long as it has its name, somebody looks after what belongs to it.
    for name in (f"{path.name}-wal", f"{path.name}-shm", path.name):
        source = path.parent / name
        if source.exists():
            source.rename(path.parent / f"{name}.bad")
    log.error("spool_file_set_aside", file=path.name, reason=reason)


def delete_old(directory: Path, now: float) -> int:
    """Delete what was set aside long enough ago; how many files."""
    deleted = 0
    for path in directory.glob("*.bad"):
        named, written = _BEGUN.match(path.name), path.stat().st_mtime
        age = now - min(int(named[1]), written) if named else now - written
        # A time that is a day ahead tells nothing: the clock was wrong, then or now.
        if abs(age) >= KEPT_S:
            path.unlink()
            log.warning("bad_file_deleted", file=path.name)
            deleted += 1
    return deleted


class LogOf:
    """The write-ahead log of a spool file that was left open. SQLite takes it up to the first damaged frame, silently,
    and may delete it at once; held open here, it can be copied all the same."""

    def __init__(self, path: Path) -> None:
        self._copy = path.with_name(f"{path.name}-wal.bad")
        self._file: IO[bytes] | None = None
        self._last_commit = 0
        try:
            self._file = path.with_name(f"{path.name}-wal").open("rb")
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
    sizes = (pages,) if pages in (PAGE, _PAGE_BEFORE) else (PAGE, _PAGE_BEFORE)
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
