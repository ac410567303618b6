"""What every test may use: one real embedded ClickHouse per process, and a way to write events into it."""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# Although nothing here uses it: pytest's plugin of it imports it at the end of a run that did not need it, and once
# `Reports.warm_up` has frozen what was loaded, it takes trio's source of randomness for garbage and warns.
import hypothesis  # noqa: F401
import pytest
from msgspec import structs

from pipeline.writer import COLUMNS
from schema.event import NO_SCROLL, NOT_MEASURED, PAGEVIEW, Event
from schema.migrate import migrate
from schema.site import day_number
from schema.store import Store

_SEQUENCE = itertools.count(1)


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """The embedded engine, migrated. It opens once per process, so tests keep apart by their site keys."""
    opened = Store(f"chdb://{tmp_path_factory.mktemp('clickhouse')}")
    migrate(opened)
    yield opened
    opened.close()


def make_event(site: str, received: int, day: dt.date, **given: Any) -> Event:
    """An event with nothing special about it but what is given."""
    plain = {name: "" for name, kind in Event.__annotations__.items() if kind == "str"}
    plain |= dict.fromkeys(("lcp", "inp", "cls", "fcp", "ttfb"), NOT_MEASURED)
    plain |= {"id": 0, "visitor": 1, "interactive": True, "props": {}, "amount": 0, "engaged_ms": 0}
    plain |= {"scroll": NO_SCROLL, "lifetime": 30, "name": PAGEVIEW, "path": "/", "hostname": "example.com"}
    return Event(**(plain | {"site": site, "received": received, "day": day_number(day)} | given))  # type: ignore[arg-type]


def insert(store: Store, events: Sequence[Event], table: str = "events") -> None:
    """Write events as the writer does, in the order given."""
    rows = [[*structs.astuple(event), next(_SEQUENCE)] for event in events]
    store.insert(table, COLUMNS, [list(column) for column in zip(*rows, strict=True)])


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """An empty data directory."""
    return tmp_path / "data"
