"""Listening sockets, and the addresses at which they are reached.

In: an address out of the settings and a port. Out: a socket; its URL. Promises: what is in the way is told by the name
of the setting; `::` takes IPv4, too.
"""

from __future__ import annotations

import contextlib
import errno
import socket

from schema.host import in_url

from ..errors import CannotStart
from ..settings import Settings

_EVERYWHERE = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def listen(host: str, port: int, name: str) -> socket.socket:
    """A listening socket. name: the part whose `host` and `port` they are. Raises CannotStart naming the setting."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        # A name that means both, such as localhost, is IPv4 as ever.
        family, *_, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as problem:
        raise _cannot(host, port, name, problem) from None
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        if family == socket.AF_INET6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        sock.bind(address)
    except OSError as problem:
        sock.close()
        raise _cannot(host, port, name, problem) from None
    sock.listen(1024)
    return sock


def url_of(sock: socket.socket) -> str:
    """The URL of what listens there, for a person on this machine."""
    return url_at(*sock.getsockname()[:2])


def url_at(host: str, port: int) -> str:
    """The URL of what listens on that address."""
    here = host in ("127.0.0.1", "::1") or host in _EVERYWHERE
    return f"http://{'localhost' if here else in_url(host)}:{port}"


def public_url(named: str, here: str) -> str:
    """The URL by which browsers reach a part: the one that settings name, or else that of its socket."""
    return named.rstrip("/") or here


def dashboards_url(settings: Settings) -> str:
    """Where people reach the dashboards, as links in mails and in what commands print have it."""
    mine = settings.dashboards
    return public_url(mine.public_url, url_at(mine.host, mine.port))


def reached_at(host: str) -> str:
    """The address at which this machine reaches what listens on that one."""
    return _EVERYWHERE.get(host, host)


def answers(sock: socket.socket) -> bool:
    """Whether what listens there says that it is well."""
    host, port = sock.getsockname()[:2]
    with contextlib.suppress(OSError), socket.create_connection((reached_at(host), port), timeout=0.5) as connection:
        connection.settimeout(0.5)
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
        return connection.recv(64).startswith(b"HTTP/1.1 200")
    return False


def _cannot(host: str, port: int, name: str, problem: OSError) -> CannotStart:
    where = f"cannot listen on {in_url(host)}:{port}: {problem.strerror}"
    if problem.errno in (errno.EADDRINUSE, errno.EACCES):
        return CannotStart(f"{name}.port = {port}: {where}; choose another port")
    remedy = "name an address of this machine, or 0.0.0.0 or :: for all of them"
    return CannotStart(f"{name}.host = {host!r}: {where}; {remedy}")
