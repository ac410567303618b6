"""The control application behind its UNIX socket, in a thread of the process that holds the store.

In: the engine, the socket's path. Out: answers to commands, until it is stopped. Promises: only the user of this
process reaches it (0600).
"""

from __future__ import annotations

import os
import socket
import threading
from pathlib import Path

import uvicorn

from .app import control_app
from .engine import Engine
from .unix_http import short_path


class ControlServer:
    """Answers commands from its start on."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._path = path
        path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        before = os.umask(0o177)
        with short_path(path) as short:
            listener.bind(short)
        os.umask(before)
        config = uvicorn.Config(control_app(engine), log_config=None, access_log=False, lifespan="off")
        self._server = uvicorn.Server(config)
        threading.Thread(target=self._server.run, args=([listener],), name="control", daemon=True).start()

    def stop(self) -> None:
        """Answer no more."""
        self._server.should_exit = True
        self._path.unlink(missing_ok=True)
