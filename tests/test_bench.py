"""The benchmarks run: a figure that nobody can measure again is no figure. What they come to does not matter here."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from bench.figures import Figure, median_of, quantile, table

pytestmark = pytest.mark.process

ROOT = Path(__file__).resolve().parents[1]
# One figure of each part that its reader looks for.
SOME_OF_THEM = {
    "ingest": {"Footfall: requests", "bare Starlette: requests", "Footfall at half the load: p99"},
    "drain": {"usual files: events", "a raw event, as drained"},
    "rollup": {"a whole day", "resident at its peak"},
    "declared": {"a whole day: nothing", "after some new events: all of them"},
    "closing": {"a whole day: nothing", "a whole day: these and 10 segments", "rows on disk"},
    "beside": {"a day counted and released", "beacons meanwhile: p99", "the day on disk"},
    "lag": {"shown after, median", "shown after, p95"},
    "sites": {"watched ones shown at the latest after", "others shown at the latest after", "cores"},
    "house": {"idle: cores", "many sites: written"},
    "boxes": set(),
    "dashboards": {"30 days, today among them: p95", "a rolled-up site-year"},
    "filtered": {"40 days, a country: p95", "40 days, a segment: p95", "a day of pairs and segments"},
    "logs": {"Footfall: lines", "Footfall: memory with 3 × the lines"},
    "weight": {"processes", "memory at rest", "memory under load"},
    "growth": {"1 ×, ingest: requests", "1 ×, drain: events", "1 ×, overview of 30 days: p95"},
}


def bench(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "bench", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )


# Events that are stored and pages that are read: the other parts make and measure the same in other ways.
_SHORT = ("drain", "dashboards")


@pytest.mark.parametrize(
    "part", [pytest.param(part, marks=[] if part in _SHORT else [pytest.mark.long]) for part in SOME_OF_THEM]
)
def test_the_smallest_run_of_a_part_measures_something(part: str) -> None:
    done = bench("--quick", "--parts", part, "--json")
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    values = {figure["name"]: figure["value"] for figure in result["figures"]}
    assert values
    assert all(values[name] > 0 for name in SOME_OF_THEM[part])
    assert result["machine"]["seed"]
    assert json.loads((ROOT / "bench" / "results" / "quick.json").read_text("utf-8")) == result


def test_a_part_that_does_not_exist_is_refused_by_name() -> None:
    done = bench("--parts", "ingest,drian")
    assert done.returncode == 2
    assert "drian is not among ingest, drain" in done.stderr


def test_a_goal_is_met_missed_or_not_measured() -> None:
    assert Figure("a", "b", 25, goal="<= 25").met
    assert Figure("a", "b", 2.9, goal=">= 3").met is False
    assert Figure("a", "b", None, goal=">= 3").met is None
    assert Figure("a", "b", 1).met is None


def test_the_table_names_a_part_once_and_lines_values_up() -> None:
    figures = [
        median_of("ingest", "requests", [900, 1234.5, 1100], "/s"),
        Figure("ingest", "p99", 30.04, "ms", "<= 25", "half the load"),
        Figure("drain", "two", None, "×", note="one core"),
    ]
    assert table(figures).splitlines() == [
        "        figure    value  unit  goal           note",
        "ingest  requests  1,100  /s                   900 to 1,234 in 3 runs",
        "        p99        30.0  ms    <= 25  missed  half the load",
        "drain   two           -  ×                    one core",
    ]


def test_a_quantile_is_one_of_the_values() -> None:
    assert quantile([5, 1, 4, 2, 3], 0.5) == 3
    assert quantile(range(100), 0.95) == 95
    assert quantile([7], 0.99) == 7
