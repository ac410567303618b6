"""What the baseline makes and what the files before it make, side by side in one engine, as a server and as a cluster.

In: `python -m tests.schema.squashed DIR`. Out: one JSON line: by form, of both the tables with all that makes them.
"""

from __future__ import annotations

import json
import os
import re
import sys
from pathlib import Path
from typing import Any

from schema.migrate import before, migrations, statements
from tests.schema.on_cluster import CLUSTER, REPLICATED, opened

_ON_CLUSTER = f" ON CLUSTER '{CLUSTER}'"
_TABLES = """SELECT name, engine, engine_full, partition_key, sorting_key, primary_key FROM system.tables
    WHERE database = currentDatabase() ORDER BY name"""
_COLUMNS = """SELECT table, name, type, default_kind, default_expression, compression_codec, comment FROM system.columns
    WHERE database = currentDatabase() ORDER BY table, position"""


def made(engine: Any, database: str, files: list[str], cluster: str) -> list[list[str]]:
    engine.query(f"CREATE DATABASE {database}")
    engine.query(f"USE {database}")
    for source in files:
        for statement in statements(source, cluster):
            # ON CLUSTER and replication need servers that listen.
            assert (_ON_CLUSTER in statement) is bool(cluster)
            engine.query(REPLICATED.sub(r"\1(", statement.replace(_ON_CLUSTER, "")))
    found = [
        [*row.values()]
        for query in (_TABLES, _COLUMNS)
        for row in map(json.loads, bytes(engine.query(query, "JSONEachRow").bytes()).decode().splitlines())
    ]
    # A distributed table names the database that it is in.
    return [[re.sub(rf"\b{database}\b", "", str(part)) for part in row] for row in found]


def main(directory: str) -> None:
    engine = opened(Path(directory), 0)
    baseline = min(migrations())
    print(
        json.dumps(
            {
                form: [
                    made(engine, f"steps_{form}", list(before().values()), cluster),
                    made(engine, f"whole_{form}", [migrations()[baseline]], cluster),
                ]
                for form, cluster in (("server", ""), ("cluster", CLUSTER))
            }
        ),
        flush=True,
    )
    os._exit(0)


if __name__ == "__main__":
    main(sys.argv[1])
