"""The disk below a directory, watched: every step that changes it is announced before it happens, and may fail.

In: a callable told (kind, path) before each step of SQLite and of our own code. Out: the step happens, unless the
callable raises OSError (SQLite sees the error its own disk layer would report) or ends the process.
Promises: nothing is imitated: SQLite's functions for the real disk run, with the callable before them.
"""

from __future__ import annotations

import ctypes
import errno
import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

Before = Callable[[str, Path], None]
After = Callable[[str, Path], None]

# https://sqlite.org/c3ref/vfs.html and io_methods.html; a pointer's place is counted in pointers.
_OPEN, _DELETE = 5, 6
_WRITE, _TRUNCATE, _SYNC, _METHODS = 3, 4, 5, 19
_FULL, _IOERR = 13, 10
_CODES = {"write": _IOERR | 3 << 8, "sync": _IOERR | 4 << 8, "truncate": _IOERR | 6 << 8, "delete": _IOERR | 10 << 8}
_CANTOPEN = 14
# The name of a new log or journal is made durable with its first sync.
_CREATE, _IS_LOG = 0x4, 0x80000 | 0x800

_Pointer, _Int, _Long = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64
# A name is a bare pointer: SQLite keeps it, and reads what stands behind it.
_Open = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Pointer, _Int, _Pointer)
_Delete = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Int)
_Write = ctypes.CFUNCTYPE(_Int, _Pointer, _Pointer, _Int, _Long)
_Truncate = ctypes.CFUNCTYPE(_Int, _Pointer, _Long)
_Sync = ctypes.CFUNCTYPE(_Int, _Pointer, _Int)

# A file that SQLite still has open calls these to its end, watched or not.
_ALIVE: list[Any] = []


@contextmanager
def watched(root: Path, before: Before, after: After = lambda kind, path: None) -> Iterator[None]:
    """Tell of every step below root. kinds: open write truncate sync delete (SQLite's), create fsync rename unlink
    mkdir (ours), and link: SQLite made a name durable."""
    root = root.resolve()

    def mine(path: Any) -> Path | None:
        whole = Path(os.path.abspath(os.fsdecode(path)))
        return whole if whole == root or root in whole.parents else None

    with ExitStack() as stack:
        _watch_sqlite(stack, mine, before, after)
        _watch_ours(stack, mine, before, after)
        yield


def _watch_ours(stack: ExitStack, mine: Callable[[Any], Path | None], before: Before, after: After) -> None:
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
    for kind, of in (
        ("fsync", lambda descriptor: os.readlink(f"/proc/self/fd/{descriptor}")),
        ("rename", lambda source, target: target),
        ("unlink", lambda path: path),
        ("mkdir", lambda path, *_: path),
    ):
        stack.enter_context(patch(f"os.{kind}", told(kind, of, getattr(os, kind))))


def _watch_sqlite(stack: ExitStack, mine: Callable[[Any], Path | None], before: Before, after: After) -> None:
    library = ctypes.CDLL(_library())
    library.sqlite3_vfs_find.restype = _Pointer
    layer = library.sqlite3_vfs_find(None)
    table = (_Pointer * 7).from_address(layer)
    real_open, real_delete = _Open(table[_OPEN]), _Delete(table[_DELETE])
    paths: dict[int, Path] = {}
    unlinked: set[int] = set()
    copies: dict[int, int] = {}

    def step(kind: str, path: Path | None, real: Callable[[], int]) -> int:
        if path is None:
            return real()
        try:
            before(kind, path)
        except OSError as problem:
            return _FULL if problem.errno == errno.ENOSPC else _CODES.get(kind, _CANTOPEN)
        code = real()
        if code == 0:
            after(kind, path)
        return code

    def opening(vfs: int, name: int | None, file: int, flags: int, out: int) -> int:
        path = mine(ctypes.string_at(name)) if name else None
        made = path is not None and not path.exists()
        kind = "open" if made and flags & _CREATE else ""
        code = step(kind, path if kind else None, lambda: real_open(vfs, name, file, flags, out))
        if code == 0 and path is not None:
            paths[file] = path
            if made and flags & _IS_LOG:
                unlinked.add(file)
            methods = _Pointer.from_address(file)
            original = methods.value or 0
            if original not in copies:
                copies[original] = watch(original)
            methods.value = copies[original]
        return code

    def watch(original: int) -> int:
        copy = (_Pointer * _METHODS)(*(_Pointer * _METHODS).from_address(original))
        write, truncate, sync = _Write(copy[_WRITE]), _Truncate(copy[_TRUNCATE]), _Sync(copy[_SYNC])

        def syncing(file: int, flags: int) -> int:
            code = step("sync", paths.get(file), lambda: sync(file, flags))
            if code == 0 and file in unlinked:  # with a new log SQLite syncs its directory, too
                unlinked.discard(file)
                after("link", paths[file].parent)
            return code

        functions = (
            _Write(lambda file, data, size, at: step("write", paths.get(file), lambda: write(file, data, size, at))),
            _Truncate(lambda file, size: step("truncate", paths.get(file), lambda: truncate(file, size))),
            _Sync(syncing),
        )
        for place, function in zip((_WRITE, _TRUNCATE, _SYNC), functions, strict=True):
            copy[place] = ctypes.cast(function, _Pointer).value
        _ALIVE.extend((copy, functions))
        return ctypes.addressof(copy)

    def deleting(vfs: int, name: int, sync: int) -> int:
        path = mine(ctypes.string_at(name))
        there = path if path is not None and path.exists() else None
        return step("delete", there, lambda: real_delete(vfs, name, sync))

    ours = _Open(opening), _Delete(deleting)
    _ALIVE.append(ours)
    before_us = table[_OPEN], table[_DELETE]
    table[_OPEN], table[_DELETE] = (ctypes.cast(function, _Pointer).value for function in ours)

    def restore() -> None:
        table[_OPEN], table[_DELETE] = before_us

    stack.callback(restore)


def _library() -> str:
    """The SQLite that Python's own module is linked with."""
    sqlite3.connect(":memory:").close()
    for line in Path("/proc/self/maps").read_text().splitlines():
        if "libsqlite3" in line:
            return line.split(maxsplit=5)[5]
    raise LookupError("this Python carries an SQLite of its own, whose disk cannot be watched")
