"""A new instance out of a backup.

In: a file, the settings of an instance that has nothing yet. Out: a store with every released day, accounts, tokens,
the key journal. Promises: everything is checked, digest by digest, before the instance may use it; a refusal leaves
nothing behind; a day that was open, or that began before the restore, is never released as if it were whole.
"""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct

from pipeline.annotations import put_back_annotations
from pipeline.copying import (
    ManifestBroken,
    Part,
    months_of,
    put_back,
    put_back_entries,
    readable,
)
from pipeline.manifest import Entry
from pipeline.verify import check_chain, check_rows
from schema.annotations import Annotation
from schema.atomic_file import write_atomically
from schema.families import FAMILIES, LATE
from schema.migrate import migrate
from schema.site import Site
from schema.store import RowsRefused, Store

from ..data_directory import open_store
from ..errors import CannotDo
from ..settings import Settings
from ..settings.edit_file import FOLDER as EDITS
from ..settings.edit_file import change, parsed
from ..supervisor.paths import account_file, delivery_file, former_sites, key_journal, token_file
from ..supervisor.stamp import write_stamp
from .archive import Archive, Contents
from .making import ACCOUNTS, DELIVERIES, JOURNAL, NOTES, SITES, TOKENS

_RESTORED = "restored.json"
_TABLES = (
    "annotations",
    "manifest",
    *(f"released_{family}" for family in FAMILIES),
    *(f"late_{family}" for family in LATE),
)


class Restored(Struct, frozen=True):
    """at, made_at: when the instance was restored and when its backup was made, Unix seconds. open_days: those that
    were open then, as (site, ISO day)."""

    at: int
    made_at: int
    open_days: list[tuple[str, str]]


def restored(directory: Path) -> Restored | None:
    """What a data directory was restored from, if it was."""
    try:
        return msgspec.json.decode((directory / _RESTORED).read_bytes(), type=Restored)
    except FileNotFoundError:
        return None


def restore(settings: Settings, path: Path, progress: Callable[[int, int], None] = lambda done, of: None) -> Contents:
    """Make an instance of a backup. Raises CannotDo; then nothing is left behind."""
    archive = Archive(path)
    try:
        archive.check()
        directory = settings.directory
        if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
            raise CannotDo(f"data = {str(directory)!r}: is not empty; restore into a directory that is new")
        made_directory = not directory.exists()
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            _fill(settings, archive, progress)
        except BaseException:
            for left in directory.iterdir():
                shutil.rmtree(left) if left.is_dir() else left.unlink()
            if made_directory:
                directory.rmdir()
            raise
        return archive.contents
    finally:
        archive.close()


def _fill(settings: Settings, archive: Archive, progress: Callable[[int, int], None]) -> None:
    store = open_store(settings, make=True)
    try:
        migrate(store)
        _refuse_full(store)
        try:
            _put_back(store, archive, progress)
        except BaseException as problem:
            if not store.embedded:  # whose files go with the directory
                for table in _TABLES:
                    store.command(f"TRUNCATE TABLE {store.local(table)}")
            if isinstance(problem, (ManifestBroken, RowsRefused)):
                raise CannotDo(f"{archive.path}: {problem}; take another backup") from None
            raise
    finally:
        store.close()
    files = (
        (ACCOUNTS, account_file(settings)),
        (DELIVERIES, delivery_file(settings)),
        (TOKENS, token_file(settings)),
        (JOURNAL, key_journal(settings)),
        (SITES, former_sites(settings)),
    )
    for name, place in files:
        if name in archive.contents.members:
            write_atomically(place, archive.read(name))
    for name, data in archive.below(EDITS):
        _put_back_edits(settings, archive, name, data)
    contents = archive.contents
    told = Restored(int(time.time()), contents.made_at, [(one.site, one.day) for one in contents.open_days])
    write_atomically(settings.directory / _RESTORED, msgspec.json.encode(told))
    write_stamp(settings.directory)


def _put_back(store: Store, archive: Archive, progress: Callable[[int, int], None]) -> None:
    """Rows first, then the site's entries, which make them readable."""
    done, of = 0, len(archive.contents.members)
    if NOTES in archive.contents.members:
        put_back_annotations(store, _notes_of(archive))
    for name, data in archive.below("manifest"):
        try:
            entries = msgspec.json.decode(data, type=list[Entry])
        except msgspec.MsgspecError:
            raise CannotDo(f"{archive.path}: {name} cannot be read; take another backup") from None
        check_chain(entries)
        number = name.removeprefix("manifest/").removesuffix(".json")
        for month, mine in months_of(readable(entries)).items():
            for kind, family in ((kind, family) for kind in ("released", "late") for family in FAMILIES):
                member = f"{kind}/{number}/{month:%Y-%m}/{family}.tsv"
                if member in archive.contents.members:
                    put_back(store, Part(family, kind == "late", entries[0].site, month, archive.read(member)), mine)
                    done += 1
                    progress(done, of)
            check_rows(store, entries[0].site, mine)
        if entries:
            put_back_entries(store, entries)


def _notes_of(archive: Archive) -> list[Annotation]:
    try:
        return msgspec.json.decode(archive.read(NOTES), type=list[Annotation])
    except msgspec.MsgspecError:
        raise CannotDo(f"{archive.path}: {NOTES} cannot be read; take another backup") from None


def _put_back_edits(settings: Settings, archive: Archive, name: str, data: bytes) -> None:
    key = name.removeprefix(f"{EDITS}/").removesuffix(".json")
    try:
        edits = parsed(data, f"{archive.path}: {name}", key)
        change(settings.directory, Site(key).key, lambda _: edits)
    except ValueError as problem:
        raise CannotDo(str(problem)) from None


def _refuse_full(store: Store) -> None:
    for table in ("events", *_TABLES):
        if store.rows(f"SELECT 1 FROM {table} LIMIT 1"):
            raise CannotDo(f"store.dsn = {store.name}: {table} has rows; restore into a database that is new")
