"""A spool file as versions before format 3 wrote it: an SQLite database, whose log has the groups until it is sealed.

In: a header and groups of events. Out: the file, open or closed.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

import msgspec

from pipeline.spool.file import Header
from pipeline.spool.layout import FIELDS
from schema.event import Event

_HEADER = Header("6f0f" * 8, 1, 0, 0, 2)


def begin(path: Path, groups: Sequence[Sequence[Event]], page: int = 1024) -> sqlite3.Connection:
    """The file, open: closing the connection empties the log into it."""
    database = sqlite3.connect(path, isolation_level=None)
    for pragma in (f"page_size={page}", "locking_mode=EXCLUSIVE", "journal_mode=WAL", "wal_autocheckpoint=0"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("BEGIN")
    database.execute("CREATE TABLE header (key TEXT PRIMARY KEY, value)")
    database.execute("CREATE TABLE groups (n INTEGER PRIMARY KEY, kind TEXT, records INTEGER, body BLOB)")
    names = {f"{kind}_fields": msgspec.json.encode(its).decode() for kind, its in FIELDS.items()}
    fields = {"format": 2, **msgspec.structs.asdict(_HEADER), **names}
    database.executemany("INSERT INTO header (key, value) VALUES (?, ?)", fields.items())
    database.execute("COMMIT")
    for group in groups:
        row = ("events", len(group), msgspec.msgpack.encode(group))
        database.execute("INSERT INTO groups (kind, records, body) VALUES (?, ?, ?)", row)
    return database
