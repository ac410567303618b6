"""What one request would be reduced to: the collector's own steps, with a key that is forgotten at once.

In: a beacon, a client and a site's rules. Out: a `Preview`, described field by field. Promises: nothing is looked up,
stored or logged; what is described follows from the request and the settings alone.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct, structs

from schema.event import Event
from schema.site import local_day

from ..anonymization import Anonymization
from ..enrich.geo import GeoDatabase
from ..keys.key import EphemeralKeys
from ..model import Beacon, Client, Draft, Rules
from ..steps import anonymize

# Which stored fields come from what was sent.
COMES_FROM = {
    "address": ("network", "network_number", "country", "region", "city", "visitor"),
    "agent": ("browser", "browser_version", "os", "os_version", "device", "visitor"),
    "url": ("hostname", "path", "query", "utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content"),
    "referrer": ("referrer", "source", "channel"),
    "language": ("language",),
    "time_zone": ("country",),
    "screen_width": ("screen",),
}
LABELS = {
    "address": "Network address",
    "agent": "Agent string",
    "url": "URL of the page",
    "referrer": "Referrer",
    "language": "Accept-Language",
    "time_zone": "Time zone",
    "screen_width": "Screen width",
}
FIELDS = tuple(dict.fromkeys(field for fields in COMES_FROM.values() for field in fields))
VISITOR = "64 bits, made with a key that is destroyed after midnight; another number tomorrow and on every other site"
NETWORK = "64 bits, made of the truncated address with the same key, to tell one network from another on that day"
# What an instance needs to file an event, and says nothing of who sent it.
_FILING = frozenset({"site", "day", "lifetime"})


class Preview(Struct, frozen=True):
    """outcome: `recorded`, or the reason why nothing is. stored: the event's fields; empty where nothing is.
    visitor: a number of the passing key's, another one each time; in `stored` stands what it is."""

    preset: str
    outcome: str
    stored: dict[str, Any]
    visitor: int = 0


def preview_of(beacon: Beacon, client: Client, rules: Rules, geo_database: GeoDatabase, now: int) -> Preview:
    """What would be stored of it."""
    keys = EphemeralKeys()
    try:
        day = local_day(rules.site.timezone, now)
        outcome = anonymize(Draft(beacon, client, rules, now, day, keys, geo_database))
    finally:
        keys.destroy()
    preset = rules.anonymization.preset
    if not isinstance(outcome, Event):
        return Preview(preset, str(outcome), {})
    stored = {name: value for name, value in structs.asdict(outcome).items() if name not in _FILING}
    return Preview(preset, "recorded", stored | {"visitor": VISITOR, "network_number": NETWORK}, outcome.visitor)


def hashed(settings: Anonymization) -> str:
    """What a visitor number is made of."""
    address = "the whole address" if settings.visitor_address == "full" else "the network"
    agent = "the whole agent string" if settings.visitor_agent == "whole" else "browser, major version and system"
    more = [
        name
        for name, given in (("language", settings.visitor_language), ("screen class", settings.visitor_screen))
        if given
    ]
    return f"a number of the day, from {', '.join([address, agent, *more])}"
