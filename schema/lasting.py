"""Troubles in the log: a trouble that lasts is told when it begins, again every five minutes, and when it is over.

In: what is so, as often as somebody notices. Out: few log lines. Promises: the number of lines does not follow that of
attempts; of an exception no text is told that may quote what it failed on, but its kind, errno and place.
"""

from __future__ import annotations

import datetime as dt
import os
import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any

AGAIN_AFTER_S = 300.0


class Lasting:
    """One kind of trouble. log: of structlog. begins, ends: the events' names; level: of what begins."""

    def __init__(
        self,
        log: Any,
        begins: str,
        ends: str,
        level: str = "error",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._tell = getattr(log, level)
        self._log, self._begins, self._ends = log, begins, ends
        self._clock = clock
        self._lock = threading.Lock()
        self._is_so = False
        self._began = 0.0
        self._since = ""
        self._what = ""
        self._told = 0.0

    def is_so(self, what: str = "", /, **details: Any) -> None:
        """It is so now. what: tells one such trouble from another, which is told at once."""
        with self._lock:
            now = self._clock()
            again: dict[str, Any] = {}
            if not self._is_so:
                self._is_so, self._began = True, now
                self._since = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
            elif what == self._what:
                if now - self._told < AGAIN_AFTER_S:
                    return
                again = {"since": self._since}
            self._what, self._told = what, now
        self._tell(self._begins, **details, **again)

    def is_over(self, **details: Any) -> None:
        """It is not so now."""
        if not self._is_so:  # what is asked all the time costs no lock
            return
        if self._end():
            lasted = round(self._clock() - self._began)
            self._log.info(self._ends, **details, since=self._since, lasted_s=lasted)

    def _end(self) -> bool:
        """Whether it was so until now; of several threads one is told."""
        with self._lock:
            was, self._is_so = self._is_so, False
        return was


def kind_and_place(problem: BaseException) -> dict[str, Any]:
    """What the log may tell of any exception: its type, the system's number for it, where it was raised."""
    told: dict[str, Any] = {"kind": type(problem).__name__}
    if isinstance(problem, OSError) and problem.errno:
        told["errno"] = problem.errno
    if problem.__traceback__ is not None:
        told["at"] = places(problem.__traceback__, 1)
    return told


def places(traceback: TracebackType | None, most: int) -> str:
    """The innermost places of a traceback, as file:line."""
    frames = []
    while traceback is not None:
        frames.append(f"{os.path.basename(traceback.tb_frame.f_code.co_filename)}:{traceback.tb_lineno}")
        traceback = traceback.tb_next
    return " > ".join(frames[-most:])
