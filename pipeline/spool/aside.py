"""What of a spool cannot be read: set aside for a person to look at, and deleted within a day.

In: a spool file that is damaged or none of ours. Out: the same bytes under a name that ends in `.bad`.
Promises: nobody can look a visitor up in such a file, so every erasure applies to it: it is gone within the 24 hours
that an erasure may take (rule D6), which is before the end of the shortest retention, too (rule X3).
"""

from __future__ import annotations

import re
from pathlib import Path

import structlog

from schema.atomic_file import write_atomically

log = structlog.get_logger("spool")

# From the second in which the file was begun: none of its events is much older, so an erasure of any of them was asked
# for later. The hourly look comes on top.
KEPT_S = 22 * 3600
_BEGUN = re.compile(r"(\d{1,10})-\d{1,2}\.")


def set_aside(path: Path, reason: str) -> None:
    """Keep an unreadable file out of the way. reason: names no content. Raises OSError; done again it goes on where it
    stopped."""
    # Earlier versions had a log beside it. The file itself comes last: as long as it has its name, somebody looks after
    # what belongs to it.
    for name in (f"{path.name}-wal", f"{path.name}-shm", path.name):
        source = path.parent / name
        if source.exists():
            source.rename(path.parent / f"{name}.bad")
    log.error("spool_file_set_aside", file=path.name, reason=reason)


def keep_copy(path: Path, content: bytes, lost: int) -> None:
    """Keep what was in a file that is damaged from so many bytes before its end. Raises OSError; done again it is the
    same."""
    copy = path.with_name(f"{path.name}.bad")
    write_atomically(copy, content)
    log.error("spool_groups_lost", file=copy.name, bytes=lost)


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
