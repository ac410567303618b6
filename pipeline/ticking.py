"""Jobs that run again and again, by a clock that nobody sets: it goes on where the time of day is put back or forward.

In: jobs, each with how often. Out: they run, one at a time, in a thread. Promises: a job begins at once, and then at
whole multiples of its interval; what it missed while it or another one ran is made up for once; the end waits for the
one that runs.
"""

from __future__ import annotations

import heapq
import math
import threading
import time
from collections.abc import Callable, Sequence


class Ticking:
    """jobs: in the order in which they begin; they raise nothing."""

    def __init__(self, jobs: Sequence[tuple[Callable[[], object], float]]) -> None:
        self._jobs = jobs
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="jobs", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Also of one that was never started."""
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def _run(self) -> None:
        begun = time.monotonic()
        due = [(begun, place) for place in range(len(self._jobs))]
        while due and not self._ended.wait(max(0.0, due[0][0] - time.monotonic())):
            at, place = due[0]
            job, every_s = self._jobs[place]
            job()
            missed = math.floor((time.monotonic() - at) / every_s)
            heapq.heapreplace(due, (at + (missed + 1) * every_s, place))
