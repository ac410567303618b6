"""The struct is the table, field by column, and no table but the raw ones may hold a visitor."""

from __future__ import annotations

import re

import pytest

from pipeline.imports import Import
from pipeline.release import as_released
from pipeline.writer import COLUMNS
from schema import migrate as migrating
from schema.event import Count, Event
from schema.families import FAMILIES, LIVE
from schema.measures import MEASURES
from schema.migrate import MigrationChanged, migrate, migrations
from schema.store import Store

pytestmark = pytest.mark.clickhouse

_FAMILIES = (
    (r"Map\(.*\)", "dict[str, str]"),
    (r"Bool", "bool"),
    (r"Float(32|64)", "float"),
    (r"U?Int\d+|Date(Time)?(\(.*\))?", "int"),
    (r"(LowCardinality\()?String\)?", "str"),
)


def family(kind: str) -> str:
    return next((python for pattern, python in _FAMILIES if re.fullmatch(pattern, kind)), kind)


def columns(store: Store, table: str) -> list[tuple[str, str]]:
    return [
        (name, kind)
        for name, kind in store.rows(
            "SELECT name, type FROM system.columns WHERE database = currentDatabase() AND table = {t:String} "
            "ORDER BY position",
            {"t": table},
        )
    ]


def test_the_events_table_is_the_event_and_its_sequence(store: Store) -> None:
    found = [(name, family(kind)) for name, kind in columns(store, "events")]
    assert found == [*Event.__annotations__.items(), ("sequence", "int")]
    assert [name for name, _ in found] == list(COLUMNS)


def test_the_ingest_table_is_the_count(store: Store) -> None:
    assert [(name, family(kind)) for name, kind in columns(store, "ingest")] == list(Count.__annotations__.items())


def test_no_column_anywhere_holds_a_set_of_visitors(store: Store) -> None:
    """Rule R4: a uniq state stores hashes, and hashes are what expires."""
    kinds = store.rows("SELECT table, name, type FROM system.columns WHERE database = currentDatabase()")
    assert len(kinds) > 100
    assert [
        row for row in kinds if re.search(r"AggregateFunction\((uniq|groupUniq|groupBitmap|groupArray)", row[2])
    ] == []


@pytest.mark.parametrize("number", ["visitor", "network_number"])
def test_a_number_of_a_visitor_stands_only_where_raw_rows_live(store: Store, number: str) -> None:
    run = Import(store)
    run.begin()
    try:
        tables = store.rows(
            "SELECT DISTINCT table FROM system.columns WHERE database = currentDatabase() AND name = {number:String}",
            {"number": number},
        )
    finally:
        run.abandon()
    # Whose rows are to be deleted is noted by number, and the note goes with them (docs/promises.md, D6).
    assert {table for (table,) in tables} - {"erasures"} == {
        "events",
        "visits",
        run.table,
    }
    # Whatever it is called: 64 bits that name a person are UInt64, and rollups hold only these.
    measures = {
        *MEASURES,
        *(
            "converters",
            "conversions",
            "payers",
            "samples",
            "good",
            "poor",
            "people",
            "counts",
            "unsure",
            "depth",
            "times",
        ),
    }
    for name in FAMILIES:
        for state in (*(("open",) if name in LIVE else ()), "staging", "released"):
            wide = {column for column, kind in columns(store, f"{state}_{name}") if "UInt64" in kind}
            assert wide <= measures, (state, name)


def test_every_kept_rollup_has_the_columns_it_is_filled_from(store: Store) -> None:
    for name in FAMILIES:
        if name in LIVE:
            assert columns(store, f"open_{name}") == columns(store, f"staging_{name}")
        filled_from = store.rows(f"DESCRIBE ({as_released(name, f'staging_{name}')})")
        assert columns(store, f"released_{name}") == [(column, kind) for column, kind, *_ in filled_from]
        assert FAMILIES[name].columns == tuple(column for column, _ in columns(store, f"released_{name}"))


def test_a_partition_holds_one_day_of_one_lifetime_and_dies_as_a_whole(store: Store) -> None:
    ((key, layout),) = store.rows(
        "SELECT partition_key, engine_full FROM system.tables WHERE name = 'events' AND database = currentDatabase()"
    )
    assert key == "(lifetime, toDate(received))"
    assert "TTL toDate(received) + toIntervalDay(lifetime)" in layout
    assert "ttl_only_drop_parts = 1" in layout


def test_migrating_again_changes_nothing(store: Store) -> None:
    before = store.rows("SELECT * FROM migrations ORDER BY name")
    assert [name for name, *_ in before] == list(migrations())
    assert migrate(store) == []
    assert store.rows("SELECT * FROM migrations ORDER BY name") == before


def test_a_migration_that_was_changed_after_it_was_applied_is_refused(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = migrations()
    name = sorted(files)[0]
    monkeypatch.setattr(migrating, "migrations", lambda: files | {name: files[name] + "\n-- changed\n"})
    with pytest.raises(MigrationChanged, match=f"{name}: applied as sha256"):
        migrate(store)


def test_a_new_migration_is_applied_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    new = {
        "9999_test.sql": "CREATE TABLE {{ local('of_a_test') }} (x UInt8) "
        "ENGINE = {{ engine('MergeTree') }} ORDER BY x;\n"
    }
    files = migrations()
    monkeypatch.setattr(migrating, "migrations", lambda: files | new)
    try:
        assert migrate(store) == ["9999_test.sql"]
        assert migrate(store) == []
        assert columns(store, "of_a_test") == [("x", "UInt8")]
    finally:
        store.command("DROP TABLE of_a_test")
        store.command("ALTER TABLE migrations DELETE WHERE name = '9999_test.sql'", mutations_sync=2)
