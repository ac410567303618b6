"""Fault 9: the server stores, then resets the connection, or dies between insert and delete: no duplicate, no loss."""

from __future__ import annotations

import itertools
import secrets
import shutil
from pathlib import Path
from typing import Any

import pytest

from pipeline.writer import Writer
from schema.event import Count, Erasure
from schema.store import Store, StoreDown
from tests.faults.conftest import Server
from tests.faults.spooled import DAY, NOON, Spooled, numbered, stored

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

_RUN = secrets.token_hex(4)
_NUMBER = itertools.count(1)
TABLES = ("events", "ingest", "erasures")


@pytest.fixture
def site() -> str:
    return f"reset-{_RUN}-{next(_NUMBER)}"


@pytest.fixture
def house(remote: Store, tmp_path: Path) -> Spooled:
    return Spooled(remote, tmp_path)


def seal(house: Spooled, site: str) -> Path:
    """8 events in 3 chunks, a count, an erasure: 5 inserts."""
    day = (DAY - DAY.replace(year=1970, month=1, day=1)).days
    return house.seal(numbered(site, 8), [Count(site, NOON, "accepted", 8)], [Erasure(site, NOON, day, 3)])


def everything(store: Store, site: str) -> tuple[Any, ...]:
    bound = {"s": site}
    counted = store.rows("SELECT sum(count) FROM ingest WHERE site = {s:String}", bound)[0][0]
    asked = store.rows("SELECT count() FROM erasures WHERE site = {s:String}", bound)[0][0]
    return stored(store, site), counted, asked


WHOLE = (list(range(8)), 8, 1)


@pytest.mark.parametrize("table", TABLES)
def test_an_insert_that_the_client_sends_again_by_itself_is_stored_once(
    remote: Store, server: Server, house: Spooled, site: str, table: str
) -> None:
    seal(house, site)
    server.fail("reset", only=f"INTO {table} (", times=1)
    assert house.writer.drain() == 8
    assert server.calm() == 1
    assert everything(remote, site) == WHOLE


@pytest.mark.parametrize("table", TABLES)
def test_an_insert_that_is_never_answered_is_stored_once_when_it_is_tried_later(
    remote: Store, server: Server, house: Spooled, site: str, table: str
) -> None:
    path = seal(house, site)
    server.fail("reset", only=f"INTO {table} (")
    for _ in range(2):
        with pytest.raises(StoreDown):
            house.writer.drain()
        assert path.exists()
    assert server.calm() == 4  # each time the client tried twice
    assert house.writer.drain() == 8
    assert not path.exists()
    assert everything(remote, site) == WHOLE


@pytest.mark.parametrize("mode", ["error", "reset"])
@pytest.mark.parametrize("hit", range(1, 6))
def test_whichever_insert_is_hit_the_file_is_stored_whole_and_once(
    remote: Store, server: Server, house: Spooled, site: str, mode: str, hit: int
) -> None:
    path = seal(house, site)
    inserts = itertools.count(1)
    store = remote.insert

    def insert(table: str, *given: Any, **more: Any) -> None:
        if next(inserts) == hit:
            server.fail(mode)
        store(table, *given, **more)

    house.writer.store = _With(insert)  # type: ignore[assignment]
    with pytest.raises(StoreDown):
        house.writer.drain()
    server.calm()
    assert path.exists()
    assert house.writer.drain() == 8
    assert everything(remote, site) == WHOLE


def test_a_file_that_was_stored_but_not_deleted_is_stored_once(
    remote: Store, house: Spooled, site: str, tmp_path: Path
) -> None:
    path = seal(house, site)
    copy = shutil.copy(path, tmp_path / "copy")
    for _ in range(3):
        shutil.copy(copy, path)
        Writer(remote, house.spool.parent, house.quarantine).drain()
    assert everything(remote, site) == WHOLE


class _With:
    """The store with another insert."""

    def __init__(self, insert: Any) -> None:
        self.insert = insert
