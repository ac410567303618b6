"""Who keeps the visitor keys: one per site and local day, in RAM only, destroyed 10 s after the day (rules H2, H3).

In: the sites and the time. Out: the file of the keys, in step with the journal. Promises: only `KeyKeeper` makes keys;
each creation, destruction and loss is in the journal; a rotation that fails leaves no key in the file.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import structlog

from schema.lasting import Lasting, kind_and_place
from schema.site import Site, day_bounds, day_number, local_day

from .directory import KeysOnDisk, own
from .files import Version, empty, read_keys, version_of, write_keys
from .journal import note, read_journal
from .key import DESTROY_AFTER_S, Held, SiteDay, new_key, wipe

log = structlog.get_logger("keys")

# Tomorrow's key is there before the first request of tomorrow is, also at a collector that has to fetch it.
_CREATE_BEFORE_S = 600
# A clock that ran ahead leaves keys of days to come: that of tomorrow is good, others are let go of.
_FARTHEST_S = 26 * 3600


class KeyDirectory:
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
        self._lock_fd = own(directory, allow_disk)
        # A kill in the middle of a write leaves half a file, with keys in it.
        self.path.with_suffix(".partial").unlink(missing_ok=True)
        try:
            self._keys = read_keys(self.path)
        except (OSError, ValueError):
            self._keys = {}
        self._written: Version | None = None
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
        is_clean = True
        is_another = self._written is not None and version_of(self.path) != self._written
        self.disturbed += is_another
        if over or taken or self._written is None or is_another:
            is_clean = self._put()
        # Destruction is told only once the file has it, too; a kill in between is told at the next start.
        if self._to_note and is_clean:
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
                self._lock_fd = own(self.path.parent, self._allow_disk)
            self._written = write_keys(self.path, self._keys)
            self._failing.is_over()
        except (OSError, KeysOnDisk) as problem:
            self._written = None
            self._fail(problem, "file")
            return empty(self.path)
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
        note(self._journal, entries, int(self._clock()))

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


class KeyKeeper(KeyDirectory):
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
