"""How many questions somebody has asked within an hour, and when that is enough.

In: who asks, by a token, a link or a network. Out: `TooOften`. Promises: of who asked a keyed
digest is in memory for an hour, and nothing else.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import deque
from collections.abc import Callable

_HOUR_S = 3600


class TooOften(Exception):
    """More questions than are allowed. retry_after: seconds."""

    def __init__(self, whose: str, most: int, retry_after: int) -> None:
        super().__init__(f"too many questions: {whose} is good for {most} an hour; ask again in {retry_after} seconds")
        self.retry_after = retry_after


class Hourly:
    """clock: Unix seconds. whose: what is good for so many, in words."""

    def __init__(self, clock: Callable[[], float], whose: str) -> None:
        self._clock = clock
        self._whose = whose
        self._secret = secrets.token_bytes(32)
        self._lock = threading.Lock()
        self._asked: dict[bytes, deque[float]] = {}

    def count(self, who: str, most: int) -> None:
        """One question more. Raises TooOften, and does not count it, where that is too many."""
        now = self._clock()
        key = hashlib.blake2b(who.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=16).digest()
        with self._lock:
            # Who asked last is last, so those who ask no more are found at the front.
            asked = self._asked[key] = self._asked.pop(key, deque())
            while asked and asked[0] <= now - _HOUR_S:
                asked.popleft()
            self._forget_one(now)
            if len(asked) >= most:
                raise TooOften(self._whose, most, max(1, round(asked[-most] + _HOUR_S - now)))
            asked.append(now)

    def _forget_one(self, now: float) -> None:
        first = next(iter(self._asked))
        asked = self._asked[first]
        if asked and asked[-1] <= now - _HOUR_S:
            del self._asked[first]
