"""The disk below a directory, watched: every step that changes it is announced before it happens, and may fail.

In: a callable told (kind, path) before each step. Out: the step happens, unless the callable raises OSError or ends the
process.
Promises: nothing is imitated: the functions of the system run, with the callable before them.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

Before = Callable[[str, Path], None]
After = Callable[[str, Path], None]


@contextmanager
def watched(root: Path, before: Before, after: After = lambda kind, path: None) -> Iterator[None]:
    """Tell of every step below root. kinds: create write truncate sync fsync rename unlink mkdir. A write that returns
    once it is durable is two steps, write and sync."""
    root = root.resolve()

    def mine(path: Any) -> Path | None:
        whole = Path(os.path.abspath(os.fsdecode(path)))
        return whole if whole == root or root in whole.parents else None

    with ExitStack() as stack:
        _watch(stack, mine, before, after)
        yield


def _watch(stack: ExitStack, mine: Callable[[Any], Path | None], before: Before, after: After) -> None:
    def told(kind: str, of: Callable[..., Any], real: Callable[..., Any]) -> Callable[..., Any]:
        def step(*given: Any, **more: Any) -> Any:
            path = mine(of(*given))
            if path is None:
                return real(*given, **more)
            before(kind, path)
            result = real(*given, **more)
            after(kind, path)
            return result

        return step

    real_open = os.open
    creating = told("create", lambda path, *_: path, real_open)

    def opening(path: Any, flags: int, *more: Any, **named: Any) -> int:
        return int((creating if flags & os.O_CREAT else real_open)(path, flags, *more, **named))

    stack.enter_context(patch("os.open", opening))

    def named(descriptor: int, *_: Any) -> str:
        return os.readlink(f"/proc/self/fd/{descriptor}")

    def written(descriptor: int, *given: Any) -> int:
        """What was written counts as on disk only after the second step."""
        size = writing(descriptor, *given)
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DSYNC:
            syncing(descriptor)
        return int(size)

    writing, syncing = told("write", named, os.pwrite), told("sync", named, lambda descriptor: None)
    stack.enter_context(patch("os.pwrite", written))
    for kind, of in (
        ("fsync", named),
        ("rename", lambda source, target: target),
        ("unlink", lambda path: path),
        ("mkdir", lambda path, *_: path),
    ):
        stack.enter_context(patch(f"os.{kind}", told(kind, of, getattr(os, kind))))
    stack.enter_context(patch("os.ftruncate", told("truncate", named, os.ftruncate)))
