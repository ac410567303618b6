"""The tokens with which a site's own servers send events: made, listed, revoked, and followed while the collector runs.

In: a file of the data directory. Out: the site that a token is for. Promises: of a token only its SHA-256 is stored,
and told apart by that alone; the file is ours to read only and is replaced whole; a revoked token is refused as soon as
the collector looks at the file again, which it does once a second.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from pipeline.spool_file import replace_file

log = structlog.get_logger("collector")

# What a secret scanner, and whoever finds one in a file, knows it by.
PREFIX = "fft_"
_TOKEN_BYTES = 32
_ID_BYTES = 4


class Token(Struct, frozen=True):
    """What is kept of one. name: what its owner calls it. since: Unix seconds."""

    site: str
    name: str
    sha256: str
    since: int


class Tokens:
    """Every token, by its id, in one small file; another process may change it at any time."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._clock = clock
        self._version: tuple[int, int] | None = None
        self._sites: dict[str, str] = {}
        self._problem = ""
        self.refresh()

    # -- for the collector -----------------------------------------------------------------------------------------

    def site_of(self, token: str) -> str:
        """The site it may send events for; "" if none."""
        # Found by its digest: how long that takes tells of a digest, and no digest leads back to a token.
        return self._sites.get(_digest(token), "")

    def refresh(self) -> None:
        """Follow the file. One that is gone or cannot be read leaves no token."""
        problem = ""
        try:
            status = os.stat(self._path)
            version = (status.st_ino, status.st_mtime_ns)
            if version != self._version:
                self._sites = {token.sha256: token.site for token in self.all().values()}
                self._version = version
        except FileNotFoundError:
            self._sites, self._version = {}, None
        except (OSError, msgspec.MsgspecError) as broken:
            self._sites, self._version = {}, None
            problem = type(broken).__name__
        if problem and problem != self._problem:
            log.error("tokens_not_read", kind=problem, file=self._path.name)
        self._problem = problem

    # -- for the commands ------------------------------------------------------------------------------------------

    def create(self, site: str, name: str) -> tuple[str, str]:
        """(id, token) of a new one; the token is told this once."""
        token = PREFIX + secrets.token_urlsafe(_TOKEN_BYTES)
        with self._alone() as known:
            id_ = secrets.token_hex(_ID_BYTES)
            self._write({**known, id_: Token(site, name, _digest(token), int(self._clock()))})
        return id_, token

    def revoke(self, id_: str) -> bool:
        """Whether there was one of that id."""
        with self._alone() as known:
            if id_ not in known:
                return False
            self._write({other: token for other, token in known.items() if other != id_})
            return True

    def all(self) -> dict[str, Token]:
        """By id, as the file says now."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, Token])
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError:
            raise msgspec.DecodeError("is not UTF-8") from None

    @contextlib.contextmanager
    def _alone(self) -> Iterator[dict[str, Token]]:
        """What there is, while no other command changes it: a revoked token must not come back by another's write."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        lock = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield self.all()
        finally:
            os.close(lock)

    def _write(self, tokens: Mapping[str, Token]) -> None:
        # Durable: or a power cut might bring a revoked token back.
        replace_file(self._path, msgspec.json.format(msgspec.json.encode(tokens)))


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The token of a request; "" if it brings none."""
    for name, value in headers:
        if name == b"authorization":
            kind, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if kind.lower() == "bearer" else ""
    return ""


def _digest(token: str) -> str:
    return sha256(token.encode()).hexdigest()
