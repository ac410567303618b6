"""A child of the parent: started, told of other settings, watched, started again with growing pauses, stopped.

In: a role, its arguments and sockets. Out: a running process. Promises: one whose start cannot succeed ends the parent,
too, with what was in the way.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import sys
import time
from collections.abc import Sequence

import structlog

from schema.lasting import Lasting

from ..errors import CannotStart
from ..settings import Settings
from .channel import ParentEnd
from .heartbeat import Child
from .listening import answers

log = structlog.get_logger("serve")

_FOLLOWS_WITHIN_S = 5.0
_RESTART_AFTER_S = (0.2, 1.0, 3.0, 10.0)
# Restarts are told of for so long.
_REMEMBERED_S = 3600.0
# A child that lived so long is not in a restart loop.
_STEADY_S = 60.0


class ChildProcess:
    """One process and its restarts."""

    def __init__(
        self,
        settings: Settings,
        role: str,
        arguments: Sequence[str],
        sockets: Sequence[socket.socket],
        last: bool,
        plain: bool,
    ) -> None:
        self.last = last
        self._plain = plain
        self._role = role
        self._arguments = arguments
        self._sockets = sockets
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: ParentEnd | None = None
        self._ends = Lasting(log, "process_ended", "process_runs_again")
        self._sent = self._applied = 0
        # What it says is in its way, and whether it tries again by itself.
        self.problem, self.waits, self._final = "", False, False
        self._edited = False
        self._failures = 0
        self._started = 0.0
        self._again_at = 0.0
        self._restarts: list[float] = []

    def state(self) -> Child:
        """How it is, for whoever asks."""
        since = time.monotonic() - _REMEMBERED_S
        self._restarts = [moment for moment in self._restarts if moment >= since]
        process = self._process
        is_alive = process is not None and process.poll() is None
        name = "-".join((self._role, *self._arguments))
        return Child(name, process.pid if process else 0, self._started, is_alive, list(self._restarts))

    def start(self) -> None:
        descriptors = [sock.fileno() for sock in self._sockets]
        self._channel, self.problem, self.waits, self._final = ParentEnd(), "", False, False
        self._process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [
                sys.executable,
                "-m",
                "footfall.roles",
                self._role,
                *self._arguments,
                *map(str, descriptors),
            ],
            stdin=self._channel.child_end.fileno(),
            pass_fds=descriptors,
            # Ctrl-C reaches the parent alone, which stops the children in order.
            start_new_session=True,
        )
        self._channel.child_end.close()
        self._sent, self._applied = 1, 0
        with contextlib.suppress(OSError):  # it has ended already; look_after() finds out
            self._channel.send(self._settings)
        self._started = time.monotonic()

    def follow(self, settings: Settings) -> bool:
        """Have it go by other settings; whether it says so in time. If it is not running, its next start has them."""
        self._settings = settings
        if self._process is None or self._channel is None or self._process.poll() is not None:
            return True
        try:
            self._channel.send(settings)
        except OSError:
            return False
        self._sent += 1
        deadline = time.monotonic() + _FOLLOWS_WITHIN_S
        while self._applied < self._sent and time.monotonic() < deadline and self._process.poll() is None:
            time.sleep(0.02)
            self._read_statuses()
        return self._applied >= self._sent

    def has_edited(self) -> bool:
        """Whether it has changed since, on disk, what editors declare."""
        edited, self._edited = self._edited, False
        return edited

    def _read_statuses(self) -> None:
        for status in self._channel.statuses() if self._channel else ():
            if status.applied:
                self._applied = status.applied
            elif status.edited:
                self._edited = True
            else:
                self.problem, self.waits, self._final = status.problem, status.waits, status.final

    def look_after(self) -> None:
        """Start it again if it ended by itself. Raises CannotStart where that cannot help."""
        assert self._process is not None
        now = time.monotonic()
        code = self._process.poll()
        self._read_statuses()
        if code is None:
            if self._failures and now - self._started > _STEADY_S:
                self._failures = 0
                self._ends.is_over(role=self._role)
            return
        if self._final:
            raise CannotStart(self.problem)
        if not self._again_at:
            self._failures = 1 if now - self._started > _STEADY_S else self._failures + 1
            wait = _RESTART_AFTER_S[min(self._failures, len(_RESTART_AFTER_S) - 1)]
            self._again_at = now + wait
            told = {"problem": self.problem} if self.problem else {}
            self._ends.is_so(f"{code} {self.problem}", role=self._role, code=code, again_in_s=wait, **told)
        elif now >= self._again_at:
            self._again_at = 0.0
            self._restarts.append(now)
            self.start()

    def answers(self) -> bool:
        """Whether every socket of it is being served."""
        return not self._plain or all(answers(sock) for sock in self._sockets)

    def terminate(self) -> None:
        if self._process and self._process.poll() is None:
            self._process.terminate()

    def wait(self, seconds: float) -> None:
        if self._process is None:
            return
        try:
            self._process.wait(max(0.1, seconds))
        except subprocess.TimeoutExpired:
            log.error("process_killed", role=self._role)
            self._process.kill()
            self._process.wait()
