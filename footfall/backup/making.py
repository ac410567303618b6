"""What goes into a backup: what is released, its manifest, and who may look at it.

In: settings and an open store. Out: one file. Promises: no raw row, no open day, no visit, nothing that waits for its
block, no spool, no key, no secret of the settings and no session is in it; what is released while it is made is in it
whole or not at all.
"""

from __future__ import annotations

import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import msgspec

from dashboards.accounts.tables import SHORT_LIVED
from pipeline.annotations import all_annotations
from pipeline.copying import Snapshot, months_of, rows_of, snapshot
from pipeline.open_days import open_days
from schema.store import Store

from ..settings import Settings, describe
from ..settings.edit_file import FOLDER as EDITS
from ..supervisor.paths import account_file, delivery_file, former_sites, key_journal, token_file
from ..supervisor.stamp import stamp_of_this
from .archive import FORMAT, Contents, OpenDay, write

ACCOUNTS, TOKENS, JOURNAL, SITES = "accounts.sqlite", "tokens.json", "keys.jsonl", "sites.json"
NOTES, DELIVERIES = "annotations.json", "deliveries.sqlite"


def make(settings: Settings, store: Store, path: Path) -> Contents:
    """Write a backup of the instance into a new file."""
    with snapshot(store) as taken:
        waiting = [OpenDay(one.site, one.day.isoformat()) for one in open_days(store)]
        days = {site: len(entries) for site, entries in taken.days.items()}
        contents = Contents(FORMAT, int(time.time()), stamp_of_this(), days, waiting)
        return write(path, contents, _members(settings, store, taken))


def _members(settings: Settings, store: Store, taken: Snapshot) -> Iterator[tuple[str, bytes]]:
    yield "settings.json", msgspec.json.format(msgspec.json.encode(describe(settings)))
    yield "migrations.json", msgspec.json.encode(store.rows("SELECT name, sha256 FROM migrations ORDER BY name"))
    accounts, deliveries = account_file(settings), delivery_file(settings)
    if accounts.exists():
        yield ACCOUNTS, copied(accounts, without=SHORT_LIVED)
    if deliveries.exists():
        yield DELIVERIES, copied(deliveries)
    files = ((TOKENS, token_file(settings)), (JOURNAL, key_journal(settings)), (SITES, former_sites(settings)))
    for name, path in files:
        if path.exists():
            yield name, path.read_bytes()
    folder = settings.directory / EDITS
    for path in sorted(folder.glob("*.json")) if folder.is_dir() else ():
        yield f"{EDITS}/{path.name}", path.read_bytes()
    if notes := all_annotations(store):
        yield NOTES, msgspec.json.encode(notes)
    for number, (site, entries) in enumerate(taken.entries.items()):
        # A site's key is safe as a name, but a file system's limits are not ours: members go by number.
        yield f"manifest/{number:04}.json", msgspec.json.encode(entries)
        for month, mine in months_of(taken.readable[site]).items():
            for part in rows_of(store, site, month, mine):
                kind = "late" if part.late else "released"
                yield f"{kind}/{number:04}/{month:%Y-%m}/{part.family}.tsv", part.text


def copied(database: Path, without: tuple[str, ...] = ()) -> bytes:
    """A database as a file, some of its tables empty: of accounts sessions and links, so that whoever finds the copy is
    signed in nowhere."""
    with tempfile.TemporaryDirectory(dir=database.parent) as folder:
        copy = Path(folder) / database.name
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
            there = {name for (name,) in target.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
            for table in sorted(there.intersection(without)):
                target.execute(f"DELETE FROM {table}")
            target.commit()
            # What was deleted is still in the file's pages until it is written anew.
            target.execute("PRAGMA journal_mode = DELETE")
            target.execute("VACUUM")
        return copy.read_bytes()


def plain(contents: Contents, path: Path) -> dict[str, Any]:
    """What a command tells of a backup."""
    return {
        "file": str(path),
        "bytes": path.stat().st_size,
        "made_at": contents.made_at,
        "days": contents.days,
        "open_days": [msgspec.to_builtins(day) for day in contents.open_days],
        "members": len(contents.members),
    }
