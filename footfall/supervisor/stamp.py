"""The stamp of a data directory: which program wrote there last, and in which formats.

In: a data directory. Out: nothing, or a refusal. Promises: what a newer Footfall has written is refused before anything
is opened; a directory without a stamp is an older one; the stamp is whole or not there. (A single spool file of a newer
format in a directory without a newer stamp is set aside by the writer, and does not keep the instance from starting.)
"""

from __future__ import annotations

from pathlib import Path

import msgspec
from msgspec import Struct

from pipeline.spool.file import FORMAT
from schema.atomic_file import write_atomically
from schema.migrate import WrittenByNewer, last_migration

from ..version import PROGRAM, commit, release_of

NAME = "stamp.json"


class StampUnreadable(Exception):
    """There is a stamp that nobody can read."""


class Stamp(Struct, frozen=True):
    """migration: number of the last one that the program knows. spool: format of the spool files that it writes."""

    program: str
    commit: str
    migration: int
    spool: int


def stamp_of_this() -> Stamp:
    """What this program stamps."""
    return Stamp(PROGRAM, commit(), last_migration(), FORMAT)


def read_stamp(directory: Path) -> Stamp | None:
    """The stamp of a data directory, None if it has none. Raises StampUnreadable."""
    path = directory / NAME
    try:
        return msgspec.json.decode(path.read_bytes(), type=Stamp)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError) as problem:
        raise StampUnreadable(
            f"{path}: is no stamp that can be read ({type(problem).__name__}); if no newer Footfall ever ran there, "
            "delete that file, or else restore a backup"
        ) from None


def refuse_newer(directory: Path) -> None:
    """Raise WrittenByNewer where a newer Footfall has written into it, StampUnreadable if nobody can tell."""
    stamp = read_stamp(directory)
    if stamp is not None:
        refuse_newer_stamp(stamp, f"data = {str(directory)!r}")


def refuse_newer_stamp(stamp: Stamp, where: str) -> None:
    """Raise WrittenByNewer where the stamp is a newer Footfall's. where: what bears it."""
    mine, newer = stamp_of_this(), []
    if release_of(stamp.program) > release_of(mine.program):
        newer.append(f"version {stamp.program}, this is {mine.program}")
    if stamp.migration > mine.migration:
        newer.append(f"migrations up to {stamp.migration:04}, this one knows {mine.migration:04}")
    if stamp.spool > mine.spool:
        newer.append(f"spool format {stamp.spool}, this one reads {mine.spool}")
    if newer:
        raise WrittenByNewer(where, f"{stamp.program}, commit {stamp.commit}: {'; '.join(newer)}")


def write_stamp(directory: Path) -> None:
    """Say that this program writes here from now on."""
    if read_stamp(directory) == stamp_of_this():
        return
    write_atomically(directory / NAME, msgspec.json.format(msgspec.json.encode(stamp_of_this())) + b"\n")
