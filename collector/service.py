"""From beacons to the spool: which sites they are meant for, the steps, and what becomes of each.

In: decoded beacons with who sent them. Out: durable events and erasures in the spool; an outcome for each site.
Promises: nothing counts as accepted before it is on disk, and what has to look like acceptance waits for the disk as
long; without the day's key nothing is collected.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence

from msgspec import Raw

from pipeline.spool import Spool, SpoolRefuses
from schema.event import PAGEVIEW, Erasure, Event
from schema.host import site_name
from schema.site import LocalDay, local_day

from .diagnostics.shadow import Shadow
from .diagnostics.unnamed_proxies import UnnamedProxies
from .diagnostics.why import Why
from .ended import CrawlerView, crawler_view_of, erasure_of
from .enrich.asn import NO_DATACENTERS, Datacenters
from .enrich.geo import GeoDatabase
from .enrich.page import Page
from .event_row import MINUTE_S
from .keys.key import NoKey
from .known import Known, is_usual
from .limits.new_visitors import NewVisitors
from .model import Arrival, Beacon, Client, Draft, KeySource, RateLimit, Rules
from .outcome import Outcome, Reason, Refused
from .privacy.address import Proxies
from .privacy.visitor_id import Key
from .steps import MACHINES, anonymize, drop_bad_url, drop_throttled, put_key, put_network, put_network_number
from .taken import Counted, Taken

_DAY_S = 86_400
# What ends the host and port of a URL.
_NO_HOST = re.compile(r"[/?#\\]")
_NO_BEACON = Beacon(PAGEVIEW, "", ())


class TooManyObjections(Exception):
    """One network asks for more of today to be deleted than people there can want."""


class Collector:
    """Takes beacons through the steps and into the spool. rules: by every name a beacon may call a site."""

    def __init__(
        self,
        rules: dict[str, Rules],
        spool: Spool,
        keys: KeySource,
        geo_database: GeoDatabase,
        proxies: Proxies,
        clock: Callable[[], float] = time.time,
        shadow: Shadow | None = None,
        datacenters: Datacenters = NO_DATACENTERS,
        limit: RateLimit | None = None,
        why: Why | None = None,
        new_visitors: NewVisitors | None = None,
        objections: RateLimit | None = None,
        unnamed_proxies: UnnamedProxies | None = None,
        on_refusal: Callable[[Reason], None] = lambda _: None,
    ) -> None:
        self.rules = rules
        self.spool = spool
        self.keys = keys
        self.geo_database = geo_database
        self.proxies = proxies
        self.clock = clock
        self._shadow = shadow
        self._datacenters = datacenters
        self._limit = limit
        self._why = why
        self._new_visitors = new_visitors
        self._objections = objections
        self._unnamed_proxies = unnamed_proxies
        self._on_refusal = on_refusal
        self._known = Known()
        self._days: dict[str, LocalDay] = {}
        self._next: Mapping[str, Rules] | None = None

    def take(self, arrivals: Sequence[Arrival | Refused], now: float, wire: str = "") -> Taken:
        """Send all of a request through the steps. Nothing of it is counted yet. Raises Refused where nothing can be
        taken now.

        now: when the request came, which fixes its events' time and day. wire: what the format is called."""
        taken = Taken([], [], [], [])
        for arrival in arrivals:
            if isinstance(arrival, Refused):
                taken.outcomes.append(arrival)
                continue
            try:
                taken.outcomes.append(self._take(arrival, now, wire, taken))
            except Refused as refused:
                taken.outcomes.append(refused)
            except TooManyObjections:
                # Whoever wants to be forgotten must not be told that he is, so nothing else of the request is taken.
                message = "comes from a network that objects too often; try again in a minute"
                raise Refused(Reason.THROTTLED, "request", message) from None
            except NoKey:
                # Fails closed (rule H3): without the day's key there is no visitor number to store.
                raise Refused(Reason.NO_KEY, "request", "cannot be taken now, try again") from None
        return taken

    def sender(self, text: bytes, beacon: Beacon) -> bytes:
        """By what `take_again` knows the sender of a beacon; nothing where it needs a closer look."""
        return self._known.sender(text, beacon) if is_usual(beacon) else b""

    def know_head(self, text: bytes, beacon: Beacon, sender: bytes, origin: bytes) -> None:
        """Who sent a head of that text with such a beacon was found to be that sender."""
        self._known.know_head(self._known.sender(text, beacon), sender, origin)

    def known_head(self, text: bytes, beacon: Beacon) -> tuple[bytes, bytes] | None:
        """The sender and the origin of a head of that text, if it was sent before with such a beacon."""
        return self._known.head(self._known.sender(text, beacon)) if is_usual(beacon) else None

    def take_again(self, sender: bytes, beacon: Beacon, now: float) -> tuple[str, Raw] | None:
        """The site and the row of a beacon that the steps need not see: they have seen its visitor and its page. None
        where they have to."""
        rules = self.rules.get(beacon.domains[0])
        if rules is None or self._shadow is not None or (self._why is not None and self._why.looks(now)):
            return None
        visitor = self._known.visitor(sender, rules, self._key_of_day(rules.site.key, now))
        row = None if visitor is None else self._known.row(visitor, rules, beacon, int(now))
        if visitor is None or row is None:
            return None
        # These count; whoever is refused here is refused, and not counted, by the steps.
        if self._new_visitors is not None and not self._new_visitors.know(visitor.visitor):
            return None
        if self._limit is not None and not self._limit.admits(visitor.network_number):
            return None
        if self._unnamed_proxies is not None:
            self._unnamed_proxies.accepted(rules.site.key, visitor.untrusted_proxy)
        return rules.site.key, row

    def store(self, taken: Taken, then: Callable[[SpoolRefuses | None], None]) -> None:
        """Have it on disk; `then` is told, or that it cannot be now. Raises SpoolRefuses.

        What must look like acceptance waits for the disk as long, and is refused where that would be."""
        # One wish that is told a hundred times is one wish.
        erasures = list(dict.fromkeys(taken.erasures)) if taken.erasures else ()
        self.spool.hand_in(taken.events, erasures, then)

    def settle(self, taken: Taken, now: float, wire: str = "") -> list[Outcome]:
        """Count what was taken, once what of it has to be is on disk: what became of each."""
        for event in taken.events:
            self.count(event.site, Reason.ACCEPTED, now)
        for count in taken.counts:
            if isinstance(count, CrawlerView):
                self.spool.count_crawler(count)
            else:
                self.count(*count)
        for outcome in taken.outcomes:
            if isinstance(outcome, Refused):
                self.refuse(outcome, now, wire)
        return taken.outcomes

    async def withdraw(self, client: Client, domains: Sequence[str], width: int) -> None:
        """Have today's rows of that client deleted, never telling whether there are any; whether the wish may come from
        there has been asked. Raises NoKey, SpoolRefuses, TooManyObjections."""
        now = self.clock()
        beacon = Beacon("consent", "", tuple(domains), width=width, consent="withdrawn")
        erasures = []
        for rules in self._meant(beacon):
            if rules is not None:
                erasure = self._forget(self._draft(rules, Arrival(beacon, client), int(now), self._day(rules, now)))
                erasures += [erasure] if erasure else []
        if erasures:
            await self.spool.append((), erasures)
        for erasure in erasures:
            self.count(erasure.site, Reason.WITHDRAWN, erasure.day * _DAY_S)

    def knows_origin(self, origin: str) -> bool:
        """Whether pages of that origin are those of one of the sites."""
        return any(rules.site_filter.knows_origin(origin) for rules in self.rules.values())

    def admits(self, rules: Rules, client: Client) -> bool:
        """Whether its network may send one more to the site now: it is counted as a beacon is. Raises NoKey."""
        now = self.clock()
        draft = self._draft(rules, Arrival(_NO_BEACON, client), int(now), self._day(rules, now))
        put_network(draft)
        put_key(draft)
        put_network_number(draft)
        return drop_throttled(draft) is None

    def _meant(self, beacon: Beacon) -> list[Rules | None]:
        """The sites a beacon is meant for, each once, by whatever names; None is one that does not exist."""
        named = [self.rules.get(domain) for domain in beacon.domains or _domain_of(beacon.url)]
        if len(named) == 1:
            return named
        sites = list(dict.fromkeys(rules.site.key for rules in named if rules is not None))
        return [*(self.rules[site] for site in sites), *(None for rules in named if rules is None)]

    def _take(self, arrival: Arrival, now: float, wire: str, taken: Taken) -> tuple[Reason, ...]:
        """What becomes of a beacon at each site that it is meant for."""
        meant = self._meant(arrival.beacon)
        if len(meant) == 1:
            return (self._take_for(meant[0], arrival, now, wire, taken),)
        vouched = any(rules is not None and rules.site_filter.knows_origin(arrival.client.origin) for rules in meant)
        return tuple([self._take_for(rules, arrival, now, wire, taken, vouched) for rules in meant])

    def _take_for(
        self, rules: Rules | None, arrival: Arrival, now: float, wire: str, taken: Taken, vouched: bool = False
    ) -> Reason:
        counts = taken.counts
        if rules is None:
            return self._drop("", Reason.UNKNOWN_SITE, now, wire, counts)
        beacon, day = arrival.beacon, self._day(rules, now)
        received = int(arrival.received or now)
        if not day.start <= received <= now:
            return self._drop(rules.site.key, Reason.BAD_TIME, now, wire, counts)
        draft = self._draft(rules, arrival, received, day, vouched)
        outcome = anonymize(draft)
        if isinstance(outcome, Event):
            if self._why is not None:
                self._why.changed(draft, now, wire)
            if self._unnamed_proxies is not None:
                self._unnamed_proxies.accepted(rules.site.key, arrival.client.untrusted_proxy)
            if self._shadow is not None:
                self._shadow.see(draft)
            if arrival.sender and not vouched:
                self._known.remember(arrival.sender, draft, outcome)
            taken.events.append(outcome)
            return Reason.ACCEPTED
        erasure = self._forget(draft, arrival.by_token, taken.erasures) if outcome is Reason.WITHDRAWN else None
        if outcome is Reason.ORIGIN:
            # Nobody has looked at the page yet; who mends the settings has to know its host.
            drop_bad_url(draft)
        if not outcome.is_signal:
            self._drop(rules.site.key, outcome, now, wire, counts, draft.page)
            if outcome in MACHINES and (view := crawler_view_of(draft)):
                counts.append(view)
        elif outcome is not Reason.COUNT_ONLY or beacon.name == PAGEVIEW:
            # Of those who asked not to be recorded a bare total per day: not even the minute is told.
            counts.append((rules.site.key, outcome, draft.day.number * _DAY_S))
        if erasure is not None:
            taken.erasures.append(erasure)
        taken.silent = taken.silent or outcome.is_silent
        return outcome

    def _draft(self, rules: Rules, arrival: Arrival, received: int, day: LocalDay, vouched: bool = False) -> Draft:
        return Draft(
            arrival.beacon,
            arrival.client,
            rules,
            received,
            day,
            self.keys,
            self.geo_database,
            self._datacenters,
            self._limit,
            vouched,
            None if arrival.by_token else self._new_visitors,
        )

    def _forget(self, draft: Draft, by_token: bool = False, withdrawn: Sequence[Erasure] = ()) -> Erasure | None:
        """The wish to be forgotten; None of whom nothing can be known. withdrawn: those of the same request.
        Raises NoKey, TooManyObjections."""
        erasure = erasure_of(draft)
        if erasure in withdrawn or by_token or self.proxies.hold(draft.client.address):
            return erasure
        if self._objections is not None:
            put_key(draft)
            put_network_number(draft)
            if not self._objections.admits(draft.network_number):
                raise TooManyObjections
        return erasure

    def _drop(
        self,
        site: str,
        reason: Reason,
        now: float,
        wire: str,
        counts: list[Counted],
        page: Page | None = None,
    ) -> Reason:
        counts.append((site, reason, now))
        if self._why is not None:
            self._why.dropped(site, reason, now, wire, page)
        return reason

    def refuse(self, refused: Refused, now: float, wire: str) -> None:
        """One more that is not even a beacon, or cannot be taken."""
        self.count("", refused.reason, now)
        self._on_refusal(refused.reason)
        if self._why is not None:
            self._why.refused(refused, now, wire)

    def follow(self, rules: Mapping[str, Rules]) -> None:
        """Go by these rules from the next turn on. Called in any thread."""
        self._next = rules

    @property
    def follows(self) -> bool:
        """Whether it goes by the rules it was told last."""
        return self._next is None

    def turn(self) -> None:
        """Called every second: take on new rules, hand counts on, tell why."""
        if self._next is not None:
            # In place, between two requests: formats and pages hold the same table.
            self.rules.clear()
            self.rules.update(self._next)
            self._days.clear()
            self._known.forget()
            self._next = None
        self._known.follow(lambda site: self._key_of_day(site, self.clock()))
        self.spool.turn()
        if self._why is not None:
            self._why.turn()
        if self._unnamed_proxies is not None:
            self._unnamed_proxies.turn()

    def _key_of_day(self, site: str, now: float) -> Key | None:
        try:
            return self.keys.key(site, self._day(self.rules[site], now).number)
        except (KeyError, NoKey):
            return None

    def _day(self, rules: Rules, now: float) -> LocalDay:
        """The site's local day, computed once a day."""
        day = self._days.get(rules.site.key)
        if day is None or not day.start <= now < day.end:
            day = self._days[rules.site.key] = local_day(rules.site.timezone, now)
        return day

    def count(self, site: str, reason: Reason, now: float) -> None:
        """One more outcome of that minute."""
        self.spool.count(site, reason, int(now) // MINUTE_S * MINUTE_S)


def _domain_of(url: str) -> tuple[str, ...]:
    host = _NO_HOST.split(url.partition("://")[2], maxsplit=1)[0].rpartition("@")[2]
    if not host:
        raise Refused(Reason.NO_DOMAIN, "domain", "can't be blank")
    return (site_name(host),)
