"""What ClickHouse's files hold once they are unpacked: a column's bytes are compressed, so a search of files is blind.

In: a directory. Out: every file's bytes, as they are and unpacked. A compressed file is blocks, each after its header:
a checksum (16 bytes), the method (1), its size with this and the next field (4), its size unpacked (4).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TypeVar

import lz4.block

try:
    from compression import zstd
except ImportError:  # before Python 3.14
    from backports import zstd

_CHECKSUM, _HEADER = 16, 9
_NONE, _LZ4, _ZSTD = 0x02, 0x82, 0x90
_COMPRESSED = (".bin", ".cmrk", ".cmrk2", ".cmrk3", ".cmrk4", ".cidx")


Wanted = TypeVar("Wanted", str, bytes)


def files_with(directory: Path, wanted: Iterable[Wanted]) -> dict[Wanted, set[Path]]:
    """For each text, or bytes, the files below the directory that hold it, in their names, their bytes or unpacked."""
    found: dict[Wanted, set[Path]] = {text: set() for text in wanted}
    for path in directory.rglob("*"):
        if not path.is_file():
            continue
        content = str(path.relative_to(directory)).encode() + b"\0" + path.read_bytes()
        if path.suffix in _COMPRESSED:
            content += b"\0".join(_unpacked(path.read_bytes()))
        for text in found:
            if (text.encode() if isinstance(text, str) else text) in content:
                found[text].add(path)
    return found


def _unpacked(content: bytes) -> Iterator[bytes]:
    place = 0
    while place < len(content):
        method, packed, size = struct.unpack_from("<BII", content, place + _CHECKSUM)
        body = content[place + _CHECKSUM + _HEADER : place + _CHECKSUM + packed]
        if method == _LZ4:
            yield lz4.block.decompress(body, uncompressed_size=size)
        elif method == _ZSTD:
            yield zstd.decompress(body)
        else:  # stored as it is, or numbers behind a second codec: no text
            yield body
        place += _CHECKSUM + packed
