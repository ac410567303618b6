"""The one text that names a store: what may be in it, and how it may be shown.

In: `store.dsn` as it is written. Out: the same, or a ValueError with what to write instead; never a password.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

_SERVER = "http(s)://user:password@host:8123/database"
_DATABASE = re.compile(r"/[A-Za-z0-9_.-]{1,100}/?")


def checked(dsn: str) -> str:
    """A DSN that can be one; "" stays. Raises ValueError."""
    if not dsn.strip():
        return ""
    try:
        parts = urlsplit(dsn)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise ValueError(f"has a host or a port (up to 65535) that cannot be: write {_SERVER}") from None
    if parts.scheme == "chdb":
        if parts.netloc or not parts.path.startswith("/") or len(parts.path) < 2:
            raise ValueError("names no directory from the root: write chdb:///directory, with three slashes")
        return dsn
    if parts.scheme not in ("http", "https"):
        said = f"begins with {parts.scheme}://" if parts.scheme and "://" in dsn else "has no scheme"
        raise ValueError(f"{said}: write {_SERVER}, or chdb:///directory")
    if not host:
        raise ValueError(f"names no host: write {_SERVER}")
    if not _DATABASE.fullmatch(parts.path):
        raise ValueError(f"names no database: write {_SERVER}, such as …/footfall at its end")
    return dsn


def name_of(dsn: str) -> str:
    """A store without its password, fit for a message."""
    parts = urlsplit(dsn)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
