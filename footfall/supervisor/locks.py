"""Which parts of the instance run on a data directory: each holds a lock there for life.

In: a data directory. Out: a lock, or whether somebody has one. Promises: who only looks makes nothing, and is in
nobody's way for longer than it takes to look.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path

from ..errors import CannotStart

PARTS = ("up", "collector", "pipeline", "dashboards", "keys")
# Whoever looks whether the lock is held holds it for a moment.
_TRIES, _AGAIN_AFTER_S = 10, 0.05


def lock_path(directory: Path, part: str) -> Path:
    """The lock of that part."""
    return directory / f"{part}.lock"


def take(directory: Path, part: str, note: str = "") -> int:
    """Hold the lock of a part, as long as the descriptor is open. note: written into it, for whoever looks.
    Raises CannotStart."""
    descriptor = os.open(lock_path(directory, part), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    for attempt in range(_TRIES):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            break
        except OSError:
            if attempt < _TRIES - 1:
                time.sleep(_AGAIN_AFTER_S)
                continue
            os.close(descriptor)
            raise CannotStart(running_there(directory)) from None
    with contextlib.suppress(OSError):  # on a full disk; then nobody knows where it runs, but that it does
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, note.encode(), 0)
    return descriptor


def running_there(directory: Path) -> str:
    """What to tell who wants to run there, too."""
    return f"data = {str(directory)!r}: another Footfall is running there; stop it or choose another --data"


def is_held(directory: Path, part: str) -> bool:
    """Whether that part runs on the data directory, here or in another container."""
    return is_locked(lock_path(directory, part))


def is_locked(path: Path) -> bool:
    """Whether somebody holds the lock of a file."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def note_of(directory: Path, part: str) -> str:
    """What the holder wrote into its lock."""
    try:
        return lock_path(directory, part).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""
