"""Sealed spool files, a quarantine and a writer over them: what is between an acknowledgement and the store."""

from __future__ import annotations

import datetime as dt
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pipeline.spool.file import Header, OpenFile, seal
from pipeline.spool.quarantine import Quarantine
from pipeline.writer import Writer
from schema.event import Count, Erasure, Event
from schema.site import day_number
from schema.store import Store
from tests.conftest import make_event

DAY = dt.date(2044, 3, 4)
NOON = day_number(DAY) * 86_400 + 43_200


class Spooled:
    """One worker's spool without its worker. now: the writer's time."""

    def __init__(self, store: Any, root: Path) -> None:
        self.now = NOON
        self.spool, self.quarantine = root / "spool" / "0", Quarantine(root / "quarantine")
        self.writer = Writer(store, root / "spool", self.quarantine, clock=lambda: self.now)
        self.spool.mkdir(parents=True, exist_ok=True)
        self._serial = 0

    def seal(
        self,
        events: list[Event],
        counts: Sequence[Count] = (),
        erasures: Sequence[Erasure] = (),
        chunk_rows: int = 3,
    ) -> Path:
        """A file for the writer."""
        header = Header(uuid.uuid4().hex, NOON, self._serial, 0, chunk_rows)
        path = self.spool / f"{NOON:010d}-{self._serial:02d}.open"
        self._serial += 1
        file = OpenFile(path, header)
        file.commit(events, list(counts), erasures)
        file.close()
        seal(path)
        return path.with_suffix(".sealed")


def numbered(site: str, number: int, **given: Any) -> list[Event]:
    """Events whose visitors are 0, 1, 2, …"""
    return [make_event(site, NOON + i % 3600, DAY, **({"visitor": i} | given)) for i in range(number)]


def stored(store: Store, site: str) -> list[int]:
    """The visitors of a site's events, in their order."""
    rows = store.rows("SELECT visitor FROM events WHERE site = {s:String} ORDER BY sequence", {"s": site})
    return [visitor for (visitor,) in rows]
