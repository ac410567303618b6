"""The lines of a log: a file, plain or compressed, or standard input.

In: a path. Out: its pieces, each of whole lines, and the lines of a piece without their ends. Promises: memory stays
flat, however long a line is; no byte is lost for being of another alphabet: what is not UTF-8 is read as Latin-1, line
by line. Comments are empty lines, but those that name fields. Where a piece ends depends on nothing but what is read.
"""

from __future__ import annotations

import io
import itertools
import re
import sys
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO, Any

from .compression import decompressed
from .unreadable import Unreadable
from .w3c_lines import FIELDS

STDIN = "-"
# Some thousand lines, which take some hundredths of a second.
PIECE = 256 * 1024
# A longer line is no log line; what is longer is left out, so that it cannot fill the memory.
MAX_LINE = 64 * 1024
# Where a log was copied and emptied under a server that went on writing, the gap is filled with zero bytes; some shells
# write two bytes a character, the other one zero, and mark the beginning.
_GAP = b"\x00"
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe")
# What terminals take for colours: servers write this byte as \x1b, so it is of whoever showed the log.
_COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")
_COMMENT = "#"
_FIELDS = re.compile(rb"^#Fields:[^\r\n]*", re.MULTILINE)
# Ends the line of fields that a piece begins with though the log has it further above. No line has this character.
CARRIED = "\x00"
_CR_REMEDY = "tr '\\r' '\\n' < FILE | footfall import access-log - …"


def lines(path: str, progress: Callable[[int], None]) -> Iterator[str]:
    """The lines of a file, or of standard input (`-`). progress: bytes of the file read so far. Raises Unreadable."""
    for piece in pieces(path, progress):
        yield from lines_of(piece)


def pieces(path: str, progress: Callable[[int], None]) -> Iterator[bytes]:
    """The same as pieces of whole lines, which `lines_of` takes apart."""
    if path == STDIN:
        stdin: Any = sys.stdin.buffer
        raw = stdin if hasattr(stdin, "peek") else io.BufferedReader(stdin)
        yield from _checked(_cut(decompressed(raw, "standard input"), lambda: None), "standard input")
        return
    with Path(path).open("rb") as file:
        yield from _checked(_cut(decompressed(file, path), lambda: progress(file.tell())), path)


def lines_of(piece: bytes) -> list[str]:
    """The lines of a piece."""
    try:
        found = piece.decode().split("\n")
    except UnicodeDecodeError:
        found = list(map(_decoded, piece.split(b"\n")))
    if not found[-1]:
        found.pop()
    if _is_plain(piece) and max(map(len, found), default=0) <= MAX_LINE:
        return found
    return list(map(_plain, found))


def _cut(stream: IO[bytes], tick: Callable[[], object]) -> Iterator[bytes]:
    begun = b""
    while block := stream.read(PIECE):
        tick()
        whole, end, rest = block.replace(_GAP, b"").rpartition(b"\n")
        if end:
            yield begun + whole + end
            begun = rest
        else:
            begun = (begun + rest)[:PIECE]
    if begun:
        yield begun


def _checked(found: Iterator[bytes], name: str) -> Iterator[bytes]:
    """The pieces, the first one without a mark. Raises Unreadable where all of the log would be one line."""
    first = next(found, None)
    if first is None:
        return
    first = next((first[len(mark) :] for mark in _MARKS if first.startswith(mark)), first)
    if b"\r" in first.partition(b"\n")[0].strip():
        raise Unreadable(f"{name}: its lines end in carriage returns alone; {_CR_REMEDY}")
    yield from _with_fields(itertools.chain((first,), found))


def _with_fields(found: Iterable[bytes]) -> Iterator[bytes]:
    """The pieces, each with the fields that hold where it begins: whoever reads it may know no other."""
    held = b""
    for piece in found:
        yield held + piece
        if FIELDS.encode() in piece and (named := _FIELDS.findall(piece)):
            held = named[-1] + CARRIED.encode() + b"\n"


def _is_plain(piece: bytes) -> bool:
    """Whether there is nothing in it that `_plain` takes away, but for long lines."""
    return not (b"\r" in piece or b"\x1b" in piece or b"\n#" in piece or piece.startswith(b"#"))


def _decoded(line: bytes) -> str:
    try:
        return line.decode()
    except UnicodeDecodeError:
        return line.decode("latin-1")


def _plain(line: str) -> str:
    text = line[:MAX_LINE]
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    is_comment = text.startswith(_COMMENT) and not text.startswith(FIELDS)
    return "" if is_comment else text.rstrip("\r")
