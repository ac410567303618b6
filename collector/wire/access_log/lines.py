"""The lines of a log: a file, plain or compressed, or standard input.

In: a path. Out: lines of text, without their ends. Promises: memory stays flat, however long a line is; no byte is lost
for being of another alphabet: what is not UTF-8 is read as Latin-1, line by line. Comments are empty lines.
"""

from __future__ import annotations

import io
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any

from .compression import decompressed
from .unreadable import Unreadable

STDIN = "-"
# A longer line is no log line; what is longer is left out, so that it cannot fill the memory.
MAX_LINE = 64 * 1024
# Where a log was copied and emptied under a server that went on writing, the gap is filled with zero bytes; some shells
# write two bytes a character, the other one zero, and mark the beginning.
_GAP = b"\x00"
_MARKS = (b"\xef\xbb\xbf", b"\xff\xfe")
# What terminals take for colours: servers write this byte as \x1b, so it is of whoever showed the log.
_COLOUR = re.compile(r"\x1b\[[0-9;]*[mK]")
_COMMENT = "#"
_CR_REMEDY = "tr '\\r' '\\n' < FILE | footfall import access-log - …"


def lines(path: str, progress: Callable[[int], None]) -> Iterator[str]:
    """The lines of a file, or of standard input (`-`). progress: bytes of the file read so far. Raises Unreadable."""
    if path == STDIN:
        stdin: Any = sys.stdin.buffer
        raw = stdin if hasattr(stdin, "peek") else io.BufferedReader(stdin)
        yield from _split(decompressed(raw, "standard input"), "standard input", lambda: None)
        return
    with Path(path).open("rb") as file:
        yield from _split(decompressed(file, path), path, lambda: progress(file.tell()))


def _split(stream: IO[bytes], name: str, tick: Callable[[], object]) -> Iterator[str]:
    number, begun, is_rest = 0, b"", False
    while line := stream.readline(MAX_LINE):
        if is_rest:
            is_rest = not line.endswith(b"\n")
            continue
        number += 1
        if number % 1000 == 0:
            tick()
        if number == 1:
            line = next((line[len(mark) :] for mark in _MARKS if line.startswith(mark)), line)
            # All of it would be one line.
            if b"\r" in line.strip() and _GAP not in line:
                raise Unreadable(f"{name}: its lines end in carriage returns alone; {_CR_REMEDY}")
        if begun or _GAP in line:
            line = begun + line.replace(_GAP, b"")
            # A gap may be longer than a piece: what begins behind it ends in the next one.
            begun = line if not line.endswith(b"\n") and len(line) < MAX_LINE else b""
            if begun:
                continue
        is_rest = bool(line) and not line.endswith(b"\n")
        yield _text(line)
    if begun:
        yield _text(begun)
    tick()


def _text(line: bytes) -> str:
    try:
        text = line.decode()
    except UnicodeDecodeError:
        text = line.decode("latin-1")
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    return "" if text.startswith(_COMMENT) else text.rstrip("\r\n")
