"""The file of a backup: a zip of named members, and a table of contents with the SHA-256 of each.

In: members, or a file. Out: a file that is whole or not there, readable by its owner alone; or members that are what
they were. Promises: damaged, foreign and newer files are refused before anything is made of them; one member at a time
is in memory.
"""

from __future__ import annotations

import hashlib
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path

import msgspec
from msgspec import Struct, field, structs

from ..errors import CannotDo
from ..new_file import new_file
from ..supervisor.stamp import Stamp, refuse_newer_stamp

CONTENTS = "contents.json"
FORMAT = 1


# A site's month of rows is far smaller.
_MOST_CONTENTS, _MOST_MEMBER = 64 * 1024 * 1024, 1024 * 1024 * 1024
# What a file that is no whole backup makes zipfile and msgspec raise.
_NO_BACKUP = (
    *(zipfile.BadZipFile, zlib.error, KeyError, EOFError, ValueError, RuntimeError, NotImplementedError),
    msgspec.MsgspecError,
)


class OpenDay(Struct, frozen=True):
    """A day that was open when the backup was made: its events are not in it."""

    site: str
    day: str


class Contents(Struct, frozen=True):
    """made_at: Unix seconds. members: the SHA-256 of each, by name. days: released days of each site."""

    format: int
    made_at: int
    stamp: Stamp
    days: dict[str, int]
    open_days: list[OpenDay]
    members: dict[str, str] = field(default_factory=dict)


def write(path: Path, contents: Contents, members: Iterable[tuple[str, bytes]]) -> Contents:
    """Write members, then what they are. Raises CannotDo where the file is there already or cannot be written."""
    digests: dict[str, str] = {}
    with new_file(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members:
            digests[name] = hashlib.sha256(data).hexdigest()
            archive.writestr(name, data)
        whole = structs.replace(contents, members=digests)
        archive.writestr(CONTENTS, msgspec.json.format(msgspec.json.encode(whole)))
    return whole


class Archive:
    """An opened backup."""

    def __init__(self, path: Path) -> None:
        try:
            self._zip = zipfile.ZipFile(path)
            self.contents = msgspec.json.decode(self._bounded(CONTENTS, _MOST_CONTENTS), type=Contents)
        except FileNotFoundError:
            raise CannotDo(f"{path}: there is no such file") from None
        except (*_NO_BACKUP, OSError):
            raise CannotDo(f"{path}: is no backup of Footfall, or is cut off; take another one") from None
        self.path = path
        if self.contents.format > FORMAT:
            raise CannotDo(f"{path}: was made by a newer Footfall ({self.contents.stamp.program}); install that one")
        refuse_newer_stamp(self.contents.stamp, str(path))
        names = [name for name in self._zip.namelist() if name != CONTENTS]
        if sorted(names) != sorted(self.contents.members) or len(set(names)) != len(names):
            raise CannotDo(f"{path}: has other members than its contents say; take another backup")

    def check(self) -> None:
        """Raise CannotDo where a member is not what it was."""
        for name in self.contents.members:
            self.read(name)

    def read(self, name: str) -> bytes:
        """A member. Raises CannotDo where it is not what it was."""
        try:
            data = self._bounded(name, _MOST_MEMBER)
        except _NO_BACKUP:
            raise self._damaged(name) from None
        if hashlib.sha256(data).hexdigest() != self.contents.members.get(name):
            raise self._damaged(name)
        return data

    def below(self, folder: str) -> Iterator[tuple[str, bytes]]:
        """The members of a folder, in the order of their names."""
        for name in sorted(self.contents.members):
            if name.startswith(f"{folder}/"):
                yield name, self.read(name)

    def close(self) -> None:
        self._zip.close()

    def _bounded(self, name: str, most: int) -> bytes:
        """What is said to be larger is not unpacked, and what is larger than it says neither."""
        if self._zip.getinfo(name).file_size > most:
            raise ValueError(f"{name} is larger than any part of a backup")
        return self._zip.read(name)

    def _damaged(self, name: str) -> CannotDo:
        return CannotDo(f"{self.path}: {name} is not what it was when the backup was made; take another one")
