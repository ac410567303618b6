"""The channel between a parent and its child: settings go down it, what the child says of itself comes up.

In: a socket pair, the child's end as its standard input. Out: whole messages, each with its length before it. Promises:
a message is taken whole or not at all; the end of the channel is the end of the other one.
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
_CHILD_END = 0

_Message = TypeVar("_Message")


# In a child: what takes on other settings while it runs.
settings_followers: list[Callable[[Settings], None]] = []


class ChildStatus(Struct, frozen=True):
    """What a child says of itself. problem: what is in its way, without any visitor's data; "" once nothing is.
    waits: it tries again by itself. final: to start it again cannot help. applied: it follows these settings.
    edited: what editors declare has changed on disk."""

    problem: str = ""
    waits: bool = False
    final: bool = False
    applied: int = 0
    edited: bool = False


def framed(message: object) -> bytes:
    """A message as it goes over the channel."""
    body = msgspec.json.encode(message)
    return len(body).to_bytes(_LENGTH_BYTES, "big") + body


def read_message(kind: type[_Message]) -> _Message | None:
    """The next message from the parent, None at the end of the channel."""
    length = _exactly(_LENGTH_BYTES)
    body = _exactly(int.from_bytes(length, "big")) if length else b""
    return msgspec.json.decode(body, type=kind) if body else None


def send_status(status: ChildStatus) -> None:
    """Tell the parent. Nobody there: nobody to tell."""
    try:
        data = framed(status)
        while data:
            data = data[os.write(_CHILD_END, data) :]
    except OSError:
        pass


def _exactly(size: int) -> bytes:
    data = b""
    while len(data) < size:
        try:
            piece = os.read(_CHILD_END, size - len(data))
        except OSError:
            return b""
        if not piece:
            return b""
        data += piece
    return data


class ParentEnd:
    """The parent's end."""

    def __init__(self) -> None:
        self._parent_end, self.child_end = socket.socketpair()
        self._parent_end.setblocking(False)
        self._received = b""

    def send(self, message: object, within_s: float = 5.0) -> None:
        """Tell the child; raises OSError."""
        self._parent_end.settimeout(within_s)
        try:
            self._parent_end.sendall(framed(message))
        finally:
            self._parent_end.setblocking(False)

    def statuses(self) -> list[ChildStatus]:
        """What the child has said since."""
        try:
            while piece := self._parent_end.recv(65_536):
                self._received += piece
        except OSError:
            pass  # nothing more for now, or it is dead
        found = []
        while len(self._received) >= _LENGTH_BYTES:
            end = _LENGTH_BYTES + int.from_bytes(self._received[:_LENGTH_BYTES], "big")
            if len(self._received) < end:
                break
            found.append(msgspec.json.decode(self._received[_LENGTH_BYTES:end], type=ChildStatus))
            self._received = self._received[end:]
        return found

    def close(self) -> None:
        self._parent_end.close()
