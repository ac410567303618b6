"""The oracle's journey, shortly: by hand `python -m tests.faults.journey --minutes N` takes it for longer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import times
from tests.faults.journey import journey

# Half as long in `make test`, ten times as long in `make test-all`.
SECONDS = 20

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(1200)]


@pytest.mark.parametrize("embedded", [False, True], ids=["http", "embedded"])
def test_whatever_is_killed_and_whatever_fails_nothing_acknowledged_is_lost_or_doubled(
    tmp_path: Path, embedded: bool
) -> None:
    told = journey(tmp_path, times(SECONDS), embedded, seed=20261124)
    assert told["ok"], told
    assert told["acknowledged"] > 500
    assert sum(told["troubles"].values()) > 3
