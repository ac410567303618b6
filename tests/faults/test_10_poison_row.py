"""Fault 10: a row that the server, or the client on its behalf, refuses: it alone is quarantined, also over HTTP."""

from __future__ import annotations

import itertools
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import structs

from schema.event import Event
from schema.store import Store, StoreDown
from tests.faults.conftest import Server
from tests.faults.spooled import Spooled, numbered, stored

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

_RUN = secrets.token_hex(4)
_NUMBER = itertools.count(1)
# What the constraint of `picky` refuses: the client sends it, the server says 469.
REFUSED_THERE = {"path": f"/refused/{_RUN}"}


@pytest.fixture
def site() -> str:
    return f"poison-{_RUN}-{next(_NUMBER)}"


@pytest.fixture
def picky(remote: Store) -> Iterator[Store]:
    """A server that refuses a value."""
    remote.command(f"ALTER TABLE events ADD CONSTRAINT no_{_RUN} CHECK path != '{REFUSED_THERE['path']}'")
    yield remote
    remote.command(f"ALTER TABLE events DROP CONSTRAINT no_{_RUN}")


@pytest.mark.parametrize(
    "poison",
    [REFUSED_THERE, {"amount": 2**63}, {"scroll": 256}, {"visitor": "nobody"}, {"props": ["a"]}, {"path": None}],
    ids=lambda poison: f"{next(iter(poison))}",
)
@pytest.mark.parametrize("place", [0, 3, 6])
def test_a_poison_row_is_quarantined_alone_and_its_neighbours_are_stored(
    picky: Store, tmp_path: Path, site: str, poison: dict[str, Any], place: int
) -> None:
    house = Spooled(picky, tmp_path)
    rows = numbered(site, 7)
    rows[place] = structs.replace(rows[place], **poison)
    path = house.seal(rows, chunk_rows=100)
    house.writer.drain()
    assert stored(picky, site) == [i for i in range(7) if i != place]
    (kept,) = house.quarantine.directory.glob("*.event")
    assert Event(**dict(zip(*msgspec.msgpack.decode(kept.read_bytes()).values(), strict=True))) == rows[place]
    assert not path.exists()


def test_a_file_of_poison_only_is_quarantined_whole(picky: Store, tmp_path: Path, site: str) -> None:
    house = Spooled(picky, tmp_path)
    house.seal(numbered(site, 5, **REFUSED_THERE))
    house.writer.drain()
    assert stored(picky, site) == []
    assert len(house.quarantine) == 5


@pytest.mark.parametrize("mode", ["error", "refuse", "reset"])
def test_a_store_that_fails_while_the_poison_is_sought_is_no_reason_for_quarantine(
    picky: Store, server: Server, tmp_path: Path, site: str, mode: str
) -> None:
    house = Spooled(picky, tmp_path)
    rows = numbered(site, 7)
    rows[2] = structs.replace(rows[2], **REFUSED_THERE)
    path = house.seal(rows, chunk_rows=100)
    asked = itertools.count(1)
    insert = house.writer.store.insert

    def failing(*given: Any, **more: Any) -> None:
        if next(asked) == 3:
            server.fail(mode)
        insert(*given, **more)

    picky.insert = failing  # type: ignore[method-assign]
    with pytest.raises(StoreDown):
        house.writer.drain()
    assert len(house.quarantine) == 0
    server.calm()
    assert path.exists()
    house.writer.drain()
    assert stored(picky, site) == [0, 1, 3, 4, 5, 6]
    assert len(house.quarantine) == 1
