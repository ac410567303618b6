"""Whether somebody looks at numbers is told in RAM, and nobody knows of it where nobody tells."""

from __future__ import annotations

from pathlib import Path

from footfall.settings import Settings
from footfall.supervisor.lookers import Lookers


def test_somebody_looks_until_it_is_told_otherwise(tmp_path: Path) -> None:
    engine, worker = (Lookers(Settings(data=str(tmp_path))) for _ in range(2))
    engine._path.parent.mkdir(exist_ok=True)
    assert worker.are_there()
    engine.tell(False)
    engine.tell(False)
    assert not worker.are_there()
    engine.tell(True)
    assert worker.are_there()
    engine._path.parent.rmdir()
    engine.tell(False)
    assert worker.are_there(), "it cannot be told"
