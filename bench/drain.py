"""Draining: from sealed spool files into the table of raw events, with the real writer.

In: a plan. Out: events a second, processor time of each, bytes of a raw event on disk.
"""

from __future__ import annotations

import os
import tempfile
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

from pipeline.settings import SpoolSettings
from pipeline.spool.file import CHUNK_ROWS, Header, OpenFile, seal
from pipeline.spool.quarantine import Quarantine
from pipeline.writer import Writer
from schema.event import Event
from schema.migrate import migrate
from schema.store import Store

from .disk import merge, rows_and_bytes
from .figures import Figure, median_of
from .machine import processor_s, tell
from .plan import Plan
from .rollup import DAY, EVENTS_A_VISITOR, SITE, generate

PART = "drain"
# Requests of 64 connections that met one commit.
_GROUP = 64
# What a busy worker seals in half a second; and a file that became as long as files do.
_USUAL_FILE = 5_000
_LONG_FILE = SpoolSettings().seal_bytes // 210
# As the spool holds them, where that is not how ClickHouse tells them.
_TOLD = {"received": "toUnixTimestamp(received)", "day": "toUInt16(day)"}

_Item = TypeVar("_Item")


def measure(plan: Plan) -> list[Figure]:
    """Everything about draining, and what raw events take on disk."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        directory = Path(name)
        store = _opened(directory)
        events = _events(store, plan.backlog)
        figures = []
        for what, length in (("usual files", _USUAL_FILE), ("long files", _LONG_FILE)):
            runs = []
            for number in range(plan.rounds):
                tell(f"draining {len(events):,} events, {what}, run {number + 1} of {plan.rounds}")
                store.command("TRUNCATE TABLE events")
                runs.append(_drained(store, directory, events, length))
            note = f"{length:,} events a file"
            figures += [
                median_of(PART, f"{what}: events", [rate for rate, _ in runs], "/s"),
                Figure(PART, f"{what}: processor time", min(us for _, us in runs), "µs/event", note=note),
            ]
        rows, size = rows_and_bytes(store, ["events"])
        merge(store, ["events"])
        _, merged = rows_and_bytes(store, ["events"])
        store.close()
    return [
        *figures,
        Figure("disk", "a raw event, as drained", size / rows, "bytes", note=f"{rows:,} events of one day"),
        Figure("disk", "a raw event, merged", merged / rows, "bytes"),
    ]


def rate(plan: Plan) -> float:
    """Events a second, once, from files of usual length: what growth compares."""
    with tempfile.TemporaryDirectory(prefix="footfall-bench-") as name:
        store = _opened(Path(name))
        events = _events(store, plan.backlog)
        store.command("TRUNCATE TABLE events")
        found, _ = _drained(store, Path(name), events, _USUAL_FILE)
        store.close()
        return found


def _opened(directory: Path) -> Store:
    store = Store(f"chdb://{directory / 'clickhouse'}")
    migrate(store)
    return store


def _events(store: Store, many: int) -> list[tuple[Any, ...]]:
    """Events as they come: those of many visitors, mixed. The same that are rolled up."""
    generate(store, SITE.key, DAY, many // EVENTS_A_VISITOR)
    columns = ", ".join(_TOLD.get(name, name) for name in Event.__struct_fields__)
    return store.rows(f"SELECT {columns} FROM events ORDER BY received, visitor, sequence LIMIT {many}")


def _drained(store: Store, directory: Path, events: Sequence[tuple[Any, ...]], length: int) -> tuple[float, float]:
    """(events a second, microseconds of processor time for each). Nothing but the writer is timed."""
    spools = directory / "spool"
    _fill(spools / "worker-0", events, length)
    writer = Writer(store, spools, Quarantine(directory / "quarantine"))
    used, started = processor_s(os.getpid()), time.monotonic()
    drained = writer.drain()
    took, used = time.monotonic() - started, processor_s(os.getpid()) - used
    stored = store.rows("SELECT count() FROM events")[0][0]
    if not drained == stored == len(events):
        raise SystemExit(f"bench: of {len(events)} events {drained} were drained and {stored} stored")
    return drained / took, used / drained * 1e6


def _fill(spool: Path, events: Sequence[tuple[Any, ...]], length: int) -> None:
    """Sealed files as a worker leaves them."""
    spool.mkdir(parents=True, exist_ok=True)
    created = int(time.time()) - len(events) // length - 1
    for number, of_file in enumerate(_pieces(events, length)):
        path = spool / f"{created + number:010d}-00.open"
        file = OpenFile(path, Header(uuid.uuid4().hex, created + number, 0, 0, CHUNK_ROWS))
        for group in _pieces(of_file, _GROUP):
            file.commit(group, [])  # type: ignore[arg-type]  # an event is stored as the list of its fields
        file.close()
        seal(path)


def _pieces(items: Sequence[_Item], length: int) -> Iterator[list[_Item]]:
    for start in range(0, len(items), length):
        yield list(items[start : start + length])
