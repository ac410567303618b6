"""Quarantine: the single events that ClickHouse refuses for good, kept until their lifetime ends.

In: one event as stored in a spool file. Out: one small file per event, named by file and place, with the names of its
fields beside their values; a spool file again.
Promises: an event is on disk here before its spool file is deleted; it dies no later than its row would have, and
within a day if it names no visitor; replayed, it is in a sealed file before it leaves here, and stored once however
often that is cut off; erased, it is gone wherever it waits, here or in that file.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import time
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from msgspec import Struct

from schema.atomic_file import fsync_directory

from .file import (
    Header,
    OpenFile,
    lock_directory,
    make_directory,
    recover,
    seal,
    spool_files,
)
from .layout import LayoutUnknown
from .quarantine_file import Kept, arranged_row, dies_at_of, read, reason_of, whose_of, write

# The spool of what is replayed. Its directory stays: it has a watermark like every other.
REPLAY = "replay"
_REPLAY_NUMBER = 63
_SERIALS = 64


class Held(Struct, frozen=True):
    """One event in quarantine. fields: by name, as far as they are there; reason: what is wrong with it, if known."""

    name: str
    fields: dict[str, Any]
    reason: str


class Quarantine:
    """A directory of refused events. spools: where those go that are replayed; without it, `spool` beside it."""

    def __init__(self, directory: Path, spools: Path | None = None) -> None:
        self.directory = directory
        self._replayed = (spools or directory.parent / "spool") / REPLAY

    @contextlib.contextmanager
    def alone(self) -> Iterator[None]:
        """Replaying, storing what was replayed, and forgetting take turns, in whatever processes they are: or an event
        would slip by on its way from one place to the next."""
        self._make()
        descriptor = os.open(self.directory, os.O_RDONLY | os.O_DIRECTORY)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)

    def put(self, name: str, row: list[Any]) -> None:
        """Keep one event, a list in the order of its struct, durably. Putting it again changes nothing."""
        self._make()
        path = self.directory / f"{name}.event"
        write(path, row)

    def _make(self) -> None:
        # Not before it is needed: who only looks at a data directory leaves nothing in it.
        make_directory(self.directory)

    def __len__(self) -> int:
        return sum(1 for _ in self.directory.glob("*.event"))

    def expire(self, now: float) -> int:
        """Delete what has outlived its lifetime; how many."""
        expired = 0
        for path in self.directory.glob("*.event"):
            with contextlib.suppress(FileNotFoundError):  # dropped or replayed meanwhile
                if dies_at_of(path) <= now:
                    path.unlink()
                    expired += 1
        return expired

    def forget(self, visitors: Container[tuple[str, int, int]]) -> int:
        """Delete the events of visitors given as (site, day, visitor), also those that are being replayed; how many.
        Raises SpoolTaken where that must be tried again."""
        forgotten = 0
        with self.alone():
            for path in [*self.directory.glob("*.event"), *self._waiting()]:
                if whose_of(path) in visitors:
                    path.unlink(missing_ok=True)
                    forgotten += 1
        return forgotten

    def _waiting(self) -> list[Path]:
        """The files of replayed events, sealed, which the writer has not stored yet."""
        if not self._replayed.is_dir():
            return []
        lock = lock_directory(self._replayed)
        try:
            recover(self._replayed)
        finally:
            os.close(lock)
        return [path for path in spool_files(self._replayed) if path.suffix == ".sealed"]

    def held(self) -> list[Held]:
        """Every event, by name."""
        found = []
        for path in sorted(self.directory.glob("*.event")):
            try:
                kept = read(path)
            except FileNotFoundError:
                continue  # it has just been forgotten, or its lifetime ended
            except msgspec.MsgspecError:
                kept = Kept((), None)
            found.append(Held(path.stem, kept.named, reason_of(kept)))
        return found

    def drop(self, names: Iterable[str]) -> int:
        """Delete these events; how many there were."""
        dropped = 0
        for name in names:
            try:
                (self.directory / f"{name}.event").unlink()
                dropped += 1
            except FileNotFoundError:
                continue
        fsync_directory(self.directory)
        return dropped

    def replay(self, names: Iterable[str], now: float | None = None) -> int:
        """Hand these events to the writer again, each in a sealed file of its own; how many there were.

        A file's uuid follows from the event's name: should it be replayed twice, because a crash came between, its
        deduplication token is the same. Raises SpoolTaken while another replay is at work."""
        now = time.time() if now is None else now
        self.expire(now)
        directory = self._replayed
        make_directory(directory)
        with self.alone():
            lock = lock_directory(directory)
            try:
                recover(directory)
                self._undouble()
                taken = {path.stem for path in spool_files(directory)}
                replayed = 0
                for name in names:
                    source = self.directory / f"{name}.event"
                    try:
                        kept = read(source)
                        row = arranged_row(kept)
                    except (FileNotFoundError, msgspec.MsgspecError, LayoutUnknown):
                        continue  # it is gone, or nothing that a store could take
                    created, serial = _place(kept.named, int(now), taken)
                    _seal_one(directory, Header(_uuid(name), created, serial, _REPLAY_NUMBER, 1), row)
                    source.unlink(missing_ok=True)
                    replayed += 1
                fsync_directory(self.directory)
                return replayed
            finally:
                os.close(lock)

    def _undouble(self) -> None:
        """A replay that was cut off before the event left here, and then refused, has put it here under a second name:
        replayed under both it would be stored twice."""
        names = {path.stem for path in self.directory.glob("*.event")}
        for name in names:
            if _put_back(name) in names:
                (self.directory / f"{_put_back(name)}.event").unlink(missing_ok=True)


def _place(named: dict[str, Any], now: int, taken: set[str]) -> tuple[int, int]:
    """Second and serial of the file an event is replayed in: its own second, because a spool's watermark and the order
    of events follow from it; an earlier one where that is full."""
    try:
        created = int(named["received"])
    except (ValueError, TypeError, KeyError, OverflowError):
        created = now
    created = created if 0 < created <= now else now
    while True:
        for serial in range(_SERIALS):
            stem = f"{created:010d}-{serial:02d}"
            if stem not in taken:
                taken.add(stem)
                return created, serial
        created -= 1


def _seal_one(directory: Path, header: Header, row: Any) -> None:
    file = OpenFile(directory / f"{header.created:010d}-{header.serial:02d}.open", header)
    try:
        file.commit([row], [])
    finally:
        file.close()
    seal(file.path)


def _uuid(name: str) -> str:
    return hashlib.blake2b(f"replay {name}".encode(), digest_size=16).hexdigest()


def _put_back(name: str) -> str:
    """What the writer calls an event of this name that was replayed and refused again."""
    return f"{_uuid(name)}-0"
