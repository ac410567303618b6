"""`footfall` as processes forked from one that has imported the program: each command, and each process of a house,
costs what it does, without the seconds of imports. What a program is loaded with (its own imports, LD_PRELOAD) is
tested where a real one starts.

In: a command's arguments. Out: the command, done, as `subprocess.run` gives it; or running, as `subprocess.Popen` does.
Promises: a process, environment and engine of its own; the same exit code, standard output and standard error; the
children of `footfall up` are its own, have what it hands them and nothing else that is open in it.
"""

from __future__ import annotations

import atexit
import contextlib
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NoReturn

from footfall.canary.scratch import footfall as started

_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["tests.loaded"])
_WITHIN_S = 400.0


def footfall(*arguments: str) -> subprocess.CompletedProcess[str]:
    """A `footfall` command."""
    if must_be_real():
        return started(*arguments)
    with tempfile.TemporaryDirectory() as room:
        out, err = Path(room) / "out", Path(room) / "err"
        process = _CONTEXT.Process(target=_run, args=(arguments, *_here(), str(out), str(err)))
        process.start()
        process.join(_WITHIN_S)
        if process.is_alive():
            process.kill()
            raise subprocess.TimeoutExpired(["footfall", *arguments], _WITHIN_S, out.read_text(), err.read_text())
        code = process.exitcode
        process.close()
        assert code is not None
        return subprocess.CompletedProcess(["footfall", *arguments], code, out.read_text(), err.read_text())


def must_be_real() -> bool:
    """Only a new program is loaded with it."""
    return "LD_PRELOAD" in os.environ


class Forked:
    """A running `footfall up`; of `subprocess.Popen` what those who run one use. err: where its log goes on."""

    def __init__(self, arguments: Sequence[str], err: Path) -> None:
        with tempfile.TemporaryDirectory() as room:
            pipe = Path(room) / "out"
            os.mkfifo(pipe)
            # Opened first, or whoever dies before it writes would be waited for.
            self.stdout = open(os.open(pipe, os.O_RDONLY | os.O_NONBLOCK))  # noqa: SIM115
            self._process = _CONTEXT.Process(target=_run, args=(arguments, *_here(), str(pipe), str(err)))
            self._process.start()
            said = select.poll()
            said.register(self.stdout, select.POLLIN)
            while not said.poll(200) and self._process.exitcode is None:
                pass
            os.set_blocking(self.stdout.fileno(), True)
        self.args = ["footfall", *arguments]
        self.pid = self._process.pid or 0

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)


def _here() -> tuple[str, dict[str, str]]:
    return str(Path.cwd()), dict(os.environ)


def _run(arguments: Sequence[str], directory: str, environment: Mapping[str, str], out: str, err: str) -> None:
    """What the forked process does."""
    for number, path, how in ((1, out, os.O_TRUNC), (2, err, os.O_APPEND)):
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | how)
        os.dup2(opened, number)
        os.close(opened)
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    sys.argv = ["footfall", *arguments]
    # Imported where it is run: the process that starts this one needs none of it.
    from footfall.cli import main
    from footfall.supervisor import child_process

    child_process.subprocess = SimpleNamespace(Popen=_Child, TimeoutExpired=subprocess.TimeoutExpired)  # type: ignore[attr-defined]
    try:
        main(prog_name="footfall")
    except Exception:
        sys.excepthook(*sys.exc_info())
        raise SystemExit(1) from None


class _Child(subprocess.Popen[bytes]):
    """`python -m footfall.roles …`, forked from its parent."""

    def __init__(self, command: Sequence[str], stdin: int, pass_fds: Sequence[int], **given: Any) -> None:
        self._handed = stdin, pass_fds
        super().__init__(command, stdin=stdin, pass_fds=pass_fds, **given)

    def _execute_child(self, command: Sequence[str], *_: Any) -> None:
        self.pid = os.fork()
        if not self.pid:
            _live(command[command.index("-m") + 1 :], *self._handed)
        self._child_created = True


def _live(words: Sequence[str], stdin: int, handed: Sequence[int]) -> NoReturn:
    """What a new program would find: its own standard input and what it is handed, no handlers, no threads."""
    code: Any = 1
    try:
        os.setsid()
        Path("/proc/self/comm").write_text(words[1])
        os.dup2(stdin, 0)
        before = 2
        for descriptor in (*sorted(handed), os.sysconf("SC_OPEN_MAX")):
            os.closerange(before + 1, descriptor)
            before = descriptor
        for number in (signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        atexit._clear()
        sys.argv = list(words)
        from footfall.roles.__main__ import main

        main()
        code = 0
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            print(code, file=sys.stderr)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    with contextlib.suppress(BaseException):
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code if isinstance(code, int) else int(code is not None))
