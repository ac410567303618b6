"""How a process of the instance behaves: no core dumps, logs without content, an end when its parent ends.

In: nothing. Out: a hardened process. Promises: no log line carries the text or the values of an exception.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import resource
import signal
import sys
import threading
import time
from types import TracebackType
from typing import TextIO

import structlog

from schema.lasting import AGAIN_AFTER_S, kind_and_place, places

# What the client of the store meets ends as an exception of it, which is told once (schema/store.py). Not by levels of
# loggers: the client sets those itself when it is imported, which may be after the log was set up.
_SAID_BY_THE_STORE = frozenset(("urllib3", "clickhouse_connect"))
_PR_GET_DUMPABLE = 3
_PR_SET_DUMPABLE = 4
# Longer than a stop in order takes.
_END_WITHIN_S = 10.0


def harden() -> None:
    """No core dump may hold an address or a key. A piped core pattern ignores the limit, so both are needed (H2)."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def core_dumps_off() -> bool:
    """Whether harden() has worked here."""
    try:
        dumpable = ctypes.CDLL(None).prctl(_PR_GET_DUMPABLE, 0, 0, 0, 0)
    except (OSError, AttributeError):
        return False
    return resource.getrlimit(resource.RLIMIT_CORE) == (0, 0) and dumpable == 0


def set_up_logs(part: str) -> None:
    """Structured lines on standard error; what libraries say is cut down to where and what kind."""
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.KeyValueRenderer(key_order=["timestamp", "level", "event"]),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.WriteLoggerFactory(_Forgiving(sys.stderr)),  # type: ignore[arg-type]
    )
    root = logging.getLogger()
    root.handlers = [_Discreet(part)]
    root.setLevel(logging.WARNING)
    logging.captureWarnings(True)
    sys.excepthook = _report
    sys.unraisablehook = lambda given: _report(given.exc_type, given.exc_value, given.exc_traceback)
    threading.excepthook = lambda given: _report(given.exc_type, given.exc_value, given.exc_traceback)


def end_soon() -> None:
    """Stop this process, whose parent is gone: asked first, then not asked."""
    os.kill(os.getpid(), signal.SIGTERM)
    # The parent would have killed whoever takes longer; without it nobody does, and the next start would wait.
    time.sleep(_END_WITHIN_S)
    os._exit(1)


class _Forgiving:
    """Where log lines go. On a full disk a line is lost, not the thread that wrote it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError):
            self._stream.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.flush()


class _Discreet(logging.Handler):
    """Libraries' log records without their arguments and exception texts, which may quote a request: which library, at
    which line. The same one is told again only after a while, because anybody can provoke some."""

    def __init__(self, part: str) -> None:
        super().__init__()
        self._log = structlog.get_logger(part)
        self._told: dict[tuple[str, str, str], float] = {}

    def emit(self, record: logging.LogRecord) -> None:
        if record.name.partition(".")[0] in _SAID_BY_THE_STORE:
            return
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else ""
        at = f"{record.filename}:{record.lineno}"
        now, key = time.monotonic(), (record.name, at, kind)
        if now - self._told.get(key, float("-inf")) < AGAIN_AFTER_S:
            return
        self._told[key] = now
        told = {"logger": record.name, "at": at}
        if kind:
            told["kind"] = kind
        if isinstance(record.msg, str) and record.msg and record.name.startswith("uvicorn"):
            told["text"] = record.msg.splitlines()[0]
        self._log.warning("library", **told)


def _report(kind: type[BaseException], problem: BaseException | None, traceback: TracebackType | None) -> None:
    told = kind_and_place(problem) if problem is not None else {}
    told |= {"kind": kind.__name__, "at": places(traceback, 6)}
    structlog.get_logger("process").error("uncaught", **told)
