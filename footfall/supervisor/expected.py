"""What may go wrong in an expected way: the errors whose text is for the operator, and whether trying again can help.

In: an exception. Out: one line without visitor data, or nothing, where the text might quote some.
"""

from __future__ import annotations

import errno
import sqlite3

from collector.keys.directory import KeysOnDisk
from collector.wire.access_log.unreadable import Unreadable
from pipeline.former import FormerUnreadable
from pipeline.spool.file import SpoolTaken
from schema.migrate import MigrationChanged, WrittenByNewer
from schema.store import StoreDown, StoreError, StoreRefuses

from ..errors import CannotDo, CannotStart, SettingsError
from .stamp import StampUnreadable

EXPECTED = (
    SettingsError,
    CannotDo,
    CannotStart,
    StoreError,
    MigrationChanged,
    WrittenByNewer,
    StampUnreadable,
    FormerUnreadable,
    KeysOnDisk,
    SpoolTaken,
    Unreadable,
)
# Errors of the system that stay until somebody changes something.
_STAYS = frozenset(
    (
        *(errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.ENAMETOOLONG),
        *(errno.EEXIST, errno.ENODEV, errno.ENXIO, errno.EINVAL, errno.ENOTSUP, errno.ENOENT),
    )
)


def line_of(problem: BaseException) -> str:
    """What to tell of it, "" where the text is not known to be free of a visitor's data."""
    if isinstance(problem, EXPECTED):
        return " ".join(str(problem).split())
    if isinstance(problem, OSError):
        return _of_the_system(problem)
    if isinstance(problem, EOFError):
        return "a compressed file ends early: it was cut off, or is still being written"
    if isinstance(problem, sqlite3.DatabaseError):
        return _of_a_database(problem)
    return ""


def may_pass(problem: BaseException) -> bool:
    """Whether the same start may work a little later, with nothing changed by anybody."""
    if isinstance(problem, StoreDown):
        return not isinstance(problem, StoreRefuses)
    if isinstance(problem, OSError):
        return problem.errno not in _STAYS
    # A worker that was killed may not be gone yet.
    return isinstance(problem, SpoolTaken) or not isinstance(problem, EXPECTED)


def _of_the_system(problem: OSError) -> str:
    """The file's name and the system's words, which quote nothing of its content."""
    words = problem.strerror or "cannot be used"
    remedies = {
        errno.EACCES: "give this user the rights, or name another place",
        errno.EPERM: "give this user the rights, or name another place",
        errno.EROFS: "name a place that can be written",
        errno.ENOSPC: "make room, or name a place with more",
        errno.EEXIST: "a file is where a directory should be; move it away, or name another place",
        errno.ENOTDIR: "a part of this path is a file; name another place",
        errno.ENOENT: "name another place, or make it",
    }
    remedy = remedies.get(problem.errno or 0, "")
    return f"{problem.filename or type(problem).__name__}: {words}{f'; {remedy}' if remedy else ''}"


def _of_a_database(problem: sqlite3.DatabaseError) -> str:
    # SQLite's own words name tables at most.
    name = getattr(problem, "sqlite_errorname", "") or type(problem).__name__
    which = "of people, of links, of what was sent, or a spool file"
    return f"a database of the data directory ({which}) cannot be used: {name}: {problem}"
