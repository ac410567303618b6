"""Fault 3: the log of an open spool file is cut or flipped anywhere: earlier groups stay whole, and it is reported."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from pipeline.aside import PAGE
from pipeline.spool_file import Header, OpenFile, read_sealed, recover, spool_files
from schema.event import Event
from tests.conftest import make_event
from tests.faults.spooled import DAY, NOON

GROUPS = 4
FRAME = 24 + PAGE
_VISITOR = Event.__struct_fields__.index("visitor")
NAME = f"{NOON:010d}-00.open"
LOG = f"{NAME}-wal"


class Crashed:
    """What kill -9 left: a file whose groups are all in its log. ends[n]: the size of the log with n groups."""

    def __init__(self, root: Path) -> None:
        live, self.directory = root / "live", root / "crashed"
        live.mkdir()
        file = OpenFile(live / NAME, Header(uuid.uuid4().hex, NOON, 0, 0, 3))
        self.ends = [(live / LOG).stat().st_size]
        for number in range(1, GROUPS + 1):
            file.commit([make_event("torn", NOON, DAY, visitor=number, path="/" + "x" * 5000)], [])
            self.ends.append((live / LOG).stat().st_size)
        shutil.copytree(live, self.directory)
        file.close()
        self.log = (self.directory / LOG).read_bytes()
        self._root = root

    def recovered(self, log: bytes) -> tuple[list[int], list[dict[str, Any]], Path]:
        """The visitors that are left with this log, what was reported, and where."""
        place = self._root / "place"
        shutil.rmtree(place, ignore_errors=True)
        shutil.copytree(self.directory, place)
        (place / LOG).write_bytes(log)
        with capture_logs() as told:
            recover(place)
        files = spool_files(place)
        assert all(path.suffix == ".sealed" for path in files)
        return [row[_VISITOR] for path in files for row in read_sealed(path)[1]], told, place

    def whole_in(self, size: int) -> list[int]:
        """The groups that end within so many bytes of the log."""
        return [number for number in range(1, GROUPS + 1) if self.ends[number] <= size]


@pytest.fixture
def crashed(tmp_path: Path) -> Crashed:
    return Crashed(tmp_path)


def test_wherever_the_log_is_cut_every_group_before_the_cut_is_whole(crashed: Crashed) -> None:
    whole = len(crashed.log)
    edges = {32 + frame * FRAME + off for frame in range(whole // FRAME + 1) for off in (-1, 0, 1, 24, 2000)}
    for size in sorted({0, 1, 31, *edges} & set(range(whole + 1))):
        left, _, _ = crashed.recovered(crashed.log[:size])
        assert left == crashed.whole_in(size), size


def test_wherever_a_byte_is_flipped_every_group_before_it_is_whole_and_the_loss_is_reported(crashed: Crashed) -> None:
    for at in sorted({*range(5, 32, 9), *range(40, len(crashed.log), 1013)}):
        log = bytearray(crashed.log)
        log[at] ^= 0xFF
        left, told, place = crashed.recovered(bytes(log))
        frame = 32 + (at - 32) // FRAME * FRAME
        assert left == crashed.whole_in(frame), at
        # The damaged log is kept for a person, and said to be.
        assert (place / f"{LOG}.bad").read_bytes() == bytes(log), at
        assert [each["event"] for each in told if each["log_level"] == "error"] == ["spool_groups_lost"], at


@pytest.mark.parametrize("torn", [1, 100, FRAME - 25])
def test_a_last_frame_that_is_cut_short_is_reported(crashed: Crashed, torn: int) -> None:
    left, told, place = crashed.recovered(crashed.log[:-torn])
    assert left == list(range(1, GROUPS))
    assert [each["event"] for each in told] == ["spool_groups_lost"]
    assert (place / f"{LOG}.bad").exists()


def test_garbage_behind_the_last_group_costs_nothing(crashed: Crashed) -> None:
    assert crashed.recovered(crashed.log + b"\xa5" * 10_000)[0] == list(range(1, GROUPS + 1))
