"""Who reads the pieces of a log: this process, and with a big log on several cores one process for each.

In: logs. Out: what their pieces come to, in their order. Promises: the same whoever reads; keys are destroyed at the
end.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from types import TracebackType
from typing import Self

from collector.enrich.geo import GeoDatabase
from collector.keys.key import EphemeralKeys
from collector.wire.access_log.reader import Log, Reading

from ..databases import datacenters_of
from ..settings import Settings
from .intake import with_site
from .messages import Setup
from .piece import Part, PieceReader
from .processes import Processes

# To start the others takes them as long as to read so many pieces (8 MB).
ALONE = 32
# More of them would wait for the one that feeds the store.
_MOST = 4


class Readers:
    """For one import. Those that help are started by the first log that is long."""

    def __init__(self, settings: Settings, site: str, reading: Reading, geo_database: GeoDatabase) -> None:
        self._settings, self._site, self._reading = settings, site, reading
        self._keys = EphemeralKeys()
        self._here = PieceReader(reading, self._keys, geo_database, datacenters_of(settings))
        self._processes: Processes | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if self._processes is not None:
            self._processes.close()
        self._keys.destroy()

    def parts(self, log: Log) -> Iterator[Part]:
        """What the pieces of a log come to. Raises LineFailed, CannotDo."""
        pieces = log.pieces
        first = list(itertools.islice(pieces, ALONE))
        if len(first) < ALONE or len(os.sched_getaffinity(0)) == 1:
            return self._alone(log, itertools.chain(first, pieces))
        return self._helped().parts(log.sample, itertools.chain(first, pieces))

    def _alone(self, log: Log, pieces: Iterator[bytes]) -> Iterator[Part]:
        if log.reader is not None:
            self._here.begin(log.sample)
        return map(self._here.read, pieces)

    def _helped(self) -> Processes:
        if self._processes is None:
            settings, key = with_site(self._settings, self._site)
            given = self._reading
            setup = Setup(settings, key, given.declared, given.redirects, given.format)
            self._processes = Processes(setup, self._keys, min(_MOST, len(os.sched_getaffinity(0))))
        return self._processes
