"""An empty store as the migrations make it: made once for a run of the tests, by a process of its own, then copied. To
copy one takes a tenth of a second, to make one takes one.

In: a directory that is to be a store. Out: it is one. Promises: the migrations are those of this tree, as it is now.
That `footfall up` and commands make a store themselves is tested where the program is a real one, as in
tests/journey/test_canary.py, and in tests/footfall/test_stamp.py.
"""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
# Names the directory of this run; processes that a run starts have it from the first.
_ROOM = "TESTS_MIGRATED"


def begin() -> Path | None:
    """Make the run's directory, unless it is there; what `end` takes."""
    if _ROOM in os.environ:
        return None
    room = Path(tempfile.mkdtemp(prefix="migrated-", dir=os.environ.get("PYTEST_DEBUG_TEMPROOT")))
    os.environ[_ROOM] = str(room)
    return room


def end(room: Path | None) -> None:
    if room:
        shutil.rmtree(room)
        del os.environ[_ROOM]


def migrated(directory: Path) -> None:
    """Make the store there; the only one where no run of the tests began, as in a measurement by hand."""
    if _ROOM not in os.environ:
        _made(directory)
        return
    room = Path(os.environ[_ROOM])
    store = room / "store"
    with (room / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not store.exists():
            _made(room / "new")
            (room / "new").rename(store)
    directory.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    shutil.copytree(store, directory, symlinks=True)


def _made(directory: Path) -> None:
    # Its clock is the machine's, whatever the test's is.
    plain = {name: value for name, value in os.environ.items() if name != "LD_PRELOAD"}
    subprocess.run([sys.executable, "-m", "tests.migrated", str(directory)], cwd=ROOT, env=plain, check=True)


def _make(directory: str) -> None:
    from schema.migrate import migrate
    from schema.store import Store

    store = Store(f"chdb://{directory}")
    migrate(store)
    store.close()


if __name__ == "__main__":
    _make(sys.argv[1])
