"""A data directory that an earlier version left, with events still waiting in it, is opened without loss.

`upgrade/before-named-fields.tar.xz` was made by the last version whose spool files did not name their fields: a store
with a released and an open day, one sealed spool file, one that a kill left open, and an event in quarantine. It stays
as it is; a version that changes what waits on disk adds one of its own before it does.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from tests.pipeline import upgraded

pytestmark = [pytest.mark.slow, pytest.mark.clickhouse, pytest.mark.timeout(900)]
ROOT = Path(__file__).resolve().parents[2]
BEFORE = Path(__file__).with_name("upgrade") / "before-named-fields.tar.xz"
START, DAY = 2_246_313_600, 25_999
# As events were then, in that order.
TEXTS = (
    *("name", "hostname", "path", "query", "referrer", "source", "channel", "utm_source", "utm_medium", "utm_campaign"),
    *(
        "utm_term",
        "utm_content",
        "country",
        "region",
        "city",
        "device",
        "browser",
        "browser_version",
        "os",
        "os_version",
    ),
    *("screen", "language", "network"),
)
NUMBERS = {"engaged_ms": 32, "scroll": 33, "amount": 31}
VITALS = {"lcp": 34, "inp": 35, "cls": 36, "fcp": 37, "ttfb": 38}


def event(number: int) -> dict[str, Any]:
    """One that was written then: no two of its fields are alike."""
    day = -1 if number < 3 else 0
    return (
        {name: f"{name}-{number}" for name in TEXTS}
        | {name: place + number for name, place in NUMBERS.items()}
        | {name: place + number / 8 for name, place in VITALS.items()}
        | {"site": upgraded.SITE, "received": START + 86_400 * day + number, "day": DAY + day, "lifetime": 30, "id": 0}
        | {"visitor": number + 1, "name": "pageview", "interactive": number % 2 == 0, "currency": "EUR"}
        | {"props": {"props": str(number)}}
    )


def opened(directory: Path, *added: str) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.pipeline.upgraded", str(BEFORE), str(directory), *added]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("added", [(), ("added",)], ids=["this version", "one with a field more"])
def test_what_waited_is_stored_once_with_its_values(tmp_path: Path, added: tuple[str, ...]) -> None:
    found = opened(tmp_path, *added)
    assert found["held"] == [["0" * 31 + "9-7", ""]]
    assert found["replayed"] == 1
    stored = {row["received"]: row for row in found["events"]}
    expected = [event(number) for number in (*range(5), *range(10, 23), 30)]
    assert Counter(row["received"] for row in found["events"]) == Counter(row["received"] for row in expected)
    for row in expected:
        mine = stored[row["received"]]
        assert {name: mine[name] for name in row} == row
        assert (mine["network_number"], mine["page_language"], mine["elements"]) == (
            0,
            "",
            {},
        )  # later fields
        if added:
            # What was stored before has what the migration says, what waited the struct's own.
            assert mine[upgraded.ADDED] == (upgraded.OF_BEFORE if row["visitor"] > 5 else "")
    assert len({row["sequence"] for row in found["events"]}) == len(expected)
    assert found["counts"] == [[upgraded.SITE, START, "accepted", 10]]
    assert found["erasures"] == [[upgraded.SITE, START + 60, DAY, 4]]
    assert found["released"] == [["2041-03-07", 3, 3]]
    assert ("9999_added.sql" in found["applied"]) is bool(added)
    # Neither set aside nor in quarantine: nothing is left to wait.
    assert found["left"] == []
