"""The anonymous event: what a beacon becomes, and one row of the table `events`.

In: nothing. Out: the `Event` struct, whose fields are the columns of the table `events` (schema/sql/) in the same order
(a test holds one against the other). Nothing here can hold an address or an agent string.
"""

from __future__ import annotations

from msgspec import Struct

# A vital that the page did not report. Zero is a real value: a layout that never shifted.
NOT_MEASURED = -1.0
# Plausible's own mark for "no scroll depth": 0–100 are real percentages.
NO_SCROLL = 255

DAY_S = 86_400

PAGEVIEW = "pageview"
# The tracker's report on a page being left: engaged time, scroll depth, web vitals. It is nobody's action, so it
# neither starts a visit nor ends a bounce.
ENGAGEMENT = "engagement"


# No gc: it holds texts and numbers only, so there is no cycle to look for. The same holds for what it is made from.
class Event(Struct, array_like=True, frozen=True, gc=False):
    """One anonymized event.

    received: Unix seconds UTC at receipt (rounded down to the minute where `anonymization.timestamps` is "minute").
    day: the site's local day at receipt, in days since 1970-01-01.
    lifetime: the retention in days that held at receipt.
    id: 0, or the keyed hash of an id the sender gave; counted once per site and day.
    visitor: the keyed hash of rule H1; means nothing on another site or another day.
    language: the visitor's. page_language: the primary subtag of the one that the page says it is in; "" where it says
    none, or the row is older than the field.
    amount: revenue in the currency's minor units; currency "" = no revenue.
    engaged_ms: visible and focused milliseconds since the last report. scroll: percent, 255 = not reported.
    lcp, inp, fcp, ttfb: milliseconds; cls: unitless; -1 = not measured. elements: by the name of a vital a selector of
    the element that is responsible for it, where the browser named one that can be kept.
    network: the truncated address where it is stored, else "". network_number: its keyed hash, which means nothing on
    another site or another day (rule N4); 0 = the row is older than the field.
    """

    site: str
    received: int
    day: int
    lifetime: int
    id: int
    visitor: int
    name: str
    interactive: bool
    hostname: str
    path: str
    query: str
    referrer: str
    source: str
    channel: str
    utm_source: str
    utm_medium: str
    utm_campaign: str
    utm_term: str
    utm_content: str
    country: str
    region: str
    city: str
    device: str
    browser: str
    browser_version: str
    os: str
    os_version: str
    screen: str
    language: str
    page_language: str
    props: dict[str, str]
    currency: str
    amount: int
    engaged_ms: int
    scroll: int
    lcp: float
    inp: float
    cls: float
    fcp: float
    ttfb: float
    network: str
    network_number: int
    elements: dict[str, str] = {}


def dies_at(received: int, lifetime: int) -> int:
    """The Unix second at which an event's time is over, wherever it waits: the TTL of schema/sql/0018_baseline.sql."""
    return (received // DAY_S + lifetime) * DAY_S


class Erasure(Struct, array_like=True, frozen=True):
    """Whose rows of a day are to go, because consent was withdrawn at that second: one row of the table `erasures`."""

    site: str
    at: int
    day: int
    visitor: int


# Counts are told to people to so many: one more changes what is told once in ten times.
COARSE = 10
# Outcomes that a visitor has asked for with a signal of his own (collector/outcome.py). Of one of them a number is
# published: how many page views were counted without being recorded.
COUNT_ONLY = "count_only"
SIGNALS = frozenset({"opted_out", "gpc", COUNT_ONLY, "denied", "withdrawn"})


class Count(Struct, array_like=True, frozen=True):
    """How many beacons of a site met one outcome in one minute: one row of the table `ingest`.

    minute: Unix seconds, a multiple of 60 (for a visitor's signal: 00:00 UTC of the site's local date, so that no
    minute is told).
    site is "" where the beacon named a site that does not exist.
    """

    site: str
    minute: int
    reason: str
    count: int


class CrawlerViews(Struct, array_like=True, frozen=True):
    """How many pages of a section a crawler asked for on a day: one row of the table `crawler_views`.

    day: the site's local day, in days since 1970-01-01. crawler: a name of schema/crawlers.py. run: of the import that
    brought it, "" for what was collected live.
    """

    site: str
    day: int
    crawler: str
    section: str
    views: int
    run: str = ""
