"""What a command asks, of a Footfall that runs: over DATA/control.sock.

In: the path of the socket. Out: the answers of the `Engine` there. Promises: the same answers as from an `Engine` here.
"""

from __future__ import annotations

from functools import partial
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast

import msgspec

from schema.store import StoreError

from ..errors import CannotDo
from .instance import CALLS, Instance
from .unix_http import PATIENT_S, UnixConnection

GONE = (ConnectionError, FileNotFoundError, HTTPException)
"""What a socket raises whose process is not there yet, or was killed with a question in its queue or half answered."""


def remote(path: Path, timeout_s: float = PATIENT_S) -> Instance:
    """The instance, in another process. Asks it for its settings."""
    return cast(Instance, _Remote(path, timeout_s))


class _Remote:
    """Has every call of `Instance`."""

    def __init__(self, path: Path, timeout_s: float) -> None:
        self._path = path
        self._timeout_s = timeout_s
        self.settings = self._ask("settings")

    def __getattr__(self, name: str) -> Any:
        if name not in CALLS:
            raise AttributeError(name)
        return partial(self._told, name)

    def _told(self, what: str, *arguments: Any) -> Any:
        try:
            return self._ask(what, *arguments)
        except GONE:
            raise CannotDo(
                f"{what}: the running instance stopped before it had answered; see its log, ask again"
            ) from None

    def _ask(self, what: str, *arguments: Any) -> Any:
        connection = UnixConnection(self._path, self._timeout_s)
        try:
            connection.request("POST", f"/{what}", msgspec.msgpack.encode(arguments))
            answer = connection.getresponse()
            body = answer.read()
        finally:
            connection.close()
        if answer.status == 400:
            raise CannotDo(body.decode())
        if answer.status != 200:
            raise StoreError(f"the running instance answers {answer.status}: {body.decode()[:300]}")
        try:
            return msgspec.json.decode(body, type=CALLS[what].gives)
        except msgspec.MsgspecError:
            other = "the running instance is of another version"
            raise CannotDo(f"{what}: {other}; use the command of that one, or restart Footfall") from None
