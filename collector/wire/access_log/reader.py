"""Access logs → beacons, as if each line had been a page's own.

In: a file, and what holds for the site. Out: per line a `Beacon`, a `Client` and a time, or the `Reason` why it is no
person opening a page. Promises: a bad line is counted, never fatal; addresses and agents live only in what is returned.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache
from typing import TypeAlias
from zoneinfo import ZoneInfo

from msgspec import Struct

from schema.event import PAGEVIEW

from ...model import Beacon, Client, Rules
from ...outcome import Reason
from ...privacy.address import Proxies, written_address
from ..values import bounded, clean
from .client_field import Claims, client_of
from .escapes import unescaped
from .forms import Entry
from .lines import CARRIED, STDIN, lines_of, pieces
from .recognize import LONGEST_SAMPLE, REMEDY, Format, recognize
from .requests import host_of, split_request, split_target
from .static_files import may_be_page
from .tally import Tally
from .unreadable import Unreadable
from .w3c_lines import FIELDS, NAME, w3c_form

Sent: TypeAlias = tuple[Beacon, Client, int]

_REDIRECTS = frozenset(("301", "302", "303", "307", "308"))
# Successes that show no page: the browser stays where it is.
_NO_PAGE = frozenset(("204", "205"))
# A host that this share of the lines name is the server's own; others are what strangers ask for.
_OWN_SHARE = 0.1
_MOST_NAMED = 5
# What is remembered of a log's lines: in the order of time one second follows another, and what few ask for is rare.
_SECONDS = 1024
_CLIENTS = 4096
_REQUESTS = 8192


class Reading(Struct, frozen=True):
    """How logs are to be read. declared: the settings know the site. redirects: count them, too. format: `--format`."""

    rules: Rules
    declared: bool = True
    proxies: Proxies = Proxies()
    redirects: bool = False
    format: str = ""

    @property
    def own_hosts(self) -> frozenset[str]:
        """What the site is called that may be a host."""
        return frozenset(name for name in self.rules.site.own_hosts if "." in name)

    @property
    def host(self) -> str:
        """The host of pages whose line names none."""
        site, site_filter = self.rules.site, self.rules.site_filter
        names = [*site.domains, site.key, *site_filter.hosts]
        return next((name for name in names if site_filter.admits(host_of(name))), names[0])

    def is_own(self, host: str) -> bool:
        """Whether a host is the site's."""
        site_filter = self.rules.site_filter
        if site_filter.knows_hosts:
            return site_filter.admits(host)
        own = self.own_hosts
        return host in own or any(host.endswith(f".{name}") for name in own)


class Log:
    """One log under way: iterate once over its outcomes, or over its pieces. Raises Unreadable as soon as its first
    lines are looked at. sample: these. at: how many bytes of the file have been read."""

    def __init__(self, path: str, reading: Reading) -> None:
        self.name = "standard input" if path == STDIN else path
        self.at = 0
        self.tally = Tally()
        self._all = pieces(path, self._tell)
        self._first: list[bytes] = []
        self.sample = self._looked_at()
        self.reader: LineReader | None = None
        # A day on which nobody came has a line of fields alone.
        if any(line and not line.startswith(FIELDS) for line in self.sample):
            try:
                self.reader = reader_of(self.sample, reading)
            except Unreadable as problem:
                raise Unreadable(f"{self.name}: {problem}") from None

    @property
    def format(self) -> str:
        """The name of the format that was recognized, "" of an empty file."""
        return self.reader.format.name if self.reader else ""

    @property
    def pieces(self) -> Iterator[bytes]:
        """Whole lines, to be read in this order; none of an empty file."""
        first, self._first = self._first, []
        return itertools.chain(first, self._all) if self.reader else iter(())

    def __iter__(self) -> Iterator[Sent | Reason]:
        for piece in self.pieces:
            assert self.reader is not None
            yield from self.reader.outcomes(lines_of(piece), self.tally)

    def _tell(self, at: int) -> None:
        self.at = at

    def _looked_at(self) -> list[str]:
        found: list[str] = []
        while len(found) < LONGEST_SAMPLE and (piece := next(self._all, None)) is not None:
            self._first.append(piece)
            found += lines_of(piece)
        return found[:LONGEST_SAMPLE]


class LineReader:
    """Lines of one format. admits: which hosts count. What lines say again and again is remembered, within bounds."""

    def __init__(self, format_: Format, reading: Reading, admits: Callable[[str], bool]) -> None:
        self.format = format_
        self._entry: Callable[[str], Entry | None] = format_.entry
        self._redirects = reading.redirects
        self._host = reading.host
        self._own = reading.is_own
        self._admits = admits
        self._claims = Claims()
        self._text: Callable[[str], str] = unescaped if format_.form.escaped else str
        moment, zone, proxies = format_.form.moment, ZoneInfo(reading.rules.site.timezone), reading.proxies
        self._moment = lru_cache(_SECONDS)(lambda text: moment(text, zone))
        self._client = lru_cache(_CLIENTS)(lambda written, forwarded: client_of(written, forwarded, proxies))
        self._url_of = lru_cache(_REQUESTS)(self._url_asked_for)
        self._referrer_of = lru_cache(_REQUESTS)(self._url_told)

    def outcomes(self, lines: Iterable[str], tally: Tally) -> Iterator[Sent | Reason]:
        """What becomes of each line that is not empty. tally: counts them."""
        read, self._claims = self.read, tally.claims
        outcome: Sent | Reason | None = None
        for line in lines:
            tally.numbered += 1
            if not line or line.startswith(FIELDS):
                tally.numbered -= self._turned(line)
                continue
            tally.lines += 1
            outcome = read(line)
            if isinstance(outcome, tuple):
                tally.with_agent += bool(outcome[1].agent)
                tally.without_agent += not outcome[1].agent
            else:
                tally.refuse(outcome, line)
                if tally.lines == 1:
                    tally.begins_cut = outcome is Reason.BAD_LINE
            yield outcome
        if outcome is not None:
            tally.ends_cut = outcome is Reason.BAD_LINE

    def _turned(self, header: str) -> bool:
        """Go by the fields that a line names from here on. Whether it is none of the log's own."""
        if header and self.format.form.name == NAME:
            try:
                self._entry = w3c_form(header.rstrip(CARRIED)).parse
            except Unreadable:
                self._entry = lambda _: None
        return header.endswith(CARRIED)

    def read(self, line: str) -> Sent | Reason:
        """(beacon, client, Unix seconds) of a line."""
        entry = self._entry(line)
        if entry is None:
            return Reason.BAD_LINE
        moment = self._moment(entry.time)
        if moment is None:
            return Reason.BAD_LINE
        status = entry.status
        if status != "200" and (reason := self._refused(status)):
            return reason
        url = self._url_of(entry.request, entry.host)
        if isinstance(url, Reason):
            return url
        address = self._client(entry.client, entry.forwarded)
        if not address:
            return Reason.NO_ADDRESS
        self._claims.add(entry.client, entry.forwarded, address)
        referrer = "" if entry.referrer == "-" else self._referrer_of(entry.referrer)
        agent = "" if entry.agent == "-" else self._text(entry.agent)
        return Beacon(PAGEVIEW, url, (), referrer), Client(address, agent), moment

    def _refused(self, status: str) -> Reason | None:
        """Why an answer with that status showed nobody a page."""
        if status in _REDIRECTS:
            return None if self._redirects else Reason.REDIRECT
        # Nothing has changed since this person last opened the page: he opens it again.
        if (status[:1] != "2" and status != "304") or status in _NO_PAGE:
            # What is no request at all (a TLS handshake, a scan) has been answered so.
            return Reason.NOT_SUCCESS if status.isdecimal() and len(status) == 3 else Reason.BAD_LINE
        return None

    def _url_asked_for(self, request: str, host: str) -> str | Reason:
        """The page that was asked for. host: what the line says beside the request."""
        method, target = split_request(request)
        if not method:
            return Reason.BAD_LINE
        if method != "GET":
            return Reason.NOT_GET
        named, target = split_target(self._text(target))
        host = named or host_of(host)
        if host and not self._admits(host):
            return Reason.HOST
        if not may_be_page(target.partition("?")[0].partition("#")[0]):
            return Reason.STATIC_FILE
        # nginx's name of a server may be a pattern.
        if not host or "*" in host or not self._own(host):
            host = self._host
        return bounded(f"https://{host}{clean(target)}")

    def _url_told(self, referrer: str) -> str:
        return bounded(clean(self._text(referrer)))


def reader_of(sample: Sequence[str], reading: Reading) -> LineReader:
    """The reader of a log that begins with these lines. Raises Unreadable."""
    format_ = recognize(sample, reading.format)
    return LineReader(format_, reading, _admission(format_, sample, reading))


def _admission(format_: Format, sample: Sequence[str], reading: Reading) -> Callable[[str], bool]:
    """Which hosts' lines count: the site's own. A site that no settings describe may be called otherwise than its host;
    then the log's only host is its."""
    if reading.rules.site_filter.knows_hosts or (reading.declared and reading.own_hosts):
        return reading.is_own
    hosts, clients, seen = Counter[str](), defaultdict[str, set[str]](set), 0
    for entry in filter(None, map(format_.entry, sample)):
        seen += 1
        host = split_target(split_request(entry.request)[1])[0] or host_of(entry.host)
        if host:
            hosts[host] += 1
            clients[host].add(entry.client)
    if any(map(reading.is_own, hosts)):
        return reading.is_own
    often = [host for host, count in hosts.most_common() if count >= _OWN_SHARE * seen]
    if len(often) > 1 or (not often and 2 * hosts.total() > seen):
        # Where another format has the host a visitor's address or name may stand: what several have is none.
        named = [host for host, _ in hosts.most_common() if len(clients[host]) > 1 and not written_address(host)]
        names = f" ({', '.join(clean(host)[:60] for host in named[:_MOST_NAMED])})" if named else ""
        raise Unreadable(
            f"its lines are of several hosts{names}, none of them {reading.rules.site.key}: name the site by its host "
            f"(--site), or its hosts in the settings (`hosts`); where a line does not begin with the host, {REMEDY}"
        )
    return often[:1].__contains__
