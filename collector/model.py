"""What passes through the steps: what was sent, by whom, for which site, and the event in the making.

In: what a wire format has read. Out: values, behind which nothing is a dict and nothing is a "maybe". Promises: none of
those that hold an address or an agent string shows it when it is printed.
"""

from __future__ import annotations

from typing import Protocol

import msgspec
from msgspec import Struct

from schema.event import NO_SCROLL
from schema.site import LocalDay, Site

from .anonymization import Anonymization
from .enrich.asn import NO_DATACENTERS, Datacenters
from .enrich.client_hints import NO_CLIENT_HINTS, ClientHints
from .enrich.device import Device
from .enrich.geo import Geo, GeoDatabase
from .enrich.page import Page
from .enrich.referrer import TrafficSource
from .enrich.site_filter import OPEN, SiteFilter
from .limits.new_visitors import NewVisitors
from .privacy.untrusted_proxy import UntrustedProxy
from .privacy.visitor_id import Key

# Characters of an event's name.
MAX_NAME = 120
CONSENTS = ("granted", "denied", "withdrawn")


class Beacon(Struct, frozen=True, gc=False):
    """One thing that happened on a page. Texts are as sent, cut and without control characters, not yet scrubbed.

    domains: the sites it is meant for. consent: "" or one of CONSENTS. scroll: percent or 255.
    vitals: by name, unit as in schema/metrics.py. elements: by the name of a vital a selector. ignored: what of it was
    passed over, in constant words.
    """

    name: str
    url: str
    domains: tuple[str, ...]
    referrer: str = ""
    hash_mode: bool = False
    interactive: bool = True
    props: dict[str, str] = msgspec.field(default_factory=dict)
    currency: str = ""
    amount: int = 0
    engaged_ms: int = 0
    scroll: int = NO_SCROLL
    vitals: dict[str, float] = msgspec.field(default_factory=dict)
    width: int = 0
    time_zone: str = ""
    id: str = ""
    consent: str = ""
    page_language: str = ""
    ignored: tuple[str, ...] = ()
    elements: dict[str, str] = msgspec.field(default_factory=dict)


class Client(Struct, frozen=True, gc=False):
    """The other end of the request. The address and the agent live in this value, in memory, and nowhere else."""

    address: str
    agent: str
    languages: str = ""
    prefetch: bool = False
    # DNT, or the opt-out flag.
    opted_out: bool = False
    gpc: bool = False
    client_hints: ClientHints = NO_CLIENT_HINTS
    # The origin of the page that asks, as the browser tells it; "" where no browser tells any.
    origin: str = ""
    # Set where the address may be that of a proxy, behind which all are one.
    untrusted_proxy: UntrustedProxy | None = None

    def __repr__(self) -> str:
        return "Client(…)"


class KeySource(Protocol):
    """Where a step gets the day's key from."""

    def key(self, site: str, day: int) -> Key:
        """The key of a site-day; raises NoKey."""


class RateLimit(Protocol):
    """How much a network may send."""

    def admits(self, number: int) -> bool:
        """Count one event of the network of that number; False where it is one too many."""


class Rules(Struct, frozen=True):
    """What holds for one site: its settings, resolved once."""

    site: Site
    anonymization: Anonymization
    lifetime: int
    keep: frozenset[str]
    # From these no visit is referred: the site's names and what `hosts` admit; `.example.com` is all below it.
    own_hosts: frozenset[str]
    # A bare total until the page says that consent was granted.
    needs_consent: bool = False
    # Hosts whose referrals are forged, beside those known to us.
    referrer_spam: frozenset[str] = frozenset()
    site_filter: SiteFilter = OPEN


_NOWHERE = Geo("", "", "")
_UNKNOWN_DEVICE = Device("", "", "", "", "", "")


class Draft(Struct, gc=False):
    """An event in the making."""

    beacon: Beacon
    client: Client
    rules: Rules
    received: int
    day: LocalDay
    keys: KeySource
    geo_database: GeoDatabase
    datacenters: Datacenters = NO_DATACENTERS
    limit: RateLimit | None = None
    # Of several sites that the beacon is meant for, one is the page's own.
    vouched: bool = False
    new_visitors: NewVisitors | None = None
    device: Device = _UNKNOWN_DEVICE
    page: Page | None = None
    traffic_source: TrafficSource = TrafficSource("", "", "")
    geo: Geo = _NOWHERE
    network: str = ""
    key: bytes | bytearray = b""
    network_number: int = 0
    language: str = ""
    page_language: str = ""
    screen: str = ""
    name: str = ""
    props: dict[str, str] = {}
    elements: dict[str, str] = {}
    # The id of the order that it is the payment of, until it is hashed.
    order: str = ""
    visitor: int = 0
    id: int = 0

    def __repr__(self) -> str:
        return "Draft(…)"


class Arrival(Struct, frozen=True, gc=False):
    """A beacon and the other end it speaks for. received: Unix seconds of something earlier today, which only a
    site's own server may say; 0 = now. by_token: it is such a server that says so. sender: by what its client
    is known again (known.py), nothing where that cannot be."""

    beacon: Beacon
    client: Client
    received: float = 0.0
    by_token: bool = False
    sender: bytes = b""

    def __repr__(self) -> str:
        return "Arrival(…)"
