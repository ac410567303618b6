"""The log of a spool file: whatever is cut off or flipped, what is read is a beginning of what was written."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.spool import log as spool_log
from pipeline.spool.log import MAGIC, LogFile, closed, read_log

# Long and short, with zeroes at their ends, and longer than what is summed at once.
_BODIES = st.lists(st.binary(min_size=1, max_size=40) | st.binary(max_size=9).map(lambda some: b"\0\1" * 4000 + some))


def written(path: Path, bodies: list[bytes], is_closed: bool) -> bytes:
    path.unlink(missing_ok=True)
    log = LogFile(path)
    for body in bodies:
        log.append(body)
    log.close() if is_closed else log.abandon()
    return path.read_bytes()


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("log") / "log"


@given(_BODIES, st.booleans(), st.data())
def test_a_log_that_is_cut_or_has_a_bit_flipped_is_read_as_a_beginning_of_itself(
    path: Path, bodies: list[bytes], is_closed: bool, data: st.DataObject
) -> None:
    whole = written(path, bodies, is_closed)
    assert read_log(whole)[::2] == (bodies, is_closed)
    if not whole:
        return
    at = data.draw(st.integers(0, len(whole) - 1))
    cut, flipped = whole[:at], bytearray(whole)
    flipped[at] ^= 1 << data.draw(st.integers(0, 7))
    for damaged in (cut, bytes(flipped)):
        found = read_log(damaged)
        assert found.bodies == bodies[: len(found.bodies)]
        assert damaged.startswith(found.whole)
        # A sealed file shows it, wherever it is.
        assert not (is_closed and found.is_closed)
        if found.bodies:
            assert read_log(closed(found)) == (found.bodies, closed(found), True)


def test_a_frame_is_whole_in_its_place_only(path: Path) -> None:
    """What another file had at that place of the disk, or this one elsewhere, is none of its frames."""
    bodies = [b"first", b"other", b"third"]
    first, second, third = (read_log(written(path, bodies[:number], False)).whole for number in (1, 2, 3))
    assert read_log(first + third[len(second) :]).bodies == bodies[:1]
    assert read_log(second + third[len(second) :]).bodies == bodies


def test_room_is_made_as_the_file_grows_and_given_back(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log")
    sizes = set()
    for _ in range(400):
        log.append(b"x" * 20_000)
        sizes.add(held := (tmp_path / "log").stat().st_size)
        assert log.size <= held <= min(2 * log.size, log.size + spool_log._MOST_ROOM) + spool_log._BLOCK
    assert len(sizes) < 20, "most groups overwrite what is there"
    log.close()
    assert (tmp_path / "log").stat().st_size == log.size
    assert len(read_log((tmp_path / "log").read_bytes()).bodies) == 400


def test_a_log_of_one_small_frame_takes_one_block(tmp_path: Path) -> None:
    log = LogFile(tmp_path / "log")
    log.append(b"x" * 1000)
    assert (tmp_path / "log").stat().st_size == spool_log._BLOCK
    log.abandon()


def test_a_write_that_comes_back_short_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log, pwrite = LogFile(tmp_path / "log"), os.pwrite
    log.append(b"first")
    monkeypatch.setattr("os.pwrite", lambda descriptor, content, at: pwrite(descriptor, content[:10], at))
    with pytest.raises(OSError, match="short"):
        log.append(b"second, which is longer")
    monkeypatch.undo()
    log.abandon()
    assert read_log((tmp_path / "log").read_bytes()).bodies == [b"first"]


def test_an_existing_file_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "log").write_bytes(MAGIC)
    with pytest.raises(FileExistsError):
        LogFile(tmp_path / "log")
    assert (tmp_path / "log").read_bytes() == MAGIC
