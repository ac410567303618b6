"""Access logs → beacons, as if each line had been a page's own.

In: a file, and what holds for the site. Out: per line a `Beacon`, a `Client` and a time, or the `Reason` why it is no
person opening a page. Promises: a bad line is counted, never fatal; addresses and agents live only in what is returned.
"""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
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
from .lines import STDIN, lines
from .recognize import LONGEST_SAMPLE, REMEDY, Format, recognize
from .requests import host_of, split_request, split_target
from .static_files import may_be_page
from .unreadable import Unreadable

Sent: TypeAlias = tuple[Beacon, Client, int]

_REDIRECTS = frozenset(("301", "302", "303", "307", "308"))
# Successes that show no page: the browser stays where it is.
_NO_PAGE = frozenset(("204", "205"))
# A host that this share of the lines name is the server's own; others are what strangers ask for.
_OWN_SHARE = 0.1
_MOST_NAMED = 5


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
    """One log under way: iterate over it once. Raises Unreadable as soon as its first lines are looked at."""

    def __init__(self, path: str, reading: Reading, progress: Callable[[int], None] = lambda _: None) -> None:
        self.name = "standard input" if path == STDIN else path
        self.lines = 0
        self.bad = 0
        self.without_address = 0
        self.other_hosts = 0
        # Rotation may begin and end a log within a line.
        self.begins_cut = self.ends_cut = False
        self.first_bad = (0, "")
        self.with_agent = self.without_agent = 0
        self._all = lines(path, progress)
        self._sample = list(itertools.islice(self._all, LONGEST_SAMPLE))
        self.reader: LineReader | None = None
        if any(self._sample):
            try:
                self.reader = reader_of(self._sample, reading)
            except Unreadable as problem:
                raise Unreadable(f"{self.name}: {problem}") from None

    @property
    def format(self) -> str:
        """The name of the format that was recognized, "" of an empty file."""
        return self.reader.format.name if self.reader else ""

    @property
    def views(self) -> int:
        """How many lines are page views, if somebody's."""
        return self.with_agent + self.without_agent + self.without_address

    def __iter__(self) -> Iterator[Sent | Reason]:
        if self.reader is None:
            return
        read = self.reader.read
        sample, self._sample = self._sample, []
        for number, line in enumerate(itertools.chain(sample, self._all), start=1):
            if not line:
                continue
            self.lines += 1
            outcome = read(line)
            self.ends_cut = outcome is Reason.BAD_LINE
            if self.lines == 1:
                self.begins_cut = self.ends_cut
            if not isinstance(outcome, Reason):
                self.with_agent += bool(outcome[1].agent)
                self.without_agent += not outcome[1].agent
            elif outcome is Reason.BAD_LINE or outcome is Reason.NO_ADDRESS:
                if not self.first_bad[0]:
                    self.first_bad = (number, line)
                self.bad += outcome is Reason.BAD_LINE
                self.without_address += outcome is Reason.NO_ADDRESS
            elif outcome is Reason.HOST:
                self.other_hosts += 1
            yield outcome


class LineReader:
    """Lines of one format. admits: which hosts count."""

    def __init__(self, format_: Format, reading: Reading, admits: Callable[[str], bool]) -> None:
        self.format = format_
        self._entry = format_.entry
        self._moment = format_.form.moment
        self._text: Callable[[str], str] = unescaped if format_.form.escaped else str
        self._zone = ZoneInfo(reading.rules.site.timezone)
        self._proxies = reading.proxies
        self._redirects = reading.redirects
        self._host = reading.host
        self._own = reading.is_own
        self._admits = admits
        self.claims = Claims()

    def read(self, line: str) -> Sent | Reason:
        """(beacon, client, Unix seconds) of a line."""
        entry = self._entry(line)
        if entry is None:
            return Reason.BAD_LINE
        moment = self._moment(entry.time, self._zone)
        if moment is None:
            return Reason.BAD_LINE
        status = entry.status
        if status in _REDIRECTS:
            if not self._redirects:
                return Reason.REDIRECT
        # Nothing has changed since this person last opened the page: he opens it again.
        elif (status[:1] != "2" and status != "304") or status in _NO_PAGE:
            # What is no request at all (a TLS handshake, a scan) has been answered so.
            return Reason.NOT_SUCCESS if status.isdecimal() and len(status) == 3 else Reason.BAD_LINE
        method, target = split_request(entry.request)
        if not method:
            return Reason.BAD_LINE
        if method != "GET":
            return Reason.NOT_GET
        named, target = split_target(self._text(target))
        host = named or host_of(entry.host)
        if host and not self._admits(host):
            return Reason.HOST
        if not may_be_page(target.partition("?")[0].partition("#")[0]):
            return Reason.STATIC_FILE
        address = client_of(entry.client, entry.forwarded, self._proxies)
        if not address:
            return Reason.NO_ADDRESS
        self.claims.add(entry.client, entry.forwarded, address)
        # nginx's name of a server may be a pattern.
        if not host or "*" in host or not self._own(host):
            host = self._host
        beacon = Beacon(
            name=PAGEVIEW,
            url=bounded(f"https://{host}{clean(target)}"),
            domains=(),
            referrer="" if entry.referrer == "-" else bounded(clean(self._text(entry.referrer))),
        )
        return beacon, Client(address, "" if entry.agent == "-" else self._text(entry.agent)), moment


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
