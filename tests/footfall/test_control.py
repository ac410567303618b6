"""What a command tells the running house: by name, because the two may be of different versions for a while."""

from __future__ import annotations

import asyncio
import datetime as dt
import errno
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from msgspec import structs

from footfall.control.app import control_app
from footfall.control.engine import Engine
from footfall.control.instance import CALLS
from footfall.plan.window import text_of
from footfall.settings import SiteSettings, load
from schema.event import Event
from schema.store import Store
from tests.conftest import insert, make_event

pytestmark = pytest.mark.clickhouse

SITE = SiteSettings("control.example")
DAY = dt.date(2024, 3, 1)
EVENT = make_event(SITE.key, 1_709_290_000, DAY, path="/prices", query="a=b", utm_term="shoe", region="DE-BY")


class Control:
    """The house, asked as another process does. run: an import that has begun."""

    def __init__(self, store: Store, *sets: str) -> None:
        self._app = control_app(Engine(load(sets=("release.k=1", *sets), environment={}), store))
        self._store = store
        self.run = self.ask("import_begin", SITE.key)[1]

    def ask(self, what: str, *arguments: Any) -> tuple[int, Any]:
        async def post() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://control") as client:
                return await client.post(f"/{what}", content=msgspec.msgpack.encode(arguments))

        answer = asyncio.run(post())
        return answer.status_code, answer.json() if answer.status_code == 200 else answer.text

    def stored(self) -> list[tuple[Any, ...]]:
        return self._store.rows(f"SELECT site, path, query, utm_term, region FROM import_{self.run}")


@pytest.fixture
def control(store: Store) -> Iterator[Control]:
    made = Control(store)
    yield made
    made.ask("import_abandon", made.run)


def test_events_of_an_import_find_their_columns_by_name(control: Control) -> None:
    names = [*reversed(Event.__struct_fields__)]
    row = [structs.asdict(EVENT)[name] for name in names]
    assert control.ask("import_add", {"run": control.run, "fields": names, "rows": [row]}) == (200, None)
    assert control.stored() == [(SITE.key, "/prices", "a=b", "shoe", "DE-BY")]


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda batch: batch | {"fields": [*batch["fields"][:-1], "mood"]}, "mood"),
        (lambda batch: batch | {"fields": batch["fields"][1:]}, "site"),
        (lambda batch: [batch["run"], batch["rows"]], "object"),
    ],
    ids=["a field more", "a field less", "without names"],
)
def test_events_of_another_version_are_refused_with_what_to_do(control: Control, change: Any, named: str) -> None:
    batch = {"run": control.run, "fields": Event.__struct_fields__, "rows": [structs.astuple(EVENT)]}
    status, told = control.ask("import_add", change(batch))
    assert status == 400
    assert named in told
    assert "use the command of the version that is running" in told
    assert "shoe" not in told
    assert control.stored() == []


@pytest.mark.parametrize(
    ("what", "arguments"),
    [
        ("import_preview", ()),
        ("import_preview", ("a", "b")),
        ("site_rows", ("a", "cells", False, 7)),
        ("import_add", ("a",)),
    ],
)
def test_a_call_with_other_arguments_is_refused_with_what_to_do(
    control: Control, what: str, arguments: tuple[Any, ...]
) -> None:
    status, told = control.ask(what, *arguments)
    assert status == 400
    assert "use the command of the version that is running" in told


@pytest.mark.parametrize("what", ["store", "follow", "_run", "__class__", "shutdown"])
def test_only_calls_of_an_instance_can_be_called(control: Control, what: str) -> None:
    status, told = control.ask(what)
    assert (status, told) == (400, f"{what!r} is nothing this version does")


@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (
            OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/backups/b"),
            "/backups/b: No space left on device; make room",
        ),
        (OSError(errno.EIO, os.strerror(errno.EIO)), "OSError: Input/output error"),
        (sqlite3.OperationalError("database or disk is full"), "database or disk is full"),
    ],
)
def test_a_disk_that_is_full_or_fails_is_told_in_the_words_of_the_system(
    control: Control, monkeypatch: pytest.MonkeyPatch, problem: Exception, told: str
) -> None:
    def make(*_: object) -> None:
        raise problem

    monkeypatch.setattr("footfall.control.engine.make", make)
    status, text = control.ask("backup", "/backups/b")
    assert status == 503
    assert told in text


def test_a_database_that_is_none_is_told_by_a_backup_of_it(store: Store, tmp_path: Path) -> None:
    (tmp_path / "accounts.sqlite").write_bytes(b"nothing of the kind" * 500)
    made = Control(store, f"data={tmp_path}")
    status, text = made.ask("backup", str(tmp_path / "b"))
    assert (status, (tmp_path / "b").exists()) == (503, False)
    assert "file is not a database" in text
    made.ask("import_abandon", made.run)


def test_an_answer_comes_as_what_the_call_gives(control: Control) -> None:
    for what in ("settings", "health", "sites", "spools", "import_runs", "status"):
        status, answer = control.ask(what)
        assert status == 200
        assert msgspec.convert(answer, CALLS[what].gives) is not None


def test_raw_rows_for_a_plan_come_whole_and_under_another_name(control: Control, store: Store) -> None:
    other = make_event("window.example", 2_400_000_000, dt.date(2046, 1, 20), path="/a\tb\\c\nd", props={"plan": "ä"})
    insert(store, [other])
    status, answer = control.ask("plan_rows", other.site, "named.invalid", "events", "2046-01-20", 0, 1)
    text = msgspec.convert(answer, CALLS["plan_rows"].gives)
    assert (status, text) == (200, text_of(store, other.site, "named.invalid", "events", dt.date(2046, 1, 20), (0, 1)))
    assert text.startswith(b"named.invalid\t2046-01-19")
    assert b"/a\\tb\\\\c\\nd" in text
    assert other.site.encode() not in text
    assert control.ask("plan_rows", other.site, "x", "accounts", "2046-01-20", 0, 1)[0] == 400
