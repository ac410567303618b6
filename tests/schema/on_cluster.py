"""A cluster of one server within the embedded engine, in a process of its own.

In: `python -m tests.schema.on_cluster DIR PORT`, the port of a ZooKeeper or 0. Out: one JSON line. With ZooKeeper: what
became of every statement of the migrations but ON CLUSTER, which needs servers that listen. Without: tables that are
not replicated, and the product on them.
"""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any

import chdb
from msgspec import structs

from footfall.control.engine import Engine
from footfall.settings import Settings, SiteSettings
from pipeline.imports import Batch
from pipeline.months import sum_months
from pipeline.schedule import Pipeline
from pipeline.settings import RollupSettings, SiteRules
from schema.event import Erasure, Event
from schema.migrate import migrations, statements
from schema.site import Goal, day_number, local_day
from schema.store import Store
from tests.conftest import insert, make_event

CLUSTER = "main"
REPLICATED = re.compile(r"Replicated(\w*MergeTree)\('[^']*', '[^']*'(?:, )?")
SITE = SiteSettings("cluster.example", goals=(Goal("Home", page="/"),))
RULES = SiteRules(2, 30, "balanced")


def opened(directory: Path, port: int) -> Any:
    config = directory.with_suffix(".xml")
    zookeeper = f"<zookeeper><node><host>127.0.0.1</host><port>{port}</port></node></zookeeper>" if port else ""
    config.write_text(
        f"<clickhouse>{zookeeper}<macros><shard>1</shard><replica>one</replica></macros><tcp_port>9000</tcp_port>"
        f"<remote_servers><{CLUSTER}><shard><internal_replication>true</internal_replication><replica><host>127.0.0.1</host>"
        f"<port>9000</port></replica></shard></{CLUSTER}></remote_servers></clickhouse>"
    )
    return chdb.connect(f"{directory}?config-file={config}")


def made() -> list[str]:
    found = [statement for source in migrations().values() for statement in statements(source, CLUSTER)]
    assert all(f" ON CLUSTER '{CLUSTER}'" in statement for statement in found)
    return [statement.replace(f" ON CLUSTER '{CLUSTER}'", "") for statement in found]


def replicated(engine: Any) -> dict[str, Any]:
    """Each statement and the error that it met."""
    failed = []
    for statement in made():
        try:
            engine.query(statement)
        except Exception as problem:
            failed.append((" ".join(statement.split()[:4]), str(problem)[:300]))
    answer = engine.query("SELECT engine, count() FROM system.tables WHERE database = 'default' GROUP BY engine", "CSV")
    engines = dict(line.replace('"', "").split(",") for line in bytes(answer.bytes()).decode().split())
    return {"failed": failed, "engines": {name: int(number) for name, number in engines.items()}}


def product(engine: Any, directory: Path) -> dict[str, Any]:
    """Counts of rows after the pipeline has done everything once."""
    for statement in made():
        engine.query(REPLICATED.sub(r"\1(", statement))
    store = Store(f"chdb://{directory}", CLUSTER)
    now, today = time.time(), local_day("UTC", time.time())
    old = today.date - dt.timedelta(days=3)
    for start, day in ((today.start, today.date), (today.start - 3 * 86_400, old)):
        insert(store, [make_event(SITE.key, start, day, visitor=n, lcp=900.0) for n in range(9)])
    expired = today.date - dt.timedelta(days=9)
    store.command("SYSTEM STOP TTL MERGES events_local")
    insert(store, [make_event(SITE.key, today.start - 9 * 86_400, expired, lifetime=2)])
    for _ in range(2):  # the same token twice
        store.insert("manifest", ("site", "number", "day"), (("twice",), (1,), (expired,)), token="once")
    store.insert("watermarks", ("spool", "received_through"), (("a/worker-0",), (int(now),)))
    erasure = (SITE.key,), (int(now) - 86_400,), (day_number(today.date),), (3,)
    store.insert("erasures", Erasure.__struct_fields__, erasure)
    clock = [today.start + 961.0]
    pipeline = Pipeline(store, [(SITE, RULES)], RollupSettings(), clock=lambda: clock[0])
    pipeline.roll_up()
    insert(store, [make_event(SITE.key, today.start + 901, today.date, visitor=n, lcp=900.0) for n in range(20, 29)])
    clock[0] += 900
    pipeline.rolling.due = 0.0
    pipeline.roll_up()
    clock[0] = now
    pipeline.erase()
    pipeline.close()
    sum_months(store)
    removed = pipeline.expire()
    imports = Engine(Settings(sites=(SITE,)), store)
    day = today.date - dt.timedelta(days=400)
    received = int(dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC).timestamp())
    run = imports.import_begin(SITE.key)
    rows = [list(structs.astuple(make_event(SITE.key, received, day, visitor=n))) for n in range(9)]
    imports.import_add(Batch(run, Event.__struct_fields__, rows))
    imported = imports.import_finish(run, "import")["released"]
    imports.import_undo(run)
    tables = (
        "events",
        "open_cells",
        "next_cells",
        "released_cells",
        "manifest",
        "months_cells",
        "erasures",
        "watermarks",
        "expiries",
    )
    counts = {table: store.rows(f"SELECT count() FROM {table}")[0][0] for table in tables}
    local = {table: store.rows(f"SELECT count() FROM {table}_local")[0][0] for table in tables}
    twice = store.rows("SELECT count() FROM manifest WHERE site = 'twice'")[0][0]
    return {"counts": counts, "local": local, "twice": twice, "removed": removed, "imported": imported}


def main(given: str, port: str) -> None:
    directory = Path(given)
    engine = opened(directory, int(port))
    print(json.dumps(replicated(engine) if int(port) else product(engine, directory)), flush=True)
    os._exit(0)  # to close replicated tables takes the engine minutes


if __name__ == "__main__":
    main(*sys.argv[1:])
