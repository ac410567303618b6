"""What rows take on disk.

In: a store and the names of tables. Out: rows and bytes.
"""

from __future__ import annotations

from collections.abc import Sequence

from schema.store import Store


def rows_and_bytes(store: Store, tables: Sequence[str]) -> tuple[int, int]:
    """Of all active parts of the tables."""
    rows, size = store.rows(
        "SELECT sum(rows), sum(bytes_on_disk) FROM system.parts "
        "WHERE active AND database = currentDatabase() AND table IN {tables:Array(String)}",
        {"tables": list(tables)},
    )[0]
    return int(rows), int(size)


def merge(store: Store, tables: Sequence[str]) -> None:
    """What the background does by and by."""
    for table in tables:
        store.command(f"OPTIMIZE TABLE {table} FINAL")
