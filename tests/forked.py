"""`footfall` commands as processes forked from one that has imported the program: each costs what it does, without the
second of imports. What a program is loaded with (its own imports, LD_PRELOAD) is tested where a real one starts.

In: a command's arguments. Out: the command, done, as `subprocess.run` gives it. Promises: a process, environment and
engine of its own; the same exit code, standard output and standard error.
"""

from __future__ import annotations

import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from footfall.canary.scratch import footfall as started

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.loaded"])
_WITHIN_S = 180.0


def footfall(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A `footfall` command."""
    if "LD_PRELOAD" in os.environ:  # only a new program is loaded with it
        return started(*arguments)
    with tempfile.TemporaryDirectory() as room:
        out, err = Path(room) / "out", Path(room) / "err"
        given = (arguments, str(Path.cwd()), dict(os.environ), str(out), str(err))
        process = _CONTEXT.Process(target=_run, args=given)
        process.start()
        process.join(_WITHIN_S)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired(["footfall", *arguments], _WITHIN_S, out.read_text(), err.read_text())
        code = process.exitcode
        process.close()
        assert code is not None
        return subprocess.CompletedProcess(["footfall", *arguments], code, out.read_text(), err.read_text())


def _run(arguments: Sequence[str], directory: str, environment: Mapping[str, str], out: str, err: str) -> None:
    """What the forked process does."""
    for number, path in ((1, out), (2, err)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["footfall", *arguments]
    # Imported where it is run: the process that starts this one needs none of it.
    from footfall.cli import main

    try:
        main(prog_name="footfall")
    except Exception:
        sys.excepthook(*sys.exc_info())
        raise SystemExit(1) from None
