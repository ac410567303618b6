"""Ports for servers under test.

Port 0 gives one of those that the system also gives to connections going out: between a server's end and its return on
the same port, a client of any other test may have got it.
"""

from __future__ import annotations

import itertools
import os
import socket

# Below what Linux gives to outgoing connections (net.ipv4.ip_local_port_range begins at 32768).
_PORTS = range(12_000, 32_000)
_NEXT = itertools.count(os.getpid() * 1_009)


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that no connection will get by itself."""
    while True:
        port = _PORTS[next(_NEXT) % len(_PORTS)]
        with socket.socket() as probe:
            # As servers bind: what only lingers from connections of before is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
