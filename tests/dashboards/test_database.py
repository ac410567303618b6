"""The small databases of people, of links and of what was sent: files of other versions."""

from __future__ import annotations

import hmac
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from dashboards.delivery.outbox import Outbox
from dashboards.sharing.shares import Shares

# A deliveries.sqlite as it was before such files had a version.
_UNVERSIONED = """
    CREATE TABLE secret (value BLOB NOT NULL);
    CREATE TABLE unsubscribed (
        list TEXT NOT NULL, receiver BLOB NOT NULL, at REAL NOT NULL, PRIMARY KEY (list, receiver)
    ) WITHOUT ROWID;
    INSERT INTO secret (value) VALUES (x'00');
"""


@pytest.mark.parametrize("opened", [Shares, Outbox])
def test_a_file_of_a_newer_version_is_not_touched(tmp_path: Path, opened: Callable[[Path], Any]) -> None:
    path = tmp_path / "file.sqlite"
    opened(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("PRAGMA user_version = 99")
    before = path.read_bytes()
    with pytest.raises(sqlite3.DatabaseError, match="written by a newer Footfall"):
        opened(path)
    assert path.read_bytes() == before


def test_who_took_himself_off_before_files_had_a_version_stays_off(tmp_path: Path) -> None:
    path, boss = tmp_path / "deliveries.sqlite", "boss@example.com"
    mark = hmac.digest(b"\0", boss.encode(), "sha256")[:16]
    with closing(sqlite3.connect(path)) as old:
        old.executescript(_UNVERSIONED)
        old.execute("INSERT INTO unsubscribed (list, receiver, at) VALUES ('digest', ?, 0)", (mark,))
        old.commit()
    with closing(Outbox(path)) as box:
        assert not box.wants("digest", boss)
        assert box.take("digest 2031-06-09", boss)
