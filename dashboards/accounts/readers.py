"""Who may read numbers by a token, without being signed in: for programs.

In: a token, and the network it comes from. Out: a `Reader`. Promises: a token that does not hold is counted as a failed
attempt to sign in is, apart from those; one that holds is good for so many questions an hour; no token is kept here.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from types import MappingProxyType

from msgspec import Struct

from .failures import Failures, TooManyFailures
from .hourly import Hourly, TooOften
from .policy import EVERY_SITE, Action, Rights, Role, may


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


class Readers:
    """clock: Unix seconds."""

    def __init__(self, find: FindReader = lambda _: None, clock: Callable[[], float] = time.time) -> None:
        self._find = find
        self._failures = Failures(clock, "requests with a token that does not hold")
        self._hourly = Hourly(clock, "this token")

    def who(self, token: str, network: str) -> Reader:
        """Whose it is. Raises TooManyFailures, NoSuchToken, TooOften."""
        self._failures.refuse(token, network)
        reader = self._find(token)
        if reader is None:
            self._failures.begin(token, network)
            raise NoSuchToken
        self._hourly.count(reader.token, reader.per_hour)
        return reader


__all__ = ["FindReader", "NoSuchToken", "Reader", "Readers", "TooManyFailures", "TooOften"]
