"""A file that is the one before or the new one, whole, whatever happens while it is written.

In: a path and its content. Out: the file, its owner's alone (0600), or none. Promises: no reader sees half of it; what
is durable outlives a power cut; a symbolic link in its place is not followed; of those who ask to be alone with it two
never are at once, even while it is removed with its lock.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path


def write_atomically(path: Path, content: bytes, durable: bool = True) -> None:
    """Replace a small file. durable: on the disk when this returns; of a file in RAM nobody asks for that. Raises
    OSError, and then the file is as it was."""
    partial = path.with_name(f"{path.name}.partial")
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
    with os.fdopen(os.open(partial, flags, 0o600), "wb") as file:
        file.write(content)
        if durable:
            file.flush()
            os.fsync(file.fileno())
    partial.rename(path)
    if durable:
        fsync_directory(path.parent)


@contextlib.contextmanager
def exclusively(path: Path) -> Iterator[None]:
    """Nobody else who asks for this is between reading that file and replacing it. Its directory is made if missing."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    lock = _locked(_lock_of(path))
    try:
        yield
    finally:
        os.close(lock)


def remove(path: Path) -> None:
    """Remove a file that is replaced by turns, and its lock: who waits for that makes one anew."""
    with exclusively(path):
        path.unlink(missing_ok=True)
        _lock_of(path).unlink(missing_ok=True)


def _lock_of(path: Path) -> Path:
    return path.with_suffix(".lock")


def _locked(path: Path) -> int:
    """The descriptor of a lock that is held, and that those find who come later: not one that was removed meanwhile."""
    while True:
        lock = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if os.path.samestat(os.fstat(lock), os.stat(path)):
                return lock
        except FileNotFoundError:
            pass
        except BaseException:
            os.close(lock)
            raise
        os.close(lock)


def fsync_directory(directory: Path) -> None:
    """Make the names in a directory durable."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
