"""How much one network may send a minute, without a list of networks.

In: the keyed number of a network. Out: whether one more event of it is taken. Promises: memory is fixed, whatever is
sent; no address and no number of one is kept, only sums; a network that keeps to the limit is let through unless it
shares all its sums with ones that do not.
Source: the count-min sketch of Cormode and Muthukrishnan (2005). A sketch never counts too little, and the numbers
are keyed with the day's key, so nobody can choose with whom he shares a sum.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable

_WINDOW_S = 60
# Four bytes each: half a megabyte in all.
_SUMS = 65_536
_ROWS = 2


class RateLimiter:
    """most: events a minute of one network; each worker counts for itself."""

    def __init__(self, most: int, clock: Callable[[], float] = time.time) -> None:
        self._most = most
        self._clock = clock
        self._window = 0.0
        self._sums = _fresh()

    def admits(self, number: int) -> bool:
        """Count one event of the network of that number; False where it is one too many."""
        window = self._clock() // _WINDOW_S
        if window != self._window:
            self._window, self._sums = window, _fresh()
        sums = self._sums
        first, second = number % _SUMS, _SUMS + number // _SUMS % _SUMS
        if sums[first] >= self._most and sums[second] >= self._most:
            return False
        sums[first] += 1
        sums[second] += 1
        return True


def _fresh() -> array[int]:
    return array("I", bytes(4 * _SUMS * _ROWS))
