"""How much memory there is, as the kernel tells it of machines, containers and services."""

from __future__ import annotations

from pathlib import Path

import pytest

from schema import engine
from schema.memory import memory

MACHINE = "MemTotal:        4000000 kB\nMemFree: 1 kB\n"


@pytest.mark.parametrize(
    ("mine", "limits", "expected"),
    [
        ("", {}, 4_096_000_000),
        ("0::/\n", {"memory.max": "max\n"}, 4_096_000_000),
        ("0::/a/b\n", {"a/memory.max": "700\n", "a/b/memory.max": "max\n"}, 700),
        ("5:cpu:/x\n4:memory:/a\n", {"memory/a/memory.limit_in_bytes": "600\n"}, 600),
        # A container that sees the host's path.
        ("4:memory:/docker/1\n", {"memory/memory.limit_in_bytes": "500\n"}, 500),
        ("4:memory:/a\n", {"memory/a/memory.limit_in_bytes": "9223372036854771712\n"}, 4_096_000_000),
    ],
)
def test_the_least_limit_that_holds_counts(tmp_path: Path, mine: str, limits: dict[str, str], expected: int) -> None:
    machine, own, groups = tmp_path / "meminfo", tmp_path / "own", tmp_path / "groups"
    machine.write_text(MACHINE)
    own.write_text(mine)
    for name, limit in limits.items():
        (groups / name).parent.mkdir(parents=True, exist_ok=True)
        (groups / name).write_text(limit)
    assert memory(machine, own, groups) == expected


def test_where_the_system_does_not_tell_nothing_is_limited(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    nowhere = tmp_path / "nowhere"
    assert memory(nowhere, nowhere, nowhere) == 0
    monkeypatch.setattr(engine, "memory", lambda: 0)
    assert engine.options()["max_server_memory_usage"] == 0
    assert not engine.has_little_memory()
    monkeypatch.setattr(engine, "memory", lambda: 1_000_000_000)
    assert engine.options(0.5)["max_server_memory_usage"] == 500_000_000
    # The other processes of the house are left what they need, as far as there is enough.
    assert engine.options()["max_server_memory_usage"] == 880_000_000
    monkeypatch.setattr(engine, "memory", lambda: 200_000_000)
    assert engine.options()["max_server_memory_usage"] == 100_000_000
    monkeypatch.setattr(engine, "memory", lambda: 2_000_000_000)
    assert engine.options()["max_server_memory_usage"] == 1_800_000_000
    monkeypatch.setattr(engine, "memory", lambda: 1_000_000_000)
    assert engine.has_little_memory()
    assert engine.options()["memory_worker_correct_memory_tracker"] == 1
