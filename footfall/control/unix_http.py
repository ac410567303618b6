"""HTTP over a UNIX socket: how a command reaches the instance that runs.

In: the socket's path, however long. Out: a connection.
"""

from __future__ import annotations

import contextlib
import http.client
import os
import socket
from collections.abc import Iterator
from pathlib import Path

# An import may take its time.
PATIENT_S = 600.0


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a UNIX socket."""

    def __init__(self, path: Path, timeout_s: float = PATIENT_S) -> None:
        super().__init__("localhost", timeout=timeout_s)
        self._unix_path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        with short_path(self._unix_path) as path:
            self.sock.connect(path)


@contextlib.contextmanager
def short_path(path: Path) -> Iterator[str]:
    """The path as a UNIX socket takes it: 107 bytes at most, so a long one is spelled through its directory."""
    if len(os.fsencode(path)) <= 107:
        yield str(path)
        return
    descriptor = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        yield f"/proc/self/fd/{descriptor}/{path.name}"
    finally:
        os.close(descriptor)
