"""What a small site is shown of itself: the balanced preset, logs of 28 days, imported and asked as an owner would."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.house import footfall

from .small_sites import DAYS, FIRST, Visits

pytestmark = [pytest.mark.process, pytest.mark.slow, pytest.mark.clickhouse]


@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    ("visitors", "share"),
    [(40, 0.82), *(pytest.param(*one, marks=pytest.mark.long) for one in ((20, 0.65), (150, 0.95)))],
)
def test_most_pages_are_named_and_each_number_is_what_it_says(data: Path, visitors: int, share: float) -> None:
    generated = Visits(visitors)
    log = data.parent / "access.log"
    log.write_text("".join(generated.log()))
    given = ("--data", str(data), "--set", 'sites=[{key="small.example"}]')
    done = footfall("import", "access-log", str(log), "--site", "small.example", *given)
    assert done.returncode == 0, done.stderr
    whole = shown(given, 0, DAYS - 1)
    truth = generated.of_pages()
    named = sum(row["visitors"] for page, row in whole.items() if page != "(other)")
    print(f"{visitors} visitors a day: {len(whole)} pages, {named / truth.total():.0%} of page-visitors named")
    assert named / truth.total() >= share
    hold(whole, truth)
    assert all(page in whole for page, people in truth.items() if people >= 20)
    # A period that cuts the blocks.
    hold(shown(given, 3, 24), generated.of_pages(3, 24))


def shown(given: tuple[str, ...], first: int, last: int) -> dict[str, dict[str, Any]]:
    ends = [(FIRST + dt.timedelta(days=number)).isoformat() for number in (first, last)]
    arguments = ("--by", "page", "--from", ends[0], "--to", ends[1], "--limit", "200", "--json")
    done = footfall("stats", "small.example", *arguments, *given)
    assert done.returncode == 0, done.stderr
    return {row["value"]: row for row in json.loads(done.stdout)["rows"]}


def hold(rows: dict[str, dict[str, Any]], truth: Counter[str]) -> None:
    """An exact number is exact, the others are bounds."""
    for page, row in rows.items():
        if page != "(other)":
            is_exact = row["certainty"] == "exact"
            assert row["visitors"] == truth[page] if is_exact else row["visitors"] <= truth[page], row
