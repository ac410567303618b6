"""A ClickHouse server gives the same rows as the embedded engine: migrations, writer, rollup, release, reports."""

from __future__ import annotations

import datetime as dt
import itertools
import secrets
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from dashboards.stats.query import Query
from dashboards.stats.report import Reports
from pipeline.release import release
from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from schema.event import NO_SCROLL, Event
from schema.migrate import migrate, migrations
from schema.site import Goal, Site
from schema.store import RowsRefused, Store, StoreDown
from tests.conftest import make_event
from tests.faults.conftest import Server
from tests.faults.spooled import DAY, NOON, Spooled, numbered, stored

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

RULES = SiteRules(2, 30, "balanced")
_RUN = secrets.token_hex(4)
_NUMBER = itertools.count(1)


@pytest.fixture
def site() -> Site:
    return Site(f"http-{_RUN}-{next(_NUMBER)}", goals=(Goal("buy", event="buy"),))


def visits(site: str, people: int = 12) -> list[Event]:
    """A day with something in every family of rollups."""
    made = []
    for i in range(people):
        common: dict[str, Any] = {"visitor": 2**63 + i, "country": ("DE", "AT", "")[i % 3], "source": f"Ä {i % 2} \\ '"}
        made.append(make_event(site, NOON + i, DAY, path=f"/{i % 3}", props={"plan": f"{i % 2}\t"}, **common))
        made.append(make_event(site, NOON + 90 + i, DAY, path="/pricing", lcp=1000.5 + i, cls=0.0, **common))
        if i % 3 == 0:
            made.append(make_event(site, NOON + 95 + i, DAY, name="buy", currency="EUR", amount=-5 + i, **common))
        engaged: dict[str, Any] = {"engaged_ms": 900 + i, "scroll": (i * 9, NO_SCROLL)[i % 2], "interactive": False}
        made.append(make_event(site, NOON + 99 + i, DAY, name="engagement", path="/pricing", **engaged, **common))
    return made


def written(store: Store, root: Path, site: str) -> None:
    """The day, through a spool file and the writer."""
    house = Spooled(store, root)
    house.seal(visits(site), chunk_rows=7)
    assert house.writer.drain() == len(visits(site))


def read_all(store: Store, table: str, site: str, order: str = "ALL") -> list[tuple[Any, ...]]:
    return store.rows(f"SELECT * FROM {table} WHERE site = {{s:String}} ORDER BY {order}", {"s": site})


def asked(store: Store, site: Site) -> list[dict[str, Any]]:
    reports = Reports(store, [site], release_k=2, clock=lambda: NOON + 3600)
    questions = [("", ()), ("page", ()), ("page", ("page~/pri",)), ("source", ()), ("country", ("country==DE|AT",))]
    questions += [("hour", ()), ("day", ()), ("goal", ()), ("vital", ())]
    answers = [reports.stats(Query.of(site.key, DAY - dt.timedelta(6), DAY, by, filters)) for by, filters in questions]
    # One was rolled up after the other.
    return [{name: value for name, value in answer.items() if name != "as_of"} for answer in answers]


def test_every_migration_is_applied_once(remote: Store) -> None:
    assert migrate(remote) == []
    assert [name for (name,) in remote.rows("SELECT DISTINCT name FROM migrations ORDER BY name")] == [*migrations()]


def test_the_server_gives_the_same_rows_and_answers_as_the_embedded_engine(
    store: Store, remote: Store, tmp_path: Path, site: Site
) -> None:
    for number, each in enumerate((store, remote)):
        written(each, tmp_path / str(number), site.key)
        roll_up(each, site, DAY, RULES)
    assert read_all(remote, "events", site.key, "sequence") == read_all(store, "events", site.key, "sequence")
    for family in ("cells", "conversions", "vitals"):
        open_rows = read_all(store, f"open_{family}", site.key)
        assert open_rows
        assert read_all(remote, f"open_{family}", site.key) == open_rows
    answers = asked(store, site)
    assert all(answer["rows"] for answer in answers[1:])
    assert asked(remote, site) == answers
    for each in (store, remote):
        release(each, "events", site, [DAY], RULES, NOON + 86_400, "live")
    for table in ("released_cells", "released_conversions", "released_vitals", "manifest"):
        assert read_all(remote, table, site.key) == read_all(store, table, site.key)
    assert asked(remote, site) == asked(store, site)


def test_every_field_arrives_over_http_as_it_was(remote: Store, tmp_path: Path, site: Site) -> None:
    texts = {
        name: f"{name} ä \\ ' \t\n\0"
        for name, kind in Event.__annotations__.items()
        if kind == "str" and name != "site"
    }
    numbers: dict[str, Any] = {"visitor": 2**64 - 1, "id": 2**63, "amount": -(2**62), "engaged_ms": 2**32 - 1}
    numbers |= {"scroll": 100, "lcp": 1.5, "inp": 0.0, "cls": 0.25, "fcp": -1.0, "ttfb": 3.0, "interactive": False}
    full = make_event(site.key, NOON, DAY, **texts, **numbers, props={"k": "v", "": "\\N"})
    house = Spooled(remote, tmp_path)
    house.seal([full])
    house.writer.drain()
    of = {"received": "toUnixTimestamp(received)", "day": "toUInt16(day)"}
    fields = [of.get(name, name) for name in Event.__struct_fields__]
    (row,) = remote.rows(f"SELECT {', '.join(fields)} FROM events WHERE site = {{s:String}}", {"s": site.key})
    assert dict(zip(Event.__struct_fields__, row, strict=True)) == structs.asdict(full)


@pytest.mark.parametrize("value", ["", "'", "\\", "\\'", "a\tb\nc", "ä€😀", "{x:String}", "%27 --", "x" * 5000])
def test_bound_values_reach_the_server_as_they_are(remote: Store, value: str) -> None:
    bound = {"one": value, "many": [value, "b"]}
    (row,) = remote.rows("SELECT {one:String}, {many:Array(String)}, length({one:String})", bound)
    assert row == (value, [value, "b"], len(value.encode()))


def test_settings_hold_for_their_statement_only(remote: Store) -> None:
    asked_for = "SELECT value FROM system.settings WHERE name = 'max_block_size'"
    before = remote.rows(asked_for)
    assert remote.rows(asked_for, max_block_size=4321) == [("4321",)]
    assert remote.rows(asked_for) == before


def test_a_large_insert_comes_whole(remote: Store, tmp_path: Path, site: Site) -> None:
    house = Spooled(remote, tmp_path)
    house.seal(numbered(site.key, 30_000, path="/" + "x" * 200), chunk_rows=20_000)
    assert house.writer.drain() == 30_000
    assert stored(remote, site.key) == list(range(30_000))


def test_an_error_of_the_server_is_down_and_a_refused_value_is_refused(remote: Store) -> None:
    with pytest.raises(StoreDown, match="UNKNOWN_TABLE"):
        remote.rows("SELECT * FROM no_such_table")
    with pytest.raises(RowsRefused):
        remote.rows("SELECT toUInt8('no number')")


@pytest.mark.parametrize("code", [60, 159, 202, 209, 210, 241, 242, 252, 319, 999])
def test_what_may_pass_is_never_a_refusal(remote: Store, server: Server, code: int) -> None:
    server.fail("error", code=code)
    with pytest.raises(StoreDown, match=str(code)):
        remote.insert("ingest", ("site", "minute", "reason", "count"), (("s",), (NOON,), ("r",), (1,)))


def test_an_insert_without_a_name_of_its_own_is_stored_once_though_the_client_sends_it_twice(
    remote: Store, server: Server, site: Site
) -> None:
    for _ in range(2):  # the same rows inserted again are other rows
        server.fail("reset", times=1, only="INTO ingest (")
        remote.insert("ingest", ("site", "minute", "reason", "count"), ((site.key,), (NOON,), ("r",), (1,)))
        assert server.calm() == 1
    assert remote.rows("SELECT sum(count) FROM ingest WHERE site = {s:String}", {"s": site.key}) == [(2,)]


@pytest.mark.parametrize("mode", ["refuse", "error", "reset"])
def test_no_error_text_carries_a_bound_value(remote: Store, server: Server, mode: str) -> None:
    server.fail(mode)
    for ask in (remote.rows, remote.text, remote.command):
        with pytest.raises(StoreDown) as caught:
            ask(
                "SELECT {secret:String} FORMAT TSV" if ask == remote.text else "SELECT {secret:String}",
                {"secret": "Zz9"},
            )
        assert "Zz9" not in str(caught.value)
        assert "127.0.0.1" in str(caught.value)


def test_a_slow_answer_is_the_same_answer(remote: Store, server: Server) -> None:
    sql = "SELECT number, toString(number) FROM numbers(50)"
    quick = remote.rows(sql)
    server.fail("slow")
    assert remote.rows(sql) == quick
    assert server.calm() == 1
