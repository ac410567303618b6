"""Opens a data directory that an earlier version left, in a process of its own, and prints what became of it as JSON.

    python -m tests.pipeline.upgraded ARCHIVE DIRECTORY [added]

added: by a version that has one field more, in the middle of an event and of its table.
"""

from __future__ import annotations

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import msgspec

import schema.event
from schema import migrate as migrating
from schema.store import Store

ADDED = "mood"
_AFTER = "path"
OF_BEFORE = "unknown"
SITE = "upgrade.example"


def add_a_field() -> None:
    """What such a version changes: the struct, its default for what was written before, a migration. Called before
    anything reads the struct."""
    fields: list[Any] = []
    for name, kind in schema.event.Event.__annotations__.items():
        fields += [(name, kind), *([(ADDED, str)] if name == _AFTER else [])]
    schema.event.Event = msgspec.defstruct("Event", fields, array_like=True, frozen=True, gc=False)  # type: ignore[misc]
    from pipeline.spool import layout

    layout.LATER["events"][ADDED] = OF_BEFORE  # type: ignore[index]
    files = migrating.migrations()
    column = f"ADD COLUMN {ADDED} LowCardinality(String) AFTER {_AFTER}"
    files["9999_added.sql"] = f"ALTER TABLE {{{{ local('events') }}}}{{{{ on_cluster }}}} {column};\n"
    migrating.migrations = lambda: files


def main(archive: str, data: Path, added: bool) -> None:
    with tarfile.open(archive) as packed:
        packed.extractall(data, filter="data")
    if added:
        add_a_field()
    from pipeline.spool.quarantine import Quarantine
    from pipeline.writer import Writer

    store = Store(f"chdb://{data / 'clickhouse'}")
    applied = migrating.migrate(store)
    quarantine = Quarantine(data / "quarantine")
    writer = Writer(store, data / "spool", quarantine)
    released = store.rows(
        "SELECT toString(day), visitors, pageviews FROM released_cells "
        "WHERE site = {s:String} AND dimension = '' AND grain = 'day'",
        {"s": SITE},
    )
    writer.drain()
    held = [(one.name, one.reason) for one in quarantine.held()]
    replayed = quarantine.replay([name for name, _ in held])
    for _ in range(2):
        writer.drain()
    columns = store.rows(
        "SELECT name FROM system.columns WHERE database = currentDatabase() AND table = 'events' ORDER BY position"
    )
    names = [name for (name,) in columns]
    print(
        json.dumps(
            {
                "applied": applied,
                "released": released,
                "held": held,
                "replayed": replayed,
                "left": [str(path.relative_to(data)) for path in data.glob("*/*/*-*")]
                + [path.name for path in (data / "quarantine").iterdir()],
                "events": [
                    dict(zip(names, row, strict=True))
                    for row in store.rows(
                        "SELECT * REPLACE(toUnixTimestamp(received) AS received, toUInt16(day) AS day) FROM events "
                        "ORDER BY received"
                    )
                ],
                "counts": store.rows(
                    "SELECT site, toUnixTimestamp(minute), reason, sum(count) FROM ingest GROUP BY ALL"
                ),
                "erasures": store.rows("SELECT site, toUnixTimestamp(at), toUInt16(day), visitor FROM erasures"),
            }
        )
    )
    store.close()


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), "added" in sys.argv)
