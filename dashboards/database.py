"""A small database in one file: of people who sign in, of links for others, of what was sent.

In: a path, and what brings a file up to date. Out: a `Database`. Promises: only its owner can read the file; several
processes may have it open; what is deleted is overwritten; a file of an earlier version is brought up to date once,
whole or not at all, and one of a later version is not touched.
"""

from __future__ import annotations

import contextlib
import hashlib
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

# Whoever waits for another process to write waits so long.
_PATIENCE_S = 10


class Database:
    """An open file. migrations: each brings it to the version after its place; never changed, only added to. The first
    takes a file as it was before it had a version."""

    def __init__(self, path: Path, migrations: Sequence[str]) -> None:
        path.touch(mode=0o600, exist_ok=True)
        self._db = sqlite3.connect(path, _PATIENCE_S, isolation_level=None, check_same_thread=False)
        self._lock = threading.Lock()
        self._migrations = migrations
        # What was removed must not stay behind in a page that is free.
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
        if self._version() == len(self._migrations):
            return
        with self.changing() as db:
            version = self._version()  # another process may have been faster
            if version > len(self._migrations):
                raise sqlite3.DatabaseError("it was written by a newer Footfall")
            for statement in ";".join(self._migrations[version:]).split(";"):
                db.execute(statement)
            db.execute(f"PRAGMA user_version = {len(self._migrations)}")

    def _version(self) -> int:
        found: int = self._db.execute("PRAGMA user_version").fetchone()[0]
        return found


def digest_of(token: str) -> bytes:
    """What is kept of a token that nobody can guess."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
