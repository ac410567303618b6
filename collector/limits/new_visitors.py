"""How many new visitors one network may bring a minute, without a list of visitors or of networks.

In: keyed numbers of visitors and networks. Out: whether an event of them is taken. Promises: memory is fixed, whatever
is sent; of whom it has let in it keeps bits that several share; whoever was let in today is let in again.
Source: Bloom's filter (1970). It takes a few new visitors for known ones and never the other way round. Numbers are
keyed with the day's key, so nobody can choose his bits, and the bits of yesterday mean nothing today.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from .rate_limit import RateLimiter

# Two megabytes each: of a million visitors a day one new one in two hundred passes for a known one.
_BITS = 1 << 24
_MASK = _BITS - 1
_BYTES = _BITS // 8
# As long as the longest day: what was let in is remembered for one to two of them, so for the rest of its day.
_TURN_S = 90_000


class NewVisitors:
    """most: new visitors a minute of one network; each worker counts for itself. exempt: addresses that stand for many
    networks, as that of a proxy does."""

    def __init__(self, most: int, exempt: Callable[[str], bool], clock: Callable[[], float] = time.time) -> None:
        self._limit = RateLimiter(most, clock)
        self._exempt = exempt
        self._clock = clock
        self._turn = clock() // _TURN_S
        self._seen, self._before = bytearray(_BYTES), bytearray(_BYTES)

    def know(self, visitor: int) -> bool:
        """Whether that visitor has been let in."""
        # Asked of every event, and almost always answered by the first of the two.
        seen = self._seen
        first, second, third = visitor & _MASK, visitor >> 20 & _MASK, visitor >> 40 & _MASK
        if (
            seen[first >> 3] >> (first & 7) & 1
            and seen[second >> 3] >> (second & 7) & 1
            and seen[third >> 3] >> (third & 7) & 1
        ):
            return True
        before = self._before
        return all(before[bit >> 3] >> (bit & 7) & 1 for bit in (first, second, third))

    def admit(self, visitor: int, network: int, address: str) -> bool:
        """Let a new visitor of that network in; False where he is one too many. The address is not kept."""
        if not self._limit.admits(network) and not self._exempt(address):
            return False
        turn = self._clock() // _TURN_S
        if turn != self._turn:
            self._turn, self._seen, self._before = turn, bytearray(_BYTES), self._seen
        for bit in (visitor & _MASK, visitor >> 20 & _MASK, visitor >> 40 & _MASK):
            self._seen[bit >> 3] |= 1 << (bit & 7)
        return True
