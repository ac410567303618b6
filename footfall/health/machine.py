"""What the data directory and the machine tell: disk, spools, quarantine, keys, proxies.

In: settings, and the heartbeats. Out: findings. Promises: nothing is made, opened or locked.
"""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

from collector.diagnostics.unnamed_proxies import case_of, finding_of, read_proxied, remedy_of, summed
from collector.keys.directory import in_ram
from collector.keys.files import list_keys
from collector.keys.journal import read_journal
from dashboards.sharing.shares import PER_NETWORK
from pipeline.spool.aside import KEPT_S
from pipeline.spool.file import created_at, spool_files
from schema.memory import memory
from schema.migrate import WrittenByNewer
from schema.site import local_day

from ..settings import Settings
from ..supervisor.heartbeat import Heartbeat
from ..supervisor.paths import key_directory, key_journal
from ..supervisor.stamp import StampUnreadable, read_stamp, refuse_newer
from ..version import described
from .duration import duration
from .finding import BAD, NOTE, OK, WARNING, Finding
from .missing import coarsely
from .processes import parents_of

# A file is sealed and stored within seconds.
_WAITS_S = 60
_WAITS_LONG_S = 300
_GROWS_FOR_S = 3600.0
# 640 MiB are enough for a plain day of a million events (docs/decisions/0085-little-memory.md).
_LEAST_MEMORY = 650_000_000
_FULL_WITHIN_S = 3 * 86_400
# Keys of tomorrow are made ten minutes before midnight.
_TOMORROW_S = 300


def of_data(settings: Settings) -> Iterator[Finding]:
    """Which version wrote the data, and which one this is."""
    mine = f"this is {described()}"
    try:
        refuse_newer(settings.directory)
        stamp = read_stamp(settings.directory)
    except (WrittenByNewer, StampUnreadable) as problem:
        yield Finding("data", BAD, f"{problem}; {mine}", "install that version again, or restore a backup")
        return
    if stamp is None:
        yield Finding("data", OK, f"without a stamp; {mine}")
    else:
        yield Finding("data", OK, f"written by {stamp.program} (commit {stamp.commit}); {mine}")


def of_edits(settings: Settings) -> Iterator[Finding]:
    """What editors declared that does not hold."""
    for one in settings.edits:
        if one.problem:
            text = f"{one.key}: what was declared in the browser does not hold: {one.problem}"
            yield Finding("edits", WARNING, text, f"`footfall edit versions {one.key}` lists what there was")


def of_disk(settings: Settings, heartbeats: Mapping[str, Heartbeat]) -> Iterator[Finding]:
    """How much is free against what has to stay free, and for how long at the pace of the last hours."""
    try:
        usage = shutil.disk_usage(settings.directory)
        files = os.statvfs(settings.directory)
    except OSError as problem:
        yield Finding("disk", BAD, f"{settings.directory}: {problem.strerror}", "see whether the disk is there")
        return
    keep = settings.spool.keep_free_bytes
    said = f"{_size(usage.free)} free of {_size(usage.total)}, {_size(keep)} are to stay free"
    remedy = "make room, or give Footfall a larger disk"
    if usage.free < max(keep, 1):
        yield Finding("disk", BAD, f"{said}: beacons are refused", remedy)
    elif files.f_files and not files.f_favail:
        yield Finding("disk", BAD, "no more files can be made there (inodes)", remedy)
    elif usage.free < 2 * keep:
        yield Finding("disk", WARNING, said, remedy)
    else:
        left = _full_in(heartbeats, keep)
        if left < _FULL_WITHIN_S:
            yield Finding("disk", WARNING, f"{said}; as it grows, full in {left / 3600:.0f} hours", remedy)
        else:
            yield Finding("disk", OK, said)


def _full_in(heartbeats: Mapping[str, Heartbeat], keep: int) -> float:
    """Seconds until beacons are refused, at the pace of what the parents have seen; infinite where nothing grows."""
    left = float("inf")
    for parent in parents_of(heartbeats).values():
        if len(parent.free) < 2:
            continue
        (began, before), (ended, free) = parent.free[0], parent.free[-1]
        if ended - began >= _GROWS_FOR_S and free < before:
            left = min(left, (free - keep) * (ended - began) / (before - free))
    return left


def of_spools(settings: Settings, now: float) -> Iterator[Finding]:
    """Whether what was accepted reaches the store, and every file can be read."""
    directory = settings.directory / "spool"
    try:
        spools = [path for path in directory.iterdir() if path.is_dir()]
    except OSError:
        spools = []
    waiting: list[float] = []
    aside, held = 0, 0
    for spool in spools:
        waiting += [now - created_at(path) for path in spool_files(spool) if path.suffix == ".sealed"]
        aside += sum(1 for _ in spool.glob("*.bad"))
        held = max(held, sum(_bytes(path) for path in spool.iterdir()))
    oldest = max(waiting, default=0.0)
    said = [
        f"a file has waited for {duration(oldest)}" if oldest >= _WAITS_S else "nothing waits for longer than a minute"
    ]
    said.append(f"{aside} set aside as unreadable")
    remedy = ""
    if aside:
        remedy = (
            f"see docs/operators.md, Unreadable spool files; they are deleted {KEPT_S // 3600} hours after they began"
        )
    state = BAD if aside else OK
    if oldest >= _WAITS_S:
        state = BAD if aside or oldest >= _WAITS_LONG_S else WARNING
        remedy = "the writer does not reach the store, or is not running: see what is said of its job (drain)"
    if 2 * held > settings.spool.max_bytes:
        state = state if state == BAD else WARNING
        said.append(f"one holds {_size(held)} of {_size(settings.spool.max_bytes)}, and then refuses")
        remedy = remedy or "bring the store back, or raise spool.max_bytes"
    yield Finding("spool", state, ", ".join(said), remedy)


def of_little_memory() -> Iterator[Finding]:
    """Whether a big day would be too much."""
    there = memory()
    if 0 < there < _LEAST_MEMORY:
        text = f"{_size(there)} for Footfall: a day of a few 100,000 events or more may be too much"
        yield Finding("memory of the machine", WARNING, text, "give it, or its container, 1 GB")


def of_quarantine(settings: Settings) -> Iterator[Finding]:
    """Single events that the store refuses."""
    there = sum(1 for _ in (settings.directory / "quarantine").glob("*.event"))
    if there:
        remedy = "`footfall quarantine list`, then replay or drop them"
        yield Finding("quarantine", BAD, f"{coarsely(there)} event(s)", remedy)
    else:
        yield Finding("quarantine", OK, "no event")


def of_keys(settings: Settings, heartbeats: Mapping[str, Heartbeat], now: float, monotonic: float) -> Iterator[Finding]:
    """Whether the keys are where they belong, and there is one of every site for today."""
    allowed = settings.keys.keep_keys_on_disk_where_they_can_be_recovered
    homes = [heartbeat for heartbeat in parents_of(heartbeats).values() if heartbeat.keys]
    if not homes:
        directory = key_directory(settings)
        if directory.exists() and not in_ram(directory):
            yield _on_disk(directory, allowed)
    for heartbeat in homes:
        directory = Path(heartbeat.keys)
        try:
            there = {(site, day) for site, day, until in list_keys(directory / "keys") if until > now}
        except (OSError, ValueError):
            found = f"{directory} is gone, or what is in it cannot be read: without keys no beacon is taken"
            yield Finding("keys", BAD, found, "restart Footfall if it does not come back by itself; the day is marked")
            continue
        missing = [site for site, zone in heartbeat.sites if not _has_key(there, site, zone, now)]
        if missing:
            found = f"none for today of {', '.join(missing)}: their beacons are refused"
            yield Finding("keys", BAD, found, "`footfall keys status` tells more; the log says why it was not made")
        elif not in_ram(directory):
            yield _on_disk(directory, allowed)
        elif heartbeat.keys_gone and monotonic - heartbeat.keys_gone < _GROWS_FOR_S:
            ago = duration(monotonic - heartbeat.keys_gone)
            found = f"{directory} was removed or changed by somebody else {ago} ago, and was made again from memory"
            yield Finding("keys", WARNING, found, "leave it alone; if systemd clears it, set RemoveIPC=no")
        else:
            yield Finding("keys", OK, f"{directory}: in RAM, there for every site's day")
    destroyed = [entry for entry in read_journal(key_journal(settings)) if entry["what"] == "destroyed"]
    if destroyed:
        last = destroyed[-1]
        yield Finding("last key destroyed", OK, f"{last['site']} {last['day']}")


def _has_key(there: set[tuple[str, int]], site: str, zone: str, now: float) -> bool:
    today = local_day(zone, now)
    needed = [today.number] + ([local_day(zone, today.end).number] if today.end - now < _TOMORROW_S else [])
    return all((site, day) in there for day in needed)


def _on_disk(directory: Path, allowed: bool) -> Finding:
    found = f"{directory} is on a disk, where a destroyed key can be recovered"
    return Finding("keys", WARNING if allowed else BAD, found, "set keys.directory to a tmpfs")


def of_visible(settings: Settings) -> Iterator[Finding]:
    """Of which sites single visits are to be seen, which is meant for a try."""
    alone = [site.key for site in settings.sites if settings.rules_of(site).k == 1]
    if alone:
        text = f"release.k is 1 of {', '.join(alone)}: every visit is visible by itself"
        yield Finding("privacy", NOTE, text, "take that setting out before others visit, unless they know")


def of_addresses(settings: Settings, exact: bool) -> Iterator[Finding]:
    """Behind which proxies all are one visitor. exact: with their number, which pages may not tell."""
    header = settings.collector.address_header
    for one in summed(read_proxied(key_directory(settings), time.time())):
        if one.is_certain:
            text = finding_of(one, header) if exact else f"events {case_of(one, header)}"
            text += f", and share the {PER_NETWORK} pages an hour that a link for others answers to one network"
            yield Finding("addresses", BAD, text, remedy_of(one, header))


def _bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # drained between listing and asking


def _size(count: int) -> str:
    """Coarse on purpose: what is stored of a single visit cannot be told from it."""
    for unit, size in (("GB", 10**9), ("MB", 10**6)):
        if count >= size:
            return f"{count / size:.1f} {unit}" if count < 10 * size else f"{count // size} {unit}"
    return f"{count // 1000} kB"
