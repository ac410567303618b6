"""A store whose nth statement that leaves something behind is its process's end.

In: a store and a number. Out: SIGKILL before that statement. Those that only read, or write to the engine's memory, do
not count: whoever is killed before one leaves on disk what they leave before the next that does.

A process lives once for each number. All are forked from one that has imported what they need, because imports took as
long as the rest; the engine is loaded after the fork, because it has threads.
"""

from __future__ import annotations

import gc
import itertools
import json
import os
import re
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from schema.store import Store
from tests.migrated import ROOT, migrated

_PASSING = re.compile(r"\s*(SELECT|WITH|(INSERT INTO|CREATE TABLE|DROP TABLE IF EXISTS) (scratch\.)?run_)")


def doom(store: Store, number: int) -> None:
    """From now on statements are counted. Memory tables are those named `run_*`, which a test holds."""
    statements = itertools.count(1)

    def counted(real: Callable[..., Any]) -> Callable[..., Any]:
        def statement(*given: Any, **more: Any) -> Any:
            if not _PASSING.match(str(given[0])) and next(statements) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*given, **more)

        return statement

    for name in ("rows", "command", "insert", "text"):
        setattr(store, name, counted(getattr(store, name)))


def lives(live: Callable[[int], Any], step: int = 1) -> None:
    """One forked life after the other, killed so many statements later each time, until one comes to its end. Prints a
    JSON line for each: its exit code, and what it told on its standard output as its last line."""
    import clickhouse_connect.driver.exceptions  # noqa: F401 - what a store imports when it is opened, less the engine

    gc.freeze()
    for number in itertools.count(1, step):
        reads, writes = os.pipe()
        pid = os.fork()
        if not pid:
            try:
                os.dup2(writes, 1)
                live(number)
                sys.stdout.flush()
                os._exit(0)
            except BaseException:
                traceback.print_exc()
                os._exit(1)
        os.close(writes)
        with open(reads) as pipe:
            lines = pipe.read().splitlines()
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        print(json.dumps({"code": code, "told": json.loads(lines[-1]) if lines else None}), flush=True)
        if code != -signal.SIGKILL:
            break


def lived(module: str, directory: Path, root: Path, *more: str) -> list[dict[str, Any]]:
    """What a module's lives told, each of them: the last came to its end, all others were killed. directory: of their
    store, to be. root: of the tree they run in; another one than this has migrations of its own."""
    if root == ROOT:
        migrated(directory)
    done = subprocess.run(
        [sys.executable, "-m", module, str(directory), *more],
        cwd=root, capture_output=True, text=True, timeout=850, check=True,
    )  # fmt: skip
    *cut, whole = (json.loads(line) for line in done.stdout.splitlines())
    assert whole["code"] == 0, done.stderr[-2000:]
    assert all(life["code"] == -signal.SIGKILL for life in cut)
    return [life["told"] for life in (*cut, whole)]
