"""A store's clients: who has one, and when another one is opened."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from schema.store import Store

pytestmark = pytest.mark.clickhouse


@pytest.fixture
def opened(store: Store) -> Store:
    """Of the same engine, so that it is opened no second time."""
    return Store(store.dsn)


def test_threads_that_ask_in_turn_share_a_client(opened: Store) -> None:
    for number in range(5):
        with ThreadPoolExecutor(1) as other:
            assert other.submit(opened.rows, "SELECT {n:UInt8}", {"n": number}).result() == [(number,)]
    assert len(opened._opened) == 1
    opened.close()


def test_who_asks_meanwhile_has_another_and_a_statement_that_fails_gives_it_back(opened: Store) -> None:
    together = threading.Barrier(3)

    def ask() -> int:
        with opened._client() as client:
            together.wait(30)
            return id(client)

    with ThreadPoolExecutor(3) as three:
        assert len({asked.result() for asked in [three.submit(ask) for _ in range(3)]}) == 3
    with pytest.raises(ZeroDivisionError):
        opened._run(lambda _: 1 / 0)
    assert len(opened._free) == len(opened._opened) == 3
    opened.open_clients(4)
    assert len(opened._free) == len(opened._opened) == 4
    opened.close()


def test_what_was_closed_meanwhile_is_asked_no_more(opened: Store) -> None:
    with opened._client():
        opened.close()
    assert opened._free == []
    assert opened.rows("SELECT 1") == [(1,)], "it is opened again"
    opened.close()


def test_of_a_server_no_client_has_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    """Or what one thread waits for no more would be in the way of another one's statement (SESSION_IS_LOCKED)."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr("clickhouse_connect.get_client", lambda **options: asked.append(options))
    for patience in (0.0, 3.0):
        Store("http://store.example:8123", patience_s=patience)
    assert [one["autogenerate_session_id"] for one in asked] == [False, False]
