"""Fault 3: an open spool file is cut or flipped anywhere: earlier groups stay whole, and it is reported."""

from __future__ import annotations

import shutil
import uuid
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from pipeline.spool.file import Header, OpenFile, SpoolFileBad, read_sealed, recover, spool_files
from pipeline.spool.log import read_log
from schema.event import Event
from tests.conftest import make_event
from tests.faults.spooled import DAY, NOON

GROUPS = 4
_VISITOR = Event.__struct_fields__.index("visitor")
NAME = f"{NOON:010d}-00.open"


class Crashed:
    """What kill -9 left. ends[n]: the bytes that n groups take, in a file that has room for more behind them."""

    def __init__(self, root: Path) -> None:
        live = root / "live"
        live.mkdir()
        file = OpenFile(live / NAME, Header(uuid.uuid4().hex, NOON, 0, 0, 3))
        self.ends = [0]
        for number in range(1, GROUPS + 1):
            file.commit([make_event("torn", NOON, DAY, visitor=number, path="/" + "x" * 5000)], [])
            self.ends.append(file.size)
        self.log = (live / NAME).read_bytes()
        self.whole = self.log[: file.size]
        file.close()
        self._root = root

    def recovered(self, log: bytes) -> tuple[list[int], list[str], bytes | None]:
        """The visitors that are left of this file, what errors were reported, and what was kept."""
        place = self._root / "place"
        shutil.rmtree(place, ignore_errors=True)
        place.mkdir()
        (place / NAME).write_bytes(log)
        with capture_logs() as told:
            recover(place)
        files = spool_files(place)
        assert all(path.suffix == ".sealed" for path in files)
        kept = place / f"{NAME}.bad"
        left = [row[_VISITOR] for path in files for row in read_sealed(path)[1]]
        errors = [each["event"] for each in told if each["log_level"] == "error"]
        return left, errors, kept.read_bytes() if kept.exists() else None

    def whole_in(self, size: int) -> list[int]:
        """The groups that end within so many bytes of the file."""
        return [number for number in range(1, GROUPS + 1) if self.ends[number] <= size]


@pytest.fixture
def crashed(tmp_path: Path) -> Crashed:
    return Crashed(tmp_path)


def test_room_behind_the_last_group_is_no_loss(crashed: Crashed) -> None:
    assert len(crashed.log) > len(crashed.whole)
    for log in (crashed.log, crashed.whole):
        assert crashed.recovered(log) == (list(range(1, GROUPS + 1)), [], None)


def test_wherever_the_file_is_cut_every_group_before_the_cut_is_whole_and_the_cut_is_reported(crashed: Crashed) -> None:
    edges = {end + off for end in crashed.ends for off in (-1, 0, 1, 7, 8, 9, 2000)}
    header = len(crashed.whole) - crashed.ends[1]
    for size in sorted({*range(0, header, 97), *edges} & set(range(len(crashed.whole) + 1))):
        log = crashed.whole[:size]
        left, errors, kept = crashed.recovered(log)
        assert left == crashed.whole_in(size), size
        # Nothing shows that it was cut where it ends as it might have: after a frame.
        assert (kept, len(errors)) == ((log, 1) if log != read_log(log).whole else (None, 0)), size


@pytest.mark.parametrize("bits", [0x01, 0xFF])
def test_wherever_a_byte_is_flipped_every_group_before_it_is_whole_and_the_loss_is_reported(
    crashed: Crashed, bits: int
) -> None:
    starts = {end + off for end in crashed.ends for off in range(8)}
    for at in sorted({*starts, *range(40, len(crashed.whole), 613)} & set(range(len(crashed.whole)))):
        log = bytearray(crashed.log)
        log[at] ^= bits
        left, errors, kept = crashed.recovered(bytes(log))
        assert left == crashed.whole_in(at), at
        # The damaged file is kept for a person, and said to be.
        assert (kept, len(errors)) == (bytes(log), 1), at
        assert set(errors) <= {"spool_groups_lost", "spool_file_set_aside"}


def test_a_sealed_file_is_read_whole_or_not_at_all(crashed: Crashed) -> None:
    """Wherever it is cut, or a bit of it flipped."""
    crashed.recovered(crashed.log)
    [path] = spool_files(crashed._root / "place")
    whole = path.read_bytes()
    edges = sorted({end + off for end in crashed.ends for off in range(-1, 9)} & set(range(len(whole))))
    for at in (*edges, *range(40, len(whole), 1013)):
        for damaged in (whole[:at], whole[:at] + bytes([whole[at] ^ 0x10]) + whole[at + 1 :]):
            path.write_bytes(damaged)
            with pytest.raises(SpoolFileBad):
                read_sealed(path)


def test_garbage_behind_the_last_group_costs_nothing(crashed: Crashed) -> None:
    assert crashed.recovered(crashed.whole + b"\xa5" * 10_000)[0] == list(range(1, GROUPS + 1))
