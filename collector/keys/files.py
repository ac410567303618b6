"""The file of the keys, which the keeper writes and the workers follow; it lies in RAM and is its owner's alone.

In: keys, or the path of a file of them. Out: the same. Promises: whoever reads it lets go of a key at its time, even if
nobody writes any more; no copy of a key is made that cannot be wiped; a file that cannot be read holds none.

On disk: how long the list is, the list of (site, day, until), then the keys in its order. The list is apart so that
whoever only wants to know which keys there are never holds one.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec

from .key import KEY_BYTES, Held, NoKey, SiteDay, wipe

_LENGTH_BYTES = 4
# Buffers the kernel takes at once.
_BUFFERS = 1000
Version = tuple[int, int, int]


class KeyFile:
    """The keys as the workers see them: re-read when the file changed, wiped when they leave it or are over."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._keys: dict[SiteDay, Held] = {}
        self._version: Version = (0, 0, 0)

    def key(self, site: str, day: int) -> bytearray:
        """The key of a site-day. Raises NoKey."""
        held = self._keys.get((site, day))
        if held is None or self._clock() >= held.until:
            self.refresh()
            held = self._keys.get((site, day))
            if held is None:
                raise NoKey("no visitor key for this site and day")
        return held.key

    def current(self) -> dict[SiteDay, Held]:
        """Every key there is."""
        self.refresh()
        return dict(self._keys)

    def refresh(self) -> None:
        """Follow the file, and let go of what is over. A file that is gone or spoilt leaves no key: fails closed."""
        try:
            version = _version(os.stat(self.path))
            if version != self._version:
                self._follow(read_keys(self.path), version)
        except (OSError, ValueError):
            self._follow({}, (0, 0, 0))
        # The keeper may be dead or hung, and its file stale: the end of a key is known here, too.
        now = self._clock()
        for site_day in [site_day for site_day, held in self._keys.items() if now >= held.until]:
            wipe(self._keys.pop(site_day).key)

    def _follow(self, fresh: dict[SiteDay, Held], version: Version) -> None:
        stale, self._keys, self._version = self._keys, fresh, version
        for held in stale.values():
            wipe(held.key)


def read_keys(path: Path) -> dict[SiteDay, Held]:
    """The keys in a file. Raises OSError or ValueError."""
    # Read into place: every bytes object in between would be a copy that nobody can wipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        entries = _read_list(descriptor)
        held = {(site, day): Held(bytearray(KEY_BYTES), until) for site, day, until in entries}
        if len(held) != len(entries):
            raise ValueError("a key file names a day twice")
        for one in held.values():
            if os.readv(descriptor, [one.key]) != KEY_BYTES or not any(one.key):
                raise ValueError("a key file is cut short")
    finally:
        os.close(descriptor)
    return held


def list_keys(path: Path) -> list[tuple[str, int, int]]:
    """(site, day, until) of the keys in a file, without reading any. Raises OSError or ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return _read_list(descriptor)
    finally:
        os.close(descriptor)


def write_keys(path: Path, keys: Mapping[SiteDay, Held]) -> Version:
    """Replace the file; its version. Raises OSError, and then leaves no half-written file."""
    partial = path.with_suffix(".partial")
    listed = msgspec.msgpack.encode([(site, day, held.until) for (site, day), held in keys.items()])
    buffers: list[bytes | bytearray] = [len(listed).to_bytes(_LENGTH_BYTES, "big"), listed]
    buffers += [held.key for held in keys.values()]
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(partial, flags, 0o600)
        try:
            for first in range(0, len(buffers), _BUFFERS):
                some = buffers[first : first + _BUFFERS]
                if os.writev(descriptor, some) != sum(map(len, some)):
                    raise OSError("short write")
            version = _version(os.fstat(descriptor))
        finally:
            os.close(descriptor)
        partial.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    return version


def _read_list(descriptor: int) -> list[tuple[str, int, int]]:
    length = int.from_bytes(os.read(descriptor, _LENGTH_BYTES), "big")
    if length > os.fstat(descriptor).st_size:
        raise ValueError("not a key file")
    try:
        return msgspec.msgpack.decode(os.read(descriptor, length), type=list[tuple[str, int, int]])
    except msgspec.MsgspecError:
        raise ValueError("not a key file") from None


def empty(path: Path) -> bool:
    """Leave no key in the file, whichever way still works. Whether it holds none now."""
    with contextlib.suppress(OSError):
        os.truncate(path, 0)
    with contextlib.suppress(OSError):
        path.unlink()
    try:
        return os.stat(path).st_size == 0
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _version(status: os.stat_result) -> Version:
    return status.st_ino, status.st_mtime_ns, status.st_size


def version_of(path: Path) -> Version | None:
    """Which writing of the file there is; None where there is no file."""
    try:
        return _version(os.stat(path))
    except OSError:
        return None
