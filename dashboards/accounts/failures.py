"""How often somebody failed to prove who he is, and when that is too often.

In: the name that was tried, and the network it was tried from. Out: `TooManyFailures`. Promises: failures are counted
by network and name, so that no stranger shuts anybody out; a keyed digest of both is in memory for minutes.
"""

from __future__ import annotations

import hashlib
import secrets
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

FAILURE_WINDOW_S = 600
# Of one name from one network; far more than fingers slip, far fewer than a guess needs.
FAILURES_OF_A_NAME = 10
# Of all names together from one network, so that many names do not give many tries. A one-time link still works.
FAILURES_OF_A_NETWORK = 50


class TooManyFailures(Exception):
    """What was tried failed too often: try again later. retry_after is in seconds. what: was tried."""

    def __init__(self, retry_after: int, what: str = "attempts to sign in") -> None:
        super().__init__(f"too many failed {what}; try again in {-(-retry_after // 60)} minutes")
        self.retry_after = retry_after


class Attempt(NamedTuple):
    """One that has not succeeded."""

    at: float
    network: bytes
    name: bytes


class Failures:
    """Those of the last ten minutes. clock: Unix seconds. what: was tried."""

    def __init__(self, clock: Callable[[], float] = time.time, what: str = "attempts to sign in") -> None:
        self._clock = clock
        self._what = what
        self._lock = threading.Lock()
        self._attempts: deque[Attempt] = deque()
        self._secret = secrets.token_bytes(32)

    def begin(self, name: str, network: str) -> Attempt:
        """Count an attempt from its start: many at once must not all pass before the first has failed. Raises
        TooManyFailures."""
        with self._lock:
            attempt = self._looked_at(name, network)
            self._attempts.append(attempt)
            return attempt

    def refuse(self, name: str, network: str) -> None:
        """Raises TooManyFailures where one more is too much."""
        with self._lock:
            self._looked_at(name, network)

    def forgive(self, attempt: Attempt) -> None:
        """It has succeeded."""
        with self._lock:
            self._attempts.remove(attempt)

    def _looked_at(self, name: str, network: str) -> Attempt:
        now = self._clock()
        attempt = Attempt(now, self._keyed(network), self._keyed(name))
        while self._attempts and self._attempts[0].at <= now - FAILURE_WINDOW_S:
            self._attempts.popleft()
        near = [other for other in self._attempts if other.network == attempt.network]
        same = [other for other in near if other.name == attempt.name]
        for failed, most in ((same, FAILURES_OF_A_NAME), (near, FAILURES_OF_A_NETWORK)):
            if len(failed) >= most:
                raise TooManyFailures(max(1, round(failed[-most].at + FAILURE_WINDOW_S - now)), self._what)
        return attempt

    def _keyed(self, text: str) -> bytes:
        return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), key=self._secret, digest_size=16).digest()
