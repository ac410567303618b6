"""The files of what editors declare: DATA/edits, one of each site.

In: a data directory, a site. Out: its `Edits`. Promises: a file is whole or as it was before, its owner's alone; one
that cannot be read, or that a newer Footfall wrote, is never written over.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from schema.atomic_file import exclusively, remove, write_atomically

from .edits import FORMAT, Edits

FOLDER = "edits"
# It is read and written whole: of a thousand versions each may have as much as a big site declares, 16 kB.
MOST_BYTES = 16_000_000


class EditsUnreadable(ValueError):
    """What editors declared cannot be read; the text says what to do."""


class EditsTooBig(ValueError):
    """What editors declared, with all its versions, is more than is kept; the text says what to do."""


class _Format(Struct):
    format: int


def path_of(directory: Path, key: str) -> Path:
    """The file of a site. A key is safe as a name (schema/site.py)."""
    return directory / FOLDER / f"{key}.json"


def read(directory: Path, key: str) -> Edits:
    """What was declared of a site. Raises EditsUnreadable."""
    path = path_of(directory, key)
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return Edits(FORMAT, key, ())
    except OSError as problem:
        raise EditsUnreadable(f"{path}: cannot be read: {problem.strerror}; give this user the rights") from None
    return parsed(text, str(path), key)


def parsed(text: bytes, where: str, key: str) -> Edits:
    """The same of its content. Raises EditsUnreadable."""
    remedy = "restore it from a backup, or move it away: then what the settings file says holds alone"
    try:
        if (found := msgspec.json.decode(text, type=_Format).format) > FORMAT:
            raise EditsUnreadable(f"{where}: is of format {found}, this Footfall reads {FORMAT}; install the newer one")
        edits = msgspec.json.decode(text, type=Edits)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as problem:
        raise EditsUnreadable(f"{where}: cannot be read: {problem}; {remedy}") from None
    numbers = [version.number for version in edits.versions]
    if edits.site != key or numbers != sorted({*numbers}):
        raise EditsUnreadable(f"{where}: is not of {key}, or its versions are not in their order; {remedy}")
    return edits


def change(directory: Path, key: str, changed: Callable[[Edits], Edits], most: int = 0) -> Edits:
    """Replace what was declared of a site by what is made of it; nobody else is in between. most: bytes, 0: however
    many. Raises EditsUnreadable, EditsTooBig."""
    path = path_of(directory, key)
    with exclusively(path):
        edits = changed(read(directory, key))
        data = msgspec.json.format(msgspec.json.encode(edits)) + b"\n"
        if 0 < most < len(data):
            raise EditsTooBig(
                f"{FOLDER}/{path.name} would have {len(data):,} bytes with all its versions, {most:,} are the most: "
                "whoever runs the server takes what is declared into the settings file and moves this file away"
            )
        write_atomically(path, data)
    return edits


def forget(directory: Path, key: str) -> None:
    """Remove what was declared of a site."""
    if (path := path_of(directory, key)).parent.exists():
        remove(path)
