"""The registries hold together, and the kept tables are what they say."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from msgspec import structs

from schema.column import Column
from schema.dimensions import CARDS, DIMENSIONS, ELEMENT, EVERY, SHARE, Dimension, Format, Scope
from schema.event import Event
from schema.families import FAMILIES, KEY, TABLES, migration
from schema.family import Counting, Family
from schema.measures import KINDS, MEASURES, OF_CELLS, Measure, Measures
from schema.metrics import METRICS, metrics_of
from schema.store import Store


@pytest.mark.clickhouse
@pytest.mark.parametrize("table", TABLES)
def test_a_kept_table_has_the_columns_of_its_family(store: Store, table: str) -> None:
    there = store.rows(
        "SELECT name, type, default_expression FROM system.columns "
        "WHERE database = currentDatabase() AND table = {table:String} ORDER BY position",
        {"table": table},
    )
    found = [(str(name), str(kind), str(default)) for name, kind, default in there]
    missing = migration(table, found)
    assert not missing, f"schema/families.py and {table} differ; write this migration:\n" + "\n".join(missing)
    assert [(column.name, column.type, column.default) for column in TABLES[table]] == found


def test_the_migration_that_is_missing_is_told() -> None:
    columns = [(column.name, column.type, column.default) for column in TABLES["released_cells"]]
    assert migration("released_cells", columns) == []
    (added,) = migration("released_cells", [column for column in columns if column[0] != "timed_visits"])
    assert "ADD COLUMN IF NOT EXISTS timed_visits UInt64 DEFAULT visits AFTER exit_views;" in added
    assert "tables('released_cells')" in added
    (changed,) = migration("released_cells", [(n, "UInt8" if n == "visits" else kind, d) for n, kind, d in columns])
    assert "MODIFY COLUMN visits UInt64;" in changed
    (gone,) = migration("released_cells", [*columns, ("former", "UInt64", "")])
    assert "DROP COLUMN IF EXISTS former;" in gone
    assert len(migration("released_cells", columns[::-1])) == len(columns)


def test_a_family_has_its_key_its_own_keys_and_its_measures() -> None:
    for family in FAMILIES.values():
        assert family.columns == tuple(column.name for column in family.released)
        assert family.columns[: len(KEY)] == KEY
        assert len(set(family.columns)) == len(family.columns)
        assert set(family.dimensions) <= {"", *EVERY}
        assert ELEMENT.name not in family.dimensions or family.name == "vitals"
    assert FAMILIES["cells"].measure_names == MEASURES == Measures.__struct_fields__


def test_a_family_that_cannot_be_counted_or_would_tell_too_much_is_refused() -> None:
    people, times = Measure("People.", aggregate="distinct", name="people"), Measure("How often.", visit="1", name="n")
    counting = Counting("FROM {visits}", {"section": "exit_page"})
    right: dict[str, Any] = {
        "name": "exits",
        "keys": (Column("section", "String"),),
        "measures": (people, times),
        "dimensions": ("",),
    }
    assert Family(**right, counting=counting).people is people
    for wrong, rule in (
        ({"name": "device"}, "no dimension's"),
        ({"keys": (Column("source", "String"),)}, "each with SQL"),
        ({"measures": (times,)}, "one measure is distinct"),
        ({"measures": (people, structs.replace(times, visit=""))}, "what of a visit is added up"),
        ({"dimensions": ("", "page")}, "dimensions of visits"),
        ({"dimensions": ("", "country")}, "of the whole site only"),
        ({"measures": (people, structs.replace(times, name="others"))}, "what its tables have anyway"),
        ({"measures": (people, structs.replace(times, contributor="payer"))}, "of whom the distinct measure is"),
    ):
        with pytest.raises(ValueError, match=rule):
            Family(**right | wrong, counting=counting)
    for within in (("section",), ("other",)):
        with pytest.raises(ValueError, match="within are other keys"):
            Family(**right, counting=structs.replace(counting, within=within))
    three = {"keys": tuple(Column(name, "String") for name in "abc")}
    by_three = structs.replace(counting, keys=dict.fromkeys("abc", "exit_page"), within=("a", "b"))
    assert Family(**right | three, counting=by_three).cell_keys == ("a", "b", "c")
    with pytest.raises(ValueError, match="one or two"):
        Family(**right | three, counting=structs.replace(by_three, exclusive=False, within=()))
    assert Family(**right | {"dimensions": ("", "country")}, counting=structs.replace(counting, exclusive=False))


def test_a_dimension_is_over_a_column_of_a_raw_row() -> None:
    for name, one in DIMENSIONS.items():
        assert {*one.raw} <= {*Event.__struct_fields__}, name
        assert one.raw, name
        assert not one.parent or one.parent in DIMENSIONS
        assert one.scope in get_args(Scope)
        assert one.format in get_args(Format)


def test_what_a_visit_may_touch_several_of_are_those_that_the_rollup_counts_by_name() -> None:
    assert [name for name, one in DIMENSIONS.items() if one.scope != "visit"] == [
        *("page", "section", "hostname", "event")
    ]
    # A bit each in a byte, and one for who is counted at all.
    assert len(KINDS) < 8


def test_every_dimension_stands_on_one_card_with_numbers_that_fit_it() -> None:
    assert sorted(name for names in CARDS.values() for name in names) == sorted(DIMENSIONS)
    for name, one in DIMENSIONS.items():
        assert one.tab, name
        assert one.table[0] == "visitors"
        # Of an exit page there are no entries, and so on: a table may leave out what fits, but shows nothing else.
        assert set(one.table) <= {SHARE, *metrics_of(one.scope)}, name
    without = Dimension("query", "Query", "Of the address.")
    assert without.raw == ("query",)
    assert DIMENSIONS["os_version"].raw == ("os", "os_version")


def test_a_metric_is_made_of_measures() -> None:
    for name, metric in METRICS.items():
        assert metric.upper in MEASURES, name
        assert not metric.lower or metric.lower in MEASURES
        assert metric.is_count == (name in MEASURES)
    assert [one.name for one in OF_CELLS if one.label] == [name for name, metric in METRICS.items() if metric.is_count]
