"""From beacons to the spool: which sites they are meant for, the steps, and what becomes of each.

In: decoded beacons with who sent them. Out: durable events and erasures in the spool; an outcome for each site.
Promises: nothing counts as accepted before it is on disk, and what has to look like acceptance waits for the disk as
long; without the day's key nothing is collected.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

from msgspec import Raw

from pipeline.spool.spool import Spool, SpoolRefuses
from schema.event import PAGEVIEW, Event
from schema.site import LocalDay, local_day

from .diagnostics.shadow import Shadow
from .diagnostics.unnamed_proxies import UnnamedProxies
from .diagnostics.why import Why
from .ended import CrawlerView, crawler_view_of
from .enrich.asn import NO_DATACENTERS, Datacenters
from .enrich.geo import GeoDatabase
from .enrich.page import Page
from .event_row import MINUTE_S
from .keys.key import NoKey
from .known import Known, is_usual
from .limits.new_visitors import NewVisitors
from .meant import meant_sites
from .model import Arrival, Beacon, Client, Draft, KeySource, RateLimit, Rules
from .objections import Objections, TooManyObjections
from .outcome import Outcome, Reason, Refused
from .privacy.address import Proxies
from .privacy.visitor_id import Key
from .steps import MACHINES, anonymize, drop_bad_url, drop_throttled, put_key, put_network, put_network_number
from .taken import Counted, Taken

_DAY_S = 86_400
_NO_BEACON = Beacon(PAGEVIEW, "", ())


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
        self.objections = Objections(proxies, objections)
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
        for rules in meant_sites(self.rules, beacon):
            if rules is not None:
                draft = self._draft(rules, Arrival(beacon, client), int(now), self._day(rules, now))
                if erasure := self.objections.erasure(draft):
                    erasures.append(erasure)
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

    def _take(self, arrival: Arrival, now: float, wire: str, taken: Taken) -> tuple[Reason, ...]:
        """What becomes of a beacon at each site that it is meant for."""
        meant = meant_sites(self.rules, arrival.beacon)
        if len(meant) == 1:
            return (self._take_for(meant[0], arrival, now, wire, taken),)
        vouched = any(rules is not None and rules.site_filter.knows_origin(arrival.client.origin) for rules in meant)
        return tuple([self._take_for(rules, arrival, now, wire, taken, vouched) for rules in meant])

    def _take_for(
        self, rules: Rules | None, arrival: Arrival, now: float, wire: str, taken: Taken, vouched: bool = False
    ) -> Reason:
        if rules is None:
            return self._drop("", Reason.UNKNOWN_SITE, now, wire, taken.counts)
        day = self._day(rules, now)
        received = int(arrival.received or now)
        if not day.start <= received <= now:
            return self._drop(rules.site.key, Reason.BAD_TIME, now, wire, taken.counts)
        draft = self._draft(rules, arrival, received, day, vouched)
        outcome = anonymize(draft)
        if isinstance(outcome, Event):
            self._accept(draft, outcome, arrival, now, wire)
            taken.events.append(outcome)
            return Reason.ACCEPTED
        self._end(draft, outcome, arrival.by_token, now, wire, taken)
        return outcome

    def _accept(self, draft: Draft, event: Event, arrival: Arrival, now: float, wire: str) -> None:
        """Tell of an event whoever wants to know."""
        if self._why is not None:
            self._why.changed(draft, now, wire)
        if self._unnamed_proxies is not None:
            self._unnamed_proxies.accepted(event.site, arrival.client.untrusted_proxy)
        if self._shadow is not None:
            self._shadow.see(draft)
        if arrival.sender and not draft.vouched:
            self._known.remember(arrival.sender, draft, event)

    def _end(self, draft: Draft, reason: Reason, by_token: bool, now: float, wire: str, taken: Taken) -> None:
        """What is counted of a beacon that a step ended, and whose rows go."""
        site, counts = draft.rules.site.key, taken.counts
        if reason is Reason.WITHDRAWN and (erasure := self.objections.erasure(draft, by_token, taken.erasures)):
            taken.erasures.append(erasure)
        if reason is Reason.ORIGIN:
            # Nobody has looked at the page yet; who mends the settings has to know its host.
            drop_bad_url(draft)
        if not reason.is_signal:
            self._drop(site, reason, now, wire, counts, draft.page)
            if reason in MACHINES and (view := crawler_view_of(draft)):
                counts.append(view)
        elif reason is not Reason.COUNT_ONLY or draft.beacon.name == PAGEVIEW:
            # Of those who asked not to be recorded a bare total per day: not even the minute is told.
            counts.append((site, reason, draft.day.number * _DAY_S))
        taken.silent = taken.silent or reason.is_silent

    def _draft(self, rules: Rules, arrival: Arrival, received: int, day: LocalDay, vouched: bool = False) -> Draft:
        new_visitors = None if arrival.by_token else self._new_visitors
        asked = (self.keys, self.geo_database, self._datacenters, self._limit)
        return Draft(arrival.beacon, arrival.client, rules, received, day, *asked, vouched, new_visitors)

    def _drop(
        self, site: str, reason: Reason, now: float, wire: str, counts: list[Counted], page: Page | None = None
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
