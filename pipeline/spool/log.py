"""A log: frames in one file, each on disk when `append` returns.

In: bytes. Out: after a crash every frame that `append` has returned for, in order, or where damage begins.
Promises: whatever is cut off or flipped, what is read is a beginning of what was written, and it shows that it is one.

The file is MAGIC and then frames: length and checksum (both 4 bytes, little-endian), body. The checksum is a CRC-32 of
length and body that goes on from that of the frame before, so a frame is whole only in its place behind all others. An
empty frame is the last one. In a log that is still open zeroes follow, room for what comes: to overwrite a block of a
file makes the disk write that block, to append one its size and place, too.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

MAGIC = b"Footfall spool\n\x00"
END = b""
_HEAD = struct.Struct("<II")
# Room is made in blocks of a disk: as much as is written already, so that a file of few groups takes little.
_BLOCK, _MOST_ROOM = 4096, 1 << 20
# Of more bytes at once zlib gives the interpreter's lock away, which takes longer to get back than the sum to make.
_PIECE = 4096


class LogFile:
    """A log being written. What was thrown at somebody once may or may not be on disk: nothing more may be appended."""

    def __init__(self, path: Path) -> None:
        # O_DSYNC: a write returns once it is on disk. One call of the system is one time without the lock.
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_DSYNC | os.O_CLOEXEC
        self._descriptor = os.open(path, flags, 0o600)
        self.size = 0
        self._room = 0
        self._checksum = 0

    def append(self, *bodies: bytes) -> None:
        """Make frames durable, in one write. Raises OSError."""
        framed, checksum = _framed(bodies, self._checksum)
        frames = framed if self.size else MAGIC + framed
        end = self.size + len(frames)
        if end > self._room:
            self._room = -(-(end + min(end, _MOST_ROOM)) // _BLOCK) * _BLOCK
            frames += bytes(self._room - end)
        self._write(frames)
        self.size, self._checksum = end, checksum

    def _write(self, content: bytes) -> None:
        if os.pwrite(self._descriptor, content, self.size) < len(content):
            raise OSError(errno.ENOSPC, "a write came back short")

    def close(self, *bodies: bytes) -> None:
        """Append the last frame, too, and give back what room is left. Raises OSError."""
        try:
            self.append(*bodies, END)
            os.ftruncate(self._descriptor, self.size)
        finally:
            self.abandon()

    def abandon(self) -> None:
        """Write nothing more."""
        os.close(self._descriptor)


class Found(NamedTuple):
    """What is whole of a log: bodies, the last frame's aside; the bytes to the end of it; whether that frame came."""

    bodies: list[bytes]
    whole: bytes
    is_closed: bool


def read_log(content: bytes) -> Found:
    """What is whole, up to the last frame, or to the first that is not."""
    bodies: list[bytes] = []
    at, checksum = len(MAGIC), 0
    if not content.startswith(MAGIC):
        return Found(bodies, b"", False)
    while at + _HEAD.size <= len(content):
        length, told = _HEAD.unpack_from(content, at)
        body = content[at + _HEAD.size : at + _HEAD.size + length]
        framed, checksum = _framed([body], checksum)
        if len(body) < length or checksum != told:
            break
        at += len(framed)
        if not body:
            return Found(bodies, content[:at], True)
        bodies.append(body)
    return Found(bodies, content[:at], False)


def closed(found: Found) -> bytes:
    """What is whole, as a log that was closed."""
    if found.is_closed:
        return found.whole
    _, checksum = _HEAD.unpack_from(found.whole, len(found.whole) - len(found.bodies[-1]) - _HEAD.size)
    return found.whole + _framed([END], checksum)[0]


def _framed(bodies: Sequence[bytes], checksum: int) -> tuple[bytes, int]:
    parts = []
    for body in bodies:
        checksum = crc32(len(body).to_bytes(4, "little"), checksum)
        view = memoryview(body)
        for at in range(0, len(body), _PIECE):
            checksum = crc32(view[at : at + _PIECE], checksum)
        parts += [_HEAD.pack(len(body), checksum), body]
    return b"".join(parts), checksum
