"""Passwords: hashed, and looked at one after another.

In: a password, a hash. Out: a hash, yes or no. Promises: argon2 with what its library recommends; who is unknown takes
as long as who is known; of many at once few wait, and one is looked at.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from .failures import TooManyFailures

# Passwords that wait for being looked at: however many networks guess, they get no more than one look after another.
MAX_WAITING = 8
_BUSY_S = 10
MIN_PASSWORD = 10
MAX_PASSWORD = 1024


class Passwords:
    """hasher: None is as the library recommends."""

    def __init__(self, hasher: PasswordHasher | None = None) -> None:
        self._hasher = hasher or PasswordHasher()
        # argon2 takes 64 MiB a time: one at a time bounds what a flood of attempts can hold.
        self._hashing = threading.Lock()
        self.waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._dummy = ""

    @contextmanager
    def in_turn(self) -> Iterator[None]:
        """Raises TooManyFailures where too many wait."""
        if not self.waiting.acquire(blocking=False):
            raise TooManyFailures(_BUSY_S)
        try:
            yield
        finally:
            self.waiting.release()

    def hashed(self, password: str) -> str:
        """What is stored of it."""
        with self._hashing:
            return self._hasher.hash(password)

    def of_nobody(self) -> str:
        """Verified for unknown names, so that an answer takes as long whether or not the name exists. Made for the
        first attempt, whomever it names: commands open the accounts, and see no password."""
        with self._hashing:
            self._dummy = self._dummy or self._hasher.hash(secrets.token_urlsafe())
        return self._dummy

    def verify(self, stored: str, password: str) -> bool:
        """Whether that is what the hash is of."""
        with self._hashing:
            try:
                return self._hasher.verify(stored, password[:MAX_PASSWORD])
            except (VerificationError, InvalidHashError):
                return False
