"""Makes a small data directory by the code at hand, for tests of later versions that have to open it.

    python -m tests.pipeline.stored ARCHIVE.tar.xz

A version that changes what the store keeps adds one of the version before it to tests/pipeline/upgrade/, made in a
checkout of that: two released days in two months with their sums, an open day whose last events wait in a sealed spool
file. What those days are is told here, so it stays as it is.
"""

from __future__ import annotations

import datetime as dt
import lzma
import sys
import tarfile
import tempfile
from pathlib import Path

from pipeline.release import release
from pipeline.rollup.stages import roll_up
from pipeline.settings import SiteRules
from schema.event import Count, Event
from schema.migrate import migrate
from schema.site import Site, day_bounds, day_number
from schema.store import Store
from tests.conftest import insert
from tests.pipeline.frozen_input import GOALS, Case, events_of

RELEASED, OPEN = (dt.date(2042, 10, 26), dt.date(2042, 11, 2)), dt.date(2042, 11, 3)
RULES = SiteRules(2, 30, "balanced")
CASE = Case(
    Site("stored.example", timezone="Europe/Berlin", goals=GOALS),
    RULES,
    {RELEASED[0]: 14, RELEASED[1]: 9, OPEN: 15},
)
WAITING = 15


def open_events() -> tuple[list[Event], list[Event]]:
    """Of the open day: those in the store, and those that wait."""
    events = events_of(CASE, OPEN)
    return events[:-WAITING], events[-WAITING:]


def fill(data: Path) -> None:
    store = Store(f"chdb://{data / 'clickhouse'}")
    migrate(store)
    there, waiting = open_events()
    for events in (*(events_of(CASE, day) for day in RELEASED), there):
        insert(store, events)
    for number, day in enumerate(RELEASED):
        release(store, "events", CASE.site, [day], RULES, 2_000 + number, "live")
    try:
        from pipeline.months import sum_months
    except ImportError:  # before 0008
        pass
    else:
        sum_months(store)
    roll_up(store, CASE.site, OPEN, RULES)
    store.command("SYSTEM STOP MERGES")
    store.close()
    _seal(data / "spool" / "0", waiting)


def _seal(directory: Path, events: list[Event]) -> None:
    try:
        from pipeline.spool.file import Header, OpenFile, seal
    except ImportError:  # where spool files were part of the spool
        from pipeline.spool.spool import Header, OpenFile, seal
    directory.mkdir(parents=True, mode=0o700)
    start = day_bounds(CASE.site.timezone, day_number(OPEN)).start
    header = Header("0" * 31 + "7", start, 7, 0, 10)
    file = OpenFile(directory / f"{header.created:010d}-07.open", header)
    file.commit(events, [Count(CASE.site.key, start, "accepted", len(events))])
    file.close()
    seal(file.path)


def main(archive: Path) -> None:
    with tempfile.TemporaryDirectory() as made:
        fill(Path(made))
        with (
            lzma.open(archive, "wb", preset=9 | lzma.PRESET_EXTREME) as packed,
            tarfile.open(fileobj=packed, mode="w") as tar,
        ):
            for name in ("clickhouse", "spool"):
                tar.add(Path(made) / name, name, filter=_nobodys)


def _nobodys(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.uid = entry.gid = 0
    entry.uname = entry.gname = "root"
    return entry


if __name__ == "__main__":
    main(Path(sys.argv[1]))
