"""The line between a parent and its child: settings go down it, words about the start come up.

In: a socket pair, the child's end as its standard input. Out: whole messages. Promises: a message is taken whole or not
at all; the end of the line is the end of the other one.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from typing import TypeVar

import msgspec
from msgspec import Struct

from ..settings import Settings

_LENGTH_BYTES = 8
_CHILDS_END = 0

_Message = TypeVar("_Message")


# In a child: what takes on other settings while it runs.
followers: list[Callable[[Settings], None]] = []


class Word(Struct, frozen=True):
    """What a child says of itself. problem: what is in its way, without any visitor's data; "" once nothing is.
    waits: it tries again by itself. final: to start it again cannot help. applied: it follows these settings."""

    problem: str = ""
    waits: bool = False
    final: bool = False
    applied: int = 0


def framed(message: object) -> bytes:
    """A message as it goes over the line."""
    body = msgspec.json.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def read(kind: type[_Message]) -> _Message | None:
    """The next message from the parent, None at the end of the line."""
    length = _exactly(_LENGTH_BYTES)
    body = _exactly(int.from_bytes(length, "big")) if length else b""
    return msgspec.json.decode(body, type=kind) if body else None


def say(word: Word) -> None:
    """Tell the parent. Nobody there: nobody to tell."""
    try:
        data = framed(word)
        while data:
            data = data[os.write(_CHILDS_END, data) :]
    except OSError:
        pass


def _exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        try:
            piece = os.read(_CHILDS_END, size - len(data))
        except OSError:
            return b""
        if not piece:
            return b""
        data += piece
    return data


class Ear:
    """The parent's end."""

    def __init__(self) -> None:
        self._mine, self.childs = socket.socketpair()
        self._mine.setblocking(False)
        self._heard = b""

    def send(self, message: object, within_s: float = 5.0) -> None:
        """Tell the child; raises OSError."""
        self._mine.settimeout(within_s)
        try:
            self._mine.sendall(framed(message))
        finally:
            self._mine.setblocking(False)

    def words(self) -> list[Word]:
        """What the child has said since."""
        try:
            while piece := self._mine.recv(65_536):
                self._heard += piece
        except OSError:
            pass  # nothing more for now, or it is dead
        found = []
        while len(self._heard) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._heard[:_LENGTH_BYTES], "big")
            if len(self._heard) < end:
                break
            found.append(msgspec.json.decode(self._heard[_LENGTH_BYTES:end], type=Word))
            self._heard = self._heard[end:]
        return found

    def close(self) -> None:
        self._mine.close()
