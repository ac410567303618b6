"""Fault 4: garbage, empty and future-version files in a spool: the house starts, sets them aside, counts them, and
delivers everything else."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import msgspec
import pytest

from pipeline.spool.file import FORMAT
from pipeline.spool.log import LogFile
from tests.faults.oracle import Oracle, spooled
from tests.faults.spooled import Spooled, numbered
from tests.house import eventually, rows, running

pytestmark = [pytest.mark.process, pytest.mark.clickhouse]

# Before anything that this run writes, and not so long ago that what is set aside is deleted at once.
_BEGUN = int(time.time()) - 3600


def strange_files(root: Path, spool: Path) -> list[Path]:
    """One of each kind, as left open and as sealed."""
    whole = Spooled(None, root).seal(numbered("example.com", 3)).read_bytes()
    contents = {
        "garbage": os.urandom(20_000),
        "empty": b"",
        "cut": whole[: len(whole) // 2],
        "text": b"not a database\n" * 9,
    }
    future = root / "future"
    header = {"format": FORMAT + 1}
    LogFile(future).close(*(msgspec.msgpack.encode(frame) for frame in (header, {"events": []})))
    contents["future"] = future.read_bytes()
    made = []
    spool.mkdir(parents=True)
    for serial, content in enumerate(contents.values()):
        for suffix in ("open", "sealed"):
            path = spool / f"{_BEGUN + (suffix == 'open')}-{serial:02d}.{suffix}"
            path.write_bytes(content)
            made.append(path)
    for name in ("strange.sealed", f"{_BEGUN}.open", f"{_BEGUN}-xx.sealed"):
        (spool / name).write_bytes(b"?")
        made.append(spool / name)
    return made


def test_a_house_starts_beside_strange_files_and_delivers_the_rest(data: Path, tmp_path: Path) -> None:
    spool = data / "spool" / "worker-0"
    made = strange_files(tmp_path, spool)
    with running(data) as house:
        oracle = Oracle(house.port)
        assert oracle.post(200) == {202: 200}
        eventually(lambda: not list(spool.glob("*.sealed")))
        assert not [path.name for path in made if path.exists()]
        # An empty file that was left open held nothing: it is the only kind that is not kept.
        aside = {path.name for path in spool.glob("*.bad")}
        assert len(aside) == len(made) - 1
        checks = json.loads(house.command("check", "--json").stdout)["checks"]
        assert f"{len(aside)} set aside as unreadable" in json.dumps(checks)
        assert house.stop() == 0
    assert house.log.read_text().count("spool_file_set_aside") >= len(aside)
    [found] = rows(data, "SELECT path FROM events")
    oracle.judge([path for (path,) in found] + spooled(data))
