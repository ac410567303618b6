"""Compressed logs: gzip, bzip2, xz and Zstandard, told by their first bytes and never by a file's name.

In: a stream of bytes. Out: a stream of the bytes that were compressed, all members of it one after the other.
Promises: nothing is held but a block; a file that was cut off or is damaged is refused, never read as a shorter one.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import zlib
from collections.abc import Iterator
from typing import IO

import zstandard

from .unreadable import Unreadable

_BLOCK = 128 * 1024
_MAGIC = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)
# What is not read, and what to do with it.
_FOREIGN = (
    (b"PK\x03\x04", "is a zip archive; unzip -p FILE | footfall import access-log - …"),
    (b"\x1f\x9d", "is compressed by compress; zcat FILE | footfall import access-log - …"),
    (b"7z\xbc\xaf\x27\x1c", "is a 7z archive; unpack it first"),
    (b"Rar!", "is a rar archive; unpack it first"),
    (b"\x04\x22\x4d\x18", "is compressed by lz4; lz4 -dc FILE | footfall import access-log - …"),
    (b"LZIP", "is compressed by lzip; lzip -dc FILE | footfall import access-log - …"),
    (b"]\x00\x00", "is compressed by lzma; lzma -dc FILE | footfall import access-log - …"),
)
# Where a tar archive says that it is one. Its files would be read, and what stands between them as a part of a line.
_TAR, _TAR_AT = b"ustar", 257
_TAR_REMEDY = "is a tar archive; tar -xOf FILE | footfall import access-log - …"
_DAMAGED = (EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, OSError)


def decompressed(stream: io.BufferedReader, name: str) -> IO[bytes]:
    """The content of a stream, compressed or not. Raises Unreadable for what is compressed otherwise, or an archive."""
    head = stream.peek(8)[:8]
    for magic, remedy in _FOREIGN:
        if head.startswith(magic):
            raise Unreadable(f"{name}: {remedy}")
    kind = next((kind for magic, kind in _MAGIC if head.startswith(magic)), "")
    content = io.BufferedReader(_Checked(_opened(stream, kind), name, kind), _BLOCK) if kind else stream
    if content.peek(_TAR_AT + len(_TAR))[_TAR_AT:].startswith(_TAR):
        raise Unreadable(f"{name}: {_TAR_REMEDY}")
    return content


def _opened(stream: io.BufferedReader, kind: str) -> IO[bytes]:
    if kind == "gzip":
        return gzip.open(stream)  # type: ignore[return-value]
    if kind == "bzip2":
        return bz2.open(stream)
    if kind == "xz":
        return lzma.open(stream)
    return io.BufferedReader(_Zstandard(stream), _BLOCK)


class _Zstandard(io.RawIOBase):
    """The frames of a Zstandard file. The library's own reader takes a file that was cut off for a shorter one."""

    def __init__(self, stream: io.BufferedReader) -> None:
        self._blocks = self._read(stream)
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            block = next(self._blocks, None)
            if block is None:
                return 0
            self._left = block
        taken, self._left = self._left[: len(buffer)], self._left[len(buffer) :]
        buffer[: len(taken)] = taken
        return len(taken)

    def _read(self, stream: io.BufferedReader) -> Iterator[bytes]:
        rest = stream.read(_BLOCK)
        while rest:
            frame = zstandard.ZstdDecompressor().decompressobj()
            while not frame.eof:
                if not rest:
                    raise EOFError
                yield frame.decompress(rest)
                rest = stream.read(_BLOCK) if not frame.eof else frame.unused_data
            rest = rest or stream.read(_BLOCK)


class _Checked(io.RawIOBase):
    """A stream whose damage is told by the file's name, in words that quote nothing of it."""

    def __init__(self, stream: IO[bytes], name: str, kind: str) -> None:
        self._stream, self._name, self._kind = stream, name, kind

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        try:
            taken = self._stream.read(len(buffer))
        except _DAMAGED as problem:
            early = isinstance(problem, EOFError)
            how = "ends early: it was cut off, or is still being written" if early else "is damaged"
            raise Unreadable(f"{self._name}: a compressed file ({self._kind}) that {how}") from None
        buffer[: len(taken)] = taken
        return len(taken)
