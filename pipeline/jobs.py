"""What the periodic work of a process has to say for itself: when each job ran, how long it took, why it fails.

In: jobs, run by name. Out: their states, for whoever asks how the instance is.
Promises: a state tells nothing of what a job worked on: no text of an exception but the store's own, and how long it
took only as the longest of an hour, because a single long run would tell that something had just arrived.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from msgspec import Struct, structs

from schema.lasting import kind_and_place

_WINDOW_S = 1800.0


class JobState(Struct):
    """Moments are of the machine's monotonic clock, which all of its processes share; 0: never.
    failures: in a row. longest_s: of the last half hour to hour. problem: of the last failure."""

    name: str
    added: float
    began: float = 0.0
    is_running: bool = False
    succeeded: float = 0.0
    longest_s: float = 0.0
    failures: int = 0
    failing_since: float = 0.0
    failed: float = 0.0
    problem: str = ""


class Jobs:
    """The jobs of one process."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._states: dict[str, JobState] = {}
        self._windows: dict[str, tuple[float, float, float]] = {}

    def states(self) -> list[JobState]:
        """How each job is now."""
        with self._lock:
            return [structs.replace(state) for state in self._states.values()]

    def add(self, name: str) -> None:
        """A job that is to run from now on."""
        with self._lock:
            self._states.setdefault(name, JobState(name, self._clock()))

    @contextmanager
    def run(self, name: str) -> Iterator[None]:
        """One run of a job; what it raises is noted and raised on."""
        self.add(name)
        began = self._clock()
        with self._lock:
            state = self._states[name]
            state.began, state.is_running = began, True
        try:
            yield
        except Exception as problem:
            with self._lock:
                self._fail(state, problem)
            raise
        else:
            with self._lock:
                self._succeed(state, began)
        finally:
            with self._lock:
                state.is_running = False

    def _succeed(self, state: JobState, began: float) -> None:
        now = self._clock()
        state.succeeded, state.failures, state.failing_since = now, 0, 0.0
        since, current, before = self._windows.get(state.name, (now, 0.0, 0.0))
        if now - since >= _WINDOW_S:
            since, current, before = now, 0.0, current
        current = max(current, now - began)
        self._windows[state.name] = since, current, before
        state.longest_s = max(current, before)

    def _fail(self, state: JobState, problem: Exception) -> None:
        now = self._clock()
        state.failures += 1
        state.failing_since = state.failing_since or now
        state.failed, state.problem = now, reason_of(problem)


def reason_of(problem: Exception) -> str:
    """What may be told of an exception: a text of the store, which holds no row; of any other its type, for an error of
    the system its number, and where it was raised."""
    # Imported here: a collector worker shares this module, and must not pay for the ClickHouse client.
    from schema.store import StoreError

    if isinstance(problem, StoreError):
        return f"{type(problem).__name__}: {problem}"
    told = kind_and_place(problem)
    return " ".join(
        filter(None, (told["kind"], str(told.get("errno", "")), f"at {told['at']}" if "at" in told else ""))
    )
