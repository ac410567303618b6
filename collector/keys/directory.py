"""The directory of the keys: on a RAM-backed file system, its owner's alone, locked by the one that keeps keys there.

In: a directory. Out: the lock on it. Promises: one on a disk is refused unless the settings say so, and one that
somebody else could read or write is refused always.
"""

from __future__ import annotations

import fcntl
import os
import re
import stat
from pathlib import Path

_RAM_FILESYSTEMS = ("tmpfs", "ramfs")


class KeysOnDisk(Exception):
    """The key directory cannot hold keys: it is not in RAM, not ours alone, or taken."""


def own(directory: Path, allow_disk: bool) -> int:
    """Make the directory ours alone; the descriptor that locks it. Raises KeysOnDisk."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    named = f"keys.directory = {str(directory)!r}"
    if not allow_disk and not in_ram(directory):
        raise KeysOnDisk(
            f"{named} is on a disk, where a destroyed key can be recovered; "
            "name a directory on tmpfs (such as one in /dev/shm)"
        )
    # In /dev/shm anybody may have made a directory of that name before us, to read the keys or to give us his.
    status = os.lstat(directory)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise KeysOnDisk(f"{named} belongs to somebody else, who could read the keys; remove it or name another")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise KeysOnDisk(f"{named} can be written to by others, who could put their key there; chmod 700 it")
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise KeysOnDisk(f"{named}: another process keeps keys there") from None
    return descriptor


def keeper_of(directory: Path) -> int:
    """The process that keeps keys there; 0 if none does, or it cannot be told."""
    # Asked of the kernel: to try the lock would be to hold it, and to turn away a keeper that starts just then.
    try:
        inode = os.stat(directory / "lock").st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    for line in locks:
        words = line.split()
        if words[1:2] == ["FLOCK"] and words[5].rpartition(":")[2] == str(inode):
            return max(0, int(words[4]))
    return 0


def in_ram(directory: Path) -> bool:
    """Whether the directory lies on a RAM-backed file system. Where that cannot be told, it does not."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    target = directory.resolve()
    best, kind = -1, ""
    for line in mounts:
        _, point, filesystem, *_ = line.split(" ")
        mount = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point))
        if (target == mount or mount in target.parents) and len(mount.parts) >= best:
            best, kind = len(mount.parts), filesystem
    return kind in _RAM_FILESYSTEMS
