"""A column that is added to a table, wherever its author puts it, shifts nothing that is stored. The shorter form reads
the statements and runs none: tests/test_statements.py."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline import one_day

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]


def through(directory: Path, *place: str) -> dict[str, list[dict[str, Any]]]:
    command = [sys.executable, "-m", "tests.pipeline.one_day", str(directory), *place]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, list[dict[str, Any]]] = json.loads(done.stdout.splitlines()[-1])
    for entry in found["manifest"]:
        # An import's own name is drawn by chance.
        entry["origin"] = entry["origin"].partition(":")[0]
    return found


@pytest.mark.long
@pytest.mark.parametrize("places", [("front", "behind")])
def test_a_column_more_in_every_table_changes_no_number(tmp_path: Path, places: tuple[str, ...]) -> None:
    plain = through(tmp_path / "plain")
    assert all(plain.values()), "a table that is empty tells nothing"
    totals = [row for row in plain["released_cells"] if row["grain"] == "day" and not row["dimension"]]
    assert [(row["visitors"], row["pageviews"]) for row in totals] == [("8", "15")] * 2
    for place in places:
        found = through(tmp_path / place, place)
        assert found.keys() == plain.keys()
        for table, rows in plain.items():
            assert found[table] == rows, (place, table)


@pytest.mark.parametrize(("place", "order"), [("front", "cab"), ("behind", "acb")])
def test_the_column_is_added_before_another(place: str, order: str) -> None:
    table = "CREATE TABLE IF NOT EXISTS {{ local('t') }}{{ on_cluster }}\n(\n    a Int8,\n    b Int8\n)\nENGINE = x;\n"
    names = re.findall(r"^    (\w+) ", one_day.widened(table, place), re.M)
    assert names == [{"a": "a", "b": "b", "c": one_day.ADDED}[letter] for letter in order]
