"""Who may see the dashboards: one-time links, passwords, sessions.

Why: the numbers are aggregates, but they are the operator's (privacy.md A4; OWASP Authentication and Session
Management cheat sheets). In: a SQLite file. Out: `User`, and session values for a cookie.
Promises: only digests of tokens and argon2 hashes of passwords are stored; no address is stored or looked at. Failures
are counted by network and name, so that no stranger shuts anybody out; a keyed digest of both is in memory for minutes.
"""

from __future__ import annotations

import hashlib
import secrets
import sqlite3
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from msgspec import Struct

from .failures import Failures, TooManyFailures
from .form_token import token_of

LINK_LIVES_S = 24 * 3600
# Passwords that wait for being looked at: however many networks guess, they get no more than one look after another.
MAX_WAITING = 8
_BUSY_S = 10
MIN_PASSWORD = 10
MAX_PASSWORD = 1024
MAX_NAME = 100

_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, password TEXT);
CREATE TABLE IF NOT EXISTS links (digest BLOB PRIMARY KEY, expires REAL NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS sessions (
    digest BLOB PRIMARY KEY, user INTEGER NOT NULL REFERENCES users, expires REAL NOT NULL, by_link INTEGER NOT NULL
) WITHOUT ROWID;
"""


class AccountRefused(ValueError):
    """A name or password that cannot be taken; the text says why."""


class User(Struct, frozen=True):
    """Somebody who is signed in. by_link: by a one-time link, so that a forgotten password can be replaced.
    form_token: what the forms shown to this session carry."""

    id: int
    name: str
    has_password: bool
    by_link: bool
    form_token: str


class Accounts:
    """All accounts, in one SQLite file that only its owner can read. clock: Unix seconds. hasher: of passwords."""

    def __init__(
        self,
        path: Path,
        session_days: int = 14,
        clock: Callable[[], float] = time.time,
        hasher: PasswordHasher | None = None,
    ) -> None:
        path.touch(mode=0o600, exist_ok=True)
        self._db = sqlite3.connect(path, check_same_thread=False)
        self._db.executescript(_SCHEMA)
        self._lock = threading.Lock()
        self._session_s = session_days * 86400
        self._clock = clock
        self._hasher = hasher or PasswordHasher()
        # argon2 takes 64 MiB a time: one at a time bounds what a flood of attempts can hold.
        self._hashing = threading.Lock()
        self._waiting = threading.BoundedSemaphore(MAX_WAITING)
        self._dummy = ""
        self._failures = Failures(clock)

    def close(self) -> None:
        """Close the file."""
        with self._lock:
            self._db.close()

    def has_users(self) -> bool:
        """Whether anybody can sign in with a password; else it takes a link."""
        return bool(self._rows("SELECT 1 FROM users WHERE password IS NOT NULL LIMIT 1"))

    def create_sign_in_link_token(self) -> str:
        """A token that signs the operator in once, within 24 hours."""
        token = secrets.token_urlsafe(32)
        now = self._clock()
        self._rows("DELETE FROM links WHERE expires <= ?", now)
        self._rows("INSERT INTO links (digest, expires) VALUES (?, ?)", _digest(token), now + LINK_LIVES_S)
        return token

    def redeem(self, token: str) -> str | None:
        """The session that a link's token opens; None if it is unknown, expired or was used."""
        with self._lock, self._db:
            # One statement takes the token, so of two at once only one can have it.
            taken = self._db.execute(
                "DELETE FROM links WHERE digest = ? AND expires > ? RETURNING 1", (_digest(token), self._clock())
            ).fetchall()
            if not taken:
                return None
            found = self._db.execute("SELECT min(id) FROM users").fetchone()[0]
            user = found or self._db.execute("INSERT INTO users (name) VALUES (NULL)").lastrowid
            return self._open_session(user, by_link=True)

    def sign_in(self, name: str, password: str, network: str = "") -> str | None:
        """The session of that name and password; None if they do not match. network: who tries, as far as it is told.
        Raises TooManyFailures."""
        if not self._waiting.acquire(blocking=False):
            raise TooManyFailures(_BUSY_S)
        try:
            return self._sign_in(name, password, network)
        finally:
            self._waiting.release()

    def _sign_in(self, name: str, password: str, network: str) -> str | None:
        # The attempt counts from its start: many at once must not all pass before the first has failed.
        attempt = self._failures.begin(name, f"network {network}")
        dummy = self._hash_of_nobody()
        rows = self._rows("SELECT id, password FROM users WHERE name = ? AND password IS NOT NULL", name)
        user, stored = rows[0] if rows else (0, dummy)
        if not self._verify(stored, password) or not rows:
            return None
        self._failures.forgive(attempt)
        with self._lock, self._db:
            return self._open_session(user, by_link=False)

    def session(self, cookie: str | None) -> User | None:
        """Who the cookie's session belongs to."""
        if not cookie:
            return None
        rows = self._rows(
            "SELECT id, coalesce(name, ''), password IS NOT NULL, by_link FROM sessions JOIN users ON id = user "
            "WHERE digest = ? AND expires > ?",
            _digest(cookie),
            self._clock(),
        )
        if not rows:
            return None
        return User(rows[0][0], rows[0][1], bool(rows[0][2]), bool(rows[0][3]), token_of(cookie))

    def set_password(self, session: str, name: str, password: str, current: str = "") -> None:
        """Give the session's user a name and a password, and end the user's other sessions.

        current: the password until now, if there is one. A session by link may replace it once without."""
        user = self.session(session)
        if user is None:
            raise AccountRefused("the session has ended: sign in again")
        name = name.strip()
        if not 1 <= len(name) <= MAX_NAME or not name.isprintable():
            raise AccountRefused(f"the name must have 1 to {MAX_NAME} printable characters")
        if not MIN_PASSWORD <= len(password) <= MAX_PASSWORD:
            raise AccountRefused(f"the password must have {MIN_PASSWORD} to {MAX_PASSWORD} characters")
        if user.has_password and not user.by_link:
            # Whoever is signed in is not shut out by others either.
            attempt = self._failures.begin(user.name, f"user {user.id}")
            if not self._verify(self._rows("SELECT password FROM users WHERE id = ?", user.id)[0][0], current):
                raise AccountRefused("the current password is not right")
            self._failures.forgive(attempt)
        with self._hashing:
            hashed = self._hasher.hash(password)
        with self._lock:
            try:
                with self._db:
                    self._db.execute("UPDATE users SET name = ?, password = ? WHERE id = ?", (name, hashed, user.id))
                    self._db.execute("DELETE FROM sessions WHERE user = ? AND digest != ?", (user.id, _digest(session)))
                    self._db.execute("UPDATE sessions SET by_link = 0 WHERE user = ?", (user.id,))
            except sqlite3.IntegrityError:
                raise AccountRefused(f"the name {name!r} is taken") from None

    def sign_out(self, cookie: str | None) -> None:
        """End the cookie's session."""
        self._rows("DELETE FROM sessions WHERE digest = ?", _digest(cookie or ""))

    def _open_session(self, user: int | None, by_link: bool) -> str:
        token = secrets.token_urlsafe(32)
        now = self._clock()
        self._db.execute("DELETE FROM sessions WHERE expires <= ?", (now,))
        self._db.execute(
            "INSERT INTO sessions (digest, user, expires, by_link) VALUES (?, ?, ?, ?)",
            (_digest(token), user, now + self._session_s, by_link),
        )
        return token

    def _hash_of_nobody(self) -> str:
        """Verified for unknown names, so that an answer takes as long whether or not the name exists. Made for the
        first attempt, whomever it names: commands open the accounts, and see no password."""
        with self._hashing:
            self._dummy = self._dummy or self._hasher.hash(secrets.token_urlsafe())
        return self._dummy

    def _verify(self, stored: str, password: str) -> bool:
        with self._hashing:
            try:
                return self._hasher.verify(stored, password[:MAX_PASSWORD])
            except (VerificationError, InvalidHashError):
                return False

    def _rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        with self._lock, self._db:
            return self._db.execute(sql, parameters).fetchall()


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
