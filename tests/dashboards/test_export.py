"""All tables of some days in one zip: its figures, what explains them, and who gets it."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

from dashboards.stats.query import Query
from dashboards.web.export import tables_of
from dashboards.web.tables import as_csv_file
from tests.dashboards.conftest import Rollups

pytestmark = pytest.mark.clickhouse
Ago = Callable[[int], Any]


def opened(content: bytes) -> dict[str, list[dict[str, str]]]:
    """The tables of a zip by name; of its explanation the lines."""
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        texts = {name: archive.read(name).decode() for name in archive.namelist()}
    # Else Excel takes what is not ASCII for something else.
    assert all(text.startswith("\ufeff") == name.endswith(".csv") for name, text in texts.items())
    return {
        name: [{"line": line} for line in text.splitlines()]
        if name == "README.txt"
        else [*csv.DictReader(io.StringIO(text.removeprefix("\ufeff")))]
        for name, text in texts.items()
    }


@pytest.mark.slow
def test_all_tables_are_in_it_with_what_explains_them(client: TestClient, rollups: Rollups, ago: Ago) -> None:
    with rollups.together():
        for back in (1, 2):
            rollups.release(ago(back))
            rollups.cell(ago(back), visitors=50, released=True)
            rollups.cell(ago(back), "page", "=cmd()", visitors=20, released=True)
            rollups.cell(ago(back), "page", "/b", visitors=10 * back, released=True)
            rollups.goal(ago(back), "Signup", 6, 7, released=True)
        rollups.vital(ago(0), "lcp", [900] * 20, people=20, dimension="page", value="/b")
        rollups.cell(ago(0), visitors=70)
    days = f"from={ago(2)}&to={ago(0)}"
    address = f"/api/sites/{rollups.site.key}/export.zip?{days}"
    answer = client.get(address)
    assert answer.headers["content-disposition"] == (f'attachment; filename="{rollups.site.key}-{ago(2)}-{ago(0)}.zip"')
    tables = opened(answer.content)
    assert [(row["visitors"], row["certainty"]) for row in tables["totals.csv"]] == [("170", "exact")]
    assert [(row["value"], row["visitors"]) for row in tables["page.csv"]] == [("'=cmd()", "40"), ("/b", "30")]
    assert [(row["value"], row["visitors"]) for row in tables["goal.csv"]] == [("Signup", "12")]
    assert [row["visitors"] for row in tables["day.csv"]] == ["50", "50", "70"]
    assert [(row["value"], row["page"]) for row in tables["vital_by_page.csv"]] == [("lcp", "/b")]
    text = "\n".join(row["line"] for row in tables["README.txt"])
    for told in ("at least: on some days", "page.csv: 2 rows", "country", "bounce_rate: Share of visits", "5 people"):
        assert told in text, told
    # Each has rows, or is said to have none.
    assert all(f"{name}.csv" in tables or f"\n  {name}\n" in text for name in tables_of(rollups.site))
    assert client.get(address).content == answer.content
    assert client.get(address.replace("from=", "form=")).status_code == 400


def test_each_table_of_a_site_is_a_question_that_is_answered(rollups: Rollups, ago: Ago) -> None:
    for by in tables_of(rollups.site).values():
        Query.of(rollups.site.key, ago(2), ago(1), by)


def test_it_is_for_those_who_may_see_the_pages(visitor: TestClient, rollups: Rollups) -> None:
    assert visitor.get(f"/api/sites/{rollups.site.key}/export.zip").status_code == 401


@pytest.mark.parametrize("start", list("=+-@\t\r\n＝＋－＠"))
def test_a_cell_that_a_spreadsheet_would_run_is_text_and_a_number_is_none(start: str) -> None:
    text = as_csv_file([{"value": f"{start}1+1", "visitors": -1}])
    assert text.startswith("\ufeff")
    (row,) = csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline=""))
    assert row == {"value": f"'{start}1+1", "visitors": "-1"}
