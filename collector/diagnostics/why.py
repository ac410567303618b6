"""Why an event is missing: the last refusals and changes of a worker, by reason, in RAM for an hour.

In: what became of beacons. Out: `Entry`s in a file of the key directory, for `footfall why` and the engineers' page.
Promises: constant words, and of the page no more than the settings are about; nothing of an address, an agent or what
was sent; not a trace of a visitor's signal, nor of whoever is left out for who he is; no time closer than a minute;
never on a disk; what accepted events lost is looked at for a few of them each second.
"""

from __future__ import annotations

import re
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import structlog
from msgspec import Struct

from schema.atomic_file import write_atomically
from schema.lasting import Lasting, kind_and_place

from ..enrich.page import Page
from ..model import Draft
from ..outcome import Reason, Refused
from ..privacy.pii_detectors import PLACEHOLDER
from ..privacy.scrub import scrub_host

log = structlog.get_logger("why")

CHANGED = "changed"
# Of every kind the last few, so that a flood of one reason does not push the others out: 512 at most.
EACH = 16
KINDS = 32
_CHANGES_PER_S = 5
_LIVES_S = 3600
_MINUTE_S = 60

_MEANINGS = {
    Reason.BAD_TIME: "the time that was given is not of today by the site's clock",
    Reason.BAD_URL: "the URL names no page of the web",
    Reason.UNKNOWN_SITE: "no site of the settings has the name that was sent",
    Reason.PREFETCH: "the browser fetched ahead; nobody has seen the page",
    Reason.BOT: "the agent string is a crawler's, a monitor's or a preview's, or there is none",
    Reason.HEADLESS: "the agent string, or the browser's hints, are those of a driven browser",
    Reason.LIBRARY: "the agent string is a program's that fetches by itself",
    Reason.NO_ADDRESS: "the visitor has no address that can be read: the connection has none, or what a proxy of "
    "collector.trusted_proxies passed on is none",
    Reason.REFERRER_SPAM: "the referrer, or the source the link names, is known to forge visits",
    Reason.HOST: "the page's host is not one of the site's `hosts`",
    Reason.ORIGIN: "the page that sent it is on none of the site's `hosts`; without any, on none of its own names; or "
    "on no host, as one opened from a file",
    Reason.PAGE: "the page is one of the site's `exclude.pages`",
    Reason.THROTTLED: "the network sent more than collector.rate_limit events in this minute",
}
# No person has looked at these pages.
OF_MACHINES = frozenset((Reason.BOT, Reason.HEADLESS, Reason.LIBRARY))
# A person may have, and all that has to be mended is a host's name. Of other visits not even that is told.
OF_HOSTS = frozenset((Reason.HOST, Reason.ORIGIN))
# What a refusal may name. A server's own mistyped field would be words of its own.
_FIELDS = frozenset(
    (
        *("request", "event", "events", "event_name", "name", "url", "domain", "props", "consent", "authorization"),
        *("visitor", "address", "agent", "revenue", "amount", "currency", "timestamp", "referrer", "id", "vitals"),
        *("payload", "type", "website", "hostname", "data", "scroll", "engaged_ms", "interactive", "do_not_track"),
        *("global_privacy_control", "opted_out", "languages", "screen_width", "time_zone", "hash_routing"),
        *("idsite", "identify", "performance", "requests", "rec", "site"),
    )
)


class Entry(Struct, frozen=True):
    """time: Unix seconds of a whole minute. site: a key, "" where none was reached. wire: the format. reason: a
    `Reason`, or CHANGED. hostname, path: the page as it would be stored, as far as the reason is about it."""

    time: int
    site: str
    wire: str
    reason: str
    message: str
    hostname: str = ""
    path: str = ""


class Why:
    """What one worker tells."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.time) -> None:
        self._failing = Lasting(log, "why_not_written", "why_written_again", "warning")
        self._path = path
        self._clock = clock
        self._kinds: OrderedDict[tuple[str, str, str], deque[Entry]] = OrderedDict()
        self._unwritten = True
        self._second = self._looked_at = 0

    def refused(self, refused: Refused, now: float, wire: str) -> None:
        """A request, or a beacon of it, that could not be taken."""
        if refused.reason.is_silent:
            return
        known = _FIELDS.issuperset(part for part in re.split(r"[.\[\]0-9]+", refused.field) if part)
        message = f"{refused.field if known else 'a field'} {refused.message}"
        self._note(Entry(_minute(now), "", wire, refused.reason, message), "")

    def dropped(self, site: str, reason: Reason, now: float, wire: str, page: Page | None = None) -> None:
        """A beacon that does not count."""
        if reason.is_silent:
            return
        hostname = scrub_host(page.hostname) if page and (reason in OF_HOSTS or reason in OF_MACHINES) else ""
        path = page.path if page and reason in OF_MACHINES else ""
        self._note(Entry(_minute(now), site, wire, reason, _MEANINGS.get(reason, ""), hostname, path), "")

    def looks(self, now: float) -> bool:
        """Whether it would look at an event that is stored now."""
        second = int(now)
        if second != self._second:
            self._second, self._looked_at = second, 0
        return self._looked_at < _CHANGES_PER_S

    def changed(self, draft: Draft, now: float, wire: str) -> None:
        """An event that is stored, and what it has lost on its way."""
        if not self.looks(now):
            return
        self._looked_at += 1
        for what in changes_of(draft):
            # A real visitor's event, without its page: nobody reads here who was where.
            self._note(Entry(_minute(now), draft.rules.site.key, wire, CHANGED, what), what.partition(":")[0])

    def turn(self) -> None:
        """Forget what is old, and write what is new. Called every second; does not raise."""
        before = self._clock() - _LIVES_S
        for kind, entries in list(self._kinds.items()):
            while entries and entries[0].time < before:
                entries.popleft()
                self._unwritten = True
            if not entries:
                del self._kinds[kind]
        if not self._unwritten:
            return
        try:
            write_atomically(
                self._path,
                msgspec.msgpack.encode([entry for kind in self._kinds.values() for entry in kind]),
                durable=False,
            )
            self._unwritten = False
            self._failing.is_over()
        except OSError as problem:
            self._failing.is_so(**kind_and_place(problem))

    def close(self) -> None:
        """Leave nothing behind."""
        self._path.unlink(missing_ok=True)

    def _note(self, entry: Entry, more: str) -> None:
        kind = (entry.site, entry.reason, more)
        entries = self._kinds.get(kind)
        if entries is None:
            entries = self._kinds[kind] = deque(maxlen=EACH)
            if len(self._kinds) > KINDS:
                self._kinds.popitem(last=False)
        else:
            self._kinds.move_to_end(kind)
        entries.append(entry)
        self._unwritten = True


def changes_of(draft: Draft) -> Iterator[str]:
    """What a finished draft has lost, in constant words and numbers."""
    page = draft.page
    assert page is not None
    query = draft.beacon.url.partition("#")[0].partition("?")[2]
    sent = sum(1 for pair in query.split("&") if pair.partition("=")[2])
    kept = page.query.count("&") + 1 if page.query else 0
    if sent > kept:
        yield f"query parameters dropped: {sent - kept}"
    for name, text in (("path", page.path), ("query parameter", page.query), ("event name", draft.name)):
        yield from _replaced(name, text)
    yield from _replaced("property", " ".join(part for pair in draft.props.items() for part in pair))
    yield from draft.beacon.ignored
    if not draft.geo.country and draft.rules.anonymization.place != "none":
        yield "place unknown"


def read_why(directory: Path, now: float) -> list[Entry]:
    """What the workers tell, the newest first. A file that is half of one, or a dead worker's, says nothing."""
    entries: list[Entry] = []
    for path in sorted(directory.glob("why-*")):
        try:
            entries += msgspec.msgpack.decode(path.read_bytes(), type=list[Entry])
        except (OSError, msgspec.MsgspecError):
            continue
    return sorted((entry for entry in entries if entry.time >= now - _LIVES_S), key=lambda e: e.time, reverse=True)


def why_path(directory: Path, worker: int) -> Path:
    """Where a worker tells it."""
    return directory / f"why-{worker}"


def _minute(now: float) -> int:
    return int(now) // _MINUTE_S * _MINUTE_S


def _replaced(what: str, text: str) -> Iterator[str]:
    if ":" in text:
        for placeholder in dict.fromkeys(PLACEHOLDER.findall(text)):
            yield f"{what} replaced by {placeholder}"
