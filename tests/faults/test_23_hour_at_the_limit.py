"""Fault 23: at as much load as a worker takes memory is flat: that of the worker, and within bounds the engine's.

Some seconds of it, in `make test-all` ten minutes. By hand `python -m tests.faults.soak --minutes 60` takes an hour.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.faults.soak import soak

pytestmark = [pytest.mark.process, pytest.mark.clickhouse, pytest.mark.timeout(600)]


@pytest.mark.parametrize("seconds", [18, pytest.param(600, marks=[pytest.mark.long, pytest.mark.timeout(1200)])])
def test_at_full_load_memory_is_flat(tmp_path: Path, seconds: int) -> None:
    told = soak(tmp_path, seconds)
    assert told["ok"], told
    assert sum(told["requests"]) > 10_000, told
