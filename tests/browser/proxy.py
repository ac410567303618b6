"""A real nginx (Debian: apt-get install nginx-light) in front of a house, with the `server` blocks of a test."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from tests.house import eventually

NGINX = "/usr/sbin/nginx"
_CONFIG = """
daemon off; user root; worker_processes 1; pid {room}/pid; error_log {room}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {room}/body; proxy_temp_path {room}/proxy; fastcgi_temp_path {room}/fastcgi;
    uwsgi_temp_path {room}/uwsgi; scgi_temp_path {room}/scgi;
    {servers}
}}
"""


@contextlib.contextmanager
def nginx(room: Path, servers: str, *ports: int) -> Iterator[None]:
    """It runs in that directory, and answers on those ports."""
    (room / "nginx.conf").write_text(_CONFIG.format(room=room, servers=servers))
    with subprocess.Popen([NGINX, "-p", str(room), "-c", str(room / "nginx.conf")], stderr=subprocess.DEVNULL) as proxy:
        try:
            eventually(lambda: all(_listens(port) for port in ports))
            yield
        finally:
            proxy.terminate()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
