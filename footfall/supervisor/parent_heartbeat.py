"""What the parent of the processes tells: who its children are, where they listen, where the keys are.

In: the parent's own knowledge, every second. Out: its heartbeat.
"""

from __future__ import annotations

import shutil
import socket
import time
from collections.abc import Sequence

from collector.keys.keeper import KeyDirectory

from ..settings import Settings
from .heartbeat import Child, Heartbeat, HeartbeatFile, forget
from .paths import key_directory

_DISK_EVERY_S = 600.0
_REMEMBERED = 6 * 24


def parent_of(part: str) -> str:
    """The name of a part's parent among the heartbeats."""
    return f"{part}-parent"


class ParentHeartbeat:
    """The heartbeat of `up`, or of a part alone. keeper: who makes or fetches the keys, if this part does."""

    def __init__(self, settings: Settings, part: str, keeper: KeyDirectory | None) -> None:
        self._settings = settings
        self._keeper = keeper
        self._children: list[Child] = []
        self._addresses: dict[str, tuple[str, int]] = {}
        self._free: list[tuple[float, int]] = []
        self._disturbed = 0
        self._keys_gone = 0.0
        self._name = parent_of(part)
        self._file = HeartbeatFile(settings, self._name, self._tell)

    def watch(self, role: str, sockets: Sequence[socket.socket]) -> None:
        """A child of that role serves plain HTTP on these."""
        for sock in sockets:
            # Of one process of several parts the pages are what listens.
            self._addresses["dashboards" if role == "engine" else role] = sock.getsockname()[:2]

    def turn(self, children: list[Child]) -> None:
        """Called every second."""
        self._children = children
        if self._keeper is not None and self._keeper.disturbed != self._disturbed:
            self._disturbed, self._keys_gone = self._keeper.disturbed, time.monotonic()
        self._file.turn()

    def forget(self, children: list[Child]) -> None:
        """They were stopped in order, and so is their parent."""
        forget(self._settings, [self._name, *(child.name for child in children)])

    def _tell(self, heartbeat: Heartbeat) -> None:
        self._measure(heartbeat.beat)
        heartbeat.children, heartbeat.addresses, heartbeat.free = self._children, self._addresses, self._free
        if self._keeper is not None:
            heartbeat.keys, heartbeat.keys_gone = str(key_directory(self._settings)), self._keys_gone
            heartbeat.sites = [(site.key, site.timezone) for site in self._settings.all_sites]

    def _measure(self, now: float) -> None:
        if self._free and now - self._free[-1][0] < _DISK_EVERY_S:
            return
        try:
            free = shutil.disk_usage(self._settings.directory).free
        except OSError:
            return
        self._free = [*self._free[-_REMEMBERED:], (now, free)]
