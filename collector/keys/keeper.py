"""Visitor keys: one per site and local day, random, in RAM only, destroyed 10 s after the day (rules H2, H3).

In: the sites and the time. Out: a key, or `NoKey`: without one, nothing is collected.
Promises: only `KeyKeeper` makes keys, derived from nothing; the file is in RAM, 0600; whoever reads it lets go of a key
at its time, even if nobody writes any more; each creation, destruction and loss is in a journal that holds no key.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import fcntl
import json
import os
import re
import stat
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from schema.lasting import Lasting, kind_and_place
from schema.site import Site, day_bounds, day_number, local_day

log = structlog.get_logger("keys")

KEY_BYTES = 32
# A request received before midnight may still be in the collector; what pipeline/spool.py calls IN_FLIGHT_S.
DESTROY_AFTER_S = 10
# Tomorrow's key is there before the first request of tomorrow is, also at a collector that has to fetch it.
_CREATE_BEFORE_S = 600
# A clock that ran ahead leaves keys of days to come: that of tomorrow is good, others are let go of.
_FARTHEST_S = 26 * 3600
_RAM_FILESYSTEMS = ("tmpfs", "ramfs")
# The file: how long the list is, the list of (site, day, until), then the keys in its order. The list is apart so that
# whoever only wants to know which keys there are never holds one.
_LENGTH_BYTES = 4
# Buffers the kernel takes at once.
_BUFFERS = 1000

SiteDay = tuple[str, int]
_Version = tuple[int, int, int]


class NoKey(Exception):
    """There is no key for that site and day."""


class KeysOnDisk(Exception):
    """The key directory cannot hold keys: it is not in RAM, not ours alone, or taken."""


class Held(Struct):
    """A key, and the moment (Unix seconds) at which it is destroyed. Never shown."""

    key: bytearray
    until: int

    def __repr__(self) -> str:
        return "Held(…)"


class KeyFile:
    """The keys as the workers see them: re-read when the file changed, wiped when they leave it or are over."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self.path = path
        self._clock = clock
        self._keys: dict[SiteDay, Held] = {}
        self._version: _Version = (0, 0, 0)

    def key(self, site: str, day: int) -> bytearray:
        """The key of a site-day. Raises NoKey."""
        held = self._keys.get((site, day))
        if held is None or self._clock() >= held.until:
            self.refresh()
            held = self._keys.get((site, day))
            if held is None:
                raise NoKey("no visitor key for this site and day")
        return held.key

    def current(self) -> dict[SiteDay, Held]:
        """Every key there is."""
        self.refresh()
        return dict(self._keys)

    def refresh(self) -> None:
        """Follow the file, and let go of what is over. A file that is gone or spoilt leaves no key: fails closed."""
        try:
            version = _version(os.stat(self.path))
            if version != self._version:
                self._follow(read_keys(self.path), version)
        except (OSError, ValueError):
            self._follow({}, (0, 0, 0))
        # The keeper may be dead or hung, and its file stale: the end of a key is known here, too.
        now = self._clock()
        for site_day in [site_day for site_day, held in self._keys.items() if now >= held.until]:
            wipe(self._keys.pop(site_day).key)

    def _follow(self, fresh: dict[SiteDay, Held], version: _Version) -> None:
        stale, self._keys, self._version = self._keys, fresh, version
        for held in stale.values():
            wipe(held.key)


class KeyRoom:
    """The directory of the keys, locked: what is over leaves it, what is fresh enters, the journal is told of both.

    A rotation that fails leaves no key in the file, so that collection stops; it is tried again at every turn.
    only_what_is_over: a key of a site that is not among `sites` stays until its own end, for a caller that may not know
    every site."""

    def __init__(
        self,
        directory: Path,
        journal: Path,
        sites: Sequence[Site],
        allow_disk: bool = False,
        clock: Callable[[], float] = time.time,
        only_what_is_over: bool = False,
    ) -> None:
        self.path = directory / "keys"
        self._only_what_is_over = only_what_is_over
        self._journal = journal
        self._sites = sites
        self._zones = {site.key: site.timezone for site in sites}
        self._allow_disk = allow_disk
        self._clock = clock
        self._lock_fd = _own(directory, allow_disk)
        # A kill in the middle of a write leaves half a file, with keys in it.
        self.path.with_suffix(".partial").unlink(missing_ok=True)
        try:
            self._keys = read_keys(self.path)
        except (OSError, ValueError):
            self._keys = {}
        self._written: _Version | None = None
        self._to_note: list[SiteDay] = []
        self._ended: set[SiteDay] = set()
        self._failing = Lasting(log, "keys_not_written", "keys_written_again")
        # How often the file was gone, or another than the one we wrote.
        self.disturbed = 0
        self._take_stock()

    def follow(self, sites: Sequence[Site]) -> None:
        """Keep the keys of these sites from the next turn on; those of others go with it."""
        self._sites = sites
        self._zones = {site.key: site.timezone for site in sites}

    def sweep(self) -> None:
        """Destroy what is over; create nothing."""
        self._settle({}, "")

    def close(self) -> None:
        """Let go of the directory. The file stays, so that a restart keeps the day's counts."""
        self.sweep()
        for held in self._keys.values():
            wipe(held.key)
        self._unlock()

    def _unlock(self) -> None:
        descriptor, self._lock_fd = self._lock_fd, -1
        if descriptor >= 0:
            os.close(descriptor)

    def _settle(self, fresh: Mapping[SiteDay, bytearray], how: str) -> None:
        """Destroy what is over, take in what is fresh (how: "created" or "received"), make file and journal say so."""
        now = self._clock()
        over = [site_day for site_day in self._keys if not self._may_live(site_day, now)]
        for site_day in over:
            wipe(self._keys.pop(site_day).key)
        self._to_note += over
        taken = self._take(fresh, how, now)
        empty = True
        is_another = self._written is not None and _version_of(self.path) != self._written
        self.disturbed += is_another
        if over or taken or self._written is None or is_another:
            empty = self._put()
        # Destruction is told only once the file has it, too; a kill in between is told at the next start.
        if self._to_note and empty:
            with contextlib.suppress(OSError):
                self._note([("destroyed", site_day) for site_day in self._to_note])
                self._ended.update(self._to_note)
                self._to_note.clear()

    def _take(self, fresh: Mapping[SiteDay, bytearray], how: str, now: float) -> bool:
        good = {site_day: key for site_day, key in fresh.items() if self._may_live(site_day, now)}
        if not good:
            return False
        # A day that gets a second key counts its visitors twice: a clock stepped back, a holder had lost its keys.
        again = [
            site_day
            for site_day in good
            if (site_day in self._ended or site_day in self._keys) and self._has_begun(site_day, now)
        ]
        try:
            # Told before it is so: a key nobody knows of could be lost without a trace.
            self._note([*(("lost", site_day) for site_day in again), *((how, site_day) for site_day in good)])
        except OSError as problem:
            self._fail(problem, "journal")
            return False
        for site_day, key in good.items():
            before = self._keys.get(site_day)
            if before is not None:
                wipe(before.key)
            self._keys[site_day] = Held(key, self._until(site_day))
        self._ended.difference_update(good)
        return True

    def _put(self) -> bool:
        """Make the file hold these keys, or none. Whether what left us left the file, too."""
        try:
            if self._lock_fd < 0 or not self.path.parent.exists():
                # Swept away under us, as systemd's RemoveIPC does in /dev/shm.
                self._unlock()
                self._lock_fd = _own(self.path.parent, self._allow_disk)
            self._written = write_keys(self.path, self._keys)
            self._failing.is_over()
        except (OSError, KeysOnDisk) as problem:
            self._written = None
            self._fail(problem, "file")
            return _empty(self.path)
        return True

    def _fail(self, problem: Exception, what: str) -> None:
        self._failing.is_so(what, what=what, **kind_and_place(problem))

    def _may_live(self, site_day: SiteDay, now: float) -> bool:
        site, day = site_day
        if site not in self._zones:
            return self._only_what_is_over and site_day in self._keys and now < self._keys[site_day].until
        return day_bounds(self._zones[site], day).start - now <= _FARTHEST_S and now < self._until(site_day)

    def _has_begun(self, site_day: SiteDay, now: float) -> bool:
        """Whether a visitor may have been numbered with its key."""
        site, day = site_day
        return day_bounds(self._zones[site], day).start <= now

    def _until(self, site_day: SiteDay) -> int:
        site, day = site_day
        return day_bounds(self._zones[site], day).end + DESTROY_AFTER_S

    def _note(self, entries: Sequence[tuple[str, SiteDay]]) -> None:
        at = int(self._clock())
        lines = [json.dumps({"at": at, "what": what, "site": s, "day": iso_day(day)}) for what, (s, day) in entries]
        if not lines:
            return
        with open(self._journal, "ab+") as file:
            # A line torn by a power cut must not take the next one with it.
            if file.tell():
                file.seek(-1, os.SEEK_END)
                if file.read(1) != b"\n":
                    lines.insert(0, "")
            file.write(("\n".join(lines) + "\n").encode())
            file.flush()
            os.fsync(file.fileno())

    def _take_stock(self) -> None:
        """Compare the keys with the journal. One that is gone before its time: its day may count a visitor twice."""
        alive: set[SiteDay] = set()
        for entry in read_journal(self._journal):
            site_day = (entry["site"], day_number(dt.date.fromisoformat(entry["day"])))
            if entry["what"] == "destroyed":
                self._ended.add(site_day)
            (alive.add if entry["what"] in ("created", "received") else alive.discard)(site_day)
        now = self._clock()
        gone = sorted(alive - self._keys.keys())
        lost = {site_day for site_day in gone if self._may_live(site_day, now) and self._has_begun(site_day, now)}
        with contextlib.suppress(OSError):
            self._note([("lost" if site_day in lost else "destroyed", site_day) for site_day in gone])


class KeyKeeper(KeyRoom):
    """Makes and destroys keys. One per machine: the directory is locked."""

    def turn(self) -> None:
        """Create what is needed now, destroy what is over. Called every second; does not raise."""
        now = self._clock()
        needed: set[SiteDay] = set()
        for site in self._sites:
            today = local_day(site.timezone, now)
            needed.add((site.key, today.number))
            if today.end - now <= _CREATE_BEFORE_S:
                # Not today + 1: in 2011 Samoa went from the 29th of December to the 31st.
                needed.add((site.key, local_day(site.timezone, today.end).number))
        try:
            fresh = {site_day: new_key() for site_day in sorted(needed - self._keys.keys())}
        except OSError as problem:
            self._fail(problem, "key")
            fresh = {}
        self._settle(fresh, "created")


class PassingKeys:
    """Keys of past days for an import: made on first use, in memory only, gone with the command."""

    def __init__(self) -> None:
        self._keys: dict[SiteDay, bytearray] = {}

    def key(self, site: str, day: int) -> bytearray:
        """The key of a site-day, made now if there was none."""
        if (site, day) not in self._keys:
            self._keys[site, day] = new_key()
        return self._keys[site, day]

    def destroy(self) -> None:
        for key in self._keys.values():
            wipe(key)
        self._keys.clear()


# -- keys ----------------------------------------------------------------------------------------------------------


def new_key() -> bytearray:
    """A key of the kernel's randomness, in memory that can be wiped."""
    # Read into place: what secrets.token_bytes returns could not be wiped.
    key = bytearray(KEY_BYTES)
    descriptor = os.open("/dev/urandom", os.O_RDONLY | os.O_CLOEXEC)
    try:
        if os.readv(descriptor, [key]) != KEY_BYTES:
            raise OSError("no randomness")
    finally:
        os.close(descriptor)
    return key


def wipe(key: bytearray) -> None:
    """Overwrite a key in place."""
    key[:] = bytes(len(key))


# -- the file ------------------------------------------------------------------------------------------------------


def read_keys(path: Path) -> dict[SiteDay, Held]:
    """The keys in a file. Raises OSError or ValueError."""
    # Read into place: every bytes object in between would be a copy that nobody can wipe.
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        entries = _read_list(descriptor)
        held = {(site, day): Held(bytearray(KEY_BYTES), until) for site, day, until in entries}
        if len(held) != len(entries):
            raise ValueError("a key file names a day twice")
        for one in held.values():
            if os.readv(descriptor, [one.key]) != KEY_BYTES or not any(one.key):
                raise ValueError("a key file is cut short")
    finally:
        os.close(descriptor)
    return held


def list_keys(path: Path) -> list[tuple[str, int, int]]:
    """(site, day, until) of the keys in a file, without reading any. Raises OSError or ValueError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        return _read_list(descriptor)
    finally:
        os.close(descriptor)


def write_keys(path: Path, keys: Mapping[SiteDay, Held]) -> _Version:
    """Replace the file; its version. Raises OSError, and then leaves no half-written file."""
    partial = path.with_suffix(".partial")
    listed = msgspec.msgpack.encode([(site, day, held.until) for (site, day), held in keys.items()])
    buffers: list[bytes | bytearray] = [len(listed).to_bytes(_LENGTH_BYTES, "big"), listed]
    buffers += [held.key for held in keys.values()]
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(partial, flags, 0o600)
        try:
            for first in range(0, len(buffers), _BUFFERS):
                some = buffers[first : first + _BUFFERS]
                if os.writev(descriptor, some) != sum(map(len, some)):
                    raise OSError("short write")
            version = _version(os.fstat(descriptor))
        finally:
            os.close(descriptor)
        partial.rename(path)
    except OSError:
        with contextlib.suppress(OSError):
            partial.unlink()
        raise
    return version


def _read_list(descriptor: int) -> list[tuple[str, int, int]]:
    length = int.from_bytes(os.read(descriptor, _LENGTH_BYTES), "big")
    if length > os.fstat(descriptor).st_size:
        raise ValueError("not a key file")
    try:
        return msgspec.msgpack.decode(os.read(descriptor, length), type=list[tuple[str, int, int]])
    except msgspec.MsgspecError:
        raise ValueError("not a key file") from None


def _empty(path: Path) -> bool:
    """Leave no key in the file, whichever way still works. Whether it holds none now."""
    with contextlib.suppress(OSError):
        os.truncate(path, 0)
    with contextlib.suppress(OSError):
        path.unlink()
    try:
        return os.stat(path).st_size == 0
    except FileNotFoundError:
        return True
    except OSError:
        return False


def _version(status: os.stat_result) -> _Version:
    return status.st_ino, status.st_mtime_ns, status.st_size


def _version_of(path: Path) -> _Version | None:
    try:
        return _version(os.stat(path))
    except OSError:
        return None


# -- the directory -------------------------------------------------------------------------------------------------


def _own(directory: Path, allow_disk: bool) -> int:
    """Make the directory ours alone; the descriptor that locks it. Raises KeysOnDisk."""
    directory.mkdir(parents=True, exist_ok=True, mode=0o700)
    named = f"keys.directory = {str(directory)!r}"
    if not allow_disk and not in_ram(directory):
        raise KeysOnDisk(
            f"{named} is on a disk, where a destroyed key can be recovered; "
            "name a directory on tmpfs (such as one in /dev/shm)"
        )
    # In /dev/shm anybody may have made a directory of that name before us, to read the keys or to give us his.
    status = os.lstat(directory)
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
        raise KeysOnDisk(f"{named} belongs to somebody else, who could read the keys; remove it or name another")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise KeysOnDisk(f"{named} can be written to by others, who could put their key there; chmod 700 it")
    descriptor = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise KeysOnDisk(f"{named}: another process keeps keys there") from None
    return descriptor


def keeper_of(directory: Path) -> int:
    """The process that keeps keys there; 0 if none does, or it cannot be told."""
    # Asked of the kernel: to try the lock would be to hold it, and to turn away a keeper that starts just then.
    try:
        inode = os.stat(directory / "lock").st_ino
        locks = Path("/proc/locks").read_text(encoding="ascii").splitlines()
    except OSError:
        return 0
    for line in locks:
        words = line.split()
        if words[1:2] == ["FLOCK"] and words[5].rpartition(":")[2] == str(inode):
            return max(0, int(words[4]))
    return 0


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
        mount = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), point))
        if (target == mount or mount in target.parents) and len(mount.parts) >= best:
            best, kind = len(mount.parts), filesystem
    return kind in _RAM_FILESYSTEMS


# -- the journal ---------------------------------------------------------------------------------------------------


def read_journal(path: Path) -> list[dict[str, str]]:
    """What happened to keys: entries with at, what (created, received, destroyed, lost), site, day."""
    try:
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
    except FileNotFoundError:
        return []
    entries = []
    for line in lines:
        with contextlib.suppress(ValueError):  # torn by a power cut
            entry = json.loads(line)
            if isinstance(entry, dict) and entry.keys() >= {"at", "what", "site", "day"}:
                entries.append(entry)
    return entries


def lost_days(path: Path) -> frozenset[tuple[str, str]]:
    """(site, ISO day) of every day that had a key lost."""
    return frozenset((entry["site"], entry["day"]) for entry in read_journal(path) if entry["what"] == "lost")


def iso_day(day: int) -> str:
    """A day's number as its date."""
    return (dt.date(1970, 1, 1) + dt.timedelta(days=day)).isoformat()
