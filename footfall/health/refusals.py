"""How many beacons a worker could do nothing with: no room on the disk, no key, a fault of ours.

In: reasons, as they come. Out: tens of beacons since midnight (UTC), by reason, as of the last full minute.
Promises: neither a single beacon nor its second can be told from it.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping

from collector.outcome import Reason
from schema.event import COARSE

_TOLD_EVERY_S = 60
_DAY_S = 86_400


class Refusals:
    """before: what an earlier worker of the same name had told today."""

    def __init__(self, before: Mapping[str, int], clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._counts: Counter[str] = Counter(before)
        self._told: dict[str, int] = dict(before)
        self._minute = int(clock()) // _TOLD_EVERY_S

    def __call__(self, reason: Reason) -> None:
        if reason.status >= 500:
            self._counts[str(reason)] += 1

    def told(self) -> dict[str, int]:
        """By reason; 0: some, but fewer than ten."""
        now = int(self._clock())
        if now // _TOLD_EVERY_S != self._minute:
            if now // _DAY_S != self._minute * _TOLD_EVERY_S // _DAY_S:
                self._counts.clear()
            self._minute = now // _TOLD_EVERY_S
            self._told = {reason: times // COARSE * COARSE for reason, times in sorted(self._counts.items())}
        return self._told
