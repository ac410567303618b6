"""Who may read numbers by a token, without being signed in: for programs.

In: a token, and the network it comes from. Out: a `Reader`. Promises: a token that does not hold is counted as a failed
attempt to sign in is, apart from those; one that holds is good for so many questions an hour; no token is kept here.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from types import MappingProxyType

from msgspec import Struct

from .failures import Failures, TooManyFailures
from .policy import EVERY_SITE, Action, Rights, Role, may

_HOUR_S = 3600


class Reader(Struct, frozen=True):
    """Who asks. site: the only one that he may ask about; "" is every one that his rights are of. token: the id of his
    token, "" of who is signed in; per_hour: how many questions it is good for. rights: of who is signed in, or has made
    the token; one that was made on the server reads all that it names."""

    site: str = ""
    token: str = ""
    per_hour: int = 0
    rights: Rights = MappingProxyType({EVERY_SITE: Role.VIEWER})

    def may_read(self, site: str) -> bool:
        return self.site in ("", site) and may(self, Action.READ, site)


# Whose a token is; None of one that does not hold. Where tokens are kept only the composition root knows.
FindReader = Callable[[str], Reader | None]


class NoSuchToken(Exception):
    """A token that was never made, was revoked, has expired, or is not for reading."""


class TooOften(Exception):
    """More questions than the token is good for. retry_after: seconds."""

    def __init__(self, reader: Reader, retry_after: int) -> None:
        super().__init__(
            f"too many questions: this token is good for {reader.per_hour} an hour; ask again in {retry_after} seconds"
        )
        self.retry_after = retry_after


class Readers:
    """clock: Unix seconds."""

    def __init__(self, find: FindReader = lambda _: None, clock: Callable[[], float] = time.time) -> None:
        self._find = find
        self._clock = clock
        self._failures = Failures(clock, "requests with a token that does not hold")
        self._lock = threading.Lock()
        self._asked: dict[str, deque[float]] = {}

    def who(self, token: str, network: str) -> Reader:
        """Whose it is. Raises TooManyFailures, NoSuchToken, TooOften."""
        self._failures.refuse(token, network)
        reader = self._find(token)
        if reader is None:
            self._failures.begin(token, network)
            raise NoSuchToken
        self._count(reader)
        return reader

    def _count(self, reader: Reader) -> None:
        now = self._clock()
        with self._lock:
            asked = self._asked.setdefault(reader.token, deque())
            while asked and asked[0] <= now - _HOUR_S:
                asked.popleft()
            if len(asked) >= reader.per_hour:
                raise TooOften(reader, max(1, round(asked[-reader.per_hour] + _HOUR_S - now)))
            asked.append(now)


__all__ = ["FindReader", "NoSuchToken", "Reader", "Readers", "TooManyFailures", "TooOften"]
