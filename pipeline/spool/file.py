"""The files of a spool, for the spool, the writer and the quarantine.

In: groups of records. Out: sealed files, and what is in them.
Promises: a group is on disk when `commit` returns; what a crash left open is sealed with every group that was whole.

A spool is a directory locked for life by its owner. Its files are logs (log.py) named by the second of their
creation; `*.open` is being written, `*.sealed` never changes again. Format 3 (tests/pipeline/golden-3.sealed), all of
it msgpack:
    first frame         a map: format, uuid, created, serial, spool, chunk_rows; fields: by kind of record the names of
                        its fields
    every other frame   a group, a map: of its kinds ("events", "counts", "erasures", "crawlers") the records as arrays
Formats 1 and 2 were databases, and are still read (sqlite.py).
"""

from __future__ import annotations

import fcntl
import os
import re
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import msgspec
import structlog
from msgspec import Raw, Struct

from schema.atomic_file import fsync_directory, write_atomically
from schema.event import Count, CrawlerViews, Erasure, Event

from .aside import keep_copy, set_aside
from .layout import FIELDS, RECORDS, arranged
from .log import LogFile, closed, read_log
from .sqlite import Content, close_database, is_database, read_database

log = structlog.get_logger("spool")

_Record = TypeVar("_Record")

FORMAT = 3
# Frames before the groups.
_HEADERS = 1
# Rows of one INSERT: 20,000-row inserts with fsync made 333,000 rows/s where 64-row ones made 7,560. Written into
# each file's header, so that a chunk (and its deduplication token) means the same rows for ever.
CHUNK_ROWS = 20_000
# Seconds and serial of a file's creation.
_NAME = re.compile(r"\d{1,10}-\d{1,2}\.(open|sealed)")
# Bits of `sequence`: seconds 32 | serial 6 | spool 6 | place 20.
PLACE_BITS, SPOOL_BITS, SERIAL_BITS = 20, 6, 6


class SpoolTaken(Exception):
    """Another process owns this spool directory."""


class SpoolFileBad(Exception):
    """A spool file cannot be read as what it claims to be."""


class Header(Struct, frozen=True):
    """What a file says about itself."""

    uuid: str
    created: int
    serial: int
    spool: int
    chunk_rows: int

    def sequence(self, place: int) -> int:
        """Orders events across files: by second of the file, serial, spool, place in the file."""
        upper = (self.created << SERIAL_BITS | self.serial) << SPOOL_BITS | self.spool % (1 << SPOOL_BITS)
        return upper << PLACE_BITS | place


class OpenFile:
    """The file being written. Raises OSError wherever the disk does; what did so once is not written again."""

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.opened = time.monotonic()
        self.places = 0
        self._log = LogFile(path)
        # Written with the first group: until then nothing has to be on disk but the file's name.
        self._unwritten = [
            msgspec.msgpack.encode({"format": FORMAT, **msgspec.structs.asdict(header), "fields": FIELDS})
        ]
        try:
            fsync_directory(path.parent)
        except BaseException:
            self._log.abandon()
            raise

    @property
    def size(self) -> int:
        """Bytes that are written."""
        return self._log.size

    def commit(
        self,
        events: Sequence[Event | Raw],
        counts: Sequence[Count],
        erasures: Sequence[Erasure] = (),
        crawlers: Sequence[CrawlerViews] = (),
    ) -> None:
        """Make one group durable: one frame, one write."""
        if self.places + len(events) >= 1 << PLACE_BITS:
            raise OSError("spool file is full")
        kinds = (("events", events), ("counts", counts), ("erasures", erasures), ("crawlers", crawlers))
        # A group of nothing but waiting takes as long as any other: how long an answer takes tells nothing either.
        self._log.append(
            *self._unwritten, msgspec.msgpack.encode({kind: records for kind, records in kinds if records})
        )
        self._unwritten = []
        self.places += len(events)

    def close(self) -> None:
        """End the log: nothing follows."""
        self._log.close(*self._unwritten)

    def abandon(self) -> None:
        """Close it as it is, for `recover_file` to look at."""
        self._log.abandon()


def lock_directory(directory: Path) -> int:
    """Own the directory for as long as the returned descriptor is open."""
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise SpoolTaken(f"{directory}: another process owns it; stop that one or choose another --data") from None
    return descriptor


def spool_files(directory: Path) -> list[Path]:
    """The open and sealed files, oldest first."""
    return sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name))


def created_at(path: Path) -> int:
    """The second in which a spool file was begun: no event in it was received more than IN_FLIGHT_S earlier."""
    return created_serial(path)[0]


def recover(directory: Path) -> None:
    """Seal what a crash left open. The caller owns the directory."""
    for path in list(directory.iterdir()):
        if path.suffix in (".open", ".sealed") and not _NAME.fullmatch(path.name):
            try:
                set_aside(path, "its name tells no place in the order of events")
            except OSError as problem:
                log.warning("spool_recovery_postponed", kind=type(problem).__name__, file=path.name)
        elif path.suffix == ".open":
            recover_file(path)


def recover_file(path: Path) -> bool:
    """Seal one file that was left open; True once it needs no more care. Unreadable ones are set aside, and so is a
    copy of one that is damaged."""
    try:
        try:
            holds_groups = close_database(path) if is_database(path) else _close_log(path)
        except ValueError as problem:
            set_aside(path, str(problem))
            return True
        if holds_groups:
            seal(path)
        else:  # the crash came before the first group was committed: nothing was acknowledged
            discard(path)
    except OSError as problem:
        log.warning("spool_recovery_postponed", kind=type(problem).__name__, file=path.name)
        return False
    return True


def _close_log(path: Path) -> bool:
    """End a log after its last whole group; whether there is one. Raises ValueError where it cannot be read."""
    content = path.read_bytes()
    found = read_log(content)
    # Zeroes are room for more. Anything else is a group that was being written, or one that was acknowledged and is
    # damaged: nobody can tell, so it is kept.
    lost = len(content[len(found.whole) :].rstrip(b"\0"))
    if not found.bodies and lost:
        raise ValueError("its beginning is damaged, or none of a spool file")
    if lost:
        keep_copy(path, content, lost)
    if len(found.bodies) <= _HEADERS:
        return False
    # Written anew: after a write that failed, what is read may be in memory only.
    write_atomically(path, closed(found))
    return True


def discard(path: Path) -> None:
    """Delete a file that holds nothing, itself last."""
    for name in (f"{path.name}-journal", f"{path.name}-wal", path.name):
        path.with_name(name).unlink(missing_ok=True)


def seal(path: Path) -> None:
    """From now on the file never changes. Raises OSError."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())
    path.rename(path.with_suffix(".sealed"))
    fsync_directory(path.parent)


class Sealed(NamedTuple):
    """What is in a sealed file. rows: its events, as lists in the order of the struct's fields."""

    header: Header
    rows: list[list[Any]]
    counts: list[Count]
    erasures: list[Erasure]
    crawlers: list[CrawlerViews]


def read_sealed(path: Path) -> Sealed:
    """All of a sealed file. Raises SpoolFileBad, or OSError where the file may be readable later."""
    header, found = _read(path)
    return Sealed(
        header,
        found["events"],
        _typed(path, found["counts"], Count),
        _typed(path, found["erasures"], Erasure),
        _typed(path, found["crawlers"], CrawlerViews),
    )


def _read(path: Path) -> tuple[Header, dict[str, list[list[Any]]]]:
    """The header, and the records by kind, as lists in the order of this version's fields."""
    try:
        fields, layout, groups = read_database(path) if is_database(path) else _read_log(path)
        header = msgspec.convert(fields, Header)
        if header.chunk_rows < 1:
            raise ValueError(f"chunks of {header.chunk_rows} rows")
        rows: dict[str, list[list[Any]]] = {kind: [] for kind in RECORDS}
        for kind, body in groups:
            if kind not in layout:
                raise ValueError("a group of unknown kind")
            rows[kind] += msgspec.msgpack.decode(body, type=list[list[Any]])
        return header, {kind: _arranged(kind, layout, found) for kind, found in rows.items()}
    except (msgspec.MsgspecError, TypeError, UnicodeError, RecursionError) as problem:
        raise SpoolFileBad(f"{path.name}: {type(problem).__name__}") from None
    except ValueError as problem:
        raise SpoolFileBad(f"{path.name}: {problem}") from None


def _read_log(path: Path) -> Content:
    found = read_log(path.read_bytes())
    if not found.bodies or not found.is_closed:
        raise ValueError("damaged, or no spool file")
    fields: dict[str, Any] = msgspec.msgpack.decode(found.bodies[0], type=dict[str, Any])
    if (written_as := fields.pop("format", None)) != FORMAT:
        raise ValueError(f"of format {written_as!r:.20}, which this version does not read")
    named = msgspec.convert(fields.pop("fields", None), dict[str, list[str]])
    layout = {kind: names for kind, names in named.items() if kind in RECORDS}
    groups = (msgspec.msgpack.decode(body, type=dict[str, Raw]) for body in found.bodies[_HEADERS:])
    return fields, layout, [(kind, bytes(body)) for group in groups for kind, body in group.items()]


def _arranged(kind: str, layout: Mapping[str, Sequence[str]], rows: list[list[Any]]) -> list[list[Any]]:
    if not rows:
        return rows
    arrange = arranged(kind, layout[kind])
    return rows if arrange is None else [arrange(row) for row in rows]


def _typed(path: Path, rows: list[list[Any]], record: type[_Record]) -> list[_Record]:
    try:
        return msgspec.convert(rows, list[record])  # type: ignore[valid-type]
    except (msgspec.MsgspecError, ValueError, TypeError) as problem:
        raise SpoolFileBad(f"{path.name}: {type(problem).__name__}") from None


def chunks(rows: Sequence[list[Any]], size: int) -> Iterator[tuple[int, Sequence[list[Any]]]]:
    """The file's rows in pieces whose boundaries follow from the file alone."""
    for index, start in enumerate(range(0, len(rows), size)):
        yield index, rows[start : start + size]


def created_serial(path: Path) -> tuple[int, int]:
    """The second in which a spool file was begun, and which of that second it is."""
    created, _, serial = path.stem.partition("-")
    return int(created), int(serial)


def make_directory(directory: Path) -> None:
    """Make a directory of its owner's, and those above it. Their names are durable before anything is in them."""
    if not directory.is_dir():
        make_directory(directory.parent)
        directory.mkdir(exist_ok=True, mode=0o700)
        fsync_directory(directory.parent)
