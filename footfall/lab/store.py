"""The store of the lab: an empty one in RAM that is there for as long as it is used.

In: nothing. Out: a migrated store. Promises: nothing is written to a disk, and what was written is removed at the end,
also if it fails or is stopped; killed, it leaves rows whose visitor numbers nobody can compute again, until the machine
stops.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from collector.keys.directory import in_ram
from schema.migrate import migrate
from schema.store import Store

from ..errors import CannotDo
from ..supervisor.paths import RAM


@contextlib.contextmanager
def store_in_ram() -> Iterator[Store]:
    """An empty store. Raises CannotDo where there is no RAM to keep files in."""
    if not in_ram(RAM):
        raise CannotDo(f"lab: {RAM} is not in RAM, and no row of a log is written to a disk; mount a tmpfs there")
    directory = Path(tempfile.mkdtemp(prefix=f"footfall-lab-{os.getpid()}-", dir=RAM))
    before = signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        store = Store(f"chdb://{directory / 'clickhouse'}")
        try:
            migrate(store)
            yield store
        finally:
            store.close()
    finally:
        shutil.rmtree(directory, ignore_errors=True)
        signal.signal(signal.SIGTERM, before)
