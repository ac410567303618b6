"""A file is the one before or the new one, its owner's alone, and changed by one at a time."""

from __future__ import annotations

import fcntl
import os
import stat
import threading
from pathlib import Path

import pytest

from schema.atomic_file import exclusively, remove, write_atomically
from tests.house import eventually


@pytest.mark.parametrize("durable", [True, False])
def test_a_file_is_replaced_whole_and_is_its_owners_alone(tmp_path: Path, durable: bool) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"a longer one before")
    file.chmod(0o644)
    with open(file, "rb") as before:
        write_atomically(file, b"new", durable)
        assert before.read() == b"a longer one before"
    assert file.read_bytes() == b"new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_files_that_differ_in_their_ending_alone_do_not_share_what_is_half_written(tmp_path: Path) -> None:
    names = ("shadow-0-1-a.example", "shadow-0-1-a.test")
    writers = [
        threading.Thread(target=lambda name=name: [write_atomically(tmp_path / name, name.encode()) for _ in range(50)])
        for name in names
    ]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert [(tmp_path / name).read_text() for name in names] == list(names)


def test_a_write_that_fails_leaves_the_file_as_it_was_and_a_link_unfollowed(tmp_path: Path) -> None:
    file, theirs = tmp_path / "a.json", tmp_path / "theirs"
    file.write_bytes(b"before")
    theirs.write_bytes(b"theirs")
    (tmp_path / "a.json.partial").symlink_to(theirs)
    with pytest.raises(OSError, match="symbolic"):
        write_atomically(file, b"new")
    assert (file.read_bytes(), theirs.read_bytes()) == (b"before", b"theirs")


def test_one_at_a_time_changes_a_file(tmp_path: Path) -> None:
    file = tmp_path / "folder" / "count"

    def add() -> None:
        for _ in range(20):
            with exclusively(file):
                write_atomically(file, str(int(file.read_text() or "0" if file.exists() else "0") + 1).encode(), False)

    adders = [threading.Thread(target=add) for _ in range(4)]
    for adder in adders:
        adder.start()
    for adder in adders:
        adder.join()
    assert file.read_text() == "80"
    assert stat.S_IMODE(os.stat(file.parent).st_mode) == 0o700


def test_who_waits_for_a_lock_that_is_removed_keeps_those_out_who_come_later(tmp_path: Path) -> None:
    file, is_in, may_go = tmp_path / "a.json", threading.Event(), threading.Event()
    lock = file.with_suffix(".lock")

    def wait() -> None:
        with exclusively(file):
            is_in.set()
            may_go.wait(60)

    waiter = threading.Thread(target=wait)
    with exclusively(file):
        waiter.start()
        eventually(lambda: sum(_names(fd) == str(lock) for fd in Path("/proc/self/fd").iterdir()) == 2)
        lock.unlink()
    assert is_in.wait(60)
    with open(lock) as later, pytest.raises(BlockingIOError):
        fcntl.flock(later, fcntl.LOCK_EX | fcntl.LOCK_NB)
    may_go.set()
    waiter.join()
    write_atomically(file, b"1")
    remove(file)
    assert list(tmp_path.iterdir()) == []


def _names(descriptor: Path) -> str:
    """What a descriptor is of; it may be closed by now."""
    try:
        return os.readlink(descriptor)
    except FileNotFoundError:
        return ""
