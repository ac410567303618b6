"""Fault 5: the disk is full: 503 and no 202, nothing acknowledged is lost, and it recovers by itself.

On a disk of its own, a small tmpfs in a mount namespace: that needs root, or a machine that lets everybody `unshare`.
And, anywhere, by RLIMIT_FSIZE, where a write comes back short before it fails.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Self

import pytest

from pipeline.spool.quarantine import Quarantine
from schema.store import Store
from tests.faults.conftest import Server
from tests.faults.oracle import CollectorHouse, Oracle
from tests.house import eventually

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

SIZE = 3 * 1024 * 1024
_IN_A_DISK_OF_ITS_OWN = f'mount -t tmpfs -o size={SIZE} disk "$0" && exec "$@"'


def _may_mount(directory: Path) -> bool:
    """Without util-linux, which every Debian has, this fails: only a right that is lacking is a reason to skip."""
    directory.mkdir(exist_ok=True)
    asked = ["unshare", "-rm", "sh", "-c", _IN_A_DISK_OF_ITS_OWN, str(directory), "true"]
    return subprocess.run(asked, capture_output=True, check=False).returncode == 0


class OnSmallDisk(CollectorHouse):
    """A collector whose data directory is a disk of 3 MB that nobody else sees. disk: where we see it."""

    def start(self) -> Self:
        self.data.mkdir(exist_ok=True)
        self._command = ["unshare", "-rm", "sh", "-c", _IN_A_DISK_OF_ITS_OWN, str(self.data), sys.executable]
        super().start()
        assert self._process is not None
        self.disk = Path(f"/proc/{self._process.pid}/root{self.data}")
        return self


@contextlib.contextmanager
def gone_afterwards(house: CollectorHouse) -> Iterator[CollectorHouse]:
    try:
        yield house.start()
    finally:
        with contextlib.suppress(AssertionError, ProcessLookupError):
            house.kill()


def settled(house: CollectorHouse, oracle: Oracle, store: Store, disk: Path) -> None:
    """Everything that was acknowledged is stored once."""
    eventually(lambda: not [*disk.glob("spool/*/*.sealed"), *disk.glob("spool/*/*.open")], 60)
    oracle.judge(oracle.stored(store))
    assert len(Quarantine(disk / "quarantine")) == 0
    assert house.stop() == 0


def refuses(oracle: Oracle) -> bool:
    """Whether nothing is acknowledged any more."""
    return set(oracle.post(8)) == {503}


def accepts(oracle: Oracle) -> bool:
    return set(oracle.post(8)) == {202}


@pytest.mark.parametrize("keep_free", [0, 1_000_000])
def test_on_a_full_disk_beacons_are_refused_until_there_is_room_again(
    remote: Store, server: Server, tmp_path: Path, keep_free: int
) -> None:
    if not _may_mount(tmp_path / "tried"):
        pytest.skip("this machine forbids unshare or mount: it needs CAP_SYS_ADMIN, or unprivileged user namespaces")
    house = OnSmallDisk(tmp_path / "data", server.dsn, "--set", f"spool.keep_free_bytes={keep_free}")
    with gone_afterwards(house):
        oracle = Oracle(house.port)
        assert accepts(oracle)
        for _ in range(2):
            ballast = house.disk / "ballast"
            with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while file.write(b"x" * 4096):
                    pass
            assert os.statvfs(house.disk).f_bavail == 0
            eventually(lambda: refuses(oracle))
            assert oracle.post(40) == {503: 40}
            ballast.unlink()
            eventually(lambda: accepts(oracle))
            assert oracle.post(100) == {202: 100}
        assert set(oracle.statuses) == {202, 503}
        settled(house, oracle, remote, house.disk)


def test_where_a_file_may_not_grow_beacons_are_refused_until_it_may(
    remote: Store, server: Server, tmp_path: Path
) -> None:
    with gone_afterwards(CollectorHouse(tmp_path / "data", server.dsn)) as house:
        oracle = Oracle(house.port)
        assert accepts(oracle)
        [worker] = house.children("collector")
        for most in (0, 5_000, 30_001):
            before = resource.prlimit(worker, resource.RLIMIT_FSIZE, (most, resource.RLIM_INFINITY))
            eventually(lambda: 503 in oracle.post(40))
            resource.prlimit(worker, resource.RLIMIT_FSIZE, before)
            eventually(lambda: accepts(oracle))
        assert worker in house.processes()
        assert set(oracle.statuses) == {202, 503}
        settled(house, oracle, remote, house.data)
