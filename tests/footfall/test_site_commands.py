"""What there is of a site is listed, exported and deleted for good on a running house; other sites stay as they are."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from pathlib import Path

import pytest

from footfall.settings.edit_file import change
from footfall.site_export import readme
from schema.families import FAMILIES
from tests.house import footfall, rows, running

pytestmark = pytest.mark.process

GONE, KEPT = "gone.example", "kept.example"


def test_a_site_in_no_settings_is_exported_and_removed_and_its_neighbour_stays(data: Path, tmp_path: Path) -> None:
    for key in (GONE, KEPT):
        assert footfall("demo", "--site", key, "--days", "3", "--data", str(data)).returncode == 0
    assert footfall("token", "create", GONE, "--data", str(data)).returncode == 0
    file = tmp_path / "gone.zip"
    for key in (GONE, KEPT):
        change(data, key, lambda edits: edits)
    with running(data, "--set", "demo=false", sites=(KEPT,)) as house:
        listed = {one["site"]: one for one in json.loads(house.command("site", "list", "--json").stdout)}
        assert {key: (one["state"], one["released"]) for key, one in listed.items()} == {
            GONE: ("in no settings", 3),
            KEPT: ("in the settings", 3),
        }
        refused = house.command("site", "remove", KEPT, "--yes")
        assert (refused.returncode, "take it out of the settings" in refused.stderr) == (1, True)
        told = json.loads(house.command("site", "export", GONE, str(file), "--json").stdout)["rows"]
        assert file.stat().st_mode & 0o777 == 0o600
        assert house.command("site", "export", GONE, str(file)).returncode == 1, "no file is replaced"
        before = house.stats(KEPT, "--by", "page")
        asked = house.command("site", "remove", GONE)
        assert asked.returncode == 1
        assert "3 released days" in asked.stderr
        assert "1 token would be deleted for good" in asked.stderr
        removed = json.loads(house.command("site", "remove", GONE, "--yes", "--json").stdout)
        assert (removed["released"], removed["released_rows"], removed["tokens"]) == (3, sum(told.values()), 1)
        assert [one["site"] for one in json.loads(house.command("site", "list", "--json").stdout)] == [KEPT]
        assert house.stats(KEPT, "--by", "page") == before
        assert house.command("stats", GONE).returncode == 1
        assert house.command("token", "list", "--json").stdout.strip() == "[]"
    with zipfile.ZipFile(file) as archive:
        assert json.loads(archive.read("edits.json"))["site"] == GONE
        for family, kind in FAMILIES.items():
            found = list(csv.DictReader(io.StringIO(archive.read(f"{family}.csv").decode("utf-8-sig"))))
            assert len(found) == told[family]
            if family in ("cells", "vitals"):  # a site without goals, funnels and properties has nothing else
                assert tuple(found[0]) == kind.columns
                assert {row["site"] for row in found} == {GONE}
    tables = [table for (table,) in rows(data, "SELECT DISTINCT table FROM system.columns WHERE name = 'site'")[0]]
    assert {"events", "manifest", "released_cells", "months", "open_cells"} <= set(tables)
    left = rows(data, *(f"SELECT count() FROM {table} WHERE site = '{GONE}'" for table in tables))
    assert [table for table, [[many]] in zip(tables, left, strict=True) if many] == []
    assert json.loads((data / "sites.json").read_text()).keys() == {KEPT}
    assert [path.name for path in (data / "edits").glob("*.json")] == [f"{KEPT}.json"]


def test_every_column_of_an_export_is_explained() -> None:
    columns = [column for family in FAMILIES.values() for column in family.released]
    assert len(columns) > 30
    assert all(column.definition.endswith(".") for column in columns)
    text = readme("a.example", "csv")
    assert "at least" in text
    assert all(f"  {column.name}: {column.definition}\n" in text for column in columns)
