"""What is said between the process that imports a log and those that help it to read.

In: the two ends of a pipe. Out: whole messages, each with its length before it; the bytes of a visitor key, bare.
Promises: an end that is gone is told from a message; a key is written from memory that can be wiped into such memory.
"""

from __future__ import annotations

from typing import IO, TypeAlias, TypeVar

import msgspec
from msgspec import Struct
from msgspec.msgpack import Decoder

from collector.keys.key import KEY_BYTES

from ..settings import Settings
from .piece import Part

_LENGTH_BYTES = 4
_Message = TypeVar("_Message")
# Without a buffer.
Pipe: TypeAlias = IO[bytes]


class Setup(Struct, tag=True):
    """The first message: what holds. settings: such as know the site. declared, redirects, format: of a `Reading`."""

    settings: Settings
    site: str
    declared: bool
    redirects: bool
    format: str


class Begin(Struct, tag=True):
    """What follows is of the log that begins with these lines."""

    sample: list[str]


class Piece(Struct, tag=True):
    """Whole lines, to be read."""

    lines: bytes


class NeedsKey(Struct, tag=True):
    """The reader's answer where it comes upon a new day: it is sent the key, bare, and goes on."""

    site: str
    day: int


class Failed(Struct, tag=True):
    """The reader's answer where the program fails: on which line of the piece, and the kind of error."""

    line: int
    kind: str


class Done(Struct, tag=True):
    """The reader's answer."""

    part: Part


TO_PROCESS: Decoder[Setup | Begin | Piece] = Decoder(Setup | Begin | Piece)
FROM_PROCESS: Decoder[NeedsKey | Failed | Done] = Decoder(NeedsKey | Failed | Done)


class Gone(Exception):
    """Nobody is at the other end any more."""


def send(pipe: Pipe, message: object) -> None:
    """Raises Gone."""
    body = msgspec.msgpack.encode(message)
    send_bytes(pipe, len(body).to_bytes(_LENGTH_BYTES, "big") + body)


def receive(pipe: Pipe, kind: Decoder[_Message]) -> _Message:
    """The next message, of that kind. Raises Gone."""
    length = int.from_bytes(receive_bytes(pipe, _LENGTH_BYTES), "big")
    return kind.decode(receive_bytes(pipe, length))


def send_bytes(pipe: Pipe, data: bytes | bytearray) -> None:
    """Raises Gone."""
    left = memoryview(data)
    try:
        while left:
            left = left[pipe.write(left) or 0 :]
    except (OSError, ValueError):
        raise Gone from None


def receive_bytes(pipe: Pipe, size: int = KEY_BYTES) -> bytearray:
    """So many bytes. Raises Gone."""
    data = bytearray(size)
    left = memoryview(data)
    try:
        while left:
            read = pipe.readinto(left)  # type: ignore[attr-defined] # no protocol has it
            if not read:
                raise Gone
            left = left[read:]
    except (OSError, ValueError):
        raise Gone from None
    return data
