"""A process that helps to read a log: `python -m footfall.importing.reading_process`, started by an import only.

In: messages on standard input. Out: an answer to each piece on standard output. Promises: addresses, agents and keys
are in its memory only; nothing of a line is in an error; where whoever started it is gone, it ends.
"""

from __future__ import annotations

import contextlib
import gc

from collector.keys.key import SiteDay
from collector.privacy.address import Proxies
from collector.wire.access_log.reader import Reading

from ..databases import datacenters_of, geo_database_of
from .messages import (
    TO_PROCESS,
    Begin,
    Done,
    Failed,
    Gone,
    NeedsKey,
    Piece,
    Pipe,
    Setup,
    receive,
    receive_bytes,
    send,
)
from .piece import LineFailed, PieceReader


class _AskedKeys:
    """Keys of whoever imports, asked for once each."""

    def __init__(self, incoming: Pipe, outgoing: Pipe) -> None:
        self._incoming, self._outgoing = incoming, outgoing
        self._keys: dict[SiteDay, bytearray] = {}

    def key(self, site: str, day: int) -> bytearray:
        if (site, day) not in self._keys:
            send(self._outgoing, NeedsKey(site, day))
            self._keys[site, day] = receive_bytes(self._incoming)
        return self._keys[site, day]


def main() -> None:
    """Read pieces until there are no more."""
    with (
        contextlib.suppress(Gone, KeyboardInterrupt),
        # Without a buffer, so that no key stays in one.
        open(0, "rb", buffering=0, closefd=False) as incoming,
        open(1, "wb", buffering=0, closefd=False) as outgoing,
    ):
        _answer(incoming, outgoing)


def _answer(incoming: Pipe, outgoing: Pipe) -> None:
    setup = receive(incoming, TO_PROCESS)
    assert isinstance(setup, Setup)
    rules = setup.settings.collector_rules()[setup.site]
    proxies = Proxies(setup.settings.collector.trusted_proxies)
    reading = Reading(rules, setup.declared, proxies, setup.redirects, setup.format)
    keys = _AskedKeys(incoming, outgoing)
    reader = PieceReader(reading, keys, geo_database_of(setup.settings), datacenters_of(setup.settings))
    _look_for_garbage_rarely()
    while True:
        match receive(incoming, TO_PROCESS):
            case Begin(sample):
                reader.begin(sample)
            case Piece(lines):
                send(outgoing, _read(reader, lines))


def _look_for_garbage_rarely() -> None:
    """What a piece comes to has no cycles, and what is loaded now stays."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000)


def _read(reader: PieceReader, lines: bytes) -> Done | Failed:
    try:
        return Done(reader.read(lines))
    except LineFailed as failed:
        return Failed(failed.number, failed.kind)


if __name__ == "__main__":
    main()
