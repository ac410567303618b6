"""Shadow mode: other settings tried on live traffic, beside those in force, in memory.

In: drafts that became events. Out: sketches per site, day and candidate, for `shadow_publisher.py`. Promises: of a
visitor nothing is kept but what he changes in sketches of numbers keyed with the day's key; they live in this process
and in the key directory only, and are gone when the key is.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct, structs

from schema.atomic_file import write_atomically
from schema.event import ENGAGEMENT
from schema.lasting import Lasting, kind_and_place
from schema.site import LocalDay

from ..anonymization import AnonymizationSettings, changed
from ..keys.key import DESTROY_AFTER_S, NoKey
from ..model import Draft, Rules
from ..privacy.visitor_id import visitor_number
from ..steps import put_key, put_network, put_visitor
from .hyperloglog import REGISTERS, HyperLogLog

log = structlog.get_logger("shadow")

_WRITE_EVERY_S = 10.0
# The workers have said all about a day before the parent reads it, and nothing is written after the parent removed it.
_LAST_WRITE_S = DESTROY_AFTER_S - 2

SiteDay = tuple[str, int]


class Saved(Struct, array_like=True):
    """A file of the key directory. sketches: see `_Sheet`. settings: what the candidates were, so that a restart with
    others does not go on with their sketches."""

    settings: list[tuple[str, str]]
    sketches: list[bytes]


class _Sheet:
    """The sketches of one site-day: people by whole address and agent; then for each candidate the visitor numbers,
    and the pairs of both, from which splitting can be told from merging."""

    def __init__(self, day: LocalDay, force: Rules, rules: Mapping[str, Rules], saved: Saved | None) -> None:
        self.end = day.end
        # To cut an address costs as much as to hash it; most candidates cut it as it is cut already.
        self.bits = (force.anonymization.ipv4_bits, force.anonymization.ipv6_bits)
        self.rules = dict(rules)
        self.settings = [(name, repr(mine.anonymization)) for name, mine in rules.items()]
        self.written = 0.0
        if saved is None or saved.settings != self.settings or len(saved.sketches) != 1 + 2 * len(rules):
            saved = Saved([], [b""] * (1 + 2 * len(rules)))
        self.whole, *rest = [HyperLogLog(registers) for registers in saved.sketches]
        self.candidates = list(zip(rules.values(), rest[::2], rest[1::2], strict=True))

    def encoded(self) -> bytes:
        sketches = [self.whole, *(sketch for _, *both in self.candidates for sketch in both)]
        return msgspec.msgpack.encode(Saved(self.settings, [bytes(sketch.registers) for sketch in sketches]))


class Shadow:
    """The candidates in one collector worker."""

    def __init__(
        self,
        directory: Path,
        worker: int,
        candidates: Mapping[str, AnonymizationSettings],
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._failing = Lasting(log, "shadow_not_written", "shadow_written_again", "warning")
        self._directory = directory
        self._worker = worker
        self._candidates = candidates
        self._clock = clock
        self._sheets: dict[SiteDay, _Sheet] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="shadow", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Write what there is: a restart goes on from it."""
        self._stop.set()
        self._thread.join()
        self.turn(whole=True)

    def see(self, draft: Draft) -> None:
        """A draft that has become an event; it is not used afterwards."""
        if draft.name == ENGAGEMENT:  # nobody's action: it makes no visitor
            return
        rules, client = draft.rules, draft.client
        site = rules.site.key
        sheet = self._sheets.get((site, draft.day.number)) or self._open(rules, draft.day)
        with contextlib.suppress(NoKey):  # its day has just ended
            # Two parts, where the visitor's number has four: the one cannot be the other.
            put_key(draft)
            whole = visitor_number(draft.key, site, (client.address, client.agent))
            sheet.whole.add(whole)
            network = draft.network
            for mine, numbers, pairs in sheet.candidates:
                draft.rules = mine
                if (mine.anonymization.ipv4_bits, mine.anonymization.ipv6_bits) == sheet.bits:
                    draft.network = network
                else:
                    put_network(draft)
                put_visitor(draft)
                numbers.add(draft.visitor)
                # Both are spread evenly and drawn apart, so their sum bit by bit is as even as a third hash.
                pairs.add(whole ^ draft.visitor)

    def turn(self, whole: bool = False) -> None:
        """Write what is due, forget what is over. whole: everything is due."""
        now = self._clock()
        for site_day, sheet in list(self._sheets.items()):
            if now >= sheet.end + _LAST_WRITE_S:
                del self._sheets[site_day]
            elif whole or now - sheet.written >= _WRITE_EVERY_S or sheet.written < sheet.end <= now - 1:
                sheet.written = now
                try:
                    write_atomically(self._path(site_day), sheet.encoded(), durable=False)
                    self._failing.is_over()
                except OSError as problem:
                    self._failing.is_so(**kind_and_place(problem))

    def _run(self) -> None:
        while not self._stop.wait(1.0):
            self.turn()

    def _open(self, rules: Rules, day: LocalDay) -> _Sheet:
        site_day = (rules.site.key, day.number)
        mine = {
            name: structs.replace(rules, anonymization=changed(rules.anonymization, settings))
            for name, settings in self._candidates.items()
        }
        sheet = self._sheets[site_day] = _Sheet(day, rules, mine, read_saved(self._path(site_day)))
        return sheet

    def _path(self, site_day: SiteDay) -> Path:
        return self._directory / f"shadow-{self._worker}-{site_day[1]}-{site_day[0]}"


def read_saved(path: Path) -> Saved | None:
    """A file's content; None where there is none, or half of one."""
    try:
        saved = msgspec.msgpack.decode(path.read_bytes(), type=Saved)
    except (OSError, msgspec.MsgspecError):
        return None
    right = len(saved.sketches) == 1 + 2 * len(saved.settings)
    return saved if right and all(len(registers) == REGISTERS for registers in saved.sketches) else None
