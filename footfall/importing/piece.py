"""A piece of a log from bytes to anonymous rows, in one go: the same in whichever process it is read.

In: the settings, the first lines of the log, whole lines of it. Out: rows, and what is to be known of the log as a
whole. Promises: a piece comes to the same whoever reads it, and whatever he has read before; no line is in an error.
"""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct, field

from collector.enrich.asn import Datacenters
from collector.enrich.geo import GeoDatabase
from collector.model import KeySource
from collector.wire.access_log.lines import lines_of
from collector.wire.access_log.reader import LineReader, Reading, reader_of
from collector.wire.access_log.tally import Tally
from collector.wire.access_log.verdict import Crowd

from .anonymize import Anonymized, Anonymizer


class Part(Struct):
    """What a piece came to."""

    taken: Anonymized
    tally: Tally = field(default_factory=Tally)
    crowd: Crowd = field(default_factory=Crowd)


class LineFailed(Exception):
    """A line on which the program failed: its number within the piece, and the kind of error. What the error says may
    quote the line."""

    def __init__(self, number: int, kind: str) -> None:
        super().__init__(f"line {number}: {kind}")
        self.number, self.kind = number, kind


class PieceReader:
    """Reads pieces of one log after the other."""

    def __init__(self, reading: Reading, keys: KeySource, geo_database: GeoDatabase, datacenters: Datacenters) -> None:
        self._reading = reading
        self._anonymizer = Anonymizer(reading.rules, keys, geo_database, datacenters)
        self._reader: LineReader | None = None

    def begin(self, sample: Sequence[str]) -> None:
        """What follows is of the log that begins with these lines."""
        self._reader = reader_of(sample, self._reading)

    def read(self, piece: bytes) -> Part:
        """Raises LineFailed."""
        assert self._reader is not None
        tally, crowd = Tally(), Crowd()
        try:
            outcomes = self._reader.outcomes(lines_of(piece), tally)
            return Part(self._anonymizer.take(outcomes, crowd.add), tally, crowd)
        except Exception as problem:
            raise LineFailed(tally.numbered, type(problem).__name__) from None
