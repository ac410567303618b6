"""Every SQL file is ClickHouse's language, for one server and for a cluster: its own parser says so."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

import pytest
from clickhouse_connect.driver import options

from schema.event import Count, Event
from schema.families import FAMILIES, LATE, LIVE
from schema.migrate import USERS, before, create_users, migrate, migrations, statements, user_statements
from schema.months import TABLES
from schema.store import Store, StoreError

pytestmark = pytest.mark.clickhouse

PASSWORDS = {user: f"{user}-secret" for user in USERS}


def wrong(store: Store, found: Sequence[str]) -> list[str]:
    """The statements that do not parse. It takes one of the engine's to look at all of them."""
    asked = "SELECT arrayJoin({all:Array(String)}) AS one WHERE isNull(formatQueryOrNull(one))"
    return [one for (one,) in store.rows(asked, {"all": found})]


@pytest.mark.parametrize("cluster", ["", "main"], ids=["server", "cluster"])
def test_every_statement_of_a_migration_parses(store: Store, cluster: str) -> None:
    found = {name: statements(text, cluster) for name, text in (before() | migrations()).items()}
    assert all(found.values())
    assert wrong(store, [one for some in found.values() for one in some]) == []
    assert wrong(store, ["SELECT 1", "CREATE TABEL a (b UInt8)"]) == ["CREATE TABEL a (b UInt8)"]


@pytest.mark.parametrize("cluster", ["", "main"], ids=["server", "cluster"])
def test_every_statement_about_users_parses(store: Store, cluster: str) -> None:
    found = user_statements("foot`fall", PASSWORDS, cluster)
    assert wrong(store, found) == []
    assert all(("ON CLUSTER" in statement) is bool(cluster) for statement in found)


def test_a_migrated_store_has_nothing_left_to_do(store: Store) -> None:
    assert migrate(store) == []


def test_no_insert_has_loaded_pandas(store: Store) -> None:
    assert store.rows("SELECT count() FROM migrations") != [(0,)]
    assert vars(options)["pd"] is None


def test_an_event_is_a_row_of_events_in_the_order_of_its_columns(store: Store) -> None:
    assert _columns(store, "events") == [*Event.__struct_fields__, "sequence"]
    assert _columns(store, "ingest") == list(Count.__struct_fields__)


def test_no_password_is_in_a_statement() -> None:
    text = "\n".join(user_statements("footfall", PASSWORDS))
    for user, password in PASSWORDS.items():
        assert password not in text
        assert f"{user} IDENTIFIED WITH sha256_hash BY '{hashlib.sha256(password.encode()).hexdigest()}'" in text


def test_the_writer_reads_nothing_and_the_dashboards_change_nothing() -> None:
    granted = _grants()
    assert {"events", "ingest", "watermarks"} <= granted["footfall_writer"].keys()
    assert all(rights == {"INSERT", "SHOW COLUMNS"} for rights in granted["footfall_writer"].values())
    # Of how far an open day goes they read when it was shown, and nothing that tells when somebody came.
    assert granted["footfall_dashboards"].pop("open_through") == {"SELECT(site, day, as_of)"}
    assert all(rights == {"SELECT"} for rights in granted["footfall_dashboards"].values())
    rollups = {f"open_{family}" for family in LIVE} | {f"released_{family}" for family in FAMILIES}
    rollups |= {f"late_{family}" for family in LATE}
    bare = {"bare_totals", "outcomes", "crawlers", "annotations"}
    assert granted["footfall_dashboards"].keys() == rollups | {*TABLES, "manifest"} | bare
    assert "readonly = 1" in "\n".join(user_statements("footfall", PASSWORDS))


def test_nobody_but_the_pipeline_reads_raw_rows_and_nobody_reaches_out() -> None:
    granted = _grants()
    assert [user for user, tables in granted.items() if "SELECT" in tables.get("events", ())] == ["footfall_pipeline"]
    every = {right for tables in granted.values() for rights in tables.values() for right in rights}
    assert not every & {"ALL", "FILE", "URL", "REMOTE", "S3", "SOURCES", "ACCESS MANAGEMENT"}


def test_the_embedded_engine_has_no_users_and_says_so(store: Store) -> None:
    with pytest.raises(StoreError, match="the embedded engine has no users"):
        create_users(store, PASSWORDS)


def _columns(store: Store, table: str) -> list[str]:
    where = "database = currentDatabase() AND table = {table:String}"
    rows = store.rows(f"SELECT name FROM system.columns WHERE {where} ORDER BY position", {"table": table})
    return [name for (name,) in rows]


def _grants() -> dict[str, dict[str, set[str]]]:
    """user → table of ours (or other object) → rights."""
    granted: dict[str, dict[str, set[str]]] = {}
    for statement in user_statements("footfall", PASSWORDS):
        match = re.fullmatch(r"GRANT (.+) ON (?:`footfall`\.)?(\S+) TO (\w+)", statement)
        if match:
            rights = re.split(r", (?![^(]*\))", match[1])  # not between the columns of one
            granted.setdefault(match[3], {}).setdefault(match[2], set()).update(rights)
    return granted
