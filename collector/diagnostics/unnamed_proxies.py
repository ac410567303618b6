"""Whether a proxy that nobody named makes one visitor of all its visitors.

In: requests that came with a proxy's header that is not believed, as `UntrustedProxy`. Out: how many events of the last
hour did, by site, in a file of the key directory, for `footfall check` and `footfall why`; a line in the log once an
hour. Promises: of the peer only its class is named, and of the header only its name; nothing is written to a disk.
"""

from __future__ import annotations

import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from schema.atomic_file import write_atomically
from schema.lasting import Lasting, kind_and_place

from ..privacy.untrusted_proxy import UntrustedProxy

log = structlog.get_logger("collector")

_MINUTE_S = 60
_HOUR_S = 3600
# Anybody can send a header from anywhere, and some offices' own proxies do; so many of the events are no accident.
_SHARE = 0.5
_FEW = 5


class ProxiedEvents(Struct, frozen=True, array_like=True):
    """count events of a site, of `of` in all, in the hour until `last` (Unix seconds)."""

    site: str
    peer: str
    header: str
    count: int
    of: int
    last: int

    @property
    def is_certain(self) -> bool:
        """Not what any one sender could bring about, nor a look at the collector past its proxy."""
        if self.peer == "public":
            return self.count >= _FEW and self.count >= self.of * _SHARE
        return bool(self.header)


class UnnamedProxies:
    """What one worker counts of them."""

    def __init__(self, path: Path, header: str, clock: Callable[[], float] = time.time) -> None:
        self._failing = Lasting(log, "sharing_not_written", "sharing_written_again", "warning")
        self._path = path
        self._header = header
        self._clock = clock
        self._now = Counter[tuple[str, UntrustedProxy | None]]()
        self._minutes: deque[tuple[int, Counter[tuple[str, UntrustedProxy | None]]]] = deque()
        self._written: list[ProxiedEvents] | None = None
        self._logged: dict[tuple[str, str], float] = {}

    def accepted(self, site: str, why: UntrustedProxy | None) -> None:
        """One more event of the site."""
        # Of every event; a Counter's own way takes twice as long.
        self._now[site, why] = self._now.get((site, why), 0) + 1

    def turn(self) -> None:
        """Forget what is older than an hour, and write what is new. Called every second; does not raise."""
        now = self._clock()
        minute = int(now) // _MINUTE_S * _MINUTE_S
        if self._now:
            if not self._minutes or self._minutes[-1][0] != minute:
                self._minutes.append((minute, Counter()))
            self._minutes[-1][1].update(self._now)
            self._now.clear()
        while self._minutes and self._minutes[0][0] <= now - _HOUR_S:
            self._minutes.popleft()
        shared = self._summed()
        if shared == self._written:
            return
        try:
            write_atomically(self._path, msgspec.msgpack.encode(shared), durable=False)
            self._written = shared
            self._failing.is_over()
        except OSError as problem:
            self._failing.is_so(**kind_and_place(problem))
        for one in summed(shared):
            kind = (one.peer, one.header)
            if one.is_certain and self._logged.get(kind, 0.0) <= now - _HOUR_S:
                self._logged[kind] = now
                log.warning(
                    "visitors_share_a_proxys_address",
                    peer=one.peer,
                    header=one.header,
                    remedy=remedy_of(one, self._header),
                )

    def close(self) -> None:
        """Leave no file behind."""
        self._path.unlink(missing_ok=True)

    def _summed(self) -> list[ProxiedEvents]:
        last: dict[tuple[str, UntrustedProxy], int] = {}
        counts, all_of = Counter[tuple[str, UntrustedProxy]](), Counter[str]()
        for minute, found in self._minutes:
            for (site, why), count in found.items():
                all_of[site] += count
                if why is not None:
                    counts[site, why] += count
                    last[site, why] = minute
        return [
            ProxiedEvents(site, *why, count, all_of[site], last[site, why]) for (site, why), count in counts.items()
        ]


def summed(found: Iterable[ProxiedEvents]) -> list[ProxiedEvents]:
    """The same of all sites together."""
    found = list(found)
    of = sum({one.site: one.of for one in found}.values())
    kinds = dict.fromkeys((one.peer, one.header) for one in found)
    return [
        ProxiedEvents(
            "", *kind,
            sum(one.count for one in found if (one.peer, one.header) == kind),
            of,
            max(one.last for one in found if (one.peer, one.header) == kind),
        )
        for kind in kinds
    ]  # fmt: skip


def read_proxied(directory: Path, now: float) -> list[ProxiedEvents]:
    """What the workers have written, by site. A file that is half of one, or a dead worker's, says nothing."""
    counts: dict[tuple[str, str, str], ProxiedEvents] = {}
    of = Counter[str]()
    for path in sorted(directory.glob("sharing-*")):
        try:
            saved = msgspec.msgpack.decode(path.read_bytes(), type=list[ProxiedEvents])
        except (OSError, msgspec.MsgspecError):
            continue
        saved = [one for one in saved if one.last > now - _HOUR_S - _MINUTE_S]
        of.update({one.site: one.of for one in saved})
        for one in saved:
            key = (one.site, one.peer, one.header)
            before = counts.get(key)
            more = (before.count, before.last) if before else (0, 0)
            counts[key] = ProxiedEvents(*key, one.count + more[0], 0, max(one.last, more[1]))
    return [ProxiedEvents(one.site, one.peer, one.header, one.count, of[one.site], one.last) for one in counts.values()]


def proxied_path(directory: Path, worker: int) -> Path:
    """Where a worker writes it."""
    return directory / f"sharing-{worker}"


def finding_of(one: ProxiedEvents, header: str) -> str:
    """What is the case, and how often. header: collector.address_header."""
    return f"{one.count} event{'' if one.count == 1 else 's'} of the last hour {case_of(one, header)}"


def case_of(one: ProxiedEvents, header: str) -> str:
    """What is the case, without the number: that tells the moment of each visit to who looks on."""
    if one.peer == "named":
        other = f" but with {one.header}, which is not believed" if one.header else ""
        return f"came from a proxy of collector.trusted_proxies without {header}{other}: they count as one visitor"
    return f"came from a {one.peer} peer with {one.header}, which is not believed: they count as one visitor"


def remedy_of(one: ProxiedEvents, header: str) -> str:
    """What to do about it."""
    if not one.header:
        return f"have the proxy send {header}, or set collector.address_header to the header that it sends"
    named = "" if one.peer == "named" else "name the proxy in collector.trusted_proxies"
    other = "" if one.header.lower() == header.lower() else f"set collector.address_header = {one.header!r}"
    return " and ".join(part for part in (named, other) if part)
