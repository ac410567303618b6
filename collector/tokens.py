"""Secret tokens of which only digests are stored: made, listed, revoked, and followed while a process runs.

In: a small file of the data directory, by name a record with a token's digest. Out: whose a token is. Promises: of a
token only its SHA-256 is stored; it is compared in constant time; the file is its owner's to read only and is replaced
whole; a revoked token is refused as soon as the file is looked at again.
"""

from __future__ import annotations

import contextlib
import hmac
import os
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from hashlib import sha256
from pathlib import Path
from typing import Generic, Protocol, TypeVar

import msgspec
import structlog
from msgspec import Struct

from schema.atomic_file import exclusively, write_atomically

log = structlog.get_logger("collector")

# What a secret scanner, and whoever finds one in a file, knows a site's token by.
PREFIX = "fft_"
# And one that reads.
READING_PREFIX = "ffr_"
TOKEN_BYTES = 32
_ID_BYTES = 4


class Hashed(Protocol):
    """A record of one token. sha256: its digest in hexadecimal digits."""

    @property
    def sha256(self) -> str: ...


T = TypeVar("T", bound=Hashed)


class TokenStore(Generic[T]):
    """Every record, by its name, in one file; another process may change it at any time. kind: what a record is."""

    def __init__(self, path: Path, kind: type[T], clock: Callable[[], float] = time.time) -> None:
        self._path = path
        self._kind = kind
        self._clock = clock
        self._version: tuple[int, int] | None = None
        self._known: dict[str, T] = {}
        self._problem = ""
        self.refresh()

    def refresh(self) -> None:
        """Follow the file. One that is gone or cannot be read leaves no token."""
        problem = ""
        try:
            status = os.stat(self._path)
            version = (status.st_ino, status.st_mtime_ns)
            if version != self._version:
                self._known, self._version = self.all(), version
        except FileNotFoundError:
            self._known, self._version = {}, None
        except (OSError, msgspec.MsgspecError) as broken:
            self._known, self._version = {}, None
            problem = type(broken).__name__
        if problem and problem != self._problem:
            log.error("tokens_not_read", kind=problem, file=self._path.name)
        self._problem = problem

    def whose(self, token: str) -> str:
        """The name of its record, as the file was when it was looked at last; "" if it has none."""
        found = self.found(token)
        return found[0] if found else ""

    def found(self, token: str) -> tuple[str, T] | None:
        """Its record, with the name of it."""
        digest, found = digest_of(token), None
        for name, record in self._known.items():  # to the end, also once found
            if hmac.compare_digest(digest, record.sha256):
                found = name, record
        return found

    def all(self) -> dict[str, T]:
        """By name, as the file says now. Raises OSError, MsgspecError."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=dict[str, self._kind])  # type: ignore[name-defined]
        except FileNotFoundError:
            return {}
        except UnicodeDecodeError:
            raise msgspec.DecodeError("is not UTF-8") from None

    @contextlib.contextmanager
    def changing(self) -> Iterator[dict[str, T]]:
        """What there is, to be changed in place; written at the end. Meanwhile nobody else changes it: a revoked token
        must not come back by another's write."""
        with exclusively(self._path):
            known = self.all()
            before = dict(known)
            yield known
            if known != before:
                # Durable: or a power cut might bring a revoked token back.
                write_atomically(self._path, msgspec.json.format(msgspec.json.encode(known)))

    def revoke(self, name: str) -> bool:
        """Whether there was one of that name."""
        with self.changing() as known:
            return known.pop(name, None) is not None


class Token(Struct, frozen=True, omit_defaults=True):
    """What is kept of a token. site: of which it may send events; "" of none. name: what its owner calls it. since:
    Unix seconds. reads: the site whose numbers it may read, EVERY_SITE all of them, "" none. expires: Unix seconds, 0
    never. per_hour: how many questions an hour. maker: the number of the person it is for, and it reads no more than
    he may; 0 where it is for nobody. One that reads has no `site`, so that it sends nothing, to whatever version of
    Footfall it is shown."""

    site: str
    name: str
    sha256: str
    since: int
    reads: str = ""
    expires: int = 0
    per_hour: int = 0
    maker: int = 0

    def is_of(self, site: str) -> bool:
        """Whether it is that site's and no other's."""
        return site in (self.site, self.reads)

    def has_expired(self, now: float) -> bool:
        return bool(self.expires) and self.expires <= now


# In place of a site's key, which no key can be.
EVERY_SITE = "*"


class Tokens(TokenStore[Token]):
    """The tokens of sites, each by an id: with some their own servers send events, with others programs read."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        super().__init__(path, Token, clock)

    def site_of(self, token: str) -> str:
        """The site it may send events for; "" if none."""
        found = self.found(token)
        return found[1].site if found else ""

    def reader_of(self, token: str) -> tuple[str, Token] | None:
        """Its record with the id of it, where it may read."""
        found = self.found(token)
        return found if found and found[1].reads and not found[1].has_expired(self._clock()) else None

    def create(self, site: str, name: str) -> tuple[str, str]:
        """(id, token) of a new one that sends; the token is shown this once."""
        return self._create(PREFIX, lambda sha256, now: Token(site, name, sha256, now))

    def create_reading(self, reads: str, name: str, lasts_s: int, per_hour: int, maker: int = 0) -> tuple[str, str]:
        """The same of one that reads. lasts_s: how long, 0 for ever."""
        return self._create(
            READING_PREFIX,
            lambda sha256, now: Token("", name, sha256, now, reads, now + lasts_s if lasts_s else 0, per_hour, maker),
        )

    def _create(self, prefix: str, make: Callable[[str, int], Token]) -> tuple[str, str]:
        token = prefix + secrets.token_urlsafe(TOKEN_BYTES)
        id_ = secrets.token_hex(_ID_BYTES)
        with self.changing() as known:
            known[id_] = make(digest_of(token), int(self._clock()))
        return id_, token


def bearer(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The token of a request; "" if it brings none."""
    for name, value in headers:
        if name == b"authorization":
            kind, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if kind.lower() == "bearer" else ""
    return ""


def digest_of(token: str) -> str:
    """What is stored of a token."""
    return sha256(token.encode("utf-8", "surrogateescape")).hexdigest()
