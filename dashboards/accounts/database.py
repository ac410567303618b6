"""The file of the people who sign in: its tables, by version, and how they are changed.

In: a path. Out: a `Database`. Promises: only its owner can read the file; several processes may have it open; what is
deleted is overwritten; a file of an earlier version is brought up to date once, whole or not at all, and one of a later
version is not touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Whoever waits for another process to write waits so long.
_PATIENCE_S = 10
# What may be in no copy: it signs somebody in.
SHORT_LIVED = ("sessions", "links", "invitations", "challenges")

# Each brings the file to the version after its place; never changed, only added to. The first is how the file was
# before it had a version. Numbers of people are used once (AUTOINCREMENT): or the log's of one who is gone would be
# another's.
_MIGRATIONS = (
    """
    CREATE TABLE IF NOT EXISTS users (id INTEGER PRIMARY KEY, name TEXT UNIQUE, password TEXT);
    CREATE TABLE IF NOT EXISTS links (digest BLOB PRIMARY KEY, expires REAL NOT NULL) WITHOUT ROWID;
    CREATE TABLE IF NOT EXISTS sessions (
        digest BLOB PRIMARY KEY, user INTEGER NOT NULL REFERENCES users, expires REAL NOT NULL, by_link INTEGER NOT NULL
    ) WITHOUT ROWID;
    """,
    """
    CREATE TABLE people (
        id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, password TEXT, since INTEGER NOT NULL DEFAULT 0,
        secret TEXT NOT NULL DEFAULT '', proposed TEXT NOT NULL DEFAULT '', step INTEGER NOT NULL DEFAULT 0
    );
    INSERT INTO people (id, name, password) SELECT id, name, password FROM users;
    DROP TABLE users;
    ALTER TABLE people RENAME TO users;
    CREATE TABLE rights (
        user INTEGER NOT NULL, site TEXT NOT NULL, role TEXT NOT NULL, PRIMARY KEY (user, site)
    ) WITHOUT ROWID;
    INSERT INTO rights (user, site, role) SELECT id, '*', 'owner' FROM users;
    ALTER TABLE links ADD COLUMN user INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sessions ADD COLUMN since INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE sessions ADD COLUMN used TEXT NOT NULL DEFAULT '';
    CREATE TABLE invitations (
        digest BLOB PRIMARY KEY, expires REAL NOT NULL, site TEXT NOT NULL, role TEXT NOT NULL, by INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE challenges (
        digest BLOB PRIMARY KEY, user INTEGER NOT NULL, expires REAL NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE recovery (user INTEGER NOT NULL, digest BLOB NOT NULL, PRIMARY KEY (user, digest)) WITHOUT ROWID;
    CREATE TABLE audit (
        at INTEGER NOT NULL, who INTEGER NOT NULL, what TEXT NOT NULL, whom INTEGER NOT NULL, site TEXT NOT NULL,
        role TEXT NOT NULL
    );
    CREATE TABLE token_days (token TEXT PRIMARY KEY, day TEXT NOT NULL) WITHOUT ROWID;
    """,
)


class Database:
    """An open file."""

    def __init__(self, path: Path) -> None:
        path.touch(mode=0o600, exist_ok=True)
        self._db = sqlite3.connect(path, _PATIENCE_S, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        # A name that was removed must not stay behind in a page that is free.
        self._db.execute("PRAGMA secure_delete = ON").fetchall()
        self._migrate()

    def close(self) -> None:
        with self._lock:
            self._db.close()

    def rows(self, sql: str, *parameters: object) -> list[tuple[Any, ...]]:
        """What one statement answers."""
        with self._lock:
            return self._db.execute(sql, parameters).fetchall()

    def remember(self, sql: str, *parameters: object) -> None:
        """One statement that is not worth a refusal: on a full disk people still see their numbers."""
        with contextlib.suppress(sqlite3.OperationalError):
            self.rows(sql, *parameters)

    @contextmanager
    def changing(self) -> Iterator[sqlite3.Connection]:
        """Several statements that all hold or none; nobody else writes meanwhile."""
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                yield self._db
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
            self._db.execute("COMMIT")

    def _migrate(self) -> None:
        if self._version() == len(_MIGRATIONS):
            return
        with self.changing() as db:
            version = self._version()  # another process may have been faster
            if version > len(_MIGRATIONS):
                raise sqlite3.DatabaseError("it was written by a newer Footfall")
            for statement in ";".join(_MIGRATIONS[version:]).split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(_MIGRATIONS)}")

    def _version(self) -> int:
        found: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        return found


def digest_of(token: str) -> bytes:
    """What is kept of a token that nobody can guess."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
