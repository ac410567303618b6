"""Heartbeats: what each process of the instance tells of itself every other second, in a file in RAM.

In: what a process knows of itself. Out: one small file a process, which whoever looks reads without asking anybody: it
tells, too, of a process that hangs, because its heartbeat grows old. Promises: nothing of visitors is in it; of refused
beacons only tens, and only once a minute; nothing of it reaches a disk where there is RAM to write to.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct, field

from pipeline.jobs import JobState
from schema.atomic_file import write_atomically

from ..settings import Settings
from ..version import described
from .paths import ram_directory

BEAT_S = 2.0
# A busy machine may hold a process up for a while.
STALE_S = 15.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Child(Struct):
    """A process as its parent sees it. started, restarts: on the monotonic clock; those of the last hour."""

    name: str
    pid: int
    started: float
    is_alive: bool
    restarts: list[float] = field(default_factory=list)


class Heartbeat(Struct):
    """A process. Moments are on the monotonic clock of this machine.

    problem: why it takes no beacons. refused: tens of beacons since midnight (UTC) of that day that nothing could be
    done with, by reason. Of a parent: children; addresses it listens on, by part; keys: the directory of the visitor
    keys; keys_gone: when last somebody else had removed or changed the file in it; sites: (key, time zone);
    free: bytes of disk, now and then, with the moment."""

    name: str
    pid: int
    version: str
    beat: float
    started: float
    memory: int
    problem: str = ""
    refused: dict[str, int] = field(default_factory=dict)
    day: int = 0
    jobs: list[JobState] = field(default_factory=list)
    children: list[Child] = field(default_factory=list)
    addresses: dict[str, tuple[str, int]] = field(default_factory=dict)
    keys: str = ""
    keys_gone: float = 0.0
    sites: list[tuple[str, str]] = field(default_factory=list)
    free: list[tuple[float, int]] = field(default_factory=list)

    def is_fresh(self, now: float) -> bool:
        return now - self.beat < STALE_S


class HeartbeatFile:
    """The file of one process. tell: fills in what only this process knows."""

    def __init__(
        self,
        settings: Settings,
        name: str,
        tell: Callable[[Heartbeat], None] = lambda _: None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = file_of(settings, name)
        self._name = name
        self._version = described()
        self._tell = tell
        self._clock = clock
        self._started = clock()
        self._due = 0.0
        self._stop = threading.Event()

    def turn(self) -> None:
        """Write the heartbeat, if it is time to."""
        now = self._clock()
        if now < self._due:
            return
        self._due = now + BEAT_S
        heartbeat = Heartbeat(self._name, os.getpid(), self._version, now, self._started, _memory())
        self._tell(heartbeat)
        # One that cannot be written grows old, which says that something is wrong; nothing else may suffer from it.
        with contextlib.suppress(OSError):
            _write(self._path, msgspec.json.encode(heartbeat))

    def start(self) -> None:
        """Write it from a thread of its own until the process ends."""

        def run() -> None:
            while not self._stop.wait(BEAT_S / 2):
                self.turn()

        self.turn()
        threading.Thread(target=run, name="heartbeats", daemon=True).start()

    def stop(self) -> None:
        self._stop.set()


def file_of(settings: Settings, name: str) -> Path:
    """Where the process of that name tells how it is."""
    return ram_directory(settings) / f"{name}.json"


def forget(settings: Settings, names: list[str]) -> None:
    """Processes that were stopped in order leave no sign."""
    directory = ram_directory(settings)
    for name in names:
        with contextlib.suppress(OSError):
            (directory / f"{name}.json").unlink()
    with contextlib.suppress(OSError):
        directory.rmdir()


def heartbeat_before(settings: Settings, name: str) -> Heartbeat | None:
    """What an earlier process of that name has left."""
    try:
        return msgspec.json.decode(file_of(settings, name).read_bytes(), type=Heartbeat)
    except (OSError, msgspec.MsgspecError):
        return None


def read_heartbeats(settings: Settings) -> dict[str, Heartbeat]:
    """Every heartbeat there is, by name; one of another version that cannot be read is none."""
    found = {}
    for path in sorted(ram_directory(settings).glob("*.json")):
        heartbeat = heartbeat_before(settings, path.stem)
        if heartbeat is not None:
            found[heartbeat.name] = heartbeat
    return found


def place_of(settings: Settings) -> str:
    """Which RAM it is: two containers that share a data directory do not see each other's."""
    status = os.stat(ram_directory(settings).parent)
    return f"{status.st_dev}:{status.st_ino}"


def _write(path: Path, content: bytes) -> None:
    try:
        write_atomically(path, content, durable=False)
    except FileNotFoundError:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        write_atomically(path, content, durable=False)


def _memory() -> int:
    try:
        return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1]) * _PAGE
    except (OSError, ValueError, IndexError):
        return 0
