"""Fault 2: a power cut at any step: what was not fsynced is gone, but nothing acknowledged is lost or doubled."""

from __future__ import annotations

import asyncio
import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from pipeline.settings import SpoolSettings
from pipeline.spool import thread as spool_thread
from pipeline.spool.quarantine import Quarantine
from pipeline.spool.spool import Spool
from pipeline.writer import COLUMNS, Writer
from schema.event import Event
from schema.store import RowsRefused
from tests.conftest import make_event
from tests.faults.disk import watched
from tests.faults.spooled import DAY, NOON

POISON = 5
GROUPS = ((1, 2), (3, 4, POISON, 6), (7,), (8, 9), (10,))
SETTINGS = SpoolSettings(seal_after_s=60.0, seal_bytes=4_000, keep_free_bytes=0)


class Shelf:
    """A store that power cuts do not reach: it takes a token once, and refuses what a column cannot hold."""

    def __init__(self, taken: dict[str, list[int]] | None = None) -> None:
        self.taken = dict(taken or {})

    def insert(self, table: str, columns: Sequence[str], data: Sequence[Sequence[Any]], token: str = "") -> None:
        if table != "events":
            return
        if max(data[COLUMNS.index("scroll")]) > 255:
            raise RowsRefused("scroll")
        self.taken.setdefault(token, list(data[COLUMNS.index("visitor")]))

    @property
    def visitors(self) -> list[int]:
        return [visitor for visitors in self.taken.values() for visitor in visitors]


class Platter:
    """What of a directory would be there after a power cut: contents as of their last sync, names as of their
    directory's."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._contents: dict[int, bytes] = {}
        self._names: dict[Path, dict[str, int]] = {root: {}}

    def after(self, kind: str, path: Path) -> None:
        if kind == "fsync" and path.is_dir():
            self._names[path] = self._listed(path)
        elif kind in ("sync", "fsync"):
            self._contents[path.stat().st_ino] = path.read_bytes()

    def left(self, image: Path, how: str) -> None:
        """Write down what is left. how: "synced"; "names": names got ahead of contents, as journals of metadata
        allow; "torn": half of what was not synced came through."""
        image.mkdir()
        self._copy(self.root, image, how)

    def _copy(self, directory: Path, image: Path, how: str) -> None:
        now = self._listed(directory)
        inodes = {inode: directory / name for name, inode in now.items()}
        for name, inode in (now if how == "names" else self._names.get(directory, {})).items():
            there, copy = inodes.get(inode), image / name
            if (directory / name).is_dir():
                copy.mkdir()
                self._copy(directory / name, copy, how)
                continue
            content = self._contents.get(inode, b"")
            if how == "torn" and there is not None:
                current = there.read_bytes()
                both = zip(current, content, strict=False)
                since = next((at for at, (new, old) in enumerate(both) if new != old), len(content))
                half = (since + max(since, len(current.rstrip(b"\0")))) // 2
                content = current[:half] + content[half:]
            copy.write_bytes(content)

    def _listed(self, directory: Path) -> dict[str, int]:
        return {entry.name: entry.inode() for entry in os.scandir(directory)}


class Cut:
    """A power cut: what had been acknowledged and stored by then, and what is left of the disk."""

    def __init__(self, image: Path, where: str, acknowledged: set[int], shelf: Shelf) -> None:
        self.image, self.where, self.acknowledged, self.shelf = image, where, set(acknowledged), Shelf(shelf.taken)


def event(number: int) -> Event:
    more = {"scroll": 999} if number == POISON else {}
    return make_event("cut", NOON, DAY, visitor=number, path="/" + "x" * 900, **more)


async def live(data: Path, images: Path, how: str) -> list[Cut]:
    """One life of a spool, its writer and its quarantine; a cut before every step of it."""
    platter, shelf, cuts = Platter(data), Shelf(), []
    acknowledged: set[int] = set()

    def before(kind: str, path: Path) -> None:
        cut = Cut(images / str(len(cuts)), f"before {kind} {path.name}", acknowledged, shelf)
        platter.left(cut.image, how)
        cuts.append(cut)

    quarantine = Quarantine(data / "quarantine")
    with watched(data, before, platter.after):
        spool = Spool(data / "spool" / "0", 0, SETTINGS)
        spool.start()
        writer = Writer(shelf, data / "spool", quarantine)  # type: ignore[arg-type]
        for numbers in GROUPS:
            await spool.append([event(number) for number in numbers])
            acknowledged.update(numbers)
        await asyncio.to_thread(spool.stop)
        writer.drain()
        quarantine.replay([held.name for held in quarantine.held()])
        writer.drain()
        before("the", Path("end"))
    return cuts


async def start_again(cut: Cut) -> tuple[list[int], list[int]]:
    """(stored, in quarantine) once everything that is left has been drained."""
    spool = Spool(cut.image / "spool" / "0", 0, SETTINGS)
    spool.start()
    await asyncio.to_thread(spool.stop)
    quarantine = Quarantine(cut.image / "quarantine")
    writer = Writer(cut.shelf, cut.image / "spool", quarantine)  # type: ignore[arg-type]
    while writer.drain():
        pass
    return cut.shelf.visitors, [held.fields["visitor"] for held in quarantine.held() if held.fields]


@pytest.mark.slow
@pytest.mark.parametrize("how", ["synced", "names", "torn"])
def test_a_power_cut_at_any_step_loses_nothing_acknowledged(
    tmp_path: Path, how: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool_thread, "CHUNK_ROWS", 4)
    data, images = tmp_path / "data", tmp_path / "images"
    data.mkdir()
    images.mkdir()
    cuts = asyncio.run(live(data, images, how))
    everything = {number for numbers in GROUPS for number in numbers}
    assert cuts[-1].acknowledged == everything
    assert len(cuts) > 50
    for cut in cuts:
        stored, quarantined = asyncio.run(start_again(cut))
        assert cut.acknowledged <= {*stored, *quarantined}, cut.where
        assert len(set(stored)) == len(stored), cut.where
        assert set(stored) <= everything - {POISON}, cut.where
        shutil.rmtree(cut.image)


def test_the_platter_forgets_what_was_not_synced(tmp_path: Path) -> None:
    """The measure itself: without its fsync a file is not there."""
    data = tmp_path / "data"
    data.mkdir()
    platter = Platter(data)
    with watched(data, lambda kind, path: None, platter.after):
        for name, synced in (("a", True), ("b", False)):
            descriptor = os.open(data / name, os.O_WRONLY | os.O_CREAT)
            os.write(descriptor, b"content")
            if synced:
                os.fsync(descriptor)
            os.close(descriptor)
        platter.left(tmp_path / "before", "synced")
        descriptor = os.open(data, os.O_RDONLY)
        os.fsync(descriptor)
        os.close(descriptor)
        platter.left(tmp_path / "after", "synced")
    assert not list((tmp_path / "before").iterdir())
    left = {path.name: path.read_bytes() for path in (tmp_path / "after").iterdir()}
    assert left == {"a": b"content", "b": b""}
