"""Which collectors may fetch the keys, and when each did last.

In: names and tokens. Out: two small files of the data directory. Promises: as those of `collector.tokens`.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from schema.atomic_file import write_atomically

from ..tokens import TOKEN_BYTES, TokenStore, digest_of

# A fetch is noted to the minute: more is not worth a write.
_NOTED_EVERY_S = 60


class AlreadyEnrolled(Exception):
    """That name has a token."""


class Enrolled(Struct, frozen=True):
    """A collector that may fetch keys. since: Unix seconds."""

    sha256: str = msgspec.field(name="token_sha256")
    since: int


class Enrolments(TokenStore[Enrolled]):
    """Who may fetch keys, by name."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        super().__init__(path, Enrolled, clock)

    def whose(self, token: str) -> str:
        """The name of a token's collector, as the file says now; "" if it has none."""
        self.refresh()
        return super().whose(token)

    def enrol(self, name: str) -> str:
        """A new token, shown this once. Raises AlreadyEnrolled."""
        token = secrets.token_urlsafe(TOKEN_BYTES)
        with self.changing() as known:
            if name in known:
                raise AlreadyEnrolled(name)
            known[name] = Enrolled(digest_of(token), int(self._clock()))
        return token


class Fetches:
    """When each collector fetched last: for `footfall keys status`."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._last = read_fetches(path)

    def note(self, name: str) -> None:
        """It fetched just now."""
        now = int(self._clock())
        if not 0 <= now - self._last.get(name, 0) < _NOTED_EVERY_S:
            self._last[name] = now
            write_atomically(self._path, json.dumps(self._last).encode())


def read_fetches(path: Path) -> dict[str, int]:
    """When each collector fetched last, by name; Unix seconds."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    except (FileNotFoundError, msgspec.MsgspecError):
        return {}
