"""Visitor keys: one per site and local day, random, in RAM only, destroyed 10 s after the day (rules H2, H3).

In: the sites and the time. Out: a key, or `NoKey`: without one, nothing is collected.
Promises: only `KeyKeeper` makes keys; no key is derived from anything; the file is on tmpfs, 0600; each creation,
destruction and loss is written to a journal that holds no key.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import json
import os
import secrets
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from schema.site import Site, day_bounds, day_number, local_day

KEY_BYTES = 32
# A request received before midnight may still be in the collector; what pipeline/spool.py calls IN_FLIGHT_S.
DESTROY_AFTER_S = 10
# Tomorrow's key is there before the first request of tomorrow is.
_CREATE_BEFORE_S = 60
_RAM_FILESYSTEMS = ("tmpfs", "ramfs")

SiteDay = tuple[str, int]


class NoKey(Exception):
    """There is no key for that site and day."""


class KeysOnDisk(Exception):
    """The key directory is not in RAM."""


class KeyFile:
    """The keys as the workers see them: re-read when the file changed, wiped when they leave it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._keys: dict[SiteDay, bytearray] = {}
        self._version: tuple[int, int] = (0, 0)

    def key(self, site: str, day: int) -> bytearray:
        """The key of a site-day. Raises NoKey."""
        key = self._keys.get((site, day))
        if key is None:
            self.refresh()
            key = self._keys.get((site, day))
            if key is None:
                raise NoKey("no visitor key for this site and day")
        return key

    def refresh(self) -> None:
        """Follow the file. A file that is gone leaves no key: collection fails closed."""
        try:
            status = os.stat(self.path)
            if (status.st_ino, status.st_mtime_ns) == self._version:
                return
            fresh = read_keys(self.path)
            self._version = (status.st_ino, status.st_mtime_ns)
        except FileNotFoundError:
            fresh, self._version = {}, (0, 0)
        stale, self._keys = self._keys, fresh
        for key in stale.values():
            wipe(key)


class KeyKeeper:
    """Makes and destroys keys. One per machine: the directory is locked."""

    def __init__(
        self,
        directory: Path,
        journal: Path,
        sites: Sequence[Site],
        allow_disk: bool = False,
        clock: Callable[[], float] = time.time,
    ) -> None:
        directory.mkdir(parents=True, exist_ok=True, mode=0o700)
        if not allow_disk and not in_ram(directory):
            raise KeysOnDisk(
                f"keys.directory = {str(directory)!r} is on a disk, where a destroyed key can be recovered; "
                "name a directory on tmpfs (such as one in /dev/shm)"
            )
        self.path = directory / "keys"
        self._journal = journal
        self._sites = sites
        self._clock = clock
        self._lock_fd = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._lock_fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(self._lock_fd)
            raise KeysOnDisk(f"keys.directory = {str(directory)!r}: another process keeps keys there") from None
        try:
            self._keys = read_keys(self.path)
        except (FileNotFoundError, msgspec.MsgspecError):
            self._keys = {}
        self._note_lost()

    def turn(self) -> None:
        """Create what is needed now, destroy what is over."""
        now = self._clock()
        wanted: set[SiteDay] = set()
        for site in self._sites:
            today = local_day(site.timezone, now)
            wanted.add((site.key, today.number))
            if today.end - now <= _CREATE_BEFORE_S:
                wanted.add((site.key, today.number + 1))
            yesterday = (site.key, today.number - 1)
            if yesterday in self._keys and now < today.start + DESTROY_AFTER_S:
                wanted.add(yesterday)
        created, destroyed = wanted - self._keys.keys(), self._keys.keys() - wanted
        if not created and not destroyed:
            return
        for site_day in created:
            self._keys[site_day] = bytearray(secrets.token_bytes(KEY_BYTES))
        for site_day in destroyed:
            wipe(self._keys.pop(site_day))
        self._write()
        self._note("created", created)
        self._note("destroyed", destroyed)

    def close(self) -> None:
        """Let go of the directory. The file stays, so that a restart keeps the day's counts."""
        os.close(self._lock_fd)

    def _write(self) -> None:
        partial = self.path.with_suffix(".partial")
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.msgpack.encode([(site, day, bytes(key)) for (site, day), key in self._keys.items()]))
        partial.rename(self.path)

    def _note(self, what: str, site_days: set[SiteDay]) -> None:
        if not site_days:
            return
        with open(self._journal, "a", encoding="utf-8") as file:
            for site, day in sorted(site_days):
                date = (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()
                file.write(json.dumps({"at": int(self._clock()), "what": what, "site": site, "day": date}) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def _note_lost(self) -> None:
        """Keys that the journal knows alive and that are gone: their days may count a visitor twice."""
        alive: set[SiteDay] = set()
        for entry in read_journal(self._journal):
            site_day = (entry["site"], day_number(dt.date.fromisoformat(entry["day"])))
            (alive.add if entry["what"] == "created" else alive.discard)(site_day)
        zones = {site.key: site.timezone for site in self._sites}
        gone = alive - self._keys.keys()
        over = {(s, d) for s, d in gone if s not in zones or day_bounds(zones[s], d).end <= self._clock()}
        self._note("destroyed", over)
        self._note("lost", gone - over)


class PassingKeys:
    """Keys of past days for an import: made on first use, in memory only, gone with the command."""

    def __init__(self) -> None:
        self._keys: dict[SiteDay, bytearray] = {}

    def key(self, site: str, day: int) -> bytearray:
        """The key of a site-day, made now if there was none."""
        if (site, day) not in self._keys:
            self._keys[site, day] = bytearray(secrets.token_bytes(KEY_BYTES))
        return self._keys[site, day]

    def destroy(self) -> None:
        for key in self._keys.values():
            wipe(key)
        self._keys.clear()


def read_keys(path: Path) -> dict[SiteDay, bytearray]:
    """The keys in a file."""
    entries = msgspec.msgpack.decode(path.read_bytes(), type=list[tuple[str, int, bytes]])
    return {(site, day): bytearray(key) for site, day, key in entries}


def read_journal(path: Path) -> list[dict[str, str]]:
    """What happened to keys: entries with at, what (created, destroyed, lost), site, day."""
    if not path.exists():
        return []
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.endswith("}")]


def lost_days(path: Path) -> frozenset[tuple[str, str]]:
    """(site, ISO day) of every day that had a key lost."""
    return frozenset((entry["site"], entry["day"]) for entry in read_journal(path) if entry["what"] == "lost")


def wipe(key: bytearray) -> None:
    """Overwrite a key in place."""
    key[:] = bytes(len(key))


def in_ram(directory: Path) -> bool:
    """Whether the directory lies on a RAM-backed file system. Where that cannot be told, it does not."""
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines()
    except OSError:
        return False
    target = directory.resolve()
    best, kind = -1, ""
    for line in mounts:
        _, point, filesystem, *_ = line.split(" ")
        mount = Path(point.replace("\\040", " "))
        if (target == mount or mount in target.parents) and len(mount.parts) >= best:
            best, kind = len(mount.parts), filesystem
    return kind in _RAM_FILESYSTEMS
