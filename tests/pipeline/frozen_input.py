"""A fixed input: what came to several sites on some days, the same in every run, version and machine.

In: nothing. Out: `CASES`, each a site with its rules, and `events_of`. It never changes, because what is made of it is
held against what was made of it before (test_frozen_rows.py): what is missing here gets a case of its own.
"""

from __future__ import annotations

import datetime as dt
import random
from typing import Any, TypeVar

from msgspec import Struct

from pipeline.settings import SiteRules
from schema.event import ENGAGEMENT, PAGEVIEW, Event
from schema.site import Goal, Site, day_bounds, day_number
from tests.conftest import make_event

T = TypeVar("T")

GOALS = (
    Goal("Bought", event="buy"),
    Goal("Signed up", event="signup"),
    Goal("Read docs", page="/docs/**"),
    Goal("Seen by few", page="/page/19"),
)
BALANCED, STRICT = SiteRules(5, 30, "balanced"), SiteRules(10, 30, "strict", strict=True)
ACCURATE, ONE = SiteRules(2, 30, "accurate"), SiteRules(1, 30, "accurate")


class Case(Struct, frozen=True):
    """A site, and how many visitors come on each of its days. Far ahead, so that no TTL takes the rows meanwhile."""

    site: Site
    rules: SiteRules
    days: dict[dt.date, int]


# The clock is put back on the first case's second day, forward on that of the strict one, by half an hour in Lord Howe.
RELEASED = (
    Case(
        Site("frozen-balanced", timezone="Europe/Berlin", goals=GOALS),
        BALANCED,
        {dt.date(2042, 10, 25): 600, dt.date(2042, 10, 26): 250},
    ),
    Case(Site("frozen-strict", timezone="America/New_York", goals=GOALS), STRICT, {dt.date(2042, 3, 9): 400}),
    Case(Site("frozen-accurate", timezone="Australia/Lord_Howe", goals=GOALS), ACCURATE, {dt.date(2042, 4, 6): 150}),
    Case(Site("frozen-one", goals=GOALS), ONE, {dt.date(2042, 5, 31): 120, dt.date(2042, 6, 1): 40}),
    Case(Site("frozen-small", timezone="Asia/Kolkata"), BALANCED, {dt.date(2042, 7, 1): 30}),
    Case(Site("frozen-too-small"), BALANCED, {dt.date(2042, 7, 1): 3}),
)
ERASED = Case(Site("frozen-erased", goals=GOALS), BALANCED, {dt.date(2042, 8, 5): 120})
IMPORTED = Case(Site("frozen-imported", goals=GOALS), BALANCED, {dt.date(2042, 2, 27): 90, dt.date(2042, 3, 1): 60})
OPEN = (
    Case(Site("frozen-open", timezone="Europe/Berlin", goals=GOALS), BALANCED, {dt.date(2042, 9, 9): 300}),
    Case(Site("frozen-open-strict", goals=GOALS), STRICT, {dt.date(2042, 9, 9): 200}),
    Case(Site("frozen-open-one", goals=GOALS), ONE, {dt.date(2042, 9, 9): 50}),
)
CASES = (*RELEASED, ERASED, IMPORTED, *OPEN)

_PAGES = (
    *("/", "/pricing", "/docs/start", "/docs/how/deep", "/blog", "/(other)", "(other)", "/ü/é?", "/a\tb", "/o'clock"),
    *(f"/page/{number}" for number in range(20)),
)
_HOSTS = ("example.com", "shop.example.com", "docs.example.com", "staging.example.com")
_SOURCES = (
    *(("", "", "Direct"), ("Google", "google.com", "Organic Search"), ("Bing", "bing.com", "Organic Search")),
    *(("news.example", "news.example", "Referral"), ("Mastodon", "mastodon.social", "Organic Social")),
    *((f"blog-{number}.example", f"blog-{number}.example", "Referral") for number in range(12)),
)
_CAMPAIGNS = (
    *([("", "", "", "", "")] * 6),
    ("letter", "email", "spring", "tulip", "top"),
    *(("ads", "cpc", f"sale-{number}", f"term-{number % 3}", "") for number in range(8)),
)
_PLACES = (
    *(("DE", "DE-BE"), ("DE", "DE-BY"), ("FR", "FR-75"), ("AT", "AT-9"), ("", ""), ("US", "US-CA"), ("CH", "CH-ZH")),
    *(("JP", f"JP-{number:02d}") for number in range(9)),
)
_BROWSERS = ("Chrome", "Firefox", "Safari", "Edge", "Samsung Internet", "Opera", "Lynx", "")
_SYSTEMS = ("Windows", "Android", "iOS", "macOS", "Linux", "", "Haiku")
_SCREENS = ("XL", "XS", "L", "M", "S", "")
_LANGUAGES = ("de", "en", "fr", "ja", "", "pl", "it", "sv")
_MONEY = (("EUR", 1999), ("EUR", 500), ("USD", 2500), ("JPY", 12_000), ("EUR", -500), ("", 0), ("KWD", 1234))


class _Chance:
    """Numbers from a seed. Of Python's generator only what it promises to give in every version."""

    def __init__(self, seed: str) -> None:
        self._random = random.Random(seed).random

    def below(self, limit: int) -> int:
        return int(self._random() * limit)

    def of(self, share: float) -> bool:
        return self._random() < share

    def one(self, values: tuple[T, ...], skew: int = 3) -> T:
        """The first ones often, the last ones rarely."""
        return values[int(len(values) * self._random() ** skew)]


def events_of(case: Case, day: dt.date) -> list[Event]:
    """What came on that day, in the order of arrival."""
    chance = _Chance(f"{case.site.key} {day}")
    bounds = day_bounds(case.site.timezone, day_number(day))
    found = []
    for number in range(case.days[day]):
        found += _of_visitor(chance, case.site.key, day, bounds.start, bounds.end, number)
    # About in the order of receipt: two hosts send theirs a little apart. So ties of a second do not arrive sorted.
    arrived = sorted((event.received + chance.below(40), place) for place, event in enumerate(found))
    found = [found[place] for _, place in arrived]
    # What was sent again comes later, some of it under another visitor's number.
    again = [event for event in found if event.id and chance.of(0.4)]
    for place, event in enumerate(again):
        given: dict[str, Any] = {name: getattr(event, name) for name in Event.__struct_fields__}
        given |= {
            "visitor": event.visitor + (place % 3 == 0),
            "received": max(event.received - place % 5, bounds.start),
        }
        found.append(Event(**given))
    return found


def _of_visitor(chance: _Chance, site: str, day: dt.date, start: int, end: int, number: int) -> list[Event]:
    visitor = 2**63 + number * 7_919_000_000_007 if number % 2 else number * 104_729 + 1
    country, region = chance.one(_PLACES)
    common: dict[str, Any] = {
        "visitor": visitor,
        "country": country,
        "region": region,
        "city": region.lower(),
        # Of one device there is a single visitor, who is rare alone.
        "device": "tv" if number == 7 else chance.one(("desktop", "mobile", "tablet"), 2),
        "browser": chance.one(_BROWSERS),
        "os": chance.one(_SYSTEMS),
        "screen": chance.one(_SCREENS),
        "language": chance.one(_LANGUAGES),
    }
    at = start if number % 40 == 3 else start + chance.below(end - start)
    found: list[Event] = []
    for _ in range(1 + chance.below(4) // 2):
        source, referrer, channel = chance.one(_SOURCES)
        names = ("utm_source", "utm_medium", "utm_campaign", "utm_term", "utm_content")
        came = {"source": source, "referrer": referrer, "channel": channel}
        came |= dict(zip(names, chance.one(_CAMPAIGNS, 2), strict=True))
        for step in range(1 + chance.below(1 + chance.below(7))):
            if at >= end:
                return found
            # Only the first event's source counts.
            given = common | (came if step == 0 or chance.of(0.5) else {}) | {"hostname": chance.one(_HOSTS, 4)}
            given["path"] = chance.one(_PAGES)
            given["id"] = visitor * 31 % 2**63 + step + 1 if chance.of(0.15) else 0
            if number % 23 != 5:  # of some nothing but reports arrives
                found.append(make_event(site, at, day, **given))
            for event in _on_page(chance, site, at, day, given):
                if event.received < end:
                    found.append(event)
                    at = max(at, event.received)
            at += chance.below(3) * chance.below(400)
        # The next visit, or the same one gone on with after half an hour to the second.
        at += 1800 + chance.below(3) * chance.below(4000)
    return found


def _on_page(chance: _Chance, site: str, at: int, day: dt.date, given: dict[str, Any]) -> list[Event]:
    """What else is sent from a page."""
    found: list[Event] = []
    given = given | {"id": 0}
    if chance.of(0.12):
        currency, amount = chance.one(_MONEY, 2)
        bought = {"name": "buy", "currency": currency, "amount": amount}
        found.append(make_event(site, at + chance.below(2), day, **(given | bought)))
    if chance.of(0.06):
        named = {"name": chance.one(("signup", "play", PAGEVIEW, "(other)", "rare", "rarer"), 2)}
        found.append(make_event(site, at + 1, day, **(given | named | {"interactive": chance.of(0.5)})))
    if chance.of(0.5):
        left: dict[str, Any] = {"name": ENGAGEMENT, "engaged_ms": chance.below(90_000), "scroll": chance.below(101)}
        if chance.of(0.6):
            lcp, inp = 400.0 + chance.below(5000), 8.0 * chance.below(90)
            left |= {"lcp": lcp, "inp": inp, "cls": chance.below(400) / 1000, "fcp": lcp / 2}
        if chance.of(0.3):
            left["ttfb"] = float(chance.below(2500))
        found.append(make_event(site, at + chance.below(120), day, **(given | left)))
    return found
